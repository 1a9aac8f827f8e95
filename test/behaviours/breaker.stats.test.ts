// Counts and latencies of a breaker, and what else can be seen of it. Times are moved by the test.
import { CallTimedOut } from "troupe"
import { type BreakerSettings, breaker, type CallReport, type FallbackReport } from "troupe/machines"
import { describe, expect, test } from "vitest"

const world = (settings: BreakerSettings<any> = { stats: true }) => {
  let now = 1_000_000
  const made = breaker({ name: "bank", now: () => now, failures: 1_000, ...settings })
  return {
    breaker: made,
    tick: (ms: number) => {
      now += ms
    },
    take: (ms: number, error?: unknown) =>
      made
        .execute(() => {
          now += ms
          if (error !== undefined) throw error
          return "fine"
        })
        .catch((seen: unknown) => seen)
  }
}
const none = { min: 0, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 }
const empty = {
  windowMs: 10_000,
  calls: 0,
  succeeded: 0,
  failed: 0,
  timedOut: 0,
  ignored: 0,
  refused: 0,
  late: 0,
  fallbacks: 0,
  latency: none
}

describe("Circuit breaker", () => {
  describe("counts and latencies", () => {
    test("there are none where nobody asked for them", () => {
      expect(breaker().stats()).toBe(undefined)
    })
    test("before the first call all are 0", () => {
      expect(world().breaker.stats()).toEqual(empty)
    })
    test("every end of a call is counted: successes, failures, timeouts among them, refusals, what is ignored or late, fallbacks", async () => {
      const { breaker, take } = world({ stats: true, failures: 3, ignore: ["NotFound"], fallback: () => "spare" })
      let late!: (value: string) => void
      const out = breaker.execute(() => new Promise<string>((resolve) => (late = resolve)))
      await take(1)
      await take(1)
      await take(1, Object.assign(new Error("no"), { code: "NotFound" }))
      await take(1, new Error("no"))
      await take(1, new CallTimedOut({ timeout: "t", timeoutMs: 5 }))
      await take(1, new DOMException("too slow", "TimeoutError"))
      await take(1)
      late("fine")
      await out
      expect(breaker.stats()).toMatchObject({
        calls: 8,
        succeeded: 2,
        failed: 3,
        timedOut: 2,
        ignored: 1,
        refused: 1,
        late: 1,
        fallbacks: 4
      })
    })
    test("latencies: least, mean and most are exact, percentiles within 2 %", async () => {
      const { breaker, take } = world()
      // in an order of no meaning
      for (let i = 0; i < 1_000; i++) await take(((i * 7_919) % 1_000) + 1, i % 3 === 0 ? new Error("no") : undefined)
      // the first calls are older than the window: all are in one that is long enough
      const whole = world({ stats: { window: "10m" } })
      for (let i = 0; i < 1_000; i++) await whole.take(((i * 7_919) % 1_000) + 1)
      const { latency, calls } = whole.breaker.stats()!
      expect([calls, latency.min, latency.mean, latency.max]).toEqual([1_000, 1, 500.5, 1_000])
      for (const [seen, exact] of [
        [latency.p50, 500],
        [latency.p90, 900],
        [latency.p95, 950],
        [latency.p99, 990]
      ] as const)
        expect(Math.abs(seen - exact) / exact).toBeLessThan(0.02)
      expect(breaker.stats()!.calls).toBeLessThan(1_000)
    })
    test("a single latency is all of them, and what is refused took none", async () => {
      const { breaker, take } = world({ stats: true, failures: 1 })
      await take(37, new Error("no"))
      await take(1)
      const { latency, refused } = breaker.stats()!
      expect([refused, latency]).toEqual([1, { min: 37, mean: 37, p50: 37, p90: 37, p95: 37, p99: 37, max: 37 }])
    })
    test("calls of a microsecond and of hours have their place", async () => {
      const { breaker, take } = world({ stats: { window: "1d" } })
      await take(0.001)
      await take(2 * 3_600_000)
      const { latency } = breaker.stats()!
      expect([latency.min, latency.max]).toEqual([expect.closeTo(0.001, 6), 7_200_000])
      // what takes longer than the histogram is long stands at its end
      expect(latency.p99).toBeGreaterThan(2_000_000)
    })
    test("what is older than the window is forgotten, a tenth of it at a time", async () => {
      const { breaker, take, tick } = world({ stats: { window: "10s" } })
      for (let second = 0; second < 10; second++) {
        await take(0)
        tick(1_000)
      }
      const counts: Array<number> = []
      for (let second = 0; second < 11; second++) {
        counts.push(breaker.stats()!.calls)
        tick(1_000)
      }
      expect(counts).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0])
      expect(breaker.stats()).toEqual(empty)
    })
    test("a pause of half the window forgets half of it", async () => {
      const { breaker, take, tick } = world({ stats: { window: "10s" } })
      for (let second = 0; second < 10; second++) {
        await take(second)
        tick(1_000)
      }
      tick(4_000)
      await take(100)
      expect(breaker.stats()).toMatchObject({ calls: 6, latency: { min: 5, max: 100 } })
    })
    test("a pause longer than the window forgets all at once", async () => {
      const { breaker, take, tick } = world()
      await take(5)
      tick(3_600_000)
      expect(breaker.stats()).toEqual(empty)
      await take(7)
      expect(breaker.stats()).toMatchObject({ calls: 1, latency: { min: 7, max: 7 } })
    })
    test("opening, closing and forcing forget nothing of them", async () => {
      const { breaker, take } = world({ stats: true, failures: 1 })
      await take(1, new Error("no"))
      breaker.reset()
      breaker.forceClosed()
      await take(1, new Error("no"))
      expect([breaker.state, breaker.stats()!.failed]).toEqual(["forcedClosed", 2])
    })
    test("without a clock of its own they are finer than a millisecond", async () => {
      const fine = breaker({ stats: true })
      await fine.execute(() => 1)
      const { max } = fine.stats()!.latency
      expect(max).toBeGreaterThan(0)
      expect(Number.isInteger(max)).toBe(false)
    })
    test("an impossible window is refused", () => {
      for (const [stats, says] of [
        [{ window: 0 }, /^stats.window of breaker 'bank' cannot be 0: give at least 10 ms/],
        [{ window: "soon" }, /^stats.window of/],
        [{ window: Number.NaN }, /^stats.window of/],
        [{ buckets: 5 }, /^the setting 'buckets' of stats of breaker 'bank'/]
      ] as const)
        expect(() => breaker({ name: "bank", stats } as never)).toThrow(says)
    })
  })

  describe("what is told of a call", () => {
    const told = async (settings: BreakerSettings<any>) => {
      const made = world(settings)
      const seen: Array<CallReport> = []
      made.breaker.onCall((report) => seen.push(report))
      return { ...made, seen }
    }
    test("the error it failed with or was refused with, also where a fallback answered", async () => {
      const { take, seen } = await told({ failures: 1, fallback: () => "spare" })
      const error = new Error("no")
      await take(1)
      await take(2, error)
      await take(3)
      expect(seen.map(({ end, ms, error }) => [end, ms, error])).toEqual([
        ["succeeded", 1, undefined],
        ["failed", 2, error],
        ["refused", 0, expect.objectContaining({ _tag: "CircuitOpen" })]
      ])
    })
    test("whether its time was over", async () => {
      const { take, seen } = await told({})
      await take(1, new CallTimedOut({ timeout: "t", timeoutMs: 1 }))
      await take(1, Object.assign(new Error("socket"), { code: "ETIMEDOUT" }))
      await take(1, new Error("no"))
      await take(1)
      expect(seen.map(({ isTimeout }) => isTimeout)).toEqual([true, true, false, false])
    })
    test("an error that cannot even be read harms nobody", async () => {
      const { take, seen } = await told({ stats: true })
      const error = {
        get name() {
          throw new TypeError("not yours")
        }
      }
      expect([(await take(1, error)) === error, seen[0]!.isTimeout]).toEqual([true, false])
    })
    test("a call is counted when it begins, also where all calls pass whatever fails", async () => {
      const { breaker } = world({})
      breaker.forceClosed()
      const call = breaker.execute(() => Promise.reject(new Error("no")))
      expect(breaker.metrics().totals).toMatchObject({ calls: 1, failed: 0 })
      await call.catch(() => {})
      expect(breaker.metrics().totals).toMatchObject({ calls: 1, failed: 1 })
    })
    test("each answer of a fallback, with what it answered for, and its failure", async () => {
      const second = new Error("nope")
      const first = new Error("no")
      let answer: () => unknown = () => "spare"
      const { breaker, take } = world({ fallback: () => answer() })
      const seen: Array<FallbackReport> = []
      const end = breaker.onFallback((report) => seen.push(report))
      breaker.onFallback(() => {
        throw new TypeError("my own")
      })
      expect(await take(1, first)).toBe("spare")
      answer = () => Promise.reject(second)
      expect(await take(1, first)).toBe(second)
      answer = () => {
        throw second
      }
      expect(await take(1, first)).toBe(second)
      end()
      await take(1, first)
      expect(seen).toEqual([
        { breaker: "bank", error: first, end: "succeeded", value: "spare" },
        { breaker: "bank", error: first, end: "failed", value: second },
        { breaker: "bank", error: first, end: "failed", value: second }
      ])
    })
    test("a refusal says how long until a trial, so that a retry waits no longer", async () => {
      const { breaker, take, tick } = world({ failures: 1, reset: "10s" })
      await take(0, new Error("no"))
      tick(4_000)
      expect(await take(0)).toMatchObject({ retryAfterMs: 6_000 })
      breaker.forceOpen()
      expect(await take(0)).toMatchObject({ retryAfterMs: undefined })
    })
  })
})
