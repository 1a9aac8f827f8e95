/**
 * Rates as passes: turnstiles with one timer each, for whoever waits first. What a rate has let through is known to this process
 * only: where an earlier one worked on the same store, a rate begins as if a whole burst, or window, had just been spent.
 */
import type { Work } from "../model/ir.ts"
import { meterOf, type RateOptions, type RatePolicy, type RateRule, ratePolicy, rateRule } from "../model/rate.ts"
import { type RateMetrics, Turnstile } from "../model/turnstile.ts"
import type { Caller, Pass, Passes, Ticket } from "./admission.ts"
import { DeclaredSizes } from "./declared-sizes.ts"
import type { Life } from "./engine.ts"
import type { Timer } from "./timers.ts"

/** Throws `InvalidOption` for rates that cannot be. */
export const rateRules = (options: { readonly [name: string]: RateOptions }): ReadonlyMap<string, RateRule> =>
  new Map(
    Object.entries(options).map(([name, given]) => {
      const subject = `rate '${name}'`
      return [name, rateRule(ratePolicy(given, subject), subject)]
    })
  )

interface Gate {
  readonly turnstile: Turnstile
  readonly pass: Pass
  /** Fires when the first of those who wait may pass. */
  timer: Timer | undefined
}

export class Rates implements Passes {
  readonly kind = "rate"
  readonly #life: Life
  /** When this process began, on the clock that never jumps. */
  readonly #begunAt: number
  readonly #gates = new Map<string, Gate>()
  readonly #declared = new DeclaredSizes<RatePolicy>("rates")

  constructor(rules: ReadonlyMap<string, RateRule>, life: Life) {
    this.#life = life
    this.#begunAt = life.monotonic()
    for (const [name, rule] of rules) this.#make(name, rule)
  }

  get names(): ReadonlyArray<string> {
    return [...new Set([...this.#gates.keys(), ...this.#declared.names])]
  }
  get metrics(): ReadonlyArray<RateMetrics> {
    return [...this.#gates.values()].map(({ turnstile }) => turnstile.metrics)
  }
  nameIn({ rate }: Work): string | undefined {
    return rate
  }
  get(name: string): Pass | undefined {
    const known = this.#gates.get(name)
    if (known !== undefined) return known.pass
    const policy = this.#declared.get(name)
    return policy === undefined ? undefined : this.#make(name, rateRule(policy, `rate '${name}'`)).pass
  }
  /** A document says how much rates allow; the orchestrator's own count before it. */
  declare(policies: { readonly [name: string]: RatePolicy }): void {
    this.#declared.declare(policies)
  }
  resume(): void {
    for (const gate of this.#gates.values()) {
      gate.turnstile.resume()
      this.#arm(gate)
    }
  }

  #make(name: string, rule: RateRule): Gate {
    const { monotonic, now, claim } = this.#life
    // what came before may have spent all of it, however it ended
    const isEmpty = rule.afterRestart === "empty" && claim.epoch > 1
    // windows begin where the clock on the wall has them begin, for all processes alike
    const origin = monotonic() - now()
    const turnstile = new Turnstile(name, rule, meterOf(rule, { at: this.#begunAt, origin, isEmpty }))
    const pass: Pass = { kind: this.kind, name, ask: (caller, told) => this.#ask(gate, caller, told) }
    const gate: Gate = { turnstile, pass, timer: undefined }
    this.#gates.set(name, gate)
    return gate
  }

  #ask(gate: Gate, caller: Caller, told: (error?: unknown) => void): Ticket {
    const { timers, monotonic } = this.#life
    const { turnstile } = gate
    let patience: Timer | undefined
    const now = monotonic()
    const turn = turnstile.take(caller, now, () => {
      if (patience !== undefined) timers.stop(patience)
      told()
    })
    if (turn.isGranted) return turn
    patience = timers.start(now + turnstile.rule.waitMs, () => {
      turn.leave()
      told(turnstile.refusal("wait", turnstile.nextMs(monotonic()) ?? 0))
    })
    this.#arm(gate)
    return {
      get isGranted() {
        return turn.isGranted
      },
      leave: () => {
        timers.stop(patience!)
        turn.leave()
        this.#rest(gate)
      }
    }
  }

  #arm(gate: Gate): void {
    const { timers, monotonic } = this.#life
    const now = monotonic()
    const nextMs = gate.turnstile.nextMs(now)
    if (gate.timer !== undefined || nextMs === undefined) return
    // no clock sleeps parts of a millisecond
    gate.timer = timers.start(now + Math.ceil(nextMs), () => {
      gate.timer = undefined
      // who is held back asks again when its run goes on
      if (gate.turnstile.grant(monotonic())) this.#arm(gate)
    })
  }

  /** Nobody waits: nothing is to be done when the next token comes. */
  #rest(gate: Gate): void {
    if (gate.timer === undefined || gate.turnstile.metrics.queued > 0) return
    this.#life.timers.stop(gate.timer)
    gate.timer = undefined
  }
}
