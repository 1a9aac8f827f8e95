/**
 * All there is in a small scope: every graph of up to four tasks, every crash, every storage error, every failing attempt, every
 * command and every change of owners at every write; and pairs of families on graphs of up to three tasks. The same of graphs of up to
 * three tasks that can all be undone, and of which the last fails; of their pairs, crashes with commands and with failing attempts.
 *
 *   npm run exhaust -- [--tasks 4] [--pairs 3] [--undo 3] [--undo-pairs 3] [--report FILE]
 *
 * Nothing is left to chance but the order of what happens at the same time, for which each seed stands.
 */
import { writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Theatre } from "../../src/chaos/chaos.ts"
import type { Execution } from "../../src/chaos/execution.ts"
import { crashMoments, type Fault, operations, storageFaults, taskFaults } from "../../src/chaos/plan.ts"
import { type TaskDef, task, type, type Workflow, workflow } from "../../src/index.ts"

/** Pairs of task numbers: the second waits for the first. */
export type Graph = ReadonlyArray<readonly [before: number, after: number]>

/** All graphs of so many tasks that cannot be told apart by renaming tasks: 1, 2, 6, 31. */
export const graphs = (tasks: number): ReadonlyArray<Graph> => {
  const edges = Array.from({ length: tasks }, (_, after) =>
    Array.from({ length: after }, (_, before) => [before, after] as const)
  ).flat()
  const names = permutations(tasks)
  const found = new Map<string, Graph>()
  for (let bits = 0; bits < 2 ** edges.length; bits++) {
    const graph = edges.filter((_, i) => (bits >> i) & 1)
    const key = names.map((name) => keyOf(graph.map(([a, b]) => [name[a]!, name[b]!] as const))).sort()[0]!
    if (!found.has(key)) found.set(key, graph)
  }
  return [...found.values()]
}
const keyOf = (graph: Graph) =>
  graph
    .map(([a, b]) => `${a}>${b}`)
    .sort()
    .join()
const permutations = (count: number): ReadonlyArray<ReadonlyArray<number>> =>
  count === 0
    ? [[]]
    : permutations(count - 1).flatMap((rest) =>
        Array.from({ length: count }, (_, at) => [...rest.slice(0, at), count - 1, ...rest.slice(at)])
      )

const step = task("step", {
  in: type<unknown>(),
  out: type<string>(),
  retry: { attempts: 2, base: 20, jitter: false },
  run: async (input) => `(${JSON.stringify(input)})`
})

const flowOf = (tasks: number, graph: Graph, work: (at: number) => TaskDef = () => step): Workflow => {
  const id = (at: number) => `t${at}`
  let flow: any = workflow(`g${tasks}`, type<null>())
  for (let at = 0; at < tasks; at++) {
    const before = graph.filter(([, after]) => after === at).map(([one]) => one)
    flow = flow.task(id(at), work(at), ($: any) => [at, ...before.map((one) => $[id(one)])])
  }
  return flow.returns(($: any) => Array.from({ length: tasks }, (_, at) => $[id(at)]))
}

/** What it has done is found out in all the ways there are, one a task. */
const outside = new Map<string, string>()
const reserve = (at: number, isLast: boolean) =>
  task(`reserve${at}`, {
    in: type<unknown>(),
    out: type<string>(),
    timeout: "1h",
    run: async (input, { key }) => {
      if (isLast) throw Object.assign(new Error("no seats"), { retryable: false })
      const value = `(${JSON.stringify(input)})`
      outside.set(key, value)
      return value
    },
    undo: [
      { run: async () => {} },
      {
        run: async () => {},
        verify: async (_: unknown, __: unknown, { key }: { readonly key: string }) =>
          outside.has(key) ? { result: outside.get(key)! } : null
      },
      { run: async () => {}, onUnknown: "undo" as const }
    ][at % 3] as { run: () => Promise<void> }
  })

/** The last one waits for those before it, or for none of them: then they are at work when it fails. */
const sagaOf = (tasks: number, graph: Graph): Workflow => flowOf(tasks, graph, (at) => reserve(at, at === tasks - 1))

