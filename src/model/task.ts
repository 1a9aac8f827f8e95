/** Task definitions: ordinary code with a schema on both sides and its policies beside it. */
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption } from "./errors.ts"
import type { FailingOptions } from "./fallback.ts"
import { requireId } from "./ids.ts"
import type { Resources, RetryPolicy, WorkPolicy } from "./ir.ts"
import { limits } from "./limits.ts"
import { builtinResources } from "./resources.ts"
import type { AnySchema, InferInput, InferOutput } from "./schemas.ts"
import type { InTransaction, Transaction } from "./transaction.ts"

/** What the body of a task gets besides its input. */
export interface TaskContext {
  /** Idempotency key: the same over all attempts and deliveries of this task. Pass it to whoever can deduplicate. */
  readonly key: string
  readonly run: string
  /** Path of the task in the run, like `quotes[3]` or `ship/label`. */
  readonly task: string
  /** From 1. */
  readonly attempt: number
  /** From 1; higher when the same attempt is called again because the process that ran it died. */
  readonly delivery: number
  /** Rises each time that another process takes the store over: a receiver that has seen a higher one should refuse this call. */
  readonly fencingToken: number
  /** Aborted when the attempt is cancelled or times out. */
  readonly signal: AbortSignal
  /** When the attempt times out, in milliseconds since 1970. */
  readonly deadlineAt: number
  /** The agent that does the work, for tasks with `needs`. */
  readonly agent: string | undefined
  /**
   * A result that is worked out in the transaction that writes it, in the same SQLite file: return what it gives. What `work`
   * writes is there exactly once: with the result, or not at all. It may be called again when the transaction has to be
   * written again, so it must touch nothing but `db`, and it must answer at once; when it throws, nothing of it stays and the
   * attempt has failed. Other stores refuse it with `TransactionsUnsupported`.
   */
  readonly tx: <T>(work: (db: Transaction) => T) => InTransaction<T>
}

/** When a failed attempt is tried again. */
export interface RetryOptions {
  /** Attempts in all, the first included: 1 … 10,000. */
  readonly attempts: number
  /** How the pause grows; default `exponential` (doubling). */
  readonly backoff?: "fixed" | "exponential"
  /** First pause; default 1 s. */
  readonly base?: Duration
  /** Longest pause; default 5 min. */
  readonly cap?: Duration
  /** Spread of the pause, 0 (none) to 1 (full); default 0.5. `true` is 1, `false` is 0. */
  readonly jitter?: number | boolean
}

/** How long a result may be given again instead of being worked out anew. */
export interface CacheOptions {
  /** From when the result is written; 1 ms to ten years. */
  readonly ttl: Duration
}

/** Policies of a task; where a workflow uses the task it can give others. */
export interface TaskOptions {
  /** An attempt that takes longer is aborted and counts as failed; default one hour. */
  readonly timeout?: Duration
  readonly retry?: RetryOptions
  /** Equal input is not worked on again for so long: the result is remembered, in every run of the store. */
  readonly cache?: CacheOptions
  /** 0 (last) to 100 (first) among ready tasks; default 50. */
  readonly priority?: number
  /** Expected length, for plans and ETA. */
  readonly estimate?: Duration
  /** What the task occupies; names other than the built-in ones are custom resources. */
  readonly resources?: {
    readonly cpu?: number
    readonly memoryMb?: number
    readonly diskMb?: number
    readonly networkMbps?: number
    readonly gpu?: number
    readonly [custom: string]: number | undefined
  }
  /** What the work is like: decides where it runs. */
  readonly type?: "compute" | "io" | "network" | "hybrid"
}

/** A result, or one that is worked out in the transaction that writes it. */
export type Returned<T> = T | InTransaction<T>

/** Either `run`, or `needs` for work that an agent does. */
export interface TaskBody<IS extends AnySchema, OS extends AnySchema> {
  /** Checks the input; `type<T>()` only names its type. */
  readonly in: IS
  /** Checks the result. */
  readonly out: OS
  /** The work. It may be called again after a crash: use `key` where an effect must not happen twice. */
  readonly run?: (
    input: InferOutput<IS>,
    context: TaskContext
  ) => Returned<InferInput<OS>> | PromiseLike<Returned<InferInput<OS>>>
  /** Capabilities of the agent that does the work, all of them. */
  readonly needs?: string | ReadonlyArray<string>
}

/** A task that workflows can use. `I` is what has to be wired to it, `O` what it gives. */
export interface TaskDef<N extends string = string, I = any, O = any> {
  readonly name: N
  readonly in: AnySchema
  readonly out: AnySchema
  readonly run: ((input: any, context: TaskContext) => unknown) | undefined
  readonly needs: ReadonlyArray<string>
  readonly options: TaskOptions
  /** Types only; never there at run time. */
  readonly _types?: { readonly input: I; readonly output: O }
}

/**
 * Defines a task. The name is journalled: keep it stable over versions.
 *
 * ```ts check
 * task("double", { in: type<number>(), out: type<number>(), run: (n) => n * 2 }).name // => "double"
 * ```
 *
 * @throws InvalidId for a name that cannot be an id, InvalidOption for a policy out of range.
 */
