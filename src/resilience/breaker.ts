/**
 * A circuit breaker to use alone: `breaker(policy).execute(fn)`. What fails too often is spared for a while, then tried with a few
 * calls. The life is the chart of `machines/breaker.ts`, a real XState actor; a healthy call does not reach it.
 * It starts no timer: an open breaker whose time is over lets the next call try.
 */
import type { AnyActorRef } from "xstate"
import { breakerActor } from "../actors/breaker.ts"
import type { Inspect } from "../actors/create.ts"
import type { BreakerReason, BreakerStatus } from "../machines/breaker.ts"
import {
  BreakerDesk,
  type BreakerState,
  type CallEnd,
  type Opening,
  type Permit,
  requireState
} from "../machines/breaker-desk.ts"
import { type BreakerOptions, breakerPolicy, breakerRule, countsAsFailure, type Seen } from "../model/breaker.ts"
import { type Duration, milliseconds } from "../model/duration.ts"
import { CircuitOpen, InvalidOption, toFailure } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { CallCounter, type CallStats, type StatsOptions, statsWindowMs } from "./call-stats.ts"
import { isTimeout } from "./policy.ts"

/** The policy, and what only code can say. */
export interface BreakerSettings<F = never> extends BreakerOptions {
  /** As errors and inspectors show it; default `breaker`. */
  readonly name?: string
  /** Whether an error is a failure; one that is not counts as nothing. Asked of what `ignore` and `only` let through. */
  readonly isFailure?: (error: unknown) => boolean
  /** Whether a result is a failure all the same. The caller gets it in any case. */
  readonly isFailureResult?: (value: unknown) => boolean
  /** Answers for a call that failed or was not let through. What counts as nothing reaches the caller as it is. */
  readonly fallback?: (error: unknown) => F | PromiseLike<F>
  /** How long the next open period lasts; undefined: as the policy says. One that throws is not heard. */
  readonly openFor?: (opening: Opening & { readonly error: unknown }) => Duration | undefined
  /** Counts and latencies of the last while, for `stats()`. */
  readonly stats?: StatsOptions
  /** Goes on from what `snapshot()` gave, of another process maybe: trials that were out then have their place free again. */
  readonly from?: BreakerState
  /** Milliseconds since 1970. The default never jumps. */
  readonly now?: () => number
  /** Watches the actor, as XState tells it. */
  readonly inspect?: Inspect
  /** Told what a listener, an observer or one of the questions above throws; they never disturb a call. */
  readonly onError?: (error: unknown) => void
}

/** What the called function is given. */
export interface Call {
  /** The signal of the caller; one that is never aborted when there is none. */
  readonly signal: AbortSignal
}

export interface CallOptions<F = never> {
  /** Aborts the call: passed on to the function. A call that was given up by its caller counts as nothing, a timeout is a failure. */
  readonly signal?: AbortSignal
  /** In place of that of the breaker. */
  readonly fallback?: (error: unknown) => F | PromiseLike<F>
}

/** The breaker changed. */
export interface BreakerTransition {
  readonly breaker: string
  readonly from: BreakerStatus
  readonly to: BreakerStatus
  readonly why: BreakerReason
  readonly at: number
  /** When an open breaker lets a trial through. */
  readonly retryAt: number | null
}

/** A call ended, or was not let through. */
export interface CallReport {
  readonly breaker: string
  /** `late`: it counts no more, because the breaker changed while it was out. */
  readonly end: CallEnd | "refused" | "late"
  /** How long it took. */
  readonly ms: number
  readonly isTrial: boolean
  /** What it failed with, or was refused with; also where a fallback answered for it. */
  readonly error?: unknown
  /** It failed because its time was over. */
  readonly isTimeout: boolean
}

/** A fallback answered for a call, or failed too. */
export interface FallbackReport {
  readonly breaker: string
  /** What it answered for. */
  readonly error: unknown
  readonly end: "succeeded" | "failed"
  /** What it gave, or failed with. */
  readonly value: unknown
}

export interface BreakerMetrics {
  readonly name: string
  readonly state: BreakerStatus
  readonly why: BreakerReason
  readonly since: number
  readonly retryAt: number | null
  readonly failuresInARow: number
  /** Open periods in a row. */
  readonly opened: number
  readonly trialsOut: number
  /** What rates are worked out from. */
  readonly window: Seen & { readonly failureRate: number; readonly slowRate: number }
  /** Since this breaker was made. */
  readonly totals: Readonly<Totals>
}

interface Totals {
  calls: number
  succeeded: number
  failed: number
  ignored: number
  refused: number
  late: number
  fallbacks: number
}