/** Every fault of every family that can happen in an execution like this one. */
const everything = ({ calls, writes, reads }: Execution) => {
  const each = <T>(count: number, make: (at: number) => ReadonlyArray<T>) =>
    Array.from({ length: count }, (_, at) => make(at)).flat()
  const crash = each<Fault>(writes, (write) =>
    crashMoments.flatMap(
      (when): ReadonlyArray<Fault> =>
        when === "written"
          ? [
              { on: "crash", write, when, tail: "lost" },
              { on: "crash", write, when, tail: "kept" }
            ]
          : [{ on: "crash", write, when }]
    )
  )
  // once, and from then on for a while
  const storage = each<Fault>(writes, (write) =>
    storageFaults.flatMap((how) => [0, 5_000].map((ms): Fault => ({ on: "storage", write, how, ms })))
  )
  const operator = each<Fault>(writes, (write) =>
    operations.flatMap((how) => [0, 3].map((ms): Fault => ({ on: "operator", write, how, ms })))
  )
  const attempt = [...new Set(calls.map(({ task: path }) => path))].flatMap((path) =>
    taskFaults.map((how): Fault => ({ on: "task", task: path, attempt: 1, how, ms: 10 }))
  )
  const owners = each<Fault>(writes, (write) =>
    (["freeze", "second"] as const).flatMap((how) => [2, 30_000].map((ms): Fault => ({ on: "owners", write, how, ms })))
  )
  const read = each<Fault>(reads + 2, (at) => [{ on: "read", read: at }])
  return { crash, storage, operator, attempt, owners, read }
}
type Families = ReturnType<typeof everything>

/** Families that are paired: each of the first with each of the second. */
const pairs: ReadonlyArray<readonly [keyof Families, keyof Families]> = [
  ["crash", "crash"],
  ["crash", "storage"],
  ["crash", "operator"],
  ["crash", "attempt"],
  ["crash", "owners"],
  ["crash", "read"],
  ["owners", "storage"],
  ["owners", "operator"],
  ["operator", "attempt"],
  ["operator", "storage"],
  ["operator", "operator"]
]

const undoPairs = pairs.filter(([one, other]) => one === "crash" && (other === "operator" || other === "attempt"))

export interface ExhaustReport {
  readonly graphs: number
  readonly executions: number
  readonly byFamily: { readonly [family: string]: number }
  readonly violations: ReadonlyArray<{
    readonly graph: string
    readonly seed: number
    readonly faults: ReadonlyArray<Fault>
    readonly what: string
  }>
  readonly ms: number
  readonly cpuMs: number
  readonly load: readonly [number, number]
}

/** With a disk that takes its time, and with one that answers at once. */
const seeds = [0, 1] as const
const violationsMost = 20

export interface Scope {
  /** Most tasks of a graph. */
  readonly tasks: number
  /** Most tasks of a graph on which families are paired. */
  readonly pairsUpTo: number
}

/** Graphs of plain tasks, and of those that can be undone. */
export const exhaust = async (plain: Scope, undone: Scope): Promise<ExhaustReport> => {
  const since = performance.now()
  const before = process.cpuUsage()
  const load = loadavg()[0]!
  const byFamily: Record<string, number> = {}
  const violations: Array<ExhaustReport["violations"][number]> = []
  let executions = 0
  let count = 0
  const all = async (
    name: string,
    { tasks, pairsUpTo }: Scope,
    make: (tasks: number, graph: Graph) => Workflow,
    paired: typeof pairs
  ) => {
    for (let size = 1; size <= tasks; size++)
      for (const graph of graphs(size)) {
        count++
        const world = new Theatre(make(size, graph), { input: null, reset: () => outside.clear() })
        const { control } = await world.control(null)
        const families = everything(control)
        const attempt = async (family: string, seed: number, faults: ReadonlyArray<Fault>): Promise<void> => {
          if (violations.length >= violationsMost) return
          const found = await world.judged(null, { v: 1, seed, faults }, control, false)
          byFamily[name + family] = (byFamily[name + family] ?? 0) + 1
          executions++
          for (const { promise, what } of found.violations)
            violations.push({ graph: `${name}${size}: ${keyOf(graph)}`, seed, faults, what: `${promise}: ${what}` })
        }
        for (const seed of seeds) {
          for (const [family, faults] of Object.entries(families))
            for (const fault of faults) await attempt(family, seed, [fault])
          if (size > pairsUpTo) continue
          for (const [one, other] of paired)
            for (const first of families[one])
              for (const second of families[other]) await attempt(`${one} × ${other}`, seed, [first, second])
        }
      }
  }
  await all("", plain, flowOf, pairs)
  await all("undo: ", undone, sagaOf, undoPairs)
  const spent = process.cpuUsage(before)
  return {
    graphs: count,
    executions,
    byFamily,
    violations,
    ms: Math.round(performance.now() - since),
    cpuMs: Math.round((spent.user + spent.system) / 1_000),
    load: [load, loadavg()[0]!]
  }
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      tasks: { type: "string", default: "4" },
      pairs: { type: "string", default: "3" },
      undo: { type: "string", default: "3" },
      "undo-pairs": { type: "string", default: "3" },
      report: { type: "string" }
    }
  })
  const report = await exhaust(
    { tasks: Number(values.tasks), pairsUpTo: Number(values.pairs) },
    { tasks: Number(values.undo), pairsUpTo: Number(values["undo-pairs"]) }
  )
  const text = JSON.stringify(report, undefined, 2)
  console.log(text)
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
  process.exitCode = report.violations.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
