/**
 * The Effect face: the same workflows and the same engine, as a service with errors and requirements in the type.
 * Task bodies may return Effects; they run in the fiber of their attempt, with the services that the layer was given.
 */
import { UnknownError } from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Inspect } from "./actors/create.ts"
import type { BreakerOverview } from "./engine/breaker-record.ts"
import type { DecisionOptions } from "./engine/decide.ts"
import {
  type CancelOptions,
  type InjectOptions,
  type ListOptions,
  type OpenError,
  Orchestrator,
  type OrchestratorOptions,
  openEngine,
  type Run as PromiseRun,
  type SubmitOptions,
  type WorkflowResult
} from "./engine/orchestrator.ts"
import type { OrchestratorTransaction } from "./engine/outbox.ts"
import type { RunOverview, RunState, TaskResult } from "./engine/progress.ts"
import type { Agent, AgentMessage } from "./engine/router.ts"
import type { ScheduleHandle } from "./engine/schedule-handle.ts"
import type { ScheduleOverview } from "./engine/schedule-record.ts"
import type { IfRevision, Past } from "./engine/schedules.ts"
import type { ExportOptions } from "./engine/transfer.ts"
import type { Wait } from "./engine/waits.ts"
import type { Registry } from "./model/agents.ts"
import type { FaultRefused } from "./model/errors.ts"
import {
  type AmendmentRefused,
  type AttemptTimedOut,
  type GateClosed,
  type GateUnknown,
  type IdempotencyMismatch,
  type ImportRefused,
  type InvalidId,
  type InvalidOption,
  type InvalidWorkflow,
  type LimitExceeded,
  type MailboxFull,
  type NoRecipient,
  type NotJson,
  type OrchestratorClosed,
  type PolicyUnknown,
  type RunCancelled,
  type RunCompacted,
  type RunFailed,
  type RunNotFound,
  type RunPoisoned,
  type ScheduleChanged,
  type ScheduleUnknown,
  type SchemaMismatch,
  type StateChanged,
  type StatementRefused,
  type TransactionMisused,
  type TransactionsUnsupported,
  TroupeError,
  type VersionUnavailable
} from "./model/errors.ts"
import type { Json } from "./model/json.ts"
import type { Cause, InjectedFault, Message, TaskStatus } from "./model/messages.ts"
import type { PlacesMetrics } from "./model/places.ts"
import type { ScheduleOptions } from "./model/recurring.ts"
import type { RunExport } from "./model/run-export.ts"
import type { TaskDef } from "./model/task.ts"
import type { RateMetrics } from "./model/turnstile.ts"
import type { Workflow } from "./model/workflow.ts"
import type { BackupRefused, JournalError } from "./storage/errors.ts"
import type { Backup } from "./storage/journal.ts"

/** An orchestrator that lives as long as its layer. */
export class Troupe extends Context.Service<Troupe, { readonly orchestrator: Orchestrator }>()("troupe/Troupe") {}

export type SubmitError =
  | InvalidId
  | InvalidOption
  | InvalidWorkflow
  | SchemaMismatch
  | NotJson
  | LimitExceeded
  | IdempotencyMismatch
  | OrchestratorClosed
  | JournalError
export type TransactionError = SubmitError | TransactionsUnsupported | TransactionMisused | StatementRefused
/** A run that has left memory is read again, and retention may have removed it. */
export type ReadError = RunNotFound | JournalError
export type OutcomeError = RunPoisoned | OrchestratorClosed | ReadError
export type RunError = RunFailed | RunCancelled | OutcomeError
export type SteerError = OrchestratorClosed | ReadError

export type ScheduleError =
  | ScheduleUnknown
  | ScheduleChanged
  | InvalidId
  | InvalidOption
  | LimitExceeded
  | OrchestratorClosed
  | JournalError

export type DecisionError = AmendmentRefused | StateChanged | SteerError

export type AnswerError =
  | GateUnknown
  | GateClosed
  | SchemaMismatch
  | NotJson
  | LimitExceeded
  | VersionUnavailable
  | SteerError