/**
 * A breaker with this policy. Without any it opens after five failures in a row and tries again after 30 s.
 *
 * ```ts check
 * const calm = breaker({ failures: 2, reset: "10s" })
 * await calm.execute(() => 42) // => 42
 * calm.state // => "closed"
 * ```
 *
 * @throws InvalidOption for an impossible policy, InvalidId for a name that cannot be an id.
 */
export const breaker = <F = never>(settings: BreakerSettings<F> = {}): Breaker<F> => new Breaker(settings)

/** Never jumps, and is still the time of day: what is taken out with `snapshot()` means the same in another process. */
const steady = () => Math.floor(performance.timeOrigin + performance.now())

const stopwatch = () => performance.now()

const quiet: Call = Object.freeze({ signal: new AbortController().signal })

export class Breaker<F = never> {
  readonly name: string
  readonly #desk: BreakerDesk
  readonly #actor: () => AnyActorRef
  readonly #now: () => number
  readonly #settings: BreakerSettings<F>
  readonly #hasLists: boolean
  readonly #totals: Totals = { calls: 0, succeeded: 0, failed: 0, ignored: 0, refused: 0, late: 0, fallbacks: 0 }
  readonly #onTransition = new Set<(transition: BreakerTransition) => void>()
  readonly #onCall = new Set<(report: CallReport) => void>()
  readonly #onFallback = new Set<(report: FallbackReport) => void>()
  readonly #counter: CallCounter | undefined
  /** How long calls take: finer than the time of day, where there is no clock of the caller's own. */
  readonly #watch: () => number
  /** What ends ordinary calls of this period, made once: a healthy call makes no closure. Undefined where a call needs its own. */
  #ends: { readonly ok: (value: any) => any; readonly bad: (error: unknown) => any } | undefined
  #known: BreakerStatus
  /** The last error that counted, for those who are refused because of it. */
  #cause: unknown

