/**
 * The workflow as data. `WorkflowIR` is the single source of truth: the builder writes it, documents are it,
 * the engine runs it, the planner reads it. It is frozen, versioned (`ir: 1`) and free of code;
 * what a task executes is named, and bound to functions by `workflow()` or `load()`.
 * `document.ts` holds the same shape as a schema that checks documents from outside.
 */
import type { BreakerPolicy } from "./breaker.ts"
import type { BulkheadPolicy } from "./bulkhead.ts"
import type { Json, JsonObject } from "./json.ts"
import type { RatePolicy } from "./rate.ts"

/** A JSON Schema (draft 2020-12, without `pattern`, `format` and remote `$ref`). */
export type JsonSchema = JsonObject | boolean

/** A workflow definition. */
export interface WorkflowIR {
  readonly $schema?: string
  /** Version of this format. */
  readonly ir: 1
  readonly name: string
  /** Version of the workflow itself: a run is pinned to name, version and content hash. */
  readonly version?: string
  readonly description?: string
  /** Free facts for people and tools; never read by the engine. */
  readonly metadata?: JsonObject
  /** What the input must look like; everything is accepted when absent. */
  readonly input?: JsonSchema
  /** Values that the input starts from: keys of the input win. */
  readonly defaults?: JsonObject
  readonly config?: WorkflowConfig
  /** Agents that this document brings along. Those with a `kind` can work without a line of code. */
  readonly agents?: ReadonlyArray<AgentIR>
  /** The resources there are, for planning. */
  readonly resources?: Inventory
  /** Policies of circuit breakers that its tasks name, where the orchestrator has none of its own for them. */
  readonly breakers?: { readonly [name: string]: BreakerPolicy }
  /** Sizes of bulkheads that its tasks name, where the orchestrator has none of its own for them. */
  readonly bulkheads?: { readonly [name: string]: BulkheadPolicy }
  /** The same of rates. */
  readonly rates?: { readonly [name: string]: RatePolicy }
  /** Workflows that tasks of this document may use by name. */
  readonly workflows?: { readonly [name: string]: WorkflowIR }
  readonly tasks: ReadonlyArray<TaskIR>
  /** The result of a run; the results of all tasks that nobody needs, by id, when absent. */
  readonly output?: Mapping
}

/** How a workflow as a whole behaves. */
export interface WorkflowConfig {
  /**
   * `stop` (default): the first failure ends the run; running attempts are aborted.
   * `continue`: everything that does not need the failed task still runs, then the run ends as failed.
   */
  readonly onFailure?: "stop" | "continue"
  /** Most attempts of this run at the same time; default 1,000. */
  readonly concurrency?: number
  /** The run fails when it has not ended after this long. */
  readonly timeoutMs?: number
  /** What a failure of the run leads to instead of its end: it goes back, or tries again what has failed. */
  readonly recovery?: Recovery
  /** What a reference to a key that is not there does: `error` (default) fails the attempt, `omit` leaves the key out. */
  readonly missing?: "error" | "omit"
}

/**
 * `rollback`: back to the moment at which the task `to` was done (a checkpoint, or any other); what was done since is undone, and
 * done anew. `retry`: what has failed, and what was stopped because of it, begins anew. So many times, 1 unless it says more; then
 * the run fails.
 */
export type Recovery =
  | { readonly strategy: "rollback"; readonly to: string; readonly times?: number }
  | { readonly strategy: "retry"; readonly times?: number }

/** Who can do what. The first five fields describe the agent to people and models; further facts go to `metadata`. */
export interface AgentIR {
  readonly id: string
  readonly role?: string
  readonly goal?: string
  readonly backstory?: string
  readonly type?: string
  /** Capabilities: a task that `needs` one of them may come here. */
  readonly can: ReadonlyArray<string>
  /** Most attempts at the same time; default 1. */
  readonly capacity?: number
  readonly metadata?: JsonObject
  /** What a declared agent does with a task. Agents of the embedding program have none: they bring code. */
  readonly does?: BuiltinWork
}

/** Amounts of resources: what a task needs, or what there is. */
export interface Resources {
  readonly cpu?: number
  readonly memoryMb?: number
  readonly diskMb?: number
  readonly networkMbps?: number
  readonly gpu?: number
  readonly custom?: { readonly [name: string]: number }
}

