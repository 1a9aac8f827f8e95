/** What happened in a row: attempts one by one, what was waited for between them, what was taken back. */
import type { AttemptView, PauseView, RunView, TaskView } from "../../src/inspect/view.ts"
import { spanOf } from "../picture/looks.ts"
import { childrenSeen, nameOf } from "../picture/structure.ts"
import { type Interval, joined } from "./compress.ts"
import type { Row } from "./rows.ts"

export interface Bar {
  /** `attempt`, what was waited for, or the whole of a group. */
  readonly kind: "attempt" | PauseView["for"] | "group"
  readonly from: number
  readonly to: number
  /** Whether it still goes on. */
  readonly isLive: boolean
  readonly outcome: AttemptView["outcome"]
  readonly attempt: number
  readonly agent: string | undefined
  readonly failure: string | undefined
  readonly isForgotten: boolean
  readonly isUndo: boolean
  /** Of what stands in: `~1`, `~wait`. */
  readonly suffix: string
}

const plain = { outcome: undefined, attempt: 0, agent: undefined, failure: undefined, isForgotten: false }

/** The bars of a row, first to last. */
export const barsOf = (run: RunView, row: Row, now: number): ReadonlyArray<Bar> => {
  const bars: Array<Bar> = []
  const add = (task: TaskView | undefined, suffix: string) => {
    if (task === undefined) return
    const isOver = task.endedAt !== undefined || run.endedAt !== undefined
    const end = Math.max(task.endedAt ?? now, task.since ?? 0)
    for (const { for: kind, from, to, dueAt: _ } of task.pauses) {
      const until = to ?? end
      // nobody sees a wait of no length
      if (until - from < 0.5 && to !== undefined) continue
      bars.push({ ...plain, kind, from, to: until, isLive: to === undefined && !isOver, isUndo: task.isUndo, suffix })
    }
    for (const one of task.attempts)
      bars.push({
        kind: "attempt",
        from: one.startedAt,
        to: one.endedAt ?? end,
        isLive: one.endedAt === undefined && !isOver,
        outcome: one.outcome,
        attempt: one.attempt,
        agent: one.agent,
        failure: one.failure === undefined ? undefined : (one.failure.code ?? one.failure.tag),
        isForgotten: one.isForgotten,
        isUndo: task.isUndo,
        suffix
      })
  }
  const own = run.tasks.get(row.path)
  add(own, "")
  for (const path of row.companions) add(run.tasks.get(path), path.slice(path.lastIndexOf("~")))
  if (row.isGroup) {
    const span = groupSpan(run, row.path, now)
    if (span !== undefined)
      bars.push({
        ...plain,
        kind: "group",
        from: span[0],
        to: span[1],
        isLive: run.endedAt === undefined && own?.endedAt === undefined,
        isUndo: false,
        suffix: ""
      })
  }
  return bars.sort((a, b) => a.from - b.from || a.to - b.to)
}

/** From when to when there was something in a group. */
export const groupSpan = (run: RunView, path: string, now: number): Interval | undefined => {
  const own = spanOf(run.tasks.get(path), now)
  if (own !== undefined) return own
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const child of childrenSeen(run, path)) {
    const span = spanOf(run.tasks.get(child), now)
    if (span === undefined) continue
    from = Math.min(from, span[0])
    to = Math.max(to, span[1])
  }
  return from <= to ? [from, to] : undefined
}

interface Kept {
  readonly seq: number
  readonly value: ReadonlyArray<Interval>
}
const busy = new WeakMap<ReadonlyMap<string, TaskView>, Kept>()

/** All whiles in which some attempt was out, and moments at which something began or ended. */
export const busyOf = (run: RunView, now: number, seq: number): ReadonlyArray<Interval> => {
  const before = busy.get(run.tasks)
  if (before?.seq === seq) return before.value
  const all: Array<Interval> = [[run.submittedAt, run.submittedAt]]
  const add = (t: number | undefined) => t !== undefined && all.push([t, t])
  for (const task of run.tasks.values()) {
    for (const { startedAt, endedAt } of task.attempts) all.push([startedAt, endedAt ?? task.endedAt ?? now])
    if (task.attempts.length > 0) continue
    add(task.since)
    add(task.endedAt)
  }
  for (const { t } of run.faults) add(t)
  add(run.endedAt)
  const past = joined(all)
  const latest = run.endedAt === undefined ? run.eta?.[2] : undefined
  const sum = past.reduce((length, [from, to]) => length + to - from, 0)
  // what is to come soon is no idle time; what is days away is
  const value =
    latest !== undefined && latest > now && latest - now <= 2 * sum ? joined([...past, [now, latest]]) : past
  busy.set(run.tasks, { seq, value })
  return value
}

/** How many attempts were out over the time, in so many parts of shown time. */
export const profileOf = (
  tasks: Iterable<TaskView | undefined>,
  now: number,
  parts: number,
  partAt: (t: number) => number
): Float64Array => {
  const change = new Float64Array(parts + 1)
  for (const task of tasks)
    for (const { startedAt, endedAt } of task?.attempts ?? []) {
      const from = partAt(startedAt)
      const to = partAt(endedAt ?? task?.endedAt ?? now)
      if (to < 0 || from >= parts) continue
      // what is shorter than a part counts for its share of it
      const [a, b] = [Math.max(0, from), Math.min(parts, to)]
      const [first, last] = [Math.floor(a), Math.min(parts - 1, Math.floor(b))]
      if (first === last) {
        change[first]! += b - a
        change[first + 1]! -= b - a
      } else {
        change[first]! += first + 1 - a
        change[first + 1]! += a - first
        change[last]! += b - last - 1
        change[last + 1]! -= b - last
      }
    }
  const profile = new Float64Array(parts)
  let sum = 0
  for (let i = 0; i < parts; i++) {
    sum += change[i]!
    profile[i] = Math.max(0, sum)
  }
  return profile
}

/** A bar in words. */
export const barText = (bar: Bar, length: string): string => {
  if (bar.kind === "group") return `whole, ${length}`
  if (bar.kind !== "attempt") return `${waits[bar.kind]}, ${length}${bar.isLive ? " so far" : ""}`
  const what = bar.isUndo ? "taking it back" : bar.suffix === "" ? "attempt" : `stand-in ${nameOf(bar.suffix).slice(1)}`
  const how = bar.outcome ?? (bar.isLive ? "at work" : "ended with the run")
  const parts = [`${what} ${bar.attempt}`, how, `${length}${bar.isLive ? " so far" : ""}`]
  if (bar.agent !== undefined) parts.push(bar.agent)
  if (bar.failure !== undefined) parts.push(bar.failure)
  if (bar.isForgotten) parts.push("counts no more")
  return parts.join(", ")
}

export const waits: Readonly<Record<PauseView["for"], string>> = {
  slot: "waits for a slot",
  backoff: "backs off",
  timer: "waits for a time",
  deadline: "has a deadline",
  answer: "waits for an answer"
}
