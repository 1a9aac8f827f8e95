// What a rate limit does, alone and in an orchestrator, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { RateLimited, type Run, task, type, workflow } from "troupe"
import { type LineOptions, type RateLimitSettings, rateLimit } from "troupe/machines"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { StandingClock, settle } from "../clock.ts"
import { handTime } from "./time.ts"

/** Calls behind a limit whose time stands still; each answers at once. */
const world = (settings: RateLimitSettings) => {
  const time = handTime(0)
  const made = rateLimit({ name: "bank", time, ...settings })
  const begun: Array<string> = []
  return {
    limit: made,
    time,
    begun,
    call: (name: string, options?: LineOptions) =>
      made.execute(() => begun.push(name), options).catch((error: unknown) => error),
    calls: async (count: number) => {
      for (let n = 0; n < count; n++) made.execute(() => begun.push("x")).catch(() => {})
      await settle(2)
    },
    move: async (ms: number) => {
      time.move(ms)
      await settle(2)
    }
  }
}

/** An orchestrator on a standing clock, and a workflow whose only task writes down when it is called. */
const house = (rates: Record<string, any>, more: object = {}, own: object = {}) => {
  const clock = new StandingClock()
  const store = memoryJournal({ isDurable: true })
  const begun: Array<string> = []
  const at: Array<number> = []
  const start = clock.now
  const work = task("work", {
    in: type<string>(),
    out: type<string>(),
    run: (name) => {
      begun.push(name)
      at.push(clock.now - start)
      return name
    }
  })
  const flow = workflow("flow", type<string>(), own)
    .task("t", work, ($) => $.input, { rate: "bank", ...more })
    .returns(($) => $.t)
  return { clock, flow, begun, at, open: () => clock.open({ store, rates, workflows: [flow] }) }
}
const failureOf = async (run: Run) => ((await run.outcome()).error as { failure?: object }).failure

