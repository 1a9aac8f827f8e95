// A breaker is what a naive list of all its calls says: when it opens, what passes, when it closes. Nothing else is needed to know.
import { fc, test } from "@fast-check/vitest"
import {
  type Breaker,
  BreakerDesk,
  type BreakerState,
  breaker,
  breakerRule,
  type Permit,
  plainLife
} from "troupe/machines"
import { describe, expect } from "vitest"
import type { BreakerPolicy, BreakerRule } from "../src/model/breaker.ts"
import { CircuitOpen } from "../src/model/errors.ts"

type How = "succeeded" | "failed" | "ignored"

interface NaiveCall {
  readonly period: number
  readonly startedAt: number
  readonly isTrial: boolean
  hasPlace: boolean
  end?: { readonly at: number; readonly how: How; readonly slow: boolean }
}

/** Every call that ever passed, in a list; everything is worked out from it anew, each time. */
class Naive {
  state: BreakerState["state"] = "closed"
  period = 1
  since: number
  retryAt: number | null = null
  opened = 0
  holds = 0
  /** In the order in which they ended. */
  readonly ended: Array<NaiveCall> = []
  readonly all: Array<NaiveCall> = []
  readonly rule: BreakerRule
  constructor(rule: BreakerRule, now: number) {
    this.rule = rule
    this.since = now
  }
  #enter(state: Naive["state"], now: number, opened = 0): void {
    this.state = state
    this.period++
    this.since = now
    this.opened = opened
    this.holds = 0
    const { resetMs, factor, capMs } = this.rule
    this.retryAt = state === "open" ? now + Math.min(capMs, resetMs * factor ** (opened - 1)) : null
  }
  get #here() {
    return this.ended
      .filter(({ period, end }) => period === this.period && end!.how !== "ignored")
      .map(({ end }) => end!)
  }
  get inARow(): number {
    if (this.state !== "closed") return 0
    return this.#here.length - 1 - this.#here.findLastIndex(({ how }) => how === "succeeded")
  }
  /** What a closed breaker works rates out from. */
  window(now: number) {
    const { window } = this.rule
    const here = this.#here
    const step = (at: number) => Math.floor((at * 10) / (window as { ms: number }).ms)
    const kept =
      window === null
        ? []
        : "calls" in window
          ? here.slice(-window.calls)
          : here.filter(({ at }) => step(at) > step(now) - 10)
    return {
      calls: kept.length,
      failures: kept.filter(({ how }) => how === "failed").length,
      slow: kept.filter(({ slow }) => slow).length
    }
  }
  places(): Array<NaiveCall> {
    return this.all.filter((call) => call.period === this.period && call.isTrial && call.hasPlace && !call.end)
  }
  begin(now: number): NaiveCall | undefined {
    if (this.state === "forcedOpen") return undefined
    if (this.state === "open") {
      if (now < this.retryAt!) return undefined
      this.#enter("halfOpen", now, this.opened)
    }
    const isTrial = this.state === "halfOpen"
    if (isTrial && this.places().length === this.rule.trials) {
      const oldest = this.places()[0]!
      if (now - oldest.startedAt < this.rule.trialWaitMs) return undefined
      oldest.hasPlace = false
    }
    const call: NaiveCall = { period: this.period, startedAt: now, isTrial, hasPlace: isTrial }
    this.all.push(call)
    return call
  }
  /** Whether it counts. */
  end(call: NaiveCall, how: How, now: number): boolean {
    const { rule } = this
    const slow = rule.slowMs !== null && now - call.startedAt > rule.slowMs
    call.end = { at: now, how, slow }
    this.ended.push(call)
    if (call.period !== this.period) return false
    if (how === "ignored") return true
    if (this.state === "closed") {
      const { calls, failures, slow: slowOnes } = this.window(now)
      const isRate = calls >= rule.minimum
      const trips =
        (rule.failures !== null && this.inARow >= rule.failures) ||
        (isRate && rule.failureRate !== null && failures / calls >= rule.failureRate) ||
        (isRate && rule.slowRate !== null && slowOnes / calls >= rule.slowRate)
      const isYoung = this.period === 1 && now - this.since < rule.warmUpMs
      if (trips && !isYoung) this.#enter("open", now, this.opened + 1)
    } else if (this.state === "halfOpen") {
      if (how === "failed" || (slow && rule.slowRate !== null)) this.#enter("open", now, this.opened + 1)
      else if (this.#here.length >= rule.successes) this.#enter("closed", now)
    }
    return true
  }
  forceOpen(now: number): void {
    if (this.state !== "forcedOpen") this.#enter("forcedOpen", now)
    this.holds++
  }
  forceClosed(now: number): void {
    if (this.state !== "forcedClosed") this.#enter("forcedClosed", now)
  }
  release(period: number, now: number): void {
    if (period !== this.period) return
    if (this.state === "forcedOpen" && --this.holds > 0) return
    if (this.state === "forcedOpen" || this.state === "forcedClosed") this.#enter("closed", now)
  }
  reset(now: number): void {
    this.#enter("closed", now)
  }
}

