/**
 * What is written of a schedule, and what people are shown of it: under one kind what somebody has decided, which changes rarely and
 * may be large, under another how far it is, which changes with every firing.
 */
import { TroupeError } from "../model/errors.ts"
import { beginsAt, type Fate, type MissedPolicy, type OverlapPolicy, type Progress } from "../model/firing.ts"
import { firingId } from "../model/ids.ts"
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { Cause } from "../model/messages.ts"
import type { RecurringRule } from "../model/recurring.ts"
import { lastTimesBetween, type Times, timesBetween, timesOf } from "../model/timetable.ts"
import type { SharedRecord } from "../storage/journal.ts"

/** The kinds under which journals keep schedules, and how far they are. */
export const kinds = { schedule: "schedule", progress: "firing" } as const

/** Somebody has paused a schedule. */
export interface SchedulePause extends Cause {
  readonly at: number
}

/** What somebody has decided about a schedule, last. */
export interface ScheduleRecord extends Cause {
  readonly name: string
  /** Rises with each decision. */
  readonly revision: number
  readonly at: number
  readonly workflow: string
  readonly hash: string
  readonly ir: WorkflowIR
  readonly input: Json
  readonly rule: RecurringRule
  readonly paused: SchedulePause | undefined
}

/** A firing that has not begun because the store, or the orchestrator, has no room: it is tried again. */
export interface Deferral {
  readonly due: number
  readonly tries: number
  readonly retryAt: number
  readonly code: string
  readonly message: string
}

/** What became of a firing, as people see it. */
export interface FiringOverview extends Omit<Fate, "due" | "at"> {
  readonly due: Date
  readonly at: Date
  readonly run: string
}

/** How a schedule stands. */
export interface ScheduleOverview extends Cause {
  readonly name: string
  /** `ended`: no firing will come any more. */
  readonly state: "active" | "paused" | "ended"
  readonly workflow: string
  readonly revision: number
  readonly cron: string | null
  readonly zone: string | null
  readonly everyMs: number | null
  readonly at: Date | null
  readonly from: Date | null
  readonly until: Date | null
  readonly missed: MissedPolicy
  readonly overlap: OverlapPolicy
  /** Runs under way at once; null where there is no bound. */
  readonly maxActive: number | null
  readonly jitterMs: number
  readonly paused: { readonly at: Date; readonly who?: string; readonly why?: string } | null
  /** When it fires next; null while it is paused, and once it has ended. */
  readonly next: Date | null
  /** Firings that wait for their turn, and from when each may begin. */
  readonly waiting: ReadonlyArray<{ readonly due: Date; readonly from: Date; readonly run: string }>
  /** Runs under way. */
  readonly active: ReadonlyArray<{ readonly due: Date; readonly run: string }>
  /** Firings that could not begin yet, and when they are tried again. */
  readonly deferred: ReadonlyArray<{
    readonly due: Date
    readonly tries: number
    readonly retryAt: Date
    readonly code: string
    readonly message: string
  }>
  /** What became of the last firings, oldest first. */
  readonly recent: ReadonlyArray<FiringOverview>
  readonly counts: { readonly begun: number; readonly passed: number }
}

export const textOfSchedule = (record: ScheduleRecord): string => JSON.stringify({ v: 1, ...record })
export const textOfProgress = (progress: Progress): string => JSON.stringify({ v: 1, ...progress })

/** What was written; undefined for what is none of ours, which is then as good as not there. */
export const scheduleIn = ({ name, state }: SharedRecord): ScheduleRecord | undefined => {
  try {
    const { v, ...given } = JSON.parse(state)
    if (v !== 1 || given.name !== name) return undefined
    // an entry that this version cannot read fires nothing
    timesOf(given.rule.timetable)
    return given as ScheduleRecord
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof TroupeError) return undefined
    throw error
  }
}

export const progressIn = ({ state }: SharedRecord): Progress | undefined => {
  try {
    const { v, ...given } = JSON.parse(state)
    const isOurs =
      v === 1 && Number.isFinite(given.considered) && [given.waiting, given.active, given.recent].every(Array.isArray)
    return isOurs ? (given as Progress) : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

/** The times at which it fires next, at most so many. */
export const nextTimes = (times: Times, { considered }: Progress, now: number, most: number): ReadonlyArray<Date> =>
  timesBetween(times, Math.max(considered, now), Number.MAX_SAFE_INTEGER, most).map((at) => new Date(at))

/** The times of a stretch of the past, and one more than are allowed where there are more. */
export const pastTimes = (times: Times, from: number, to: number, most: number): ReadonlyArray<number> =>
  lastTimesBetween(times, from - 1, to, most + 1)

export const scheduleOverview = (
  { name, revision, workflow, rule, paused, who, why }: ScheduleRecord,
  progress: Progress,
  now: number,
  deferred: ReadonlyArray<Deferral> = []
): ScheduleOverview => {
  const { timetable, policy } = rule
  const times = timesOf(timetable)
  const [next = null] = nextTimes(times, progress, now, 1)
  // what is due at this very moment has not been decided about
  const isOver = times.next(progress.considered) === undefined
  const isBusy = progress.waiting.length > 0 || progress.active.length > 0
  return {
    name,
    state: paused !== undefined ? "paused" : isOver && !isBusy ? "ended" : "active",
    workflow,
    revision,
    cron: timetable.cron ?? null,
    zone: timetable.zone ?? null,
    everyMs: timetable.everyMs ?? null,
    at: dateOf(timetable.at),
    from: dateOf(timetable.from),
    until: dateOf(timetable.until),
    missed: policy.missed,
    overlap: policy.overlap,
    maxActive: policy.overlap === "allow" ? null : policy.maxActive,
    jitterMs: policy.jitterMs,
    paused: paused === undefined ? null : { ...paused, at: new Date(paused.at) },
    next: paused === undefined ? next : null,
    waiting: progress.waiting.map(({ due }) => ({
      due: new Date(due),
      from: new Date(beginsAt(name, policy, due)),
      run: firingId(name, due)
    })),
    active: progress.active.map((due) => ({ due: new Date(due), run: firingId(name, due) })),
    deferred: deferred.map((one) => ({ ...one, due: new Date(one.due), retryAt: new Date(one.retryAt) })),
    recent: progress.recent.map((fate) => ({
      ...fate,
      due: new Date(fate.due),
      at: new Date(fate.at),
      run: firingId(name, fate.due)
    })),
    counts: { begun: progress.begun, passed: progress.passed },
    ...(who === undefined ? {} : { who }),
    ...(why === undefined ? {} : { why })
  }
}

const dateOf = (at: number | undefined): Date | null => (at === undefined ? null : new Date(at))
