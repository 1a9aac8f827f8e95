/**
 * How many retries there may be of one kind, over all runs of this process: so that what is down is not kept down by those who try
 * again. Each first attempt pays a part of a retry in, time pays in a few more, a retry takes one out; where there is none, the
 * failure is final. As Finagle's RetryBudget and gRPC's retry throttling (proposal A6) do it. What it says is written with the
 * failure, so a replay never asks it; a new process begins with full buckets.
 */
import { InvalidOption } from "../model/errors.ts"
import { type Bucket, refilled, withTokens } from "../model/token-bucket.ts"

/** The budget of one capability, or of one task by the name of its code. */
export interface RetryBudgetOptions {
  /** Retries for each first attempt, 0 … 100; default 0.1. */
  readonly ratio?: number
  /** Retries each second, whatever else; default 1. */
  readonly minPerSecond?: number
  /** Most retries at once, and what there is at first; default 10. */
  readonly burst?: number
}

type Policy = Required<RetryBudgetOptions>

const defaults: Policy = { ratio: 0.1, minPerSecond: 1, burst: 10 }

/** Throws `InvalidOption` for budgets that cannot be. */
export const retryBudgets = (options: { readonly [name: string]: RetryBudgetOptions }): ReadonlyMap<string, Policy> =>
  new Map(
    Object.entries(options).map(([name, given]) => {
      const policy = { ...defaults, ...given }
      const check = (key: keyof Policy, least: number, most: number) => {
        const value = policy[key]
        if (!(typeof value === "number" && value >= least && value <= most))
          throw new InvalidOption({
            option: `retryBudget.${name}.${key}`,
            value,
            allowed: `a number from ${least} to ${most.toLocaleString("en")}`
          })
      }
      check("ratio", 0, 100)
      check("minPerSecond", 0, 1_000_000)
      check("burst", 1, 1_000_000)
      return [name, policy] as const
    })
  )

export class RetryBudgets {
  readonly #policies: ReadonlyMap<string, Policy>
  readonly #now: () => number
  readonly #buckets = new Map<string, Bucket>()

  /** `now` is the clock that never jumps. */
  constructor(policies: ReadonlyMap<string, Policy>, now: () => number) {
    this.#policies = policies
    this.#now = now
  }

  get isEmpty(): boolean {
    return this.#policies.size === 0
  }

  /** A first attempt begins. */
  earn(names: ReadonlyArray<string>): void {
    for (const name of names) {
      const policy = this.#policyOf(name)
      if (policy !== undefined)
        this.#buckets.set(name, withTokens(this.#at(name, policy), boundsOf(policy), policy.ratio))
    }
  }

  /** Whether there may be a retry; it is paid then, by each of the names, or by none. */
  spend(names: ReadonlyArray<string>): boolean {
    const found = names.flatMap((name) => {
      const policy = this.#policyOf(name)
      return policy === undefined ? [] : [{ name, policy, bucket: this.#at(name, policy) }]
    })
    if (found.some(({ bucket }) => bucket.tokens < 1)) return false
    for (const { name, policy, bucket } of found) this.#buckets.set(name, withTokens(bucket, boundsOf(policy), -1))
    return true
  }

  /** A name of its own, or what is said for all others: each of them has a bucket of its own. */
  #policyOf(name: string): Policy | undefined {
    return this.#policies.get(name) ?? this.#policies.get("*")
  }

  #at(name: string, policy: Policy): Bucket {
    const now = this.#now()
    return refilled(this.#buckets.get(name) ?? { tokens: policy.burst, at: now }, boundsOf(policy), now)
  }
}

const boundsOf = ({ minPerSecond, burst }: Policy) => ({ perSecond: minPerSecond, most: burst })
