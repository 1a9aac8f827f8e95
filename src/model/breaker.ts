/**
 * When a circuit breaker opens, how long it stays open, and what it takes to close it: the policy as plain data, and its questions
 * as pure functions. The life itself is a chart (`machines/breaker.ts`); what rates are worked out from stands in `breaker-window.ts`.
 */
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption } from "./errors.ts"
import { requireId, suggest } from "./ids.ts"
import { limits } from "./limits.ts"

/**
 * The policy of a breaker as JSON. It opens for whichever comes first of `failures`, `failureRate` and `slowRate`;
 * without any of them after five failures in a row.
 */
export interface BreakerPolicy {
  /** Opens after so many failures one after the other. */
  readonly failures?: number
  /** Opens when of the calls in the window this share has failed, above 0 and up to 1. */
  readonly failureRate?: number
  /** Opens when of the calls in the window this share was slow, whether they failed or not. */
  readonly slowRate?: number
  /** A call that takes longer is slow. */
  readonly slowMs?: number
  /** What rates are of: the last calls (default: 100), or the calls of the last milliseconds, in steps of a tenth. */
  readonly window?: { readonly calls: number } | { readonly ms: number }
  /** No rate opens it before so many calls are in the window; default 10, or `window.calls` where that is less. */
  readonly minimum?: number
  /** How long it stays open before it tries again; default 30 s. */
  readonly resetMs?: number
  /** Each failed trial makes the next open period so many times longer; default 2. */
  readonly factor?: number
  /** Longest open period; default 5 min, or `resetMs` where that is more. */
  readonly capMs?: number
  /** So many trial calls must succeed, one after the other, to close it; default 1. */
  readonly successes?: number
  /** Most trial calls at once; default 1. */
  readonly trials?: number
  /** A trial that has not answered for so long gives its place to another; default 60 s. */
  readonly trialWaitMs?: number
  /** So long after it was made nothing opens it; default 0. What fails is counted all the same. */
  readonly warmUpMs?: number
  /** Tags, codes or names of errors that count as nothing: neither failure nor success. */
  readonly ignore?: ReadonlyArray<string>
  /** Only these tags, codes or names of errors are failures; all others count as nothing. */
  readonly only?: ReadonlyArray<string>
}

/** The same as people write it: durations may be texts. */
export interface BreakerOptions
  extends Omit<BreakerPolicy, "slowMs" | "window" | "resetMs" | "capMs" | "trialWaitMs" | "warmUpMs"> {
  /** A call that takes longer is slow. */
  readonly slow?: Duration
  /** What rates are of: the last calls (default: 100), or the calls of the last while, in steps of a tenth. */
  readonly window?: { readonly calls: number } | { readonly time: Duration }
  /** How long it stays open before it tries again; default 30 s. */
  readonly reset?: Duration
  /** Longest open period; default 5 min, or `reset` where that is more. */
  readonly cap?: Duration
  /** A trial that has not answered for so long gives its place to another; default 60 s. */
  readonly trialWait?: Duration
  /** So long after it was made nothing opens it; default 0. What fails is counted all the same. */
  readonly warmUp?: Duration
}

/** A policy with every setting decided; null where it says nothing. */
export interface BreakerRule {
  readonly failures: number | null
  readonly failureRate: number | null
  readonly slowRate: number | null
  readonly slowMs: number | null
  readonly window: { readonly calls: number } | { readonly ms: number } | null
  readonly minimum: number
  readonly resetMs: number
  readonly factor: number
  readonly capMs: number
  readonly successes: number
  readonly trials: number
  readonly trialWaitMs: number
  readonly warmUpMs: number
  readonly ignore: ReadonlyArray<string>
  readonly only: ReadonlyArray<string> | null
}

