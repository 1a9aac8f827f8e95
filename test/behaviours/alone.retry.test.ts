// What attempts do that are made without an orchestrator, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { limits, Permanent } from "troupe"
import { type GiveUpReport, type PolicyReport, type RetryReport, type RetrySettings, retry } from "troupe/machines"
import { describe, expect, test } from "vitest"
import { settle } from "../clock.ts"
import { printedBy } from "./process.ts"
import { handTime } from "./time.ts"

class Busy extends Error {
  readonly code = "BUSY"
}

/** A retry whose time stands still, around a function whose n-th call does what the n-th step says; the last goes on for ever. */
const world = (settings: RetrySettings, ...steps: ReadonlyArray<() => unknown>) => {
  const time = handTime(0)
  const made = retry({ time, ...settings })
  const called: Array<number> = []
  const retries: Array<RetryReport> = []
  const givenUp: Array<GiveUpReport> = []
  made.onRetry((report) => retries.push(report))
  made.onGiveUp((report) => givenUp.push(report))
  const begin = (options?: { readonly signal?: AbortSignal; readonly key?: string }) => {
    let ended: unknown = "not yet"
    const call = made.execute<unknown>(() => {
      called.push(time.now())
      return (steps[called.length - 1] ?? steps.at(-1)!)()
    }, options)
    call.then(
      (value) => (ended = value),
      (error) => (ended = error)
    )
    return () => ended
  }
  const move = async (ms: number) => {
    await settle(4)
    time.move(ms)
    await settle(4)
  }
  return {
    retry: made,
    time,
    called,
    retries,
    givenUp,
    begin,
    move,
    /** All pauses, one after the other, until the end. */
    all: async (options?: { readonly key?: string }) => {
      const ended = begin(options)
      for (let i = 0; i < 200 && ended() === "not yet"; i++) await move(limits.durationMs)
      return ended()
    },
    pauses: () => retries.map(({ pauseMs }) => pauseMs)
  }
}
const busy = (): never => {
  throw new Busy("busy")
}

