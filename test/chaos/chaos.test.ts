import { setTimeout as wait } from "node:timers/promises"
import { fc } from "@fast-check/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { task, type, workflow } from "troupe"
import { chaos, chaosCapability, type Plan, replay, simulate } from "troupe/chaos"
import { afterEach, describe, expect, test } from "vitest"
import { ten } from "./flows.ts"

const seed = Number(process.env["CHAOS_SEED"] ?? (process.env["CI"] === undefined ? Date.now() % 1_000_000 : 1))

describe("chaos", () => {
  test(`a workflow of ten tasks keeps every promise in 2,000 worlds (seed ${seed})`, async () => {
    const report = await chaos(ten, { input: fc.integer({ min: 0, max: 9 }), seed, runs: 2_000 })

    expect(report.runs).toBe(2_000)
    expect(report.crashes).toBeGreaterThan(200)
    expect(report.faults).toBeGreaterThan(1_000)
  })

  test("an effect that is not made idempotent is found, and told as a story with one fault", async () => {
    const charges: Array<string> = []
    const charge = task("charge", {
      in: type<string>(),
      out: type<string>(),
      run: async (order) => {
        charges.push(order)
        return "paid"
      }
    })
    const order = workflow("order", type<string>())
      .task("paid", charge, ($) => $.input)
      .returns(($) => $.paid)

    const failure = await chaos(order, {
      input: "books",
      reset: () => charges.splice(0),
      finally: () => charges.length === 1,
      faults: ["crash", "storage", "task"],
      seed: 1
    }).catch((error) => error)

    expect(failure).toMatchObject({ _tag: "ChaosFailure", violations: [{ promise: "finally" }] })
    expect(failure.plan.faults).toHaveLength(1)
    expect(failure.message).toContain("FAULT")
    const again = await replay(order, failure.plan, {
      input: "books",
      reset: () => charges.splice(0),
      finally: () => charges.length === 1
    })
    expect(again.violations).toMatchObject([{ promise: "finally" }])
  })

  test("time and chance are the world's inside of task code, and nobody else's", async () => {
    const seen: Array<unknown> = []
    const look = task("look", {
      in: type<null>(),
      out: type<null>(),
      run: async () => {
        const since = Date.now()
        await wait(3_600_000)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
        seen.push(Date.now() - since, new Date().getUTCFullYear(), Math.random(), crypto.randomUUID())
        return null
      }
    })
    const flow = workflow("look", type<null>(), {})
      .task("look", look, () => null, { timeout: "10h" })
      .returns(() => null)
    const since = Date.now()

    await simulate(flow)
    const first = seen.splice(0)
    await simulate(flow)

    expect(first.slice(0, 2)).toEqual([3_601_000, 2030])
    expect(seen).toEqual(first)
    expect(Date.now() - since).toBeLessThan(10_000)
    expect(new Date().getUTCFullYear()).toBeLessThan(2030)
  })
})

describe("bodies that are Effects", () => {
  const Bank = Context.Service<{ readonly fee: number }>("Bank")
  test("have the time, the chance and the services of the world, and are interrupted when they are told to stop", async () => {
    const seen: Array<unknown> = []
    let interrupted = 0
    const pay = task("pay", {
      in: type<null>(),
      out: type<number>(),
      retry: { attempts: 2, base: 10 },
      timeout: "2h",
      run: (_, { attempt }): any =>
        Effect.gen(function* () {
          const bank = yield* Bank
          const since = Date.now()
          yield* Effect.sleep(attempt === 1 ? "3 hours" : "1 hour")
          seen.push(Date.now() - since, Math.random(), yield* Random.next)
          return bank.fee
        }).pipe(Effect.onInterrupt(() => Effect.sync(() => interrupted++)))
    })
    const flow = workflow("pay", type<null>())
      .task("paid", pay, () => null)
      .returns(($) => $.paid)
    const services = Context.make(Bank, { fee: 7 })

    const one = await simulate(flow, { services })
    const first = seen.splice(0)
    await simulate(flow, { services })

    expect(one.outcome).toEqual({ status: "succeeded", value: 7 })
    expect(one.violations).toEqual([])
    expect(first[0]).toBe(3_600_000)
    expect(seen).toEqual(first)
    expect(interrupted).toBe(2)
    await chaos(flow, { services, runs: 300, seed: 1 })
  })
})

