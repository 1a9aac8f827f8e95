// What a run was submitted as, it is: whatever the program that finds it has become, or has read.
import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { load, type Message } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect } from "vitest"
import { open, settle } from "../test/clock.ts"
import { expected, graph, stage, workflowOf } from "./arbitraries.ts"
import { seed } from "./seed.ts"

/** A run that has come so far when its process dies. */
const begun = async (deps: ReadonlyArray<ReadonlyArray<number>>, order: ReadonlyArray<number>) => {
  const store = memoryJournal({ isDurable: true })
  const there = stage()
  const flow = await load(workflowOf(deps), { step: there.step })
  const first = await open({ store, workflows: [flow] })
  await first.orchestrator.submit(flow, null, { id: "r" })
  await settle(2)
  // one is always left to do
  for (const pick of order.slice(0, deps.length - 1)) if (there.waiting.length > 0) await there.endOne(pick)
  await settle(2)
  await first.kill()
  return { store, flow }
}
/** Ends what is at work until nothing is. */
const finish = async ({ waiting, endOne }: ReturnType<typeof stage>) => {
  for (let i = 0; i < 100; i++) {
    await settle(2)
    if (waiting.length > 0) await endOne(i)
  }
}
const orders = fc.array(fc.nat(20), { maxLength: 8 })

describe("G22 a run", () => {
  test.prop([graph(7), graph(7), orders], { numRuns: 60, seed })(
    "goes on along the definition it was submitted with, whatever its workflow is in the program that finds it",
    async (deps, others, order) => {
      const { store } = await begun(deps, order)
      const there = stage()
      const changed = await load(workflowOf(others), { step: there.step })
      const second = await open({ store, workflows: [changed] })
      await finish(there)
      expect(await (await second.orchestrator.get("r")).result()).toEqual(expected(deps))
      await second.orchestrator.close()
    }
  )

  test.prop([graph(7), orders], { numRuns: 60, seed })(
    "whose code is missing is parked before anything of it begins, and goes on when the code is there",
    async (deps, order) => {
      const { store, flow } = await begun(deps, order)
      const second = await open({ store })
      await settle()
      expect(await second.orchestrator.status("r")).toMatchObject({
        status: "parked",
        error: { failure: { code: "VERSION_UNAVAILABLE" } }
      })
      const { messages } = await Effect.runPromise(store.read("r"))
      const there = stage()
      second.orchestrator.register(await load(flow.ir, { step: there.step }))
      await finish(there)
      const run = await second.orchestrator.get("r")
      expect(await run.result()).toEqual(expected(deps))
      expect((await run.history()).slice(0, messages.length)).toEqual(messages)
      await second.orchestrator.close()
    }
  )

  test.prop(
    [
      graph(7),
      fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }),
      fc.nat(20),
      fc.constantFrom("other", "attempt", "twice", "timer")
    ],
    {
      numRuns: 100,
      seed
    }
  )(
    "with a history that its definition cannot have written is parked before any effect, and nothing is written to it",
    async (deps, order, where, how) => {
      const { store, flow } = await begun(deps, order)
      const { messages } = await Effect.runPromise(store.read("r"))
      if (messages.length < 2) return
      const at = 1 + (where % (messages.length - 1))
      const wrong = messages.flatMap((one, i): ReadonlyArray<Message> => {
        if (i !== at || one.type !== "attempt.succeeded") return [one]
        if (how === "other") return [{ ...one, task: "nobody" }]
        if (how === "attempt") return [{ ...one, attempt: 2 }]
        if (how === "timer") return [{ type: "timer.fired", at: one.at, task: one.task }]
        return [one, one]
      })
      const damaged: JournalService = {
        ...store,
        read: (...given) =>
          Effect.map(store.read(...given), (history) => ({
            ...history,
            messages: wrong.slice(given[1] ?? 0, given[2]),
            epochs: wrong.map(() => 1)
          }))
      }
      const there = stage()
      const second = await open({ store: damaged, workflows: [await load(flow.ir, { step: there.step })] })
      await settle()
      expect(await second.orchestrator.status("r")).toMatchObject({
        status: "parked",
        error: { failure: { code: "NONDETERMINISM" } }
      })
      expect(there.log).toEqual([])
      expect((await Effect.runPromise(store.read("r"))).messages).toEqual(messages)
      await second.orchestrator.close()
    }
  )
})