describe("Policies alone", () => {
  describe("retry: attempts", () => {
    test("what succeeds is called once, and its value comes back, at once or later", async () => {
      const { retry, called, all } = world({ attempts: 3 }, () => 42)
      expect([await retry.execute(() => 1), await retry.execute(async () => 2), await all()]).toEqual([1, 2, 42])
      expect(called.length).toBe(1)
    })
    test("what fails is called again until it succeeds, and knows which attempt it is", async () => {
      const { retry } = world({ attempts: 5, base: 0 })
      const seen: Array<number> = []
      const value = await retry.execute(({ attempt }) => {
        seen.push(attempt)
        return attempt < 3 ? busy() : "done"
      })
      expect([value, seen]).toEqual(["done", [1, 2, 3]])
    })
    test("when all attempts are spent the last error comes back as it was thrown", async () => {
      const last = new Busy("the third")
      const { all, called } = world({ attempts: 3, base: 10 }, busy, busy, () => {
        throw last
      })
      expect([await all(), called.length]).toEqual([last, 3])
    })
    test("a result may be a failure: it is tried again, and the last one comes back all the same", async () => {
      const settings = { attempts: 3, base: 10, isFailureResult: (value: unknown) => Number(value) < 2 }
      const better = world(
        settings,
        () => 1,
        () => 2
      )
      const never = world(settings, () => 1)
      expect([await better.all(), better.called.length]).toEqual([2, 2])
      expect([await never.all(), never.called.length]).toEqual([1, 3])
    })
    test("a retried function takes the same arguments", async () => {
      const { retry } = world({ attempts: 2, base: 0 })
      let calls = 0
      const add = retry.wrap((a: number, b: number) => (++calls === 1 ? busy() : a + b))
      expect([await add(3, 4), calls]).toEqual([7, 2])
    })
  })

  describe("retry: what is tried again", () => {
    test("only errors of the list, or none of the other list, by tag or code", async () => {
      const only = world({ attempts: 5, base: 1, on: ["BUSY"] }, busy, () => {
        throw new TypeError("mine")
      })
      expect(await only.all()).toBeInstanceOf(TypeError)
      expect(only.called.length).toBe(2)
      const not = world({ attempts: 5, base: 1, notOn: ["BUSY"] }, busy)
      expect([((await not.all()) as Busy).code, not.called.length]).toEqual(["BUSY", 1])
    })
    test("code may say which errors, by class or by what stands in them", async () => {
      const { all, called } = world({ attempts: 5, base: 1, when: (error) => error instanceof Busy }, busy, () => {
        throw new Error("potato")
      })
      expect([((await all()) as Error).message, called.length]).toEqual(["potato", 2])
    })
    test("an error that is for good is not", async () => {
      const { all, called, givenUp } = world({ attempts: 5, base: 1 }, () => {
        throw new Permanent("stolen")
      })
      expect(await all()).toBeInstanceOf(Permanent)
      expect([called.length, givenUp[0]!.why]).toEqual([1, "refused"])
    })
    test("a question that throws is not heard, and whoever wants to is told", async () => {
      const told: Array<unknown> = []
      const oops = () => {
        throw new TypeError("my own")
      }
      const { all, called } = world(
        { attempts: 2, base: 1, when: oops, isFailureResult: oops, onError: (error) => told.push(error) },
        busy,
        () => "fine"
      )
      expect([await all(), called.length, told.length]).toEqual(["fine", 2, 2])
    })
  })

  describe("retry: pauses", () => {
    test("nothing is called before its pause is over", async () => {
      const { begin, move, called } = world({ attempts: 2, base: 100, jitter: 0 }, busy)
      begin()
      await move(99)
      expect(called).toEqual([0])
      await move(1)
      expect(called).toEqual([0, 100])
    })
    test("grow to the cap, with the jitter that tasks have", async () => {
      const plain = world({ attempts: 9, base: "128ms", cap: "1s", jitter: "none" }, busy)
      await plain.all()
      expect(plain.pauses()).toEqual([128, 256, 512, 1000, 1000, 1000, 1000, 1000])
      for (const jitter of ["full", "equal", 0.5] as const) {
        const spread = world({ attempts: 50, base: 128, cap: 30_000, jitter }, busy)
        await spread.all()
        spread.pauses().forEach((pause, n) => {
          const middle = Math.min(30_000, 128 * 2 ** n)
          const least = { full: 0, equal: 0.5 }[jitter as "full"] ?? 0.5
          expect(pause).toBeGreaterThanOrEqual(Math.floor(middle * least))
          expect(pause).toBeLessThanOrEqual(Math.min(30_000, Math.ceil(middle * (jitter === 0.5 ? 1.5 : 1))))
        })
        expect(new Set(spread.pauses().slice(9)).size).toBeGreaterThan(10)
      }
    })
    test("decorrelated ones stay numbers within their bounds, however many there are", async () => {
      const { all, pauses } = world({ attempts: 150, backoff: "decorrelated", base: 45_000, cap: "15m" }, busy)
      await all()
      expect(pauses().length).toBe(149)
      expect(pauses().every((pause) => pause >= 45_000 && pause <= 900_000)).toBe(true)
    })
    test("differ from call to call, and are the same for the same key", async () => {
      const spread = async (key?: string) => {
        const { all, pauses } = world({ attempts: 6, base: 1_000, jitter: "full" }, busy)
        await all(key === undefined ? {} : { key })
        return pauses()
      }
      expect(await spread("order-1")).toEqual(await spread("order-1"))
      expect(await spread()).not.toEqual(await spread())
    })
    test("may be a list: when it ends, so do the attempts", async () => {
      const { all, pauses, called } = world({ pause: [10, "20ms", 20] }, busy)
      expect(await all()).toBeInstanceOf(Busy)
      expect([pauses(), called.length]).toEqual([[10, 20, 20], 4])
    })
    test("may be a function that is told what failed, and ends the attempts when it gives none", async () => {
      const { all, pauses, givenUp } = world(
        {
          attempts: 9,
          pause: (failed) => ("error" in failed && failed.attempt < 4 ? failed.attempt ** 2 * 10 : undefined)
        },
        busy
      )
      await all()
      expect([pauses(), givenUp[0]!.why]).toEqual([[10, 40, 90], "refused"])
    })
    test("a function that throws, or gives no duration, ends the attempts: never a hot loop", async () => {
      for (const pause of [() => Number.NaN, () => -5, busy]) {
        const told: Array<unknown> = []
        const { all, called } = world({ attempts: 9, pause, onError: (error) => told.push(error) }, busy)
        await all()
        expect([called.length, told.length]).toEqual([1, 1])
      }
    })
    test("an error may say when to come back, also later than the cap, and never sooner than its pause", async () => {
      const wait = (retryAfterMs: number) => () => {
        throw Object.assign(new Error("later"), { retryAfterMs })
      }
      const { all, pauses } = world({ attempts: 3, base: 10, cap: 20, jitter: 0 }, wait(500), wait(1))
      await all()
      expect(pauses()).toEqual([500, 20])
    })
    test("all attempts together may have a time: none begins after it", async () => {
      const settings = { attempts: 9, base: 100, jitter: 0, backoff: "fixed", within: 250 } as const
      const { begin, move, called, givenUp } = world(settings, busy)
      const ended = begin()
      for (let i = 0; i < 10; i++) await move(50)
      expect(ended()).toBeInstanceOf(Busy)
      expect([called, givenUp[0]!.why]).toEqual([[0, 100, 200], "time"])
    })
    test("keep the process alive, unless they are given the time of the background", () => {
      const program = (time: string) =>
        `retry({ attempts: 2, base: 50${time} }).execute(() => { console.log("attempt"); throw new Error("no") }).catch(() => {})`
      expect(printedBy("retry", program(""))).toBe("attempt\nattempt")
      expect(printedBy("backgroundTime, retry", program(", time: backgroundTime"))).toBe("attempt")
    })
  })

  describe("retry: signals", () => {
    test("what is given up before it begins is not called", async () => {
      const { begin, called, move } = world({ attempts: 3 }, busy)
      const ended = begin({ signal: AbortSignal.abort("enough") })
      await move(0)
      expect([ended(), called]).toEqual(["enough", []])
    })
    test("given up during an attempt: it is told, ends as it likes, and no other follows", async () => {
      const { retry, givenUp } = world({ attempts: 3, base: 0 })
      const caller = new AbortController()
      let calls = 0
      const error = await retry
        .execute(
          ({ signal }) => {
            calls++
            expect(signal.aborted).toBe(false)
            caller.abort("enough")
            expect(signal.aborted).toBe(true)
            return busy()
          },
          { signal: caller.signal }
        )
        .catch((seen) => seen)
      expect([error.code, calls, givenUp[0]!.why]).toEqual(["BUSY", 1, "signal"])
    })
    test("given up in a pause: it ends at once, with the reason, and leaves no timer", async () => {
      const { begin, called, move, givenUp, time } = world({ attempts: 3, base: "1h" }, busy)
      const caller = new AbortController()
      const ended = begin({ signal: caller.signal })
      await move(5)
      caller.abort("enough")
      await move(0)
      expect([ended(), called.length, givenUp[0]!.why, time.timers()]).toEqual(["enough", 1, "signal", 0])
    })
  })

  describe("retry: what can be seen", () => {
    test("each pause is told with its attempt and its failure, and the end of the attempts with its reason", async () => {
      const { all, retries, givenUp } = world({ attempts: 3, base: 10, backoff: "fixed", jitter: 0 }, busy)
      const error = await all()
      const seen = (attempt: number) => ({
        policy: "retry",
        attempt,
        pauseMs: 10,
        error: expect.objectContaining({ code: "BUSY" })
      })
      expect(retries).toEqual([seen(1), seen(2)])
      expect(givenUp).toEqual([{ policy: "retry", why: "attempts", attempt: 3, error }])
    })
    test("each call is told once, with how long it took, and what it failed with", async () => {
      const made = world({ name: "bank", attempts: 2, base: 10, jitter: 0 }, busy, busy, busy, () => 1)
      const seen: Array<PolicyReport> = []
      const end = made.retry.onCall((report) => seen.push(report))
      const error = await made.all()
      made.begin()
      await made.move(10)
      end()
      await made.all()
      expect(seen.map(({ ms: _, ...rest }) => rest)).toEqual([
        { policy: "bank", end: "failed", error },
        { policy: "bank", end: "succeeded" }
      ])
      expect(seen[1]!.ms).toBe(10)
    })
    test("a listener of attempts that throws harms neither the call nor the other listeners", async () => {
      const told: Array<unknown> = []
      const { retry, all, retries } = world({ attempts: 2, base: 1, onError: (error) => told.push(error) }, busy)
      retry.onRetry(busy)
      retry.onGiveUp(async () => busy())
      retry.onCall(busy)
      expect(await all()).toBeInstanceOf(Busy)
      expect([retries.length, told.length]).toEqual([1, 3])
    })
  })

  describe("retry: bad policies", () => {
    const refusals: ReadonlyArray<readonly [settings: object, says: RegExp]> = [
      [{}, /^retry.attempts of retry 'bank' cannot be undefined: give a whole number from 1 to 10000/],
      [{ attempts: 0 }, /^retry.attempts of/],
      [{ attempts: Number.POSITIVE_INFINITY }, /^retry.attempts of/],
      [{ attempts: 2, base: -1 }, /^retry.base of/],
      [{ attempts: 2, base: Number.NaN }, /^retry.base of/],
      [{ attempts: 2, base: "1s", cap: 5 }, /^retry.cap of retry 'bank' .*at least the base/],
      [{ attempts: 2, factor: 0 }, /^retry.factor of/],
      [{ attempts: 2, jitter: 2 }, /^retry.jitter of/],
      [{ attempts: 2, on: [] }, /^retry.on of/],
      [{ attempts: 2, within: 0 }, /^retry.within of/],
      [{ attempts: 2, pause: [] }, /^pause of retry 'bank' .*a list of durations/],
      [{ pause: [10, -5] }, /^pause\[1\] of retry 'bank'/],
      [{ attempts: 9, pause: [10] }, /^attempts of retry 'bank' cannot be 9: give at most 2/],
      [{ pause: [10], base: 5 }, /^base of retry 'bank' .*leave it out/],
      [{ attempts: 2, retries: 5 }, /^the setting 'retries' of retry 'bank'/],
      [{ attempts: 2, name: "../etc" }, /retry id/]
    ]
    test("an impossible retry is refused when it is made, with the setting and what is allowed", () => {
      for (const [settings, says] of refusals)
        expect(() => retry({ name: "bank", ...settings } as never), JSON.stringify(settings)).toThrow(says)
    })
  })
})
