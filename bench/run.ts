/**
 * Measures Troupe beside what one would use instead, on the same workloads: fresh process per sample, candidates in rotating
 * order, every result checked, ranked by processor time.
 *
 *     npm run bench                        all workloads, five rounds, writes bench/RESULTS.md
 *     npm run bench -- --peers             with the peers that need an installation of their own
 *     npm run bench -- --quick --json      one round, under two minutes, one JSON value on stdout
 *     npm run bench -- --durable           runs in a file, beside the durable peers: see durable.ts
 *     npm run bench -- --long-lives        stores with a long past: see long-lives.ts
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg, totalmem } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { figures } from "./figures.ts"

// other benches behind the same command; each ends the process
if (process.argv.includes("--durable")) await import("./durable.ts")
if (process.argv.includes("--long-lives")) {
  await import("./long-lives.ts")
  process.exit(0)
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    workloads: { type: "string" },
    cases: { type: "string" }
  }
})
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5))
const budgetMs = options.quick ? 500 : 1_200
const timeoutMs = 60_000

interface Sample {
  readonly cpuMs: number
  readonly wallMs: number
  readonly repeats: number
  readonly rssMb: number
}

const { workloads } = (await import("./workloads.mjs" as string)) as {
  workloads: Record<string, { readonly units: number }>
}
const own = ["plain", "effect", "xstate", "xstate-lean", "effect-workflow", "troupe"].map(
  (name) => [name, here(`candidates/${name}.mjs`)] as const
)
const others = options.peers
  ? readdirSync(here("peers/candidates")).map(
      (file) => [file.replace(".mjs", ""), here(`peers/candidates/${file}`)] as const
    )
  : []
const wanted = options.only?.split(",")
const candidates = [...own, ...others].filter(([name]) => wanted === undefined || wanted.includes(name))
const names = options.workloads?.split(",") ?? Object.keys(workloads)

if (options.peers && !existsSync(here("peers/node_modules"))) {
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], {
    cwd: here("peers"),
    stdio: ["ignore", 2, 2]
  })
  if (status !== 0) {
    console.error("bench: the peers could not be installed; without --peers they are not needed")
    process.exit(1)
  }
}

const sample = (path: string, workload: string): Promise<Sample | { readonly why: string }> =>
  new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ["--expose-gc", "--no-warnings", here("sample.mjs"), path, workload, String(budgetMs)],
      { stdio: ["ignore", "pipe", "pipe"] }
    )
    let out = ""
    let err = ""
    child.stdout.on("data", (chunk) => (out += chunk))
    child.stderr.on("data", (chunk) => (err += chunk))
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      if (signal !== null) return resolve({ why: `over ${timeoutMs / 1_000} s` })
      if (code !== 0) return resolve({ why: err.match(/Error: .*/)?.[0] ?? `exit ${code}` })
      const answer = JSON.parse(out.trim().split("\n").at(-1)!)
      resolve(answer.skipped === true ? { why: "" } : answer)
    })
  })

const results = new Map<string, Map<string, { samples: Array<Sample>; why: string }>>()
const loadBefore = loadavg()[0]!
for (let round = 0; round < rounds; round++) {
  for (const workload of names) {
    for (let i = 0; i < candidates.length; i++) {
      const [name, path] = candidates[(i + round) % candidates.length]!
      const row = results.get(workload) ?? new Map()
      results.set(workload, row)
      const cell = row.get(name) ?? { samples: [], why: "" }
      row.set(name, cell)
      if (cell.why !== "" || (round > 0 && cell.samples.length === 0)) continue
      const got = await sample(path, workload)
      if ("why" in got) cell.why = got.why
      else cell.samples.push(got)
      if (!options.json) process.stderr.write(`\r\u001b[2Kround ${round + 1} of ${rounds}: ${workload} ${name}`)
    }
  }
}
if (!options.json) process.stderr.write("\r\u001b[2K")

const median = (xs: ReadonlyArray<number>) => [...xs].sort((a, b) => a - b)[Math.floor(xs.length / 2)]!
const medianOf = ({ samples }: { samples: ReadonlyArray<Sample> }) => median(samples.map(({ cpuMs }) => cpuMs))

if (options.json) {
  const round2 = (x: number) => Math.round(x * 100) / 100
  const value = Object.fromEntries(
    [...results].map(([workload, row]) => [
      workload,
      Object.fromEntries(
        [...row].flatMap(([name, cell]) =>
          cell.samples.length === 0
            ? []
            : [
                [
                  name,
                  {
                    medianMs: round2(medianOf(cell)),
                    runs: cell.samples.reduce((sum, { repeats }) => sum + repeats, 0)
                  }
                ]
              ]
        )
      )
    ])
  )
  console.log(JSON.stringify(value))
  process.exit(0)
}

const version = (name: string) => JSON.parse(readFileSync(here(`../node_modules/${name}/package.json`), "utf8")).version
const f = (x: number) =>
  x >= 1_000 ? Math.round(x).toLocaleString("en") : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2)
const table = (workload: string): string => {
  const row = results.get(workload)!
  const { units } = workloads[workload]!
  const timed = [...row].filter(([, cell]) => cell.samples.length > 0).sort(([, a], [, b]) => medianOf(a) - medianOf(b))
  const base = row.get("xstate")
  const lines = timed.map(([name, cell]) => {
    const ms = medianOf(cell)
    const all = cell.samples.map(({ cpuMs }) => cpuMs)
    return `| ${name === "troupe" ? "**troupe**" : name} | ${f(ms)} | ${f(Math.min(...all))}–${f(Math.max(...all))} | ${f((ms * 1_000) / units)} | ${base === undefined || base.samples.length === 0 ? "" : f(ms / medianOf(base))} | ${f(median(cell.samples.map(({ wallMs }) => wallMs)))} | ${Math.max(...cell.samples.map(({ rssMb }) => rssMb))} |`
  })
  const missing = [...row]
    .filter(([, cell]) => cell.samples.length === 0 && cell.why !== "")
    .map(([name, { why }]) => `| ${name} | ${why} | | | | | |`)
  return [
    `### ${workload}`,
    "",
    "| candidate | CPU ms | min–max | µs a task | × xstate | wall ms | RSS MB |",
    "|---|---|---|---|---|---|---|",
    ...lines,
    ...missing,
    ""
  ].join("\n")
}

const measured = options.quick ? "" : await figures(options.cases)
const report = `# Results

Measured ${new Date().toISOString().slice(0, 10)} on ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch},
Node ${process.version}; xstate ${version("xstate")}, effect ${version("effect")}. ${rounds} round${rounds === 1 ? "" : "s"}; load average ${loadBefore.toFixed(1)} before, ${loadavg()[0]!.toFixed(1)} after.
Processor time of all threads, building and running together; median over rounds of the median of a process. \`npm run bench${options.peers ? " -- --peers" : ""}\` measures again.

What each candidate does, and does not, is written at the head of its file in \`bench/candidates\` and \`bench/peers/candidates\`:
\`plain\`, \`effect\`, \`xstate\`, \`xstate-lean\`, \`p-graph\` and \`p-queue\` keep no state of a task, write no history and can neither pause nor resume.

${names.map(table).join("\n")}
${measured}`
writeFileSync(here("RESULTS.md"), report)
console.log(report)
