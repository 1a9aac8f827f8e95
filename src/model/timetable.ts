/** When something is to begin: by a cron entry, at a fixed rate, or once; from a time on, up to a time. Never asks what time it is. */
import { type CronRule, cronRule, nextFiring } from "./cron.ts"
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption } from "./errors.ts"

/** A moment as people give it: a `Date`, milliseconds since 1970, or a text as in ISO 8601 with its zone. */
export type Moment = Date | number | string

/** When: exactly one of `cron`, `every` and `at`. */
export interface TimetableOptions {
  /** Five fields (minute hour day month weekday), or six with seconds first: `"30 2 * * mon-fri"`. */
  readonly cron?: string
  /** The zone whose clocks a cron entry follows, like `"Europe/Oslo"`; default UTC. */
  readonly zone?: string
  /** At a fixed rate, at least a second: counted from `from`, or, without it, from 1970, so that `"15m"` is on the quarter hours of UTC. */
  readonly every?: Duration
  /** Once. */
  readonly at?: Moment
  /** Not before. */
  readonly from?: Moment
  /** Not after. */
  readonly until?: Moment
}

/** The same as data: what is written, and every setting decided. */
export interface Timetable {
  readonly cron?: string
  readonly zone?: string
  readonly everyMs?: number
  readonly at?: number
  readonly from?: number
  readonly until?: number
}

/** The times of a timetable. */
export interface Times {
  /** The first one after an instant. */
  readonly next: (after: number) => number | undefined
}

/** Times that have four digits of a year. */
const earliest = 0
const latest = Date.UTC(9999, 11, 31)
/** The shortest interval. */
const leastMs = 1_000

/** A moment in milliseconds. `option` names the setting in the error. */
export const instant = (given: Moment, option: string): number => {
  const at =
    given instanceof Date ? given.getTime() : typeof given === "number" ? given : parse(given as unknown as string)
  if (Number.isInteger(at) && at >= earliest && at <= latest) return at
  throw new InvalidOption({
    option,
    value: given instanceof Date ? at : given,
    allowed: 'a moment from 1970 to 9999: a Date, milliseconds since 1970, or a text like "2026-11-20T02:30:00Z"'
  })
}

/** Without its zone a text means another moment on every machine. */
const parse = (text: string): number =>
  typeof text === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN

/** Every setting decided and checked; throws `InvalidOption`. */
export const timetableOf = (options: TimetableOptions): Timetable => {
  const { cron, zone, every, at, from, until } = options
  const given = (["cron", "every", "at"] as const).filter((one) => options[one] !== undefined)
  if (given.length !== 1)
    throw new InvalidOption({
      option: "schedule",
      value: given.length === 0 ? "nothing" : given.join(" and "),
      allowed: "exactly one of cron, every and at"
    })
  if (zone !== undefined && cron === undefined)
    throw new InvalidOption({
      option: "zone",
      value: zone,
      allowed: "a zone with a cron entry; intervals count in UTC"
    })
  const timetable: Timetable = {
    ...(cron === undefined ? {} : { cron: cronRule(cron, zone).cron, zone: zone ?? "UTC" }),
    ...(every === undefined ? {} : { everyMs: interval(every) }),
    ...(at === undefined ? {} : { at: instant(at, "at") }),
    ...(from === undefined ? {} : { from: instant(from, "from") }),
    ...(until === undefined ? {} : { until: instant(until, "until") })
  }
  if (timetable.from !== undefined && timetable.until !== undefined && timetable.from > timetable.until)
    throw new InvalidOption({ option: "from", value: from, allowed: "a moment that is not after 'until'" })
  return timetable
}

const interval = (every: Duration): number => {
  const ms = milliseconds(every, "every")
  if (Number.isInteger(ms) && ms >= leastMs) return ms
  throw new InvalidOption({ option: "every", value: every, allowed: 'whole milliseconds, at least "1s"' })
}

/**
 * The times of a timetable.
 *
 * ```ts check
 * timesOf({ everyMs: 60000 }).next(90000) // => 120000
 * timesOf({ everyMs: 60000, from: 5000, until: 70000 }).next(65000) // => undefined
 * timesOf({ at: 5 }).next(4) // => 5
 * ```
 */
export const timesOf = (timetable: Timetable): Times => {
  const { from = earliest, until = latest } = timetable
  const next = nextOf(timetable)
  return {
    next: (after) => {
      const at = next(Math.max(after, from - 1))
      return at === undefined || at > until ? undefined : at
    }
  }
}

const nextOf = ({ cron, zone, everyMs, at, from = earliest }: Timetable): Times["next"] => {
  if (cron !== undefined) {
    const rule: CronRule = cronRule(cron, zone)
    return (after) => nextFiring(rule, after)
  }
  if (everyMs !== undefined)
    return (after) => (after < from ? from : from + (Math.floor((after - from) / everyMs) + 1) * everyMs)
  return (after) => (at !== undefined && at > after ? at : undefined)
}

/** Times after one instant, up to and with another: the first `most` of them, in order. */
export const timesBetween = ({ next }: Times, after: number, upTo: number, most: number): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let at = next(after); at !== undefined && at <= upTo && found.length < most; at = next(at)) found.push(at)
  return found
}

/** The last `most` of them, in order, without going through all the others. */
export const lastTimesBetween = (times: Times, after: number, upTo: number, most: number): ReadonlyArray<number> => {
  const all = timesBetween(times, after, upTo, most + 1)
  if (all.length <= most) return all
  // between an instant with too many after it and one with too few lies one with as many as are wanted
  let [many, few] = [after, upTo]
  while (few - many > 1) {
    const middle = Math.floor((many + few) / 2)
    const found = timesBetween(times, middle, upTo, most + 1)
    if (found.length === most) return found
    if (found.length > most) many = middle
    else few = middle
  }
  return timesBetween(times, few, upTo, most)
}
