/**
 * Asks a service again and again whether it is well, and keeps its breaker open while it is not: nobody has to fail first. The
 * breaker is held by hand (`forceOpen`), so a check that is well again lets go of it, and whatever else holds it stays.
 */
import { type Duration, milliseconds } from "../model/duration.ts"
import { InvalidOption } from "../model/errors.ts"
import { requireKnown } from "../model/settings.ts"
import type { Breaker } from "./breaker.ts"
import { Listeners } from "./listeners.ts"
import type { PolicyCall } from "./policy.ts"
import { timeout } from "./timeout.ts"
import { backgroundTime, type Time } from "./waiting.ts"

export interface HealthCheckSettings {
  /** Asks the service; it is well unless this throws. One is asked at a time. */
  readonly check: (call: PolicyCall) => unknown
  /** From the end of one check to the next; 1 ms to ten years. The first is made at once. */
  readonly every: Duration
  /** A check that takes longer is not well; default: as long as `every`. */
  readonly within?: Duration
  /** A clock of your own. The default keeps no process alive. */
  readonly time?: Time
  /** Told what a listener throws. */
  readonly onError?: (error: unknown) => void
}

/** A check was made. */
export interface HealthReport {
  readonly breaker: string
  readonly isWell: boolean
  /** Why not. */
  readonly error?: unknown
}

/**
 * Begins to check.
 *
 * ```ts check
 * const bank = breaker({ name: "bank" })
 * const health = healthCheck(bank, { check: () => Promise.reject(new Error("down")), every: "1h" })
 * await new Promise((resolve) => health.onCheck(resolve))
 * bank.state // => "forcedOpen"
 * ```
 *
 * @throws InvalidOption for impossible settings.
 */
export const healthCheck = (breaker: Breaker<any>, settings: HealthCheckSettings): HealthCheck =>
  new HealthCheck(breaker, settings)

export class HealthCheck {
  readonly #breaker: Breaker<any>
  readonly #check: () => Promise<unknown>
  readonly #everyMs: number
  readonly #time: Time
  readonly #control = new AbortController()
  readonly #onCheck: Listeners<HealthReport>
  #wake: (() => void) | undefined
  #letGo: (() => void) | undefined
  #isWell: boolean | undefined

  constructor(breaker: Breaker<any>, settings: HealthCheckSettings) {
    const { check, every, within = every, time = backgroundTime, onError } = settings
    const subject = `the health check of breaker '${breaker.name}'`
    requireKnown(settings, ["check", "every", "within", "time", "onError"], subject)
    if (typeof check !== "function")
      throw new InvalidOption({ option: `check of ${subject}`, value: check, allowed: "a function" })
    this.#breaker = breaker
    this.#everyMs = positive(every, `every of ${subject}`)
    const bound = timeout({ after: positive(within, `within of ${subject}`), name: "health", time })
    const { signal } = this.#control
    this.#check = () => bound.execute(async (call) => check(call), { signal })
    this.#time = time
    this.#onCheck = new Listeners(onError)
    void this.#ask()
  }

  /** What the last check said; undefined before the first has ended. */
  get isWell(): boolean | undefined {
    return this.#isWell
  }

  /** Calls `listener` after each check; what is returned ends that. */
  onCheck(listener: (report: HealthReport) => void): () => void {
    return this.#onCheck.add(listener)
  }

  /** Checks no more, and lets go of the breaker. A check that is out is told. */
  stop(): void {
    this.#wake?.()
    this.#release()
    this.#control.abort()
  }

  async #ask(): Promise<void> {
    const report = await this.#check().then(
      () => ({ breaker: this.#breaker.name, isWell: true }),
      (error: unknown) => ({ breaker: this.#breaker.name, isWell: false, error })
    )
    if (this.#control.signal.aborted) return
    this.#isWell = report.isWell
    if (report.isWell) this.#release()
    else this.#hold()
    this.#onCheck.tell(report)
    if (!this.#control.signal.aborted) this.#wake = this.#time.later(this.#everyMs, () => void this.#ask())
  }

  /** Once; and again where somebody has reset the breaker meanwhile. */
  #hold(): void {
    if (this.#letGo !== undefined && this.#breaker.state === "forcedOpen") return
    this.#letGo = this.#breaker.forceOpen()
  }

  #release(): void {
    this.#letGo?.()
    this.#letGo = undefined
  }
}

const positive = (given: Duration, option: string): number => {
  const ms = milliseconds(given, option)
  if (ms < 1) throw new InvalidOption({ option, value: given, allowed: "at least 1 ms" })
  return ms
}
