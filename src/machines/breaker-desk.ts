/**
 * Where calls ask a breaker to pass, and report how they ended. Beside the chart it keeps the window that rates are worked out from,
 * and tells the chart only what can change it: a healthy call costs an addition, not an event. It reads no clock: `now` is given, and
 * asked only where a time is needed.
 */
import { type BreakerRule, isWarmingUp, type Seen, whyTrips } from "../model/breaker.ts"
import { type BreakerWindow, type WindowState, windowFor } from "../model/breaker-window.ts"
import { InvalidOption } from "../model/errors.ts"
import {
  type BreakerContext,
  type BreakerEvent,
  type BreakerFacts,
  type BreakerInput,
  type BreakerStatus,
  breakerMachine,
  refusesNow
} from "./breaker.ts"
import { type ChartSnapshot, compile, type Emit } from "./compile.ts"

/** What a call needs to report how it ended. Plain data: it may be kept wherever the call is. */
export interface Permit {
  /** The period in which it was given: in another one the outcome does not count. */
  readonly period: number
  /** The number of the trial; 0 for an ordinary call. */
  readonly trial: number
  /** When the call began; 0 where nobody asks how long it took. */
  readonly startedAt: number
}

/** How a call ended; `ignored` counts as nothing. */
export type CallEnd = "succeeded" | "failed" | "ignored"

/** All of a breaker as JSON: taken out at any point and put back in, it goes on as if nothing had been. */
export interface BreakerState {
  readonly v: 1
  readonly state: BreakerStatus
  readonly facts: BreakerFacts
  readonly window: WindowState
}

/** The life of a breaker, whoever steps its chart. */
export interface BreakerLife {
  readonly look: () => ChartSnapshot<BreakerContext>
  readonly send: (event: BreakerEvent) => void
}

/** Makes the life: the commands of its chart go to `emit`. */
export type MakeLife = (emit: Emit<any>) => BreakerLife

export const breakerChart = compile<BreakerContext, BreakerEvent, BreakerInput, undefined>(breakerMachine as never)

/** The first snapshot of a life, or the one that it goes on from. */
export const beginLife = (
  rule: BreakerRule,
  at: number,
  from: BreakerState | undefined,
  emit: Emit<undefined>
): ChartSnapshot<BreakerContext> =>
  from === undefined
    ? breakerChart.initial({ rule, at }, emit, undefined)
    : breakerChart.restore(from.state, { ...from.facts, rule }, undefined)

/** A life without an actor: for those who keep it in their own. */
export const plainLife =
  (rule: BreakerRule, at: number, from?: BreakerState): MakeLife =>
  (emit) => {
    let life = beginLife(rule, at, from === undefined ? undefined : requireState(from), emit)
    return {
      look: () => life,
      send: (event) => {
        life = breakerChart.step(life, event, emit)
      }
    }
  }

const statuses: ReadonlyArray<string> = Object.keys(breakerMachine.states)

/** What `snapshot()` gave; throws `InvalidOption` for anything else. Ask before an actor is made: inside one nobody hears of it. */
export const requireState = (from: BreakerState): BreakerState => {
  if (
    from?.v !== 1 ||
    !statuses.includes(from.state) ||
    !Number.isInteger(from.facts?.period) ||
    typeof from.window !== "object"
  )
    throw new InvalidOption({
      option: "from of a breaker",
      value: JSON.stringify(from)?.slice(0, 200),
      allowed: "what snapshot() of a breaker gave"
    })
  return from
}

/** What is known when a breaker opens. */
export interface Opening {
  /** Open periods in a row, this one included. */
  readonly opened: number
  /** Failures one after the other, the last one included; 0 where trials decided. */
  readonly failuresInARow: number
  /** What is in the window, the last call included. */
  readonly window: Seen
}

export class BreakerDesk {
  readonly rule: BreakerRule
  readonly window: BreakerWindow
  /** Called after each change of period, when the chart is at rest: it may ask and report as it likes. */
  onChange: (() => void) | undefined
  /** Asked how many milliseconds the next open period lasts; where it does not say, the policy does. */
  openFor: ((opening: Opening) => number | undefined) | undefined
  // what every call looks at, kept in step with the life
  status: BreakerStatus = "closed"
  period = 0
  #inARow = 0
  readonly #life: BreakerLife
  readonly #isTimed: boolean
  /** What every ordinary call of this period gets where nobody asks how long it takes. */
  #permit: Permit = { period: 0, trial: 0, startedAt: 0 }
  #admitted = 0
  #isSending = false

