// Policies around each other, without an orchestrator, as docs/RESILIENCE.md tells it.
import { CallTimedOut, CircuitOpen } from "troupe"
import {
  breaker,
  bulkhead,
  cached,
  fallback,
  type Policy,
  type RetryReport,
  rateLimit,
  retry,
  timeout,
  wrap
} from "troupe/machines"
import { describe, expect, expectTypeOf, test } from "vitest"
import { settle } from "../clock.ts"
import { handTime } from "./time.ts"

const fail = async (): Promise<number> => Promise.reject(new Error("no"))
const tagOf = (error: { readonly _tag?: string; readonly name: string }) => error._tag ?? error.name

/** A policy that writes down when it is entered and left. */
const marked = (name: string, log: Array<string>): Policy => ({
  name,
  execute: async (fn, options) => {
    log.push(`${name} in`)
    try {
      return await fn({ signal: options?.signal ?? new AbortController().signal })
    } finally {
      log.push(`${name} out`)
    }
  }
})

describe("Policies alone", () => {
  describe("policies around each other", () => {
    test("the first is outermost, and they can be seen in this order", async () => {
      const log: Array<string> = []
      const made = wrap(marked("a", log), marked("b", log))
      await made.execute(() => log.push("call"))
      expect(log).toEqual(["a in", "b in", "call", "b out", "a out"])
      expect([made.name, made.policies.map(({ name }) => name)]).toEqual(["a>b", ["a", "b"]])
    })
    test("without any, the function is just called", async () => {
      expect([await wrap().execute(({ attempt }) => attempt), await wrap().execute(async () => 2)]).toEqual([1, 2])
      expect(
        await wrap()
          .execute(fail)
          .catch(({ message }) => message)
      ).toBe("no")
    })
    test("a retry around a breaker asks it for each attempt, and waits until it lets a trial through", async () => {
      const time = handTime(0)
      const pauses: Array<number> = []
      const again = retry({ attempts: 3, base: 10, jitter: 0, time })
      again.onRetry(({ pauseMs }: RetryReport) => pauses.push(pauseMs))
      const guarded = wrap(again, breaker({ failures: 1, reset: "5s", now: time.now }))
      let calls = 0
      const call = guarded.execute(() => (++calls === 1 ? fail() : calls))
      await settle(4)
      time.move(10)
      await settle(4)
      // refused: nothing was called, and the next attempt waits for the trial
      expect([calls, pauses]).toEqual([1, [10, 4_990]])
      time.move(4_990)
      expect(await call).toBe(2)
    })
    test("a breaker around a retry counts all attempts as one call", async () => {
      const bank = breaker({ failures: 2 })
      const guarded = wrap(bank, retry({ attempts: 5, base: 0 }))
      let calls = 0
      const attempt = () => {
        calls++
        return fail()
      }
      await guarded.execute(attempt).catch(() => {})
      expect([calls, bank.state]).toEqual([5, "closed"])
      await guarded.execute(attempt).catch(() => {})
      expect([calls, bank.state]).toEqual([10, "open"])
    })
    test("a retry that must not wait for the breaker says so: its refusal comes back at once", async () => {
      const guarded = wrap(retry({ attempts: 5, base: 0, notOn: ["CircuitOpen"] }), breaker({ failures: 2 }))
      let calls = 0
      const error = await guarded
        .execute(() => {
          calls++
          return fail()
        })
        .catch((seen) => seen)
      expect([calls, error]).toEqual([2, expect.any(CircuitOpen)])
    })
    test("a timeout inside a retry is for each attempt, around it for all of them", async () => {
      const time = handTime(0)
      const never = () => new Promise<never>(() => {})
      const ends: Array<string> = []
      const bound = () => timeout({ after: 100, time })
      const again = () => retry({ attempts: 3, backoff: "fixed", base: 10, jitter: 0, time })
      wrap(again(), bound())
        .execute(never)
        .catch(() => ends.push(`each: ${time.now()}`))
      wrap(bound(), again())
        .execute(never)
        .catch(() => ends.push(`all: ${time.now()}`))
      for (let i = 0; i < 40; i++) {
        time.move(10)
        await settle(2)
      }
      expect(ends).toEqual(["all: 100", "each: 320"])
    })
    test("when the outer one gives up, no attempt of an inner one follows", async () => {
      const time = handTime(0)
      let calls = 0
      const call = wrap(timeout({ after: 100, time }), retry({ attempts: 9, base: "1m", time })).execute(() => {
        calls++
        return fail()
      })
      const ended = call.catch((error) => error)
      await settle(4)
      time.move(100)
      expect(await ended).toBeInstanceOf(CallTimedOut)
      await settle(4)
      time.move(600_000)
      await settle(4)
      expect([calls, time.timers()]).toEqual([1, 0])
    })
    test("the function is told its attempt, and by one signal whatever ends it", async () => {
      const guarded = wrap(fallback({ value: "none" }), retry({ attempts: 3, base: 0 }), timeout({ after: "5s" }))
      const seen: Array<number> = []
      const caller = new AbortController()
      const value = await guarded.execute(
        async ({ attempt, signal }) => {
          seen.push(attempt)
          if (attempt === 1) return fail()
          caller.abort("enough")
          return signal.reason as string
        },
        { signal: caller.signal }
      )
      expect([seen, value]).toEqual([[1, 2], "enough"])
    })
    test("a fallback around them answers for whatever comes out, and several are tried from the inside out", async () => {
      const log: Array<string> = []
      const first = fallback({
        call: () => {
          log.push("first")
          throw new Error("down too")
        }
      })
      const careful = wrap(fallback({ value: "last" }), first, breaker({ failures: 1 }))
      expect([await careful.execute(fail), await careful.execute(fail), log]).toEqual([
        "last",
        "last",
        ["first", "first"]
      ])
    })
    test("who waits for a place or a turn keeps its key and its priority", async () => {
      const narrow = bulkhead({ concurrent: 1, queue: 5 })
      const guarded = wrap(narrow, rateLimit({ perSecond: 1_000 }))
      const order: Array<string> = []
      let free!: () => void
      const first = guarded.execute(() => new Promise<void>((resolve) => (free = resolve)))
      await settle(4)
      const { signal } = new AbortController()
      const low = guarded.execute(() => order.push("low"), { priority: 1, signal })
      const high = guarded.execute(() => order.push("high"), { priority: 99, signal })
      await settle(4)
      free()
      await Promise.all([first, low, high])
      expect(order).toEqual(["high", "low"])
    })
    test("a fallback answers once for a call that takes too long, whatever it does after that", async () => {
      const time = handTime(0)
      let answers = 0
      const spare = fallback({ call: () => ++answers })
      let end!: (error: unknown) => void
      const call = wrap(spare, timeout({ after: 100, time })).execute(
        () => new Promise<number>((_, reject) => (end = reject))
      )
      await settle(2)
      time.move(100)
      expect(await call).toBe(1)
      end(new Error("too late, and wrong"))
      await settle(4)
      expect(answers).toBe(1)
    })
    test("a place is free again as soon as the timeout inside it gives up", async () => {
      const time = handTime(0)
      const narrow = bulkhead({ concurrent: 1, queue: 0 })
      const call = wrap(narrow, timeout({ after: 100, time })).execute(() => new Promise(() => {}))
      const ended = call.catch(tagOf)
      await settle(2)
      expect(narrow.metrics().running).toBe(1)
      time.move(100)
      expect([await ended, narrow.metrics().running]).toEqual(["CallTimedOut", 0])
    })
    test("wrapped policies may be wrapped again, and a function behind them takes the same arguments", async () => {
      const inner = wrap(retry({ attempts: 2, base: 0 }), timeout({ after: "5s" }))
      let calls = 0
      const add = wrap(cached({ ttl: "1m" }), inner).wrap((a: number, b: number) => (++calls === 1 ? fail() : a + b))
      expect([await add(3, 4), calls]).toEqual([7, 2])
    })
    test("the type of the answer says what may come", async () => {
      const plain = wrap(retry({ attempts: 2 }), timeout({ after: "5s" }), breaker())
      const spare = wrap(fallback({ value: "none" }), retry({ attempts: 2 }), breaker({ fallback: () => null }))
      expectTypeOf(await plain.execute(() => 42)).toEqualTypeOf<number>()
      expectTypeOf(await spare.execute(() => 42)).toEqualTypeOf<number | string | null>()
      expectTypeOf(await wrap(spare).execute(async () => true)).toEqualTypeOf<boolean | string | null>()
      expectTypeOf(await fallback({ value: 1n }).execute(() => "x")).toEqualTypeOf<string | bigint>()
    })
    test("every error of a policy says by its tag which one it was", async () => {
      const time = handTime(0)
      const busy = bulkhead({ concurrent: 1, queue: 0 })
      const often = rateLimit({ perSecond: 1, burst: 1, wait: 0 })
      const open = breaker()
      open.forceOpen()
      const out = busy.execute(() => new Promise<void>(() => {}))
      await often.execute(() => 1)
      const slow = timeout({ after: 5, time }).execute(() => new Promise(() => {}))
      const late = slow.catch(tagOf)
      time.move(5)
      expect(
        await Promise.all([
          open.execute(() => 1).catch(tagOf),
          busy.execute(() => 1).catch(tagOf),
          often.execute(() => 1).catch(tagOf),
          late
        ])
      ).toEqual(["CircuitOpen", "BulkheadFull", "RateLimited", "CallTimedOut"])
      void out
    })
  })
})
