/**
 * Wall clocks: what the clock on a wall of some zone shows at an instant, and at which instants it shows a time. A wall time is a
 * number of milliseconds, as if the wall hung in UTC. Zones are those that the runtime knows. Never asks what time it is.
 */
import { InvalidOption } from "./errors.ts"

/** A stretch of time in which the wall is away from UTC by the same `offset`: from `from`, up to and without `to`. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly offset: number
}

const dayMs = 86_400_000

/** A zone that the runtime knows, as it was given; anything else is refused. */
export const requireZone = (zone: unknown, option: string): string => {
  if (typeof zone === "string" && zone.length <= 64 && formatOf(zone) !== undefined) return zone
  throw new InvalidOption({
    option,
    value: zone,
    allowed: 'the name of a time zone, like "Europe/Oslo", "America/New_York" or "UTC"'
  })
}

/** The stretch that an instant lies in; it may end with the year although the offset goes on. */
export const stretchAt = (zone: string, at: number): Stretch => {
  const stretches = stretchesOf(zone, new Date(at).getUTCFullYear())
  return stretches.find(({ to }) => at < to) ?? stretches.at(-1)!
}

/** What the wall shows. */
export const wallAt = (zone: string, at: number): number => at + stretchAt(zone, at).offset

/**
 * When the wall first shows a time: where it shows it twice, the first of both; where it leaves it out, the moment at which it does.
 *
 * ```ts check
 * new Date(instantOf("Europe/Oslo", Date.UTC(2026, 2, 29, 2, 30))).toISOString() // => "2026-03-29T01:00:00.000Z"
 * new Date(instantOf("Europe/Oslo", Date.UTC(2026, 9, 25, 2, 30))).toISOString() // => "2026-10-25T00:30:00.000Z"
 * ```
 */
export const instantOf = (zone: string, wall: number): number => {
  // no wall is further away from UTC than a day, so what it shows is shown within a day of that
  let stretch = stretchAt(zone, wall - dayMs)
  while (wall >= stretch.to + stretch.offset) {
    const next = stretchAt(zone, stretch.to)
    if (wall < next.from + next.offset) return next.from
    stretch = next
  }
  return wall - stretch.offset
}

/** Years of zones that are remembered. */
const yearsMost = 2_000
const known = new Map<string, ReadonlyArray<Stretch>>()

const stretchesOf = (zone: string, year: number): ReadonlyArray<Stretch> => {
  const key = `${year} ${zone}`
  const before = known.get(key)
  if (before !== undefined) return before
  const found = lookFor(zone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1))
  if (known.size >= yearsMost) known.clear()
  known.set(key, found)
  return found
}

/** Looks once a day: no zone changes twice between two looks. */
const lookFor = (zone: string, start: number, end: number): ReadonlyArray<Stretch> => {
  const stretches: Array<Stretch> = []
  let from = start
  let offset = offsetAt(zone, start)
  for (let day = start; day < end; day += dayMs) {
    const next = offsetAt(zone, day + dayMs)
    if (next === offset) continue
    const to = changeIn(zone, day, day + dayMs, offset)
    stretches.push({ from, to, offset })
    from = to
    offset = next
  }
  stretches.push({ from, to: end, offset })
  return stretches
}

/** The first instant after `before` with another offset, which `after` has. */
const changeIn = (zone: string, before: number, after: number, offset: number): number => {
  let [same, other] = [before, after]
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2)
    if (offsetAt(zone, middle) === offset) same = middle
    else other = middle
  }
  return other
}

const offsetAt = (zone: string, at: number): number => {
  const second = Math.floor(at / 1_000) * 1_000
  const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
  for (const { type, value } of formatOf(zone)!.formatToParts(second))
    if (type in shown) shown[type as keyof typeof shown] = Number(value)
  const { year, month, day, hour, minute } = shown
  return Date.UTC(year, month - 1, day, hour, minute, shown.second) - second
}

/** Zones whose format is remembered. */
const zonesMost = 1_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** How a wall of the zone shows time; undefined where the runtime knows no such zone. */
const formatOf = (zone: string): Intl.DateTimeFormat | undefined => {
  const before = formats.get(zone)
  if (before !== undefined) return before
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric"
    })
    if (formats.size >= zonesMost) formats.clear()
    formats.set(zone, format)
    return format
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
