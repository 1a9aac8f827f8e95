/** Task definitions: ordinary code with a schema on both sides and its policies beside it. */
import { type Duration, milliseconds } from "./duration.ts"
import { type Failure, InvalidOption } from "./errors.ts"
import type { FailingOptions } from "./fallback.ts"
import { requireId } from "./ids.ts"
import type { Backoff, HedgePolicy, Jitter, Resources, RetryPolicy, Undo, WorkPolicy } from "./ir.ts"
import type { Json } from "./json.ts"
import { limits } from "./limits.ts"
import { hedgedWork, policyFaults } from "./policies.ts"
import { builtinResources } from "./resources.ts"
import { type AnySchema, type InferInput, type InferOutput, type } from "./schemas.ts"
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
  /** Aborted when the attempt is cancelled or times out; its `reason` says which. */
  readonly signal: AbortSignal
  /**
   * Says that the body is well, where the task has a `heartbeat`; and how far it is, if it likes: JSON of at most 16 KiB, of which
   * the last is kept. Throws `NotJson` or `LimitExceeded` for anything else.
   */
  readonly heartbeat: (progress?: unknown) => void
  /** How far the last attempt was that said so and failed; undefined when none did. An attempt that a crash cut off is not among them. */
  readonly lastHeartbeat: Json | undefined
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
  /** How the pause grows; default `exponential` (doubling). `decorrelated`: anything from the base to three times the one before. */
  readonly backoff?: Backoff
  /** First pause; default 1 s. */
  readonly base?: Duration
  /** Longest pause; default 5 min. An error that says when to come back (`retryAfterMs`) may make it longer. */
  readonly cap?: Duration
  /** What the pause is multiplied by each time, 1 … 1,000; default 2, for `decorrelated` 3. */
  readonly factor?: number
  /**
   * Spread of the pause: that part of it either way, 0 … 1; `"full"`: anything from 0 to the pause; `"equal"`: anything in its
   * second half; `"none"`. Default 0.5. `true` is 1, `false` is 0.
   */
  readonly jitter?: Jitter | boolean
  /** Only failures with one of these codes or tags are tried again. */
  readonly on?: ReadonlyArray<string>
  /** Failures with one of these codes or tags are not. */
  readonly notOn?: ReadonlyArray<string>
  /** No attempt begins later than so long after the first one did. */
  readonly within?: Duration
  /**
   * Whether a failure is worth another attempt; asked once, as the attempt ends, and what it says is written with the failure.
   * Only on tasks with `run`, not where a workflow uses them. One that throws, or answers with a promise, is not heard.
   */
  readonly when?: (failure: Failure) => boolean
}

/** How long a result may be given again instead of being worked out anew. */
export interface CacheOptions {
  /** From when the result is written; 1 ms to ten years. */
  readonly ttl: Duration
}

/** What an undo is told about the effect besides its result. */
export interface Effect<I> {
  /** What the task was given. */
  readonly request: I
  /** The idempotency key under which it was done. */
  readonly key: string
  /** Nobody knows whether it was done. */
  readonly isUnknown: boolean
}

/** Takes an effect back: `result` is what the task gave. Called again until it succeeds or its attempts are spent: make it idempotent. */
export type UndoBody<I, O> = (result: O, context: TaskContext, effect: Effect<I>) => unknown

/** An undo that says nothing more. The keys that it has not are named so that the compiler can tell it from the others. */
export type UndoAlone<I, O> = UndoBody<I, O> & { readonly [K in keyof UndoByAgent]?: undefined }

/** How a success is taken back when the run fails or is cancelled. */
export type UndoOptions<I, O> = UndoWhenKnown<I, O> | UndoAnyway<I, O> | UndoVerified<I, O> | UndoByAgent

export interface UndoAttempts {
  /** An attempt that takes longer is aborted and counts as failed; default one hour. */
  readonly timeout?: Duration
  /** Default: five attempts, from 1 s on. */
  readonly retry?: RetryOptions
  /** Names of what its calls pass, as of a task: it passes nothing of what the task passes. */
  readonly bulkhead?: string
  readonly rate?: string
  readonly breaker?: string
}

