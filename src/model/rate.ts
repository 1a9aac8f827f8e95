/**
 * How many calls are made in a time: the policy as plain data, and the meter that counts them. Times are given; nothing here reads a
 * clock.
 *
 * A token bucket lets at most `burst + perSecond × t` calls through in any time of t seconds. It is kept as one number, the time at
 * which it would be full again (the generic cell rate algorithm, ITU-T I.371): no token is ever counted, so none is lost to rounding.
 * A fixed window lets at most `limit` calls through in each window; in a time as long as one that lies across two, twice as many.
 */
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption } from "./errors.ts"
import { limits } from "./limits.ts"
import { requireKnown, requireMs, requireWhole } from "./settings.ts"

interface Waiting {
  /** Most calls that wait; default 1,000. One more is refused. */
  readonly queue?: number
  /** What a new process begins with where an earlier one worked on the same store: nothing (default), or all. */
  readonly afterRestart?: "empty" | "full"
}

/** As data. */
export type RatePolicy = Waiting & {
  /** Longest wait; default one hour. Who would wait longer is refused at once. */
  readonly waitMs?: number
} & (
    | {
        /** Calls a second, above 0. */
        readonly perSecond: number
        /** Most calls at once; default as many as come in a second. */
        readonly burst?: number
      }
    | { /** Calls in each window. */ readonly limit: number; readonly windowMs: number }
  )

/** As people write it. */
export type RateOptions = Waiting & {
  /** Longest wait; default one hour. Who would wait longer is refused at once. */
  readonly wait?: Duration
} & (
    | { readonly perSecond: number; readonly burst?: number }
    | { readonly limit: number; readonly window: Duration }
    | { readonly limit: number; readonly windowMs: number }
  )

/** A policy with every setting decided. */
export interface RateRule {
  readonly of:
    | { readonly intervalMs: number; readonly burst: number }
    | { readonly limit: number; readonly windowMs: number }
  readonly queue: number
  readonly waitMs: number
  readonly afterRestart: "empty" | "full"
}

/**
 * A policy with every setting decided.
 *
 * ```ts check
 * rateRule({ perSecond: 10, burst: 20 }).of // => { intervalMs: 100, burst: 20 }
 * rateRule({ limit: 100, windowMs: 60000 }).queue // => 1000
 * ```
 *
 * @throws InvalidOption for what is out of range, or not a setting at all.
 */
export const rateRule = (policy: RatePolicy, subject = "a rate"): RateRule => {
  requireKnown(policy, ["perSecond", "burst", "limit", "windowMs", "queue", "waitMs", "afterRestart"], subject)
  const { queue = 1_000, waitMs = 3_600_000, afterRestart = "empty" } = policy
  const given = policy as { readonly [key in "perSecond" | "burst" | "limit" | "windowMs"]?: number }
  const isBucket = given.perSecond !== undefined || given.burst !== undefined
  if (isBucket === (given.limit !== undefined || given.windowMs !== undefined))
    throw new InvalidOption({
      option: subject,
      value: JSON.stringify(policy),
      allowed: "either { perSecond, burst } (a token bucket) or { limit, windowMs } (a fixed window)"
    })
  requireWhole(queue, 0, limits.waiting, `queue of ${subject}`)
  requireMs(waitMs, 0, `waitMs of ${subject}`)
  if (afterRestart !== "empty" && afterRestart !== "full")
    throw new InvalidOption({ option: `afterRestart of ${subject}`, value: afterRestart, allowed: "empty or full" })
  return Object.freeze({
    of: Object.freeze(isBucket ? bucketOf(given, subject) : windowOf(given, subject)),
    queue,
    waitMs,
    afterRestart
  })
}

/**
 * The policy that options say, as data.
 *
 * ```ts check
 * ratePolicy({ limit: 100, window: "1m" }) // => { limit: 100, windowMs: 60000 }
 * ```
 *
 * @throws InvalidOption for what is out of range, or not a setting at all.
 */
export const ratePolicy = (options: RateOptions, subject = "a rate"): RatePolicy => {
  requireKnown(options, ["perSecond", "burst", "limit", "window", "windowMs", "queue", "wait", "afterRestart"], subject)
  const { wait, window, ...rest } = options as RateOptions & { readonly window?: Duration }
  const policy = {
    ...rest,
    ...(window === undefined ? {} : { windowMs: milliseconds(window, `window of ${subject}`) }),
    ...(wait === undefined ? {} : { waitMs: milliseconds(wait, `wait of ${subject}`) })
  } as RatePolicy
  rateRule(policy, subject)
  return policy
}

