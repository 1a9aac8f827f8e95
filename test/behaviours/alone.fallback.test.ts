// What stands in for a call that failed, without an orchestrator, as docs/RESILIENCE.md tells it.
import { type Failed, type FallbackAnswer, type FallbackSettings, fallback, type PolicyReport } from "troupe/machines"
import { describe, expect, test } from "vitest"

class Down extends Error {
  readonly code = "DOWN"
}
const down = new Down("no")
const fail = async (): Promise<number> => {
  throw down
}

/** A fallback, and what it told. */
const world = <F>(settings: FallbackSettings<F>) => {
  const made = fallback(settings)
  const answers: Array<FallbackAnswer> = []
  const calls: Array<PolicyReport> = []
  made.onFallback((answer) => answers.push(answer))
  made.onCall((report) => calls.push(report))
  return { fallback: made, answers, calls: () => calls.map(({ end, error }) => [end, error]) }
}

describe("Policies alone", () => {
  describe("fallback", () => {
    test("what succeeds needs none", async () => {
      const { fallback, answers, calls } = world({ value: "none" })
      expect(await fallback.execute(() => 42)).toBe(42)
      expect([answers, calls()]).toEqual([[], [["succeeded", undefined]]])
    })
    test("a value stands in for what failed, thrown at once or later, and may be anything", async () => {
      expect(await fallback({ value: "none" }).execute(fail)).toBe("none")
      const atOnce = fallback({ value: undefined }).execute((): number => {
        throw down
      })
      expect([await atOnce, await fallback({ value: null }).execute(fail)]).toEqual([undefined, null])
      const later = () => 1
      expect(await fallback({ value: later }).execute(fail)).toBe(later)
    })
    test("a function is told the failure and answers at once, later, or with a failure of its own", async () => {
      const seen: Array<Failed> = []
      const told = fallback({
        call: (failed) => {
          seen.push(failed)
          return "told"
        }
      })
      expect(await told.execute(fail)).toBe("told")
      expect(seen).toEqual([{ error: down }])
      expect(await fallback({ call: async () => "later" }).execute(fail)).toBe("later")
      const second = new Error("nope")
      expect(
        await fallback({ call: () => Promise.reject(second) })
          .execute(fail)
          .catch((error) => error)
      ).toBe(second)
    })
    test("it answers for some errors only, by tag, by code, or as code says", async () => {
      const settled = (settings: object) =>
        fallback({ value: "none", ...settings })
          .execute(fail)
          .catch((error) => error)
      expect(await settled({ on: ["DOWN"] })).toBe("none")
      expect(await settled({ on: ["BUSY"] })).toBe(down)
      expect(await settled({ notOn: ["DOWN"] })).toBe(down)
      expect(await settled({ when: (error: unknown) => error instanceof Down })).toBe("none")
      expect(await settled({ when: () => false })).toBe(down)
    })
    test("also for a result that is a failure all the same", async () => {
      const { fallback, answers } = world({ value: "none", isFailureResult: (value) => value === 500 })
      expect([await fallback.execute(() => 500), await fallback.execute(() => 200)]).toEqual(["none", 200])
      expect(answers).toEqual([{ policy: "fallback", failed: { value: 500 }, end: "succeeded", value: "none" }])
    })
    test("not for a call that its caller gave up, but for one whose time was over", async () => {
      const { fallback } = world({ value: "none" })
      const call = (signal: AbortSignal) =>
        fallback
          .execute(
            ({ signal: inner }) =>
              new Promise((_, reject) => inner.addEventListener("abort", () => reject(inner.reason))),
            { signal }
          )
          .catch((error) => error)
      const caller = new AbortController()
      const givenUp = call(caller.signal)
      caller.abort("enough")
      expect([await givenUp, await call(AbortSignal.abort("before"))]).toEqual(["enough", "before"])
      expect(await call(AbortSignal.timeout(5))).toBe("none")
    })
    test("the function is given the signal of its caller", async () => {
      const caller = new AbortController()
      await fallback({ value: 0 }).execute(
        ({ signal }) => {
          expect(signal.aborted).toBe(false)
          caller.abort()
          expect(signal.aborted).toBe(true)
        },
        { signal: caller.signal }
      )
    })
    test("each answer is told with what it stands in for, and the failure before it", async () => {
      const second = new Error("nope")
      let answer: () => string = () => "told"
      const made = world({ name: "spare", call: () => answer() })
      await made.fallback.execute(fail)
      answer = () => {
        throw second
      }
      await made.fallback.execute(fail).catch(() => {})
      const failed = { error: down }
      expect(made.answers).toEqual([
        { policy: "spare", failed, end: "succeeded", value: "told" },
        { policy: "spare", failed, end: "failed", error: second }
      ])
      expect(made.calls()).toEqual([
        ["failed", down],
        ["failed", down]
      ])
    })
    test("a question or a listener that throws disturbs nobody, and whoever wants to is told", async () => {
      const told: Array<unknown> = []
      const oops = () => {
        throw new TypeError("my own")
      }
      const made = fallback({ value: "none", when: oops, isFailureResult: oops, onError: (error) => told.push(error) })
      made.onFallback(oops)
      expect([await made.execute(fail), await made.execute(() => 1), told.length]).toEqual(["none", 1, 3])
    })
    test("a function with a fallback takes the same arguments", async () => {
      const half = fallback({ value: "odd" }).wrap((n: number) => (n % 2 === 0 ? n / 2 : fail()))
      expect([await half(4), await half(5)]).toEqual([2, "odd"])
    })
    test("impossible settings are refused when it is made", () => {
      const refusals: ReadonlyArray<readonly [settings: object, says: RegExp]> = [
        [{}, /^fallback 'spare' .*either \{ value \}, or \{ call/],
        [{ value: 1, call: () => 1 }, /either/],
        [{ call: 5 }, /either/],
        [{ value: 1, on: [] }, /^on of fallback 'spare'/],
        [{ value: 1, notOn: "DOWN" }, /^notOn of/],
        [{ value: 1, wen: () => true }, /^the setting 'wen' of fallback 'spare' .*when/]
      ]
      for (const [settings, says] of refusals)
        expect(() => fallback({ name: "spare", ...settings } as never), JSON.stringify(settings)).toThrow(says)
    })
  })
})
