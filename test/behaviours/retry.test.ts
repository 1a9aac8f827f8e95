// What a retry does, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { Permanent } from "troupe"
import { describe, expect, test } from "vitest"
import { pauseAfter, retryOf } from "../../src/model/backoff.ts"
import type { RetryPolicy } from "../../src/model/ir.ts"
import { attempts, throws } from "./attempts.ts"

const fixed = { backoff: "fixed", base: 100, jitter: "none" } as const
const spread = (policy: Omit<RetryPolicy, "attempts">, n: number) =>
  Array.from({ length: 500 }, (_, i) => pauseAfter(retryOf({ attempts: 9, ...policy }), n, `run-${i}/t`))

describe("Retry", () => {
  describe("attempts", () => {
    test("what succeeds is not done again, and its value is the result", async () => {
      const world = await attempts({ retry: { attempts: 5, ...fixed } }, () => 7)
      await world.pass(10_000)
      expect([await world.value(), world.times()]).toEqual([7, [0]])
    })
    test("without a policy there is one attempt", async () => {
      const world = await attempts({}, throws("no"))
      await world.pass(10_000)
      expect([(await world.failure()).message, world.calls.length]).toEqual(["no", 1])
    })
    test("what fails is done again until it succeeds", async () => {
      const world = await attempts({ retry: { attempts: 5, ...fixed } }, throws("one"), throws("two"), () => 3)
      await world.pass(10_000)
      expect([await world.value(), world.calls.length]).toEqual([3, 3])
    })
    test("the first attempt counts, and no more are made than allowed", async () => {
      const world = await attempts({ retry: { attempts: 3, ...fixed } }, throws("no"))
      await world.pass(10_000)
      expect([await world.status(), world.calls.length]).toEqual(["failed", 3])
    })
    test("when all are spent, the last error is the one that is told", async () => {
      const world = await attempts({ retry: { attempts: 2, ...fixed } }, throws("one"), throws("two"))
      await world.pass(10_000)
      expect((await world.failure()).message).toBe("two")
    })
    test("a body knows which attempt it is, and has the same key in all of them", async () => {
      const world = await attempts({ retry: { attempts: 3, ...fixed } }, throws("no"))
      await world.pass(10_000)
      expect(world.calls.map(({ context }) => context.attempt)).toEqual([1, 2, 3])
      expect(new Set(world.calls.map(({ context }) => context.key)).size).toBe(1)
    })
    test("anything may be thrown, also what is no error", async () => {
      const world = await attempts(
        { retry: { attempts: 2, ...fixed } },
        () => Promise.reject("words"),
        () => 1
      )
      await world.pass(1_000)
      expect(await world.value()).toBe(1)
    })
    test("every failure stands in the history, with its attempt", async () => {
      const world = await attempts({ retry: { attempts: 2, ...fixed } }, throws("one"), throws("two"))
      await world.pass(1_000)
      expect(await world.ends()).toMatchObject([
        { attempt: 1, failure: { message: "one" } },
        { attempt: 2, failure: { message: "two" } }
      ])
    })
  })

  describe("pauses", () => {
    test("nothing is called before its pause is over", async () => {
      const world = await attempts({ retry: { attempts: 2, ...fixed } }, throws("no"))
      await world.pass(99)
      expect(world.calls.length).toBe(1)
      await world.pass(1)
      expect(world.calls.length).toBe(2)
    })
    test("fixed: all are the same", async () => {
      const world = await attempts({ retry: { attempts: 4, ...fixed } }, throws("no"))
      await world.pass(10_000)
      expect(world.times()).toEqual([0, 100, 200, 300])
    })
    test("exponential: each is twice the one before, or as often as the factor says", async () => {
      const retry = { attempts: 4, base: 100, jitter: "none" } as const
      const twice = await attempts({ retry }, throws("no"))
      const thrice = await attempts({ retry: { ...retry, factor: 3 } }, throws("no"))
      await twice.pass(10_000)
      await thrice.pass(10_000)
      expect([twice.times(), thrice.times()]).toEqual([
        [0, 100, 300, 700],
        [0, 100, 400, 1_300]
      ])
    })
    test("none is longer than the cap", async () => {
      const world = await attempts({ retry: { attempts: 4, base: 100, cap: 150, jitter: "none" } }, throws("no"))
      await world.pass(10_000)
      expect(world.times()).toEqual([0, 100, 250, 400])
    })
    test("none at all is a pause too", async () => {
      const world = await attempts({ retry: { attempts: 4, base: 0 } }, throws("no"))
      await world.pass(1)
      expect(world.times()).toEqual([0, 0, 0, 0])
    })
    test("however many attempts there were, a pause is a number below the cap", () => {
      const policy = { attempts: 10_000, baseMs: 1, capMs: 60_000, jitter: 0, factor: 1_000 }
      expect(pauseAfter(retryOf(policy), 9_999, "key")).toBe(60_000)
    })
    test("full jitter: anything from nothing to the pause", () => {
      const pauses = spread({ baseMs: 1_000, jitter: "full" }, 1)
      expect([Math.min(...pauses) < 50, Math.max(...pauses) > 950, Math.max(...pauses) <= 1_000]).toEqual([
        true,
        true,
        true
      ])
    })
    test("equal jitter: anything in the second half of the pause", () => {
      const pauses = spread({ baseMs: 1_000, jitter: "equal" }, 1)
      expect([Math.min(...pauses) >= 500, Math.min(...pauses) < 525, Math.max(...pauses) > 975]).toEqual([
        true,
        true,
        true
      ])
    })
    test("a part of the pause, either way", () => {
      const pauses = spread({ baseMs: 1_000, jitter: 0.1 }, 1)
      expect([Math.min(...pauses) >= 900, Math.max(...pauses) <= 1_100, Math.max(...pauses) > 1_090]).toEqual([
        true,
        true,
        true
      ])
    })
    test("decorrelated: anything from the base to three times the one before", () => {
      const retry = retryOf({ attempts: 9, backoff: "decorrelated", baseMs: 1_000, capMs: 20_000 })
      for (let run = 0; run < 200; run++)
        for (let n = 1, before = 1_000; n < 6; n++) {
          const pause = pauseAfter(retry, n, `run-${run}/t`)
          expect(pause).toBeGreaterThanOrEqual(1_000)
          expect(pause).toBeLessThanOrEqual(Math.min(20_000, 3 * before + 3))
          before = pause
        }
    })
    test("a cancel ends a pause at once, and nothing is tried again", async () => {
      const world = await attempts({ retry: { attempts: 9, base: "1m", jitter: 0 } }, throws("no"))
      await world.pass(10)
      await world.run.cancel()
      expect(await world.status()).toBe("cancelled")
      await world.pass(600_000)
      expect(world.calls.length).toBe(1)
    })
  })

  describe("what is tried again", () => {
    test("with a list of names, only errors whose code or tag stands in it", async () => {
      const retry = { attempts: 9, ...fixed, on: ["BUSY", "TypeError"] }
      const world = await attempts(
        { retry },
        throws("a", { code: "BUSY" }),
        () => {
          throw new TypeError("b")
        },
        throws("c", { code: "GONE" })
      )
      await world.pass(10_000)
      expect([world.calls.length, (await world.failure()).message]).toEqual([3, "c"])
    })
    test("errors of another list are not", async () => {
      const world = await attempts({ retry: { attempts: 9, ...fixed, notOn: ["GONE"] } }, throws("c", { code: "GONE" }))
      await world.pass(10_000)
      expect(world.calls.length).toBe(1)
    })
    test("an error may say of itself that it is for good", async () => {
      const world = await attempts({ retry: { attempts: 9, ...fixed } }, throws("no", { retryable: false }))
      await world.pass(10_000)
      expect(world.calls.length).toBe(1)
    })
    test("there is a class for errors that are for good", async () => {
      const world = await attempts({ retry: { attempts: 9, ...fixed } }, () => {
        throw new Permanent("stolen", { code: "STOLEN", data: { card: 1 } })
      })
      await world.pass(10_000)
      expect([world.calls.length, await world.failure()]).toMatchObject([1, { code: "STOLEN", data: { card: 1 } }])
    })
    test("code may say which failures are worth another attempt", async () => {
      const when = ({ message }: { readonly message: string }) => message === "one"
      const world = await attempts({ retry: { attempts: 9, ...fixed, when } }, throws("one"), throws("two"))
      await world.pass(10_000)
      expect([world.calls.length, (await world.failure()).message]).toEqual([2, "two"])
    })
    test("an error may say when to come back, also later than the cap", async () => {
      const world = await attempts(
        { retry: { attempts: 2, ...fixed, cap: 100 } },
        throws("no", { retryAfterMs: 5_000 }),
        () => 1
      )
      await world.pass(4_999)
      expect(world.calls.length).toBe(1)
      await world.pass(1)
      expect(world.calls.length).toBe(2)
    })
    test("one that wants to be asked sooner than its pause is not", async () => {
      const world = await attempts({ retry: { attempts: 2, ...fixed } }, throws("no", { retryAfterMs: 5 }), () => 1)
      await world.pass(10_000)
      expect(world.times()).toEqual([0, 100])
    })
    test("all attempts together may have a time: none begins after it", async () => {
      const world = await attempts({ retry: { attempts: 99, ...fixed, within: 350 } }, throws("no"))
      await world.pass(10_000)
      expect(world.times()).toEqual([0, 100, 200, 300])
      expect(await world.failure()).toMatchObject({ message: "no", givenUp: "time" })
    })
    test("a person may have it all done again, with all its attempts", async () => {
      const world = await attempts({ retry: { attempts: 2, ...fixed } }, throws("a"), throws("b"), throws("c"), () => 4)
      await world.pass(1_000)
      expect(await world.status()).toBe("failed")
      await world.run.retry()
      await world.pass(1_000)
      expect(await world.value()).toBe(4)
    })
  })
})