// ── what is drawn ──────────────────────────────────────────────────────────────────────────────────

const share = fc.constantFrom(0.1, 0.25, 1 / 3, 0.5, 0.75, 1)
const policies: fc.Arbitrary<BreakerPolicy> = fc
  .record({
    failures: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    failureRate: fc.option(share, { nil: undefined }),
    slow: fc.option(fc.record({ slowRate: share, slowMs: fc.integer({ min: 0, max: 30 }) }), { nil: undefined }),
    window: fc.oneof(
      fc.record({ calls: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ ms: fc.integer({ min: 1, max: 200 }) })
    ),
    minimum: fc.integer({ min: 1, max: 8 }),
    resetMs: fc.integer({ min: 1, max: 50 }),
    factor: fc.constantFrom(1, 1.5, 2, 10),
    cap: fc.integer({ min: 0, max: 500 }),
    successes: fc.integer({ min: 1, max: 4 }),
    trials: fc.integer({ min: 1, max: 3 }),
    trialWaitMs: fc.integer({ min: 1, max: 200 }),
    warmUpMs: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 100 }))
  })
  .map(({ failures, failureRate, slow, window, minimum, cap, ...rest }) => ({
    ...rest,
    capMs: rest.resetMs + cap,
    ...(failures === undefined ? {} : { failures }),
    ...(failureRate === undefined ? {} : { failureRate }),
    ...slow,
    ...(failureRate === undefined && slow === undefined
      ? {}
      : { window, minimum: "calls" in window ? Math.min(minimum, window.calls) : minimum })
  }))

type Op =
  | { readonly do: "begin" | "forceOpen" | "forceClosed" | "reset" | "restore" }
  | { readonly do: "end"; readonly which: number; readonly how: How }
  | { readonly do: "release"; readonly which: number }
  | { readonly do: "tick"; readonly ms: number }

const ops = (hands: number): fc.Arbitrary<ReadonlyArray<Op>> =>
  fc.array(
    fc.oneof(
      { weight: 10, arbitrary: fc.record({ do: fc.constant("begin" as const) }) },
      {
        weight: 10,
        arbitrary: fc.record({
          do: fc.constant("end" as const),
          which: fc.nat(7),
          how: fc.oneof(
            { weight: 3, arbitrary: fc.constant<How>("failed") },
            { weight: 3, arbitrary: fc.constant<How>("succeeded") },
            { weight: 1, arbitrary: fc.constant<How>("ignored") }
          )
        })
      },
      { weight: 6, arbitrary: fc.record({ do: fc.constant("tick" as const), ms: fc.nat(40) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("tick" as const), ms: fc.nat(1_000) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("restore" as const) }) },
      {
        weight: hands,
        arbitrary: fc.record({ do: fc.constantFrom("forceOpen" as const, "forceClosed" as const, "reset" as const) })
      },
      { weight: hands, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(3) }) }
    ),
    { maxLength: 60, size: "max" }
  )

const json = <T>(value: T): T => JSON.parse(JSON.stringify(value))

