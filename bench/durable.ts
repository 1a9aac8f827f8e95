/**
 * The durable bench: every acknowledged step waits for the disk. Each sample has fresh data and a fresh process, candidates take
 * turns in rotating order, every result is checked, the bare limit of the disk is measured in the same run.
 *
 *     npm run bench -- --durable                    Troupe and the limits, ten minutes; writes DURABLE.md and results/durable.json
 *     npm run bench -- --durable --peers            with the peers, an hour (installed under bench/peers; Postgres and Redis by apt)
 *     npm run bench -- --durable --quick            a look at everything in short; prints, writes nothing
 *
 * Options: --rounds 3, --only a,b, --workloads load-1,fan-1000, --state DIR (the disk that is measured), --seconds 4,
 * --wait S (before each sample up to S seconds for a quiet machine), --no-lives (without the long lives).
 */
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type Candidate, ours, peers } from "./durable/candidates.ts"
import { type Facts, report, type Sample } from "./durable/report.ts"
import { cpuOf, type Postgres, serve, sleep, startPostgres, wipe } from "./durable/servers.ts"
import { type Life, lives } from "./long-lives.ts"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const { values: options } = parseArgs({
  options: {
    durable: { type: "boolean" },
    quick: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    workloads: { type: "string" },
    state: { type: "string" },
    seconds: { type: "string" },
    wait: { type: "string" },
    "no-lives": { type: "boolean", default: false }
  }
})
const { quick } = options
const rounds = Number(options.rounds ?? (quick ? 1 : 3))
const seconds = Number(options.seconds ?? (quick ? 1 : 4))
const patienceS = Number(options.wait ?? 0)
const warmMs = quick ? 500 : 2_000
const limitMs = quick ? 60_000 : 240_000
const holdMs = quick ? 20_000 : 120_000
/** What takes longer than this is measured once. */
const onceMs = 45_000
const workloads =
  options.workloads?.split(",") ??
  (quick
    ? ["load-1", "load-10", "load-1000", "fan-200", "store-200", "recover-500", "syncs-1"]
    : ["load-1", "load-10", "load-1000", "fan-1000", "store-2000", "recover-10000", "syncs-1"])
const wanted = options.only?.split(",")
const candidates = [...ours, ...(options.peers ? peers : [])].filter(
  ({ name }) => wanted === undefined || wanted.includes(name)
)
const state = join(options.state ?? tmpdir(), `troupe-bench-${process.pid}`)
mkdirSync(state, { recursive: true })

if (!existsSync(here("../dist/index.js"))) {
  console.error("bench: build first, with npm run build")
  process.exit(1)
}
if (options.peers && !existsSync(here("peers/node_modules/bullmq"))) {
  const install = ["install", "--no-audit", "--no-fund", "--no-package-lock"]
  const { status } = spawnSync("npm", install, { cwd: here("peers"), stdio: ["ignore", 2, 2] })
  if (status !== 0) {
    console.error("bench: the peers could not be installed; without --peers they are not needed")
    process.exit(1)
  }
}

/** What must be ended when somebody stops the bench in the middle. */
const open = new Set<() => unknown>()
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, async () => {
    for (const end of open) await end()
    wipe(state)
    process.exit(130)
  })

let postgres: Promise<Postgres> | undefined
const thePostgres = () => {
  postgres ??= startPostgres(join(state, "postgres"))
  open.add(async () => (await postgres)!.stop())
  return postgres
}

// ── one sample ─────────────────────────────────────────────────────────────────────────────────────

type Answer = Record<string, any>
type OnMark = (name: string, done: number) => void

const start = (
  { path }: Candidate,
  phase: string,
  settings: object,
  under: ReadonlyArray<string> = []
): ChildProcess => {
  const flags = ["--no-warnings", "--max-old-space-size=6000"]
  const [program, ...before] = under
  const child = fork(here("durable/sample.mjs"), [path, phase, JSON.stringify(settings)], {
    ...(program === undefined
      ? { execArgv: flags }
      : { execPath: program, execArgv: [...before, process.execPath, ...flags] }),
    stdio: ["ignore", "ignore", "pipe", "ipc"]
  })
  open.add(() => child.kill("SIGKILL"))
  return child
}

