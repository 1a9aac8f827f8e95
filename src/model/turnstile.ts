/**
 * Calls that wait for their turn under a rate: `take` gives a pass that is granted, or waits, or is refused. Times are given; whoever
 * has a clock asks `grant(now)` when `nextMs(now)` has passed.
 */
import { RateLimited } from "./errors.ts"
import { FairQueue, InLine, type Waiter } from "./fair-queue.ts"
import type { Meter, RateRule } from "./rate.ts"

export interface RateMetrics {
  readonly name: string
  /** Calls that were let through so far. */
  readonly passed: number
  readonly queued: number
  /** Calls that were refused so far. */
  readonly refused: number
}

/** The turn of one call. */
export class Turn extends InLine {
  readonly #turnstile: Turnstile
  isGranted = false
  constructor(turnstile: Turnstile, who: Waiter, granted: () => void) {
    super(who, granted)
    this.#turnstile = turnstile
  }
  /** It waits no longer; a token that it had is spent. */
  leave(): void {
    this.#turnstile.leave(this)
  }
}

export class Turnstile {
  readonly name: string
  readonly rule: RateRule
  readonly #meter: Meter
  readonly #queue = new FairQueue<Turn>()
  #passed = 0
  #refused = 0

  constructor(name: string, rule: RateRule, meter: Meter) {
    this.name = name
    this.rule = rule
    this.#meter = meter
  }

  get metrics(): RateMetrics {
    return { name: this.name, passed: this.#passed, queued: this.#queue.size, refused: this.#refused }
  }

  /** `granted` is called when one that waits has its turn. Throws `RateLimited`. */
  take(who: Waiter, at: number, granted: () => void): Turn {
    const turn = new Turn(this, who, granted)
    const ahead = this.#queue.size
    const waitMs = this.#meter.waitMs(at, ahead)
    if (ahead === 0 && waitMs === 0 && !turn.isHeld) this.#pass(turn, at)
    else if (ahead >= this.rule.queue) throw this.refusal("queue", waitMs)
    else if (waitMs > this.rule.waitMs) throw this.refusal("wait", waitMs)
    else this.#queue.push(turn)
    return turn
  }

  /** Why a call is refused; counts it. */
  refusal(why: RateLimited["why"], retryAfterMs: number): RateLimited {
    this.#refused++
    const { queue, waitMs } = this.rule
    return new RateLimited({ rate: this.name, why, queue, waitMs, retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) })
  }

  leave(turn: Turn): void {
    this.#queue.withdraw(turn)
  }

  /** Those that were held back may have their turn. */
  resume(): void {
    this.#queue.resume()
  }

  /** How long until somebody who waits can pass; undefined when nobody waits. */
  nextMs(at: number): number | undefined {
    return this.#queue.size === 0 ? undefined : this.#meter.waitMs(at)
  }

  /** Lets through whom it can; false when everybody who waits is held back. */
  grant(at: number): boolean {
    while (this.#queue.size > 0 && this.#meter.waitMs(at) === 0) {
      const turn = this.#queue.next(always)
      if (turn === undefined) return false
      this.#pass(turn, at)
      turn.granted()
    }
    return true
  }

  #pass(turn: Turn, at: number): void {
    turn.isGranted = true
    this.#passed++
    this.#meter.take(at)
  }
}
const always = () => true
