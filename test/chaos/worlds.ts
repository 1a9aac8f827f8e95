/**
 * Workflows by chance, of all kinds of tasks, in worlds by chance, until so many executions are done:
 *
 *   npm run worlds -- --executions 5000000 [--seed 1] [--report FILE]
 *
 * Ends with 1 and tells the story when a promise was broken. The same seed makes the same workflows and the same worlds.
 */
import { writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as fc from "fast-check"
import { failsAt, fates, flowOfFates } from "../../property-tests/fates.ts"
import { flowOfSaga, sagaCode, sagas } from "../../property-tests/sagas.ts"
import { flowOf, shapes, valueOf } from "../../property-tests/shapes.ts"
import { type ChaosFailure, chaos } from "../../src/chaos/index.ts"
import { type Agent, load, task, type, type Workflow, type WorkflowIR } from "../../src/index.ts"
import type { TaskIR } from "../../src/model/ir.ts"

export interface WorldsReport {
  readonly seed: number
  readonly executions: number
  readonly workflows: number
  readonly lives: number
  readonly crashes: number
  readonly faults: number
  readonly broken: ReadonlyArray<{ readonly workflow: number; readonly text: string }>
  readonly ms: number
  readonly cpuMs: number
  readonly load: readonly [number, number]
}

/** Executions of one workflow. */
const runsOfOne = 250
const tasksMost = 5
/** Most failures that are told. */
const brokenMost = 10

const step = task("step", { in: type<any>(), out: type<number>(), run: async (input) => valueOf(input) })
const plan = task("plan", {
  in: type<any>(),
  out: type<any>(),
  run: () => ({
    tasks: [
      { id: "p", task: "step", input: [1] },
      { id: "q", task: "step", input: { $: "p" } }
    ],
    output: { $: "q" }
  })
})

/** Whoever can do a step: the next one where one fails, a second one where one takes long. */
const agents: ReadonlyArray<Agent> = ["anna", "bert"].map((id) => ({
  id,
  can: ["step"],
  capacity: 2,
  run: async (input) => valueOf(input)
}))

/** The same workflow with limits around its calls, and some of them made by agents; the kit brings tight limits for all names. */
const limited = (ir: WorkflowIR, nth: number): WorkflowIR => ({
  ...ir,
  tasks: ir.tasks.map((one, i): TaskIR => {
    const work = "each" in one ? one.each : one
    if (!("task" in work) || work.task !== "step" || "kind" in work) return one
    const { task: _, ...rest } = work
    const retry = { attempts: 3, baseMs: 2_000, backoff: "fixed" } as const
    const policies = [
      { bulkhead: "bank" },
      { bulkhead: "bank", bulkheadKey: i % 2, rate: "bank" },
      { rate: "bank" },
      { needs: "step", retry },
      { needs: "step", retry, bulkhead: "bank", hedge: { afterMs: 3 } },
      {}
    ]
    const policy = policies[(nth + i) % policies.length]!
    const made = "needs" in policy ? { ...rest, ...policy } : { ...work, ...policy }
    return ("each" in one ? { ...one, each: made } : made) as TaskIR
  })
})

/** The same with breakers on the way of its code, two or one, which open soon. */
const guarded = (ir: WorkflowIR, nth: number): WorkflowIR => ({
  ...ir,
  breakers: Object.fromEntries(
    [0, 1].map((i) => [`b${i}`, { failures: 1 + (nth % 2), resetMs: [20, 200, 3_000][nth % 3]!, factor: 1 }])
  ),
  tasks: ir.tasks.map((task, i) => ("task" in task && !("kind" in task) ? { ...task, breaker: `b${i % 2}` } : task))
})

/** Tasks of all kinds, none of which fails by itself. */
const soundFlow = async (seed: number) => {
  const [shape] = fc.sample(shapes(tasksMost), { numRuns: 1, seed })
  const ir = flowOf(shape!)
  return {
    shape,
    flow: await load(
      seed % 4 === 2 ? guarded(ir, Math.floor(seed / 4)) : seed % 8 === 0 ? limited(ir, Math.floor(seed / 8)) : ir,
      { step, plan }
    )
  }
}

/** Tasks that fail, and may, or have something that stands in for them. */
const failingFlow = async (seed: number) => {
  const [shape] = fc.sample(fates(tasksMost), { numRuns: 1, seed })
  const failing = task("step", {
    in: type<any>(),
    out: type<number>(),
    run: async (input, { task: path }) => {
      if (failsAt(shape!, path)) throw new TypeError(`${path} is down`)
      return valueOf(input)
    }
  })
  return { shape, flow: await load(flowOfFates(shape!, false), { step: failing }) }
}

/** Tasks that can be undone, and pivots; most of these workflows fail. */
const sagaFlow = async (seed: number) => {
  const [shape] = fc.sample(sagas(tasksMost), { numRuns: 1, seed })
  const { code, reset } = sagaCode(shape!)
  return { shape, flow: await load(flowOfSaga(shape!), code), reset }
}

const nothing = () => {}
const drawn = async (nth: number): Promise<{ shape: unknown; flow: Workflow; reset: () => void }> =>
  nth % 4 === 1 ? sagaFlow(nth) : { reset: nothing, ...(await (nth % 2 === 0 ? soundFlow(nth) : failingFlow(nth))) }

export const worlds = async ({
  executions,
  seed,
  onProgress
}: {
  readonly executions: number
  readonly seed: number
  readonly onProgress?: (executions: number) => void
}): Promise<WorldsReport> => {
  const counts = { executions: 0, workflows: 0, lives: 0, crashes: 0, faults: 0 }
  const broken: Array<WorldsReport["broken"][number]> = []
  const since = performance.now()
  const { user, system } = process.cpuUsage()
  const load0 = loadavg()[0]!
  for (let nth = seed * 1_000_000; counts.executions < executions && broken.length < brokenMost; nth++) {
    const { shape, flow, reset } = await drawn(nth)
    counts.workflows++
    try {
      // some come back from snapshots after every message, most from all their messages
      const report = await chaos(flow, {
        input: 1,
        seed: nth,
        runs: runsOfOne,
        reset,
        ...(nth % 8 === 0 ? { agents } : {}),
        snapshotEvery: nth % 3 === 0 ? 1 : 1_000
      })
      for (const key of ["executions", "lives", "crashes", "faults"] as const) counts[key] += report[key]
    } catch (error) {
      counts.executions += (error as ChaosFailure).executions ?? 0
      broken.push({ workflow: nth, text: `${JSON.stringify(shape)}\n${(error as Error).message}` })
    }
    onProgress?.(counts.executions)
  }
  const spent = process.cpuUsage()
  return {
    seed,
    ...counts,
    broken,
    ms: Math.round(performance.now() - since),
    cpuMs: Math.round((spent.user + spent.system - user - system) / 1_000),
    load: [load0, loadavg()[0]!]
  }
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      executions: { type: "string", default: "20000" },
      seed: { type: "string", default: "1" },
      report: { type: "string" }
    }
  })
  let told = 0
  const report = await worlds({
    executions: Number(values.executions),
    seed: Number(values.seed),
    onProgress: (executions) => {
      if (executions < told + 100_000) return
      told = executions
      console.error(`worlds: ${executions}`)
    }
  })
  for (const { workflow, text } of report.broken) console.error(`workflow ${workflow}: ${text}\n`)
  const text = JSON.stringify(report, undefined, 2)
  console.log(text)
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
  process.exitCode = report.broken.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
