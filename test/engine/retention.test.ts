// Finished runs leave a durable store, in time and in number; everything else stays.
import * as Effect from "effect/Effect"
import { Orchestrator, type RetentionOptions, task, type, workflow } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { open, settle, standing } from "../clock.ts"

const day = 24 * 3_600_000
const quick = workflow("quick", type<number>())
  .derive(
    "double",
    ($) => $.input,
    (n) => 2 * n
  )
  .returns(($) => $.double)
const stuck = workflow("stuck", type<number>())
  .task(
    "wait",
    task("wait", { in: type<number>(), out: type<number>(), run: () => new Promise<number>(() => {}) }),
    ($) => $.input
  )
  .returns(($) => $.wait)

const nap = workflow("nap", type<null>())
  .sleep("z", "3650d")
  .returns(($) => $.z)

/** A pass of the retention takes many turns. */
const settled = () => settle(30)

const world = async (
  retention: RetentionOptions | undefined,
  journal: JournalService = memoryJournal({ isDurable: true })
) => {
  const time = standing()
  const { orchestrator, engine } = await open(
    { store: journal, ...(retention === undefined ? {} : { retention }), workflows: [quick, stuck] },
    time.context
  )
  return {
    orchestrator,
    engine,
    journal,
    pass: async (ms: number) => {
      await settled()
      await time.move(ms, settled)
      await settled()
    },
    names: async () => (await Effect.runPromise(journal.list({ limit: 1_000 }))).runs.map(({ run }) => run).sort()
  }
}

describe("retention", () => {
  test("a finished run is kept for 30 days and then removed, on the clock of the runs; its id is free", async () => {
    const there = await world(undefined)
    await there.orchestrator.execute(quick, 1, { id: "old" })
    await there.pass(20 * day)
    await there.orchestrator.execute(quick, 2, { id: "young" })
    expect(await there.names()).toEqual(["old", "young"])
    await there.pass(11 * day + day)
    expect(await there.names()).toEqual(["young"])
    // neither the memory nor the store knows it any more: another input is no mismatch
    expect(await there.orchestrator.execute(quick, 21, { id: "old" })).toBe(42)
    await there.orchestrator.close()
  })

  test("what is unfinished, paused, parked or left alone stays, however old it is", async () => {
    const there = await world({ olderThan: "1s", runs: 0 })
    await there.orchestrator.submit(stuck, 1, { id: "running" })
    await there.orchestrator.submit(nap, null, { id: "asleep" })
    await (await there.orchestrator.submit(stuck, 1, { id: "paused" })).pause()
    for (const id of ["done", "alone"]) await there.orchestrator.execute(quick, 1, { id })
    await there.pass(100)
    const { journal, engine } = there
    const note = { updatedAt: 1, isAsleep: false, dueAt: undefined, tasks: [] }
    await Effect.runPromise(
      journal.append([], [{ ...note, run: "alone", status: "quarantined" }], engine.options.claim.epoch)
    )
    const message = { type: "run.submitted", at: 1, workflow: "gone", hash: "none", input: 1 } as const
    await Effect.runPromise(
      journal.append(
        [{ run: "parked", seq: 0, message }],
        [{ ...note, run: "parked", status: "parked" }],
        engine.options.claim.epoch
      )
    )
    await there.pass(4 * 60_000)
    expect(await there.names()).toEqual(["alone", "asleep", "parked", "paused", "running"])
    await there.orchestrator.close()
  })

  test("of many finished runs the newest stay, whatever else is there", async () => {
    const there = await world({ runs: 5 })
    await there.orchestrator.submit(stuck, 1, { id: "running" })
    const ids = Array.from({ length: 40 }, (_, i) => `r${String(i).padStart(2, "0")}`)
    for (const id of ids) await there.orchestrator.execute(quick, 1, { id })
    await there.pass(5 * 60_000)
    expect(await there.names()).toEqual([...ids.slice(-5), "running"])
    await there.orchestrator.close()
  })

  test("a crowd is removed while it goes on, not only when somebody looks", async () => {
    const there = await world({ runs: 100 })
    for (let i = 0; i < 1_000; i++) await there.orchestrator.execute(quick, 1, { id: `r${i}` })
    await there.pass(100)
    // a tenth more, or two hundred, may wait for the next look
    expect((await there.names()).length).toBeLessThanOrEqual(300)
    await there.orchestrator.close()
  })

  test("with the last run of a workflow its definition goes too", async () => {
    const there = await world({ olderThan: "1h" })
    await there.orchestrator.execute(quick, 1, { id: "a" })
    await there.pass(3 * 3_600_000)
    expect(await Effect.runPromise(there.journal.definition(quick.hash))).toBe(undefined)
    expect(await there.orchestrator.execute(quick, 2, { id: "b" })).toBe(4)
    expect(await Effect.runPromise(there.journal.definition(quick.hash))).toBeDefined()
    await there.orchestrator.close()
  })

  test("settings that cannot be are refused, with what could be", async () => {
    await expect(Orchestrator.open({ retention: { olderThan: "20 years" as never } })).rejects.toThrow(
      /retention\.olderThan cannot be "20 years": give a duration/
    )
    await expect(Orchestrator.open({ retention: { runs: -1 } })).rejects.toThrow(/retention\.runs cannot be -1/)
  })
})