/** What there is: one pool of amounts, or named workers with amounts of their own. */
export interface Inventory extends Resources {
  readonly workers?: ReadonlyArray<Worker>
}

/** A worker runs one task at a time, unless it has amounts (`cpu: 4` runs four tasks of one). */
export interface Worker extends Resources {
  readonly id: string
  /** What it can do: a task that `needs` something else, or asks for other `skills`, is not planned for it. Anything, when absent. */
  readonly can?: ReadonlyArray<string>
}

/** What a plan keeps to beside order and resources. Times are counted from the start of the run. */
export interface Constraints {
  /** It starts no earlier. */
  readonly releaseMs?: number
  /** It must have ended by then; a plan that cannot keep it is refused. */
  readonly deadlineMs?: number
  /** It should have ended by then: where a task says so, the plan makes the weighted lateness small, not the length of the whole. */
  readonly dueMs?: number
  /** What a millisecond of lateness costs; default 1. */
  readonly weight?: number
  /** One of these workers does it, each in its own time. */
  readonly agents?: ReadonlyArray<string | { readonly agent: string; readonly estimateMs: number }>
  /** So many workers with each skill do it together. */
  readonly skills?: { readonly [skill: string]: number }
  /** The worker that does those does this one as well. */
  readonly sameAgentAs?: ReadonlyArray<string>
  /** No worker that does one of those does this one. */
  readonly differentAgentFrom?: ReadonlyArray<string>
  /** Never at the same time as one of those. */
  readonly excludes?: ReadonlyArray<string>
}

/** Reads a value: `{"$": "input.user.name"}`, `{"$": "quotes"}`, `{"$": ["libc6.1", "size"]}`. */
export interface Reference {
  readonly $: string | ReadonlyArray<string>
  /** Taken when the path is not there. */
  readonly default?: Json
}

/** Data taken literally, even if it contains a key `$`. */
export interface Literal {
  readonly $literal: Json
}

/** How a value is put together: literals, references, and arrays and objects of both. */
export type Mapping = Json | Reference | Literal | ReadonlyArray<Mapping> | { readonly [key: string]: Mapping }

/** A question about data, as data: nothing here is ever evaluated as code. */
export type Condition =
  | boolean
  | Reference
  | { readonly eq: readonly [Mapping, Mapping] }
  | { readonly ne: readonly [Mapping, Mapping] }
  | { readonly lt: readonly [Mapping, Mapping] }
  | { readonly lte: readonly [Mapping, Mapping] }
  | { readonly gt: readonly [Mapping, Mapping] }
  | { readonly gte: readonly [Mapping, Mapping] }
  | { readonly in: readonly [Mapping, Mapping] }
  | { readonly exists: Reference }
  | { readonly and: ReadonlyArray<Condition> }
  | { readonly or: ReadonlyArray<Condition> }
  | { readonly not: Condition }

export type Backoff = "fixed" | "exponential" | "decorrelated"
/** `full`: anything up to the pause. `equal`: the second half of it. A number: that part of it, either way. */
export type Jitter = number | "full" | "equal" | "none"

/** When a failed attempt is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included; 1 means no retry. */
  readonly attempts: number
  /** How the pause grows; default `exponential`. */
  readonly backoff?: Backoff
  /** First pause; default 1 s. */
  readonly baseMs?: number
  /** Longest pause; default 5 min. */
  readonly capMs?: number
  /** What the pause is multiplied by each time; default 2, for `decorrelated` 3. */
  readonly factor?: number
  /** Spread of the pause; default 0.5. Derived from the attempt's id, never drawn. */
  readonly jitter?: Jitter
  /** Only failures with one of these codes or tags are tried again. */
  readonly on?: ReadonlyArray<string>
  /** Failures with one of these codes or tags are not. */
  readonly notOn?: ReadonlyArray<string>
  /** No attempt begins later than so long after the first one did. */
  readonly withinMs?: number
}

/**
 * Which end of a task lets those start that wait for it. `notFailed` (default): it succeeded, was skipped, or was allowed to
 * fail. `succeeded`: nothing else. `failed`: it failed, or never came to run because something before it did. `done`: whatever
 * became of it.
 */
