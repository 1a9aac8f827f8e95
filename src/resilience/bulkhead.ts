/**
 * A bulkhead to use alone: `bulkhead(policy).execute(fn)`. So many calls at once, so many that wait, in fair turns between keys; one
 * more is refused. The places are those of `model/places.ts`, which the orchestrator uses too.
 */
import { type BulkheadOptions, bulkheadPolicy, bulkheadRule } from "../model/bulkhead.ts"
import { BulkheadFull } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { Places, type PlacesMetrics } from "../model/places.ts"
import { Listeners } from "./listeners.ts"
import { type PolicyReport, reporting } from "./policy.ts"
import { inLine, type LetThrough, type LineOptions, realTime, type Time } from "./waiting.ts"

/** The policy, and what only code can say. */
export interface BulkheadSettings extends BulkheadOptions {
  /** As errors show it; default `bulkhead`. */
  readonly name?: string
  /** A clock of your own. */
  readonly time?: Time
  /** Told what a listener throws; it never disturbs a call. */
  readonly onError?: (error: unknown) => void
}

/**
 * A bulkhead with this policy.
 *
 * ```ts check
 * const narrow = bulkhead({ concurrent: 2 })
 * await Promise.all([1, 2, 3].map((n) => narrow.execute(async () => n * n))) // => [1, 4, 9]
 * narrow.metrics().running // => 0
 * ```
 *
 * @throws InvalidOption for an impossible policy, InvalidId for a name that cannot be an id.
 */
export const bulkhead = (settings: BulkheadSettings): Bulkhead => new Bulkhead(settings)

export class Bulkhead {
  readonly name: string
  readonly #places: Places
  readonly #time: Time
  readonly #onCall: Listeners<PolicyReport>

  constructor({ name = "bulkhead", time = realTime, onError, ...options }: BulkheadSettings) {
    this.name = requireId("bulkhead", name)
    this.#time = time
    this.#onCall = new Listeners(onError)
    const subject = `bulkhead '${name}'`
    this.#places = new Places(name, bulkheadRule(bulkheadPolicy(options, subject), subject))
  }

  /** Calls `fn` when there is a place, or rejects with `BulkheadFull` without calling it; then with what `fn` rejects with. */
  execute<T>(fn: (call: LetThrough) => T | PromiseLike<T>, options: LineOptions = {}): Promise<T> {
    return reporting(
      this.#onCall,
      this.name,
      () => this.#time.now(),
      () => this.#through(fn, options),
      (error) => error instanceof BulkheadFull && error.bulkhead === this.name
    )
  }

  /** Calls `listener` after each call, and each that was refused; what is returned ends that. */
  onCall(listener: (report: PolicyReport) => void): () => void {
    return this.#onCall.add(listener)
  }

  /** The function behind this bulkhead. */
  wrap<A extends ReadonlyArray<unknown>, T>(fn: (...args: A) => T | PromiseLike<T>): (...args: A) => Promise<T> {
    return (...args) => this.execute<T>(() => fn(...args))
  }

  metrics(): PlacesMetrics {
    return this.#places.metrics
  }

  async #through<T>(
    fn: (call: LetThrough) => T | PromiseLike<T>,
    { key = "", priority = 50, signal }: LineOptions
  ): Promise<T> {
    const who = { lane: key, priority, isHeld: false }
    const { call, leave } = await inLine(
      this.#time,
      this.#places.rule.waitMs,
      signal,
      (granted) => {
        const seat = this.#places.take(who, granted)
        return { isGranted: seat.isGranted, leave: () => seat.leave() }
      },
      () => this.#places.refusal("wait")
    )
    try {
      return await fn(call)
    } finally {
      leave()
    }
  }
}
