/**
 * A workflow made ready to run: names become numbers, mappings and conditions become functions. Done once per definition and
 * remembered; a run then only keeps what changes (`board.ts`).
 */
import { analyse, needsOf } from "./analysis.ts"
import { type Retry, retryOf } from "./backoff.ts"
import { type Test, test } from "./condition.ts"
import { type TimeLimits, timeLimitsOf } from "./deadlines.ts"
import { type DependencyGraph, indegrees } from "./dependencies.ts"
import { fallbacksOf } from "./failing.ts"
import {
  type Accept,
  type Each,
  type ExpandTask,
  type Fallback,
  type GateTask,
  kindOf,
  type Mapping,
  type RepeatTask,
  type SleepTask,
  type TaskIR,
  type TaskKind,
  type Undo,
  type Work,
  type WorkflowIR
} from "./ir.ts"
import { type JoinRules, joinRules } from "./joins.ts"
import type { Json } from "./json.ts"
import { codeNameOf } from "./load.ts"
import { type Missing, type Resolver, resolver } from "./mapping.ts"
import { type Definition, forEachInner, nestedOf, resolveNested } from "./nested.ts"
import { type Check, jsonSchemaCheck } from "./schemas.ts"
import { workSettings } from "./work-settings.ts"

export interface CompiledWorkflow {
  readonly definition: Definition
  readonly ir: WorkflowIR
  readonly graph: DependencyGraph
  readonly indegrees: Int32Array
  /** Which ends of which tasks let others start, where that is not simply all of them. */
  readonly joins: JoinRules | undefined
  readonly tasks: ReadonlyArray<CompiledTask>
  readonly onFailure: "stop" | "continue"
  readonly concurrency: number
  readonly output: Resolver
  readonly checkInput: Check | undefined
  /** Policies that all runs share, as it and the workflows inside it bring them along; nothing for most. */
  readonly policies: SharedPolicies
}

export interface CompiledTask {
  readonly index: number
  readonly id: string
  readonly kind: TaskKind
  readonly ir: TaskIR
  readonly priority: number
  readonly when: Test | undefined
  readonly input: Resolver
  /** The work of a leaf, or of the items of a fan-out, or of a planner. */
  readonly work: CompiledWork | undefined
  readonly structure: Structure
  /** What stands in for its result, in order; of a fan-out also what stands in for that of an item. */
  readonly fallbacks: ReadonlyArray<CompiledFallback>
  readonly itemFallbacks: ReadonlyArray<CompiledFallback>
  readonly onFailed: "fail" | "continue" | "wait"
  /** How long a person has who is waited for, and what happens then. */
  readonly patience: { readonly withinMs: number; readonly otherwise: "fail" | "continue" } | undefined
  readonly cancelRest: boolean
}

/** A value, or work: other work, or a look at what the same work gave last. */
export type CompiledFallback =
  | { readonly kind: "value"; readonly value: Resolver }
  | { readonly kind: "work" | "lastGood"; readonly task: CompiledTask }

/** What an attempt needs to know. */
export interface CompiledWork {
  readonly kind: Exclude<TaskKind, "sleep" | "gate" | "map" | "use" | "branch" | "repeat" | "expand">
  readonly ir: Work
  /** Name of the bound code. */
  readonly code: string | undefined
  readonly needs: ReadonlyArray<string>
  readonly retry: Retry
  readonly timeoutMs: number
  /** Longest silence of the body; undefined where nobody listens. */
  readonly heartbeatMs: number | undefined
  /** How long the task may wait and take in all; undefined where nobody says. */
  readonly limits: TimeLimits | undefined
  /** Settings with references (`argv`, `url`, `body` …), put together at the time of the attempt. */
  readonly settings: Resolver | undefined
  /** Whose turn it is where its calls wait; undefined where all wait in one line. */
  readonly lane: Resolver | undefined
  /** How long a value may be given again, and what it depends on: the input when there is no key. */
  readonly cache: CompiledCache | undefined
  /** It only looks for a result that is not older than this. */
  readonly lookBackMs: number | undefined
  readonly checkIn: Check | undefined
  readonly checkOut: Check | undefined
  /** How a success is taken back. */
  readonly undo: Undo | undefined
  /** Once it has succeeded the run goes forward only. */
  readonly isPivot: boolean
}

export interface CompiledCache {
  /** How long it is given again in place of the work; 0 for never. */
  readonly ttlMs: number
  /** How long it is kept: longer where it also stands in for a failure. */
  readonly keepMs: number
  readonly key: Resolver | undefined
}