describe("Rate limit", () => {
  describe("token bucket", () => {
    test("a burst at once, then one by one as tokens come", async () => {
      const { calls, begun, move } = world({ perSecond: 10, burst: 3 })
      await calls(6)
      expect(begun.length).toBe(3)
      await move(99)
      expect(begun.length).toBe(3)
      await move(1)
      expect(begun.length).toBe(4)
      await move(200)
      expect(begun.length).toBe(6)
    })
    test("tokens that nobody takes are kept up to the burst, not beyond", async () => {
      const { calls, begun, move } = world({ perSecond: 10, burst: 3 })
      await move(60_000)
      await calls(10)
      expect(begun.length).toBe(3)
    })
    test("without a burst as many at once as come in a second, and at least one", async () => {
      const many = world({ perSecond: 5 })
      await many.calls(10)
      expect(many.begun.length).toBe(5)
      const few = world({ perSecond: 0.5 })
      await few.calls(3)
      expect(few.begun.length).toBe(1)
      await few.move(2_000)
      expect(few.begun.length).toBe(2)
    })
    test("a rate that divides no second evenly loses nothing to rounding", async () => {
      const { calls, begun, move } = world({ perSecond: 3, burst: 1, queue: 10_000 })
      await calls(3_001)
      for (let second = 0; second < 100; second++) await move(10_000)
      // the last one is due in this very millisecond
      await move(1)
      expect(begun.length).toBe(3_001)
    })
  })

  describe("fixed window", () => {
    test("so many in each window, and the rest in the next ones", async () => {
      const { calls, begun, move } = world({ limit: 2, window: "1m" })
      await calls(5)
      expect(begun.length).toBe(2)
      await move(59_999)
      expect(begun.length).toBe(2)
      await move(1)
      expect(begun.length).toBe(4)
      await move(60_000)
      expect(begun.length).toBe(5)
    })
    test("what a window does not use is gone with it", async () => {
      const { calls, begun, move } = world({ limit: 2, window: "1m" })
      await move(600_000)
      await calls(5)
      expect(begun.length).toBe(2)
    })
    test("two windows that touch may let through twice the limit in a moment: that is what a bucket is for", async () => {
      const { calls, begun, move } = world({ limit: 2, window: "1m" })
      await move(59_999)
      await calls(4)
      await move(1)
      expect(begun.length).toBe(4)
    })
  })

  describe("the queue", () => {
    test("one more than it holds is refused at once, and told when to come back", async () => {
      const { call, begun } = world({ perSecond: 1, burst: 1, queue: 1 })
      call("a")
      call("b")
      const refusal = await call("c")
      expect(refusal).toBeInstanceOf(RateLimited)
      expect(refusal).toMatchObject({
        code: "RATE_LIMITED",
        rate: "bank",
        why: "queue",
        retryAfterMs: 2_000,
        message: "rate 'bank' has 1 calls that wait: try again in 2000 ms (a retry does), send less, or allow more"
      })
      expect(begun.join("")).toBe("a")
    })
    test("who would wait longer than it may is refused at once instead", async () => {
      const { call, begun, move } = world({ perSecond: 1, burst: 1, wait: "1s" })
      call("a")
      call("b")
      expect(await call("c")).toMatchObject({ code: "RATE_LIMITED", why: "wait", retryAfterMs: 2_000 })
      await move(1_000)
      expect(begun.join("")).toBe("ab")
    })
    test("with no wait at all only what can pass at once does", async () => {
      const { call, begun } = world({ perSecond: 1, burst: 1, wait: 0 })
      call("a")
      expect(await call("b")).toMatchObject({ why: "wait", retryAfterMs: 1_000 })
      expect(begun.join("")).toBe("a")
    })
    test("the higher priority first, keys in turns", async () => {
      const { call, begun, move } = world({ perSecond: 1, burst: 1 })
      call("a")
      call("x1", { key: "x" })
      call("x2", { key: "x" })
      call("x3", { key: "x", priority: 90 })
      call("y1", { key: "y" })
      for (let n = 0; n < 4; n++) await move(1_000)
      expect(begun).toEqual(["a", "x3", "y1", "x1", "x2"])
    })
    test("who gives up leaves the queue, takes no token, and leaves no timer", async () => {
      const { call, begun, move, time } = world({ perSecond: 1, burst: 1 })
      call("a")
      const controller = new AbortController()
      const waiting = call("b", { signal: controller.signal })
      await settle(2)
      controller.abort("enough")
      expect([await waiting, time.timers()]).toEqual(["enough", 0])
      call("c")
      await move(1_000)
      expect(begun.join("")).toBe("ac")
    })
    test("a call that fails has spent its token all the same", async () => {
      const { limit, call, begun } = world({ perSecond: 1, burst: 1 })
      expect(await limit.execute(async () => Promise.reject(new Error("no"))).catch((error) => error.message)).toBe(
        "no"
      )
      call("a")
      await settle(2)
      expect(begun).toEqual([])
    })
    test("a function behind a limit takes the same arguments", async () => {
      expect(await rateLimit({ perSecond: 1 }).wrap(async (a: number, b: number) => a + b)(3, 4)).toBe(7)
    })
    test("without a clock of its own it goes by one that never jumps", async () => {
      const made = rateLimit({ perSecond: 100, burst: 1 })
      const began = performance.now()
      await Promise.all([1, 2, 3].map((n) => made.execute(() => n)))
      expect(performance.now() - began).toBeGreaterThan(19)
    })
  })

  describe("bad policies", () => {
    test("an impossible one is refused when it is made, with the setting and what is allowed", () => {
      const wrong: ReadonlyArray<readonly [object, string]> = [
        [{}, "rate 'bank'"],
        [{ perSecond: 1, limit: 1, windowMs: 1 }, "rate 'bank'"],
        [{ perSecond: 0 }, "perSecond of rate 'bank'"],
        [{ perSecond: Number.NaN }, "perSecond of rate 'bank'"],
        [{ perSecond: Number.POSITIVE_INFINITY }, "perSecond of rate 'bank'"],
        [{ perSecond: -1 }, "perSecond of rate 'bank'"],
        [{ perSecond: 1, burst: 0 }, "burst of rate 'bank'"],
        [{ perSecond: 1, burst: 1.5 }, "burst of rate 'bank'"],
        [{ burst: 5 }, "perSecond of rate 'bank'"],
        [{ limit: 5 }, "windowMs of rate 'bank'"],
        [{ limit: 0, window: "1m" }, "limit of rate 'bank'"],
        [{ limit: 1, window: 0 }, "windowMs of rate 'bank'"],
        [{ limit: 1, window: "a while" }, "window of rate 'bank'"],
        [{ perSecond: 1, queue: -1 }, "queue of rate 'bank'"],
        [{ perSecond: 1, wait: -1 }, "wait of rate 'bank'"],
        [{ perSecond: 1, afterRestart: "half" }, "afterRestart of rate 'bank'"],
        [{ perSecnd: 1 }, "the setting 'perSecnd' of rate 'bank'"]
      ]
      for (const [policy, option] of wrong)
        expect(() => rateLimit({ name: "bank", ...policy } as RateLimitSettings), JSON.stringify(policy)).toThrow(
          expect.objectContaining({ _tag: "InvalidOption", option })
        )
    })
    test("an orchestrator refuses it before it touches its store", async () => {
      await expect(house({ bank: { perSecond: 0 } }).open()).rejects.toThrow("perSecond of rate 'bank'")
    })
  })

  describe("in an orchestrator", () => {
    test("calls of all runs that name it share its tokens, and wait for them", async () => {
      const { open, clock, flow, at } = house({ bank: { perSecond: 1, burst: 2 } })
      const { orchestrator } = await open()
      for (const name of ["a", "b", "c", "d"]) await orchestrator.submit(flow, name)
      await settle()
      expect(orchestrator.rates()).toEqual([{ name: "bank", passed: 2, queued: 2, refused: 0 }])
      await clock.advance(5_000)
      expect(at).toEqual([0, 0, 1_000, 2_000])
    })
    test("a workflow may bring its rate along; that of the orchestrator counts before it", async () => {
      const at = async (rates: Record<string, any>) => {
        const { open, clock, flow, at } = house(rates, {}, { rates: { bank: { perSecond: 1, burst: 2 } } })
        const { orchestrator } = await open()
        for (const name of ["a", "b", "c"]) await orchestrator.submit(flow, name)
        await clock.advance(5_000)
        return at
      }
      expect(await at({})).toEqual([0, 0, 1_000])
      expect(await at({ bank: { perSecond: 1, burst: 3 } })).toEqual([0, 0, 0])
    })
    test("one that a workflow brought along begins empty where an earlier process worked on the same store", async () => {
      const { open, clock, flow, at } = house({}, {}, { rates: { bank: { perSecond: 1, burst: 2 } } })
      const first = await open()
      await first.orchestrator.submit(flow, "a")
      await settle()
      await first.orchestrator.close()
      const second = await open()
      // what it had to wait for has come meanwhile, although nobody has asked for it yet
      await clock.advance(1_000)
      for (const name of ["b", "c"]) await second.orchestrator.submit(flow, name)
      await clock.advance(5_000)
      expect(at).toEqual([0, 1_000, 2_000])
    })
    test("what a run waits for can be seen", async () => {
      const { open, clock, flow } = house({ bank: { perSecond: 1, burst: 1 } })
      const { orchestrator } = await open()
      await orchestrator.submit(flow, "a")
      const second = await orchestrator.submit(flow, "b")
      await settle()
      expect(await second.waits()).toEqual([{ task: "t", for: "rate", name: "bank" }])
      await clock.advance(1_000)
      expect(await second.result()).toBe("b")
    })
    test("a refusal is written with when to come back, and a retry comes back no earlier", async () => {
      const { open, clock, flow, at } = house(
        { bank: { limit: 1, window: "10s", queue: 0 } },
        { retry: { attempts: 2, base: "1ms", jitter: 0 } }
      )
      const { orchestrator } = await open()
      await orchestrator.submit(flow, "a")
      const second = await orchestrator.submit(flow, "b")
      await settle()
      expect((await second.history()).at(-1)).toMatchObject({
        type: "attempt.failed",
        failure: { code: "RATE_LIMITED", retryable: true, retryAfterMs: expect.any(Number) }
      })
      await clock.advance(10_000)
      expect(await second.result()).toBe("b")
      expect(at.length).toBe(2)
    })
    test("a new process begins with an empty bucket, because it does not know what was spent", async () => {
      const { open, clock, flow, begun } = house({ bank: { perSecond: 1, burst: 3 } })
      const first = await open()
      for (const name of ["a", "b", "c"]) await first.orchestrator.submit(flow, name)
      await settle()
      expect(begun.join("")).toBe("abc")
      await first.kill()
      const second = await open()
      await second.orchestrator.submit(flow, "d")
      await settle()
      expect(begun.join("")).toBe("abc")
      await clock.advance(1_000)
      expect(begun.join("")).toBe("abcd")
    })
    test("a new process waits for the next window, unless its policy says that it begins full", async () => {
      for (const [afterRestart, seen] of [
        ["empty", "a"],
        ["full", "ab"]
      ]) {
        const { open, clock, flow, begun } = house({ bank: { limit: 1, window: "1m", afterRestart } })
        const first = await open()
        await first.orchestrator.submit(flow, "a")
        await settle()
        await first.kill()
        const second = await open()
        await second.orchestrator.submit(flow, "b")
        await settle()
        expect(begun.join("")).toBe(seen)
        await clock.advance(60_000)
        expect(begun.join("")).toBe("ab")
      }
    })
    test("who waits for a token in a run that is paused takes none, and holds up nobody", async () => {
      const { open, clock, flow, begun } = house({ bank: { perSecond: 1, burst: 1 } })
      const { orchestrator } = await open()
      await orchestrator.submit(flow, "a")
      const second = await orchestrator.submit(flow, "b")
      await orchestrator.submit(flow, "c")
      await settle()
      await second.pause()
      await clock.advance(1_000)
      expect(begun.join("")).toBe("ac")
      await clock.advance(10_000)
      expect(begun.join("")).toBe("ac")
      await second.resume()
      await clock.advance(1_000)
      expect(begun.join("")).toBe("acb")
    })
    test("a task that names one that is not there fails, and says what to do", async () => {
      const { open, flow } = house({ bonk: { perSecond: 1 } })
      const { orchestrator } = await open()
      expect(await failureOf(await orchestrator.submit(flow, "a"))).toMatchObject({
        code: "POLICY_UNKNOWN",
        message: expect.stringContaining("there is no rate 'bank' here")
      })
    })
  })
})
