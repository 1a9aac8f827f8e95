/**
 * How many calls are made at once, how many wait, and how long: the policy of a bulkhead as plain data. Those who are inside and
 * those who wait are kept by `places.ts`.
 */
import { type Duration, milliseconds } from "./duration.ts"
import { limits } from "./limits.ts"
import { requireKnown, requireMs, requireWhole } from "./settings.ts"

export interface BulkheadPolicy {
  /** Most calls at once. */
  readonly concurrent: number
  /** Most calls that wait; default 1,000. One more is refused. */
  readonly queue?: number
  /** Longest wait; default one hour. */
  readonly waitMs?: number
  /** The same for the calls of one key (`bulkheadKey`); bound by the whole alone where absent. */
  readonly perKey?: { readonly concurrent?: number; readonly queue?: number }
}

/** The same as people write it. */
export interface BulkheadOptions extends Omit<BulkheadPolicy, "waitMs"> {
  /** Longest wait; default one hour. */
  readonly wait?: Duration
}

/** A policy with every setting decided. */
export interface BulkheadRule {
  readonly concurrent: number
  readonly queue: number
  readonly waitMs: number
  readonly perKey: { readonly concurrent: number; readonly queue: number }
}

/**
 * A policy with every setting decided.
 *
 * ```ts check
 * bulkheadRule({ concurrent: 5 }).queue // => 1000
 * bulkheadRule({ concurrent: 5 }).perKey.concurrent // => 5
 * ```
 *
 * @throws InvalidOption for what is out of range, or not a setting at all.
 */
export const bulkheadRule = (policy: BulkheadPolicy, subject = "a bulkhead"): BulkheadRule => {
  requireKnown(policy, ["concurrent", "queue", "waitMs", "perKey"], subject)
  const { concurrent, queue = 1_000, waitMs = 3_600_000, perKey = {} } = policy
  requireWhole(concurrent, 1, limits.concurrent, `concurrent of ${subject}`)
  requireWhole(queue, 0, limits.waiting, `queue of ${subject}`)
  requireMs(waitMs, 1, `waitMs of ${subject}`)
  requireKnown(perKey, ["concurrent", "queue"], `perKey of ${subject}`)
  return Object.freeze({
    concurrent,
    queue,
    waitMs,
    perKey: Object.freeze({
      concurrent: requireWhole(perKey.concurrent ?? concurrent, 1, concurrent, `perKey.concurrent of ${subject}`),
      queue: requireWhole(perKey.queue ?? queue, 0, queue, `perKey.queue of ${subject}`)
    })
  })
}

/**
 * The policy that options say, as data.
 *
 * ```ts check
 * bulkheadPolicy({ concurrent: 5, wait: "2s" }) // => { concurrent: 5, waitMs: 2000 }
 * ```
 *
 * @throws InvalidOption for what is out of range, or not a setting at all.
 */
export const bulkheadPolicy = (options: BulkheadOptions, subject = "a bulkhead"): BulkheadPolicy => {
  requireKnown(options, ["concurrent", "queue", "wait", "perKey"], subject)
  const { wait, ...rest } = options
  const policy = { ...rest, ...(wait === undefined ? {} : { waitMs: milliseconds(wait, `wait of ${subject}`) }) }
  bulkheadRule(policy, subject)
  return policy
}

/** Policies by name, as data. Throws `InvalidOption` for what cannot be. */
export const bulkheadPolicies = (
  bulkheads: { readonly [name: string]: BulkheadOptions },
  where = ""
): { readonly [name: string]: BulkheadPolicy } =>
  Object.fromEntries(
    Object.entries(bulkheads).map(([name, options]) => [name, bulkheadPolicy(options, `bulkhead '${name}'${where}`)])
  )
