// Runs that begin by the clock, over restarts, jumps of the clock, people, and a store without room.
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import {
  InvalidOption,
  limits,
  type Orchestrator,
  ScheduleChanged,
  ScheduleUnknown,
  task,
  type,
  workflow
} from "troupe"
import { JournalFull, type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { type Owner, open, StandingClock, settle, standing } from "../clock.ts"

const start = Date.UTC(2023, 10, 14, 22, 13, 20) // where the standing clock stands
const minute = 60_000
const hour = 60 * minute

/** A clock whose wall somebody sets, while durations go on. */
const skewed = () => {
  const time = standing(start)
  const clock = Context.get(time.context, Clock.Clock)
  let skew = 0
  const wall = () => time.now() + skew
  const skewedClock = {
    ...clock,
    currentTimeMillisUnsafe: wall,
    currentTimeMillis: Effect.sync(wall)
  } as Clock.Clock
  return {
    context: Context.make(Clock.Clock, skewedClock) as Context.Context<never>,
    wall,
    set: (ms: number) => {
      skew += ms
    },
    move: async (ms: number) => {
      await time.move(ms)
      await settle()
    }
  }
}

/** A workflow whose runs end when the test says so, by the time they were due. */
const world = async (options: Parameters<StandingClock["open"]>[0] = {}, context?: Context.Context<never>) => {
  const clock = new StandingClock()
  const store = memoryJournal({ isDurable: true })
  const begun: Array<string> = []
  const under = new Map<string, () => void>()
  const work = task("work", {
    in: type<{ readonly due?: string }>(),
    out: type<string>(),
    run: ({ due = "" }, { key, signal }) =>
      new Promise<string>((resolve, reject) => {
        const runId = key.slice(0, key.indexOf("/"))
        begun.push(runId)
        under.set(runId, () => resolve(due))
        signal.addEventListener("abort", () => reject(signal.reason))
      })
  })
  const report = workflow("report", type<{ readonly due?: string }>())
    .task("work", work, ($) => $.input as never)
    .returns(($) => $.work)
  let owner: Owner = await (context === undefined
    ? clock.open({ store, workflows: [report], ...options })
    : open({ store, workflows: [report], ...options }, context))
  return {
    clock,
    store,
    report,
    begun,
    get orchestrator(): Orchestrator {
      return owner.orchestrator
    },
    get engine() {
      return owner.engine
    },
    /** Times at which those runs were due that have begun, in minutes from the start. */
    due: () => begun.map((id) => (Date.parse(id.slice(id.indexOf("@") + 1)) - start) / minute),
    end: async (id: string) => {
      under.get(id)?.()
      under.delete(id)
      await settle()
    },
    endAll: async () => {
      for (const done of under.values()) done()
      under.clear()
      await settle()
    },
    down: () => owner.kill(),
    up: async (more: Parameters<StandingClock["open"]>[0] = {}) => {
      owner = await clock.open({ store, workflows: [report], ...options, ...more })
      await settle()
    }
  }
}

describe("schedules", () => {
  test("G20 a firing begins one run, whose id says which schedule it is of and when it was due", async () => {
    const there = await world()
    const { orchestrator, clock } = there
    const nightly = await orchestrator.schedule("nightly", there.report, {}, { cron: "30 22 * * *", dueAs: "due" })
    expect(nightly.next(2).map((at) => at.toISOString())).toEqual([
      "2023-11-14T22:30:00.000Z",
      "2023-11-15T22:30:00.000Z"
    ])
    await clock.advance(16 * minute)
    expect(there.begun).toEqual([])
    await clock.advance(minute)
    expect(there.begun).toEqual(["nightly@2023-11-14T22:30:00.000Z"])
    await there.endAll()
    const run = await orchestrator.get("nightly@2023-11-14T22:30:00.000Z")
    expect(await run.result()).toBe("2023-11-14T22:30:00.000Z")
    expect(nightly.status()).toMatchObject({
      state: "active",
      active: [],
      waiting: [],
      counts: { begun: 1, passed: 0 }
    })
    await clock.advance(24 * hour)
    expect(there.begun.length).toBe(2)
  })

  test("the times at which nobody was there: none, the last one, or all of them begin", async () => {
    for (const [missed, expected] of [
      ["skip", [390]],
      ["last", [360, 390]],
      ["all", [60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360, 390]]
    ] as const) {
      const there = await world()
      await there.orchestrator.schedule(
        "s",
        there.report,
        {},
        { every: "30m", from: start + 30 * minute, until: start + 395 * minute, missed, overlap: "queue" }
      )
      await there.clock.advance(31 * minute)
      await there.endAll()
      await there.down()
      await there.clock.advance(5.6 * hour)
      await there.up()
      for (let i = 0; i < 20; i++) await there.endAll()
      await there.clock.advance(hour)
      for (let i = 0; i < 20; i++) await there.endAll()
      expect([missed, there.due()]).toEqual([missed, [30, ...expected]])
      const { state, counts, recent } = there.orchestrator.scheduled("s").status()
      expect([state, counts.begun + counts.passed]).toEqual(["ended", 13])
      if (missed !== "all") expect(recent.find(({ became }) => became === "missed")?.count).toBe(12 - expected.length)
    }
  })

  test("one that is only a little late is not missed", async () => {
    const there = await world()
    await there.orchestrator.schedule(
      "s",
      there.report,
      {},
      { every: "1h", from: start, missed: "skip", overlap: "allow" }
    )
    await there.down()
    await there.clock.advance(hour + 30_000)
    await there.up()
    await settle()
    expect(there.due()).toEqual([60])
  })

  test("while a run is under way the next firing is passed over, waits, takes its place, or begins beside it", async () => {
    const play = async (overlap: "skip" | "queue" | "replace" | "allow") => {
      const there = await world()
      await there.orchestrator.schedule("s", there.report, {}, { every: "10m", from: start, overlap })
      await there.clock.advance(31 * minute)
      const during = there.due()
      const first = await (await there.orchestrator.get(`s@${new Date(start + 10 * minute).toISOString()}`)).status()
      await there.endAll()
      await settle()
      return [during, there.due(), first.status, there.orchestrator.scheduled("s").status().counts]
    }
    expect(await play("skip")).toEqual([[10], [10], "running", { begun: 1, passed: 2 }])
    expect(await play("queue")).toEqual([[10], [10, 20], "running", { begun: 2, passed: 0 }])
    expect(await play("replace")).toEqual([[10, 20, 30], [10, 20, 30], "cancelled", { begun: 3, passed: 0 }])
    expect(await play("allow")).toEqual([[10, 20, 30], [10, 20, 30], "running", { begun: 3, passed: 0 }])
  })

  test("so many runs are under way at once, so many firings wait, and one more is shown as refused for that", async () => {
    const there = await world()
    const { orchestrator } = there
    await orchestrator.schedule(
      "s",
      there.report,
      {},
      { every: "1m", from: start, overlap: "queue", maxActive: 2, waitingMax: 3 }
    )
    await there.clock.advance(7 * minute)
    const { active, waiting, recent } = orchestrator.scheduled("s").status()
    expect([there.due(), active.length, waiting.length]).toEqual([[1, 2], 2, 3])
    expect(recent.filter(({ became }) => became === "full").map(({ due }) => (+due - start) / minute)).toEqual([6, 7])
    for (let i = 0; i < 5; i++) await there.endAll()
    expect(there.due()).toEqual([1, 2, 3, 4, 5])
  })

  test("a paused schedule begins nothing until it is resumed, over restarts too, and says who paused it and why", async () => {
    const there = await world()
    await there.orchestrator.schedule("s", there.report, {}, { every: "10m", from: start, overlap: "allow" })
    const paused = await there.orchestrator.scheduled("s").pause({ who: "ann", why: "audit" })
    expect(paused).toMatchObject({ state: "paused", next: null, paused: { who: "ann", why: "audit" }, revision: 2 })
    await there.clock.advance(hour)
    await there.down()
    await there.clock.advance(hour)
    await there.up()
    expect(there.begun).toEqual([])
    await there.orchestrator.scheduled("s").resume()
    await there.clock.advance(11 * minute)
    expect(there.due()).toEqual([130])
  })

  test("a stretch of the past is made up for when somebody asks, and what has run there is not run again", async () => {
    const there = await world()
    const { orchestrator } = there
    const s = await orchestrator.schedule("s", there.report, {}, { every: "10m", from: start - hour })
    await there.clock.advance(11 * minute)
    await there.endAll()
    await s.backfill({ from: start - 40 * minute, to: start + 10 * minute })
    for (let i = 0; i < 10; i++) await there.endAll()
    expect(there.due()).toEqual([10, -40, -30, -20, -10, 0])
    await s.backfill({ from: start - 40 * minute, to: start })
    for (let i = 0; i < 10; i++) await there.endAll()
    expect(there.due().length).toBe(6)
    const early = await orchestrator.schedule("early", there.report, {}, { every: "1m" })
    await expect(early.backfill({ from: 0, to: start })).rejects.toMatchObject({
      code: "LIMIT_FIRINGS",
      allowed: limits.firings
    })
    await expect(s.backfill({ from: start, to: start + 12 * hour })).rejects.toBeInstanceOf(InvalidOption)
  })

  test("a schedule is made once: the same again changes nothing, another one changes it, if it is as it was seen", async () => {
    const there = await world()
    const { orchestrator } = there
    const set = (every: "10m" | "20m", more: { revision?: number } = {}) =>
      orchestrator.schedule("s", there.report, {}, { every, from: start, ...more })
    expect((await set("10m", { revision: 0 })).status().revision).toBe(1)
    expect((await set("10m")).status().revision).toBe(1)
    await expect(set("20m", { revision: 0 })).rejects.toBeInstanceOf(ScheduleChanged)
    const [one, two] = await Promise.allSettled([set("20m", { revision: 1 }), set("20m", { revision: 1 })])
    expect([one.status, two.status].sort()).toEqual(["fulfilled", "rejected"])
    await there.down()
    await there.up()
    expect(there.orchestrator.scheduled("s").status()).toMatchObject({ revision: 2, everyMs: 20 * minute })
  })

  test("a schedule that was removed is gone, over restarts too; its name is free again", async () => {
    const there = await world()
    const s = await there.orchestrator.schedule("s", there.report, {}, { every: "10m", from: start })
    await s.remove({ who: "ann" })
    expect(there.orchestrator.schedules()).toEqual([])
    expect(() => there.orchestrator.scheduled("s")).toThrow(ScheduleUnknown)
    await there.down()
    await there.up()
    expect(there.orchestrator.schedules()).toEqual([])
    await there.clock.advance(hour)
    expect(there.begun).toEqual([])
    expect((await there.orchestrator.schedule("s", there.report, {}, { every: "10m" })).status().revision).toBe(1)
  })

  test("G19 a clock that is set back fires nothing twice, and what is due by it then still comes", async () => {
    const there = await world()
    await there.orchestrator.schedule("s", there.report, {}, { every: "30m", from: start, overlap: "allow" })
    await there.clock.advance(61 * minute)
    expect(there.due()).toEqual([30, 60])
    await there.endAll()
    await there.down()
    there.clock.set(-50 * minute)
    await there.up()
    await there.clock.advance(3 * hour)
    expect(there.due()).toEqual([30, 60, 90, 120, 150, 180])
    expect(there.orchestrator.scheduled("s").status().counts).toEqual({ begun: 6, passed: 0 })
  })

  test("G19 a clock that is set while somebody is there is noticed long before what was due by it", async () => {
    const wall = skewed()
    const there = await world({}, wall.context)
    await there.orchestrator.schedule("s", there.report, {}, { every: "24h", overlap: "allow", missed: "last" })
    await settle()
    wall.set(-10 * 24 * hour)
    // within half of the time that was left
    await wall.move(14 * hour)
    expect(+there.orchestrator.scheduled("s").status().next! - wall.wall()).toBeLessThanOrEqual(24 * hour)
    await wall.move(24 * hour)
    expect(there.begun.length).toBe(2)
    wall.set(20 * 24 * hour)
    await wall.move(10 * hour)
    expect(there.begun.length).toBe(3)
    const { recent } = there.orchestrator.scheduled("s").status()
    expect(recent.some(({ became, count = 0 }) => became === "missed" && count >= 18)).toBe(true)
  })

  test("what finds no room is kept and tried again, visibly, and begins when there is room", async () => {
    const there = await world({ runsMax: 1 })
    const { orchestrator } = there
    await orchestrator.schedule("s", there.report, {}, { every: "10m", from: start, overlap: "queue" })
    await orchestrator.submit(there.report, {}, { id: "other" })
    await there.clock.advance(12 * minute)
    expect(there.begun).toEqual(["other"])
    const { deferred, active } = orchestrator.scheduled("s").status()
    expect([active.length, deferred[0]?.code, deferred[0]!.tries > 3]).toEqual([1, "LIMIT_RUNS", true])
    await there.endAll()
    await there.clock.advance(minute)
    expect(there.due().slice(1)).toEqual([10])
    expect(orchestrator.scheduled("s").status().deferred).toEqual([])
  })

  test("G13 what found no room before a schedule was paused begins when it is resumed, and not before", async () => {
    const there = await world({ runsMax: 1 })
    const { orchestrator } = there
    const s = await orchestrator.schedule("s", there.report, {}, { every: "10m", from: start, overlap: "queue" })
    await orchestrator.submit(there.report, {}, { id: "other" })
    await there.clock.advance(11 * minute)
    await s.pause()
    await there.endAll()
    await there.clock.advance(5 * minute)
    await there.down()
    await there.up()
    await there.clock.advance(5 * minute)
    expect(there.begun).toEqual(["other"])
    await there.orchestrator.scheduled("s").resume()
    await there.clock.advance(minute)
    expect(there.due().slice(1)).toEqual([10])
  })

  test("a run whose end is not written in its schedule is not removed by retention, so that it cannot begin again", async () => {
    let isFull = false
    const disk = memoryJournal({ isDurable: true })
    const journal: JournalService = {
      ...disk,
      keepShared: (...given) => (isFull ? Effect.fail(new JournalFull()) : disk.keepShared(...given))
    }
    const there = await world({ store: journal, retention: { olderThan: 0 } })
    await there.orchestrator.schedule("s", there.report, {}, { at: start + minute, dueAs: "due" })
    await there.clock.advance(minute)
    isFull = true
    await there.endAll()
    await there.clock.advance(10 * minute)
    const id = `s@${new Date(start + minute).toISOString()}`
    expect((await there.orchestrator.status(id)).status).toBe("succeeded")
    await there.down()
    isFull = false
    await there.up()
    await there.clock.advance(10 * minute)
    expect(there.begun).toEqual([id])
    // once it is written, the run may go
    expect((await there.orchestrator.list()).runs).toEqual([])
  })

  test("C14 hundreds that are due at once begin at a bounded rate, one of each schedule after the other", async () => {
    const there = await world({ schedules: { perSecond: 100, maxActive: 150 } })
    const { orchestrator } = there
    for (let i = 0; i < 40; i++)
      await orchestrator.schedule(
        `s${i + 10}`,
        there.report,
        {},
        { every: "1m", from: start, overlap: "allow", missed: "all" }
      )
    await orchestrator.schedule(
      "flood",
      there.report,
      {},
      { every: "1s", from: start, overlap: "allow", missed: "all" }
    )
    await there.down()
    await there.clock.advance(4 * minute + 500)
    await there.up()
    expect(there.begun.length).toBe(10)
    await there.clock.advance(1_000)
    expect(there.begun.length).toBeGreaterThanOrEqual(100)
    expect(there.begun.length).toBeLessThanOrEqual(111)
    // the first of everybody comes before the third of anybody
    const names = there.begun.map((id) => id.slice(0, id.indexOf("@")))
    expect(new Set(names.slice(0, 82)).size).toBe(41)
    expect(names.slice(0, 82).filter((name) => name === "flood").length).toBe(2)
    await there.clock.advance(30_000)
    expect(there.begun.length).toBe(150)
    for (let i = 0; i < 20; i++) {
      await there.endAll()
      await there.clock.advance(2_000)
    }
    expect(new Set(there.begun).size).toBe(there.begun.length)
  })

  test("runs of a schedule begin a little later by a chance that is the same for everybody", async () => {
    const there = await world()
    const s = await there.orchestrator.schedule(
      "s",
      there.report,
      {},
      { every: "1h", from: start, jitter: "10m", overlap: "allow" }
    )
    await there.clock.advance(hour + 1)
    const [one] = s.status().waiting
    expect([there.begun, +one!.due - start]).toEqual([[], hour])
    const later = +one!.from - +one!.due
    expect(later > 1 && later < 10 * minute).toBe(true)
    await there.down()
    await there.up()
    expect(there.orchestrator.scheduled("s").status().waiting).toEqual([one])
    await there.clock.advance(later - 2)
    expect(there.begun).toEqual([])
    await there.clock.advance(2)
    expect(there.due()).toEqual([60])
  })

  test("runs begin with the input that was given, and the time at which they were due", async () => {
    const there = await world()
    const once = await there.orchestrator.schedule(
      "once",
      there.report,
      {},
      { at: new Date(start + hour), dueAs: "due" }
    )
    await there.clock.advance(hour - 1)
    there.clock.set(1)
    // it is due, and nobody has looked yet
    expect(once.status()).toMatchObject({ state: "active", next: null, counts: { begun: 0 } })
    await there.clock.advance(2)
    await there.endAll()
    expect(await (await there.orchestrator.get(there.begun[0]!)).result()).toBe(new Date(start + hour).toISOString())
    expect(once.status()).toMatchObject({ state: "ended", next: null })
    await there.clock.advance(100 * 24 * hour)
    expect(there.begun.length).toBe(1)
  })

  test("G22 a firing whose code is not known waits for it, and goes on when the schedule is made again by a program that has it", async () => {
    const there = await world()
    const make = () => there.orchestrator.schedule("s", there.report, {}, { every: "10m", from: start })
    await make()
    await there.down()
    await there.clock.advance(10 * minute)
    await there.up({ workflows: [] })
    const id = `s@${new Date(start + 10 * minute).toISOString()}`
    expect((await there.orchestrator.status(id)).status).toBe("parked")
    await make()
    await there.clock.advance(1_000)
    expect(there.begun).toEqual([id])
  })

  test("what cannot be is refused, with the field and what is allowed", async () => {
    const there = await world()
    const set = (when: object) => there.orchestrator.schedule("s", there.report, {}, when)
    for (const [option, when] of [
      ["cron", { cron: "0 0 30 2 *" }],
      ["cron", { cron: "61 * * * *" }],
      ["cron", { cron: "* * *" }],
      ["zone", { cron: "0 0 * * *", zone: "Europe/Olso" }],
      ["zone", { every: "1m", zone: "UTC" }],
      ["every", { every: 0 }],
      ["every", { every: Number.NaN }],
      ["every", { every: "10ms" }],
      ["at", { at: "tomorrow" }],
      ["at", { at: "2026-01-01T00:00:00" }],
      ["schedule", {}],
      ["schedule", { every: "1m", cron: "* * * * *" }],
      ["schedule", { at: new Date(start - 1) }],
      ["schedule", { every: "1m", until: start }],
      ["from", { every: "1m", from: start + 2, until: start + 1 }],
      ["missed", { every: "1m", missed: "some" }],
      ["overlap", { every: "1m", overlap: "maybe" }],
      ["maxActive", { every: "1m", maxActive: 0 }],
      ["maxActive", { every: "1m", overlap: "allow", maxActive: 2 }],
      ["waitingMax", { every: "1m", waitingMax: 1e9 }],
      ["jitter", { every: "1m", jitter: -1 }],
      ["dueAs", { every: "1m", dueAs: "__proto__" }]
    ] as const)
      expect([option, await set(when).catch((error) => error)]).toMatchObject([
        option,
        { _tag: "InvalidOption", option }
      ])
    await expect(there.orchestrator.schedule("no/name", there.report, {}, { every: "1m" })).rejects.toMatchObject({
      code: "ID_INVALID"
    })
    expect(there.orchestrator.schedules()).toEqual([])
  })
})