describe("what is wrong is named as what it is", () => {
  const world = { input: 1, runs: 20, seed: 1 }
  test("an invariant that throws", async () => {
    const failure = chaos(ten, { ...world, finally: () => (undefined as never as { no: number }).no })
    await expect(failure).rejects.toMatchObject({ _tag: "ChaosMisused", what: "invariant" })
  })
  test("an invariant that throws is not asked again by what is left of that world", async () => {
    let asked = 0
    let answer: (value: number) => void = () => {}
    const late = new Promise<number>((resolve) => {
      answer = resolve
    })
    const slow = task("slow", { in: type<null>(), out: type<number>(), run: () => late })
    const flow = workflow("slow", type<null>())
      .task("a", slow, () => null)
      .returns(($) => $.a)
    const always = () => {
      asked++
      throw new TypeError("oh")
    }
    await expect(replay(flow, { v: 1, seed: 0, faults: [] }, { always })).rejects.toMatchObject({ what: "invariant" })
    const before = asked
    answer(1)
    await wait(1)
    expect(asked).toBe(before)
  })
  test("a generator that throws", async () => {
    const input = fc.integer().map((): number => {
      throw new TypeError("oh")
    })
    await expect(chaos(ten, { ...world, input })).rejects.toMatchObject({ _tag: "ChaosMisused", what: "generator" })
  })
  test("a plan from a stranger", async () => {
    for (const plan of ["{", "[]", '{"v":2,"seed":0,"faults":[]}', '{"v":1,"seed":0,"faults":[{"on":"moon"}]}'])
      await expect(replay(ten, plan, { input: 1 })).rejects.toMatchObject({ _tag: "ChaosMisused", what: "plan" })
  })
})

describe("in production", () => {
  const before = process.env["NODE_ENV"]
  afterEach(() => {
    process.env["NODE_ENV"] = before
  })
  test("chaos is refused, unless somebody gave it the right to run", async () => {
    process.env["NODE_ENV"] = "production"
    await expect(simulate(ten, { input: 1 })).rejects.toMatchObject({ _tag: "ChaosRefused" })
    await expect(simulate(ten, { input: 1, capability: { reason: "made by hand" } })).rejects.toMatchObject({
      _tag: "ChaosRefused"
    })
    const { outcome } = await simulate(ten, { input: 1, capability: chaosCapability({ reason: "a drill" }) })
    expect(outcome?.status).toBe("succeeded")
  })
})

/** Found by this kit in this engine; each stays. */
describe("defects that were found", () => {
  const broken = async (faults: Plan["faults"], seed = 0) =>
    (await replay(ten, { v: 1, seed, faults }, { input: 1 })).violations

  test("G13 a rollback does not let a paused run go on", async () => {
    expect(
      await broken([
        { on: "operator", write: 0, how: "pause", ms: 0 },
        { on: "operator", write: 0, how: "rollback", ms: 0 }
      ])
    ).toEqual([])
  })
  test("G04 an attempt of an earlier life that is stopped while the code is missing is stopped once", async () => {
    expect(
      await broken([
        { on: "crash", write: 2, when: "written", tail: "kept" },
        { on: "operator", write: 0, how: "cancel", ms: 0 },
        { on: "code", life: 2, ms: 0 }
      ])
    ).toEqual([])
  })
  test("G19 a clock on the wall that jumps by an hour, or a year, times no call out", async () => {
    const slow = task("slow", { in: type<null>(), out: type<number>(), run: () => wait(5_000, 1) })
    const flow = workflow("slow", type<null>())
      .task("a", slow, () => null)
      .sleep("nap", "2s")
      .task("b", slow, () => null, { after: ["nap"] })
      .returns(($) => [$.a, $.b])
    for (const ms of [3_600_000, 365 * 24 * 3_600_000, -3_600_000])
      for (const write of [0, 1, 2]) {
        const { outcome } = await replay(flow, { v: 1, seed: 1, faults: [{ on: "clock", write, ms }] })
        expect(outcome).toEqual({ status: "succeeded", value: [1, 1] })
      }
  })
  test("G04, G07 a task that ends while its result is given by hand has one end", async () => {
    for (const ms of [0, 1, 2, 3, 4, 5])
      expect(
        await broken(
          [
            { on: "operator", write: 0, how: "skip", ms },
            { on: "crash", write: 0, when: "before", downMs: 2 }
          ],
          33_570
        )
      ).toEqual([])
  })
})
