/**
 * What a call through a healthy breaker costs:
 *
 *     npm run bench:breaker                       beside those that come along
 *     npm run bench:breaker -- --rivals FOLDER    beside cockatiel and opossum, where FOLDER has them in its node_modules
 *                                                 (default: bench/peers, once `npm run bench -- --peers` has installed them)
 *     npm run bench:breaker -- --rounds 5 --only troupe,cockatiel --json
 *
 * 20,000 calls one after the other of `async () => 1`, each awaited. Every sample in a process of its own, candidates in turn;
 * processor time of all threads, because the machine is shared; the median of a process, then the median over rounds.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { cpus, loadavg } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseArgs } from "node:util"

const { values: options } = parseArgs({
  options: {
    rivals: { type: "string", default: fileURLToPath(new URL("peers", import.meta.url)) },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    one: { type: "string" },
    json: { type: "boolean", default: false }
  }
})

const calls = 20_000
const work = async () => 1
type Run = () => Promise<number>
type Candidate = () => Promise<Run> | Run

const loop =
  (call: () => Promise<number>): Run =>
  async () => {
    let sum = 0
    for (let i = 0; i < calls; i++) sum += await call()
    return sum
  }
const rival = async (name: string): Promise<any> => {
  const path = createRequire(join(resolve(options.rivals), "package.json")).resolve(name)
  return import(pathToFileURL(path).href)
}
const ours = async (policy: object, isHeard = false): Promise<Run> => {
  const { breaker } = await import("troupe/machines")
  const one = breaker(policy)
  let heard = 0
  if (isHeard) one.onCall(() => void heard++)
  return loop(() => one.execute(work))
}
const cockatiel = async (make: (module: any) => object): Promise<Run> => {
  const module = await rival("cockatiel")
  const policy = module.circuitBreaker(module.handleAll, { halfOpenAfter: 10_000, breaker: make(module) })
  return loop(() => policy.execute(work))
}

/** Tasks of one run in memory, each behind a closed breaker or behind none. */
const tasks = async (options: object): Promise<Run> => {
  const { Orchestrator, task, type, workflow } = await import("troupe")
  const one = task("one", { in: type<number>(), out: type<number>(), run: work })
  const flow = workflow("many", type<number>())
    .map("all", one, ($) => $.input as never, options)
    .derive(
      "sum",
      ($) => $.all,
      (all) => all.length
    )
    .returns(($) => $.sum)
  const orchestrator = await Orchestrator.open({ retainRuns: 0 })
  return () => orchestrator.execute(flow as never, calls as never) as Promise<number>
}

const candidates: Record<string, Candidate> = {
  "no breaker": () => loop(work),
  "task of a run in memory": () => tasks({}),
  "task of a run in memory, behind a closed breaker": () => tasks({ breaker: "one" }),
  "troupe, failures in a row": () => ours({ failures: 5, reset: "10s" }),
  "troupe, rate of the last 100 calls": () => ours({ failureRate: 0.5, window: { calls: 100 } }),
  "troupe, rate of the last 10 s": () => ours({ failureRate: 0.5, window: { time: "10s" } }),
  "troupe, all of it, slow calls too": () =>
    ours({ failures: 5, failureRate: 0.5, slowRate: 0.5, slow: "5s", window: { time: "10s" } }),
  "troupe, failures in a row, with stats": () => ours({ failures: 5, reset: "10s", stats: true }),
  "troupe, failures in a row, with a listener": () => ours({ failures: 5, reset: "10s" }, true),
  "cockatiel, failures in a row": () => cockatiel(({ ConsecutiveBreaker }) => new ConsecutiveBreaker(5)),
  "cockatiel, rate of the last 100 calls": () =>
    cockatiel(({ CountBreaker }) => new CountBreaker({ threshold: 0.5, size: 100, minimumNumberOfCalls: 10 })),
  "cockatiel, rate of the last 10 s": () =>
    cockatiel(({ SamplingBreaker }) => new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1 })),
  "opossum, no timeout, with percentiles": async () => {
    const { default: CircuitBreaker } = await rival("opossum")
    const one = new CircuitBreaker(work, { timeout: false })
    return loop(() => one.fire())
  },
  "opossum, no timeout, no percentiles": async () => {
    const { default: CircuitBreaker } = await rival("opossum")
    const one = new CircuitBreaker(work, { timeout: false, rollingPercentilesEnabled: false })
    return loop(() => one.fire())
  },
  "opossum, defaults": async () => {
    const { default: CircuitBreaker } = await rival("opossum")
    const one = new CircuitBreaker(work)
    return loop(() => one.fire())
  },
  "effect, failures in a row": async () => {
    const [Effect, Layer, CircuitBreaker] = await Promise.all([
      import("effect/Effect"),
      import("effect/Layer"),
      import("effect/persistence/CircuitBreaker")
    ])
    const layer = CircuitBreaker.layer({ tripPolicy: CircuitBreaker.consecutive(5), openDuration: "10 seconds" }).pipe(
      Layer.provide(CircuitBreaker.layerStoreMemory())
    )
    const program = Effect.gen(function* () {
      const one = yield* CircuitBreaker.CircuitBreaker
      let sum = 0
      for (let i = 0; i < calls; i++)
        sum += yield* one.execute(
          Effect.promise(() => work()),
          { key: "k" }
        )
      return sum
    })
    return () => Effect.runPromise(Effect.provide(program, layer) as never)
  },
  "our chart as an XState machine, fed every outcome": async () => {
    const { breakerMachine, breakerRule } = await import("troupe/machines")
    const { createActor } = await import("xstate")
    const rule = breakerRule({ failures: 5 })
    const actor = createActor(breakerMachine, { input: { rule, at: 0 } }).start()
    const seen = { calls: 0, failures: 0, slow: 0 }
    return loop(async () => {
      const value = await work()
      actor.send({ type: "call.succeeded", at: 0, period: 1, trial: 0, slow: false, seen })
      return value
    })
  }
}