/** What only some kinds have. */
export type Structure =
  | { readonly kind: "leaf" }
  | { readonly kind: "sleep"; readonly durationMs: Resolver }
  | {
      readonly kind: "gate"
      readonly show: Resolver
      readonly withinMs: number | undefined
      /** The answer when nobody gives one in time; undefined fails the gate. */
      readonly otherwise: Resolver | undefined
      readonly signal: string | undefined
      readonly checkOut: Check | undefined
    }
  | {
      readonly kind: "map"
      readonly over: Resolver
      readonly nested: Definition | undefined
      readonly concurrency: number
      readonly partial: boolean
      readonly accept: Accept
      readonly itemInput: Resolver
    }
  | { readonly kind: "use"; readonly nested: Definition }
  | {
      readonly kind: "branch"
      readonly on: Resolver
      readonly cases: ReadonlyMap<string, Definition>
      readonly otherwise: Definition | undefined
    }
  | {
      readonly kind: "repeat"
      readonly nested: Definition
      readonly until: Test
      readonly max: number
      readonly onMax: "fail" | "return"
      readonly delayMs: number
    }
  | { readonly kind: "expand" }

/** Bounds that hold where a workflow does not say otherwise. */
export const defaults = {
  /** Attempts of one run at the same time. */
  concurrency: 1_000,
  /** Items of one fan-out at the same time. */
  mapConcurrency: 1_000,
  /** An attempt. */
  timeoutMs: 3_600_000,
  priority: 50
} as const

const known = new WeakMap<Definition, CompiledWorkflow>()

/** The compiled form of a valid workflow; remembered as long as the definition lives. */
export const compileWorkflow = (given: Definition): CompiledWorkflow => {
  const before = known.get(given)
  if (before !== undefined) return before
  const { ir } = given
  const { graph, lookupFor } = analyse(ir)
  const [plain, each, until] = [lookupFor([]), lookupFor(["item", "index"]), lookupFor(["output", "round"])]
  const missing = ir.config?.missing ?? "error"
  const compiled: CompiledWorkflow = {
    definition: given,
    ir,
    graph,
    indegrees: indegrees(graph),
    joins: joinRules(ir, graph),
    tasks: ir.tasks.map((task, index) =>
      compileTask(given, task, index, {
        resolve: (mapping) => resolver(mapping, plain, missing),
        resolveItem: (mapping) => resolver(mapping, each, missing),
        ask: (condition) => test(condition, plain),
        askRound: (condition) => test(condition, until)
      })
    ),
    onFailure: ir.config?.onFailure ?? "stop",
    concurrency: ir.config?.concurrency ?? defaults.concurrency,
    output: ir.output === undefined ? sinks(graph) : resolver(ir.output, plain, missing),
    policies: policiesOf(ir),
    checkInput: jsonSchemaCheck(ir.input, `the input of workflow '${ir.name}'`)
  }
  known.set(given, compiled)
  return compiled
}

/** What a document says about breakers, bulkheads and rates; what stands outside counts before what stands inside. */
const policiesOf = (ir: WorkflowIR): SharedPolicies => {
  const { breakers, bulkheads, rates } = ir
  let found: SharedPolicies = { breakers, bulkheads, rates }
  forEachInner(ir, (inner) => {
    const inside = policiesOf(inner)
    found = {
      breakers: merged(inside.breakers, found.breakers),
      bulkheads: merged(inside.bulkheads, found.bulkheads),
      rates: merged(inside.rates, found.rates)
    }
  })
  return found
}

const merged = <P extends object>(inside: P | undefined, outside: P | undefined): P | undefined =>
  inside === undefined ? outside : outside === undefined ? inside : { ...inside, ...outside }

interface SharedPolicies {
  readonly breakers: WorkflowIR["breakers"]
  readonly bulkheads: WorkflowIR["bulkheads"]
  readonly rates: WorkflowIR["rates"]
}

type Resolve = (mapping: Mapping | undefined) => Resolver
type Ask = (condition: NonNullable<TaskIR["when"]>) => Test

interface WorkTools {
  readonly resolve: Resolve
  readonly resolveItem: Resolve
}

/** How mappings and conditions are compiled in the places of a task. */
interface Tools extends WorkTools {
  readonly ask: Ask
  readonly askRound: Ask
}

