/**
 * How the calls of the last while ended, and how long they took: counts and percentiles over a time that rolls on in steps of a
 * tenth. A call costs two additions and a place in a histogram, whatever the window; percentiles are worked out when somebody asks.
 * It reads no clock: times come with the calls.
 */
import { type Duration, milliseconds } from "../model/duration.ts"
import { InvalidOption } from "../model/errors.ts"
import { requireKnown } from "../model/settings.ts"

/** The calls of the last while. Those that were refused, or are still out, took no time. */
export interface CallStats {
  /** How long the while is. */
  readonly windowMs: number
  /** All that ended or were refused. */
  readonly calls: number
  readonly succeeded: number
  /** Timeouts included. */
  readonly failed: number
  /** Failures because the time was over. */
  readonly timedOut: number
  readonly ignored: number
  readonly refused: number
  readonly late: number
  /** Answers of a fallback, good or not. */
  readonly fallbacks: number
  /** Milliseconds, of all calls that were made; percentiles within 2 %. All 0 where there were none. */
  readonly latency: {
    readonly min: number
    readonly mean: number
    readonly p50: number
    readonly p90: number
    readonly p95: number
    readonly p99: number
    readonly max: number
  }
}

export type StatsOptions = true | { /** Default 10 s. */ readonly window?: Duration }

const kinds = ["succeeded", "failed", "ignored", "refused", "late", "timedOut", "fallbacks"] as const
export type CallKind = (typeof kinds)[number]
const kindAt = Object.fromEntries(kinds.map((kind, i) => [kind, i])) as Readonly<Record<CallKind, number>>

const steps = 10

/** The window that options say. Throws `InvalidOption`. */
export const statsWindowMs = (options: StatsOptions, subject: string): number => {
  if (options === true) return 10_000
  requireKnown(options, ["window"], `stats of ${subject}`)
  const windowMs = milliseconds(options.window ?? 10_000, `stats.window of ${subject}`)
  if (windowMs < steps)
    throw new InvalidOption({ option: `stats.window of ${subject}`, value: options.window, allowed: "at least 10 ms" })
  return windowMs
}

export class CallCounter {
  readonly #windowMs: number
  readonly #stepMs: number
  #step = Number.NEGATIVE_INFINITY
  /** When the newest step is over: nearly every call finds that it is not. */
  #until = Number.NEGATIVE_INFINITY
  #slot = 0
  readonly #counts = new Float64Array(steps * kinds.length)
  readonly #sums = new Float64Array(steps)
  readonly #least = new Float64Array(steps).fill(Number.POSITIVE_INFINITY)
  readonly #most = new Float64Array(steps)
  readonly #histogram = new Uint32Array(steps * places)

  constructor(windowMs: number) {
    this.#windowMs = windowMs
    this.#stepMs = windowMs / steps
  }

  /** Something that took no time. */
  count(kind: CallKind, at: number): void {
    if (at >= this.#until) this.#advance(at)
    this.#counts[this.#slot * kinds.length + kindAt[kind]]!++
  }

  /** A call that was made. */
  took(kind: CallKind, ms: number, at: number): void {
    this.count(kind, at)
    const slot = this.#slot
    this.#sums[slot]! += ms
    if (ms < this.#least[slot]!) this.#least[slot] = ms
    if (ms > this.#most[slot]!) this.#most[slot] = ms
    this.#histogram[slot * places + placeOf(ms)]!++
  }

  /** What is left of it at that time. */
  read(at: number): CallStats {
    if (at >= this.#until) this.#advance(at)
    const [succeeded, failed, ignored, refused, late, timedOut, fallbacks] = kinds.map((_, kind) =>
      this.#sumOf((slot) => this.#counts[slot * kinds.length + kind]!)
    ) as [number, number, number, number, number, number, number]
    const made = succeeded + failed + ignored + late
    const min = made === 0 ? 0 : Math.min(...this.#least)
    const max = Math.max(...this.#most)
    const percentile = this.#percentiles(made, min, max)
    return {
      windowMs: this.#windowMs,
      calls: made + refused,
      succeeded,
      failed,
      timedOut,
      ignored,
      refused,
      late,
      fallbacks,
      latency: {
        min,
        mean: made === 0 ? 0 : this.#sumOf((slot) => this.#sums[slot]!) / made,
        p50: percentile(0.5),
        p90: percentile(0.9),
        p95: percentile(0.95),
        p99: percentile(0.99),
        max
      }
    }
  }

  /** The smallest latency that so many of all calls did not take longer than. */
  #percentiles(made: number, min: number, max: number): (share: number) => number {
    return (share) => {
      if (made === 0) return 0
      let left = Math.ceil(share * made)
      for (let place = 0; place < places; place++) {
        left -= this.#sumOf((slot) => this.#histogram[slot * places + place]!)
        if (left <= 0) return Math.min(max, Math.max(min, middleOf(place)))
      }
      return max
    }
  }

  #sumOf(of: (slot: number) => number): number {
    let sum = 0
    for (let slot = 0; slot < steps; slot++) sum += of(slot)
    return sum
  }

  #advance(at: number): void {
    const step = Math.floor(at / this.#stepMs)
    const from = Math.max(this.#step + 1, step - steps + 1)
    for (let old = from; old <= step; old++) this.#forget(slotOf(old))
    this.#step = step
    this.#until = (step + 1) * this.#stepMs
    this.#slot = slotOf(step)
  }

  #forget(slot: number): void {
    this.#counts.fill(0, slot * kinds.length, (slot + 1) * kinds.length)
    this.#histogram.fill(0, slot * places, (slot + 1) * places)
    this.#sums[slot] = this.#most[slot] = 0
    this.#least[slot] = Number.POSITIVE_INFINITY
  }
}

/** Steps before 1970 have a place as well. */
const slotOf = (step: number) => ((step % steps) + steps) % steps

// Places of the histogram, in microseconds: one each up to 63, then 32 to every doubling, up to the 35 minutes that 31 bits hold.
const exact = 64
const perDoubling = 32
const places = exact + 25 * perDoubling

const placeOf = (ms: number): number => {
  const us = Math.min(2 ** 31 - 1, Math.max(0, Math.round(ms * 1_000)))
  if (us < exact) return us
  const doubling = 31 - Math.clz32(us)
  return exact + (doubling - 6) * perDoubling + ((us >>> (doubling - 5)) & (perDoubling - 1))
}

/** The middle of a place, in milliseconds. */
const middleOf = (place: number): number => {
  if (place < exact) return place / 1_000
  const doubling = 6 + Math.floor((place - exact) / perDoubling)
  const width = 2 ** (doubling - 5)
  return (2 ** doubling + ((place - exact) % perDoubling) * width + width / 2) / 1_000
}
