/**
 * How many worlds a second: `npm run bench:chaos [-- --soak 100]`. Processor time, because the machine is shared; medians of five
 * rounds. The soak runs plans by chance for so many seconds and looks whether the heap grows.
 */
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as fc from "fast-check"
import { Theatre } from "../src/chaos/chaos.ts"
import { planOf, rawPlan } from "../src/chaos/generate.ts"
import { chaos, type Plan } from "../src/chaos/index.ts"
import { task, type, type Workflow, workflow } from "../src/index.ts"

const { values } = parseArgs({ options: { soak: { type: "string", default: "0" }, json: { type: "boolean" } } })

const step = task("step", { in: type<unknown>(), out: type<number>(), retry: { attempts: 3 }, run: async () => 1 })
const flow = (name: string, graph: { readonly [id: string]: string }): Workflow => {
  let made: any = workflow(name, type<number>())
  for (const [id, after] of Object.entries(graph))
    made = made.task(id, step, ($: any) => (after === "" ? $.input : [...after].map((one) => $[one])))
  return made.returns(($: any) => $[Object.keys(graph).at(-1)!])
}
const ten = flow("ten", { a: "", b: "a", c: "a", d: "a", e: "b", f: "bc", g: "d", h: "efg", i: "h", j: "hi" })
const four = flow("four", { a: "", b: "a", c: "a", d: "bc" })

const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const median = (list: ReadonlyArray<number>) => list.toSorted((a, b) => a - b)[list.length >> 1]!

/** Executions per second of processor time. */
const speed = async (made: Workflow, planFor: (nth: number) => Plan): Promise<number> => {
  const world = new Theatre(made, { input: 1 })
  const rounds: Array<number> = []
  for (let round = 0; round < 6; round++) {
    const since = cpuMs()
    for (let nth = 0; nth < 1_000; nth++) await world.perform(1, planFor(nth))
    // the first one is for the compiler
    if (round > 0) rounds.push(1_000 / ((cpuMs() - since) / 1_000))
  }
  return Math.round(median(rounds))
}

const moments = ["before", "written", "synced", "acked"] as const
const crash =
  (writes: number) =>
  (nth: number): Plan => ({ v: 1, seed: nth, faults: [{ on: "crash", write: nth % writes, when: moments[nth % 4]! }] })
const calm = (nth: number): Plan => ({ v: 1, seed: nth, faults: [] })

const report: Record<string, unknown> = { load: loadavg()[0] }
report["ten tasks, nothing wrong, per s"] = await speed(ten, calm)
report["ten tasks, one crash and restart, per s"] = await speed(ten, crash(10))
report["four tasks, nothing wrong, per s"] = await speed(four, calm)
report["four tasks, one crash and restart, per s"] = await speed(four, crash(4))

await chaos(ten, { input: 1, seed: 1 })
const since = { ms: performance.now(), cpu: cpuMs() }
const done = await chaos(ten, { input: 1, seed: 2 })
report["chaos(ten), 1,000 runs: ms"] = Math.round(performance.now() - since.ms)
report["chaos(ten), 1,000 runs: ms of processor"] = Math.round(cpuMs() - since.cpu)

const world = new Theatre(ten, { input: 1 })
const { there } = await world.control(1)
const drawn = cpuMs()
for (const raw of fc.sample(rawPlan(6), { numRuns: 20_000, seed: 1 })) planOf(raw, there, world.families)
const generation = (cpuMs() - drawn) / 20_000
report["generation, µs a plan"] = Math.round(generation * 1_000)
report["generation, % of chaos"] = Number(
  ((100 * generation * done.runs) / (report["chaos(ten), 1,000 runs: ms of processor"] as number)).toFixed(1)
)

const soakMs = Number(values.soak) * 1_000
if (soakMs > 0) {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed / 2 ** 20
  }
  const until = performance.now() + soakMs
  const seen: Array<number> = []
  let executions = 0
  for (let seed = 1; performance.now() < until; seed++) {
    executions += (await chaos(ten, { input: 1, seed, runs: 2_000 })).executions
    seen.push(Number(heap().toFixed(1)))
  }
  report["soak, s"] = Number(values.soak)
  report["soak, executions"] = executions
  report["soak, MB after each 2,000"] = [seen[0], seen[seen.length >> 1], seen.at(-1)]
}
console.log(values.json === true ? JSON.stringify(report, undefined, 2) : report)
