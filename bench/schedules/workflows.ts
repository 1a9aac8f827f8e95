/** Real graphs on so many equal workers: how far plans are from the proven bound, and what lengths that nobody knew before cost. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { criticalPath, type DependencyGraph, dependencyGraph, indegrees } from "../../src/model/dependencies.ts"
import { Dispatcher } from "../../src/model/dispatch.ts"
import { Heap } from "../../src/model/heap.ts"
import { plan } from "../../src/model/plan.ts"
import { diceOf } from "../../src/model/planning/dice.ts"

interface Workflow {
  readonly id: string
  readonly reference: {
    readonly workers: { readonly [workers: string]: { readonly lower: number; readonly gapPct: number } }
  }
  readonly tasks: ReadonlyArray<{
    readonly id: string
    readonly deps: ReadonlyArray<string>
    readonly durationSeconds: number
  }>
}

export interface WorkflowRow {
  readonly workflow: string
  readonly workers: number
  readonly gapPct: number
  readonly referencePct: number
  readonly isValid: boolean
  /** Dispatch by estimates, above dispatch by the true lengths: mean and most over the draws. */
  readonly blindPct: number
  readonly blindMostPct: number
  readonly cpuMs: number
}

/** How often lengths are drawn. */
const draws = 5

export const workflowFigures = (
  folder: string,
  checkSchedule: (
    instance: object,
    schedule: object
  ) => { readonly ok: boolean; readonly errors: ReadonlyArray<string> },
  seed: number,
  say: (text: string) => void
): ReadonlyArray<WorkflowRow> => {
  const rows: Array<WorkflowRow> = []
  say(
    "\n| workflow | workers | gap to the bound, % | reference | unknown lengths, % mean | most | CPU ms of the plan |"
  )
  say("|---|---|---|---|---|---|---|")
  for (const file of readdirSync(folder).sort()) {
    const text = file.endsWith(".gz") ? gunzipSync(readFileSync(join(folder, file))) : readFileSync(join(folder, file))
    const workflow: Workflow = JSON.parse(text.toString("utf8"))
    if (workflow.reference === undefined) continue
    const graph = graphOf(workflow)
    const lengths = Float64Array.from(workflow.tasks, ({ durationSeconds }) => durationSeconds * 1_000)
    for (const [count, reference] of Object.entries(workflow.reference.workers)) {
      const workers = Number(count)
      const before = process.cpuUsage().user
      const made = plan({
        ir: 1,
        name: workflow.id,
        resources: { custom: { P: workers } },
        tasks: workflow.tasks.map(({ deps }, i) => ({
          id: `t${i}`,
          kind: "noop" as const,
          after: deps.map((dep) => `t${graph.index.get(dep)}`),
          estimateMs: lengths[i]!,
          resources: { custom: { P: 1 } }
        }))
      })
      const cpuMs = (process.cpuUsage().user - before) / 1_000
      const answer = checkSchedule(workflow, {
        workers,
        tasks: made.schedule.map(({ startMs }, i) => ({ id: graph.ids[i], start: startMs / 1_000 }))
      })
      if (!answer.ok) process.stderr.write(`${workflow.id} on ${workers}: ${answer.errors[0]}\n`)
      const blind = Array.from({ length: draws }, (_, i) => blindness(graph, lengths, workers, seed * 1_000 + i))
      const row: WorkflowRow = {
        workflow: workflow.id,
        workers,
        isValid: answer.ok,
        gapPct: Math.round((made.makespanMs / 1_000 / reference.lower - 1) * 1e4) / 1e2,
        referencePct: reference.gapPct,
        blindPct: Math.round((blind.reduce((sum, one) => sum + one, 0) / draws) * 1e4) / 1e2,
        blindMostPct: Math.round(Math.max(...blind) * 1e4) / 1e2,
        cpuMs: Math.round(cpuMs)
      }
      rows.push(row)
      say(
        `| ${row.workflow} | ${workers} | ${row.gapPct.toFixed(2)}${row.gapPct > row.referencePct + 0.005 ? " (worse)" : ""} | ${row.referencePct.toFixed(2)} | ${row.blindPct.toFixed(2)} | ${row.blindMostPct.toFixed(2)} | ${row.cpuMs} |`
      )
    }
  }
  return rows
}

const graphOf = ({ tasks }: Workflow): DependencyGraph => {
  const ids = tasks.map(({ id }) => id)
  const index = new Map(ids.map((id, i) => [id, i]))
  return dependencyGraph(
    ids,
    index,
    tasks.map(({ deps }) => deps.map((dep) => index.get(dep)!))
  )
}

/** Each length is off by a log-normal factor (σ 0.3, mean 1): dispatch by what was expected, above dispatch by what is true. */
const blindness = (graph: DependencyGraph, expected: Float64Array, workers: number, seed: number): number => {
  const dice = diceOf(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - dice.next())) * Math.cos(2 * Math.PI * dice.next())
  const sigma = 0.3
  const truth = expected.map((length) => length * Math.exp(sigma * normal() - (sigma * sigma) / 2))
  return dispatched(graph, expected, truth, workers) / dispatched(graph, truth, truth, workers) - 1
}

/** Step by step, as an engine would: whoever is free takes the ready task with the longest way to the end, as it is expected. */
const dispatched = (graph: DependencyGraph, expected: Float64Array, truth: Float64Array, workers: number): number => {
  const { tail } = criticalPath(graph, expected)
  const queue = new Dispatcher({ order: ["critical-path"], agingMs: Number.POSITIVE_INFINITY })
  const waitingFor = indegrees(graph)
  const running = new Heap<{ readonly task: number; readonly end: number }>((a, b) => a.end < b.end)
  let now = 0
  let free = workers
  const arrive = (task: number) =>
    queue.schedule({ id: String(task), pathMs: tail[task]!, estimateMs: expected[task]! }, now)
  for (let task = 0; task < graph.size; task++) if (waitingFor[task] === 0) arrive(task)
  for (;;) {
    while (free > 0) {
      const next = queue.next([], now)
      if (next === undefined) break
      free--
      running.push({ task: Number(next.id), end: now + truth[Number(next.id)]! })
    }
    const over = running.pop()
    if (over === undefined) return now
    now = over.end
    free++
    queue.complete(String(over.task), now)
    for (let k = graph.successorStart[over.task]!; k < graph.successorStart[over.task + 1]!; k++)
      if (--waitingFor[graph.successors[k]!]! === 0) arrive(graph.successors[k]!)
  }
}