/** One execution of a workflow; `G` are the answers that its gates take, by path. */
export interface Run<O, G = any> {
  readonly id: string
  /** What the workflow gives back. */
  readonly result: Effect.Effect<O, RunError>
  /** Waits for the end, whatever it is. */
  readonly outcome: Effect.Effect<WorkflowResult<O>, OutcomeError>
  readonly status: Effect.Effect<RunState, ReadError>
  readonly tasks: Effect.Effect<{ readonly [task: string]: TaskStatus }, ReadError>
  /** What each of its tasks waits for that is not at work. */
  readonly waits: Effect.Effect<ReadonlyArray<Wait>, ReadError>
  readonly history: Effect.Effect<ReadonlyArray<Message>, JournalError>
  readonly pause: (cause?: Cause) => Effect.Effect<boolean, SteerError>
  /** `Run.step`. */
  readonly step: (cause?: Cause) => Effect.Effect<boolean, SteerError>
  /** `Run.inject`. */
  readonly inject: (
    task: string,
    fault: InjectedFault,
    options?: InjectOptions
  ) => Effect.Effect<boolean, SteerError | FaultRefused>
  readonly resume: (cause?: Cause) => Effect.Effect<boolean, SteerError>
  readonly cancel: (options?: CancelOptions) => Effect.Effect<boolean, SteerError>
  /** What became of each of its tasks so far. */
  readonly report: Effect.Effect<ReadonlyArray<TaskResult>, ReadError>
  /** Failed tasks begin anew: the one at this path, or all. */
  readonly retry: (task?: string, options?: DecisionOptions) => Effect.Effect<void, DecisionError>
  /** A task that failed, or is at work, gets this result. */
  readonly skip: (task: string, value?: Json, options?: DecisionOptions) => Effect.Effect<void, DecisionError>
  /** `Run.fail`. */
  readonly fail: (task: string, options?: DecisionOptions) => Effect.Effect<void, DecisionError>
  /** Back to where it was after message `to`. */
  readonly rollback: (to: number | string, options?: DecisionOptions) => Effect.Effect<void, DecisionError>
  /** Answers a gate by its path; one that comes before the gate opens is kept for it. */
  readonly answer: <const K extends keyof G & string>(
    gate: K,
    value: G[K],
    cause?: Cause
  ) => Effect.Effect<void, AnswerError>
  /** Says no at a gate. */
  readonly reject: (gate: keyof G & string, reason: string, cause?: Cause) => Effect.Effect<void, AnswerError>
  /** Tells the run what happened outside: all open gates with this `signal` hear it, or the next one does. */
  readonly signal: (name: string, value?: unknown, cause?: Cause) => Effect.Effect<void, AnswerError>
}

/**
 * A layer that opens an orchestrator and closes it with its scope. Clock, scheduler and all services around it are those
 * that attempts and timers run with, so a `TestClock` drives them too.
 */
export const layer = (options: OrchestratorOptions = {}): Layer.Layer<Troupe, OpenError> =>
  Layer.effect(
    Troupe,
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const opened = yield* Effect.acquireRelease(openEngine(options, context), ({ engine }) =>
        Effect.ignore(engine.close())
      )
      return Troupe.of({ orchestrator: new Orchestrator(opened) })
    })
  )

/** Submits a workflow, or a single task; when it succeeds the run is written and goes on by itself. */
export const submit = <I, O, G = {}>(
  workflow: Workflow<I, O, any, G> | TaskDef<any, I, O>,
  input: I,
  options?: SubmitOptions
): Effect.Effect<Run<O, G>, SubmitError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<PromiseRun<O, G>, SubmitError>(() => orchestrator.submit(workflow, input, options)),
      runOf<O, G>
    )
  )

/** Submits and waits for the result; interrupting it cancels the run. */
export const execute = <I, O>(
  workflow: Workflow<I, O> | TaskDef<any, I, O>,
  input: I,
  options?: SubmitOptions
): Effect.Effect<O, SubmitError | RunError, Troupe> =>
  Effect.flatMap(submit(workflow, input, options), (run) =>
    Effect.onInterrupt(run.result, () => Effect.ignore(run.cancel({ force: true, why: "interrupted" })))
  )

/**
 * Writes rows of the application and starts runs in one transaction: both are there, or neither. What `work` throws is the
 * failure: an error of this package as it is, anything else inside an `UnknownError`.
 */
export const transaction = <A>(
  work: (tx: OrchestratorTransaction) => A
): Effect.Effect<A, TransactionError | UnknownError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.tryPromise({
      try: () => orchestrator.transaction(work),
      catch: (error) => (error instanceof TroupeError ? (error as TransactionError) : new UnknownError(error))
    })
  )

/** A run by id. */
export const get = <O = unknown, G = any>(id: string): Effect.Effect<Run<O, G>, InvalidId | ReadError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<PromiseRun<O, G>, InvalidId | ReadError>(() => orchestrator.get<O, G>(id)),
      runOf<O, G>
    )
  )

/** A consistent copy of the store, made while runs go on. */
export const backup = (path: string): Effect.Effect<Backup, BackupRefused | JournalError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) => asked(() => orchestrator.backup(path)))