/** Policies by name, as data. Throws `InvalidOption` for what cannot be. */
export const ratePolicies = (
  rates: { readonly [name: string]: RateOptions },
  where = ""
): { readonly [name: string]: RatePolicy } =>
  Object.fromEntries(
    Object.entries(rates).map(([name, options]) => [name, ratePolicy(options, `rate '${name}'${where}`)])
  )

const bucketOf = ({ perSecond, burst }: { readonly perSecond?: number; readonly burst?: number }, subject: string) => {
  if (typeof perSecond !== "number" || !(perSecond >= perSecondLeast && perSecond <= limits.concurrent))
    throw new InvalidOption({
      option: `perSecond of ${subject}`,
      value: perSecond,
      allowed: `a number from ${perSecondLeast} to ${limits.concurrent}`
    })
  const most = burst ?? Math.max(1, Math.floor(perSecond))
  return { intervalMs: 1_000 / perSecond, burst: requireWhole(most, 1, limits.concurrent, `burst of ${subject}`) }
}
/** Less is a call a day: that is a fixed window. */
export const perSecondLeast = 0.00001

const windowOf = ({ limit, windowMs }: { readonly limit?: number; readonly windowMs?: number }, subject: string) => ({
  limit: requireWhole(limit!, 1, limits.concurrent, `limit of ${subject}`),
  windowMs: requireMs(windowMs!, 1, `windowMs of ${subject}`)
})

/** Counts the calls that were let through. */
export interface Meter {
  /** How long until a call may be made that has so many others before it, in milliseconds: 0 when it may at once. */
  waitMs(at: number, ahead?: number): number
  /** A call is let through. */
  take(at: number): void
  /** How many calls could be made now. */
  free(at: number): number
}

/** `at`: now. `origin`: when some window began, or would have. */
export const meterOf = (
  { of }: RateRule,
  { at, origin = at, isEmpty }: { readonly at: number; readonly origin?: number; readonly isEmpty: boolean }
): Meter => ("limit" in of ? new WindowMeter(of, at, origin, isEmpty) : new BucketMeter(of, at, isEmpty))

class BucketMeter implements Meter {
  readonly #intervalMs: number
  readonly #burst: number
  #fullAt: number
  constructor(
    { intervalMs, burst }: { readonly intervalMs: number; readonly burst: number },
    at: number,
    isEmpty: boolean
  ) {
    this.#intervalMs = intervalMs
    this.#burst = burst
    this.#fullAt = isEmpty ? at + burst * intervalMs : at
  }
  waitMs(at: number, ahead = 0): number {
    const fullAt = Math.max(this.#fullAt, at)
    const waitMs = fullAt + (ahead + 1 - this.#burst) * this.#intervalMs - at
    // less than a clock can tell is nothing: whoever slept on it would wake at the same moment, again and again
    return waitMs < leastMs ? 0 : waitMs
  }
  take(at: number): void {
    this.#fullAt = Math.max(this.#fullAt, at) + this.#intervalMs
  }
  free(at: number): number {
    const spent = (Math.max(this.#fullAt, at) - at - leastMs) / this.#intervalMs
    return Math.max(0, this.#burst - Math.max(0, Math.ceil(spent)))
  }
}

/** A microsecond. */
const leastMs = 0.001

class WindowMeter implements Meter {
  readonly #limit: number
  readonly #windowMs: number
  readonly #origin: number
  #window: number
  #count: number
  constructor(
    { limit, windowMs }: { readonly limit: number; readonly windowMs: number },
    at: number,
    origin: number,
    isEmpty: boolean
  ) {
    this.#limit = limit
    this.#windowMs = windowMs
    this.#origin = origin
    this.#window = this.#of(at)
    this.#count = isEmpty ? limit : 0
  }
  waitMs(at: number, ahead = 0): number {
    const window = Math.max(this.#of(at), this.#window)
    const left = this.#limit - (window === this.#window ? this.#count : 0)
    if (ahead < left) return Math.max(0, this.#beginOf(window) - at)
    return this.#beginOf(window + 1 + Math.floor((ahead - left) / this.#limit)) - at
  }
  take(at: number): void {
    const window = this.#of(at)
    if (window > this.#window) {
      this.#window = window
      this.#count = 0
    }
    this.#count++
  }
  free(at: number): number {
    const window = this.#of(at)
    return window > this.#window ? this.#limit : window < this.#window ? 0 : this.#limit - this.#count
  }
  #of(at: number): number {
    return Math.floor((at - this.#origin) / this.#windowMs)
  }
  #beginOf(window: number): number {
    return this.#origin + window * this.#windowMs
  }
}
