/**
 * A rate limit to use alone: `rateLimit(policy).execute(fn)`. So many calls in a time, the others wait for their turn; who would
 * wait too long is refused at once, and told when to come back. The turnstile is that of `model/turnstile.ts`, which the
 * orchestrator uses too.
 */
import { RateLimited } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { type Meter, meterOf, type RateOptions, ratePolicy, rateRule } from "../model/rate.ts"
import { type RateMetrics, Turnstile } from "../model/turnstile.ts"
import { Listeners } from "./listeners.ts"
import { type PolicyReport, reporting } from "./policy.ts"
import { inLine, type LetThrough, type LineOptions, realTime, type Time } from "./waiting.ts"

/** The policy, and what only code can say. */
export type RateLimitSettings = RateOptions & {
  /** As errors show it; default `rate`. */
  readonly name?: string
  /** A clock of your own. */
  readonly time?: Time
  /** Told what a listener throws; it never disturbs a call. */
  readonly onError?: (error: unknown) => void
}

/**
 * A rate limit with this policy. It begins with all its tokens, or a whole window.
 *
 * ```ts check
 * const often = rateLimit({ perSecond: 1000, burst: 2 })
 * await Promise.all([1, 2, 3].map((n) => often.execute(() => n))) // => [1, 2, 3]
 * ```
 *
 * @throws InvalidOption for an impossible policy, InvalidId for a name that cannot be an id.
 */
export const rateLimit = (settings: RateLimitSettings): RateLimit => new RateLimit(settings)

export class RateLimit {
  readonly name: string
  readonly #turnstile: Turnstile
  readonly #meter: Meter
  readonly #time: Time
  readonly #onCall: Listeners<PolicyReport>
  /** Ends the wait for the next token, while there is one. */
  #wake: (() => void) | undefined = undefined

  constructor({ name = "rate", time = realTime, onError, ...options }: RateLimitSettings) {
    this.name = requireId("rate", name)
    this.#time = time
    this.#onCall = new Listeners(onError)
    const subject = `rate '${name}'`
    const rule = rateRule(ratePolicy(options as RateOptions, subject), subject)
    this.#meter = meterOf(rule, { at: time.now(), isEmpty: false })
    this.#turnstile = new Turnstile(name, rule, this.#meter)
  }

  /** Calls `fn` when its turn comes, or rejects with `RateLimited` without calling it; then with what `fn` rejects with. */
  execute<T>(fn: (call: LetThrough) => T | PromiseLike<T>, options: LineOptions = {}): Promise<T> {
    return reporting(
      this.#onCall,
      this.name,
      () => this.#time.now(),
      () => this.#through(fn, options),
      (error) => error instanceof RateLimited && error.rate === this.name
    )
  }

  /** Calls `listener` after each call, and each that was refused; what is returned ends that. */
  onCall(listener: (report: PolicyReport) => void): () => void {
    return this.#onCall.add(listener)
  }

  /** The function behind this limit. */
  wrap<A extends ReadonlyArray<unknown>, T>(fn: (...args: A) => T | PromiseLike<T>): (...args: A) => Promise<T> {
    return (...args) => this.execute<T>(() => fn(...args))
  }

  /** `free`: calls that could be made now. */
  metrics(): RateMetrics & { readonly free: number } {
    return { ...this.#turnstile.metrics, free: this.#meter.free(this.#time.now()) }
  }

  async #through<T>(
    fn: (call: LetThrough) => T | PromiseLike<T>,
    { key = "", priority = 50, signal }: LineOptions
  ): Promise<T> {
    const turnstile = this.#turnstile
    const who = { lane: key, priority, isHeld: false }
    const { call } = await inLine(
      this.#time,
      turnstile.rule.waitMs,
      signal,
      (granted) => {
        const turn = turnstile.take(who, this.#time.now(), granted)
        this.#arm()
        return { isGranted: turn.isGranted, leave: () => this.#left(() => turn.leave()) }
      },
      () => turnstile.refusal("wait", turnstile.nextMs(this.#time.now()) ?? 0)
    )
    return await fn(call)
  }

  #left(leave: () => void): void {
    leave()
    if (this.#turnstile.metrics.queued > 0) return
    // nobody waits: no timer keeps the process
    this.#wake?.()
    this.#wake = undefined
  }

  #arm(): void {
    const nextMs = this.#turnstile.nextMs(this.#time.now())
    if (this.#wake !== undefined || nextMs === undefined) return
    this.#wake = this.#time.later(nextMs, () => {
      this.#wake = undefined
      this.#turnstile.grant(this.#time.now())
      this.#arm()
    })
  }
}