/** What is in a window. */
export interface Seen {
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

export type TripReason = "failures" | "failureRate" | "slowRate"

/**
 * Why a breaker opens now, if it does: `inARow` failures one after the other, the last call included, and what is in the window.
 *
 * ```ts check
 * whyTrips(breakerRule({ failures: 3 }), 3, nothingSeen) // => "failures"
 * whyTrips(breakerRule({ failureRate: 0.5, minimum: 4 }), 1, { calls: 4, failures: 2, slow: 0 }) // => "failureRate"
 * whyTrips(breakerRule({ failureRate: 0.5, minimum: 4 }), 2, { calls: 3, failures: 3, slow: 0 }) // => undefined
 * ```
 */
export const whyTrips = (
  rule: BreakerRule,
  inARow: number,
  { calls, failures, slow }: Seen
): TripReason | undefined => {
  if (rule.failures !== null && inARow >= rule.failures) return "failures"
  // a division, because 0.07 × 100 is more than 7
  if (calls < rule.minimum || calls === 0) return undefined
  if (rule.failureRate !== null && failures / calls >= rule.failureRate) return "failureRate"
  return rule.slowRate !== null && slow / calls >= rule.slowRate ? "slowRate" : undefined
}

/** Whether nothing opens it yet: those who have just begun may fail more than later on. A clock that was set back ends that. */
export const isWarmingUp = (
  { warmUpMs }: BreakerRule,
  { why, since }: { readonly why: string; readonly since: number },
  at: number
): boolean => why === "made" && Math.abs(at - since) < warmUpMs

export const nothingSeen: Seen = Object.freeze({ calls: 0, failures: 0, slow: 0 })

/**
 * How long the nth open period in a row lasts, in milliseconds.
 *
 * ```ts check
 * openMs(breakerRule({ resetMs: 1000, factor: 2, capMs: 3000 }), 2) // => 2000
 * openMs(breakerRule({ resetMs: 1000, factor: 2, capMs: 3000 }), 3) // => 3000
 * ```
 */
export const openMs = ({ resetMs, factor, capMs }: BreakerRule, opened: number): number =>
  Math.min(capMs, resetMs * factor ** Math.min(opened - 1, 1_000))

/** Whether an error of these names (tag, code, class) counts as a failure. */
export const countsAsFailure = ({ ignore, only }: BreakerRule, names: ReadonlyArray<string>): boolean =>
  !names.some((name) => ignore.includes(name)) && (only === null || names.some((name) => only.includes(name)))

/**
 * A policy with every setting decided.
 *
 * ```ts check
 * breakerRule({}).failures // => 5
 * breakerRule({ resetMs: 600000 }).capMs // => 600000
 * ```
 *
 * @throws InvalidOption for what is out of range, or not a setting at all.
 */
export const breakerRule = (policy: BreakerPolicy, subject = "a breaker"): BreakerRule => {
  const option = (name: string) => `${name} of ${subject}`
  requireKnown(policy, policyKeys, subject)
  const { slowMs = null, window = null, failureRate = null, slowRate = null, only = null, ignore = [] } = policy
  const { successes = 1, trials = 1, factor = 2, resetMs = 30_000, trialWaitMs = 60_000 } = policy
  const { warmUpMs = 0 } = policy
  const failures = policy.failures ?? (failureRate === null && slowRate === null ? 5 : null)
  if (failures !== null) whole(failures, 1, limits.breakerCalls, option("failures"))
  if (failureRate !== null) rate(failureRate, option("failureRate"))
  if (slowRate !== null) rate(slowRate, option("slowRate"))
  if (slowMs !== null) duration(slowMs, 0, option("slowMs"))
  if ((slowMs === null) !== (slowRate === null))
    throw new InvalidOption({
      option: option(slowMs === null ? "slowMs" : "slowRate"),
      value: undefined,
      allowed: "both: slowMs says what a slow call is, slowRate how many of them open it"
    })
  const usesWindow = failureRate !== null || slowRate !== null
  for (const name of ["window", "minimum"] as const)
    if (!usesWindow && policy[name] !== undefined)
      throw new InvalidOption({
        option: option(name),
        value: JSON.stringify(policy[name]),
        allowed: "a failureRate or slowRate beside it, or leave it out: failures in a row need no window"
      })
  const size = usesWindow ? windowOf(window ?? { calls: 100 }, option) : null
  const largest = size !== null && "calls" in size ? size.calls : limits.breakerCalls
  const minimum = policy.minimum ?? Math.min(10, largest)
  whole(minimum, 1, largest, option("minimum"))
  duration(resetMs, 1, option("resetMs"))
  if (typeof factor !== "number" || !(factor >= 1 && factor <= 1_000))
    throw new InvalidOption({ option: option("factor"), value: factor, allowed: "a number from 1 to 1000" })
  const capMs = policy.capMs ?? Math.max(resetMs, 300_000)
  duration(capMs, resetMs, option("capMs"))
  whole(successes, 1, limits.breakerCalls, option("successes"))
  whole(trials, 1, limits.breakerTrials, option("trials"))
  duration(trialWaitMs, 1, option("trialWaitMs"))
  duration(warmUpMs, 0, option("warmUpMs"))
  return Object.freeze({
    failures,
    failureRate,
    slowRate,
    slowMs,
    window: size,
    minimum,
    resetMs,
    factor,
    capMs,
    successes,
    trials,
    trialWaitMs,
    warmUpMs,
    ignore: names(ignore, option("ignore")),
    only: only === null ? null : names(only, option("only"))
  })
}

/**
 * The policy that options say, as data.
 *
 * ```ts check
 * breakerPolicy({ failureRate: 0.5, window: { time: "1m" }, reset: "5s" }) // => { failureRate: 0.5, window: { ms: 60000 }, resetMs: 5000 }
 * ```
 *
 * @throws InvalidOption for what is out of range, or not a setting at all.
 */
export const breakerPolicy = (options: BreakerOptions, subject = "a breaker"): BreakerPolicy => {
  requireKnown(options, optionKeys, subject)
  const { slow, window, reset, cap, trialWait, warmUp, ...rest } = options
  const ms = (given: Duration, name: string) => milliseconds(given, `${name} of ${subject}`)
  const policy: BreakerPolicy = {
    ...rest,
    ...(slow === undefined ? {} : { slowMs: ms(slow, "slow") }),
    ...(window === undefined
      ? {}
      : { window: "time" in window ? withMs(window, ms(window.time, "window.time")) : window }),
    ...(reset === undefined ? {} : { resetMs: ms(reset, "reset") }),
    ...(cap === undefined ? {} : { capMs: ms(cap, "cap") }),
    ...(trialWait === undefined ? {} : { trialWaitMs: ms(trialWait, "trialWait") }),
    ...(warmUp === undefined ? {} : { warmUpMs: ms(warmUp, "warmUp") })
  }
  breakerRule(policy, subject)
  return policy
}

/** A breaker is named like everything else; that of a capability, or of an agent, says so before the name. */
export const requireBreakerName = (name: string): string => {
  requireId("breaker", name.replace(/^(needs|agent):/, ""))
  return name
}

/** Policies by name, as data. Throws `InvalidOption` or `InvalidId` for what cannot be. */
export const breakerPolicies = (
  breakers: { readonly [name: string]: BreakerOptions },
  where = ""
): { readonly [name: string]: BreakerPolicy } =>
  Object.fromEntries(
    Object.entries(breakers).map(([name, options]) => [
      requireBreakerName(name),
      breakerPolicy(options, `breaker '${name}'${where}`)
    ])
  )

/** Whatever else stands in it stays, so that it is refused. */
const withMs = ({ time: _, ...rest }: { readonly time: Duration }, ms: number) => ({ ...rest, ms })

const withoutUndefined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T

const shared = [
  "failures",
  "failureRate",
  "slowRate",
  "window",
  "minimum",
  "factor",
  "successes",
  "trials",
  "ignore",
  "only"
] as const
const policyKeys = [...shared, "slowMs", "resetMs", "capMs", "trialWaitMs", "warmUpMs"]
const optionKeys = [...shared, "slow", "reset", "cap", "trialWait", "warmUp"]

/** A setting with a wrong name would be a breaker that never opens. */
const requireKnown = (given: object, known: ReadonlyArray<string>, subject: string) => {
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw new InvalidOption({
        option: `the setting '${name}' of ${subject}`,
        value: JSON.stringify((given as Record<string, unknown>)[name]),
        allowed: suggest(name, known) || `one of ${known.join(", ")}`
      })
}

const windowOf = (
  window: NonNullable<BreakerPolicy["window"]>,
  option: (name: string) => string
): NonNullable<BreakerRule["window"]> => {
  const given = withoutUndefined(window) as { readonly calls?: number; readonly ms?: number }
  if (Object.keys(given).length !== 1 || (given.calls === undefined && given.ms === undefined))
    throw new InvalidOption({
      option: option("window"),
      value: JSON.stringify(window),
      allowed: 'either a number of calls or a time, as { calls: 100 } or as { ms: 60000 } (options: { time: "1m" })'
    })
  if (given.calls !== undefined) return { calls: whole(given.calls, 1, limits.breakerWindow, option("window.calls")) }
  return { ms: duration(given.ms!, 1, option("window.ms")) }
}

const whole = (value: number, least: number, most: number, option: string): number => {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new InvalidOption({ option, value, allowed: `a whole number from ${least} to ${most}` })
  return value
}

const rate = (value: number, option: string): number => {
  if (typeof value !== "number" || !(value > 0 && value <= 1))
    throw new InvalidOption({ option, value, allowed: "a share above 0 and up to 1, like 0.5" })
  return value
}

const duration = (value: number, least: number, option: string): number => {
  if (typeof value !== "number" || !(value >= least && value <= limits.durationMs))
    throw new InvalidOption({
      option,
      value,
      allowed: `milliseconds from ${least} to ${limits.durationMs} (ten years)`
    })
  return value
}

const names = (value: ReadonlyArray<string>, option: string): ReadonlyArray<string> => {
  if (!Array.isArray(value) || value.some((name) => typeof name !== "string" || name === ""))
    throw new InvalidOption({
      option,
      value: JSON.stringify(value),
      allowed: 'a list of tags or codes, like ["NotFound"]'
    })
  return Object.freeze([...value])
}
