// A run that begins at a time: written at once, waiting until then, over restarts and whatever people decide meanwhile.
import { InvalidOption, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { type Owner, StandingClock } from "../clock.ts"

const start = Date.UTC(2023, 10, 14, 22, 13, 20)
const hour = 3_600_000

const world = async (isDurable = true, timeout?: "30m") => {
  const clock = new StandingClock()
  const store = memoryJournal({ isDurable })
  const begun: Array<number> = []
  const work = task("work", { in: type<null>(), out: type<number>(), run: () => begun.push(clock.now - start) })
  const long = task("long", { in: type<null>(), out: type<number>(), run: () => new Promise<number>(() => {}) })
  const flow = workflow("flow", type<null>())
    .task("work", work, () => null)
    .returns(($) => $.work)
  const slow = workflow("slow", type<null>(), timeout === undefined ? {} : { timeout })
    .task("long", long, () => null)
    .returns(($) => $.long)
  const live = (): Promise<Owner> => clock.open({ store, workflows: [flow, slow] })
  let owner = await live()
  return {
    clock,
    begun,
    flow,
    slow,
    get orchestrator() {
      return owner.orchestrator
    },
    get engine() {
      return owner.engine
    },
    restart: async (ms = 0) => {
      await owner.kill()
      await clock.advance(ms)
      owner = await live()
    }
  }
}

describe("a run that begins at a time", () => {
  test.each([true, false])("is written at once, waits until then, and begins once (durable: %s)", async (isDurable) => {
    const there = await world(isDurable)
    const { orchestrator } = there
    const run = await orchestrator.submit(there.flow, null, { id: "r", scheduledAt: new Date(start + 2 * hour) })
    const { status, scheduledAt, eta, current } = await run.status()
    expect([status, +scheduledAt! - start, current]).toEqual(["waiting", 2 * hour, []])
    expect(+eta!).toBeGreaterThanOrEqual(start + 2 * hour)
    expect(await run.waits()).toEqual([{ task: "", for: "timer", dueAt: new Date(start + 2 * hour) }])
    expect((await orchestrator.list({ status: "waiting" })).runs.map((one) => one.run)).toEqual(["r"])
    await there.clock.advance(2 * hour - 1)
    expect(there.begun).toEqual([])
    await there.clock.advance(1)
    expect(there.begun).toEqual([2 * hour])
    expect(await run.result()).toBe(1)
  })

  test("leaves memory while it waits, and begins after restarts, late if nobody was there, however long that is", async () => {
    const there = await world()
    await there.orchestrator.submit(there.flow, null, { id: "r", scheduledAt: start + 60 * 24 * hour })
    expect([there.engine.runs.size, there.engine.dormant.size]).toEqual([0, 1])
    await there.restart(30 * 24 * hour)
    expect(there.begun).toEqual([])
    await there.restart(35 * 24 * hour)
    await there.clock.advance(1)
    expect(there.begun).toEqual([65 * 24 * hour])
    expect(await (await there.orchestrator.get("r")).result()).toBe(1)
  })

  test("G12 is cancelled before it begins, and then nothing of it ever does", async () => {
    const there = await world()
    const run = await there.orchestrator.submit(there.flow, null, { id: "r", scheduledAt: start + hour })
    expect(await run.cancel({ why: "not needed" })).toBe(true)
    expect(await run.status()).toMatchObject({ status: "cancelled", reason: "not needed" })
    await there.restart(2 * hour)
    await there.clock.advance(hour)
    expect(there.begun).toEqual([])
    expect((await (await there.orchestrator.get("r")).status()).status).toBe("cancelled")
  })

  test("G13 is paused before it begins: its time passes, and it begins when it is resumed", async () => {
    const there = await world()
    const run = await there.orchestrator.submit(there.flow, null, { id: "r", scheduledAt: start + hour })
    await run.pause()
    await there.restart(2 * hour)
    await there.clock.advance(hour)
    expect([there.begun, (await there.orchestrator.status("r")).status]).toEqual([[], "paused"])
    await there.orchestrator.resume("r")
    await there.clock.advance(1)
    expect(there.begun).toEqual([3 * hour])
    const other = await there.orchestrator.submit(there.flow, null, { id: "s", scheduledAt: there.clock.now + hour })
    await other.pause()
    await other.resume()
    expect((await other.status()).status).toBe("waiting")
    await there.clock.advance(hour)
    expect(there.begun.length).toBe(2)
  })

  test("its timeout counts from when it begins", async () => {
    const there = await world(true, "30m")
    const run = await there.orchestrator.submit(there.slow, null, { id: "r", scheduledAt: start + 5 * hour })
    await there.restart(6 * hour)
    await there.clock.advance(hour / 2 - 1)
    expect((await there.orchestrator.status("r")).status).toBe("running")
    await there.clock.advance(6_000)
    const { status, error } = await there.orchestrator.status("r")
    expect([run.id, status, error?.failure.tag]).toEqual(["r", "failed", "RunTimedOut"])
  })

  test("a time that has passed is now; one that is none is refused", async () => {
    const there = await world()
    const run = await there.orchestrator.submit(there.flow, null, { scheduledAt: start - hour })
    expect(await run.result()).toBe(1)
    expect((await run.status()).scheduledAt).toBe(undefined)
    for (const scheduledAt of [Number.NaN, -1, "soon", new Date("x"), "2026-01-01T00:00:00", 1e17])
      await expect(there.orchestrator.submit(there.flow, null, { scheduledAt })).rejects.toBeInstanceOf(InvalidOption)
  })
})
