// A failure comes back with the tasks that it takes, and no others.
import { type Json, task, type, workflow } from "troupe"
import * as kit from "troupe/chaos"
import { type ChaosFailure, chaos } from "troupe/chaos"
import { expect, test } from "vitest"

let charged: Array<Json> = []
let released: Array<Json> = []
const step = task("step", { in: type<Json>(), out: type<number>(), run: (input) => JSON.stringify(input).length })
const charge = task("charge", { in: type<Json>(), out: type<number>(), run: async (input) => charged.push(input) })
const release = task("release", {
  in: type<Json>(),
  out: type<number>(),
  run: async (input) => released.push(input)
})

/** Two tasks that must stay together, between eight that have nothing to do with them. */
const trip = workflow("trip", type<number>())
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => [$.a])
  .task("c", step, ($) => [$.a, 1])
  .task("hold", charge, ($) => [$.b, $.c])
  .task("d", step, ($) => [$.a, 2])
  .task("e", step, ($) => [$.hold, $.d])
  .task("free", release, ($) => [$.hold, $.e])
  .task("f", step, ($) => [$.free])
  .task("g", step, ($) => [$.f, $.d])
  .task("h", step, ($) => [$.g])
  .returns(($) => [$.h, $.free])

const options = {
  input: 1,
  reset: () => {
    charged = []
    released = []
  },
  // broken when one is done again and the other one was done
  finally: () => charged.length === released.length,
  faults: ["crash"] as const,
  seed: 1
}
const failing = (more: object = {}): Promise<ChaosFailure> =>
  chaos(trip, { ...options, ...more }).then(
    () => Promise.reject(new Error("it passed")),
    (error) => error
  )

test("a failure that takes two of ten tasks comes back with those two", async () => {
  const failure = await failing()
  expect(failure._tag).toBe("ChaosFailure")
  expect(failure.workflow.ir.tasks.map(({ id }) => id)).toEqual(["hold", "free"])
})
void kit