describe("a breaker equals a naive list of its calls", () => {
  test.prop([policies, ops(1)], { numRuns: 3_000 })(
    "whatever fails, when, and whoever interferes; and taken out and put back in at any point it goes on the same",
    (policy, given) => {
      const rule = breakerRule(policy)
      let now = 5_000
      let desk = new BreakerDesk(rule, plainLife(rule, now))
      const naive = new Naive(rule, now)
      const out: Array<readonly [Permit, NaiveCall]> = []
      const forced: Array<number> = []
      for (const op of given) {
        if (op.do === "tick") now += op.ms
        else if (op.do === "begin") {
          const before = desk.status
          const permit = desk.admit(() => now)
          const wanted = naive.begin(now)
          expect([permit !== undefined, (permit?.trial ?? 0) > 0]).toEqual([
            wanted !== undefined,
            wanted?.isTrial ?? false
          ])
          if (permit !== undefined) out.push([permit, wanted!])
          // nothing passes while it is open but trials, and of them never more than allowed
          if (before === "open" || before === "halfOpen")
            expect(permit === undefined || (permit.trial > 0 && desk.status === "halfOpen")).toBe(true)
          expect(desk.facts.trials.length).toBeLessThanOrEqual(rule.trials)
        } else if (op.do === "end") {
          const [ending] = out.splice(op.which % Math.max(1, out.length), 1)
          if (ending !== undefined)
            expect(desk.settle(ending[0], op.how, () => now)).toBe(naive.end(ending[1], op.how, now))
        } else if (op.do === "restore") {
          const state = json(desk.snapshot())
          expect(state).toEqual(desk.snapshot())
          desk = new BreakerDesk(rule, plainLife(rule, now, state), state.window)
        } else if (op.do === "release") {
          const period = forced[op.which]
          if (period === undefined) continue
          desk.tell({ type: "release", at: now, period })
          naive.release(period, now)
        } else {
          if (op.do === "reset") desk.tell({ type: "reset", at: now })
          else desk.tell({ type: op.do === "forceOpen" ? "force.open" : "force.close", at: now })
          naive[op.do](now)
          if (op.do !== "reset") forced.unshift(desk.period)
        }
        desk.window.advance(now)
        const { facts } = desk
        expect({
          state: desk.status,
          since: facts.since,
          retryAt: facts.retryAt,
          opened: facts.opened,
          inARow: facts.failures,
          holds: facts.holds,
          trials: facts.trials.map(({ at }) => at)
        }).toEqual({
          state: naive.state,
          since: naive.since,
          retryAt: naive.retryAt,
          opened: naive.opened,
          inARow: naive.inARow,
          holds: naive.holds,
          trials: naive.places().map(({ startedAt }) => startedAt)
        })
        if (naive.state === "closed" || naive.state === "forcedClosed") {
          const { calls, failures, slow } = desk.window
          expect({ calls, failures, slow }).toEqual(naive.window(now))
        }
      }
    }
  )

  test.prop([policies, ops(1)], { numRuns: 500 })(
    "and so does the one that calls functions: what it refuses was never called",
    async (policy, given) => {
      class Nothing extends Error {}
      const rule = breakerRule(policy)
      let now = 5_000
      const { slowMs, window, resetMs, capMs, trialWaitMs, warmUpMs, ...rest } = policy
      const made: Breaker<never> = breaker({
        ...rest,
        ...(slowMs === undefined ? {} : { slow: slowMs }),
        ...(window === undefined ? {} : { window: "ms" in window ? { time: window.ms } : window }),
        ...(resetMs === undefined ? {} : { reset: resetMs }),
        ...(capMs === undefined ? {} : { cap: capMs }),
        ...(trialWaitMs === undefined ? {} : { trialWait: trialWaitMs }),
        ...(warmUpMs === undefined ? {} : { warmUp: warmUpMs }),
        isFailure: (error) => !(error instanceof Nothing),
        now: () => now
      })
      const naive = new Naive(rule, now)
      const out: Array<readonly [(how: How) => Promise<void>, NaiveCall]> = []
      const releases: Array<readonly [() => void, number]> = []
      let [refused, late] = [0, 0]
      for (const op of given) {
        if (op.do === "tick") now += op.ms
        else if (op.do === "begin") {
          let end: ((how: How) => void) | undefined
          const call = made
            .execute(
              () =>
                new Promise<void>((resolve, reject) => {
                  end = (how) =>
                    how === "succeeded" ? resolve() : reject(how === "ignored" ? new Nothing() : new Error("no"))
                })
            )
            .catch((error) => error)
          const wanted = naive.begin(now)
          expect(end !== undefined).toBe(wanted !== undefined)
          if (wanted === undefined) {
            refused++
            expect(await call).toBeInstanceOf(CircuitOpen)
          } else {
            const finish = end!
            const ending = async (how: How) => {
              finish(how)
              await call
            }
            out.push([ending, wanted])
          }
        } else if (op.do === "end") {
          const [ending] = out.splice(op.which % Math.max(1, out.length), 1)
          if (ending === undefined) continue
          await ending[0](op.how)
          if (!naive.end(ending[1], op.how, now)) late++
        } else if (op.do === "forceOpen" || op.do === "forceClosed") {
          const release = made[op.do]()
          naive[op.do](now)
          releases.unshift([release, naive.period])
        } else if (op.do === "reset") {
          made.reset()
          naive.reset(now)
        } else if (op.do === "release") {
          // each of them releases once
          const [held] = releases.splice(op.which, 1)
          if (held === undefined) continue
          held[0]()
          naive.release(held[1], now)
        }
        const { state, retryAt, opened, failuresInARow, totals } = made.metrics()
        expect({ state, retryAt, opened, failuresInARow, refused: totals.refused, late: totals.late }).toEqual({
          state: naive.state,
          retryAt: naive.retryAt,
          opened: naive.opened,
          failuresInARow: naive.inARow,
          refused,
          late
        })
      }
    }
  )
})
