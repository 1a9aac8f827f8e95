// What a health check does, as docs/RESILIENCE.md tells it.
import { breaker, type HealthCheckSettings, type HealthReport, healthCheck } from "troupe/machines"
import { describe, expect, test } from "vitest"
import { settle } from "../clock.ts"
import { printedBy } from "./process.ts"
import { handTime } from "./time.ts"

/** A service that is well or not, asked each second by a clock that the test moves. */
const world = (settings: Partial<HealthCheckSettings> = {}) => {
  const time = handTime(0)
  const bank = breaker({ name: "bank", now: time.now })
  let trouble: unknown
  let asked = 0
  const signals: Array<AbortSignal> = []
  const health = healthCheck(bank, {
    check: ({ signal }) => {
      asked++
      signals.push(signal)
      if (trouble !== undefined) throw trouble
    },
    every: "1s",
    time,
    ...settings
  })
  const reports: Array<HealthReport> = []
  health.onCheck((report) => reports.push(report))
  return {
    bank,
    health,
    reports,
    signals,
    asked: () => asked,
    be: (error?: unknown) => {
      trouble = error
    },
    timers: () => time.timers(),
    pass: async (ms = 0) => {
      await settle(2)
      time.move(ms)
      await settle(2)
    }
  }
}

describe("Policies alone", () => {
  describe("health checks", () => {
    test("a service is asked at once, and then again and again", async () => {
      const { asked, pass, health, bank } = world()
      expect([asked(), health.isWell]).toEqual([1, undefined])
      await pass(1_000)
      await pass(1_000)
      expect([asked(), health.isWell, bank.state]).toEqual([3, true, "closed"])
    })
    test("while it is not well its breaker is held open, and let go when it is well again", async () => {
      const { bank, be, pass, health } = world()
      be(new Error("too many tacos"))
      await pass(1_000)
      expect([bank.state, health.isWell]).toEqual(["forcedOpen", false])
      await pass(1_000)
      be()
      await pass(1_000)
      expect([bank.state, health.isWell, await bank.execute(() => 42)]).toEqual(["closed", true, 42])
    })
    test("who else holds the breaker keeps it open", async () => {
      const { bank, be, pass } = world()
      be("ill")
      await pass(1_000)
      const release = bank.forceOpen()
      be()
      await pass(1_000)
      expect(bank.state).toBe("forcedOpen")
      release()
      expect(bank.state).toBe("closed")
    })
    test("a breaker that was reset is held again by the next check that is not well", async () => {
      const { bank, be, pass } = world()
      be("ill")
      await pass(1_000)
      bank.reset()
      expect(bank.state).toBe("closed")
      await pass(1_000)
      expect(bank.state).toBe("forcedOpen")
    })
    test("each check is told with what was wrong; a listener that throws disturbs nobody", async () => {
      const told: Array<unknown> = []
      const { health, be, pass, reports } = world({ onError: (error) => told.push(error) })
      health.onCheck(() => {
        throw new TypeError("my own")
      })
      const error = new Error("too many tacos")
      be(error)
      await pass(1_000)
      await pass()
      expect(reports).toEqual([
        { breaker: "bank", isWell: true },
        { breaker: "bank", isWell: false, error }
      ])
      expect(told.length).toBe(2)
    })
    test("a check that takes too long is not well, and is told; the next one waits for it", async () => {
      let asked = 0
      let told: unknown
      const { bank, pass } = world({
        within: 500,
        check: ({ signal }) => {
          asked++
          signal.addEventListener("abort", () => (told = signal.reason.code))
          return new Promise(() => {})
        }
      })
      await pass(499)
      expect([bank.state, asked]).toEqual(["closed", 1])
      await pass(1)
      expect([bank.state, told, asked]).toEqual(["forcedOpen", "TIMEOUT", 1])
      await pass(1_000)
      expect(asked).toBe(2)
    })
    test("stopped, it asks no more, lets go of the breaker, and leaves no timer", async () => {
      const { bank, be, pass, health, asked, timers } = world()
      be("ill")
      await pass(1_000)
      health.stop()
      expect([bank.state, timers()]).toEqual(["closed", 0])
      await pass(10_000)
      expect(asked()).toBe(2)
    })
    test("stopped during a check, the check is told and what it says is not heard", async () => {
      let end!: (error: unknown) => void
      const { bank, pass, health, reports, timers } = world({
        check: () => new Promise((_, reject) => (end = reject))
      })
      await pass()
      health.stop()
      end("ill")
      await pass()
      expect([bank.state, reports, timers()]).toEqual(["closed", [], 0])
    })
    test("keeps no process alive", () => {
      const program = `healthCheck(breaker(), { check: () => console.log("asked"), every: "1h" })`
      expect(printedBy("breaker, healthCheck", program)).toBe("asked")
    })
    test("impossible settings of a check are refused", () => {
      const refusals: ReadonlyArray<readonly [settings: object, says: RegExp]> = [
        [{ check: "Biscuits and gravy" }, /^check of the health check of breaker 'bank' .*a function/],
        [{ every: 0 }, /^every of the health check of breaker 'bank' .*at least 1 ms/],
        [{ every: "Biscuits" }, /^every of/],
        [{ every: Number.NaN }, /^every of/],
        [{ within: -1 }, /^within of/],
        [{ interval: 5 }, /^the setting 'interval' of the health check/]
      ]
      for (const [settings, says] of refusals)
        expect(
          () => healthCheck(breaker({ name: "bank" }), { check: () => 1, every: "1s", ...settings } as never),
          JSON.stringify(settings)
        ).toThrow(says)
    })
  })
})
