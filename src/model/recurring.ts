/** A schedule as data: which workflow with which input, when, and what becomes of firings that are late or in each other's way. */
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption } from "./errors.ts"
import { type FiringPolicy, type MissedPolicy, missedPolicies, type OverlapPolicy, overlapPolicies } from "./firing.ts"
import { isPlainRecord, type Json } from "./json.ts"
import { limits } from "./limits.ts"
import { type Timetable, type TimetableOptions, timetableOf } from "./timetable.ts"

export interface ScheduleOptions extends TimetableOptions {
  /**
   * What becomes of firings that were due while nobody had the store, or while the clock jumped: none of them begins (`skip`), the
   * last one does if none has come since (`last`, the default), or all do, the newest `waitingMax` of them (`all`).
   */
  readonly missed?: MissedPolicy
  /** How late a firing may be looked at and still not count as missed; default a minute. */
  readonly lateAfter?: Duration
  /**
   * What becomes of a firing while `maxActive` runs of the schedule are under way: it never begins (`skip`, the default), waits
   * (`queue`), or the oldest run is cancelled for it (`replace`). With `allow` there is no such bound.
   */
  readonly overlap?: OverlapPolicy
  /** Runs of the schedule that are under way at once; default 1. */
  readonly maxActive?: number
  /** Firings that wait for their turn, at most; default 100. One more never begins, and is shown as `full`. */
  readonly waitingMax?: number
  /** Runs begin up to so much later, by a chance that depends on nothing but the schedule and the time; default 0. */
  readonly jitter?: Duration
  /** The field of the input that gets the time at which the firing is due, as a text; none by default. */
  readonly dueAs?: string
}

/** Every setting decided. */
export interface RecurringRule {
  readonly timetable: Timetable
  readonly policy: FiringPolicy
  readonly dueAs?: string
}

/** Checks everything; throws `InvalidOption`. */
export const recurringRule = (options: ScheduleOptions): RecurringRule => {
  const {
    missed = "last",
    lateAfter = 60_000,
    overlap = "skip",
    maxActive,
    waitingMax = 100,
    jitter = 0,
    dueAs
  } = options
  known("missed", missed, missedPolicies)
  known("overlap", overlap, overlapPolicies)
  if (maxActive !== undefined && overlap === "allow")
    throw new InvalidOption({
      option: "maxActive",
      value: maxActive,
      allowed: "none with overlap 'allow', which has no bound"
    })
  return {
    timetable: timetableOf(options),
    policy: {
      missed,
      lateAfterMs: milliseconds(lateAfter, "lateAfter"),
      overlap,
      maxActive: overlap === "allow" ? Number.MAX_SAFE_INTEGER : count("maxActive", maxActive ?? 1),
      waitingMax: count("waitingMax", waitingMax),
      jitterMs: milliseconds(jitter, "jitter")
    },
    ...(dueAs === undefined ? {} : { dueAs: fieldOf(dueAs) })
  }
}

/** What a firing is given. */
export const inputOf = (input: Json, dueAs: string | undefined, due: number): Json =>
  dueAs === undefined ? input : { ...(input as { readonly [key: string]: Json }), [dueAs]: new Date(due).toISOString() }

/** An input that takes the time of a firing has fields. */
export const requireFields = (input: Json, dueAs: string | undefined): void => {
  if (dueAs !== undefined && !isPlainRecord(input))
    throw new InvalidOption({ option: "dueAs", value: dueAs, allowed: "a field only where the input is an object" })
}

const known = (option: string, value: string, allowed: ReadonlyArray<string>): void => {
  if (!allowed.includes(value)) throw new InvalidOption({ option, value, allowed: allowed.join(", ") })
}

const count = (option: string, value: number): number => {
  if (Number.isInteger(value) && value >= 1 && value <= limits.firings) return value
  throw new InvalidOption({ option, value, allowed: `a whole number from 1 to ${limits.firings.toLocaleString("en")}` })
}

const fieldOf = (dueAs: string): string => {
  if (typeof dueAs === "string" && /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(dueAs) && dueAs !== "__proto__") return dueAs
  throw new InvalidOption({ option: "dueAs", value: dueAs, allowed: "the name of a field of the input" })
}