const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const median = (list: ReadonlyArray<number>) => list.toSorted((a, b) => a - b)[list.length >> 1]!

/** Microseconds a call, in this process. */
const sample = async (name: string): Promise<number> => {
  const run = await candidates[name]!()
  const once = async () => {
    const since = cpuMs()
    const sum = await run()
    if (sum !== calls) throw new RangeError(`${name} gave ${sum} instead of ${calls}`)
    return ((cpuMs() - since) * 1_000) / calls
  }
  // until the compiler has had its say
  for (let i = 0; i < 15; i++) await once()
  const rounds: Array<number> = []
  for (let i = 0; i < 25; i++) rounds.push(await once())
  return median(rounds)
}

if (options.one !== undefined) {
  console.log(JSON.stringify(await sample(options.one)))
  process.exit(0)
}

const hasRivals = (name: string) => existsSync(join(resolve(options.rivals), "node_modules", name))
const wanted = options.only?.split(",")
const names = Object.keys(candidates).filter((name) => {
  const [who] = name.split(/[ ,]/) as [string]
  if (wanted !== undefined && !wanted.includes(who)) return false
  return !["cockatiel", "opossum"].includes(who) || hasRivals(who)
})
const skipped = Object.keys(candidates).filter((name) => wanted === undefined && !names.includes(name))
const found = new Map<string, Array<number>>(names.map((name) => [name, []]))
const before = loadavg()[0]!
for (let round = 0; round < Number(options.rounds); round++)
  for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ["--no-warnings", fileURLToPath(import.meta.url), "--one", name, "--rivals", options.rivals],
      { encoding: "utf8", env: { ...process.env, NODE_ENV: "production" } }
    )
    if (status !== 0) console.error(`${name}: ${stderr.slice(-500)}`)
    else found.get(name)!.push(JSON.parse(stdout.trim()))
  }
const rows = [...found].flatMap(([name, list]) =>
  list.length === 0 ? [] : [{ name, us: median(list), min: Math.min(...list), max: Math.max(...list) }]
)
if (options.json) console.log(JSON.stringify({ load: before, rounds: Number(options.rounds), rows }, null, 2))
else {
  console.log(
    `${cpus().length} × ${cpus()[0]!.model}, Node ${process.version}; load ${before.toFixed(1)} before, ${loadavg()[0]!.toFixed(1)} after\n`
  )
  console.log("| a call through                                    | µs CPU | min–max   |\n| :--- | ---: | ---: |")
  for (const { name, us, min, max } of rows.toSorted((a, b) => a.us - b.us))
    console.log(`| ${name.padEnd(49)} | ${us.toFixed(2).padStart(6)} | ${min.toFixed(2)}–${max.toFixed(2)} |`)
  if (skipped.length > 0) console.log(`\nnot there: ${skipped.join("; ")}. --rivals FOLDER names one that has them`)
}
