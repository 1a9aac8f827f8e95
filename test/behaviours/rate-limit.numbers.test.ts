// What a rate limit says of itself, on a time that the test moves.
import { type RateLimitSettings, rateLimit } from "troupe/machines"
import { describe, expect, test } from "vitest"
import { settle } from "../clock.ts"
import { handTime } from "./time.ts"

const world = (settings: RateLimitSettings) => {
  const time = handTime(0)
  const limit = rateLimit({ name: "bank", time, ...settings })
  return {
    limit,
    call: async (times = 1) => {
      for (let i = 0; i < times; i++) void limit.execute(() => 1).catch(() => {})
      await settle(2)
    },
    move: async (ms: number) => {
      time.move(ms)
      await settle(2)
    },
    counts: () => {
      const { free, passed, queued, refused } = limit.metrics()
      return [free, passed, queued, refused]
    }
  }
}

describe("Rate limit", () => {
  describe("what can be seen", () => {
    test("of a bucket: tokens that are there, who passed, waits, and was refused", async () => {
      const { call, move, counts } = world({ perSecond: 10, burst: 3, queue: 2 })
      expect(counts()).toEqual([3, 0, 0, 0])
      await call(2)
      expect(counts()).toEqual([1, 2, 0, 0])
      await call(4)
      expect(counts()).toEqual([0, 3, 2, 1])
      await move(200)
      expect(counts()).toEqual([0, 5, 0, 1])
      await move(99)
      expect(counts()[0]).toBe(0)
      await move(1)
      expect(counts()[0]).toBe(1)
      await move(10_000)
      expect(counts()[0]).toBe(3)
    })
    test("of a window: calls that are left in it", async () => {
      const { call, move, counts } = world({ limit: 2, window: "1s" })
      expect(counts()[0]).toBe(2)
      await call(3)
      expect(counts()).toEqual([0, 2, 1, 0])
      await move(1_000)
      expect(counts()).toEqual([1, 3, 0, 0])
      await move(1_000)
      expect(counts()[0]).toBe(2)
    })
    test("each call is told: done, failed, or refused without being made, with how long it waited and took", async () => {
      const { limit, move } = world({ perSecond: 10, burst: 1, queue: 1 })
      const seen: Array<readonly [string, number, unknown]> = []
      limit.onCall(({ policy, end, ms, error }) => seen.push([`${policy} ${end}`, ms, error]))
      const error = new Error("no")
      await limit.execute(() => 1)
      const waits = limit.execute(() => Promise.reject(error)).catch(() => {})
      const refused = await limit.execute(() => 1).catch((seen) => seen)
      await move(100)
      await waits
      expect(seen).toEqual([
        ["bank succeeded", 0, undefined],
        ["bank refused", 0, refused],
        ["bank failed", 100, error]
      ])
    })
    test("what is free is what passes at once, for any rate and at any time", async () => {
      for (const perSecond of [3, 7, 1_000 / 3, 0.1])
        for (const ms of [0, 1, 333, 334, 1_000, 9_999]) {
          const { limit, call, move } = world({ perSecond, burst: 5, wait: 0 })
          await call(5)
          await move(ms)
          const { free, passed } = limit.metrics()
          await call(6)
          expect([perSecond, ms, limit.metrics().passed - passed]).toEqual([perSecond, ms, free])
        }
    })
  })
})