export const task = <const N extends string, IS extends AnySchema, OS extends AnySchema>(
  name: N,
  definition: TaskOptions & TaskBody<IS, OS> & FailingOptions<InferInput<IS>, InferOutput<OS>>
): TaskDef<N, InferInput<IS>, InferOutput<OS>> => {
  requireId("task", name)
  const { in: input, out, run, needs, ...options } = definition
  const list = needs === undefined ? [] : typeof needs === "string" ? [needs] : needs
  if (run !== undefined && list.length > 0)
    throw new InvalidOption({
      option: `needs of task '${name}'`,
      value: list.join(", "),
      allowed: "either run or needs, not both"
    })
  if (run === undefined && list.length === 0)
    throw new InvalidOption({
      option: `run of task '${name}'`,
      value: undefined,
      allowed: "run (a function) or needs (a capability of an agent)"
    })
  workPolicy(options, `task '${name}'`)
  return Object.freeze({ name, in: input, out, run, needs: Object.freeze([...list]), options: Object.freeze(options) })
}

/** The policies of a task as the IR says them; throws `InvalidOption` for what is out of range. */
export const workPolicy = (
  options: TaskOptions,
  subject: string
): WorkPolicy & { readonly priority?: number; readonly estimateMs?: number; readonly resources?: Resources } => ({
  ...(options.type === undefined ? {} : { type: options.type }),
  ...(options.timeout === undefined ? {} : { timeoutMs: timeoutMs(options.timeout, subject) }),
  ...(options.retry === undefined ? {} : { retry: retryPolicy(options.retry, subject) }),
  ...(options.cache === undefined ? {} : { cache: { ttlMs: ttlMs(options.cache, subject) } }),
  ...(options.estimate === undefined ? {} : { estimateMs: milliseconds(options.estimate, `estimate of ${subject}`) }),
  ...(options.resources === undefined ? {} : { resources: resources(options.resources, subject) }),
  ...(options.priority === undefined
    ? {}
    : { priority: wholeWithin(options.priority, 0, 100, `priority of ${subject}`) })
})

const timeoutMs = (timeout: Duration, subject: string) => positiveMs(timeout, `timeout of ${subject}`)
const ttlMs = ({ ttl }: CacheOptions, subject: string) => positiveMs(ttl, `cache.ttl of ${subject}`)

const positiveMs = (duration: Duration, option: string) => {
  const ms = milliseconds(duration, option)
  if (ms < 1) throw new InvalidOption({ option, value: duration, allowed: "at least 1 ms" })
  return ms
}

const retryPolicy = ({ attempts, backoff, base, cap, jitter }: RetryOptions, subject: string): RetryPolicy => {
  const option = (name: string) => `retry.${name} of ${subject}`
  const policy = {
    attempts: wholeWithin(attempts, 1, limits.attempts, option("attempts")),
    ...(backoff === undefined ? {} : { backoff: oneOf(backoff, ["fixed", "exponential"], option("backoff")) }),
    ...(base === undefined ? {} : { baseMs: milliseconds(base, option("base")) }),
    ...(cap === undefined ? {} : { capMs: milliseconds(cap, option("cap")) }),
    ...(jitter === undefined
      ? {}
      : { jitter: typeof jitter === "boolean" ? Number(jitter) : within(jitter, 0, 1, option("jitter")) })
  }
  if (policy.capMs !== undefined && policy.capMs < (policy.baseMs ?? 1_000))
    throw new InvalidOption({
      option: option("cap"),
      value: cap,
      allowed: `at least the base, ${policy.baseMs ?? 1_000} ms`
    })
  return policy
}

const resources = (given: NonNullable<TaskOptions["resources"]>, subject: string): Resources => {
  const builtin: Record<string, number> = {}
  const custom: Record<string, number> = {}
  for (const [name, amount] of Object.entries(given)) {
    if (amount === undefined) continue
    within(amount, 0, Number.MAX_SAFE_INTEGER, `resources.${name} of ${subject}`)
    ;((builtinResources as ReadonlyArray<string>).includes(name) ? builtin : custom)[name] = amount
  }
  return Object.keys(custom).length === 0 ? builtin : { ...builtin, custom }
}

const within = (value: number, least: number, most: number, option: string): number => {
  if (typeof value !== "number" || !(value >= least && value <= most))
    throw new InvalidOption({ option, value, allowed: `a number from ${least} to ${most}` })
  return value
}

const wholeWithin = (value: number, least: number, most: number, option: string): number => {
  if (!Number.isInteger(value))
    throw new InvalidOption({ option, value, allowed: `a whole number from ${least} to ${most}` })
  return within(value, least, most, option)
}

const oneOf = <T extends string>(value: T, allowed: ReadonlyArray<T>, option: string): T => {
  if (!allowed.includes(value)) throw new InvalidOption({ option, value, allowed: allowed.join(" or ") })
  return value
}