  constructor(settings: BreakerSettings<F>) {
    const {
      name = "breaker",
      isFailure,
      isFailureResult,
      fallback,
      openFor,
      stats,
      from,
      now = steady,
      inspect,
      onError,
      ...options
    } = settings
    this.name = requireId("breaker", name)
    const rule = breakerRule(breakerPolicy(options, `breaker '${name}'`), `breaker '${name}'`)
    this.#settings = settings
    this.#hasLists = rule.only !== null || rule.ignore.length > 0
    this.#now = now
    this.#watch = settings.now ?? stopwatch
    this.#counter = stats === undefined ? undefined : new CallCounter(statsWindowMs(stats, `breaker '${name}'`))
    const fresh = from === undefined ? undefined : { ...requireState(from), facts: { ...from.facts, trials: [] } }
    const { make, actor } = breakerActor(
      { rule, at: now(), from: fresh },
      { id: name, inspect, onInspectError: (error) => this.#misfire(error) }
    )
    this.#desk = new BreakerDesk(rule, make, from?.window)
    this.#actor = actor
    this.#known = this.#desk.status
    this.#prepare()
    this.#desk.onChange = () => this.#changed()
    if (openFor !== undefined) this.#desk.openFor = (opening) => this.#openMs(openFor, opening)
  }

  /** Where it is. An open one whose time is over says `open` until a call asks. */
  get state(): BreakerStatus {
    return this.#desk.status
  }

  /** The XState actor of its life. It hears of what can change it, not of every call. */
  get actor(): AnyActorRef {
    return this.#actor()
  }

  /**
   * Calls `fn`, or rejects with `CircuitOpen` without calling it; then with what `fn` rejects with, unless there is a fallback.
   */
  execute<T, G = F>(fn: (call: Call) => T | PromiseLike<T>, options?: CallOptions<G>): Promise<T | G> {
    this.#totals.calls++
    const ends = this.#ends
    if (ends === undefined || options !== undefined) return this.#slowly(fn, options)
    try {
      const answer = fn(quiet)
      if (answer instanceof Promise) return answer.then(ends.ok, ends.bad)
      if (isThenable(answer)) return Promise.resolve(answer).then(ends.ok, ends.bad)
      return Promise.resolve(ends.ok(answer))
    } catch (error) {
      return rejected(ends.bad, error)
    }
  }

  /** The function behind this breaker. */
  wrap<A extends ReadonlyArray<unknown>, T>(fn: (...args: A) => T | PromiseLike<T>): (...args: A) => Promise<T | F> {
    return (...args) => this.execute<T>(() => fn(...args))
  }

  /**
   * Lets nothing through until it is released. Several may hold it: it stays until the last of them lets go. What is returned
   * releases this one, once. `reset()` and `forceClosed()` end all holds.
   */
  forceOpen(): () => void {
    this.#desk.tell({ type: "force.open", at: this.#now() })
    return this.#releaseOnce()
  }

  /** Lets everything through, whatever fails, until it is released or reset. Calls are still counted in the window. */
  forceClosed(): () => void {
    this.#desk.tell({ type: "force.close", at: this.#now() })
    return this.#releaseOnce()
  }

  /** Closed, as if nothing had ever failed. Calls that are out will not count. */
  reset(): void {
    this.#desk.tell({ type: "reset", at: this.#now() })
  }

  /** Calls `listener` after each change; what is returned ends that. */
  onTransition(listener: (transition: BreakerTransition) => void): () => void {
    this.#onTransition.add(listener)
    return () => void this.#onTransition.delete(listener)
  }

  /** Calls `listener` after each call, with how it ended and how long it took; what is returned ends that. */
  onCall(listener: (report: CallReport) => void): () => void {
    this.#onCall.add(listener)
    this.#prepare()
    return () => {
      this.#onCall.delete(listener)
      this.#prepare()
    }
  }

  /** Calls `listener` after each answer of a fallback; what is returned ends that. */
  onFallback(listener: (report: FallbackReport) => void): () => void {
    this.#onFallback.add(listener)
    return () => void this.#onFallback.delete(listener)
  }

  /** Counts and latencies of the last while; undefined where the settings did not ask for them. */
  stats(): CallStats | undefined {
    return this.#counter?.read(this.#watch())
  }

  /** All of it as JSON, to go on from with `breaker({ ...policy, from })`. */
  snapshot(): BreakerState {
    return this.#desk.snapshot()
  }

  metrics(): BreakerMetrics {
    const { facts, window } = this.#desk
    if (window.calls > 0) window.advance(this.#now())
    const { calls, failures, slow } = window
    return {
      name: this.name,
      state: this.state,
      why: facts.why,
      since: facts.since,
      retryAt: facts.retryAt,
      failuresInARow: facts.failures,
      opened: facts.opened,
      trialsOut: facts.trials.length,
      window: { calls, failures, slow, failureRate: shareOf(failures, calls), slowRate: shareOf(slow, calls) },
      totals: { ...this.#totals }
    }
  }

  /** Calls that need a permit of their own: trials, timed ones, those with a signal or somebody who listens. */
  #slowly<T, G>(fn: (call: Call) => T | PromiseLike<T>, options: CallOptions<G> | undefined): Promise<T | G> {
    const signal = options?.signal
    const fallback = options?.fallback ?? (this.#settings.fallback as CallOptions<G>["fallback"])
    if (signal?.aborted) {
      this.#totals.calls--
      return Promise.reject(signal.reason)
    }
    const listens = this.#onCall.size > 0
    const counter = this.#counter
    const since = listens || counter !== undefined ? this.#watch() : 0
    const permit = this.#desk.admit(this.#now)
    if (permit === undefined) {
      this.#totals.refused++
      const error = this.#refusal()
      counter?.count("refused", since)
      if (listens) this.#report("refused", since, false, error)
      return this.#fallBack(error, fallback)
    }
    const ended = (end: CallEnd, error?: unknown) => {
      const seen = this.#settle(permit, end) ? end : "late"
      if (counter !== undefined) {
        const at = this.#watch()
        counter.took(seen, at - since, at)
        if (seen === "failed" && isTimeout(error)) counter.count("timedOut", at)
      }
      if (listens) this.#report(seen, since, permit.trial > 0, error)
    }
    const ok = (value: T): T => {
      ended(this.#isFailureResult(value) ? "failed" : "succeeded")
      return value
    }
    const bad = (error: unknown): Promise<G> => {
      const end = this.#endOf(error, signal)
      ended(end, error)
      return end === "failed" ? this.#fallBack(error, fallback) : Promise.reject(error)
    }
    try {
      const answer = fn(signal === undefined ? quiet : { signal })
      if (isThenable(answer)) return Promise.resolve(answer).then(ok, bad)
      return Promise.resolve(ok(answer as T))
    } catch (error) {
      return bad(error)
    }
  }

  #prepare(): void {
    const desk = this.#desk
    const isWatched = this.#onCall.size > 0 || this.#counter !== undefined
    const isOrdinary = desk.status === "closed" && desk.rule.slowMs === null && !isWatched
    if (!isOrdinary) {
      this.#ends = undefined
      return
    }
    const permit = desk.admit(this.#now)!
    const { isFailureResult, fallback } = this.#settings
    const succeed = (value: unknown) => {
      this.#settle(permit, "succeeded")
      return value
    }
    this.#ends = {
      ok:
        isFailureResult === undefined
          ? succeed
          : (value) => {
              this.#settle(permit, this.#isFailureResult(value) ? "failed" : "succeeded")
              return value
            },
      bad: (error) => {
        const end = this.#endOf(error, undefined)
        this.#settle(permit, end)
        return end === "failed" ? this.#fallBack(error, fallback) : Promise.reject(error)
      }
    }
  }

  #settle(permit: Permit, end: CallEnd): boolean {
    const counts = this.#desk.settle(permit, end, this.#now)
    if (counts) this.#totals[end]++
    else this.#totals.late++
    return counts
  }

  #endOf(error: unknown, signal: AbortSignal | undefined): CallEnd {
    // its caller gave it up: that says nothing about what was called; that it took too long does
    if (signal?.aborted && !isTimeout(signal.reason)) return "ignored"
    if (this.#hasLists && !countsAsFailure(this.#desk.rule, namesOf(error))) return "ignored"
    const { isFailure } = this.#settings
    if (isFailure !== undefined && !this.#ask(isFailure, error)) return "ignored"
    this.#cause = error
    return "failed"
  }

  #isFailureResult(value: unknown): boolean {
    const { isFailureResult } = this.#settings
    return isFailureResult !== undefined && this.#ask(isFailureResult, value)
  }

  /** A question that throws has not said that it is no failure. */
  #ask(question: (about: unknown) => boolean, about: unknown): boolean {
    try {
      return question(about)
    } catch (error) {
      this.#misfire(error)
      return true
    }
  }

  #fallBack<G>(error: unknown, fallback: ((error: unknown) => G | PromiseLike<G>) | undefined): Promise<G> {
    if (fallback === undefined) return Promise.reject(error)
    this.#totals.fallbacks++
    this.#counter?.count("fallbacks", this.#watch())
    const answer = answerOf(() => fallback(error))
    if (this.#onFallback.size === 0) return answer
    const tell = (end: FallbackReport["end"]) => (value: unknown) =>
      this.#tell(this.#onFallback, { breaker: this.name, error, end, value })
    answer.then(tell("succeeded"), tell("failed"))
    return answer
  }

  #refusal(): CircuitOpen {
    const { retryAt, since } = this.#desk.facts
    // a clock that was set back must not make it longer than it was meant to be
    const retryAfterMs = retryAt === null ? undefined : Math.max(0, Math.min(retryAt - this.#now(), retryAt - since))
    const state = this.state as CircuitOpen["state"]
    return new CircuitOpen({ breaker: this.name, state, retryAt, retryAfterMs, cause: this.#cause })
  }

  #openMs(openFor: NonNullable<BreakerSettings["openFor"]>, opening: Opening): number | undefined {
    try {
      const given = openFor({ ...opening, error: this.#cause })
      if (given === undefined) return undefined
      const ms = milliseconds(given, `openFor of breaker '${this.name}'`)
      if (ms >= 1) return ms
      throw new InvalidOption({ option: `openFor of breaker '${this.name}'`, value: given, allowed: "at least 1 ms" })
    } catch (error) {
      this.#misfire(error)
      return undefined
    }
  }

  #report(end: CallReport["end"], since: number, isTrial: boolean, error: unknown): void {
    const report = { breaker: this.name, end, ms: this.#watch() - since, isTrial }
    const isOver = end === "failed" && isTimeout(error)
    this.#tell(this.#onCall, { ...report, ...(error === undefined ? {} : { error }), isTimeout: isOver })
  }

  #releaseOnce(): () => void {
    const { period } = this.#desk
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#desk.tell({ type: "release", at: this.#now(), period })
    }
  }

  #changed(): void {
    this.#prepare()
    const { facts, status } = this.#desk
    const from = this.#known
    this.#known = status
    // nobody is refused because of it any more, and it may hold much
    if (status === "closed" || status === "forcedClosed") this.#cause = undefined
    const { why, since, retryAt } = facts
    this.#tell(this.#onTransition, { breaker: this.name, from, to: status, why, at: since, retryAt })
  }

  #tell<M>(listeners: ReadonlySet<(message: M) => void>, message: M): void {
    for (const listener of [...listeners]) {
      try {
        const seen: unknown = listener(message)
        if (seen instanceof Promise) seen.catch((error) => this.#misfire(error))
      } catch (error) {
        this.#misfire(error)
      }
    }
  }

  #misfire(error: unknown): void {
    try {
      this.#settings.onError?.(error)
    } catch {
      // there is nobody left to tell
    }
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === "object" || typeof value === "function") &&
  value !== null &&
  typeof (value as { then?: unknown }).then === "function"

const rejected = <T>(bad: (error: unknown) => T | Promise<T>, error: unknown): Promise<T> => Promise.resolve(bad(error))

const answerOf = <G>(fallback: () => G | PromiseLike<G>): Promise<G> => {
  try {
    return Promise.resolve(fallback())
  } catch (error) {
    return Promise.reject(error)
  }
}

const shareOf = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)

/** What lists of errors are compared with: the tag, the code and the class. */
const namesOf = (error: unknown): ReadonlyArray<string> => {
  const { tag, code } = toFailure(error)
  const name = error instanceof Error ? error.name : tag
  return code === undefined ? [tag, name] : [tag, name, code]
}