/** Runs, newest first, in pages. */
export const list = (
  options?: ListOptions
): Effect.Effect<
  { readonly runs: ReadonlyArray<RunOverview>; readonly cursor: string | undefined },
  InvalidOption | JournalError,
  Troupe
> => Effect.flatMap(Troupe, ({ orchestrator }) => asked(() => orchestrator.list(options)))

/** Runs that have not ended. */
export const live: Effect.Effect<number, never, Troupe> = Effect.map(Troupe, ({ orchestrator }) => orchestrator.live)

/** Makes workflows known, so that runs of them that came back from the store go on. */
export const register = (
  ...workflows: ReadonlyArray<Workflow | TaskDef>
): Effect.Effect<void, InvalidWorkflow, Troupe> => told((orchestrator) => orchestrator.register(...workflows))

/** Watches every actor until the scope ends. */
export const inspect = (observer: Inspect): Effect.Effect<void, never, Troupe | Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.map(Troupe, ({ orchestrator }) => orchestrator.inspect(observer)),
      (stop) => Effect.sync(stop)
    )
  )

// ── agents ─────────────────────────────────────────────────────────────────────────────────────────

/** Agents by id, with capabilities and load. */
export const agents: Effect.Effect<Registry, never, Troupe> = Effect.map(
  Troupe,
  ({ orchestrator }) => orchestrator.agents
)

/** Lets an agent take work. */
export const addAgent = (agent: Agent): Effect.Effect<void, InvalidId | InvalidOption, Troupe> =>
  told((orchestrator) => orchestrator.addAgent(agent))

/** An agent takes no more work; false when there is none of that id. */
export const removeAgent = (id: string): Effect.Effect<boolean, never, Troupe> =>
  told((orchestrator) => orchestrator.removeAgent(id))

/** Sends a message to an agent; what the agent fails with is inside an `UnknownError`, unless it is an error of this package. */
export const send = (
  message: AgentMessage
): Effect.Effect<unknown, NoRecipient | MailboxFull | AttemptTimedOut | UnknownError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.tryPromise({
      try: () => orchestrator.send(message),
      catch: (error) => (error instanceof TroupeError ? (error as NoRecipient) : new UnknownError(error))
    })
  )

// ── what guards calls ──────────────────────────────────────────────────────────────────────────────

/** How full each bulkhead is. */
export const bulkheads: Effect.Effect<ReadonlyArray<PlacesMetrics>, never, Troupe> = Effect.map(
  Troupe,
  ({ orchestrator }) => orchestrator.bulkheads()
)

/** How each rate is used. */
export const rates: Effect.Effect<ReadonlyArray<RateMetrics>, never, Troupe> = Effect.map(Troupe, ({ orchestrator }) =>
  orchestrator.rates()
)

/** Circuit breakers by name, and how each stands. */
export const breakers: Effect.Effect<ReadonlyArray<BreakerOverview>, never, Troupe> = Effect.map(
  Troupe,
  ({ orchestrator }) => orchestrator.breakers()
)

export type BreakerError = PolicyUnknown | LimitExceeded | OrchestratorClosed | JournalError

/** What people may decide about a circuit breaker; written when it succeeds. */
export interface BreakerHandle {
  readonly name: string
  /** Nothing is called until somebody resets it, over restarts too. */
  readonly forceOpen: (cause?: Cause) => Effect.Effect<BreakerOverview, BreakerError>
  /** Everything is called, whatever fails, until somebody resets it. */
  readonly forceClose: (cause?: Cause) => Effect.Effect<BreakerOverview, BreakerError>
  /** Closed, as if nothing had ever failed. */
  readonly reset: (cause?: Cause) => Effect.Effect<BreakerOverview, BreakerError>
}

/** One circuit breaker. */
export const breaker = (name: string): Effect.Effect<BreakerHandle, PolicyUnknown, Troupe> =>
  told((orchestrator): BreakerHandle => {
    const handle = orchestrator.breaker(name)
    return {
      name,
      forceOpen: (cause) => asked(() => handle.forceOpen(cause)),
      forceClose: (cause) => asked(() => handle.forceClose(cause)),
      reset: (cause) => asked(() => handle.reset(cause))
    }
  })

// ── from store to store ────────────────────────────────────────────────────────────────────────────

/** A run as one JSON value; `importRun` of any other store takes it. */
export const exportRun = (
  id: string,
  options?: ExportOptions
): Effect.Effect<RunExport, InvalidId | LimitExceeded | RunCompacted | ReadError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) => asked(() => orchestrator.exportRun(id, options)))

