import * as fc from "fast-check"
import { task, type, workflow } from "troupe"
import { chaos, replay } from "troupe/chaos"
import { expect, test } from "vitest"

const reserve = task("reserve", {
  in: type<unknown>(),
  out: type<string>(),
  timeout: "1s",
  retry: { attempts: 2, base: 10 },
  run: async (_, { key }) => `held under ${key}`,
  undo: { run: async () => {}, retry: { attempts: 3, base: 10 } }
})
const pay = task("pay", {
  in: type<unknown>(),
  out: type<string>(),
  timeout: "1s",
  run: async () => "paid",
  undo: { run: async () => {}, verify: async () => ({ result: "paid" }) }
})
const refuse = task("refuse", {
  in: type<{ doomed: boolean; after: unknown }>(),
  out: type<string>(),
  run: ({ doomed }) => {
    if (doomed) throw Object.assign(new Error("no seats"), { retryable: false })
    return "fine"
  }
})
const trip = workflow("trip", type<boolean>())
  .task("hotel", reserve, ($) => $.input)
  .map("flights", reserve, ($) => [$.hotel, $.hotel] as never)
  .task("car", reserve, ($) => $.input)
  .task("seats", refuse, ($) => ({ doomed: $.input, after: [$.flights, $.car] as never }))
  .returns(($) => $.seats)

test("G14 whatever goes wrong: what was done is undone when the run fails or is cancelled, and nothing is when it succeeds", async () => {
  const { runs } = await chaos(trip, { input: fc.boolean(), seed: 5, runs: 3_000 })
  expect(runs).toBe(3_000)
})

const once = workflow("once", type<boolean>())
  .task("pay", pay, ($) => $.input)
  .task("seats", refuse, ($) => ({ doomed: $.input, after: $.pay as never }))
  .returns(($) => $.seats)

test("G14 a crash at every message, while it is done and while it is undone, changes nothing", async () => {
  for (let write = 0; write < 8; write++)
    for (const when of ["before", "written", "synced", "acked"] as const)
      for (const seed of [0, 1, 2]) {
        const faults = [{ on: "crash", write, when, downMs: 5 } as const]
        const { violations, outcome } = await replay(trip, { v: 1, seed, faults }, { input: true })
        expect(violations).toEqual([])
        expect(outcome).toMatchObject({ status: "failed", task: "seats" })
      }
  expect((await replay(once, { v: 1, seed: 0, faults: [] }, { input: true })).violations).toEqual([])
})
