/**
 * The fluent builder: each verb adds one task and gives a new builder, so parts can be shared and continued in two ways.
 * Lambdas run once, here, on a recording proxy; what comes out is a frozen `WorkflowIR` and the code it names.
 */
import { analyse } from "./analysis.ts"
import { type BreakerOptions, breakerPolicies } from "./breaker.ts"
import { type BulkheadOptions, bulkheadPolicies } from "./bulkhead.ts"
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption, InvalidWorkflow, type Problem, type ProblemCode } from "./errors.ts"
import {
  acceptField,
  type FailingOptions,
  type Fallbacks,
  fallbackFields,
  fallbackTasks,
  joinFields,
  type OnFailedOption,
  onFailedField
} from "./fallback.ts"
import { isId, suggest } from "./ids.ts"
import type {
  Accept,
  Fragment,
  Join,
  Reference,
  TaskIR,
  Trigger,
  WorkflowConfig,
  WorkflowIR,
  WorkPolicy
} from "./ir.ts"
import { deepFreeze, type JsonObject, toJson } from "./json.ts"
import { limits } from "./limits.ts"
import { type RateOptions, ratePolicies } from "./rate.ts"
import {
  environment,
  type Ref,
  reference,
  toCondition,
  toMapping,
  type Unwire,
  type When,
  type Wire
} from "./recorder.ts"
import { type AnySchema, type InferInput, type InferOutput, standardCheck } from "./schemas.ts"
import {
  boundUndo,
  type CacheOptions,
  requireHedged,
  type TaskDef,
  type TaskOptions,
  undoIR,
  workPolicy
} from "./task.ts"
import { requireValid } from "./validate.ts"
import { makeWorkflow, type PureFunction, type Workflow } from "./workflow.ts"

/** What lambdas read from: the run's input and the results of the tasks above. */
export type Env<I, D> = { readonly [K in keyof D]: Ref<D[K]> } & { readonly input: Ref<I> }

/** What every node may say. */
export interface NodeOptions<I, D> extends TaskOptions {
  /** Order without data: these tasks must be final first; with `on`, which of their ends let this one start. */
  readonly after?: ReadonlyArray<AfterOption<D>>
  /** How many of the tasks that it waits for must let it start: `all` (default), `any`, or `{ atLeast: n }`. */
  readonly join?: Join
  /** Those it joined and did not need are cancelled, unless somebody else waits for them; else they go on. */
  readonly cancelRest?: boolean
  /** What stands in for the result when it has failed for good; a value may be a function of `$`. In a fan-out of a task: for each item. */
  readonly fallback?: Fallbacks<any, any, any>
  /** What is left of it when nothing did: it fails (default), the rest goes on without its result, or it waits for a person. */
  readonly onFailed?: OnFailedOption
  /** Asked once all dependencies are final: does not hold, then the task is skipped and its result is undefined. */
  readonly when?: ($: Env<I, D>) => When
  /** As the task has it, or with what the result depends on: `key: ($) => $.input.city`; the input when absent. */
  readonly cache?: NodeCache<I, D>
  /**
   * Whose turn it is where calls wait for a bulkhead or a rate: those with an equal value wait for each other, the others take turns
   * with them. `bulkheadKey: ($) => $.input.tenant`; in a fan-out it may use `$.item` and `$.index`.
   */
  readonly bulkheadKey?: ($: Env<I, D> & { readonly item: Ref<any>; readonly index: Ref<number> }) => unknown
  /** Name for people. */
  readonly label?: string
  readonly description?: string
  readonly expectedOutput?: string
  readonly metadata?: JsonObject
}

/** Where a result is remembered under a key of its own. In a fan-out the key may use `$.item` and `$.index`. */
export interface NodeCache<I, D> extends CacheOptions {
  readonly key?: ($: Env<I, D> & { readonly item: Ref<any>; readonly index: Ref<number> }) => unknown
}

/** A key that no task above has. */
type Fresh<K extends string, D> = K extends keyof D | "input" ? `'${K}' is taken: give each task a key of its own` : K
/** A task that another waits for, and which of its ends let that one start. */
export type AfterOption<D> = (keyof D & string) | { readonly task: keyof D & string; readonly on: Trigger }
/** What stands in for a result, where it may be read from `$`. */
type Instead<I, D, TI, TO> = { readonly fallback?: Fallbacks<TI, TO, ($: Env<I, D>) => Wire<TO>> }
/** A node that may be skipped, or may fail, and have no result then. */
type MayBeMissing =
  | { readonly when: unknown }
  | { readonly join: "any" | { readonly atLeast: number } }
  | { readonly onFailed: "continue" | { readonly wait: { readonly otherwise: "continue" } } }
