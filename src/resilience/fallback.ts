/**
 * What stands in for a call that failed, to use alone: `fallback({ value: [] }).execute(fn)`. A value, or a function that is told
 * why; several are several policies, tried from the inside out.
 */
import { InvalidOption, toFailure } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { isRetried } from "../model/retrying.ts"
import { requireKnown } from "../model/settings.ts"
import { ask, Listeners } from "./listeners.ts"
import {
  behind,
  type Failed,
  isTimeout,
  never,
  type Policy,
  type PolicyCall,
  type PolicyOptions,
  type PolicyReport
} from "./policy.ts"

interface Common {
  /** Only failures with one of these codes or tags. */
  readonly on?: ReadonlyArray<string>
  /** Not failures with one of these codes or tags. */
  readonly notOn?: ReadonlyArray<string>
  /** Whether it answers for an error. Asked of what `on` and `notOn` let through; one that throws is not heard. */
  readonly when?: (error: unknown) => boolean
  /** Whether a result is a failure all the same. */
  readonly isFailureResult?: (value: unknown) => boolean
  /** As reports show it; default `fallback`. */
  readonly name?: string
  /** Told what a listener, or one of the questions above, throws; they never disturb a call. */
  readonly onError?: (error: unknown) => void
}

/** A value, or a call that is told what failed. */
export type FallbackSettings<F> = Common &
  ({ readonly value: F } | { readonly call: (failed: Failed, call: PolicyCall) => F | PromiseLike<F> })

/** A fallback answered, or failed too. */
export type FallbackAnswer = {
  readonly policy: string
  /** What it answered for. */
  readonly failed: Failed
} & ({ readonly end: "succeeded"; readonly value: unknown } | { readonly end: "failed"; readonly error: unknown })

/**
 * A fallback.
 *
 * ```ts check
 * const calm = fallback({ value: "from the cache" })
 * await calm.execute(async () => Promise.reject(new Error("down"))) // => "from the cache"
 * ```
 *
 * @throws InvalidOption for impossible settings, InvalidId for a name that cannot be an id.
 */
export const fallback = <F>(settings: FallbackSettings<F>): Fallback<F> => new Fallback(settings)

export class Fallback<F> implements Policy<F> {
  readonly name: string
  readonly #settings: FallbackSettings<F>
  readonly #onFallback: Listeners<FallbackAnswer>
  readonly #onCall: Listeners<PolicyReport>
  /** The function behind this fallback. */
  readonly wrap = behind<F>(this)

  constructor(settings: FallbackSettings<F>) {
    const { name = "fallback", on, notOn, onError } = settings
    this.name = requireId("fallback", name)
    const subject = `fallback '${name}'`
    requireKnown(settings, ["value", "call", "on", "notOn", "when", "isFailureResult", "name", "onError"], subject)
    if ("value" in settings === "call" in settings || ("call" in settings && typeof settings.call !== "function"))
      throw new InvalidOption({
        option: subject,
        value: Object.keys(settings).join(", "),
        allowed: "either { value }, or { call: (failed) => … }"
      })
    requireNames(on, `on of ${subject}`)
    requireNames(notOn, `notOn of ${subject}`)
    this.#settings = settings
    this.#onFallback = new Listeners(onError)
    this.#onCall = new Listeners(onError)
  }

  /** Calls `fn`, and answers for it where it fails. A call that its caller gave up fails as it is. */
  async execute<T>(
    fn: (call: PolicyCall) => T | PromiseLike<T>,
    { signal = never }: PolicyOptions = {}
  ): Promise<T | F> {
    signal.throwIfAborted()
    const since = performance.now()
    const { isFailureResult, onError } = this.#settings
    let failed: Failed
    try {
      const value = await fn({ signal })
      if (isFailureResult === undefined || !ask(onError, () => isFailureResult(value), false)) {
        this.#onCall.tell({ policy: this.name, end: "succeeded", ms: performance.now() - since })
        return value
      }
      failed = { value }
    } catch (error) {
      failed = { error }
    }
    const error = "error" in failed ? { error: failed.error } : {}
    this.#onCall.tell({ policy: this.name, end: "failed", ms: performance.now() - since, ...error })
    const isGivenUp = signal.aborted && !isTimeout(signal.reason)
    if ("error" in failed && (isGivenUp || !this.#answersFor(failed.error))) throw failed.error
    return await this.#answer(failed, signal)
  }

  /** Calls `listener` after each answer of the fallback; what is returned ends that. */
  onFallback(listener: (answer: FallbackAnswer) => void): () => void {
    return this.#onFallback.add(listener)
  }

  /** Calls `listener` after each call, before a fallback answers for it; what is returned ends that. */
  onCall(listener: (report: PolicyReport) => void): () => void {
    return this.#onCall.add(listener)
  }

  #answersFor(error: unknown): boolean {
    const { on, notOn, when, onError } = this.#settings
    const lists = { ...(on === undefined ? {} : { on }), ...(notOn === undefined ? {} : { notOn }) }
    // what no other attempt can mend, a fallback can
    if (!isRetried({ attempts: 2, ...lists }, 1, { ...toFailure(error), retryable: true })) return false
    return when === undefined || ask(onError, () => when(error), true)
  }

  async #answer(failed: Failed, signal: AbortSignal): Promise<F> {
    const settings = this.#settings
    const about = { policy: this.name, failed }
    try {
      const value = "value" in settings ? settings.value : await settings.call(failed, { signal })
      this.#onFallback.tell({ ...about, end: "succeeded", value })
      return value
    } catch (error) {
      this.#onFallback.tell({ ...about, end: "failed", error })
      throw error
    }
  }
}

const requireNames = (names: ReadonlyArray<string> | undefined, option: string): void => {
  if (names === undefined) return
  if (!Array.isArray(names) || names.length === 0 || names.some((name) => typeof name !== "string" || name === ""))
    throw new InvalidOption({ option, value: JSON.stringify(names), allowed: "at least one code or tag of a failure" })
}
