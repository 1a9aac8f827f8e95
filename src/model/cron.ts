/**
 * Cron entries: five fields, or six with seconds first, on the wall of a zone. What they may say is `effect/Cron`'s; when they fire
 * while clocks change is decided here, as G20 promises. Never asks what time it is.
 *
 * An entry that names its hours fires once for each wall time that it names: where the wall leaves it out, at the moment at which it
 * does; where the wall shows it twice, the first time. An entry for every hour fires whenever the wall shows what it names.
 */
import * as Cron from "effect/Cron"
import * as Result from "effect/Result"
import { InvalidOption } from "./errors.ts"
import { instantOf, requireZone, stretchAt, wallAt } from "./zone.ts"

export interface CronRule {
  /** As it was written. */
  readonly cron: string
  readonly zone: string
  readonly isHourly: boolean
  readonly seconds: ReadonlyArray<number>
  readonly minutes: ReadonlyArray<number>
  readonly hours: ReadonlyArray<number>
  readonly months: ReadonlySet<number>
  /** Whether it fires on a day: of the month, and of the week from Sunday. */
  readonly isDay: (ofMonth: number, ofWeek: number) => boolean
}

const secondMs = 1_000
const dayMs = 86_400_000
/** An entry that names no day in so many years never does: leap days that fall on one day of the week are 40 years apart at most. */
const longestYears = 100

/** Reads an entry; refuses what is none, and what never fires. */
export const cronRule = (cron: unknown, zone: unknown = "UTC", at = { cron: "cron", zone: "zone" }): CronRule => {
  const rule = read(cron, requireZone(zone, at.zone), at.cron)
  if (nextWall(rule, 0, longestYears * 366 * dayMs) === undefined)
    throw new InvalidOption({
      option: at.cron,
      value: cron,
      allowed: "an entry that fires some day; this one names a day that no month has"
    })
  return rule
}

/**
 * When it fires first after an instant; undefined where it does not in a hundred years.
 *
 * ```ts check
 * const oslo = cronRule("30 2 * * *", "Europe/Oslo")
 * new Date(nextFiring(oslo, Date.UTC(2026, 2, 28, 12))!).toISOString() // => "2026-03-29T01:00:00.000Z"
 * ```
 */
export const nextFiring = (rule: CronRule, after: number): number | undefined =>
  rule.isHourly ? nextShown(rule, after) : nextNamed(rule, after)

/** The first wall time that it names whose instant is later. */
const nextNamed = (rule: CronRule, after: number): number | undefined => {
  const start = secondOf(wallAt(rule.zone, after))
  const end = start + longestYears * 366 * dayMs
  for (let wall = nextWall(rule, start, end); wall !== undefined; wall = nextWall(rule, wall + secondMs, end)) {
    const at = instantOf(rule.zone, wall)
    if (at > after) return at
  }
  return undefined
}

/** The first instant at which the wall shows what it names. */
const nextShown = (rule: CronRule, after: number): number | undefined => {
  const end = after + longestYears * 366 * dayMs
  let at = secondOf(after) + secondMs
  while (at < end) {
    const { to, offset } = stretchAt(rule.zone, at)
    const wall = nextWall(rule, secondOf(at + offset + secondMs - 1), to + offset)
    if (wall !== undefined) return wall - offset
    at = to
  }
  return undefined
}

/** The first wall time that it names from one on, before another. */
const nextWall = (rule: CronRule, from: number, end: number): number | undefined => {
  let day = Math.floor(from / dayMs) * dayMs
  let time: number | undefined = from - day
  while (day < end) {
    const date = new Date(day)
    if (!rule.months.has(date.getUTCMonth() + 1)) {
      day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
      time = 0
      continue
    }
    const found = rule.isDay(date.getUTCDate(), date.getUTCDay()) ? nextTime(rule, time) : undefined
    if (found !== undefined) return day + found < end ? day + found : undefined
    day += dayMs
    time = 0
  }
  return undefined
}

/** The first time of a day that it names from one on. */
const nextTime = ({ hours, minutes, seconds }: CronRule, from: number): number | undefined => {
  for (const hour of hours) {
    if ((hour + 1) * 3_600_000 <= from) continue
    for (const minute of minutes) {
      const start = hour * 3_600_000 + minute * 60_000
      if (start + 60_000 <= from) continue
      for (const second of seconds) if (start + second * secondMs >= from) return start + second * secondMs
    }
  }
  return undefined
}

const secondOf = (at: number): number => Math.floor(at / secondMs) * secondMs

/** Longer than any entry that people write. */
const longest = 500

const read = (cron: unknown, zone: string, option: string): CronRule => {
  const parsed = typeof cron === "string" && cron.length <= longest ? Cron.parse(cron) : undefined
  if (parsed === undefined || Result.isFailure(parsed)) {
    const why = parsed === undefined ? "" : ` (${parsed.failure.message})`
    throw new InvalidOption({
      option,
      value: cron,
      allowed: `five fields "minute hour day month weekday", or six with seconds first, like "30 2 * * mon-fri"${why}`
    })
  }
  const { seconds, minutes, hours, days, months, weekdays } = parsed.success
  const fields = (cron as string).trim().split(/\s+/)
  // as cron does: where both name something, either will do, unless one of them only thins out a star
  const isEither = !fields.at(-3)!.startsWith("*") && !fields.at(-1)!.startsWith("*")
  return {
    cron: cron as string,
    zone,
    isHourly: hours.size === 0 || hours.size === 24,
    seconds: listOf(seconds, 60),
    minutes: listOf(minutes, 60),
    hours: listOf(hours, 24),
    months: new Set(months.size === 0 ? listOf(months, 13) : months),
    isDay: (ofMonth, ofWeek) => {
      const isOfMonth = days.size === 0 || days.has(ofMonth)
      const isOfWeek = weekdays.size === 0 || weekdays.has(ofWeek)
      return isEither && days.size > 0 && weekdays.size > 0 ? isOfMonth || isOfWeek : isOfMonth && isOfWeek
    }
  }
}

/** What a field names, in order; a star names all. */
const listOf = (values: ReadonlySet<number>, count: number): ReadonlyArray<number> =>
  values.size === 0 ? Array.from({ length: count }, (_, i) => i) : [...values].sort((a, b) => a - b)
