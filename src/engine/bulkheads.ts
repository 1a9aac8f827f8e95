/** Bulkheads as passes: places in a room with a door. They are of this process, and a new one begins with empty rooms. */
import {
  type BulkheadOptions,
  type BulkheadPolicy,
  type BulkheadRule,
  bulkheadPolicy,
  bulkheadRule
} from "../model/bulkhead.ts"
import type { Work } from "../model/ir.ts"
import { Places, type PlacesMetrics } from "../model/places.ts"
import type { Caller, Pass, Passes, Ticket } from "./admission.ts"
import { DeclaredSizes } from "./declared-sizes.ts"
import type { Life } from "./engine.ts"
import type { Timer } from "./timers.ts"

/** Throws `InvalidOption` for bulkheads that cannot be. */
export const bulkheadRules = (options: {
  readonly [name: string]: BulkheadOptions
}): ReadonlyMap<string, BulkheadRule> =>
  new Map(
    Object.entries(options).map(([name, given]) => {
      const subject = `bulkhead '${name}'`
      return [name, bulkheadRule(bulkheadPolicy(given, subject), subject)]
    })
  )

export class Bulkheads implements Passes {
  readonly kind = "bulkhead"
  readonly #life: Pick<Life, "timers" | "monotonic">
  readonly #places = new Map<string, Places>()
  readonly #passes = new Map<string, Pass>()
  readonly #declared = new DeclaredSizes<BulkheadPolicy>("bulkheads")

  constructor(rules: ReadonlyMap<string, BulkheadRule>, life: Pick<Life, "timers" | "monotonic">) {
    this.#life = life
    for (const [name, rule] of rules) this.#make(name, rule)
  }

  get names(): ReadonlyArray<string> {
    return [...new Set([...this.#passes.keys(), ...this.#declared.names])]
  }
  get metrics(): ReadonlyArray<PlacesMetrics> {
    return [...this.#places.values()].map(({ metrics }) => metrics)
  }
  nameIn({ bulkhead }: Work): string | undefined {
    return bulkhead
  }
  get(name: string): Pass | undefined {
    const known = this.#passes.get(name)
    if (known !== undefined) return known
    const policy = this.#declared.get(name)
    return policy === undefined ? undefined : this.#make(name, bulkheadRule(policy, `bulkhead '${name}'`))
  }
  /** A document says how large bulkheads are; the orchestrator's own count before it. */
  declare(policies: { readonly [name: string]: BulkheadPolicy }): void {
    this.#declared.declare(policies)
  }
  resume(): void {
    for (const places of this.#places.values()) places.resume()
  }

  #make(name: string, rule: BulkheadRule): Pass {
    const places = new Places(name, rule)
    const pass: Pass = { kind: this.kind, name, ask: (caller, told) => this.#ask(places, caller, told) }
    this.#places.set(name, places)
    this.#passes.set(name, pass)
    return pass
  }

  #ask(places: Places, caller: Caller, told: (error?: unknown) => void): Ticket {
    const { timers, monotonic } = this.#life
    let patience: Timer | undefined
    const seat = places.take(caller, () => {
      if (patience !== undefined) timers.stop(patience)
      told()
    })
    if (seat.isGranted) return seat
    patience = timers.start(monotonic() + places.rule.waitMs, () => {
      seat.leave()
      told(places.refusal("wait"))
    })
    return {
      get isGranted() {
        return seat.isGranted
      },
      leave: () => {
        timers.stop(patience!)
        seat.leave()
      }
    }
  }
}
