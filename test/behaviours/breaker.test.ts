// What a circuit breaker does, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import {
  type Breaker,
  type BreakerSettings,
  type BreakerState,
  type BreakerTransition,
  breaker,
  type CallReport
} from "troupe/machines"
import { describe, expect, test } from "vitest"
import { CircuitOpen, limits } from "../../src/index.ts"

class Down extends Error {}
class NotFound extends Error {
  readonly _tag = "NotFound"
  readonly code = "E404"
}

/** A breaker whose time stands still until it is moved, and a service behind it that does what the test says. */
const world = (settings: BreakerSettings<any> = {}) => {
  let now = 1_000_000
  const made: Breaker<any> = breaker({ name: "bank", now: () => now, ...settings })
  const changes: Array<BreakerTransition> = []
  made.onTransition((change) => changes.push(change))
  let calls = 0
  const call = (error?: unknown) =>
    made.execute(async () => {
      calls++
      if (error !== undefined) throw error
      return "fine"
    })
  return {
    breaker: made,
    changes,
    calls: () => calls,
    now: () => now,
    tick: (ms: number) => {
      now += ms
    },
    succeed: async (times = 1) => {
      for (let i = 0; i < times; i++) expect(await call()).toBe("fine")
    },
    fail: async (times = 1, error: unknown = new Down("no")) => {
      for (let i = 0; i < times; i++) expect(await call(error).catch((seen) => seen)).toBe(error)
    },
    refused: async (times = 1) => {
      const before = calls
      let last: unknown
      for (let i = 0; i < times; i++) last = await call().catch((seen) => seen)
      expect(calls, "nothing was called").toBe(before)
      expect(last).toBeInstanceOf(CircuitOpen)
      return last as CircuitOpen
    },
    /** A call that takes so long, and then ends. */
    take: (ms: number, error?: unknown) =>
      made
        .execute(() => {
          now += ms
          if (error !== undefined) throw error
          return "fine"
        })
        .catch((seen) => seen),
    /** A call that is out until it is told how to end. */
    out: () => {
      let end!: (error?: unknown) => void
      const ended = made
        .execute(
          () =>
            new Promise<string>((resolve, reject) => {
              calls++
              end = (error) => (error === undefined ? resolve("fine") : reject(error))
            })
        )
        .catch((seen) => seen)
      return async (error?: unknown) => {
        end(error)
        return await ended
      }
    }
  }
}
const open = async (settings: BreakerSettings<any> = {}) => {
  const made = world({ failures: 2, reset: "10s", ...settings })
  await made.fail(2)
  expect(made.breaker.state).toBe("open")
  return made
}
const halfOpen = async (settings: BreakerSettings<any> = {}) => {
  const made = await open(settings)
  made.tick(10_000)
  return made
}