export type Trigger = "notFailed" | "succeeded" | "failed" | "done"
export type After = string | { readonly task: string; readonly on: Trigger }
export type Join = "all" | "any" | { readonly atLeast: number }

/** A value, the last good result for the same input if it is not older than that, or other work with the same input or its own. */
export type Fallback =
  | { readonly value: Mapping }
  | { readonly lastGoodMs: number }
  | (Work & { readonly input?: Mapping })

/** With `wait`, how long a person has, and what happens then; without, for ever. */
export type OnFailed =
  | "fail"
  | "continue"
  | "wait"
  | { readonly wait: { readonly withinMs: number; readonly otherwise: "fail" | "continue" } }

/**
 * Which items a fan-out needs. `all` (default): a list of all results. `any`: the first good one, itself. `atLeast`: a list as
 * soon as so many are good, with null for the others. `settled`: a list of what became of each.
 */
export type Accept = "all" | "any" | "settled" | { readonly atLeast: number }

/** What a task of any kind may say about itself. */
export interface TaskCommon extends Constraints {
  readonly id: string
  /** Name for people; the id is used where it is absent. */
  readonly name?: string
  readonly description?: string
  readonly expectedOutput?: string
  readonly metadata?: JsonObject
  /** Order without data: these tasks must be final first; with `on`, which of their ends let this one start. */
  readonly after?: ReadonlyArray<After>
  /** How many of the tasks that it waits for must let it start: `all` (default), `any`, or a number of them. */
  readonly join?: Join
  /** Those it joined and did not need are cancelled, unless somebody else waits for them; else they go on. */
  readonly cancelRest?: boolean
  /** What stands in for its result when it has failed for good: the first of these that gives something. */
  readonly fallback?: Fallback | ReadonlyArray<Fallback>
  /** What is left of it when nothing did: `fail` (default), `continue` without a result, or `wait` for a person. */
  readonly onFailed?: OnFailed
  /** Run only if this holds once the dependencies are final; else the task is skipped. */
  readonly when?: Condition
  /** What the task gets; its dependencies come from the references in it. */
  readonly input?: Mapping
  /** Writes parts of the result into the run's data: `{"market.raw": {"$": "result.prices"}}` is then read as `{"$": "data.market.raw"}`. */
  readonly data?: { readonly [path: string]: Reference }
  /** Expected length, for planning and ETA. */
  readonly estimateMs?: number
  readonly resources?: Resources
  /** 0 (last) to 100 (first); default 50. */
  readonly priority?: number
}

/** What an attempt of a working task may take, and what follows when it fails. */
export interface WorkPolicy {
  /** What the work is like: decides where it runs. */
  readonly type?: "compute" | "io" | "network" | "hybrid"
  /** An attempt that takes longer is aborted and counts as failed; default one hour. */
  readonly timeoutMs?: number
  /** Longest wait, from when an attempt could begin until its body is called: for a slot, and in the mailbox of an agent. */
  readonly startWithinMs?: number
  /** Longest silence of a body, which says `heartbeat()` when it is well. */
  readonly heartbeatMs?: number
  /** The whole task, from when it could begin, with all its attempts and the pauses between them. */
  readonly withinMs?: number
  readonly retry?: RetryPolicy
  /** Name of the bulkhead that bounds how many of its calls are made at once. */
  readonly bulkhead?: string
  /** Whose turn it is where calls wait: those with an equal value wait for each other. In a fan-out it may use `item` and `index`. */
  readonly bulkheadKey?: Mapping
  /** Name of the limit on how many of its calls are made in a time. */
  readonly rate?: string
  /** Name of the circuit breaker that its calls pass: shared by all tasks and runs that name it. */
  readonly breaker?: string
  /** A second agent begins where the first does not answer in time. */
  readonly hedge?: HedgePolicy
  /** Equal work with equal data is not done again for a while. */
  readonly cache?: CachePolicy
  /** Checks the input of an attempt. */
  readonly in?: JsonSchema
  /** Checks its result. */
  readonly out?: JsonSchema
  /** Takes a success back when the run fails or is cancelled. */
  readonly undo?: Undo
  /** Once this has succeeded the run goes forward only: what came before it is not undone any more. */
  readonly pivot?: true
}

