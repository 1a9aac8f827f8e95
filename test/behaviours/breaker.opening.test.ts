// When a breaker does not open yet, and for how long it opens: what code says beside the policy.
import { type BreakerSettings, type BreakerState, breaker, breakerRule, type Opening } from "troupe/machines"
import { describe, expect, test } from "vitest"

const world = (settings: BreakerSettings<any>) => {
  let now = 1_000_000
  const made = breaker({ name: "bank", now: () => now, ...settings })
  const down = Object.assign(new Error("no"), { code: "DOWN" })
  return {
    breaker: made,
    down,
    tick: (ms: number) => {
      now += ms
    },
    fail: async (times = 1) => {
      for (let i = 0; i < times; i++) await made.execute(() => Promise.reject(down)).catch(() => {})
    },
    take: (ms: number) =>
      made.execute(() => {
        now += ms
      }),
    openMs: () => made.metrics().retryAt! - now
  }
}

describe("Circuit breaker", () => {
  describe("warm-up", () => {
    test("without one it may open from the first call on", async () => {
      const { breaker, fail } = world({ failures: 1 })
      await fail()
      expect(breaker.state).toBe("open")
    })
    test("nothing opens it in the time after it was made: no failures, no rate, no slow calls", async () => {
      const slow = { failureRate: 0.1, slowRate: 0.1, slow: 1, minimum: 1 }
      for (const policy of [{ failures: 1 }, slow]) {
        const { breaker, fail, take } = world({ ...policy, warmUp: "10s" })
        await fail(20)
        await take(5)
        expect([breaker.state, breaker.metrics().totals.failed]).toEqual(["closed", 20])
      }
    })
    test("what failed meanwhile is counted, so that the first failure after it may open it", async () => {
      const { breaker, fail, tick } = world({ failures: 3, warmUp: "10s" })
      await fail(5)
      tick(9_999)
      await fail()
      expect(breaker.state).toBe("closed")
      tick(1)
      await fail()
      expect([breaker.state, breaker.metrics().why]).toEqual(["open", "failures"])
    })
    test("it is over once: a breaker that was closed again, or reset, has none", async () => {
      const { breaker, fail, tick, take } = world({ failures: 1, warmUp: "10s", reset: "1s" })
      tick(10_000)
      await fail()
      tick(1_000)
      await take(0)
      expect(breaker.state).toBe("closed")
      await fail()
      expect(breaker.state).toBe("open")
      const young = world({ failures: 1, warmUp: "10s" })
      young.breaker.reset()
      await young.fail()
      expect(young.breaker.state).toBe("open")
    })
    test("goes on in another process where it was", async () => {
      const first = world({ failures: 1, warmUp: "10s" })
      const state: BreakerState = JSON.parse(JSON.stringify(first.breaker.snapshot()))
      const second = world({ failures: 1, warmUp: "10s", from: state })
      second.tick(9_999)
      await second.fail()
      expect(second.breaker.state).toBe("closed")
      second.tick(1)
      await second.fail()
      expect(second.breaker.state).toBe("open")
    })
    test("an impossible warm-up is refused", () => {
      for (const warmUp of [-1, Number.NaN, Number.POSITIVE_INFINITY, "soon"])
        expect(() => breaker({ name: "bank", warmUp } as never)).toThrow(/^warmUp of breaker 'bank'/)
      for (const warmUpMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, "1s"])
        expect(() => breakerRule({ warmUpMs } as never)).toThrow(/^warmUpMs of a breaker/)
    })
  })

  describe("how long it opens", () => {
    test("code may say it, told how often it has opened and what failed", async () => {
      const seen: Array<Opening & { readonly error: unknown }> = []
      const { fail, tick, openMs, down, breaker } = world({
        failures: 2,
        failureRate: 1,
        minimum: 3,
        window: { calls: 10 },
        openFor: (opening) => {
          seen.push(opening)
          return opening.opened === 1 ? "7s" : 70_000
        }
      })
      await fail(2)
      expect(openMs()).toBe(7_000)
      tick(6_999)
      await fail()
      expect(breaker.metrics().totals.refused).toBe(1)
      tick(1)
      await fail()
      expect(openMs()).toBe(70_000)
      const window = { calls: 2, failures: 2, slow: 0 }
      expect(seen).toEqual([
        { opened: 1, failuresInARow: 2, window, error: down },
        { opened: 2, failuresInARow: 0, window, error: down }
      ])
    })
    test("asked only when it opens, by a slow trial too", async () => {
      let asked = 0
      const { fail, take, tick, openMs } = world({
        failures: 3,
        slowRate: 1,
        slow: 10,
        minimum: 5,
        reset: "1s",
        openFor: () => {
          asked++
          return "9s"
        }
      })
      await take(1)
      await fail(2)
      await take(1)
      expect(asked).toBe(0)
      await fail(3)
      expect(asked).toBe(1)
      tick(9_000)
      await take(11)
      expect([asked, openMs()]).toEqual([2, 9_000])
      const young = world({ failures: 1, warmUp: "10s", openFor: () => (asked = 99) })
      await young.fail()
      expect(asked).toBe(2)
    })
    test("a list of periods is a function of how often it has opened; a breaker that was closed begins with the first again", async () => {
      const periods = [1_000, 2_000]
      const { fail, tick, take, openMs } = world({ failures: 1, openFor: ({ opened }) => periods[opened - 1] ?? 2_000 })
      const lengths: Array<number> = []
      for (let i = 0; i < 3; i++) {
        await fail()
        lengths.push(openMs())
        tick(openMs())
      }
      await take(0)
      await fail()
      expect([...lengths, openMs()]).toEqual([1_000, 2_000, 2_000, 1_000])
    })
    test("where it says nothing the policy does; one that throws, or gives no time, is not heard", async () => {
      const answers: ReadonlyArray<() => unknown> = [
        () => undefined,
        () => 0,
        () => Number.NaN,
        () => "soon",
        () => {
          throw new TypeError("my own")
        }
      ]
      for (const [i, openFor] of answers.entries()) {
        const told: Array<unknown> = []
        const settings = { failures: 1, reset: "5s", onError: (error: unknown) => told.push(error) } as const
        const { fail, openMs } = world({ ...settings, openFor: openFor as never })
        await fail()
        expect([openMs(), told.length]).toEqual([5_000, i === 0 ? 0 : 1])
      }
    })
  })
})
