// What people write in their own test files.
import "troupe/chaos/vitest"
import { task, type, workflow } from "troupe"
import { describe, expect, test } from "vitest"
import { ten } from "./flows.ts"

let charges: Array<string> = []
/** Charges somewhere else; with `key` that other side can tell one charge from the next. */
const orderOf = (isIdempotent: boolean) =>
  workflow("order", type<string>())
    .task(
      "paid",
      task("charge", {
        in: type<string>(),
        out: type<string>(),
        retry: { attempts: 3 },
        run: async (order, { key }) => {
          if (!isIdempotent || !charges.includes(key)) charges.push(key)
          return `paid ${order}`
        }
      }),
      ($) => $.input
    )
    .returns(($) => $.paid)
const world = { input: "books", reset: () => void (charges = []), seed: 1, runs: 300 }
const messageOf = async (assertion: Promise<void>): Promise<string> =>
  assertion.then(
    () => "it passed",
    (error: Error) => error.message
  )

describe("toSurvive", () => {
  test("passes for a workflow that keeps its promises and yours", async () => {
    await expect(ten).toSurvive({ input: 1, runs: 300, seed: 1 })
    // what people take back and do again has another key
    const faults = ["task", "storage", "crash", "owners", "clock"] as const
    await expect(orderOf(true)).toSurvive({ ...world, faults, finally: () => charges.length <= 1 })
  })
  test("fails with the smallest story, its fault marked, and a test to paste", async () => {
    const text = await messageOf(expect(orderOf(false)).toSurvive({ ...world, finally: () => charges.length <= 1 }))
    expect(text).toContain("order: finally (your invariant at the end): it gives false")
    expect(text).toMatch(/▶ .*FAULT/)
    expect(text).toMatch(/seed: 1, path: "/)
    expect(text).toContain('test("order survives this"')
  })
  test("its negation fails with what was tried", async () => {
    const text = await messageOf(expect(ten).not.toSurvive({ input: 1, runs: 50, seed: 1 }))
    expect(text).toMatch(/^ten was not expected to survive, and did: 50 executions with \d+ faults/)
  })
  test("what does not work is named as that, negated or not", async () => {
    const broken = { ...world, finally: () => (undefined as never as { no: number }).no }
    await expect(expect(ten).not.toSurvive({ ...broken, input: 1 })).rejects.toMatchObject({ _tag: "ChaosMisused" })
  })
})

describe("toCompensate", () => {
  const held = (undo: () => unknown) =>
    task("held", { in: type<unknown>(), out: type<number>(), timeout: "1s", run: async () => 1, undo })
  const refused = task("refused", {
    in: type<unknown>(),
    out: type<number>(),
    run: () => Promise.reject(Object.assign(new Error("no"), { retryable: false }))
  })
  const one = held(() => {})
  const trip = workflow("trip", type<null>())
    .task("hotel", one, ($) => $.input)
    .task("car", one, ($) => $.hotel)
    .task("seats", refused, ($) => $.car)
    .returns(($) => $.seats)
  test("passes for a workflow that takes back what it has done", async () => {
    await expect(trip).toCompensate({ input: null, runs: 400, seed: 1 })
  })
  test("fails where one is left, and names it", async () => {
    const text = await messageOf(expect(ten).toCompensate({ input: 1, runs: 20, seed: 1, tasks: ["a"] }))
    expect(text).toContain("no run had anything to undo")
    const partly = workflow("partly", type<null>())
      .task("hotel", one, ($) => $.input)
      .task("paid", task("paid", { in: type<unknown>(), out: type<number>(), run: () => 1 }), ($) => $.hotel)
      .task("seats", refused, ($) => $.paid)
      .returns(($) => $.seats)
    const named = await messageOf(
      expect(partly).toCompensate({ input: null, runs: 20, seed: 1, tasks: ["hotel", "paid"] })
    )
    expect(named).toContain("'paid' was done 1 times and undone 0 times")
  })
})

describe("toFinish", () => {
  const fails = workflow("fails", type<null>())
    .task(
      "never",
      task("never", { in: type<null>(), out: type<null>(), run: () => Promise.reject(new Error("no")) }),
      () => null
    )
    .returns(($) => $.never)
  test("passes for a run that comes to an end under every fault, also to a bad one", async () => {
    await expect(fails).toFinish({ input: null, runs: 100, seed: 1 })
    // a body that answers after all, or a person who gives its result, would let it succeed
    const faults = ["crash", "storage", "owners", "clock", "code"] as const
    await expect(fails).toFinish({ input: null, runs: 100, seed: 1, as: ["failed", "cancelled"], faults })
  })
  test("fails for one that waits for ever, and says for what", async () => {
    const waits = workflow("waits", type<null>())
      .gate("approved", type<boolean>(), { within: "forever" })
      .returns(($) => $.approved)
    const text = await messageOf(expect(waits).toFinish({ input: null, runs: 10, seed: 1, answers: () => undefined }))
    expect(text).toContain("G01 end")
    expect(text).toContain("gate 'approved'")
  })
  test("fails for another end than the one that is asked for", async () => {
    const text = await messageOf(expect(fails).toFinish({ input: null, runs: 10, seed: 1, as: "succeeded" }))
    expect(text).toContain("the run ends as failed (Error), and not as succeeded")
  })
})

describe("toHold", () => {
  test("passes for what is true after every step, and is typed by the workflow", async () => {
    await expect(ten).toHold((seen) => seen.done("b") === 0 || seen.done("a") > 0, { input: 1, runs: 200, seed: 1 })
    // @ts-expect-error the input of this workflow is a number
    void ((): Promise<void> => expect(ten).toHold((seen) => seen.input === "a text"))
  })
  test("fails at the first step after which it is not", async () => {
    const text = await messageOf(
      expect(orderOf(false)).toHold(({ calls }) => calls("paid") < 2, { ...world, faults: ["crash", "task"] })
    )
    expect(text).toContain("always (your invariant): it gives false")
  })
})
