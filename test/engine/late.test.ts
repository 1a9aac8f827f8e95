import { Orchestrator, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** A task that takes its time whatever its signal says. */
const deaf = (ms: number, end: () => number) =>
  task("deaf", {
    in: type<null>(),
    out: type<number>(),
    timeout: "20ms",
    run: async () => {
      await later(ms)
      return end()
    }
  })
const flow = (ms: number, end: () => number = () => 7) =>
  workflow("flow", type<null>())
    .task("t", deaf(ms, end), () => null)
    .sleep("z", "100ms")
    .returns(($) => $.z)

const late = async (run: { history(): Promise<ReadonlyArray<object>> }) =>
  (await run.history()).filter((message) => (message as { type: string }).type === "attempt.late")

describe("G10 an answer that comes after its time", () => {
  test.each(["memory" as const, memoryJournal({ isDurable: true })])(
    "is kept in the history and changes nothing",
    async (store) => {
      await using orchestrator = await Orchestrator.open({ store, graceMs: 5 })
      const run = await orchestrator.submit(flow(60), null)
      const outcome = await run.outcome()
      expect(outcome).toMatchObject({ status: "failed", error: { failure: { code: "TIMEOUT" } } })
      await later(120)
      expect(await late(run)).toMatchObject([{ task: "t", attempt: 1, outcome: "succeeded", value: 7 }])
      expect(await run.outcome()).toEqual(outcome)
      expect((await run.status()).tasks).toMatchObject({ completed: 0, failed: 1 })
    }
  )
  test("also when it is a failure, or no JSON", async () => {
    await using orchestrator = await Orchestrator.open({ graceMs: 5 })
    const failing = await orchestrator.submit(
      flow(50, () => {
        throw new Error("too late anyway")
      }),
      null
    )
    const odd = await orchestrator.submit(
      flow(50, () => 1n as never),
      null
    )
    await Promise.all([failing.outcome(), odd.outcome()])
    await later(100)
    expect(await late(failing)).toMatchObject([{ outcome: "failed", failure: { message: "too late anyway" } }])
    expect(await late(odd)).toMatchObject([{ outcome: "failed", failure: { code: "NOT_JSON" } }])
  })
  test("and after a cancel, in a run that is folded again", async () => {
    const store = memoryJournal({ isDurable: true })
    const orchestrator = await Orchestrator.open({ store, graceMs: 5 })
    const run = await orchestrator.submit(flow(60), null, { id: "r" })
    await later(5)
    await run.cancel({ force: true })
    await later(120)
    expect(await late(run)).toMatchObject([{ outcome: "succeeded", value: 7 }])
    await orchestrator.close()
    await using again = await Orchestrator.open({ store })
    const same = await again.get("r")
    expect((await same.outcome()).status).toBe("cancelled")
    expect(await same.status()).toMatchObject({ status: "cancelled", error: undefined })
  })
  // found with the kit: a run that rests between two attempts had left memory, and the answer was lost
  test("and in a pause so long that the run has left memory", async () => {
    await using orchestrator = await Orchestrator.open({ store: memoryJournal({ isDurable: true }), graceMs: 5 })
    const again = workflow("again", type<null>())
      .task(
        "t",
        deaf(60, () => 7),
        () => null,
        { retry: { attempts: 2, base: "1h" } }
      )
      .returns(($) => $.t)
    const run = await orchestrator.submit(again, null)
    await later(150)
    expect(await late(run)).toMatchObject([{ task: "t", attempt: 1, outcome: "succeeded", value: 7 }])
    expect(await run.status()).toMatchObject({ status: "waiting", waiting: ["t"] })
  })
})
