/** What people do with one schedule: the Promise face of it. */
import type { Cause } from "../model/messages.ts"
import type { ScheduleOverview } from "./schedule-record.ts"
import type { IfRevision, Past, Schedules } from "./schedules.ts"

/** One schedule, by its name. What is decided about it is written, with who asked and why, when it resolves. */
export interface ScheduleHandle {
  readonly name: string
  /** How it stands. */
  readonly status: () => ScheduleOverview
  /** When it fires next, at most so many times; default 1. */
  readonly next: (most?: number) => ReadonlyArray<Date>
  /** Nothing begins by it until `resume`; what is under way goes on. */
  readonly pause: (asked?: IfRevision) => Promise<ScheduleOverview>
  /** It fires again from now on; what was due while it was paused is not made up for. */
  readonly resume: (asked?: IfRevision) => Promise<ScheduleOverview>
  /** Forgets it; what is under way goes on, what waits for its turn never begins. */
  readonly remove: (asked?: IfRevision) => Promise<void>
  /**
   * The firings of a stretch of the past begin, each in its turn; those that have begun are the same runs. Rejects with
   * `LimitExceeded` for more than 1,000 at once.
   */
  readonly backfill: (past: Past, asked?: IfRevision) => Promise<ScheduleOverview>
}

const nobody: Cause = {}

export const scheduleHandle = (schedules: Schedules, name: string): ScheduleHandle => ({
  name,
  status: () => schedules.status(name),
  next: (most = 1) => schedules.next(name, most),
  pause: async (asked = nobody) => schedules.pause(name, asked),
  resume: async (asked = nobody) => schedules.resume(name, asked),
  remove: async (asked = nobody) => schedules.remove(name, asked),
  backfill: async (past, asked = nobody) => schedules.backfill(name, past, asked)
})