/** Takes in a run that `exportRun` gave. */
export const importRun = (
  given: RunExport,
  cause?: Cause
): Effect.Effect<Run<any>, ImportRefused | LimitExceeded | OrchestratorClosed | ReadError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<PromiseRun<any>, ImportRefused | LimitExceeded | OrchestratorClosed | ReadError>(() =>
        orchestrator.importRun(given, cause)
      ),
      runOf<any, any>
    )
  )

/** One schedule, by its name; as `ScheduleHandle` in the Promise face. */
export interface Schedule {
  readonly name: string
  readonly status: Effect.Effect<ScheduleOverview, ScheduleError>
  readonly next: (most?: number) => Effect.Effect<ReadonlyArray<Date>, ScheduleError>
  readonly pause: (asked?: IfRevision) => Effect.Effect<ScheduleOverview, ScheduleError>
  readonly resume: (asked?: IfRevision) => Effect.Effect<ScheduleOverview, ScheduleError>
  readonly remove: (asked?: IfRevision) => Effect.Effect<void, ScheduleError>
  readonly backfill: (past: Past, asked?: IfRevision) => Effect.Effect<ScheduleOverview, ScheduleError>
}

/** Makes a schedule, or changes the one of that name; succeeds when that is written. */
export const schedule = <I, D extends string = never>(
  name: string,
  workflow: Workflow<I, any> | TaskDef<any, I, any>,
  input: [D] extends [never] ? I : Omit<I, D>,
  when: ScheduleOptions & IfRevision & { readonly dueAs?: D }
): Effect.Effect<Schedule, SubmitError | ScheduleError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<ScheduleHandle, SubmitError | ScheduleError>(() =>
        orchestrator.schedule<I, D>(name, workflow, input, when)
      ),
      scheduleOf
    )
  )

/** Schedules by name, and how each stands. */
export const schedules: Effect.Effect<ReadonlyArray<ScheduleOverview>, OrchestratorClosed, Troupe> = Effect.flatMap(
  Troupe,
  ({ orchestrator }) => asked(async () => orchestrator.schedules())
)

/** One schedule by its name. */
export const scheduled = (name: string): Effect.Effect<Schedule, ScheduleError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<ScheduleHandle, ScheduleError>(async () => orchestrator.scheduled(name)),
      scheduleOf
    )
  )

const scheduleOf = (handle: ScheduleHandle): Schedule => ({
  name: handle.name,
  status: asked(async () => handle.status()),
  next: (most) => asked(async () => handle.next(most)),
  pause: (given) => asked(() => handle.pause(given)),
  resume: (given) => asked(() => handle.resume(given)),
  remove: (given) => asked(() => handle.remove(given)),
  backfill: (past, given) => asked(() => handle.backfill(past, given))
})

const runOf = <O, G>(run: PromiseRun<O, G>): Run<O, G> => ({
  id: run.id,
  result: asked(() => run.result()),
  outcome: asked(() => run.outcome()),
  status: asked(() => run.status()),
  tasks: asked(() => run.tasks()),
  waits: asked(() => run.waits()),
  history: asked(() => run.history()),
  pause: (cause) => asked(() => run.pause(cause)),
  step: (cause) => asked(() => run.step(cause)),
  inject: (task, fault, options) => asked(() => run.inject(task, fault, options)),
  resume: (cause) => asked(() => run.resume(cause)),
  cancel: (options) => asked(() => run.cancel(options)),
  report: asked(() => run.report()),
  retry: (task, options) => asked(() => run.retry(task, options)),
  skip: (task, value, options) => asked(() => run.skip(task, value, options)),
  fail: (task, options) => asked(() => run.fail(task, options)),
  rollback: (to, options) => asked(() => run.rollback(to, options)),
  answer: (gate, value, cause) => asked(() => run.answer(gate, value, cause)),
  reject: (gate, reason, cause) => asked(() => run.reject(gate, reason, cause)),
  signal: (name, value, cause) => asked(() => run.signal(name, value, cause))
})

/** Something that answers at once, and throws our typed errors; anything else is a defect. */
const told = <A, E>(tell: (orchestrator: Orchestrator) => A): Effect.Effect<A, E, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(tell(orchestrator))
      } catch (error) {
        return error instanceof TroupeError ? Effect.fail(error as unknown as E) : Effect.die(error)
      }
    })
  )

/** A promise whose rejections are our typed errors; anything else is a defect. */
const asked = <A, E>(ask: () => Promise<A>): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    ask().then(
      (value) => resume(Effect.succeed(value)),
      (error) => resume(error instanceof TroupeError ? Effect.fail(error as E) : Effect.die(error))
    )
  })