/**
 * How an effect is taken back: any work. Its input may read `result` (what the task gave), `request` (what it was given), `key`
 * (the idempotency key under which it was done) and `isUnknown`, and nothing else; without an input it gets all four. Without a
 * `retry` it has five attempts.
 */
export type Undo = UndoWork & {
  /**
   * What happens when nobody knows whether the task did its work, because its attempt was cut off or took too long. `ask` (the
   * default) opens a gate at `task~undo` for somebody who knows; `undo` undoes without a result; `verify` asks `verify`.
   */
  readonly onUnknown?: "ask" | "undo" | "verify"
  /** Finds out what came of it: gives `null` when it was not done, else `{"result": …}`. There with `onUnknown: verify`, and only with it. */
  readonly verify?: UndoWork
}

export type UndoWork = Work & { readonly input?: Mapping; readonly undo?: never; readonly cache?: never }

/** Further agents for one attempt, each a while after the one before; the first good answer is taken. Only with `needs`. */
export interface HedgePolicy {
  readonly afterMs: number
  /** Most agents at work on one attempt, the first included; default 2. */
  readonly most?: number
}

/** How long the result of a success may be given again, in every run of the store. Failures are never remembered. */
export interface CachePolicy {
  readonly ttlMs: number
  /** What the result depends on, beside what does the work; the input when absent. In a fan-out it may use `item` and `index`. */
  readonly key?: Mapping
}

/** Code that is bound by name, with `workflow()` or `load()`. */
export interface CodeWork extends WorkPolicy {
  readonly task: string
}

/** An agent that has all these capabilities. */
export interface AgentWork extends WorkPolicy {
  readonly needs: string | ReadonlyArray<string>
}

/** Does nothing; the result is null. */
export interface NoopWork extends WorkPolicy {
  readonly kind: "noop"
}

/** Returns its input. */
export interface EchoWork extends WorkPolicy {
  readonly kind: "echo"
}

/** Fails, for tests: always, or the first `times` attempts; then it returns its input. */
export interface FailWork extends WorkPolicy {
  readonly kind: "fail"
  readonly error?: string
  readonly times?: number
}

/** Runs a program (no shell, no string to parse). The result is `{"code","stdout","stderr"}`; a code other than 0 is a failed attempt. */
export interface ShellWork extends WorkPolicy {
  readonly kind: "shell"
  readonly argv: ReadonlyArray<Mapping>
  /** Names of environment variables that are passed on; PATH always is. */
  readonly env?: ReadonlyArray<string>
  /** Most bytes kept of each output; default 64 KiB. */
  readonly outputMaxBytes?: number
}

/** One HTTP request to an allowed host. The result is `{"status","headers","body"}`; 400 and above is a failed attempt. */
export interface HttpWork extends WorkPolicy {
  readonly kind: "http"
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE"
  readonly url: string | Reference
  readonly headers?: { readonly [name: string]: string | Reference }
  readonly body?: Mapping
}

/** A function from a file beside the document: `"steps.js#charge"`. */
export interface ModuleWork extends WorkPolicy {
  readonly kind: "module"
  readonly module: string
}

/** The built-in kinds. `shell`, `http` and `module` run only where they are allowed. */
export type BuiltinWork = NoopWork | EchoWork | FailWork | ShellWork | HttpWork | ModuleWork
export type BuiltinKind = BuiltinWork["kind"]

/** Who executes: bound code, an agent, or a built-in kind. */
export type Work = CodeWork | AgentWork | BuiltinWork

export type WorkTask = TaskCommon & Work

/** Waits. The wait is a durable timer, not a running attempt. */
export interface SleepTask extends TaskCommon {
  readonly kind: "sleep"
  readonly durationMs: number | Reference
}

/**
 * Waits for something from outside: a person's approval, a signal, a callback. The answer is the result; no attempt is open
 * meanwhile, and none is needed: an answer that comes before the gate opens is kept for it.
 */