/** Where nobody knows whether an attempt did its work, because it was cut off, a gate asks somebody who does. */
export interface UndoWhenKnown<I, O> extends UndoAttempts {
  readonly run: UndoBody<I, O>
  readonly onUnknown?: "ask"
  readonly verify?: undefined
  readonly needs?: undefined
}

/** Where nobody knows whether an attempt did its work, it is undone without a result. */
export interface UndoAnyway<I, O> extends UndoAttempts {
  readonly run: UndoBody<I, O | undefined>
  readonly onUnknown: "undo"
  readonly verify?: undefined
  readonly needs?: undefined
}

/** Where nobody knows whether an attempt did its work, `verify` finds out: it gives nothing when it was not done, else its result. */
export interface UndoVerified<I, O> extends UndoAttempts {
  readonly run: UndoBody<I, O>
  readonly onUnknown?: "verify"
  readonly verify: (request: I, context: TaskContext, effect: Effect<I>) => Verdict<O> | PromiseLike<Verdict<O>>
  readonly needs?: undefined
}
export type Verdict<O> = { readonly result: O } | null | undefined

/** An agent with these capabilities undoes it; it gets `{ result, request, key, isUnknown }`. */
export interface UndoByAgent extends UndoAttempts {
  readonly run?: undefined
  readonly needs: string | ReadonlyArray<string>
  readonly onUnknown?: "ask" | "undo"
  readonly verify?: undefined
}

/** The undo of a task as workflows use it. */
export interface UndoDef {
  readonly run: TaskDef | undefined
  readonly needs: ReadonlyArray<string>
  readonly verify: TaskDef | undefined
  readonly onUnknown: "ask" | "undo" | "verify"
  readonly policy: Pick<WorkPolicy, "timeoutMs" | "retry" | "bulkhead" | "rate" | "breaker">
}

/** Further agents for an attempt that takes long. */
export interface HedgeOptions {
  /** How long the one before may take to answer, its mailbox included; at least 1 ms. */
  readonly after: Duration
  /** Most agents at work on one attempt, the first included: 2 … 10; default 2. */
  readonly most?: number
}

/** Policies of a task; where a workflow uses the task it can give others. */
export interface TaskOptions {
  /** An attempt that takes longer is aborted and counts as failed; default one hour. */
  readonly timeout?: Duration
  /** Longest wait from when an attempt could begin until its body is called; then the task has failed. */
  readonly startWithin?: Duration
  /** Longest silence of the body, which calls `heartbeat()` when it is well; then the attempt has failed. */
  readonly heartbeat?: Duration
  /** The whole task, from when it could begin, with all attempts and pauses; then it has failed. */
  readonly within?: Duration
  readonly retry?: RetryOptions
  /** Equal input is not worked on again for so long: the result is remembered, in every run of the store. */
  readonly cache?: CacheOptions
  /** Name of the bulkhead of the orchestrator that bounds how many of its calls are made at once. */
  readonly bulkhead?: string
  /** Name of the rate of the orchestrator that bounds how many of its calls are made in a time. */
  readonly rate?: string
  /** A second agent begins where the first has not answered in time; the first good answer is taken. Only with `needs`. */
  readonly hedge?: HedgeOptions
  /** Name of the circuit breaker that its calls pass; its policy stands in `breakers` of the orchestrator, or of the workflow. */
  readonly breaker?: string
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
  /** Once it has succeeded the run goes forward only: what came before it is not undone any more. */
  readonly pivot?: true
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
  /** Takes a success back when the run fails or is cancelled: newest first, each until it succeeds. */
  readonly undo?: UndoAlone<InferOutput<IS>, InferOutput<OS>> | UndoOptions<InferOutput<IS>, InferOutput<OS>>
}

