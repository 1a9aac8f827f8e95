/**
 * Attempts to use alone: `retry(policy).execute(fn)`. What fails is done again after a pause, by the policy that tasks have
 * (`model/backoff.ts`, `model/retrying.ts`). Nothing of it is written: who needs attempts that survive the process makes it a task.
 */
import { pauseAfter, type Retry as RetryRule, retryOf } from "../model/backoff.ts"
import { type Duration, milliseconds } from "../model/duration.ts"
import { InvalidOption, toFailure } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { isRetried } from "../model/retrying.ts"
import { requireKnown } from "../model/settings.ts"
import { type RetryOptions, workPolicy } from "../model/task.ts"
import { ask, Listeners, report } from "./listeners.ts"
import {
  behind,
  type Failed,
  never,
  type Policy,
  type PolicyCall,
  type PolicyOptions,
  type PolicyReport
} from "./policy.ts"
import { realTime, type Time } from "./waiting.ts"

/** The policy, and what only code can say. */
export interface RetrySettings extends Omit<RetryOptions, "attempts" | "when"> {
  /** Attempts in all, the first included: 1 … 10,000. May be left out where `pause` is a list: one more than there are pauses. */
  readonly attempts?: number
  /**
   * The pauses one by one, or a function that is asked for each of them, in place of pauses that grow; one that gives nothing ends
   * the attempts. An error that says when to come back (`retryAfterMs`) may make a pause longer.
   */
  readonly pause?: ReadonlyArray<Duration> | ((failed: AttemptFailed) => Duration | undefined)
  /** Whether an error is worth another attempt. Asked of what `on` and `notOn` let through; one that throws is not heard. */
  readonly when?: (error: unknown) => boolean
  /** Whether a result is a failure all the same. The last one reaches the caller in any case. */
  readonly isFailureResult?: (value: unknown) => boolean
  /** As reports show it; default `retry`. */
  readonly name?: string
  /** A clock of your own. The default keeps the process alive during a pause; `backgroundTime` does not. */
  readonly time?: Time
  /** Told what a listener, or one of the questions above, throws; they never disturb a call. */
  readonly onError?: (error: unknown) => void
}

/** What the called function is given. */
export interface RetryCall extends PolicyCall {
  /** 1 for the first. */
  readonly attempt: number
}

export interface RetryExecuteOptions extends PolicyOptions {
  /** What the chance in the pauses is derived from: the same key gives the same pauses. Default: another one for each call. */
  readonly key?: string
}

/** An attempt that has failed. */
export type AttemptFailed = { readonly attempt: number } & Failed

/** Another attempt follows, after this pause. */
export type RetryReport = { readonly policy: string; readonly pauseMs: number } & AttemptFailed

/**
 * No other attempt follows. `attempts`: there are no more; `refused`: the failure is not one to try again; `time`: the next one
 * would begin too late; `signal`: its caller gave it up.
 */
export type GiveUpReport = {
  readonly policy: string
  readonly why: "attempts" | "refused" | "time" | "signal"
} & AttemptFailed

/**
 * A retry with this policy.
 *
 * ```ts check
 * const again = retry({ attempts: 3, base: 0 })
 * await again.execute(({ attempt }) => (attempt < 3 ? Promise.reject(new Error("busy")) : attempt)) // => 3
 * ```
 *
 * @throws InvalidOption for an impossible policy, InvalidId for a name that cannot be an id.
 */
export const retry = (settings: RetrySettings): Retry => new Retry(settings)

/** Chance differs between processes, and between the calls of each. */
const here = crypto.randomUUID()
let calls = 0

export class Retry implements Policy {
  readonly name: string
  readonly #settings: RetrySettings
  readonly #rule: RetryRule
  readonly #withinMs: number
  readonly #pause: ((failed: AttemptFailed) => number | undefined) | undefined
  readonly #time: Time
  readonly #onRetry: Listeners<RetryReport>
  readonly #onGiveUp: Listeners<GiveUpReport>
  readonly #onCall: Listeners<PolicyReport>
  /** The function behind this retry. */
  readonly wrap = behind<never>(this)