export interface GateTask extends TaskCommon {
  readonly kind: "gate"
  /** What whoever answers should see; its references are dependencies. */
  readonly show?: Mapping
  /** How long it waits; for ever when absent. */
  readonly withinMs?: number
  /** What happens when nobody answers in time: the gate fails, or this value is the answer. There with `withinMs`, and only with it. */
  readonly otherwise?: "fail" | { readonly value: Mapping }
  /** Name of a signal that answers it too; every gate that listens to the name hears it. */
  readonly signal?: string
  /** What an answer must look like. */
  readonly out?: JsonSchema
  /** Name of the bound schema that answers must match. */
  readonly check?: string
}

/** A pure step between tasks, executed by a bound function. */
export interface DeriveTask extends TaskCommon {
  readonly kind: "derive"
  /** Name of the function; the id when absent. */
  readonly task?: string
}

/** Fan-out over a list (or a number n: 0 … n-1); the result is the list of results, in order. */
export interface MapTask extends TaskCommon {
  readonly kind: "map"
  readonly over: Mapping
  /** What happens for each item. References may use `item` and `index`; without `input` the item is the input. */
  readonly each: Each
  /** Most items at the same time; default 1,000. */
  readonly concurrency?: number
  /** Failed items become `null` in the result instead of failing the fan-out. */
  readonly partial?: boolean
  /** Which items are needed, and what the result is; what is still at work when there are enough is cancelled. */
  readonly accept?: Accept
}

/** The work, or the workflow, that a fan-out does for one item. */
export type Each =
  | (Work & { readonly input?: Mapping; readonly fallback?: Fallback | ReadonlyArray<Fallback> })
  | { readonly workflow: string | WorkflowIR; readonly input?: Mapping }

/** Another workflow as one task. */
export interface UseTask extends TaskCommon {
  readonly kind: "use"
  readonly workflow: string | WorkflowIR
}

/** Takes the case whose name equals `on` (text, number, boolean), else `otherwise`; the result is that of the workflow taken. */
export interface BranchTask extends TaskCommon {
  readonly kind: "branch"
  readonly on: Mapping
  readonly cases: { readonly [name: string]: string | WorkflowIR }
  readonly otherwise?: string | WorkflowIR
}

/** Runs a workflow again and again: its output is the next round's input, until the condition holds or `max` rounds are done. */
export interface RepeatTask extends TaskCommon {
  readonly kind: "repeat"
  readonly workflow: string | WorkflowIR
  /** Asked after each round; references may use `output` and `round` (from 1). */
  readonly until: Condition
  /** Mandatory bound; reaching it fails the task unless `onMax` is `return`. */
  readonly max: number
  readonly onMax?: "fail" | "return"
  /** Pause between rounds. */
  readonly delayMs?: number
}

/** A planning task whose result is a `Fragment`: tasks and edges that are injected whole, or refused whole. */
export type ExpandTask = TaskCommon & Work & { readonly expand: true }

export type TaskIR =
  | WorkTask
  | SleepTask
  | GateTask
  | DeriveTask
  | MapTask
  | UseTask
  | BranchTask
  | RepeatTask
  | ExpandTask

/** What an `expand` task returns. */
export interface Fragment {
  readonly tasks: ReadonlyArray<TaskIR>
  /** Result of the expand task; the results of the fragment's last tasks when absent. */
  readonly output?: Mapping
  /** New order between tasks of the surrounding workflow: `to` (not started yet) now also waits for `from`. */
  readonly edges?: ReadonlyArray<{ readonly from: string; readonly to: string }>
}

export type StructuralKind = "sleep" | "gate" | "derive" | "map" | "use" | "branch" | "repeat"
export type TaskKind = BuiltinKind | StructuralKind | "task" | "needs" | "expand"

/** The kind of a task, for all its forms. */
export const kindOf = (task: TaskIR): TaskKind => {
  if ("expand" in task) return "expand"
  if ("kind" in task) return task.kind
  return "needs" in task ? "needs" : "task"
}

export const builtinKinds: ReadonlyArray<BuiltinKind> = ["noop", "echo", "fail", "shell", "http", "module"]
export const structuralKinds: ReadonlyArray<StructuralKind> = [
  "sleep",
  "gate",
  "derive",
  "map",
  "use",
  "branch",
  "repeat"
]