const listen = (child: ChildProcess, onMark: OnMark = () => {}): Promise<Answer> =>
  new Promise((resolve) => {
    let said = ""
    let answer: Answer | undefined
    const timer = setTimeout(() => {
      answer ??= { error: `over ${limitMs / 1_000} s` }
      child.kill("SIGKILL")
    }, limitMs)
    child.stderr!.on("data", (chunk) => {
      said = (said + chunk).slice(-1_500)
    })
    child.on("message", (message: Answer) => {
      if (message.mark !== undefined) {
        onMark(message.mark, message.done)
        child.send("go")
        return
      }
      answer ??= { ...message, heardAt: performance.now() }
      // what failed may still hold on to its servers
      if (message.error !== undefined) child.kill("SIGKILL")
      // whoever holds workflows waits to be killed
      if (message.inside !== undefined) resolve(message)
    })
    child.on("exit", (code, signal) => {
      clearTimeout(timer)
      resolve(answer ?? { error: `exit ${code ?? signal} ${said}` })
    })
  })

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once("exit", () => resolve())
  })

interface Mark {
  readonly cpu: number
  readonly done: number
}

const measure = async (candidate: Candidate, workload: string, dir: string): Promise<Answer> => {
  const [kind, size] = workload.split("-") as [string, string]
  const n = Number(size)
  if (kind === "syncs") return countSyncs(candidate, dir)
  const server = await serve(candidate.server, dir, thePostgres)
  open.add(server.stop)
  const env = { dir, ...server.env }
  const marks: Record<string, Mark> = {}
  const onMark: OnMark = (name, done) => {
    marks[name] = { cpu: cpuOf(server.pids()), done }
  }
  const cpuServer = (per: number) => (marks.end!.cpu - marks.begin!.cpu) / per
  try {
    switch (kind) {
      case "load": {
        const got = await listen(start(candidate, "load", { env, inflight: n, seconds, warmMs }), onMark)
        return got.ok ? { ...got, cpuServer: cpuServer(got.done) } : got
      }
      case "fan": {
        const got = await listen(start(candidate, "fan", { env, n, repeats: quick ? 2 : 5 }), onMark)
        return got.ok ? { ...got, cpuServer: cpuServer(marks.end!.done) } : got
      }
      case "store": {
        server.settle()
        const before = server.bytes()
        const loggedBefore = server.logged()
        const got = await listen(start(candidate, "store", { env, count: n, inflight: 100 }), onMark)
        if (!got.ok) return got
        server.settle()
        const logged = server.logged()
        const steps = 5 * n
        return {
          ...got,
          bytesPerStep: (server.bytes() - before) / steps,
          ...(logged === undefined ? {} : { loggedPerStep: (logged - loggedBefore!) / steps })
        }
      }
      case "recover": {
        const holder = start(candidate, "hold", { env, count: n, inflight: n, patienceMs: holdMs })
        const held = await listen(holder)
        holder.kill("SIGKILL")
        await ended(holder)
        if (!held.ok) return held
        await server.crash()
        const cpuBefore = cpuOf(server.pids())
        const since = performance.now()
        const got = await listen(start(candidate, "recover", { env, count: held.submitted, inflight: n }))
        return got.ok
          ? {
              ...got,
              ms: got.heardAt - since,
              held,
              cpuServer: cpuOf(server.pids()) - cpuBefore,
              again: got.calls[0] + got.calls[1] - (2 * held.submitted - held.calls[0] - held.calls[1])
            }
          : got
      }
      default:
        return { error: `unknown workload '${workload}'` }
    }
  } finally {
    open.delete(server.stop)
    await server.stop()
  }
}

/** How often the disk is asked to sync per workflow, one at a time: the difference between a longer and a shorter run, by strace. */
const countSyncs = async (candidate: Candidate, dir: string): Promise<Answer> => {
  if (spawnSync("strace", ["-V"]).status !== 0) return { error: "strace is not installed" }
  const trace = ["-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range"]
  const run = async (count: number) => {
    const where = join(dir, String(count))
    mkdirSync(where, { recursive: true })
    const file = join(where, "trace")
    const server = await serve(candidate.server, where, thePostgres)
    const settings = { env: { dir: where, ...server.env }, count, inflight: 1 }
    const pids = server.pids()
    const watcher =
      pids.length === 0
        ? undefined
        : spawn("strace", [...trace, "-o", file, ...pids.flatMap((pid) => ["-p", String(pid)])], { stdio: "ignore" })
    if (watcher !== undefined) await sleep(500)
    const got = await listen(
      start(candidate, "store", settings, watcher === undefined ? ["strace", ...trace, "-o", file] : [])
    )
    if (watcher !== undefined) {
      watcher.kill("SIGINT")
      await ended(watcher)
      // Postgres counts commits with a second's delay
      if (candidate.server === "postgres") await sleep(1_200)
    }
    const commits = server.commits()
    await server.stop()
    if (!got.ok) throw new Error(got.error)
    const syncs = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => /\b(fsync|fdatasync|sync_file_range)$/.test(line))
      .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[3]), 0)
    return { syncs, commits }
  }
  const [few, many] = candidate.name === "pg-boss" ? [2, 6] : [20, 70]
  const a = await run(few!)
  const b = await run(many!)
  const per = (x: number, y: number) => (y - x) / (many! - few!)
  return {
    ok: true,
    syncs: per(a.syncs, b.syncs),
    ...(b.commits === undefined ? {} : { commits: per(a.commits!, b.commits) })
  }
}

