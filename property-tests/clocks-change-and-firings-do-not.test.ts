// G20 against a reference that knows nothing of the implementation: it goes through a year minute by minute and looks at the wall.
import { fc, test as property } from "@fast-check/vitest"
import { describe, expect, test } from "vitest"
import { cronRule, nextFiring } from "../src/model/cron.ts"
import { lastTimesBetween, timesBetween, timesOf } from "../src/model/timetable.ts"

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** What the wall of a zone shows: the text of it sorts as time does. */
const wallOf = (zone: string) => {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit"
  })
  return (at: number): number => {
    const [year, month, day, hour, minute] = format.format(at).match(/\d+/g)!.map(Number) as [
      number,
      number,
      number,
      number,
      number
    ]
    return Date.UTC(year, month - 1, day, hour, minute)
  }
}

/** What each field of an entry allows; null allows everything. */
interface Entry {
  readonly minutes: ReadonlyArray<number>
  readonly hours: ReadonlyArray<number> | null
  readonly days: ReadonlyArray<number> | null
  readonly weekdays: ReadonlyArray<number> | null
}

const textOf = ({ minutes, hours, days, weekdays }: Entry): string =>
  [minutes, hours, days, null, weekdays].map((one) => one?.join(",") ?? "*").join(" ")

const names = ({ minutes, hours, days, weekdays }: Entry, wall: number): boolean => {
  const date = new Date(wall)
  const isDay = days?.includes(date.getUTCDate())
  const isWeekday = weekdays?.includes(date.getUTCDay())
  return (
    minutes.includes(date.getUTCMinutes()) &&
    (hours === null || hours.includes(date.getUTCHours())) &&
    (days !== null && weekdays !== null ? isDay === true || isWeekday === true : isDay !== false && isWeekday !== false)
  )
}

/** Looks at the wall every minute, from one instant up to and with another. */
const reference = (entry: Entry, zone: string, after: number, upTo: number): ReadonlyArray<number> => {
  const wall = wallOf(zone)
  const found: Array<number> = []
  // what the wall has shown in the last days, where it has been put back
  const begin = Math.floor(after / minuteMs) * minuteMs - 3 * dayMs
  let before = wall(begin)
  let highest = before
  for (let at = begin + minuteMs; at <= upTo; at += minuteMs) {
    const now = wall(at)
    const isNew = now > highest
    let fires = names(entry, now) && (entry.hours === null || isNew)
    // the wall was put forward: what it left out is made up for at once, if the entry names its hours
    if (entry.hours !== null)
      for (let left = before + minuteMs; left < now; left += minuteMs)
        if (left > highest && names(entry, left)) fires = true
    if (fires && at > after) found.push(at)
    before = now
    highest = Math.max(highest, now)
  }
  return found
}

const some = (least: number, most: number, maxLength: number) =>
  fc.uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength })
const orAny = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })

/** Entries that look for trouble: most of their hours lie where clocks change. */
const entries: fc.Arbitrary<Entry> = fc.record({
  minutes: fc.oneof(some(0, 59, 4), fc.constantFrom([0], [30], [0, 15, 30, 45], [59], [1])),
  hours: orAny(fc.oneof(some(0, 23, 4), some(0, 4, 3), fc.constantFrom([2], [23], [0]))),
  days: orAny(some(1, 31, 8)),
  weekdays: orAny(some(0, 6, 3))
})

const zones = Intl.supportedValuesOf("timeZone")
/** Zones with changes of half an hour, of a whole day, at midnight, twice a year around Ramadan, in both hemispheres, or none. */
const odd = [
  "Europe/Oslo",
  "America/New_York",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "America/Sao_Paulo",
  "Asia/Beirut",
  "America/Santiago",
  "Pacific/Apia",
  "Pacific/Kwajalein",
  "Antarctica/Troll",
  "America/St_Johns",
  "Asia/Kathmandu",
  "UTC"
]

/** The instants of a year at which a wall is put forward or back, found by looking every hour. */
const changes = (zone: string, year: number): ReadonlyArray<number> => {
  const wall = wallOf(zone)
  const found: Array<number> = []
  for (let at = Date.UTC(year, 0, 1), last = wall(at) - at; at < Date.UTC(year + 1, 0, 1); at += hourMs) {
    const offset = wall(at) - at
    if (offset !== last) found.push(at)
    last = offset
  }
  return found
}

const firings = (entry: Entry, zone: string, after: number, upTo: number) =>
  timesBetween(timesOf({ cron: textOf(entry), zone }), after, upTo, 1_000_000)