const compileTask = (given: Definition, task: TaskIR, index: number, tools: Tools): CompiledTask => {
  const { onFailed = "fail" } = task
  const plain = {
    index,
    id: task.id,
    kind: kindOf(task),
    ir: task,
    priority: task.priority ?? defaults.priority,
    when: task.when === undefined ? undefined : tools.ask(task.when),
    input: tools.resolve(task.input),
    work: compileWork(task, tools),
    structure: structureOf(given, task, tools),
    fallbacks: noFallbacks,
    itemFallbacks: noFallbacks,
    onFailed: typeof onFailed === "object" ? "wait" : onFailed,
    patience: typeof onFailed === "object" ? onFailed.wait : undefined,
    cancelRest: task.cancelRest === true
  } as const
  if (task.fallback === undefined && !("each" in task && "fallback" in task.each)) return plain
  return {
    ...plain,
    fallbacks: fallbacksOf(task.fallback).map((one) => compileFallback(one, plain, false, tools)),
    itemFallbacks: "each" in task ? itemFallbacks(task.each, plain, tools) : noFallbacks
  }
}
const noFallbacks: ReadonlyArray<CompiledFallback> = Object.freeze([])
/** What a task says about its failures that says nothing. */
export const unforgiving = {
  fallbacks: noFallbacks,
  itemFallbacks: noFallbacks,
  onFailed: "fail",
  patience: undefined,
  cancelRest: false
} as const

const itemFallbacks = (each: Each, task: CompiledTask, tools: Tools): ReadonlyArray<CompiledFallback> =>
  "fallback" in each ? fallbacksOf(each.fallback).map((one) => compileFallback(one, task, true, tools)) : noFallbacks

/** It only asks the store: nothing is undone, and its time is that of nobody. */
const lookingBack = {
  retry: retryOf(undefined),
  limits: undefined,
  heartbeatMs: undefined,
  undo: undefined,
  isPivot: false
}

const compileFallback = (one: Fallback, task: CompiledTask, isItem: boolean, tools: Tools): CompiledFallback => {
  const resolve = isItem ? tools.resolveItem : tools.resolve
  if ("value" in one) return { kind: "value", value: resolve(one.value) }
  if ("lastGoodMs" in one) {
    const work = { ...task.work!, ...lookingBack, lookBackMs: one.lastGoodMs }
    return { kind: "lastGood", task: { ...task, work } }
  }
  const { input, ...source } = one
  const own = ownWork({ id: task.id, ...source } as TaskIR, { ...tools, resolve })!
  const { structure } = task
  if (isItem && structure.kind === "map") {
    const itemInput = input === undefined ? structure.itemInput : resolve(input)
    return { kind: "work", task: { ...task, work: own, structure: { ...structure, itemInput } } }
  }
  return {
    kind: "work",
    task: {
      ...task,
      kind: own.kind,
      work: own,
      structure: leaf,
      input: input === undefined ? task.input : resolve(input)
    }
  }
}

/** Tasks that say nothing but which code they run share their work: a graph of 10,000 has often only a few. */
const sharedWork = new Map<string, CompiledWork>()
const sharedMost = 10_000

const compileWork = (task: TaskIR, tools: Tools): CompiledWork | undefined => {
  if (
    !("task" in task) ||
    "kind" in task ||
    "expand" in task ||
    task.retry !== undefined ||
    task.timeoutMs !== undefined ||
    timeLimitsOf(task) !== undefined ||
    task.heartbeatMs !== undefined ||
    task.bulkhead !== undefined ||
    task.hedge !== undefined ||
    task.rate !== undefined ||
    task.breaker !== undefined ||
    task.bulkheadKey !== undefined ||
    task.cache !== undefined ||
    task.fallback !== undefined ||
    task.in !== undefined ||
    task.out !== undefined ||
    task.type !== undefined ||
    task.undo !== undefined ||
    task.pivot !== undefined
  ) {
    return ownWork(task, tools)
  }
  const before = sharedWork.get(task.task)
  if (before !== undefined) return before
  const made = ownWork({ id: task.id, task: task.task }, tools)!
  if (sharedWork.size < sharedMost) sharedWork.set(task.task, made)
  return made
}

