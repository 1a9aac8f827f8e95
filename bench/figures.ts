/** The figures that are not a race: memory, growth, start-up, plans of large graphs. Each is measured in a process of its own. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const measure = (what: string, ...args: ReadonlyArray<string>): Record<string, number> => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--expose-gc", "--no-warnings", here("measure.mjs"), what, ...args],
    { encoding: "utf8" }
  )
  if (status !== 0) throw new Error(`${what}: ${stderr}`)
  return JSON.parse(stdout.trim().split("\n").at(-1)!)
}
const median = (xs: ReadonlyArray<number>) => [...xs].sort((a, b) => a - b)[Math.floor(xs.length / 2)]!
const times = (n: number, f: () => number) => median(Array.from({ length: n }, f))

/** A section of the report. */
export const figures = async (cases: string | undefined): Promise<string> => {
  const inFlight = measure("in-flight")
  const waiting = measure("waiting")
  const fan = measure("fan-memory")
  const small = measure("completion", "1000")
  const large = measure("completion", "100000")
  const importMs = times(7, () => measure("import").ms!)
  const firstMs = times(7, () => measure("first").ms!)
  const cliMs = times(7, () => {
    const start = performance.now()
    spawnSync(process.execPath, [here("../bin/troupe.mjs"), "--version"])
    return performance.now() - start
  })
  const debian = cases === undefined ? undefined : `${cases}/B-workflows/debian-install-68k.json.gz`
  const planned = debian !== undefined && existsSync(debian) ? measure("plan", debian) : undefined
  const commits = cases === undefined ? undefined : `${cases}/B-workflows/commits-tigerbeetle.json.gz`
  const ran = commits !== undefined && existsSync(commits) ? measure("deep", commits) : undefined
  return `## Other figures

| what | figure |
|---|---|
| memory of a task in flight (1,000 of a fan-out at work) | ${inFlight.bytes} bytes |
| memory of a waiting run (10,000 runs asleep) | ${waiting.bytes} bytes |
| fan-out of 100,000: most RSS; RSS after, before | ${fan.peakMb} MB; ${fan.afterMb} MB, ${fan.beforeMb} MB |
| heap after that fan-out, before | ${fan.heapAfterMb} MB, ${fan.heapBeforeMb} MB |
| CPU of one completion in a graph of 1,000 tasks | ${small.us} µs |
| CPU of one completion in a graph of 100,000 tasks | ${large.us} µs |
| cold import of \`troupe\` | ${importMs} ms |
| process start to first result of three tasks | ${firstMs} ms |
| \`troupe --version\` | ${Math.round(cliMs)} ms |
${planned === undefined ? "" : `| \`plan\` of ${planned.tasks} tasks, ${planned.edges} edges on 64 workers, in all from the file on | ${planned.ms} ms, ${planned.rssMb} MB RSS |\n`}${ran === undefined ? "" : `| running ${ran.tasks} tasks, ${ran.depth} deep | ${ran.ms} ms |\n`}`
}
