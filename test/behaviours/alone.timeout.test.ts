// What a bound of time does without an orchestrator, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { CallTimedOut } from "troupe"
import { breaker, type PolicyReport, type TimeoutReport, type TimeoutSettings, timeout } from "troupe/machines"
import { describe, expect, test } from "vitest"
import { settle } from "../clock.ts"
import { printedBy } from "./process.ts"
import { handTime } from "./time.ts"

/** A timeout of 100 ms whose time stands still, and calls that are out until they are told how to end. */
const world = (settings: Partial<TimeoutSettings> = {}) => {
  const time = handTime(0)
  const made = timeout({ after: 100, time, ...settings })
  const told: Array<TimeoutReport> = []
  const seen: Array<PolicyReport> = []
  made.onTimeout((report) => told.push(report))
  made.onCall((report) => seen.push(report))
  const out = (options?: { readonly signal?: AbortSignal }) => {
    let end!: (error?: unknown) => void
    let signal!: AbortSignal
    let ended: unknown = "not yet"
    made
      .execute(
        (call) =>
          new Promise<string>((resolve, reject) => {
            signal = call.signal
            end = (error) => (error === undefined ? resolve("fine") : reject(error))
          }),
        options
      )
      .then(
        (value) => (ended = value),
        (error) => (ended = error)
      )
    return {
      end: async (error?: unknown) => {
        end(error)
        await settle(4)
      },
      signal: () => signal,
      ended: () => ended
    }
  }
  const move = async (ms: number) => {
    time.move(ms)
    await settle(4)
  }
  return { timeout: made, time, told, ends: () => seen.map(({ end, ms }) => [end, ms]), out, move }
}

describe("Policies alone", () => {
  describe("timeout", () => {
    test("what answers in time is as if there were none, and leaves no timer", async () => {
      const { timeout, time } = world()
      expect(await timeout.execute(() => 42)).toBe(42)
      expect(await timeout.execute(async () => 43)).toBe(43)
      expect(time.timers()).toBe(0)
    })
    test("an error in time comes back as it was thrown", async () => {
      const error = new Error("oh no")
      const { timeout, told, time } = world()
      const thrown = timeout.execute(() => {
        throw error
      })
      expect(await thrown.catch((seen) => seen)).toBe(error)
      expect([told.length, time.timers()]).toEqual([0, 0])
    })
    test("when the time is over, and not before, the caller has an error that says so, and the function is told", async () => {
      const { out, move } = world({ name: "bank" })
      const call = out()
      await move(99)
      expect([call.ended(), call.signal().aborted]).toEqual(["not yet", false])
      await move(1)
      expect(call.ended()).toBeInstanceOf(CallTimedOut)
      expect(call.ended()).toMatchObject({ code: "TIMEOUT", timeout: "bank", timeoutMs: 100 })
      expect([call.signal().aborted, call.signal().reason]).toEqual([true, call.ended()])
    })
    test("what answers after all is late: told to whoever listens, and nobody else", async () => {
      const { out, move, ends } = world()
      const [good, bad] = [out(), out()]
      await move(100)
      await move(50)
      await good.end()
      await bad.end(new Error("too late, and wrong"))
      expect(ends()).toEqual([
        ["failed", 100],
        ["failed", 100],
        ["late", 150],
        ["late", 150]
      ])
      expect(good.ended()).toBeInstanceOf(CallTimedOut)
    })
    test("a patient one tells the function, and gives the caller what it answers then, good or bad", async () => {
      const { out, move, told, ends } = world({ patient: true })
      const [good, bad] = [out(), out()]
      await move(100)
      expect([good.signal().aborted, good.ended(), told.length]).toEqual([true, "not yet", 2])
      const error = new Error("I gave up")
      await good.end()
      await bad.end(error)
      expect([good.ended(), bad.ended()]).toEqual(["fine", error])
      expect(ends()).toEqual([
        ["succeeded", 100],
        ["failed", 100]
      ])
    })
    test("a caller that gives up is passed on to the function, with its reason", async () => {
      const { out, told } = world()
      const caller = new AbortController()
      const call = out({ signal: caller.signal })
      expect(call.signal().aborted).toBe(false)
      caller.abort("enough")
      expect([call.signal().aborted, call.signal().reason]).toEqual([true, "enough"])
      await call.end("as you like")
      expect([call.ended(), told]).toEqual(["as you like", []])
    })
    test("with a caller that may give up it still has its own time", async () => {
      const { out, move } = world()
      const call = out({ signal: new AbortController().signal })
      await move(100)
      expect(call.ended()).toBeInstanceOf(CallTimedOut)
    })
    test("what is given up before it begins is not called, and has no timer", async () => {
      const { timeout, time } = world()
      let calls = 0
      const call = timeout.execute(() => calls++, { signal: AbortSignal.abort("enough") })
      expect([await call.catch((seen) => seen), calls, time.timers()]).toEqual(["enough", 0, 0])
    })
    test("what has answered is not told to stop: a body that is still read may be read to its end", async () => {
      const { out, move } = world()
      const call = out()
      await call.end()
      await move(1_000)
      expect([call.ended(), call.signal().aborted]).toEqual(["fine", false])
    })
    test("the end of the time is told once, before the call ends", async () => {
      const { out, move, told, timeout } = world()
      const order: Array<string> = []
      timeout.onTimeout(() => order.push("timeout"))
      timeout.onCall(({ end }) => order.push(end))
      out()
      await move(500)
      expect([order, told.length, told[0]!.error.timeoutMs]).toEqual([["timeout", "failed"], 1, 100])
    })
    test("a timed function takes the same arguments", async () => {
      const add = timeout({ after: "5s" }).wrap(async (a: number, b: number) => a + b)
      expect(await add(3, 4)).toBe(7)
    })
    test("keeps the process alive while it waits, unless it is given the time of the background", () => {
      const run = (time: string) =>
        printedBy(
          "backgroundTime, timeout",
          `timeout({ after: 50${time} }).execute(() => new Promise(() => {})).catch(({ code }) => console.log(code))`
        )
      expect([run(""), run(", time: backgroundTime")]).toEqual(["TIMEOUT", ""])
    })
    test("an impossible timeout is refused when it is made, with the setting and what is allowed", () => {
      const refusals: ReadonlyArray<readonly [settings: object, says: RegExp]> = [
        [{}, /^after of timeout 'bank'/],
        [{ after: 0 }, /^after of timeout 'bank' cannot be 0: give at least 1 ms/],
        [{ after: -5 }, /^after of/],
        [{ after: Number.NaN }, /^after of/],
        [{ after: Number.POSITIVE_INFINITY }, /^after of/],
        [{ after: "soon" }, /^after of/],
        [{ after: 5, patient: "very" }, /^patient of/],
        [{ after: 5, strategy: "aggressive" }, /^the setting 'strategy' of timeout 'bank'/]
      ]
      for (const [settings, says] of refusals)
        expect(() => timeout({ name: "bank", ...settings } as never), JSON.stringify(settings)).toThrow(says)
    })
    test("inside a breaker and around one, a call that takes too long is a failure of what was called", async () => {
      for (const isInside of [true, false]) {
        const { timeout, move } = world()
        const bank = breaker({ failures: 1 })
        const out = (call: { readonly signal: AbortSignal }) =>
          new Promise<never>((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)))
        const call = isInside
          ? bank.execute(() => timeout.execute(out))
          : timeout.execute(({ signal }) => bank.execute(out, { signal }))
        call.catch(() => {})
        await move(100)
        expect([isInside, bank.state]).toEqual([isInside, "open"])
      }
    })
  })
})