/** A task that workflows can use. `I` is what has to be wired to it, `O` what it gives. */
export interface TaskDef<N extends string = string, I = any, O = any> {
  readonly name: N
  readonly in: AnySchema
  readonly out: AnySchema
  readonly run: ((input: any, context: TaskContext) => unknown) | undefined
  readonly needs: ReadonlyArray<string>
  readonly options: TaskOptions
  readonly undo: UndoDef | undefined
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
  const { in: input, out, run, needs, undo, ...options } = definition
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
  if (run === undefined && options.retry?.when !== undefined)
    throw new InvalidOption({
      option: `retry.when of task '${name}'`,
      value: options.retry.when,
      allowed: "none: it stands beside 'run'; for agents there are 'on' and 'notOn'"
    })
  workPolicy(options, `task '${name}'`)
  requireHedged(options, list, `task '${name}'`)
  return Object.freeze({
    name,
    in: input,
    out,
    run,
    needs: Object.freeze([...list]),
    options: Object.freeze(options),
    undo: undo === undefined ? undefined : undoDef(name, undo, options)
  })
}

const undoDef = (name: string, given: UndoBody<any, any> | UndoOptions<any, any>, { pivot }: TaskOptions): UndoDef => {
  const subject = `undo of task '${name}'`
  if (pivot === true)
    throw new InvalidOption({
      option: subject,
      value: "undo",
      allowed: "undo or pivot, not both: a pivot is never undone"
    })
  const options: UndoOptions<any, any> = typeof given === "function" ? { run: given } : given
  const {
    timeout,
    retry,
    bulkhead,
    rate,
    breaker,
    verify,
    onUnknown = verify === undefined ? "ask" : "verify"
  } = options
  const { run, needs: needed = [] } = options
  const needs = typeof needed === "string" ? [needed] : needed
  if ((run === undefined) === (needs.length === 0))
    throw new InvalidOption({ option: subject, value: needs.join(", "), allowed: "either run or needs" })
  oneOf(onUnknown, ["ask", "undo", "verify"], `onUnknown of ${subject}`)
  if ((onUnknown === "verify") !== (verify !== undefined))
    throw new InvalidOption({
      option: `onUnknown of ${subject}`,
      value: onUnknown,
      allowed: "'verify' with a function verify, and only with it"
    })
  const policy = workPolicy(
    {
      ...(timeout === undefined ? {} : { timeout }),
      ...(retry === undefined ? {} : { retry }),
      ...(bulkhead === undefined ? {} : { bulkhead }),
      ...(rate === undefined ? {} : { rate }),
      ...(breaker === undefined ? {} : { breaker })
    },
    subject
  )
  return Object.freeze({
    needs: Object.freeze([...needs]),
    onUnknown,
    run:
      run === undefined
        ? undefined
        : bodyOf(`${name}.undo`, (effect: Given, context) => run(effect.result as any, context, effect as any)),
    verify:
      verify === undefined
        ? undefined
        : bodyOf(`${name}.verify`, (effect: Given, context) => verify(effect.request, context, effect as any)),
    policy
  })
}

/** What the body of an undo is called with. */
type Given = { readonly result?: unknown; readonly request?: unknown }

/** What an undo gives does not matter; it need not be JSON. */
const bodyOf = (name: string, run: (effect: Given, context: TaskContext) => unknown): TaskDef =>
  Object.freeze({
    name,
    in: type<any>(),
    out: type<any>(),
    run,
    needs: Object.freeze([]),
    options: Object.freeze({}),
    undo: undefined
  })

/** The code of an undo, by name. */
export const boundUndo = ({ run, verify }: UndoDef): ReadonlyArray<readonly [string, TaskDef]> =>
  [run, verify].flatMap((one) => (one === undefined ? [] : [[one.name, one] as const]))

/** An undo as the IR says it. */
export const undoIR = ({ run, needs, verify, onUnknown, policy }: UndoDef): Undo => ({
  ...(run === undefined ? { needs: needs.length === 1 ? needs[0]! : needs } : { task: run.name }),
  ...policy,
  ...(onUnknown === "ask" ? {} : { onUnknown }),
  ...(verify === undefined ? {} : { verify: { task: verify.name } })
})