/** The result of a node: it may be missing where a condition, a trigger or an allowed failure leaves none. */
type Result<V, O> = O extends MayBeMissing
  ? V | undefined
  : O extends { readonly after: ReadonlyArray<infer A> }
    ? Extract<A, { readonly on: "succeeded" | "failed" }> extends never
      ? V
      : V | undefined
    : V
/** How a node waits for others. A parameter of its own beside the other options: what `$` gives follows from it. */
interface Waits<A, J> {
  readonly after?: A
  readonly join?: J
}
/** Tasks that may have failed when those start that wait for them like this. */
type MayHaveFailed<A> =
  A extends ReadonlyArray<infer E>
    ? E extends { readonly task: infer T; readonly on: "failed" | "done" }
      ? T
      : never
    : never
/** The tasks whose results a node may find missing: who does not wait for all, or also for failures. */
type Missing<A, J> = J extends "any" | { readonly atLeast: number } ? string : MayHaveFailed<A>
/** What a node may read. */
type Seen<I, D, A, J> = { readonly [K in keyof D]: Ref<K extends Missing<A, J> ? D[K] | undefined : D[K]> } & {
  readonly input: Ref<I>
}
/** Which tasks there are, the other options check. */
type Afters = ReadonlyArray<string | { readonly task: string; readonly on: Trigger }>
type Add<D, K extends string, V> = D & { readonly [P in K]: V }

