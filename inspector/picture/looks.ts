/** How parts of a run stand at the moment that is looked at: statuses, counts, and the words and numbers beside a name. */
import { type RunView, scopeOf, type TaskView } from "../../src/inspect/view.ts"
import type { TaskStatus } from "../../src/model/messages.ts"
import { ownerOf, type Part } from "./structure.ts"

/** Statuses in the order of bars: what is done first, what is to come last. */
export const statusOrder: ReadonlyArray<TaskStatus> = [
  "succeeded",
  "skipped",
  "failed",
  "cancelled",
  "running",
  "waiting",
  "ready",
  "pending"
]
const place: Readonly<Record<TaskStatus, number>> = Object.fromEntries(statusOrder.map((one, i) => [one, i])) as never

export const isFinal = (status: TaskStatus): boolean =>
  status === "succeeded" || status === "failed" || status === "skipped" || status === "cancelled"

/** How many parts of each scope have which status, in `statusOrder`; only scopes of which something was seen. */
export type Counts = ReadonlyMap<string, Int32Array>

interface Kept {
  readonly counts: Map<string, Int32Array>
  readonly statuses: Map<string, TaskStatus>
  /** Number of the newest change that is counted. */
  changed: number
}
const kept = new WeakMap<ReadonlyMap<string, TaskView>, Kept>()

/** Counts of all scopes. Costs a look at each task, and a sum for each that has changed. */
export const countsOf = ({ tasks }: RunView): Counts => {
  let known = kept.get(tasks)
  if (known === undefined) {
    known = { counts: new Map(), statuses: new Map(), changed: -1 }
    kept.set(tasks, known)
  }
  const { counts, statuses } = known
  const since = known.changed
  let newest = since
  for (const [path, { status, changed }] of tasks) {
    if (changed < since) continue
    if (changed > newest) newest = changed
    const before = statuses.get(path)
    if (before === status || ownerOf(path) !== path) continue
    const scope = scopeOf(path)
    let count = counts.get(scope)
    if (count === undefined) {
      count = new Int32Array(statusOrder.length)
      counts.set(scope, count)
    }
    if (before !== undefined) count[place[before]]!--
    count[place[status]]!++
    statuses.set(path, status)
  }
  known.changed = newest
  return counts
}

/** The status of a part: what was told of it, or what follows from what is inside it. */
export const statusOf = (run: RunView, counts: Counts, path: string): TaskStatus => {
  const told = run.tasks.get(path)?.status
  if (told !== undefined) return told
  const inside = counts.get(path)
  if (inside === undefined) return "pending"
  const has = (status: TaskStatus) => inside[place[status]]! > 0
  if (has("running") || has("ready")) return "running"
  if (has("waiting")) return "waiting"
  if (has("failed")) return "failed"
  if (has("pending")) return "running"
  return has("cancelled") ? "cancelled" : has("succeeded") ? "succeeded" : "skipped"
}

/** Counts of a scope that has so many parts: what was not seen is to come. */
export const countsWith = (counts: Counts, path: string, total: number): Int32Array => {
  const known = Int32Array.from(counts.get(path) ?? new Int32Array(statusOrder.length))
  let sum = 0
  for (const count of known) sum += count
  known[place.pending]! += Math.max(0, total - sum)
  return known
}

/** Since when and until when something was at work; until the moment that is looked at while it still is. */
export const spanOf = (task: TaskView | undefined, now: number): readonly [number, number] | undefined =>
  task?.since === undefined || task.status === "pending"
    ? undefined
    : [task.since, task.endedAt ?? Math.max(now, task.since)]

/** The agent of the last attempt. */
export const agentOf = (task: TaskView | undefined): string | undefined => task?.attempts.at(-1)?.agent

/** Attempts that count. */
export const attemptsOf = (task: TaskView | undefined): number =>
  task === undefined ? 0 : task.attempts.reduce((sum, { isForgotten }) => sum + (isForgotten ? 0 : 1), 0)

/** What a kind is called beside a name; nothing for plain tasks. */
export const kindText: Readonly<Record<Part["kind"], string>> = {
  task: "",
  gate: "gate",
  sleep: "sleep",
  "fan-out": "fan-out",
  workflow: "workflow",
  branch: "branch",
  loop: "loop",
  plan: "planner",
  item: "",
  round: ""
}
