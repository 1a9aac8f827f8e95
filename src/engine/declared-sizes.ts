/**
 * Sizes of bulkheads and rates that documents bring along, for names that the orchestrator has none for. The first document that
 * was seen counts: all runs share one room, and it has one size.
 */
import { LimitExceeded } from "../model/errors.ts"
import { limits } from "../model/limits.ts"

type Limit = "bulkheads" | "rates"

export class DeclaredSizes<Policy> {
  readonly #limit: Limit
  readonly #policies = new Map<string, Policy>()
  /** One more was declared than are kept. */
  #isFull = false

  constructor(limit: Limit) {
    this.#limit = limit
  }

  get names(): ReadonlyArray<string> {
    return [...this.#policies.keys()]
  }

  declare(policies: { readonly [name: string]: Policy }): void {
    for (const [name, policy] of Object.entries(policies)) {
      if (this.#policies.has(name)) continue
      if (this.#policies.size >= limits[this.#limit]) this.#isFull = true
      else this.#policies.set(name, policy)
    }
  }

  /** Throws `LimitExceeded` for a name that might have been declared, if there had been room. */
  get(name: string): Policy | undefined {
    const policy = this.#policies.get(name)
    const allowed = limits[this.#limit]
    if (policy === undefined && this.#isFull && !name.includes(":"))
      throw new LimitExceeded({ limit: this.#limit, allowed, actual: allowed + 1, unit: this.#limit })
    return policy
  }
}
