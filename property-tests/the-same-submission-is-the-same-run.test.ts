// However often, by whomever and after whatever something is submitted under one id: it is one run, or a refusal that wrote nothing.
import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { type TroupeError, task, type, workflow } from "troupe"
import { chaos } from "troupe/chaos"
import { memoryJournal } from "troupe/storage"
import { describe, test as example, expect } from "vitest"
import { type Owner, open, settle } from "../test/clock.ts"
import { seed } from "./seed.ts"

const flowOf = (name: string, keys: Array<string> = []) => {
  const charge = task("charge", {
    in: type<number>(),
    out: type<number>(),
    run: async (n, { key }) => {
      keys.push(key)
      return n + 1
    }
  })
  return workflow(name, type<number>())
    .task("paid", charge, ($) => $.input)
    .returns(($) => $.paid)
}

type Act =
  | { readonly type: "submit"; readonly count: number; readonly owner: number; readonly isOther: boolean }
  | { readonly type: "open" }
  | { readonly type: "kill" }
  | { readonly type: "turns"; readonly count: number }
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("submit" as const),
      count: fc.constantFrom(1, 2, 100),
      owner: fc.nat(1),
      isOther: fc.boolean()
    })
  },
  { weight: 2, arbitrary: fc.constant({ type: "open" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "kill" as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("turns" as const), count: fc.nat(4) }) }
)

/** What an owner that has lost its store may say, and nobody else. */
const lostCodes = ["STALE_OWNER", "CLOSED"]

describe("G02 the same id, workflow and input", () => {
  test.prop([fc.array(act, { maxLength: 12 })], { numRuns: 200, seed })(
    "is one run, however many submit it at once to two owners of a store that die between the write and the answer; anything else is a mismatch",
    async (acts) => {
      const store = memoryJournal({ isDurable: true })
      const keys: Array<string> = []
      const flow = flowOf("order", keys)
      // who has lost the store says so to nobody in particular
      const options = { store, workflows: [flow], onDefect: () => {} }
      const owners: Array<Owner> = [await open(options)]
      const told: Array<Promise<{ readonly isOther: boolean; readonly said: string }>> = []
      const ask = (owner: Owner, isOther: boolean) =>
        owner.orchestrator.submit(isOther ? flowOf("other") : flow, 1, { id: "r" }).then(
          ({ id }) => ({ isOther, said: id }),
          (error: TroupeError) => ({ isOther, said: error.code })
        )
      // the first one decides what the id stands for
      for (let i = 0; i < 100; i++) told.push(ask(owners[0]!, false))
      await Promise.all(told)
      for (const one of acts) {
        if (one.type === "submit") {
          const owner = owners[Math.max(0, owners.length - 1 - one.owner)]!
          for (let i = 0; i < one.count; i++) told.push(ask(owner, one.isOther))
        } else if (one.type === "open") owners.push(await open(options))
        else if (one.type === "kill") {
          await owners.at(-1)!.kill()
          owners.push(await open(options))
        } else await settle(one.count)
      }
      const last = await open(options)
      const run = await last.orchestrator.submit(flow, 1, { id: "r" })
      expect(await run.result()).toBe(2)
      for (const { isOther, said } of await Promise.all(told))
        if (!lostCodes.includes(said)) expect(said).toBe(isOther ? "IDEMPOTENCY_MISMATCH" : "r")
      await expect(last.orchestrator.submit(flow, 2, { id: "r" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_MISMATCH"
      })

      const { messages } = await Effect.runPromise(store.read("r"))
      expect(messages.map(({ type: of }) => of)).toEqual(["run.submitted", "attempt.succeeded"])
      expect((await last.orchestrator.list()).runs.map(({ run: id }) => id)).toEqual(["r"])
      expect(new Set(keys)).toEqual(new Set(["r/paid"]))
      for (const owner of owners) await owner.kill()
      await last.orchestrator.close()
    }
  )

  example(
    `is one run in any world, under any storm of people who submit it again, or something else (seed ${seed})`,
    async () => {
      const { crashes } = await chaos(flowOf("order"), {
        input: 1,
        seed,
        runs: 400,
        faults: ["operator", "crash", "storage", "owners"],
        always: ({ messages }) => messages.filter(({ type: of }) => of === "run.submitted").length <= 1
      })
      expect(crashes).toBeGreaterThan(30)
    }
  )
})