  constructor(settings: RetrySettings) {
    const { name = "retry", time = realTime, onError } = settings
    this.name = requireId("retry", name)
    const subject = `retry '${name}'`
    requireKnown(settings, settingNames, subject)
    this.#settings = settings
    const { rule, withinMs, pause } = ruleOf(settings, subject)
    this.#rule = rule
    this.#withinMs = withinMs
    this.#pause = pause
    this.#time = time
    this.#onRetry = new Listeners(onError)
    this.#onGiveUp = new Listeners(onError)
    this.#onCall = new Listeners(onError)
  }

  /** Calls `fn` until it succeeds, or may not be tried again: then rejects with what its last attempt rejected with. */
  async execute<T>(
    fn: (call: RetryCall) => T | PromiseLike<T>,
    { signal = never, key = `${here}#${++calls}` }: RetryExecuteOptions = {}
  ): Promise<T> {
    signal.throwIfAborted()
    const begun = this.#time.now()
    for (let attempt = 1; ; attempt++) {
      const ended = await this.#attempt(fn, { signal, attempt })
      if (!("failed" in ended)) {
        this.#ended(begun)
        return ended.value
      }
      const failed = { attempt, ...ended.failed }
      const next = signal.aborted ? "signal" : this.#next(failed, begun, key)
      if (typeof next === "number") {
        this.#onRetry.tell({ policy: this.name, pauseMs: next, ...failed })
        if (await passed(this.#time, next, signal)) continue
      }
      this.#onGiveUp.tell({ policy: this.name, why: typeof next === "number" ? "signal" : next, ...failed })
      this.#ended(begun, ended.failed)
      // in a pause nothing is out whose error could be told
      if (typeof next === "number") throw signal.reason
      if ("error" in ended.failed) throw ended.failed.error
      return ended.failed.value as T
    }
  }

  /** Calls `listener` before each pause; what is returned ends that. */
  onRetry(listener: (report: RetryReport) => void): () => void {
    return this.#onRetry.add(listener)
  }

  /** Calls `listener` when no other attempt follows; what is returned ends that. */
  onGiveUp(listener: (report: GiveUpReport) => void): () => void {
    return this.#onGiveUp.add(listener)
  }

  /** Calls `listener` after each call, whatever its attempts were; what is returned ends that. */
  onCall(listener: (report: PolicyReport) => void): () => void {
    return this.#onCall.add(listener)
  }

  async #attempt<T>(
    fn: (call: RetryCall) => T | PromiseLike<T>,
    call: RetryCall
  ): Promise<{ readonly value: T } | { readonly failed: Failed }> {
    const { isFailureResult, onError } = this.#settings
    try {
      const value = await fn(call)
      const isFailure = isFailureResult !== undefined && ask(onError, () => isFailureResult(value), false)
      return isFailure ? { failed: { value } } : { value }
    } catch (error) {
      return { failed: { error } }
    }
  }

  /** How long until the next attempt, or why there is none. */
  #next(failed: AttemptFailed, begun: number, key: string): number | "attempts" | "refused" | "time" {
    const { when, onError } = this.#settings
    const { attempt } = failed
    if (attempt >= this.#rule.attempts) return "attempts"
    let retryAfterMs = 0
    if ("error" in failed) {
      const failure = toFailure(failed.error)
      if (!isRetried(this.#rule, attempt, failure)) return "refused"
      if (when !== undefined && !ask(onError, () => when(failed.error), true)) return "refused"
      retryAfterMs = failure.retryAfterMs ?? 0
    }
    const own = this.#pause === undefined ? undefined : this.#pause(failed)
    if (this.#pause !== undefined && own === undefined) return "refused"
    const pauseMs =
      own === undefined ? pauseAfter(this.#rule, attempt, key, retryAfterMs) : Math.max(own, Math.ceil(retryAfterMs))
    return this.#time.now() + pauseMs - begun > this.#withinMs ? "time" : pauseMs
  }

  #ended(begun: number, failed?: Failed): void {
    if (this.#onCall.size === 0) return
    const report = { policy: this.name, ms: this.#time.now() - begun }
    this.#onCall.tell(
      failed === undefined
        ? { ...report, end: "succeeded" }
        : { ...report, end: "failed", ...("error" in failed ? { error: failed.error } : {}) }
    )
  }
}

const settingNames = [
  "attempts",
  "backoff",
  "base",
  "cap",
  "factor",
  "jitter",
  "on",
  "notOn",
  "within",
  "pause",
  "when",
  "isFailureResult",
  "name",
  "time",
  "onError"
]

const ruleOf = (settings: RetrySettings, subject: string) => {
  const { pause, when: _, isFailureResult, name, time, onError, ...options } = settings
  for (const field of ["backoff", "base", "cap", "factor", "jitter"] as const)
    if (pause !== undefined && options[field] !== undefined)
      throw new InvalidOption({
        option: `${field} of ${subject}`,
        value: options[field],
        allowed: "leave it out: 'pause' says how long each pause is"
      })
  const list = typeof pause === "object" ? pausesOf(pause, subject) : undefined
  const attempts = options.attempts ?? (list === undefined ? undefined : list.length + 1)
  const { retry } = workPolicy(
    // a list has no base that a time for all attempts would have to fit
    { retry: { ...options, ...(pause === undefined ? {} : { backoff: "fixed", base: 0 }), attempts: attempts! } },
    subject
  )
  if (list !== undefined && attempts! > list.length + 1)
    throw new InvalidOption({
      option: `attempts of ${subject}`,
      value: attempts,
      allowed: `at most ${list.length + 1}: one more than there are pauses`
    })
  return {
    rule: retryOf(retry),
    withinMs: retry?.withinMs ?? Number.POSITIVE_INFINITY,
    pause:
      list !== undefined
        ? ({ attempt }: AttemptFailed) => list[attempt - 1]
        : typeof pause === "function"
          ? asked(pause, subject, onError)
          : undefined
  }
}

const pausesOf = (pauses: ReadonlyArray<Duration>, subject: string): ReadonlyArray<number> => {
  if (!Array.isArray(pauses) || pauses.length === 0)
    throw new InvalidOption({
      option: `pause of ${subject}`,
      value: JSON.stringify(pauses),
      allowed: 'a list of durations, like ["100ms", "1s"], or a function that gives one'
    })
  return pauses.map((pause, i) => milliseconds(pause, `pause[${i}] of ${subject}`))
}

/** One that throws, or gives what is no duration, ends the attempts: a pause of nothing could be a hot loop. */
const asked =
  (
    pause: (failed: AttemptFailed) => Duration | undefined,
    subject: string,
    onError: RetrySettings["onError"]
  ): ((failed: AttemptFailed) => number | undefined) =>
  (failed) => {
    try {
      const given = pause(failed)
      return given === undefined ? undefined : milliseconds(given, `pause of ${subject}`)
    } catch (error) {
      report(onError, error)
      return undefined
    }
  }

/** Whether a pause passed, or was given up. */
const passed = (time: Time, ms: number, signal: AbortSignal): Promise<boolean> =>
  ms === 0
    ? Promise.resolve(!signal.aborted)
    : new Promise((resolve) => {
        const end = (hasPassed: boolean) => {
          stop()
          signal.removeEventListener("abort", givenUp)
          resolve(hasPassed)
        }
        const givenUp = () => end(false)
        const stop = time.later(ms, () => end(true))
        signal.addEventListener("abort", givenUp)
        // a listener of the report may have given it up
        if (signal.aborted) givenUp()
      })
