/** How long a task may wait and work, and when each of its waits is over. Times come with messages; nothing here reads a clock. */
import type { WorkPolicy } from "./ir.ts"

/** The bounds of a task that has any, in milliseconds; infinite where there is none. */
export interface TimeLimits {
  /** From when an attempt could begin until its body is called. */
  readonly startWithinMs: number
  /** The whole task. */
  readonly withinMs: number
  /** From when the first attempt began until the last one may. */
  readonly retryWithinMs: number
}

/** When what happened to a task: times of messages, so a replay finds the same. */
export interface Times {
  /** It could begin. */
  readonly since: number
  /** Its present attempt could begin. */
  readonly readyAt: number
  /** Its first attempt began. */
  readonly startedAt: number
  /** Its present pause is over. */
  readonly resumeAt: number
}

export const timeLimitsOf = ({ startWithinMs, withinMs, retry }: WorkPolicy): TimeLimits | undefined =>
  startWithinMs === undefined && withinMs === undefined && retry?.withinMs === undefined
    ? undefined
    : Object.freeze({
        startWithinMs: startWithinMs ?? Number.POSITIVE_INFINITY,
        withinMs: withinMs ?? Number.POSITIVE_INFINITY,
        retryWithinMs: retry?.withinMs ?? Number.POSITIVE_INFINITY
      })

/** Whether its time runs before its first attempt begins. */
export const isTimedFromReady = (limits: TimeLimits | undefined): boolean =>
  limits !== undefined && (Number.isFinite(limits.startWithinMs) || Number.isFinite(limits.withinMs))

/** When the whole task must be done. */
export const doneBy = ({ withinMs }: TimeLimits, { since }: Times): number => since + withinMs

/** When the last attempt may begin; before the first one there is no such time. */
export const tryBy = ({ retryWithinMs }: TimeLimits, { startedAt }: Times, attempt: number): number =>
  attempt === 0 ? Number.POSITIVE_INFINITY : startedAt + retryWithinMs

/** When an attempt that could begin must have. */
export const startBy = ({ startWithinMs }: TimeLimits, { readyAt }: Times): number => readyAt + startWithinMs