/** The share of the machine that others use, looked at for half a second; waits a while for a quiet moment if asked to. */
const busy = async (): Promise<number> => {
  const look = () => {
    const fields = readFileSync("/proc/stat", "utf8").split("\n")[0]!.trim().split(/\s+/).slice(1, 9).map(Number)
    return { all: fields.reduce((a, b) => a + b, 0), idle: fields[3]! + fields[4]! }
  }
  for (const end = Date.now() + patienceS * 1_000; ; ) {
    const before = look()
    await sleep(500)
    const after = look()
    const share = 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
    if (share < 0.1 || Date.now() >= end) return Math.round(share * 100) / 100
  }
}

// ── all of them ────────────────────────────────────────────────────────────────────────────────────

const samples: Array<Sample> = []
const tired = new Set<string>()
const loadBefore = loadavg()[0]!
const startedAt = Date.now()
let serial = 0
try {
  for (let round = 0; round < rounds; round++)
    for (const workload of workloads)
      for (let i = 0; i < candidates.length; i++) {
        const candidate = candidates[(i + round) % candidates.length]!
        const cell = `${candidate.name} ${workload}`
        if (tired.has(cell)) continue
        const share = await busy()
        const dir = join(state, `sample-${serial++}`)
        mkdirSync(dir, { recursive: true })
        const since = performance.now()
        let got: Answer
        try {
          got = await measure(candidate, workload, dir)
        } catch (error) {
          got = { error: String(error) }
        }
        wipe(dir)
        open.clear()
        if (postgres !== undefined) open.add(async () => (await postgres)!.stop())
        const tookMs = performance.now() - since
        if (got.ok !== true || tookMs > onceMs || workload.startsWith("syncs")) tired.add(cell)
        const sample = {
          candidate: candidate.name,
          kind: candidate.kind,
          workload,
          round,
          busy: share,
          ...got
        } as Sample
        samples.push(sample)
        const { candidate: _, kind: __, workload: ___, round: ____, held, ...said } = sample as Answer
        console.error(
          `${round + 1}/${rounds} ${workload} ${candidate.name} ${(tookMs / 1_000).toFixed(1)} s ${JSON.stringify(said, (_key, x) => (typeof x === "number" ? Math.round(x * 100) / 100 : x)).slice(0, 400)}`
        )
      }
} finally {
  if (postgres !== undefined) await (await postgres).stop()
}
const life: ReadonlyArray<Life> = options["no-lives"] ? [] : await lives(join(state, "lives"), quick)
const diskOf = (path: string) => {
  const { stdout } = spawnSync("df", ["--output=fstype", path], { encoding: "utf8" })
  return stdout?.trim().split("\n").at(-1) ?? "?"
}
const installed = (path: string): Record<string, string> => {
  const { dependencies = {} } = JSON.parse(readFileSync(here(path), "utf8"))
  return dependencies
}
const said = (program: string, ...args: ReadonlyArray<string>) =>
  spawnSync(program, args, { encoding: "utf8" }).stdout?.trim() ?? ""
const facts: Facts = {
  date: new Date().toISOString().slice(0, 10),
  cpus: `${cpus().length} × ${cpus()[0]?.model ?? "?"}`,
  memoryGib: Math.round(totalmem() / 2 ** 30),
  disk: diskOf(state),
  node: process.version,
  sqlite: process.versions.sqlite ?? "?",
  versions: { ...installed("../package.json"), ...(options.peers ? installed("peers/package.json") : {}) },
  servers: options.peers
    ? [
        said("psql", "--version"),
        said("redis-server", "--version")
          .replace(/ sha=.*/, "")
          .replace(" server v=", " ")
      ]
    : [],
  rounds,
  seconds,
  loadBefore,
  loadAfter: loadavg()[0]!,
  minutes: Math.round((Date.now() - startedAt) / 60_000),
  command: `npm run bench -- ${process.argv.slice(2).join(" ")}`
}
wipe(state)
const text = report(samples, life, facts)
if (!quick) {
  mkdirSync(here("results"), { recursive: true })
  writeFileSync(here("results/durable.json"), `${JSON.stringify({ facts, samples, lives: life }, null, 1)}\n`)
  writeFileSync(here("DURABLE.md"), text)
  spawnSync("biome", ["format", "--write", here("DURABLE.md")])
}
console.log(text)
process.exit(0)
