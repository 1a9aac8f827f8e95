/**
 * The Effect face: the same workflows and the same engine, as a service with errors and requirements in the type.
 * Task bodies may return Effects; they run in the fiber of their attempt, with the services that the layer was given.
 */
import { UnknownError } from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  type CancelOptions,
  type ListOptions,
  Orchestrator,
  type OrchestratorOptions,
  openEngine,
  type Run as PromiseRun,
  type SubmitOptions,
  type WorkflowResult
} from "./engine/orchestrator.ts"
import type { OrchestratorTransaction } from "./engine/outbox.ts"
import type { RunOverview, RunState } from "./engine/progress.ts"
import {
  type IdempotencyMismatch,
  type InvalidId,
  type InvalidOption,
  type InvalidWorkflow,
  type LimitExceeded,
  type NotJson,
  type OrchestratorClosed,
  type RunCancelled,
  type RunFailed,
  type RunNotFound,
  type SchemaMismatch,
  type StatementRefused,
  type TransactionMisused,
  type TransactionsUnsupported,
  TroupeError
} from "./model/errors.ts"
import type { Cause, Message, TaskStatus } from "./model/messages.ts"
import type { TaskDef } from "./model/task.ts"
import type { Workflow } from "./model/workflow.ts"
import type { JournalError } from "./storage/errors.ts"

/** An orchestrator that lives as long as its layer. */
export class Troupe extends Context.Service<Troupe, { readonly orchestrator: Orchestrator }>()("troupe/Troupe") {}

export type SubmitError =
  | InvalidId
  | InvalidWorkflow
  | SchemaMismatch
  | NotJson
  | LimitExceeded
  | IdempotencyMismatch
  | OrchestratorClosed
  | JournalError
export type TransactionError = SubmitError | TransactionsUnsupported | TransactionMisused | StatementRefused
export type RunError = RunFailed | RunCancelled | OrchestratorClosed

/** One execution of a workflow. */
export interface Run<O> {
  readonly id: string
  /** What the workflow gives back. */
  readonly result: Effect.Effect<O, RunError>
  /** Waits for the end, whatever it is. */
  readonly outcome: Effect.Effect<WorkflowResult<O>, OrchestratorClosed>
  readonly status: Effect.Effect<RunState>
  readonly tasks: Effect.Effect<{ readonly [task: string]: TaskStatus }>
  readonly history: Effect.Effect<ReadonlyArray<Message>, JournalError>
  readonly pause: (cause?: Cause) => Effect.Effect<boolean, JournalError | OrchestratorClosed>
  readonly resume: (cause?: Cause) => Effect.Effect<boolean, JournalError | OrchestratorClosed>
  readonly cancel: (options?: CancelOptions) => Effect.Effect<boolean, JournalError | OrchestratorClosed>
}

/**
 * A layer that opens an orchestrator and closes it with its scope. Clock, scheduler and all services around it are those
 * that attempts and timers run with, so a `TestClock` drives them too.
 */
export const layer = (options: OrchestratorOptions = {}): Layer.Layer<Troupe, InvalidOption | JournalError> =>
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
export const submit = <I, O>(
  workflow: Workflow<I, O> | TaskDef<any, I, O>,
  input: I,
  options?: SubmitOptions
): Effect.Effect<Run<O>, SubmitError, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<PromiseRun<O>, SubmitError>(() => orchestrator.submit(workflow, input, options)),
      runOf
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
export const get = <O = unknown>(id: string): Effect.Effect<Run<O>, RunNotFound | InvalidId, Troupe> =>
  Effect.flatMap(Troupe, ({ orchestrator }) =>
    Effect.map(
      asked<PromiseRun<O>, RunNotFound | InvalidId>(() => orchestrator.get<O>(id)),
      runOf
    )
  )

/** Runs, newest first, in pages. */
export const list = (
  options?: ListOptions
): Effect.Effect<
  { readonly runs: ReadonlyArray<RunOverview>; readonly cursor: string | undefined },
  InvalidOption,
  Troupe
> => Effect.flatMap(Troupe, ({ orchestrator }) => asked(() => orchestrator.list(options)))

const runOf = <O>(run: PromiseRun<O>): Run<O> => ({
  id: run.id,
  result: asked(() => run.result()),
  outcome: asked(() => run.outcome()),
  status: Effect.promise(() => run.status()),
  tasks: Effect.promise(() => run.tasks()),
  history: asked(() => run.history()),
  pause: (cause) => asked(() => run.pause(cause)),
  resume: (cause) => asked(() => run.resume(cause)),
  cancel: (options) => asked(() => run.cancel(options))
})

/** A promise whose rejections are our typed errors; anything else is a defect. */
const asked = <A, E>(ask: () => Promise<A>): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    ask().then(
      (value) => resume(Effect.succeed(value)),
      (error) => resume(error instanceof TroupeError ? Effect.fail(error as E) : Effect.die(error))
    )
  })