/** The policies of a task as the IR says them; throws `InvalidOption` for what is out of range. */
export const workPolicy = (
  options: TaskOptions,
  subject: string
): WorkPolicy & { readonly priority?: number; readonly estimateMs?: number; readonly resources?: Resources } =>
  possible(
    {
      ...(options.type === undefined ? {} : { type: options.type }),
      ...(options.timeout === undefined ? {} : { timeoutMs: timeoutMs(options.timeout, subject) }),
      ...(options.startWithin === undefined
        ? {}
        : { startWithinMs: positiveMs(options.startWithin, `startWithin of ${subject}`) }),
      ...(options.heartbeat === undefined
        ? {}
        : { heartbeatMs: positiveMs(options.heartbeat, `heartbeat of ${subject}`) }),
      ...(options.within === undefined ? {} : { withinMs: positiveMs(options.within, `within of ${subject}`) }),
      ...(options.retry === undefined ? {} : { retry: retryPolicy(options.retry, subject) }),
      ...(options.bulkhead === undefined ? {} : { bulkhead: options.bulkhead }),
      ...(options.rate === undefined ? {} : { rate: options.rate }),
      ...(options.hedge === undefined ? {} : { hedge: hedgePolicy(options.hedge, subject) }),
      ...(options.breaker === undefined ? {} : { breaker: requireId("breaker", options.breaker) }),
      ...(options.cache === undefined ? {} : { cache: { ttlMs: ttlMs(options.cache, subject) } }),
      ...(options.pivot === undefined ? {} : { pivot: options.pivot }),
      ...(options.estimate === undefined
        ? {}
        : { estimateMs: milliseconds(options.estimate, `estimate of ${subject}`) }),
      ...(options.resources === undefined ? {} : { resources: resources(options.resources, subject) }),
      ...(options.priority === undefined
        ? {}
        : { priority: wholeWithin(options.priority, 0, 100, `priority of ${subject}`) })
    },
    subject
  )

/** There is a second one only where agents do the work. Throws `InvalidOption`. */
export const requireHedged = ({ hedge }: TaskOptions, needs: ReadonlyArray<string>, subject: string): void => {
  if (hedge !== undefined && needs.length === 0)
    throw new InvalidOption({ option: `hedge of ${subject}`, value: "a second agent", allowed: hedgedWork })
}

/** The policies, if they can be kept all together. */
const possible = <P extends WorkPolicy>(policy: P, subject: string): P => {
  // whoever executes is not known here, and may beat
  const [fault] = policyFaults({ ...policy, task: "" } as WorkPolicy)
  if (fault === undefined) return policy
  const option = `${fault.field.replace("/", ".").replace(/Ms$/, "")} of ${subject}`
  throw new InvalidOption({ option, value: fault.value, allowed: fault.allowed })
}

const timeoutMs = (timeout: Duration, subject: string) => positiveMs(timeout, `timeout of ${subject}`)
const ttlMs = ({ ttl }: CacheOptions, subject: string) => positiveMs(ttl, `cache.ttl of ${subject}`)

const hedgePolicy = ({ after, most }: HedgeOptions, subject: string): HedgePolicy => ({
  afterMs: positiveMs(after, `hedge.after of ${subject}`),
  ...(most === undefined ? {} : { most })
})

const positiveMs = (duration: Duration, option: string) => {
  const ms = milliseconds(duration, option)
  if (ms < 1) throw new InvalidOption({ option, value: duration, allowed: "at least 1 ms" })
  return ms
}

const retryPolicy = (
  { attempts, backoff, base, cap, factor, jitter, on, notOn, within: budget }: RetryOptions,
  subject: string
): RetryPolicy => {
  const option = (name: string) => `retry.${name} of ${subject}`
  return {
    attempts: wholeWithin(attempts, 1, limits.attempts, option("attempts")),
    ...(backoff === undefined
      ? {}
      : { backoff: oneOf(backoff, ["fixed", "exponential", "decorrelated"], option("backoff")) }),
    ...(base === undefined ? {} : { baseMs: milliseconds(base, option("base")) }),
    ...(cap === undefined ? {} : { capMs: milliseconds(cap, option("cap")) }),
    ...(factor === undefined ? {} : { factor }),
    ...(jitter === undefined ? {} : { jitter: typeof jitter === "boolean" ? Number(jitter) : jitter }),
    ...(on === undefined ? {} : { on: [...on] }),
    ...(notOn === undefined ? {} : { notOn: [...notOn] }),
    ...(budget === undefined ? {} : { withinMs: positiveMs(budget, option("within")) })
  }
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