export interface Builder<I, D, G = {}> {
  /** Adds a task; `input` wires it: `$ => ({ trip: $.input.id, total: $.total })`. */
  task<
    const K extends string,
    TI,
    TO,
    const N extends NodeOptions<I, D> & Instead<I, D, TI, TO> = NodeOptions<I, D> & Instead<I, D, TI, TO>,
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    task: TaskDef<any, TI, TO>,
    input: ($: Seen<I, D, A, J>) => Wire<NoInfer<TI>>,
    options?: N & Waits<A, J>
  ): Builder<I, Add<D, K, Result<TO, N>>, G>

  /** Fans out over a list: one task, or one run of a workflow, per item; the results keep the order of the items. */
  map<
    const K extends string,
    TI,
    TO,
    const N extends NodeOptions<I, D> & MapOptions = NodeOptions<I, D> & MapOptions,
    WG = {},
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    each: TaskDef<any, TI, TO> | Workflow<TI, TO, any, WG>,
    over: ($: Seen<I, D, A, J>) => Wire<ReadonlyArray<NoInfer<TI>>>,
    options?: N & Waits<A, J> & { readonly input?: never } & Instead<I, D, NoInfer<TI>, NoInfer<TO>>
  ): Builder<I, Add<D, K, Result<Accepted<TO, N>, N>>, Also<G, WG, `${K}[${number}]`>>

  /** Fans out over a list, or a number of items, and wires each item: `input: ($) => ({ seed: $.root, nth: $.index, of: $.item })`. */
  map<
    const K extends string,
    TI,
    TO,
    Item,
    const N extends NodeOptions<I, D> & MapOptions,
    WG = {},
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    each: TaskDef<any, TI, TO> | Workflow<TI, TO, any, WG>,
    over: ($: Seen<I, D, A, J>) => Ref<ReadonlyArray<Item>> | ReadonlyArray<Item> | Ref<number> | number,
    options: N &
      Waits<A, J> & {
        readonly input: (
          $: Seen<I, D, A, J> & { readonly item: Ref<Item>; readonly index: Ref<number> }
        ) => Wire<NoInfer<TI>>
      }
  ): Builder<I, Add<D, K, Result<Accepted<TO, N>, N>>, Also<G, WG, `${K}[${number}]`>>

  /** A pure step between tasks. */
  derive<
    const K extends string,
    W,
    O,
    const N extends Omit<NodeOptions<I, D>, keyof TaskOptions> = Omit<NodeOptions<I, D>, keyof TaskOptions>,
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    from: ($: Seen<I, D, A, J>) => W,
    f: (value: Unwire<W>) => O,
    options?: N & Waits<A, J>
  ): Builder<I, Add<D, K, Result<O, N>>, G>

  /**
   * A point that the run can be taken back to by its name (`run.rollback("priced")`, or `recovery`): it is passed when all tasks
   * above that nobody waits for are done, or those in `after`.
   */
  checkpoint<const K extends string>(
    key: Fresh<K, D>,
    options?: Pick<NodeOptions<I, D>, "after" | "label" | "description">
  ): Builder<I, Add<D, K, null>, G>

  /** Waits: a durable timer, not a running task. */
  sleep<const K extends string>(
    key: Fresh<K, D>,
    duration: Duration | (($: Env<I, D>) => Ref<number>),
    options?: Omit<NodeOptions<I, D>, keyof TaskOptions | "fallback" | "onFailed">
  ): Builder<I, Add<D, K, null>, G>

  /**
   * Waits for an answer from outside: a person, a signal, a callback. The schema says what an answer is; `within` how long it
   * waits, `otherwise` what happens then (`"fail"`, a value, or a function of `$`). Only `within: "forever"` has no `otherwise`.
   */
  gate<const K extends string, S extends AnySchema, const N extends GateOptions<I, D, InferOutput<S>>>(
    key: Fresh<K, D>,
    schema: S,
    options: N
  ): Builder<I, Add<D, K, Result<InferOutput<S>, N>>, G & { readonly [P in K]: InferInput<S> }>

  /** Another workflow as one node. */
  use<
    const K extends string,
    WI,
    WO,
    WG,
    const N extends NodeOptions<I, D> = NodeOptions<I, D>,
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    workflow: Workflow<WI, WO, any, WG>,
    input: ($: Seen<I, D, A, J>) => Wire<NoInfer<WI>>,
    options?: N & Waits<A, J> & Instead<I, D, NoInfer<WI>, NoInfer<WO>>
  ): Builder<I, Add<D, K, Result<WO, N>>, Also<G, WG, K>>

  /** Takes the case that `on` names; the result is that of the workflow taken. */
  branch<
    const K extends string,
    C extends { readonly [name: string]: Workflow<any, any> },
    const N extends NodeOptions<I, D> = NodeOptions<I, D>,
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    on: ($: Seen<I, D, A, J>) => Ref<string> | Ref<number> | Ref<boolean>,
    cases: C,
    input: ($: Seen<I, D, A, J>) => Wire<CaseInput<C>>,
    options?: N & Waits<A, J>
  ): Builder<I, Add<D, K, Result<CaseOutput<C>, N>>, Also<G, CaseGates<C>, K>>

  /** Runs a workflow again and again, its output becoming its next input, until the condition holds or `max` rounds are done. */
  repeat<
    const K extends string,
    S,
    const N extends NodeOptions<I, D> & RepeatOptions<S>,
    WG,
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    workflow: Workflow<S, S, any, WG>,
    start: ($: Seen<I, D, A, J>) => Wire<NoInfer<S>>,
    options: N & Waits<A, J>
  ): Builder<I, Add<D, K, Result<S, N>>, Also<G, WG, `${K}#${number}`>>

  /** A planning task that returns tasks and edges; they are injected whole, or refused whole. The result is that of the fragment. */
  expand<
    const K extends string,
    TI,
    OS extends AnySchema,
    const N extends NodeOptions<I, D> = NodeOptions<I, D>,
    const A extends Afters = [],
    const J extends Join = "all"
  >(
    key: Fresh<K, D>,
    planner: TaskDef<any, TI, Fragment>,
    input: ($: Seen<I, D, A, J>) => Wire<NoInfer<TI>>,
    options: N & Waits<A, J> & { readonly out: OS; readonly tasks?: ReadonlyArray<TaskDef> }
  ): Builder<I, Add<D, K, Result<InferOutput<OS>, N>>, G & { readonly [P in `${K}@tasks/${string}`]: unknown }>

  /** Adds a reusable part: a function from builder to builder. */
  segment<D2, G2>(part: (builder: Builder<I, D, G>) => Builder<I, D2, G2>): Builder<I, D2, G2>

  /** Ends the definition: what a run gives back. Throws `InvalidWorkflow` with all problems. */
  returns<W>(output: ($: Env<I, D>) => W): Workflow<I, Unwire<W>, D, G>
}

/** The gates of a workflow together with those of one below it, by path. */
type Also<G, WG, P extends string> = keyof WG extends never
  ? G
  : G & { readonly [K in keyof WG & string as `${P}/${K}`]: WG[K] }

/** How a gate waits. */
export type GateOptions<I, D, V> = GateFacts<I, D> & (GateDeadline<I, D, V> | GateForever)

