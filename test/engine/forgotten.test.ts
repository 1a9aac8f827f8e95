// Finished runs leave memory and stay in the store: whoever still holds one asks and decides about the run, not about what it was.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Orchestrator, type OrchestratorOptions, task, type, workflow } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { openEngine } from "../../src/engine/orchestrator.ts"
import { settle } from "../clock.ts"

const quick = task("quick", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })

/** A workflow whose body fails until it is mended, and then ends when the test says so. */
const world = async (options: OrchestratorOptions) => {
  const calls: Array<string> = []
  const out: Array<(value: number) => void> = []
  let isBroken = true
  const body = task("body", {
    in: type<number>(),
    out: type<number>(),
    run: (_, { key }) => {
      calls.push(key)
      if (isBroken) throw new TypeError("planned")
      return new Promise<number>((resolve) => out.push(resolve))
    }
  })
  const flow = workflow("flow", type<number>())
    .task("a", body, ($) => $.input)
    .returns(($) => $.a)
  const defects: Array<unknown> = []
  const journal = memoryJournal({ isDurable: true })
  const opened = await Effect.runPromise(
    openEngine(
      { store: journal, workflows: [flow], onDefect: (error) => defects.push(error), ...options },
      Context.empty()
    )
  )
  return {
    flow,
    calls,
    out,
    defects,
    journal: journal as JournalService,
    engine: opened.engine,
    orchestrator: new Orchestrator(opened),
    mend: () => {
      isBroken = false
    }
  }
}

const failed = async ({ orchestrator, flow }: Awaited<ReturnType<typeof world>>, id: string) => {
  const run = await orchestrator.submit(flow, 1, { id })
  expect((await run.outcome()).status).toBe("failed")
  return run
}

describe("a finished run that has left memory", () => {
  test("is retried once through a handle from before, and everybody who asks means that one run", async () => {
    const there = await world({ retainRuns: 0 })
    const { orchestrator, out, calls } = there
    const run = await failed(there, "r")
    expect(there.engine.runs.size).toBe(0)
    there.mend()
    await run.retry("a")
    await settle()
    const other = await orchestrator.get("r")
    expect([(await run.status()).status, (await other.status()).status]).toEqual(["running", "running"])
    expect([orchestrator.live, there.engine.runs.size, calls]).toEqual([1, 1, ["r/a", "r/a@2"]])
    out[0]!(7)
    expect(await Promise.all([run.result(), other.result()])).toEqual([7, 7])
    expect([orchestrator.live, there.defects]).toEqual([0, []])
    await orchestrator.close()
  })

  test("is retried once, however many handles say so at the same time", async () => {
    const there = await world({ retainRuns: 0 })
    const { orchestrator, out, calls } = there
    const handles = [await failed(there, "r")]
    for (let i = 0; i < 9; i++) handles.push(await orchestrator.get("r"))
    there.mend()
    const said = await Promise.allSettled(handles.map((run) => run.retry("a")))
    await settle()
    // the others find a run that is at work again
    expect(said.filter(({ status }) => status === "fulfilled").length).toBe(1)
    for (const one of said)
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "AMENDMENT_REFUSED" })
    expect([orchestrator.live, calls]).toEqual([1, ["r/a", "r/a@2"]])
    out[0]!(7)
    for (const run of handles) expect(await run.result()).toBe(7)
    expect([orchestrator.live, there.defects]).toEqual([0, []])
    await orchestrator.close()
  })

  test("is retried beside many others at the same time, where memory keeps none of them", async () => {
    const there = await world({ retainRuns: 0 })
    const handles = await Promise.all(Array.from({ length: 50 }, (_, i) => failed(there, `r${i}`)))
    there.mend()
    await Promise.all(handles.map((run) => run.retry("a")))
    await settle()
    expect(there.orchestrator.live).toBe(50)
    for (const end of there.out) end(7)
    expect(await Promise.all(handles.map((run) => run.result()))).toEqual(Array(50).fill(7))
    expect([there.orchestrator.live, there.calls.length, there.defects]).toEqual([0, 100, []])
    await there.orchestrator.close()
  })

  test("takes no other run out of the bound when somebody decides about it", async () => {
    const there = await world({ retainRuns: 2 })
    const { orchestrator, engine } = there
    const run = await failed(there, "r")
    for (const id of ["x", "y"]) await orchestrator.execute(quick, 1, { id })
    expect([...engine.runs.keys()]).toEqual(["x", "y"])
    there.mend()
    await run.retry("a")
    await settle()
    there.out[0]!(7)
    await run.result()
    for (let i = 0; i < 5; i++) await orchestrator.execute(quick, 1)
    expect(engine.runs.size).toBe(2)
    await orchestrator.close()
  })

  test("counts against the bound with the messages that it has, also after it was decided about", async () => {
    const there = await world({ retainMessages: 10 })
    const { orchestrator, engine } = there
    for (let i = 0; i < 20; i++) {
      const run = await failed(there, `r${i}`)
      await run.skip("a", 5)
      expect(await run.result()).toBe(5)
    }
    // submitted, failed, amended: three of them are nine
    expect(engine.runs.size).toBe(3)
    await orchestrator.close()
  })

  test("says no to whoever wants to pause, resume, cancel or answer it", async () => {
    const there = await world({ retainRuns: 0 })
    const asked = workflow("asked", type<null>())
      .gate("ok", type<boolean>(), { within: "1h", otherwise: false })
      .returns(($) => $.ok)
    const run = await there.orchestrator.submit(asked, null)
    await run.answer("ok", true)
    expect(await run.result()).toBe(true)
    expect(there.engine.runs.size).toBe(0)
    expect([await run.pause(), await run.resume(), await run.cancel()]).toEqual([false, false, false])
    await expect(run.answer("ok", true)).rejects.toMatchObject({ code: "GATE_CLOSED" })
    expect(await run.result()).toBe(true)
    await there.orchestrator.close()
  })

  test("is known to its handle for good, also when the store has forgotten it or is closed", async () => {
    const there = await world({ retainRuns: 0 })
    const { orchestrator, journal, engine } = there
    const run = await orchestrator.submit(quick, 1)
    expect(await run.result()).toBe(2)
    await Effect.runPromise(journal.remove([run.id], engine.options.claim.epoch))
    expect([await run.result(), (await run.status()).status, await run.cancel()]).toEqual([2, "succeeded", false])
    await orchestrator.close()
    expect(await run.result()).toBe(2)
  })
})