/** @internal The work of a task, of the items of a fan-out, or of an undo. */
export const ownWork = (task: TaskIR, { resolve, resolveItem }: WorkTools): CompiledWork | undefined => {
  const kind = kindOf(task)
  if (kind === "sleep" || kind === "gate" || kind === "use" || kind === "branch" || kind === "repeat") return undefined
  const work = (kind === "map" ? (task as { each: Each }).each : task) as Work
  if ("workflow" in work) return undefined
  const workKind = kind === "map" || kind === "expand" ? kindOf(stripExpand(work) as TaskIR) : kind
  return {
    kind: workKind as CompiledWork["kind"],
    ir: work,
    code: codeNameOf(task),
    needs: needsOf(task),
    retry: retryOf(work.retry),
    timeoutMs: work.timeoutMs ?? defaults.timeoutMs,
    heartbeatMs: work.heartbeatMs,
    limits: timeLimitsOf(work),
    settings:
      workKind === "shell" || workKind === "http"
        ? (kind === "map" ? resolveItem : resolve)(workSettings(work))
        : undefined,
    lane: work.bulkheadKey === undefined ? undefined : (kind === "map" ? resolveItem : resolve)(work.bulkheadKey),
    cache: cacheOf(
      work,
      fallbacksOf(kind === "map" ? (work as { fallback?: Fallback }).fallback : task.fallback),
      kind === "map" ? resolveItem : resolve
    ),
    lookBackMs: undefined,
    checkIn: jsonSchemaCheck(work.in, `the input of task '${task.id}'`),
    checkOut: jsonSchemaCheck(work.out, `the result of task '${task.id}'`),
    undo: work.undo,
    isPivot: work.pivot === true
  }
}

const cacheOf = ({ cache }: Work, fallbacks: ReadonlyArray<Fallback>, resolve: Resolve): CompiledWork["cache"] => {
  const backMs = fallbacks.reduce((most, one) => ("lastGoodMs" in one ? Math.max(most, one.lastGoodMs) : most), 0)
  if (cache === undefined) return backMs === 0 ? undefined : { ttlMs: 0, keepMs: backMs, key: undefined }
  const { ttlMs, key } = cache
  return { ttlMs, keepMs: Math.max(ttlMs, backMs), key: key === undefined ? undefined : resolve(key) }
}

const stripExpand = (work: Work): Work => {
  const { expand: _, ...rest } = work as ExpandTask
  return rest as Work
}

const leaf: Structure = Object.freeze({ kind: "leaf" })
const expanding: Structure = Object.freeze({ kind: "expand" })

const structureOf = (given: Definition, task: TaskIR, { resolve, resolveItem, askRound }: Tools): Structure => {
  const inner = (nested: string | WorkflowIR) => resolveNested(given, nested)!
  switch (kindOf(task)) {
    case "sleep":
      return { kind: "sleep", durationMs: resolve((task as SleepTask).durationMs) }
    case "gate": {
      const { show, withinMs, otherwise, signal, out } = task as GateTask
      return {
        kind: "gate",
        show: resolve(show),
        withinMs,
        otherwise: typeof otherwise === "object" ? resolve(otherwise.value) : undefined,
        signal,
        checkOut: jsonSchemaCheck(out, `the answer to gate '${task.id}'`)
      }
    }
    case "map": {
      const {
        over,
        each,
        concurrency = defaults.mapConcurrency,
        partial = false,
        accept = "all"
      } = task as Extract<TaskIR, { kind: "map" }>
      const itemInput = each.input === undefined ? itemOf : resolveItem(each.input)
      return {
        kind: "map",
        over: resolve(over),
        nested: "workflow" in each ? inner(each.workflow) : undefined,
        concurrency,
        partial,
        accept,
        itemInput
      }
    }
    case "use":
      return { kind: "use", nested: inner(nestedOf(task)[0]![0]) }
    case "branch": {
      const { on, cases, otherwise } = task as Extract<TaskIR, { kind: "branch" }>
      return {
        kind: "branch",
        on: resolve(on),
        cases: new Map(Object.entries(cases).map(([name, nested]) => [name, inner(nested)])),
        otherwise: otherwise === undefined ? undefined : inner(otherwise)
      }
    }
    case "repeat": {
      const { workflow, until, max, onMax = "fail", delayMs = 0 } = task as RepeatTask
      return { kind: "repeat", nested: inner(workflow), until: askRound(until), max, onMax, delayMs }
    }
    case "expand":
      return expanding
    default:
      return leaf
  }
}

const itemOf: Resolver = (frame) => frame.item

/** The results of the tasks that nobody waits for, by id. */
const sinks = ({ size, ids, successorStart }: DependencyGraph): Resolver => {
  const last: Array<number> = []
  for (let task = 0; task < size; task++) if (successorStart[task] === successorStart[task + 1]) last.push(task)
  return (frame) => {
    const result: Record<string, Json> = {}
    for (const task of last) {
      const value = frame.values[task]
      if (value !== undefined) result[ids[task]!] = value
    }
    return Object.freeze(result)
  }
}

export type { Missing }