export interface GateFacts<I, D>
  extends Omit<NodeOptions<I, D>, Exclude<keyof TaskOptions, "estimate"> | "fallback" | "onFailed"> {
  /** When nobody answered in time, or somebody said no, the rest goes on without an answer; default `fail`. */
  readonly onFailed?: "fail" | "continue"
  /** A gate has `otherwise`. */
  readonly fallback?: never
  /** What whoever answers should see. */
  readonly show?: ($: Env<I, D>) => unknown
  /** Name of a signal that answers it too. */
  readonly signal?: string
}

export interface GateDeadline<I, D, V> {
  /** How long it waits: `"24h"`; or `"forever"`. */
  readonly within: Duration
  /** What happens when nobody answers in time: `"fail"`, a value that stands for the answer, or a function that gives it. */
  readonly otherwise: "fail" | V | (($: Env<I, D>) => Wire<V>)
}

export interface GateForever {
  readonly within: "forever"
  readonly otherwise?: never
}

export interface MapOptions {
  /** Most items at the same time; default 1,000. */
  readonly concurrency?: number
  /** Failed items become null in the result instead of failing the fan-out. */
  readonly partial?: boolean
  /**
   * Which items are needed: `all` (default), `any` (the first good one is the result), `{ atLeast: n }` (a list with null for
   * the others), `settled` (what became of each). What is still at work when there are enough is cancelled.
   */
  readonly accept?: Accept
}

/** What became of one item of a fan-out that accepts whatever settled. */
export type SettledItem<T> =
  | { readonly status: "succeeded"; readonly value: T }
  | { readonly status: "failed"; readonly error: { readonly code: string; readonly message: string } }

/** What a fan-out gives. */
type Accepted<T, N> = N extends { readonly accept: "any" }
  ? T
  : ReadonlyArray<
      N extends { readonly accept: "settled" }
        ? SettledItem<T>
        : N extends { readonly partial: true } | { readonly accept: { readonly atLeast: number } }
          ? T | null
          : T
    >

export interface RepeatOptions<S> {
  /** Asked after each round. */
  readonly until: (output: Ref<S>, round: Ref<number>) => When
  /** Bound on the rounds. */
  readonly max: number
  /** What reaching the bound means; default `fail`. */
  readonly onMax?: "fail" | "return"
  /** Pause between rounds. */
  readonly delay?: Duration
}

type CaseInput<C> = {
  [K in keyof C]: C[K] extends Workflow<infer WI, any> ? (value: WI) => void : never
}[keyof C] extends (value: infer All) => void
  ? All
  : never
type CaseGates<C> = {
  [K in keyof C]: (gates: C[K] extends Workflow<any, any, any, infer WG> ? WG : never) => void
}[keyof C] extends (gates: infer All) => void
  ? All
  : never
type CaseOutput<C> = { [K in keyof C]: C[K] extends Workflow<any, infer WO> ? WO : never }[keyof C]

/** Settings of a workflow as a whole. */
export interface WorkflowOptions extends Omit<WorkflowConfig, "timeoutMs" | "missing"> {
  readonly version?: string
  readonly description?: string
  readonly metadata?: JsonObject
  /** The run fails when it has not ended after this long. */
  readonly timeout?: Duration
  /** Policies of circuit breakers that its tasks name; those of the orchestrator count before them. */
  readonly breakers?: { readonly [name: string]: BreakerOptions }
  /** Sizes of bulkheads that its tasks name; those of the orchestrator count before them. */
  readonly bulkheads?: { readonly [name: string]: BulkheadOptions }
  /** The same of rates. */
  readonly rates?: { readonly [name: string]: RateOptions }
}

/**
 * Starts the definition of a workflow; `input` checks what runs are given (`type<T>()` only names the type).
 *
 * ```ts check
 * const double = task("double", { in: type<number>(), out: type<number>(), run: (n) => n * 2 })
 * workflow("w", type<number>()).task("a", double, ($) => $.input).returns(($) => $.a).ir.tasks[0].input // => { $: "input" }
 * ```
 */
export const workflow = <IS extends AnySchema>(
  name: string,
  input: IS,
  options: WorkflowOptions = {}
): Builder<InferInput<IS>, {}> => {
  if (!isId(name))
    throw new InvalidWorkflow({
      workflow: name,
      problems: [
        problem(
          "ID_INVALID",
          "/name",
          `the name ${JSON.stringify(name)} is not allowed`,
          "a letter or digit, then letters, digits, '.', '_', '+' or '-'"
        )
      ]
    })
  return new Draft({ name, input, options, tasks: [], index: new Map(), code: new Map() }, 0) as unknown as Builder<
    InferInput<IS>,
    {}
  >
}

