// Task code that waits for something real is named, before time goes on without it.
import { readFile } from "node:fs/promises"
import { setTimeout as kept } from "node:timers"
import { task, type, workflow } from "troupe"
import { chaos, simulate } from "troupe/chaos"
import { describe, expect, test } from "vitest"

// saved before the kit could replace it, as modules do that are loaded first
const realTimeout = globalThis.setTimeout
const flow = (run: (signal: AbortSignal) => unknown, timeout?: "1s") => {
  const charge = task("charge", {
    in: type<null>(),
    out: type<null>(),
    run: async (_, { signal }) => run(signal) as null
  })
  return workflow("order", type<null>())
    .task("paid", charge, () => null, timeout === undefined ? {} : { timeout })
    .returns(($) => $.paid)
}
const misused = { _tag: "ChaosMisused", what: "escaped", message: expect.stringContaining("task 'paid'") }

describe("a task that escapes to the real world is named", () => {
  test("a timer that was kept from before", async () => {
    const late = flow(() => new Promise((resolve) => realTimeout(resolve, 3, null)))
    await expect(simulate(late, { input: null })).rejects.toMatchObject(misused)
  })
  test("a file that is read", async () => {
    const reads = flow(async () => (await readFile(new URL(import.meta.url), "utf8")).length && null)
    await expect(chaos(reads, { input: null, runs: 50, seed: 1 })).rejects.toMatchObject(misused)
  })
  test("and one that goes on with simulated time afterwards", async () => {
    const both = flow(async () => {
      await new Promise((resolve) => realTimeout(resolve, 3))
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      return null
    })
    await expect(simulate(both, { input: null })).rejects.toMatchObject(misused)
  })
})

describe("what only looks like it is left alone", () => {
  test("timers that are imported by name are the world's", async () => {
    const { outcome, ms } = await simulate(
      flow(() => new Promise((resolve) => kept(resolve, 60_000, null))),
      { input: null }
    )
    expect(outcome?.status).toBe("succeeded")
    expect(ms).toBeGreaterThanOrEqual(60_000)
  })
  test("a body that waits for its signal hears it before its time is up", async () => {
    const polite = flow(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
    )
    const { outcome, ms } = await simulate(polite, {
      input: null,
      plan: { v: 1, seed: 1, faults: [{ on: "operator", write: 0, how: "cancel", ms: 20 }] }
    })
    expect(outcome?.status).toBe("cancelled")
    // it has 50 ms to end by itself, and needs none of them
    expect(ms).toBeLessThan(40)
  })
  test("a body that never settles fails at its timeout, in no real time", async () => {
    const since = performance.now()
    const { outcome } = await simulate(
      flow(() => new Promise(() => {}), "1s"),
      { input: null }
    )
    expect(outcome).toMatchObject({ status: "failed", failure: { tag: "AttemptTimedOut" } })
    expect(performance.now() - since).toBeLessThan(2_000)
  })
  test("a task that waits for another one's lock", async () => {
    let free = (): void => {}
    let lock: Promise<void> = Promise.resolve()
    const hold = task("hold", {
      in: type<number>(),
      out: type<number>(),
      run: async (n) => {
        const before = lock
        lock = new Promise((resolve) => {
          free = resolve
        })
        const mine = free
        await before
        await new Promise((resolve) => setTimeout(resolve, 500))
        mine()
        return n
      }
    })
    const both = workflow("both", type<null>())
      .map("held", hold, () => [1, 2, 3])
      .returns(($) => $.held)
    const { outcome } = await simulate(both, { input: null })
    expect(outcome).toMatchObject({ status: "succeeded", value: [1, 2, 3] })
  })
})

describe("a run that does not come to its end says what it waits for", () => {
  test("a gate whose answer nobody gives", async () => {
    const waits = workflow("waits", type<null>())
      .gate("approved", type<boolean>(), { within: "forever" })
      .returns(($) => $.approved)
    const { violations } = await simulate(waits, { input: null, answers: () => undefined })
    expect(violations).toMatchObject([
      { promise: "G01 end", what: expect.stringContaining("gate 'approved' has no answer that it takes") }
    ])
  })
})