describe("G20 cron entries and clocks that change", () => {
  property.prop(
    [
      entries,
      fc.oneof(fc.constantFrom(...odd), fc.constantFrom(...zones)),
      fc.integer({ min: 1973, max: 2037 }),
      fc.nat()
    ],
    { numRuns: 150 }
  )(
    "G20 a firing comes exactly when a look at the wall every minute says so, around every change of clocks",
    (entry, zone, year, pick) => {
      const around = changes(zone, year)
      const at = around.length === 0 ? Date.UTC(year, pick % 12, 1) : around[pick % around.length]!
      const [after, upTo] = [at - 2 * dayMs - (pick % dayMs), at + 2 * dayMs]
      expect(firings(entry, zone, after, upTo)).toEqual(reference(entry, zone, after, upTo))
    }
  )

  property.prop([entries, fc.constantFrom(...odd), fc.integer({ min: 1990, max: 2030 })], { numRuns: 4 })(
    "G20 and through whole years",
    (entry, zone, year) => {
      const [after, upTo] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)]
      expect(firings(entry, zone, after, upTo)).toEqual(reference(entry, zone, after, upTo))
    }
  )

  property.prop(
    [entries, fc.constantFrom(...odd), fc.integer({ min: 2000, max: 2030 }), fc.integer({ min: 1, max: 20 })],
    {
      numRuns: 100
    }
  )("the last firings of a stretch are found without going through the others", (entry, zone, year, most) => {
    const times = timesOf({ cron: textOf(entry), zone })
    const [after, upTo] = [Date.UTC(year, 2, 1), Date.UTC(year, 10, 15, 3, 7)]
    expect(lastTimesBetween(times, after, upTo, most)).toEqual(timesBetween(times, after, upTo, 1_000_000).slice(-most))
  })

  const at = (text: string, zone: string, after: string, count: number) => {
    const rule = cronRule(text, zone)
    const found: Array<string> = []
    for (let last = Date.parse(after); found.length < count; ) {
      last = nextFiring(rule, last)!
      found.push(new Date(last).toISOString().replace(":00.000Z", "Z"))
    }
    return found
  }
  test("G20 an entry in the hour that is left out fires once, at the end of it", () => {
    expect(at("30 2 * * *", "Europe/Oslo", "2026-03-28T12:00Z", 2)).toEqual(["2026-03-29T01:00Z", "2026-03-30T00:30Z"])
    expect(at("0,15,30 2 * * *", "America/New_York", "2026-03-07T12:00Z", 2)).toEqual([
      "2026-03-08T07:00Z",
      "2026-03-09T06:00Z"
    ])
    expect(at("30 2 * * *", "Pacific/Apia", "2011-12-29T13:00Z", 2)).toEqual(["2011-12-30T10:00Z", "2011-12-30T12:30Z"])
  })
  test("G20 an entry in the hour that comes twice fires once, the first time", () => {
    expect(at("30 2 * * *", "Europe/Oslo", "2026-10-24T12:00Z", 2)).toEqual(["2026-10-25T00:30Z", "2026-10-26T01:30Z"])
    expect(at("30 2 * * *", "Europe/Oslo", "2026-10-25T00:30Z", 1)).toEqual(["2026-10-26T01:30Z"])
  })
  test("G20 an entry for every hour, and an interval, go on as time does", () => {
    expect(at("0 * * * *", "Europe/Oslo", "2026-10-24T23:30Z", 3)).toEqual([
      "2026-10-25T00:00Z",
      "2026-10-25T01:00Z",
      "2026-10-25T02:00Z"
    ])
    expect(at("0 * * * *", "Europe/Oslo", "2026-03-29T00:30Z", 2)).toEqual(["2026-03-29T01:00Z", "2026-03-29T02:00Z"])
    const every = timesOf({ everyMs: hourMs })
    expect(timesBetween(every, Date.parse("2026-10-24T23:30Z"), Date.parse("2026-10-25T02:30Z"), 9).length).toBe(3)
  })
  test("G20 an entry that names all hours is one for every hour", () => {
    for (const hours of ["*", "0-23", "*/1"])
      expect(at(`0 ${hours} * * *`, "Europe/Oslo", "2026-10-24T23:30Z", 3)).toEqual([
        "2026-10-25T00:00Z",
        "2026-10-25T01:00Z",
        "2026-10-25T02:00Z"
      ])
  })
  test("a day of the month and a weekday: either will do, unless one only thins out a star", () => {
    // the 13th, or any Friday
    expect(at("0 0 13 * fri", "UTC", "2026-11-01T00:00Z", 3)).toEqual([
      "2026-11-06T00:00Z",
      "2026-11-13T00:00Z",
      "2026-11-20T00:00Z"
    ])
    // Mondays on odd days
    expect(at("0 0 */2 * mon", "UTC", "2026-11-01T00:00Z", 2)).toEqual(["2026-11-09T00:00Z", "2026-11-23T00:00Z"])
  })
  test("leap days, leap years and the sixth field", () => {
    expect(at("0 0 29 2 *", "UTC", "2096-03-01T00:00Z", 1)).toEqual(["2104-02-29T00:00Z"])
    expect(nextFiring(cronRule("*/20 59 23 * * *"), Date.parse("2026-01-01T23:59:20Z"))).toBe(
      Date.parse("2026-01-01T23:59:40Z")
    )
    expect(at("0 9 * * mon-fri", "Asia/Tokyo", "2026-11-20T01:00Z", 1)).toEqual(["2026-11-23T00:00Z"])
  })
})