const problem = (code: ProblemCode, path: string, message: string, hint: string): Problem => ({
  code,
  severity: "error",
  path,
  message,
  hint
})

/** What all drafts of one line of building share; a draft sees the first `size` tasks of it. */
interface Shared {
  readonly name: string
  readonly input: AnySchema
  readonly options: WorkflowOptions
  readonly tasks: Array<TaskIR>
  readonly index: Map<string, number>
  readonly code: Map<string, TaskDef | PureFunction | AnySchema>
}

/** Code that is bound by a name of the builder's. */
type Bound = readonly [string, PureFunction | AnySchema]

type Lambda = ($: any) => any
type Options = NodeOptions<any, any> & Partial<MapOptions> & { readonly [key: string]: unknown }

class Draft {
  readonly #shared: Shared
  readonly #size: number
  constructor(shared: Shared, size: number) {
    this.#shared = shared
    this.#size = size
  }

  task(key: string, def: TaskDef, input: Lambda, options: Options = none) {
    const mapping = toMapping(input(this.#env()))
    return this.#add(
      key,
      options,
      mapping === null ? this.#work(def, options, key) : { ...this.#work(def, options, key), input: mapping },
      [def]
    )
  }

  map(key: string, each: TaskDef | Workflow, over: Lambda, options: Options & { readonly input?: Lambda } = none) {
    const { concurrency, partial, accept, input } = options
    if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
      throw new InvalidOption({
        option: `concurrency of '${key}'`,
        value: concurrency,
        allowed: "a whole number from 1"
      })
    const given = fallbackOf(each, options)
    if (given !== undefined && !isDef(each))
      throw new InvalidOption({
        option: `fallback of '${key}'`,
        value: given,
        allowed: "nothing for items that are workflows: a task inside them may have one"
      })
    const work = isDef(each)
      ? { ...this.#work(each, options, key, ["item", "index"]), ...this.#fallback(key, given, ["item", "index"]) }
      : { workflow: each.ir }
    const item = input === undefined ? work : { ...work, input: toMapping(input(this.#env(["item", "index"]))) }
    const fields = {
      kind: "map",
      over: toMapping(over(this.#env())),
      each: item,
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(partial === undefined ? {} : { partial }),
      ...acceptField(accept, `'${key}'`)
    }
    return this.#add(key, options, fields, [each, ...fallbackTasks(given)])
  }

  derive(key: string, from: Lambda, f: PureFunction, options: Options = none) {
    const name = `${this.#shared.name}/${key}`
    return this.#add(key, options, { kind: "derive", task: name, ...this.#input(from) }, [[name, f]])
  }

  checkpoint(key: string, options: Options = none) {
    const after = options.after ?? this.#last()
    return this.#add(key, after.length === 0 ? options : { ...options, after }, { kind: "noop" }, [])
  }

  /** The tasks so far that nobody waits for. */
  #last(): ReadonlyArray<string> {
    const tasks = this.#shared.tasks.slice(0, this.#size)
    const { graph } = analyse({ ir: 1, name: "above", tasks })
    return graph.ids.filter((_, i) => graph.successorStart[i] === graph.successorStart[i + 1])
  }

  sleep(key: string, duration: Duration | Lambda, options: Options = none) {
    const durationMs =
      typeof duration === "function" ? toMapping(duration(this.#env())) : milliseconds(duration, `duration of '${key}'`)
    return this.#add(key, options, { kind: "sleep", durationMs }, [])
  }

  gate(key: string, schema: AnySchema, options: Options & { readonly [key: string]: unknown }) {
    const { within, otherwise, show, signal } = options as unknown as GateOptions<any, any, unknown>
    // a schema that accepts everything is a type and nothing more
    const check = standardCheck(schema, "") === undefined ? undefined : `${this.#shared.name}/${key}`
    const fields = {
      kind: "gate",
      ...(show === undefined ? {} : { show: toMapping(show(this.#env())) }),
      ...(within === "forever" ? {} : this.#deadline(key, within, otherwise)),
      ...(signal === undefined ? {} : { signal }),
      ...(check === undefined ? {} : { check })
    }
    return this.#add(key, options, fields, check === undefined ? [] : [[check, schema]])
  }

  #deadline(key: string, within: Duration, otherwise: unknown): object {
    const withinMs = milliseconds(within, `within of '${key}'`)
    if (withinMs < 1) throw new InvalidOption({ option: `within of '${key}'`, value: within, allowed: "at least 1 ms" })
    if (otherwise === undefined)
      throw new InvalidOption({
        option: `otherwise of '${key}'`,
        value: otherwise,
        allowed: '"fail", a value that stands for the answer, or a function of $ that gives it'
      })
    const value = typeof otherwise === "function" ? otherwise(this.#env()) : otherwise
    return { withinMs, otherwise: otherwise === "fail" ? "fail" : { value: toMapping(value) } }
  }

  use(key: string, nested: Workflow, input: Lambda, options: Options = none) {
    return this.#add(key, options, { kind: "use", workflow: nested.ir, ...this.#input(input) }, [nested])
  }

  branch(
    key: string,
    on: Lambda,
    cases: { readonly [name: string]: Workflow },
    input: Lambda,
    options: Options = none
  ) {
    const { otherwise, ...named } = cases
    const irs = Object.fromEntries(Object.entries(named).map(([name, { ir }]) => [name, ir]))
    const fields = {
      kind: "branch",
      on: toMapping(on(this.#env())),
      cases: irs,
      ...(otherwise === undefined ? {} : { otherwise: otherwise.ir }),
      ...this.#input(input)
    }
    return this.#add(key, options, fields, Object.values(cases))
  }

  repeat(key: string, nested: Workflow, start: Lambda, options: Options & RepeatOptions<any>) {
    const { until, max, onMax, delay } = options
    if (!(Number.isInteger(max) && max >= 1 && max <= limits.repeat))
      throw new InvalidOption({
        option: `max of '${key}'`,
        value: max,
        allowed: `a whole number from 1 to ${limits.repeat.toLocaleString("en")}`
      })
    const fields = {
      kind: "repeat",
      workflow: nested.ir,
      until: toCondition(until(reference(["output"]), reference(["round"]))),
      max,
      ...(onMax === undefined ? {} : { onMax }),
      ...(delay === undefined ? {} : { delayMs: milliseconds(delay, `delay of '${key}'`) }),
      ...this.#input(start)
    }
    return this.#add(key, options, fields, [nested])
  }

  expand(key: string, planner: TaskDef, input: Lambda, options: Options & { readonly tasks?: ReadonlyArray<TaskDef> }) {
    return this.#add(key, options, { ...this.#work(planner, options, key), expand: true, ...this.#input(input) }, [
      planner,
      ...(options.tasks ?? [])
    ])
  }

  segment<B>(part: (builder: this) => B): B {
    return part(this)
  }

  returns(output: Lambda): Workflow {
    const { name, input, options, tasks, code } = this.#shared
    const { version, description, metadata, timeout, onFailure, concurrency, recovery, breakers, bulkheads, rates } =
      options
    const config: WorkflowConfig = {
      ...(onFailure === undefined ? {} : { onFailure }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(recovery === undefined ? {} : { recovery }),
      ...(timeout === undefined ? {} : { timeoutMs: milliseconds(timeout, `timeout of workflow '${name}'`) }),
      missing: "omit"
    }
    const ir: WorkflowIR = {
      ir: 1,
      name,
      ...(version === undefined ? {} : { version }),
      ...(description === undefined ? {} : { description }),
      ...(metadata === undefined ? {} : { metadata: toJson(metadata) as JsonObject }),
      config,
      ...(breakers === undefined ? {} : { breakers: breakerPolicies(breakers, ` of workflow '${name}'`) }),
      ...(bulkheads === undefined ? {} : { bulkheads: bulkheadPolicies(bulkheads, ` of workflow '${name}'`) }),
      ...(rates === undefined ? {} : { rates: ratePolicies(rates, ` of workflow '${name}'`) }),
      tasks: tasks.slice(0, this.#size),
      output: toMapping(output(this.#env()))
    }
    return makeWorkflow(requireValid(deepFreeze(ir)), new Map(code), input)
  }

  #env(special: ReadonlyArray<string> = []) {
    const { name, index } = this.#shared
    const size = this.#size
    const has = (key: string) => (index.get(key) ?? size) < size
    return environment({ workflow: name, has, known: () => [...index.keys()].filter(has), special })
  }

  #input(input: Lambda): object {
    const mapping = toMapping(input(this.#env()))
    return mapping === null ? {} : { input: mapping }
  }

  /** The fields of a task that say what executes it; policies given at this place win over those of the task. */
  #work(def: TaskDef, options: Options, key: string, special: ReadonlyArray<string> = []): object {
    if (options === none) return plainFields(def).work
    const fields = workFields(def, { ...def.options, ...taskOptions(options) }, `task '${key}'`)
    requireHedged(options, def.needs, `task '${key}'`)
    const keyOf = (options.cache as { readonly key?: Lambda } | undefined)?.key
    const laneOf = (options as { readonly bulkheadKey?: Lambda }).bulkheadKey
    if (keyOf === undefined && laneOf === undefined) return fields
    const env = this.#env(special)
    return {
      ...fields,
      ...(laneOf === undefined ? {} : { bulkheadKey: toMapping(laneOf(env)) }),
      ...(keyOf === undefined ? {} : { cache: { ...(fields as WorkPolicy).cache, key: toMapping(keyOf(env)) } })
    }
  }

  #fallback(key: string, given: unknown, special: ReadonlyArray<string> = []) {
    return fallbackFields(
      given,
      `'${key}'`,
      () => this.#env(special),
      (def) => plainFields(def).work
    )
  }

  /** A new draft with one task more. Continuing an older draft copies what it sees first. */
  #add(key: string, options: Options, fields: object, code: ReadonlyArray<TaskDef | Workflow | Bound>): Draft {
    const shared = this.#shared.tasks.length === this.#size ? this.#shared : this.#fork()
    const given = "each" in fields ? undefined : fallbackOf(code[0], options)
    if (!isId(key) || key === "input")
      throw this.#invalid(
        problem(
          "ID_INVALID",
          `/tasks/${this.#size}/id`,
          `the key ${JSON.stringify(key)} is not allowed`,
          "a letter or digit, then letters, digits, '.', '_', '+' or '-'; not 'input'"
        )
      )
    if (shared.index.has(key))
      throw this.#invalid(
        problem(
          "ID_DUPLICATE",
          `/tasks/${this.#size}/id`,
          `the key '${key}' is taken`,
          "give each task a key of its own"
        )
      )
    const instead = given === undefined ? none : this.#fallback(key, given)
    shared.tasks.push(deepFreeze({ id: key, ...fields, ...instead, ...this.#common(key, options, code) } as TaskIR))
    shared.index.set(key, this.#size)
    for (const one of code) this.#bind(shared, one)
    for (const one of fallbackTasks(given)) this.#bind(shared, one)
    return new Draft(shared, this.#size + 1)
  }

  #common(key: string, options: Options, code: ReadonlyArray<unknown>): object {
    if (options === none) return code[0] !== undefined && isDef(code[0]) ? plainFields(code[0]).common : none
    const { after, when, label, description, expectedOutput, metadata } = options
    after?.forEach((one, i) => {
      const dep = typeof one === "string" ? one : one.task
      if ((this.#shared.index.get(dep as string) ?? this.#size) < this.#size) return
      throw this.#invalid(
        problem(
          "DEP_UNKNOWN",
          `/tasks/${this.#size}/after/${i}`,
          `there is no task '${String(dep)}' above this one`,
          suggest(String(dep), this.#shared.index.keys()) || "declare it first"
        )
      )
    })
    const defaults = code[0] !== undefined && isDef(code[0]) ? code[0].options : {}
    return {
      ...joinFields(options as Parameters<typeof joinFields>[0], `'${key}'`),
      ...onFailedField(options.onFailed ?? onFailedOf(code[0]), `'${key}'`),
      ...(when === undefined ? {} : { when: toCondition(when(this.#env())) }),
      ...(label === undefined ? {} : { name: label }),
      ...(description === undefined ? {} : { description }),
      ...(expectedOutput === undefined ? {} : { expectedOutput }),
      ...(metadata === undefined ? {} : { metadata: toJson(metadata) }),
      ...commonFields({ ...defaults, ...taskOptions(options) }, `task '${key}'`)
    }
  }

  #bind(shared: Shared, one: TaskDef | Workflow | Bound): void {
    if (isDef(one) && one.run !== undefined && shared.code.get(one.name) === one) return
    const named: Iterable<readonly [string, TaskDef | PureFunction | AnySchema]> = Array.isArray(one)
      ? [one as unknown as Bound]
      : isDef(one)
        ? [
            ...(one.run === undefined ? [] : [[one.name, one] as const]),
            ...(one.undo === undefined ? [] : boundUndo(one.undo))
          ]
        : (one as Workflow).code
    for (const [name, code] of named) {
      const before = shared.code.get(name)
      if (before !== undefined && before !== code)
        throw this.#invalid(
          problem(
            "ID_DUPLICATE",
            `/tasks/${this.#size}`,
            `two different tasks are called '${name}'`,
            "the journal knows code by its name: give each task a name of its own"
          )
        )
      shared.code.set(name, code)
    }
  }

  #fork(): Shared {
    const { tasks, index, code, ...rest } = this.#shared
    return {
      ...rest,
      tasks: tasks.slice(0, this.#size),
      index: new Map([...index].filter(([, at]) => at < this.#size)),
      code: new Map(code)
    }
  }

  #invalid(one: Problem) {
    return new InvalidWorkflow({ workflow: this.#shared.name, problems: [one] })
  }
}

/** What stands in for a node, or, where it does not say, for the task that it uses. */
const fallbackOf = (source: unknown, options: Options): unknown =>
  options.fallback ?? (isDef(source) ? (source.options as FailingOptions<any, any>).fallback : undefined)
const onFailedOf = (source: unknown): OnFailedOption | undefined =>
  isDef(source) ? (source.options as FailingOptions<any, any>).onFailed : undefined

const isDef = (value: unknown): value is TaskDef =>
  typeof value === "object" && value !== null && "options" in value && "needs" in value

/** No options at all: nearly every node. */
const none: Options = Object.freeze({})

/** The fields that a task gives a node that says nothing more; the same for each of them. */
const plainFields = (def: TaskDef) => {
  const before = plain.get(def)
  if (before !== undefined) return before
  const subject = `task '${def.name}'`
  const { onFailed } = def.options as FailingOptions<any, any>
  const fields = {
    work: workFields(def, def.options, subject),
    common: { ...commonFields(def.options, subject), ...onFailedField(onFailed, subject) }
  }
  plain.set(def, fields)
  return fields
}
const plain = new WeakMap<TaskDef, { readonly work: object; readonly common: object }>()

/** What a task that stands alone says about its failures. */
export const failingFields = (def: TaskDef): object => {
  const { fallback, onFailed } = def.options as FailingOptions<any, any>
  const subject = `task '${def.name}'`
  const nothing = () => ({})
  return {
    ...fallbackFields(fallback, subject, nothing, (one) => plainFields(one).work),
    ...onFailedField(onFailed, subject)
  }
}

const workFields = (def: TaskDef, options: TaskOptions, subject: string): object => {
  if (options.retry?.when !== undefined && options.retry !== def.options.retry)
    throw new InvalidOption({
      option: `retry.when of ${subject}`,
      value: options.retry.when,
      allowed: "none: a workflow is data; give it to task()"
    })
  const { type, timeoutMs, startWithinMs, heartbeatMs, withinMs, retry, cache, bulkhead, rate, breaker, hedge, pivot } =
    workPolicy(options, subject)
  const source =
    def.needs.length === 0 ? { task: def.name } : { needs: def.needs.length === 1 ? def.needs[0]! : def.needs }
  return {
    ...source,
    ...(type === undefined ? {} : { type }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(startWithinMs === undefined ? {} : { startWithinMs }),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    ...(withinMs === undefined ? {} : { withinMs }),
    ...(retry === undefined ? {} : { retry }),
    ...(bulkhead === undefined ? {} : { bulkhead }),
    ...(rate === undefined ? {} : { rate }),
    ...(breaker === undefined ? {} : { breaker }),
    ...(hedge === undefined ? {} : { hedge }),
    ...(cache === undefined ? {} : { cache }),
    ...(def.undo === undefined ? {} : { undo: undoIR(def.undo) }),
    ...(pivot === undefined ? {} : { pivot })
  }
}

const commonFields = (options: TaskOptions, subject: string): object => {
  const { estimate, resources: needed, priority: given } = options
  const { estimateMs, resources, priority } = workPolicy(
    {
      ...(estimate === undefined ? {} : { estimate }),
      ...(needed === undefined ? {} : { resources: needed }),
      ...(given === undefined ? {} : { priority: given })
    },
    subject
  )
  return {
    ...(estimateMs === undefined ? {} : { estimateMs }),
    ...(resources === undefined ? {} : { resources }),
    ...(priority === undefined ? {} : { priority })
  }
}

const optionKeys = [
  "timeout",
  "startWithin",
  "heartbeat",
  "within",
  "retry",
  "breaker",
  "cache",
  "bulkhead",
  "rate",
  "hedge",
  "priority",
  "estimate",
  "resources",
  "type",
  "pivot"
] as const
const taskOptions = (options: Options): TaskOptions =>
  Object.fromEntries(optionKeys.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])))

/** A part of a `data` mapping; re-exported so that documents written by hand can be typed. */
export type DataMapping = { readonly [path: string]: Reference }
