/**
 * A bound of time to use alone: `timeout({ after: "2s" }).execute(fn)`. When it is over the function is told by its signal, and the
 * caller has its answer at once; what the function answers after that is late. A patient one tells, and waits for the function.
 */
import { type Duration, milliseconds } from "../model/duration.ts"
import { CallTimedOut, InvalidOption } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { requireKnown } from "../model/settings.ts"
import { Listeners } from "./listeners.ts"
import { behind, type Policy, type PolicyCall, type PolicyOptions, type PolicyReport } from "./policy.ts"
import { realTime, type Time } from "./waiting.ts"

export interface TimeoutSettings {
  /** How long a call may take, 1 ms to ten years. */
  readonly after: Duration
  /** Tells the function by its signal, and gives the caller what the function answers then. Default false. */
  readonly patient?: boolean
  /** As errors show it; default `timeout`. */
  readonly name?: string
  /** A clock of your own. The default keeps the process alive while it waits; `backgroundTime` does not. */
  readonly time?: Time
  /** Told what a listener throws; it never disturbs a call. */
  readonly onError?: (error: unknown) => void
}

/** The time of a call is over; it has not ended yet. */
export interface TimeoutReport {
  readonly policy: string
  readonly error: CallTimedOut
}

/**
 * A timeout.
 *
 * ```ts check
 * const soon = timeout({ after: "5s" })
 * await soon.execute(async () => 42) // => 42
 * ```
 *
 * @throws InvalidOption for an impossible time, InvalidId for a name that cannot be an id.
 */
export const timeout = (settings: TimeoutSettings): Timeout => new Timeout(settings)

export class Timeout implements Policy {
  readonly name: string
  readonly #ms: number
  readonly #isPatient: boolean
  readonly #time: Time
  readonly #onTimeout: Listeners<TimeoutReport>
  readonly #onCall: Listeners<PolicyReport>
  /** The function behind this timeout. */
  readonly wrap = behind<never>(this)

  constructor(settings: TimeoutSettings) {
    const { after, patient = false, name = "timeout", time = realTime, onError } = settings
    this.name = requireId("timeout", name)
    const subject = `timeout '${name}'`
    requireKnown(settings, ["after", "patient", "name", "time", "onError"], subject)
    this.#ms = milliseconds(after, `after of ${subject}`)
    if (this.#ms < 1) throw new InvalidOption({ option: `after of ${subject}`, value: after, allowed: "at least 1 ms" })
    if (typeof patient !== "boolean")
      throw new InvalidOption({ option: `patient of ${subject}`, value: patient, allowed: "true or false" })
    this.#isPatient = patient
    this.#time = time
    this.#onTimeout = new Listeners(onError)
    this.#onCall = new Listeners(onError)
  }

  /** Calls `fn`, and rejects with `CallTimedOut` when it has not answered in time. */
  execute<T>(fn: (call: PolicyCall) => T | PromiseLike<T>, { signal }: PolicyOptions = {}): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      const since = this.#time.now()
      const control = new AbortController()
      const givenUp = () => control.abort(signal!.reason)
      let isAnswered = false
      const ended = (end: "succeeded" | "failed", error?: unknown) => {
        stop()
        signal?.removeEventListener("abort", givenUp)
        const ms = this.#time.now() - since
        const failed = end === "failed" ? { error } : {}
        this.#onCall.tell({ policy: this.name, end: isAnswered ? "late" : end, ms, ...failed })
        isAnswered = true
      }
      const over = () => {
        const error = new CallTimedOut({ timeout: this.name, timeoutMs: this.#ms })
        this.#onTimeout.tell({ policy: this.name, error })
        control.abort(error)
        if (this.#isPatient || isAnswered) return
        ended("failed", error)
        reject(error)
      }
      const stop = this.#time.later(this.#ms, over)
      signal?.addEventListener("abort", givenUp)
      const answered = (value: T) => {
        ended("succeeded")
        resolve(value)
      }
      const failed = (error: unknown) => {
        ended("failed", error)
        reject(error)
      }
      try {
        Promise.resolve(fn({ signal: control.signal })).then(answered, failed)
      } catch (error) {
        failed(error)
      }
    })
  }

  /** Calls `listener` when the time of a call is over; what is returned ends that. */
  onTimeout(listener: (report: TimeoutReport) => void): () => void {
    return this.#onTimeout.add(listener)
  }

  /** Calls `listener` after each call, and once more when one answers late; what is returned ends that. */
  onCall(listener: (report: PolicyReport) => void): () => void {
    return this.#onCall.add(listener)
  }
}