  constructor(rule: BreakerRule, make: MakeLife, window?: WindowState) {
    this.rule = rule
    this.#isTimed = rule.slowMs !== null
    this.window = windowFor(rule)
    this.#life = make((type, params) => this.#command(type, params))
    this.#look()
    if (window !== undefined) this.window.restore(window)
  }

  get facts(): BreakerContext {
    return this.#life.look().context
  }

  /** Lets a call pass, or not. */
  admit(now: () => number): Permit | undefined {
    if (this.status === "closed" || this.status === "forcedClosed")
      return this.#isTimed ? { period: this.period, trial: 0, startedAt: now() } : this.#permit
    // asked by somebody who watches the chart while it moves: no answer could come in time
    if (this.status === "forcedOpen" || this.#isSending) return undefined
    const at = now()
    this.#admitted = 0
    this.#send({ type: "call.asked", at })
    const trial = this.#admitted
    this.#admitted = 0
    return trial === 0 ? undefined : { period: this.facts.period, trial, startedAt: at }
  }

  /** Whether a call that asked now would be refused; takes no place and changes nothing. */
  refuses(now: () => number): boolean {
    return this.status !== "closed" && refusesNow(this.status, this.facts, now())
  }

  /** Says how a call ended. False when that came too late to count: the breaker has changed since the call began. */
  settle(permit: Permit, end: CallEnd, now: () => number): boolean {
    const { period, trial } = permit
    if (period !== this.period) return false
    if (this.status === "halfOpen") {
      const at = now()
      const slow = this.#isSlow(permit, at)
      const reopens = end === "failed" || (end === "succeeded" && slow && this.rule.slowRate !== null)
      this.#send({ type: `call.${end}`, at, period, trial, slow, seen: this.#seen(), ...this.#openMs(reopens, 0) })
      return true
    }
    if (end === "ignored") return true
    const failed = end === "failed"
    const at = this.rule.window === null || (!failed && !this.#isTimed && "calls" in this.rule.window) ? 0 : now()
    const slow = this.#isTimed && this.#isSlow(permit, at)
    if (this.rule.window !== null) this.window.add(failed, slow, at)
    if (this.status !== "closed") return true
    if (
      failed ||
      this.#inARow > 0 ||
      (this.rule.window !== null && whyTrips(this.rule, 0, this.window) !== undefined)
    ) {
      const inARow = failed ? this.#inARow + 1 : 0
      const moment = at === 0 ? now() : at
      const trips = whyTrips(this.rule, inARow, this.window) !== undefined
      const opens = trips && !isWarmingUp(this.rule, this.facts, moment)
      const seen = this.#seen()
      this.#send({ type: `call.${end}`, at: moment, period, trial, slow, seen, ...this.#openMs(opens, inARow) })
    }
    return true
  }

  /** What people decide. */
  tell(event: Exclude<BreakerEvent, { readonly type: `call.${string}` }>): void {
    this.#send(event)
  }

  snapshot(): BreakerState {
    const { rule: _, ...facts } = this.facts
    return { v: 1, state: this.status, facts, window: this.window.toJSON() }
  }

  /** A copy: whoever inspects the chart keeps its events. */
  #seen(): Seen {
    const { calls, failures, slow } = this.window
    return { calls, failures, slow }
  }

  /** Only where it opens, so that nobody is asked in vain. */
  #openMs(opens: boolean, failuresInARow: number): { readonly openMs?: number } {
    if (!opens || this.openFor === undefined) return {}
    const openMs = this.openFor({ opened: this.facts.opened + 1, failuresInARow, window: this.#seen() })
    return openMs === undefined ? {} : { openMs }
  }

  #isSlow({ startedAt }: Permit, at: number): boolean {
    return this.rule.slowMs !== null && at - startedAt > this.rule.slowMs
  }

  #command(type: string, params: { readonly trial: number }): void {
    if (type === "call.admit") this.#admitted = params.trial
  }

  #send(event: BreakerEvent): void {
    const before = this.period
    const outer = this.#isSending
    this.#isSending = true
    this.#life.send(event)
    this.#isSending = outer
    this.#look()
    if (this.period !== before && !outer) this.onChange?.()
  }

  #look(): void {
    const { value, context } = this.#life.look()
    this.status = value as BreakerStatus
    this.#inARow = context.failures
    if (this.period === context.period) return
    if (this.status === "closed" || this.status === "forcedClosed") this.window.clear()
    this.period = context.period
    this.#permit = Object.freeze({ period: context.period, trial: 0, startedAt: 0 })
  }
}