describe("Circuit breaker", () => {
  describe("closed", () => {
    test("calls pass, and their results come back", async () => {
      const { breaker } = world()
      expect(breaker.state).toBe("closed")
      expect(await breaker.execute(async () => 42)).toBe(42)
      expect([0, "", false, null, undefined]).toEqual([
        await breaker.execute(() => 0),
        await breaker.execute(() => ""),
        await breaker.execute(() => false),
        await breaker.execute(() => null),
        await breaker.execute(() => undefined)
      ])
    })
    test("an error comes back as it was thrown, whether at once or later", async () => {
      const { breaker } = world()
      const error = new Down("no")
      const atOnce = breaker.execute(() => {
        throw error
      })
      expect(await atOnce.catch((seen) => seen)).toBe(error)
      expect(await breaker.execute(async () => Promise.reject(error)).catch((seen) => seen)).toBe(error)
      expect(breaker.metrics().totals.failed).toBe(2)
    })
    test("functions may answer at once, later, or with anything that has then", async () => {
      const { breaker } = world({ failures: 1 })
      const later = { then: (resolve: (value: string) => void) => resolve("later") } as PromiseLike<string>
      expect(
        await Promise.all([breaker.execute(() => 1), breaker.execute(async () => 2), breaker.execute(() => later)])
      ).toEqual([1, 2, "later"])
      const never = { then: (_: unknown, reject: (error: unknown) => void) => reject("no") } as PromiseLike<string>
      expect(await breaker.execute(() => never).catch((seen) => seen)).toBe("no")
      expect(breaker.state).toBe("open")
    })
    test("a function behind a breaker takes the same arguments", async () => {
      const { breaker } = world()
      const add = breaker.wrap(async (a: number, b: number) => a + b)
      expect(await add(3, 4)).toBe(7)
    })
    test("without a policy it opens after five failures in a row and tries again after 30 seconds", async () => {
      const { breaker, fail, refused, tick, succeed } = world()
      await fail(5)
      expect(breaker.state).toBe("open")
      tick(29_999)
      await refused()
      tick(1)
      await succeed()
    })
  })

  describe("failures in a row", () => {
    test("it opens with the last failure that is allowed, not before", async () => {
      const { breaker, fail } = world({ failures: 3 })
      await fail(2)
      expect(breaker.state).toBe("closed")
      await fail()
      expect(breaker.state).toBe("open")
    })
    test("a success ends the run of failures", async () => {
      const { breaker, fail, succeed } = world({ failures: 3 })
      for (let i = 0; i < 10; i++) {
        await fail(2)
        await succeed()
      }
      expect(breaker.state).toBe("closed")
    })
    test("calls at the same time count in the order in which they end", async () => {
      const { breaker, out } = world({ failures: 2 })
      const [a, b, c] = [out(), out(), out()]
      await c(new Down())
      await a()
      await b(new Down())
      expect([breaker.state, breaker.metrics().failuresInARow]).toEqual(["closed", 1])
    })
  })

  describe("rolling windows", () => {
    test("of the last calls: it opens when the share of failures is reached", async () => {
      const { breaker, fail, succeed } = world({ failureRate: 0.5, window: { calls: 10 }, minimum: 4 })
      await succeed(3)
      await fail(2)
      expect(breaker.state).toBe("closed")
      await fail()
      expect([breaker.state, breaker.metrics().why]).toEqual(["open", "failureRate"])
    })
    test("no rate opens it before the minimum of calls", async () => {
      const { breaker, fail } = world({ failureRate: 0.1, window: { calls: 50 }, minimum: 20 })
      await fail(19)
      expect(breaker.state).toBe("closed")
      await fail()
      expect(breaker.state).toBe("open")
    })
    test("the call that makes the minimum full may open it, even a success", async () => {
      const { breaker, fail, succeed } = world({ failureRate: 0.5, minimum: 4 })
      await fail(3)
      await succeed()
      expect(breaker.state).toBe("open")
    })
    test("seven failures of a hundred calls are 0.07: shares are exact", async () => {
      const { breaker, fail, succeed } = world({ failureRate: 0.07, minimum: 100 })
      await fail(7)
      await succeed(92)
      expect(breaker.state).toBe("closed")
      await succeed()
      expect(breaker.state).toBe("open")
    })
    test("the oldest call makes place for the newest", async () => {
      const { breaker, fail, succeed } = world({ failureRate: 0.5, window: { calls: 4 } })
      for (let i = 0; i < 20; i++) {
        await fail()
        await succeed(3)
      }
      expect(breaker.metrics().window).toEqual({ calls: 4, failures: 1, slow: 0, failureRate: 0.25, slowRate: 0 })
      await fail()
      expect([breaker.state, breaker.metrics().window.calls]).toEqual(["closed", 4])
      await fail()
      expect(breaker.state).toBe("open")
    })
    test("of the last while: what is older does not count", async () => {
      const { breaker, fail, tick } = world({ failureRate: 0.5, window: { time: "10s" }, minimum: 4 })
      for (let i = 0; i < 20; i++) {
        await fail()
        tick(4_000)
      }
      expect([breaker.state, breaker.metrics().window.calls]).toEqual(["closed", 2])
      await fail(2)
      expect(breaker.state).toBe("open")
    })
    test("time passes over a window step by step, a tenth of it each", async () => {
      const { breaker, succeed, tick } = world({ failureRate: 0.5, window: { time: "10s" } })
      const sizes: Array<number> = []
      for (let i = 0; i < 10; i++) {
        await succeed()
        tick(1_000)
      }
      for (let i = 0; i < 11; i++) {
        sizes.push(breaker.metrics().window.calls)
        tick(1_000)
      }
      expect(sizes).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0])
    })
    test("successes that fall out of a window of time may open it", async () => {
      const { breaker, fail, succeed, tick } = world({ failureRate: 0.75, window: { time: "10s" }, minimum: 4 })
      await succeed(3)
      tick(5_000)
      await fail(3)
      expect(breaker.state).toBe("closed")
      tick(5_000)
      await succeed()
      expect(breaker.state).toBe("open")
    })
    test("failures in a row and a rate together: whichever comes first", async () => {
      const policy = { failures: 3, failureRate: 0.5, window: { calls: 10 }, minimum: 6 } as const
      const run = world(policy)
      await run.fail(3)
      expect(run.breaker.metrics().why).toBe("failures")
      const mixed = world(policy)
      await mixed.fail(2)
      await mixed.succeed(2)
      await mixed.fail(2)
      expect(mixed.breaker.metrics().why).toBe("failureRate")
    })
    test("a closed breaker begins with an empty window", async () => {
      const { breaker, fail, succeed, tick } = world({
        failureRate: 0.5,
        window: { calls: 10 },
        minimum: 4,
        reset: "1s"
      })
      await fail(4)
      tick(1_000)
      await succeed()
      expect([breaker.state, breaker.metrics().window.calls]).toEqual(["closed", 0])
      await fail(3)
      expect(breaker.state).toBe("closed")
    })
  })

  describe("slow calls", () => {
    test("it opens when too many calls are slow, though none fails", async () => {
      const { breaker, take } = world({ slowRate: 0.5, slow: "1s", minimum: 4 })
      for (const ms of [10, 2_000, 10]) await take(ms)
      expect(breaker.state).toBe("closed")
      await take(1_001)
      expect([breaker.state, breaker.metrics().why]).toEqual(["open", "slowRate"])
    })
    test("a call that takes exactly as long as allowed is not slow", async () => {
      const { breaker, take } = world({ slowRate: 0.5, slow: "1s", minimum: 2 })
      for (let i = 0; i < 5; i++) await take(1_000)
      expect([breaker.state, breaker.metrics().window.slow]).toEqual(["closed", 0])
    })
    test("a slow failure is both", async () => {
      const { breaker, take } = world({ slowRate: 0.5, slow: "1s", failureRate: 1, minimum: 4 })
      await take(2_000, new Down())
      expect(breaker.metrics().window).toEqual({ calls: 1, failures: 1, slow: 1, failureRate: 1, slowRate: 1 })
    })
    test("a slow trial is no success: it opens again", async () => {
      const { breaker, take, tick } = world({ slowRate: 0.5, slow: "1s", minimum: 2, reset: "10s" })
      await take(2_000)
      await take(2_000)
      tick(10_000)
      expect(await take(2_000)).toBe("fine")
      expect([breaker.state, breaker.metrics().why]).toEqual(["open", "trialWasSlow"])
    })
  })

  describe("open", () => {
    test("nothing is called, and the error says which breaker it is and when to call again", async () => {
      const { refused, now, breaker } = await open()
      const error = await refused(100)
      expect(error).toMatchObject({ breaker: "bank", state: "open", retryAt: now() + 10_000, code: "CIRCUIT_OPEN" })
      expect(error.message).toBe(
        "circuit breaker 'bank' is open until 1970-01-01T00:16:50.000Z: what it guards has failed too often; call again after that, or give a fallback"
      )
      expect(breaker.metrics().totals).toMatchObject({ calls: 102, failed: 2, refused: 100 })
    })
    test("a refusal carries the last failure as its cause, for those who look into it", async () => {
      const { fail, refused } = world({ failures: 2, ignore: ["NotFound"] })
      const last = new Down("the last one")
      await fail(1, new Down("the first one"))
      await fail(1, new NotFound())
      await fail(1, last)
      expect((await refused()).cause).toBe(last)
    })
    test("it stays open until its time is over, and opens once only", async () => {
      const { refused, tick, changes } = await open()
      tick(9_999)
      await refused(3)
      expect(changes.map(({ from, to }) => [from, to])).toEqual([["closed", "open"]])
    })
    test("it says open until somebody calls: it keeps no timer and no process alive", async () => {
      const { breaker, tick, succeed, changes } = await open()
      tick(60_000)
      expect(breaker.state).toBe("open")
      await succeed()
      expect(changes.map(({ to }) => to)).toEqual(["open", "halfOpen", "closed"])
    })
    test("without a clock of its own it goes by the time of day", async () => {
      const one = breaker({ failures: 1, reset: "30ms" })
      const since = Date.now()
      await one.execute(() => Promise.reject(new Down())).catch(() => {})
      const { retryAt } = await one.execute(() => "no").catch((error) => error)
      expect(retryAt - since).toBeGreaterThanOrEqual(25)
      expect(retryAt - Date.now()).toBeLessThanOrEqual(35)
      await new Promise((resolve) => setTimeout(resolve, 40))
      expect(await one.execute(() => "fine")).toBe("fine")
    })
    test("a clock that is set back keeps it open for twice its time at most", async () => {
      const { refused, tick, succeed } = await open()
      tick(-9_999)
      await refused()
      tick(19_999)
      await succeed()
      const far = await open()
      far.tick(-3_600_000)
      await far.succeed()
    })
  })

  describe("half-open", () => {
    test("a trial that succeeds closes it", async () => {
      const { breaker, out, changes } = await halfOpen()
      const trial = out()
      expect(breaker.state).toBe("halfOpen")
      expect(await trial()).toBe("fine")
      expect(breaker.state).toBe("closed")
      expect(changes.map(({ to, why }) => [to, why])).toEqual([
        ["open", "failures"],
        ["halfOpen", "timeIsOver"],
        ["closed", "trialsSucceeded"]
      ])
    })
    test("a trial that fails opens it again, for a full period", async () => {
      const { breaker, fail, refused, tick, succeed } = await halfOpen({ factor: 1 })
      await fail()
      expect([breaker.state, breaker.metrics().why]).toEqual(["open", "trialFailed"])
      tick(9_999)
      await refused()
      tick(1)
      await succeed()
    })
    test("one trial at a time: others are refused at once, not kept waiting", async () => {
      const { out, refused, calls } = await halfOpen()
      const before = calls()
      const trial = out()
      const error = await refused(50)
      expect(calls()).toBe(before + 1)
      expect(error).toMatchObject({ state: "halfOpen", retryAt: null })
      expect(error.message).toContain("no place for another trial")
      await trial()
    })
    test("as many trials at once as the policy says", async () => {
      const { out, refused, breaker } = await halfOpen({ trials: 3, successes: 5 })
      const trials = [out(), out(), out()]
      await refused()
      await trials[0]!()
      expect(breaker.metrics().trialsOut).toBe(2)
      const another = out()
      await refused()
      await Promise.all([...trials.slice(1), another].map((end) => end()))
    })
    test("so many trials must succeed, one after the other", async () => {
      const { breaker, succeed, fail, tick } = await halfOpen({ successes: 3 })
      await succeed(2)
      expect(breaker.state).toBe("halfOpen")
      await fail()
      expect(breaker.state).toBe("open")
      tick(20_000)
      await succeed(2)
      expect(breaker.state).toBe("halfOpen")
      await succeed()
      expect(breaker.state).toBe("closed")
    })
    test("a trial whose error counts as nothing gives its place back and decides nothing", async () => {
      const { breaker, fail, succeed } = await halfOpen({ ignore: ["NotFound"] })
      await fail(3, new NotFound())
      expect([breaker.state, breaker.metrics().trialsOut]).toEqual(["halfOpen", 0])
      await succeed()
      expect(breaker.state).toBe("closed")
    })
    test("a trial that never answers gives its place to another after a while", async () => {
      const { out, refused, tick, succeed, breaker } = await halfOpen({ trialWait: "1m" })
      out()
      tick(59_999)
      await refused()
      tick(1)
      await succeed()
      expect(breaker.state).toBe("closed")
    })
    test("a trial that answers after all still counts", async () => {
      const { out, tick, refused, breaker } = await halfOpen({ trialWait: "1m" })
      const patient = out()
      tick(60_000)
      const second = out()
      await refused()
      await patient()
      expect(breaker.state).toBe("closed")
      expect(await second(new Down())).toBeInstanceOf(Down)
      expect(breaker.state).toBe("closed")
    })
    test("a fallback hides no trial: it is tried again all the same", async () => {
      const { breaker, tick } = await world({ failures: 1, reset: "10s", fallback: () => "instead" })
      const down = async () => Promise.reject(new Down())
      expect(await breaker.execute(down)).toBe("instead")
      tick(10_000)
      expect(await breaker.execute(async () => "fine")).toBe("fine")
      expect(breaker.state).toBe("closed")
    })
  })

  describe("longer each time", () => {
    test("each failed trial makes the next open period longer, up to the cap", async () => {
      const { fail, tick, breaker, now } = await open({ factor: 2, cap: "50s" })
      const waits: Array<number> = []
      for (let i = 0; i < 5; i++) {
        const wait = breaker.metrics().retryAt! - now()
        waits.push(wait)
        tick(wait)
        await fail()
      }
      expect(waits).toEqual([10_000, 20_000, 40_000, 50_000, 50_000])
    })
    test("a breaker that was closed begins with the first period again", async () => {
      const { fail, tick, breaker, now, succeed } = await open()
      tick(10_000)
      await fail()
      expect(breaker.metrics()).toMatchObject({ opened: 2, retryAt: now() + 20_000 })
      tick(20_000)
      await succeed()
      await fail(2)
      expect(breaker.metrics()).toMatchObject({ opened: 1, retryAt: now() + 10_000 })
    })
  })

  describe("late results", () => {
    test("a failure of a call from before it opened does not make it open for longer", async () => {
      const { out, fail, breaker } = world({ failures: 2, reset: "10s" })
      const late = [out(), out(), out()]
      await fail(2)
      const { retryAt } = breaker.metrics()
      for (const end of late) expect(await end(new Down())).toBeInstanceOf(Down)
      expect(breaker.metrics()).toMatchObject({ state: "open", retryAt, totals: { late: 3, failed: 2 } })
    })
    test("a success of a call from before it opened closes nothing", async () => {
      const { out, fail, breaker, refused } = world({ failures: 2 })
      const late = out()
      await fail(2)
      expect(await late()).toBe("fine")
      expect(breaker.state).toBe("open")
      await refused()
    })
    test("calls from before it opened decide no trial and take no place of one", async () => {
      const { out, fail, breaker, tick, refused } = world({ failures: 2, reset: "10s" })
      const late = [out(), out()]
      await fail(2)
      tick(10_000)
      const trial = out()
      await late[0]!(new Down())
      await late[1]!()
      expect([breaker.state, breaker.metrics().trialsOut]).toEqual(["halfOpen", 1])
      await refused()
      await trial()
      expect(breaker.state).toBe("closed")
    })
    test("trials that end after the decision do not count any more", async () => {
      const { out, breaker, tick } = await halfOpen({ trials: 3 })
      const trials = [out(), out(), out()]
      await trials[0]!()
      await trials[1]!(new Down())
      expect(breaker.metrics()).toMatchObject({ state: "closed", failuresInARow: 0, totals: { late: 1 } })
      await trials[2]!()
      const again = await halfOpen({ trials: 2 })
      const [a, b] = [again.out(), again.out()]
      await a!(new Down())
      await b!()
      expect(again.breaker.state).toBe("open")
      tick(0)
    })
    test("calls from before a reset do not count after it", async () => {
      const { out, breaker } = world({ failures: 1 })
      const late = out()
      breaker.reset()
      await late(new Down())
      expect([breaker.state, breaker.metrics().totals.late]).toEqual(["closed", 1])
    })
  })

  describe("what counts", () => {
    test("errors by tag, code or class may count as nothing: no failure, and no success either", async () => {
      for (const ignore of [["NotFound"], ["E404"]]) {
        const { breaker, fail } = world({ failures: 3, ignore })
        await fail(2)
        await fail(5, new NotFound())
        expect(breaker.metrics()).toMatchObject({ state: "closed", failuresInARow: 2, totals: { ignored: 5 } })
        await fail()
        expect(breaker.state).toBe("open")
      }
      const { breaker, fail } = world({ failures: 1, ignore: ["TypeError"] })
      await fail(3, new TypeError("no"))
      expect(breaker.state).toBe("closed")
    })
    test("what counts as nothing is not in the window either", async () => {
      const { breaker, fail, succeed } = world({ failureRate: 0.5, minimum: 2, ignore: ["NotFound"] })
      await fail(10, new NotFound())
      await succeed()
      expect(breaker.metrics().window.calls).toBe(1)
    })
    test("only the errors of a list may count", async () => {
      const { breaker, fail } = world({ failures: 1, only: ["E404"] })
      await fail(3)
      expect(breaker.state).toBe("closed")
      await fail(1, new NotFound())
      expect(breaker.state).toBe("open")
    })
    test("code may say which errors are failures", async () => {
      const { breaker, fail } = world({ failures: 1, isFailure: (error) => (error as Down).message === "down" })
      await fail(3, new Down("busy"))
      expect(breaker.state).toBe("closed")
      await fail(1, new Down("down"))
      expect(breaker.state).toBe("open")
    })
    test("a result may be a failure too: it reaches the caller all the same", async () => {
      const { breaker } = world({
        failures: 2,
        isFailureResult: (value) => (value as { status: number }).status >= 500
      })
      const answer = { status: 503 }
      expect(await breaker.execute(async () => answer)).toBe(answer)
      expect(await breaker.execute(() => answer)).toBe(answer)
      expect(breaker.state).toBe("open")
    })
    test("a question that throws has not said that it is no failure, and does not disturb the call", async () => {
      const told: Array<unknown> = []
      const { breaker, fail } = world({
        failures: 1,
        isFailure: () => {
          throw new TypeError("my own")
        },
        onError: (error) => told.push(error)
      })
      await fail(1)
      expect([breaker.state, told.length]).toEqual(["open", 1])
    })
    test("anything may be thrown", async () => {
      for (const thrown of [undefined, null, 0, "text", Object.create(null), Symbol("s")]) {
        const { breaker } = world({ failures: 1, ignore: ["NotFound"] })
        const seen = await breaker
          .execute(() => Promise.reject(thrown))
          .then(
            () => "no",
            (error) => ({ error })
          )
        expect([seen, breaker.state]).toEqual([{ error: thrown }, "open"])
      }
    })
  })

  describe("signals", () => {
    test("the function is given the signal of its caller, or one that is never aborted", async () => {
      const { breaker } = world()
      const { signal } = new AbortController()
      expect(await breaker.execute((call) => call.signal, { signal })).toBe(signal)
      expect((await breaker.execute((call) => call.signal)).aborted).toBe(false)
    })
    test("a call that its caller gave up counts as nothing", async () => {
      const { breaker } = world({ failures: 1 })
      const controller = new AbortController()
      const call = breaker.execute(
        ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        { signal: controller.signal }
      )
      controller.abort()
      expect(await call.catch((error) => error.name)).toBe("AbortError")
      expect(breaker.metrics()).toMatchObject({ state: "closed", totals: { ignored: 1 } })
    })
    test("a call whose time was over is a failure", async () => {
      const { breaker } = world({ failures: 1 })
      const controller = new AbortController()
      const call = breaker.execute(
        ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        { signal: controller.signal }
      )
      controller.abort(new DOMException("too long", "TimeoutError"))
      await call.catch(() => {})
      expect(breaker.state).toBe("open")
    })
    test("what is given up before it begins is not called, and takes no place of a trial", async () => {
      const { breaker, succeed, calls } = await halfOpen()
      const before = calls()
      const reason = await breaker.execute(() => "no", { signal: AbortSignal.abort("enough") }).catch((error) => error)
      expect([reason, calls(), breaker.state]).toEqual(["enough", before, "open"])
      expect(breaker.metrics().totals.calls).toBe(2)
      await succeed()
    })
  })

  describe("fallback", () => {
    test("it answers for what fails and for what is refused, and is told the error", async () => {
      const seen: Array<unknown> = []
      const { breaker } = world({ failures: 1, fallback: (error) => `instead ${seen.push(error)}` })
      const error = new Down()
      expect(await breaker.execute(async () => Promise.reject(error))).toBe("instead 1")
      expect(await breaker.execute(async () => "fine")).toBe("instead 2")
      expect(seen).toEqual([error, expect.any(CircuitOpen)])
      expect(breaker.metrics().totals).toMatchObject({ failed: 1, refused: 1, fallbacks: 2 })
    })
    test("it may answer later, or fail: then its error is the one of the call", async () => {
      const later = world({ fallback: async () => "later" })
      expect(await later.breaker.execute(async () => Promise.reject(new Down()))).toBe("later")
      for (const fallback of [
        async () => Promise.reject("nope"),
        () => {
          throw "nope"
        }
      ]) {
        const { breaker } = world({ fallback })
        expect(await breaker.execute(async () => Promise.reject(new Down())).catch((error) => error)).toBe("nope")
      }
    })
    test("a call may bring its own, and the type of the answer says what may come", async () => {
      const plain: number = await breaker().execute(async () => 1, { signal: new AbortController().signal })
      const either: number | string = await breaker({ fallback: () => "x" }).execute(async () => 1)
      const own: number | boolean = await breaker().execute(async () => 1, { fallback: () => true })
      expect([plain, either, own]).toEqual([1, 1, 1])
      const { breaker: general } = world({ fallback: () => "general" })
      const down = async () => Promise.reject(new Down())
      expect(await general.execute(down, { fallback: () => "special" })).toBe("special")
      expect(await general.execute(down)).toBe("general")
    })
    test("it may be another breaker", async () => {
      const second = world({ failures: 1 })
      const { breaker } = world({ fallback: () => second.breaker.execute(() => "second best") })
      expect(await breaker.execute(async () => Promise.reject(new Down()))).toBe("second best")
    })
    test("it does not answer for an error that counts as nothing", async () => {
      const { breaker, fail } = world({ ignore: ["NotFound"], fallback: () => "instead" })
      const error = new NotFound()
      await fail(1, error)
      const { signal } = new AbortController()
      expect(await breaker.execute(() => Promise.reject(error), { signal }).catch((seen) => seen)).toBe(error)
    })
  })

  describe("by hand", () => {
    test("forced open, nothing passes until it is released, however long that takes", async () => {
      const { breaker, refused, tick, succeed } = world({ reset: "1s" })
      const release = breaker.forceOpen()
      tick(3_600_000)
      const error = await refused()
      expect(error).toMatchObject({ state: "forcedOpen", retryAt: null })
      release()
      expect(breaker.state).toBe("closed")
      await succeed()
    })
    test("of several who hold it, the last one releases it, and each only once", async () => {
      const { breaker, changes } = world()
      const [a, b] = [breaker.forceOpen(), breaker.forceOpen()]
      a()
      a()
      expect(breaker.state).toBe("forcedOpen")
      b()
      expect(breaker.state).toBe("closed")
      expect(changes.map(({ to, why }) => [to, why])).toEqual([
        ["forcedOpen", "forced"],
        ["closed", "released"]
      ])
    })
    test("a reset ends all holds, and who held it before releases nothing that came after", async () => {
      const { breaker } = world()
      const old = breaker.forceOpen()
      breaker.reset()
      expect(breaker.state).toBe("closed")
      breaker.forceOpen()
      old()
      expect(breaker.state).toBe("forcedOpen")
    })
    test("forced closed, everything passes whatever fails, and the calls are still counted", async () => {
      const { breaker, fail } = world({ failures: 1, failureRate: 0.1, minimum: 1 })
      const release = breaker.forceClosed()
      await fail(10)
      expect(breaker.state).toBe("forcedClosed")
      expect(breaker.metrics().window).toMatchObject({ calls: 10, failures: 10 })
      release()
      expect(breaker.state).toBe("closed")
      await fail()
      expect(breaker.state).toBe("open")
    })
    test("it can be forced open or closed, or reset, in every state", async () => {
      const states = [
        () => world(),
        () => open(),
        async () => {
          const made = await halfOpen()
          made.out()
          return made
        },
        () => {
          const made = world()
          made.breaker.forceOpen()
          return made
        },
        () => {
          const made = world()
          made.breaker.forceClosed()
          return made
        }
      ]
      for (const make of states) {
        const [a, b, c] = [await make(), await make(), await make()]
        a.breaker.forceOpen()
        await a.refused()
        b.breaker.forceClosed()
        await b.succeed()
        c.breaker.reset()
        await c.succeed()
        expect([a.breaker.state, b.breaker.state, c.breaker.state]).toEqual(["forcedOpen", "forcedClosed", "closed"])
      }
    })
    test("a reset forgets what failed, also while it is closed", async () => {
      const { breaker, fail } = world({ failures: 3, failureRate: 0.9, minimum: 3 })
      await fail(2)
      breaker.reset()
      expect(breaker.metrics()).toMatchObject({ failuresInARow: 0, window: { calls: 0 } })
      await fail(2)
      expect(breaker.state).toBe("closed")
    })
    test("calls that were out when it was forced do not count", async () => {
      const { breaker, out } = world({ failures: 1 })
      const late = out()
      breaker.forceClosed()()
      await late(new Down())
      expect(breaker.state).toBe("closed")
    })
  })

  describe("what can be seen", () => {
    test("every change is told once, with why, when, and until when", async () => {
      const { changes, now } = await open()
      expect(changes).toEqual([
        { breaker: "bank", from: "closed", to: "open", why: "failures", at: now(), retryAt: now() + 10_000 }
      ])
    })
    test("every call is told with how it ended and how long it took", async () => {
      const { breaker, take, out, tick } = world({ failures: 2, reset: "10s", ignore: ["NotFound"] })
      const seen: Array<CallReport> = []
      breaker.onCall((report) => seen.push(report))
      const late = out()
      await take(5)
      await take(6, new NotFound())
      await take(7, new Down())
      await take(8, new Down())
      await take(9)
      await late()
      tick(10_000)
      await take(3)
      expect(seen.map(({ end, ms, isTrial }) => [end, ms, isTrial])).toEqual([
        ["succeeded", 5, false],
        ["ignored", 6, false],
        ["failed", 7, false],
        ["failed", 8, false],
        ["refused", 0, false],
        ["late", 26, false],
        ["succeeded", 3, true]
      ])
    })
    test("who no longer listens is told nothing", async () => {
      const { breaker, fail, succeed } = world({ failures: 1 })
      const seen: Array<unknown> = []
      const ends = [breaker.onTransition((change) => seen.push(change)), breaker.onCall((report) => seen.push(report))]
      for (const end of ends) end()
      await succeed()
      await fail()
      expect(seen).toEqual([])
    })
    test("a listener that throws harms neither the call nor the other listeners", async () => {
      const told: Array<unknown> = []
      const { breaker, fail, changes } = world({ failures: 1, onError: (error) => told.push(error) })
      const bad = () => {
        throw new TypeError("my own")
      }
      breaker.onTransition(bad)
      breaker.onTransition(async () => bad())
      breaker.onCall(bad)
      breaker.onTransition((change) => changes.push(change))
      await fail()
      await Promise.resolve()
      expect([breaker.state, changes.length, told.length]).toEqual(["open", 2, 3])
    })
    test("a listener may call the breaker", async () => {
      const { breaker, fail, tick } = world({ failures: 1, reset: "10s" })
      const answers: Array<Promise<unknown>> = []
      breaker.onTransition(({ to }) => {
        if (to === "open") answers.push(breaker.execute(() => "no").catch((error) => error._tag))
        if (to === "open") tick(10_000)
        if (to === "open") answers.push(breaker.execute(() => "trial"))
      })
      await fail()
      expect(await Promise.all(answers)).toEqual(["CircuitOpen", "trial"])
      expect(breaker.state).toBe("closed")
    })
    test("numbers say what happened: calls, ends, rates, since when, until when", async () => {
      const { breaker, fail, succeed, refused, now } = world({ failureRate: 0.5, minimum: 4, reset: "10s" })
      await succeed(2)
      await fail(2)
      await refused()
      expect(breaker.metrics()).toEqual({
        name: "bank",
        state: "open",
        why: "failureRate",
        since: now(),
        retryAt: now() + 10_000,
        failuresInARow: 0,
        opened: 1,
        trialsOut: 0,
        window: { calls: 4, failures: 2, slow: 0, failureRate: 0.5, slowRate: 0 },
        totals: { calls: 5, succeeded: 2, failed: 2, ignored: 0, refused: 1, late: 0, fallbacks: 0 }
      })
    })
    test("its life is an XState actor that any inspector can watch", async () => {
      const seen: Array<string> = []
      const { fail, breaker } = world({
        failures: 2,
        inspect: (event: any) => seen.push(`${event.type} ${event.event?.type ?? event.action?.type ?? ""}`.trim())
      })
      await fail(2)
      expect(seen).toContain("@xstate.actor")
      expect(seen).toContain("@xstate.microstep call.failed")
      expect(seen).toContain("@xstate.action breaker.changed")
      expect(breaker.actor.getSnapshot()).toMatchObject({ value: "open", status: "active" })
    })
    test("an observer that calls the breaker in the middle of a change is refused, and takes no place of a trial", async () => {
      const answers: Array<Promise<unknown>> = []
      const made = await halfOpen({
        trials: 2,
        inspect: (event: any) => {
          if (event.type === "@xstate.microstep" && event.event.type === "call.asked" && answers.length === 0)
            answers.push(made.breaker.execute(() => "no").catch((error) => error._tag))
        }
      })
      const trial = made.out()
      expect(made.breaker.metrics().trialsOut).toBe(1)
      const second = made.out()
      await made.refused()
      await Promise.all([trial(), second()])
      expect([await answers[0], made.breaker.state]).toEqual(["CircuitOpen", "closed"])
    })
    test("an observer that throws harms nobody", async () => {
      const told: Array<unknown> = []
      const { fail, breaker } = world({
        failures: 1,
        inspect: () => {
          throw new TypeError("my own")
        },
        onError: (error) => told.push(error)
      })
      await fail()
      expect([breaker.state, told.length > 0]).toEqual(["open", true])
    })
  })

  describe("taken out and put back in", () => {
    const revive = (state: BreakerState): BreakerState => JSON.parse(JSON.stringify(state))

    test("an open breaker is still open in another process, until its time", async () => {
      const first = await open()
      const second = world({ failures: 2, reset: "10s", from: revive(first.breaker.snapshot()) })
      expect(second.breaker.state).toBe("open")
      expect((await second.refused()).retryAt).toBe(first.now() + 10_000)
      second.tick(10_000)
      await second.succeed()
      expect(second.breaker.state).toBe("closed")
    })
    test("failures and windows go on where they were", async () => {
      const policy = { failures: 3, failureRate: 0.9, window: { calls: 10 }, minimum: 8 } as const
      const first = world(policy)
      await first.succeed(2)
      await first.fail(2)
      const second = world({ ...policy, from: revive(first.breaker.snapshot()) })
      expect(second.breaker.metrics()).toMatchObject({ failuresInARow: 2, window: { calls: 4, failures: 2 } })
      await second.fail()
      expect(second.breaker.metrics().why).toBe("failures")
    })
    test("a trial that was out when the process ended takes no place", async () => {
      const first = await halfOpen()
      first.out()
      const second = world({ failures: 2, from: revive(first.breaker.snapshot()) })
      expect(second.breaker.state).toBe("halfOpen")
      await second.succeed()
      expect(second.breaker.state).toBe("closed")
    })
    test("what was forced stays forced until a reset", async () => {
      const first = world()
      first.breaker.forceOpen()
      const second = world({ from: revive(first.breaker.snapshot()) })
      await second.refused()
      second.breaker.reset()
      await second.succeed()
    })
    test("it goes on under another policy: a window of another kind begins empty", async () => {
      const first = world({ failureRate: 0.5, window: { calls: 10 } })
      await first.succeed(4)
      const from = revive(first.breaker.snapshot())
      const time = world({ failureRate: 0.5, window: { time: "10s" }, from })
      expect(time.breaker.metrics().window.calls).toBe(0)
      const smaller = world({ failureRate: 0.5, window: { calls: 3 }, from })
      expect(smaller.breaker.metrics().window.calls).toBe(3)
    })
    test("what is no breaker is refused", () => {
      for (const from of [{}, null, { v: 2 }, { v: 1, state: "ajar", facts: { period: 1 }, window: {} }])
        expect(() => world({ from: from as never })).toThrow(/what snapshot\(\) of a breaker gave/)
    })
  })

  describe("bad policies", () => {
    const refusals: ReadonlyArray<readonly [settings: object, says: RegExp]> = [
      [{ failures: 0 }, /^failures of breaker 'bank' cannot be 0: give a whole number from 1 to/],
      [{ failures: 1.5 }, /^failures of/],
      [{ failures: Number.NaN }, /^failures of/],
      [{ failures: "5" }, /^failures of/],
      [{ failureRate: 0 }, /^failureRate of breaker 'bank' cannot be 0: give a share above 0 and up to 1/],
      [{ failureRate: 1.1 }, /^failureRate of/],
      [{ failureRate: 50 }, /^failureRate of/],
      [{ failureRate: Number.NaN }, /^failureRate of/],
      [{ slowRate: -1, slow: 5 }, /^slowRate of/],
      [{ slowRate: 0.5 }, /^slowMs of breaker 'bank' .*both/],
      [{ slow: "1s" }, /^slowRate of breaker 'bank' .*both/],
      [{ slowRate: 0.5, slow: -1 }, /^slow of/],
      [{ slowRate: 0.5, slow: Number.NaN }, /^slow of/],
      [{ failureRate: 0.5, window: { calls: 0 } }, /^window.calls of/],
      [{ failureRate: 0.5, window: { calls: 100_001 } }, /^window.calls of .*100000/],
      [{ failureRate: 0.5, window: { time: 0 } }, /^window.ms of/],
      [{ failureRate: 0.5, window: { time: "soon" } }, /^window.time of/],
      [{ failureRate: 0.5, window: {} }, /^window of/],
      [{ failureRate: 0.5, window: { calls: 5, time: "1s" } }, /^window of .*either/],
      [{ window: { calls: 5 } }, /^window of .*failureRate or slowRate/],
      [{ minimum: 5 }, /^minimum of .*failureRate or slowRate/],
      [
        { failureRate: 0.5, window: { calls: 5 }, minimum: 6 },
        /^minimum of breaker 'bank' cannot be 6: give a whole number from 1 to 5/
      ],
      [{ failureRate: 0.5, minimum: 0 }, /^minimum of/],
      [{ reset: 0 }, /^resetMs of/],
      [{ reset: -5 }, /^reset of/],
      [{ reset: Number.POSITIVE_INFINITY }, /^reset of/],
      [{ reset: "10s", cap: "5s" }, /^capMs of breaker 'bank' cannot be 5000: give milliseconds from 10000/],
      [{ factor: 0 }, /^factor of/],
      [{ factor: Number.NaN }, /^factor of/],
      [{ successes: 0 }, /^successes of/],
      [{ trials: 0 }, /^trials of/],
      [{ trials: 1_001 }, /^trials of/],
      [{ trialWait: 0 }, /^trialWaitMs of/],
      [{ ignore: "NotFound" }, /^ignore of/],
      [{ only: [5] }, /^only of/],
      [{ treshold: 5 }, /^the setting 'treshold' of breaker 'bank'/],
      [{ resetMs: 5 }, /^the setting 'resetMs' of breaker 'bank' .*reset/],
      [{ name: "../etc" }, /breaker id/]
    ]
    test("as much as a limit allows is taken", () => {
      for (const settings of [
        { failures: limits.breakerCalls, successes: limits.breakerCalls, trials: limits.breakerTrials, factor: 1_000 },
        { failureRate: 1, window: { calls: limits.breakerWindow }, minimum: limits.breakerWindow },
        { failureRate: 1, window: { time: limits.durationMs }, minimum: limits.breakerCalls },
        { slowRate: 1, slow: 0, reset: limits.durationMs, cap: limits.durationMs, trialWait: 1 }
      ])
        expect(breaker(settings).state).toBe("closed")
    })
    test("an impossible policy is refused when the breaker is made, with the setting and what is allowed", () => {
      for (const [settings, says] of refusals)
        expect(() => breaker({ name: "bank", ...settings } as never), JSON.stringify(settings)).toThrow(says)
    })
  })
})
