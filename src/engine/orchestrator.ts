/** The Promise face: open an orchestrator, submit workflows, watch and steer runs. */
import { randomUUID } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Inspect } from "../actors/create.ts"
import { type Balance, balances, type Registry } from "../model/agents.ts"
import { type BreakerOptions, breakerPolicies } from "../model/breaker.ts"
import { failingFields } from "../model/builder.ts"
import type { BulkheadOptions } from "../model/bulkhead.ts"
import { compileWorkflow } from "../model/compile.ts"
import {
  type InvalidId,
  InvalidOption,
  InvalidWorkflow,
  OrchestratorClosed,
  TransactionMisused,
  TroupeError
} from "../model/errors.ts"
import { type FailingOptions, fallbackTasks } from "../model/fallback.ts"
import { requireId } from "../model/ids.ts"
import type { TaskIR, WorkflowIR } from "../model/ir.ts"
import { deepFreeze, type Json, toJson } from "../model/json.ts"
import {
  type Cause,
  type Degraded,
  type InjectedFault,
  type Message,
  type Outcome,
  type RunStatus,
  said,
  type TaskStatus
} from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import type { PlacesMetrics } from "../model/places.ts"
import type { RateOptions } from "../model/rate.ts"
import { inputOf, requireFields, type ScheduleOptions } from "../model/recurring.ts"
import type { RunExport } from "../model/run-export.ts"
import { standardCheck } from "../model/schemas.ts"
import { boundUndo, type TaskDef, undoIR, workPolicy } from "../model/task.ts"
import { instant, type Moment } from "../model/timetable.ts"
import type { RateMetrics } from "../model/turnstile.ts"
import { requireValid } from "../model/validate.ts"
import { isWorkflow, makeWorkflow, type Workflow } from "../model/workflow.ts"
import { BackupRefused, type JournalError } from "../storage/errors.ts"
import type { Backup, Claim, JournalService, RunRecord } from "../storage/journal.ts"
import { memoryJournal } from "../storage/memory.ts"
import type { BreakerOverview } from "./breaker-record.ts"
import type { Allow } from "./builtin.ts"
import { bulkheadRules } from "./bulkheads.ts"
import { type DecisionOptions, fail, goBack, retry, rollback, skip } from "./decide.ts"
import { Engine, type EngineOptions } from "./engine.ts"
import { answer, reject, signal } from "./gates.ts"
import { Inbox } from "./inbox.ts"
import { injected } from "./inject.ts"
import { type OrchestratorTransaction, type Prepare, transaction } from "./outbox.ts"
import { pageOf } from "./pages.ts"
import { Poison } from "./poison.ts"
import {
  overviewOf,
  type RunOverview,
  type RunState,
  stateOf,
  type TaskResult,
  taskReport,
  taskResults,
  taskStates
} from "./progress.ts"
import { rateRules } from "./rates.ts"
import { Recovery } from "./recovery.ts"
import { Retention, type RetentionOptions, type RetentionPolicy, retentionPolicy } from "./retention.ts"
import { type RetryBudgetOptions, retryBudgets } from "./retry-budget.ts"
import { type Agent, type AgentMessage, mailboxCapacity, requireAgents } from "./router.ts"
import type { LiveRun } from "./run.ts"
import { type ScheduleHandle, scheduleHandle } from "./schedule-handle.ts"
import type { ScheduleOverview } from "./schedule-record.ts"
import {
  type IfRevision,
  requireSchedules,
  Schedules,
  type SchedulesOptions,
  type SchedulesPolicy,
  schedulesPolicy
} from "./schedules.ts"
import { keepSpecimens } from "./specimens.ts"
import { performer } from "./steering.ts"
import { type ExportOptions, exportRun, importRun } from "./transfer.ts"
import { type Wait, waitsOf } from "./waits.ts"

export interface OrchestratorOptions {
  /**
   * Where runs are written: `"memory"` (default), `"sqlite:path/to/file.db"`, or a journal. In a file, runs outlive the process:
   * whoever opens it next goes on with them.
   */
  readonly store?: "memory" | `sqlite:${string}` | JournalService
  /** Workflows whose runs may come back from the store; what is submitted is known anyway. */
  readonly workflows?: ReadonlyArray<Workflow | TaskDef>
  /** Who does the tasks that have `needs`. */
  readonly agents?: ReadonlyArray<Agent>
  /** How an agent is chosen among those that can; default `least-loaded`. */
  readonly balance?: Balance
  /** Watches every actor of every run: an ordinary XState inspection observer; or an `inspector()` of `troupe/inspect`. */
  readonly inspect?: Inspect | Onlooker
  /** Lets people make tasks go wrong on purpose (`Run.inject`), for development; default false. */
  readonly faults?: boolean
  /** Built-in kinds that reach outside (`shell`, `http`, `module`); none by default. */
  readonly allow?: Allow
  /** Most unfinished runs; default 100,000. One more is refused with `LimitExceeded`. */
  readonly runsMax?: number
  /** Finished runs that stay in memory; default 1,000. With a store in memory, others are forgotten; see `retention` for others. */
  readonly retainRuns?: number
  /** Messages of finished runs that stay in memory; default 100,000. The oldest runs go first. */
  readonly retainMessages?: number
  /** How long finished runs stay in a durable store; they are removed in the background. Default: 30 days. */
  readonly retention?: RetentionOptions
  /** Messages of a run between two snapshots, at least; a restart folds only what came after the last. Default 1,000. */
  readonly snapshotEvery?: number
  /**
   * How many messages of a run are kept of those that a snapshot covers, besides the first; all by default. For runs that go on
   * for years: what was removed cannot be shown, retried or rolled back to.
   */
  readonly keepMessages?: number
  /** Attempts that a restart brings back per second at most; default 20,000. */
  readonly startsPerSecond?: number
  /** Most messages that wait for one agent; default 1,000. */
  readonly mailboxMax?: number
  /**
   * How many retries there may be over all runs, by capability (or by name of the task, where it has code), so that what is down is
   * not kept down; `"*"` is for each name that is not listed. One retry too many is not made: the failure is final. Default: any.
   */
  readonly retryBudget?: { readonly [name: string]: RetryBudgetOptions }
  /**
   * How many calls are made at once, how many wait, and how long, over all runs: for tasks that name one (`bulkhead: "bank"`), and by
   * themselves for all that need a capability (`"needs:pricing"`) and for all calls of an agent (`"agent:anna"`).
   */
  readonly bulkheads?: { readonly [name: string]: BulkheadOptions }
  /** How many calls are made in a time, by name (`rate: "bank"`), or `"needs:pricing"`, `"agent:anna"`. */
  readonly rates?: { readonly [name: string]: RateOptions }
  /**
   * Policies of circuit breakers, by the name that tasks give (`breaker: "bank"`), or of all calls for a capability
   * (`"needs:quote"`). Default: what the workflow says, or a breaker that opens after five failures in a row, for 30 s.
   */
  readonly breakers?: { readonly [name: string]: BreakerOptions }
  /** Divides the length of all waits (`sleep`, pauses of loops), for rehearsals; default 1. */
  readonly timeScale?: number
  /** How many runs schedules begin, all together. */
  readonly schedules?: SchedulesOptions
  /** How long a cancelled attempt may take to end by itself, in milliseconds; default 5,000. */
  readonly graceMs?: number
  /** Told about errors that no caller can be told about: an observer that throws, a defect. Default: a line on stderr. */
  readonly onDefect?: (error: unknown) => void
}

/** Whoever shows an orchestrator to people. */
export interface Onlooker {
  readonly attach: (orchestrator: Orchestrator) => void
}

export interface SubmitOptions {
  /** Names the run; the same id with the same workflow and input is the same run. A UUID when absent. */
  readonly id?: string
  /** It begins then, or at once where that has passed; until then it waits, and may be cancelled. */
  readonly scheduledAt?: Moment
}

/** What a run came to, without throwing. */
export interface WorkflowResult<O = Json> {
  readonly run: string
  readonly status: "succeeded" | "failed" | "cancelled"
  readonly output: O | undefined
  /** Path of the task that failed first. */
  readonly failedTask: string | undefined
  readonly error: TroupeError | undefined
  /** Tasks that failed, and what was taken instead of their results; the result stands on these. */
  readonly degraded: ReadonlyArray<Degraded>
  /** Results of the tasks that were done, by id. */
  readonly results: { readonly [task: string]: Json }
}

/** One execution of a workflow; `G` are the answers that its gates take, by path. */
export interface Run<O = any, G = any> {
  readonly id: string
  /** What the workflow gives back; rejects with `RunFailed` or `RunCancelled`. */
  result(): Promise<O>
  /** Waits for the end, whatever it is. */
  outcome(): Promise<WorkflowResult<O>>
  /** How far it is. */
  status(): Promise<RunState>
  /** States of its tasks, by id. */
  tasks(): Promise<{ readonly [task: string]: TaskStatus }>
  /** What became of each of its tasks so far, in the order of the definition. */
  report(): Promise<ReadonlyArray<TaskResult>>
  /** What each of its tasks waits for that is not at work; at most 100 of them. */
  waits(): Promise<ReadonlyArray<Wait>>
  /** All that happened to it so far, in order. */
  history(): Promise<ReadonlyArray<Message>>
  /** From when it resolves, no attempt begins until `resume`; those that are out may finish. False for a run that is over. */
  pause(cause?: Cause): Promise<boolean>
  /**
   * One attempt more begins although it is paused: the one whose turn it is, or none. False for a run that is over.
   */
  step(cause?: Cause): Promise<boolean>
  /**
   * The next attempt of a task goes wrong: it throws, is slow (`ms` longer, 5 s unless said), or hangs. False for a run that is over.
   * Rejects with `FaultRefused` where the orchestrator was not opened with `faults`, for a task that is not there, or an unknown fault.
   */
  inject(task: string, fault: InjectedFault, options?: InjectOptions): Promise<boolean>
  /** Goes on; true also when it was not paused. False for a run that is over. */
  resume(cause?: Cause): Promise<boolean>
  /** From when it resolves, no attempt begins any more; running ones get their signal and a grace period, or none with `force`. False for a run that is over. */
  cancel(options?: CancelOptions): Promise<boolean>
  /**
   * Answers a gate by its path (`approved`, `ship/approved`, `items[3]/approved`); when it resolves, the answer is written. One
   * that comes before the gate opens is kept for it. Rejects with `SchemaMismatch`, `GateUnknown`, `GateClosed` (it has its answer
   * already, was skipped …) or `LimitExceeded`; nothing has changed then.
   */
  answer<const K extends keyof G & string>(gate: K, value: G[K], cause?: Cause): Promise<void>
  /** Says no at a gate: its task fails with the code `GATE_REJECTED` and this reason. Rejects as `answer` does. */
  reject(gate: keyof G & string, reason: string, cause?: Cause): Promise<void>
  /**
   * Tells the run what happened outside: all open gates with this `signal` are answered with the value; when none is open, the
   * next one is. Rejects with `GateUnknown` when no gate listens to that name, else as `answer` does.
   */
  signal(name: string, value?: unknown, cause?: Cause): Promise<void>
  /**
   * Failed tasks begin anew, with all their attempts and a new idempotency key: the one at this path, or all. Rejects with
   * `AmendmentRefused` when none failed, with `StateChanged` when the run is not as it was `seen`.
   */
  retry(task?: string, options?: DecisionOptions): Promise<void>
  /** A task that failed, or is at work, gets this result, and the run goes on. */
  skip(task: string, value?: Json, options?: DecisionOptions): Promise<void>
  /** A failed task that waits for a person (`onFailed: "wait"`) is given up; `why` says why. Rejects as `retry` does. */
  fail(task: string, options?: DecisionOptions): Promise<void>
  /** Back to where it was after message `to`: what came later stays in the history and counts no more; later effects have new keys. */
  rollback(to: number | string, options?: DecisionOptions): Promise<void>
}

/** What people may decide about a circuit breaker; written with who asked and why when it resolves. */
export interface BreakerHandle {
  readonly name: string
  /** Nothing is called until somebody resets it, over restarts too. */
  readonly forceOpen: (cause?: Cause) => Promise<BreakerOverview>
  /** Everything is called, whatever fails, until somebody resets it. */
  readonly forceClose: (cause?: Cause) => Promise<BreakerOverview>
  /** Closed, as if nothing had ever failed. */
  readonly reset: (cause?: Cause) => Promise<BreakerOverview>
}

export interface InjectOptions extends Cause {
  /** How much longer a slow attempt takes, in milliseconds. */
  readonly ms?: number
}

export interface CancelOptions extends Cause {
  /** Do not wait for running attempts: the run is over at once. */
  readonly force?: boolean
}

export interface ListOptions {
  readonly status?: RunStatus
  readonly workflow?: string
  /** 1 … 1,000; default 100. */
  readonly limit?: number
  readonly cursor?: string
}

const insides = new WeakMap<Orchestrator, Opened>()

/**
 * What is behind an orchestrator, for whoever shows it.
 * @internal
 */
export const insideOf = (orchestrator: Orchestrator): Opened => insides.get(orchestrator)!

/** Takes workflows and brings them to their end, in this process. */
export class Orchestrator implements AsyncDisposable {
  readonly #engine: Engine
  readonly #recovery: Recovery

  /** @internal */
  constructor({ engine, recovery }: Opened) {
    this.#engine = engine
    this.#recovery = recovery
    insides.set(this, { engine, recovery })
  }

  /**
   * Opens an orchestrator. Use `await using`, or call `close()`.
   *
   * ```ts check
   * (await Orchestrator.open()).live // => 0
   * ```
   */
  static async open(options: OrchestratorOptions = {}): Promise<Orchestrator> {
    return new Orchestrator(await Effect.runPromise(openEngine(options, Context.empty())))
  }

  /** Makes workflows known, so that runs of them that came back from the store go on. */
  register(...workflows: ReadonlyArray<Workflow | TaskDef>): void {
    for (const one of workflows) this.#engine.register(asWorkflow(one))
  }

  /** Runs that have not ended. */
  get live(): number {
    return this.#engine.live
  }

  /** Agents by id, with capabilities and load. */
  get agents(): Registry {
    return this.#engine.router.agents
  }

  /** How full each bulkhead is: calls that are being made, that wait, and that were refused so far. */
  bulkheads(): ReadonlyArray<PlacesMetrics> {
    return this.#engine.bulkheads.metrics
  }

  /** How each rate is used: calls that were let through so far, that wait, and that were refused. */
  rates(): ReadonlyArray<RateMetrics> {
    return this.#engine.rates.metrics
  }

  /** Circuit breakers by name, and how each stands. */
  breakers(): ReadonlyArray<BreakerOverview> {
    return this.#engine.breakers.overview()
  }

  /** One circuit breaker; throws `PolicyUnknown` for a name that nobody has given to one. */
  breaker(name: string): BreakerHandle {
    const { breakers } = this.#engine
    breakers.require(name)
    return {
      name,
      forceOpen: (cause = {}) => breakers.tell(name, "open", said(cause)),
      forceClose: (cause = {}) => breakers.tell(name, "close", said(cause)),
      reset: (cause = {}) => breakers.tell(name, "reset", said(cause))
    }
  }

  /**
   * Makes a schedule: runs of a workflow with an input that begin by the clock, also after a restart, each firing once. One of that
   * name is changed, if anything is different. Resolves when that is written. Rejects with `InvalidOption` for times that never come,
   * an unknown zone and the like, and with `ScheduleChanged` when it is not at the `revision` that was seen.
   */
  async schedule<I, D extends string = never>(
    name: string,
    workflow: Workflow<I, any> | TaskDef<any, I, any>,
    input: [D] extends [never] ? I : Omit<I, D>,
    when: ScheduleOptions & IfRevision & { readonly dueAs?: D }
  ): Promise<ScheduleHandle> {
    const schedules = this.#schedules
    const given = asWorkflow(workflow)
    const check = standardCheck(given.input, `the input of workflow '${given.name}'`)
    requireFields(input as Json, when.dueAs)
    const sample = inputOf(toJson(input), when.dueAs, this.#engine.now())
    const value = check === undefined ? sample : await check(sample)
    await schedules.set(name, given, toJson(value), when, when)
    return scheduleHandle(schedules, name)
  }

  /** Schedules by name, and how each stands. */
  schedules(): ReadonlyArray<ScheduleOverview> {
    return this.#schedules.overview()
  }

  /** One schedule; throws `ScheduleUnknown`. */
  scheduled(name: string): ScheduleHandle {
    this.#schedules.status(name)
    return scheduleHandle(this.#schedules, name)
  }

  get #schedules(): Schedules {
    return requireSchedules(this.#engine)
  }

  /** Watches every actor from now on, as `inspect` does from the start; gives back how to stop. */
  inspect(observer: Inspect): () => void {
    const subscription = this.#engine.root.system.inspect(observer)
    return () => subscription.unsubscribe()
  }

  /** Lets an agent take work. */
  addAgent(agent: Agent): void {
    this.#engine.router.join(agent)
  }

  /** An agent takes no more work; what waits for it is refused, what it has in hand comes to its end. */
  removeAgent(id: string): boolean {
    return this.#engine.router.leave(id)
  }

  /** Sends a message to an agent: a question outside of any workflow. */
  send(message: AgentMessage): Promise<unknown> {
    return this.#engine.router.send(message)
  }

  /**
   * Submits a workflow, or a single task. When it resolves, the run is written and goes on by itself.
   * Rejects with `InvalidId`, `SchemaMismatch` (input), `IdempotencyMismatch`, `LimitExceeded` or `OrchestratorClosed`; nothing is written then.
   */
  async submit<I, O, G = {}>(
    workflow: Workflow<I, O, any, G> | TaskDef<any, I, O>,
    input: I,
    options: SubmitOptions = {}
  ): Promise<Run<O, G>> {
    return new RunHandle<O, G>(
      this.#engine,
      this.#recovery,
      await written(await this.#submit(workflow, input, options))
    )
  }

  /** Submits and waits for the result; rejects with `RunFailed` or `RunCancelled`. */
  async execute<I, O>(
    workflow: Workflow<I, O> | TaskDef<any, I, O>,
    input: I,
    options: SubmitOptions = {}
  ): Promise<O> {
    const run = this.#submit(workflow, input, options)
    return resultOf<O>(this.#engine, run instanceof Promise ? await run : run)
  }

  /**
   * Writes rows of the application and starts runs, in one transaction: `tx.run(…); tx.submit(…)`. When it resolves, all of it is
   * written and the runs go on; when `work` throws, nothing is, and it rejects with that. `work` must answer at once and touch
   * nothing but `tx`. Stores that are not SQLite files refuse it with `TransactionsUnsupported`; a `JournalBroken` with
   * `isUnsure` means that the rows may be there all the same, which happens only to transactions without runs.
   */
  transaction<A>(work: (tx: OrchestratorTransaction) => A): Promise<A> {
    return transaction(this.#engine, prepared, work)
  }

  /** Runs by id; rejects with `RunNotFound`. */
  async get<O = any, G = any>(id: string): Promise<Run<O, G>> {
    const run = await Effect.runPromise(this.#recovery.load(requireId("run", id)))
    return new RunHandle<O, G>(this.#engine, this.#recovery, run)
  }

  /** State of a run by id; rejects with `RunNotFound`. */
  async status(id: string): Promise<RunState> {
    return (await this.get(id)).status()
  }

  /** Pauses a run by id: `Run.pause`. */
  async pause(id: string, cause?: Cause): Promise<boolean> {
    return (await this.get(id)).pause(cause)
  }

  /** Resumes a run by id: `Run.resume`. */
  async resume(id: string, cause?: Cause): Promise<boolean> {
    return (await this.get(id)).resume(cause)
  }

  /** Cancels a run by id: `Run.cancel`. */
  async cancel(id: string, options?: CancelOptions): Promise<boolean> {
    return (await this.get(id)).cancel(options)
  }

  /** Answers a gate of a run by id: `Run.answer`. */
  async answer(id: string, gate: string, value: unknown, cause?: Cause): Promise<void> {
    return (await this.get(id)).answer(gate, value, cause)
  }

  /** Says no at a gate of a run by id: `Run.reject`. */
  async reject(id: string, gate: string, reason: string, cause?: Cause): Promise<void> {
    return (await this.get(id)).reject(gate, reason, cause)
  }

  /** Tells a run by id what happened outside: `Run.signal`. */
  async signal(id: string, name: string, value?: unknown, cause?: Cause): Promise<void> {
    return (await this.get(id)).signal(name, value, cause)
  }

  /** Does failed tasks of a run again: `Run.retry`. */
  async retry(id: string, task?: string, options?: DecisionOptions): Promise<void> {
    return (await this.get(id)).retry(task, options)
  }

  /** Gives a task of a run its result: `Run.skip`. */
  async skip(id: string, task: string, value?: Json, options?: DecisionOptions): Promise<void> {
    return (await this.get(id)).skip(task, value, options)
  }

  /** Gives up a task of a run that waits for a person: `Run.fail`. */
  async fail(id: string, task: string, options?: DecisionOptions): Promise<void> {
    return (await this.get(id)).fail(task, options)
  }

  /** Takes a run back: `Run.rollback`. */
  async rollback(id: string, to: number | string, options?: DecisionOptions): Promise<void> {
    return (await this.get(id)).rollback(to, options)
  }

  /** Runs, newest first, in pages. */
  async list(
    options: ListOptions = {}
  ): Promise<{ readonly runs: ReadonlyArray<RunOverview>; readonly cursor: string | undefined }> {
    const { status, workflow, limit = 100, cursor } = options
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
      throw new InvalidOption({ option: "limit", value: limit, allowed: "a whole number from 1 to 1,000" })
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
      throw new InvalidOption({ option: "cursor", value: cursor, allowed: "the cursor of the page before" })
    const { writer, runs, options: settings } = this.#engine
    await Effect.runPromise(writer.flush())
    const now = this.#engine.now()
    const see = (record: RunRecord) => {
      const live = runs.get(record.run)
      return live === undefined ? overviewOf(record) : stateOf(live, now)
    }
    // what a store in memory holds about runs is not kept up to date: the runs themselves are there
    return pageOf(settings.journal, { status, workflow, limit, cursor }, see, settings.journal.isDurable)
  }

  /** A run as one JSON value, with its definition and all its messages; `importRun` of any other store takes it. */
  async exportRun(id: string, options?: ExportOptions): Promise<RunExport> {
    const { journal } = this.#engine.options
    await Effect.runPromise(this.#engine.writer.flush())
    return Effect.runPromise(exportRun(journal, requireId("run", id), options))
  }

  /**
   * Takes in a run that `exportRun` gave: an unfinished one goes on here, so stop it where it comes from. Rejects with
   * `ImportRefused`, or `LimitExceeded`; nothing is written then.
   */
  async importRun(given: RunExport, cause?: Cause): Promise<Run> {
    if (this.#engine.isClosed) throw new OrchestratorClosed()
    return this.get(await importRun(this.#engine, given, cause))
  }

  /**
   * Makes a consistent copy of the store in a new file, while runs go on; it holds every run that was accepted before. Rejects
   * with `BackupRefused` and leaves everything alone if there is something at that path.
   */
  async backup(path: string): Promise<Backup> {
    const { journal } = this.#engine.options
    if (journal.backup === undefined) throw new BackupRefused({ path, reason: "unsupported" })
    return Effect.runPromise(journal.backup(path))
  }

  /**
   * Closes: attempts are aborted, and no fiber, timer or actor stays. In a store that outlives the process, unfinished runs go on
   * when it is opened again. With `drain` it waits first until the runs that are in memory have ended.
   */
  async close({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
    // never in the middle of a transaction that somebody else's code is in
    await undefined
    if (drain)
      await Promise.all([...this.#engine.runs.values()].map((run) => new Promise((resolve) => run.whenEnded(resolve))))
    await Effect.runPromise(this.#engine.close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Hands a run to the engine, with its input checked; a check that must wait is waited for. */
  #submit(given: Workflow | TaskDef, input: unknown, { id, scheduledAt }: SubmitOptions): LiveRun | Promise<LiveRun> {
    const workflow = asWorkflow(given)
    const startsAt = scheduledAt === undefined ? undefined : instant(scheduledAt, "scheduledAt")
    const check = standardCheck(workflow.input, `the input of workflow '${workflow.name}'`)
    const checked = check === undefined ? input : check(input)
    return checked instanceof Promise
      ? checked.then((value) => this.#accept(workflow, value, id, startsAt))
      : this.#accept(workflow, checked, id, startsAt)
  }

  #accept(
    workflow: Workflow,
    value: unknown,
    id: string | undefined,
    startsAt: number | undefined
  ): LiveRun | Promise<LiveRun> {
    const input = toJson(value)
    compileWorkflow(definition(workflow.ir)).checkInput?.(input)
    const engine = this.#engine
    if (id === undefined) return engine.submit(workflow, engine.options.newId(), input, undefined, undefined, startsAt)
    requireId("run", id)
    // before the journal is asked, which is closed by then
    if (engine.isClosed) throw new OrchestratorClosed()
    const submit = (before?: LiveRun) => engine.submit(workflow, id, input, before, undefined, startsAt)
    if (!engine.options.journal.isDurable || engine.runs.has(id)) return submit()
    const before = this.#recovery.before(id)
    return before instanceof Promise ? before.then((run) => submit(engine.runs.get(id) ?? run)) : submit()
  }
}

/** A workflow and its input as `submit` wants them, checked at once. */
const prepared: Prepare = (given, value, id) => {
  const workflow = asWorkflow(given)
  const check = standardCheck(workflow.input, `the input of workflow '${workflow.name}'`)
  const checked = check === undefined ? value : check(value)
  if (checked instanceof Promise) {
    checked.catch(() => {})
    throw new TransactionMisused({ how: "async" })
  }
  const input = toJson(checked)
  compileWorkflow(definition(workflow.ir)).checkInput?.(input)
  if (id !== undefined) requireId("run", id)
  return { workflow, input }
}

const written = (run: LiveRun): Promise<LiveRun> =>
  new Promise((resolve, reject) => run.whenWritten((error) => (error === undefined ? resolve(run) : reject(error))))

export interface Opened {
  readonly engine: Engine
  readonly recovery: Recovery
  /** What other processes ask for; where they can. */
  readonly inbox?: Inbox
}

/**
 * Which runs of a store an engine drives: `all`, those that it is `asked` for, or `nothing`: then what people ask for is written
 * down and no more. For the command line; in a program, an orchestrator that runs nothing would be a trap.
 */
export type Drives = "all" | "asked" | "nothing"

/** What can be wrong with what an orchestrator is opened with, or with the store that it names. */
export type OpenError = InvalidOption | InvalidId | InvalidWorkflow | JournalError

/** Opens an engine with every setting decided, and brings back what the store holds; both faces stand on it. */
export const openEngine = (
  options: OrchestratorOptions,
  context: Context.Context<never>,
  drives: Drives = "all"
): Effect.Effect<Opened, OpenError> =>
  Effect.gen(function* () {
    const { store = "memory" } = options
    // before the store is touched: nobody owns it for options that cannot be
    const decided = yield* decide(options)
    const journal = yield* journalOf(store)
    // a journal that we opened ourselves is not left open
    const claim = yield* Effect.tapError(journal.claim(), () =>
      typeof store === "string" ? Effect.ignore(journal.close(0)) : Effect.void
    )
    let engine: Engine | undefined
    const begun = Effect.suspend(() => {
      keepSpecimens()
      let recovery: Recovery | undefined
      engine = new Engine({
        ...decided.settings,
        journal,
        claim,
        isIdle: drives === "nothing",
        context,
        newId: journal.isDurable ? orderedId : randomUUID,
        onDue: (id) => recovery?.due(id),
        onCalled: (id, use) => recovery?.call(id, use),
        onRewound: (run) => goBack({ engine: engine!, recovery: recovery! }, run)
      })
      recovery = new Recovery(engine, decided.startsPerSecond)
      return begin({ engine, recovery }, decided, drives)
    })
    // what was claimed is given back, whatever goes wrong, so that it can be opened again
    return yield* Effect.onError(
      Effect.tap(begun, (opened) => show(options, opened)),
      () => Effect.ignore(giveBack(engine, journal, claim))
    )
  })

/** Lets whoever shows orchestrators show this one. */
const show = ({ inspect }: OrchestratorOptions, opened: Opened): Effect.Effect<void, InvalidOption> =>
  Effect.suspend(() => {
    try {
      if (isOnlooker(inspect)) inspect.attach(new Orchestrator(opened))
      return Effect.void
    } catch (error) {
      if (error instanceof InvalidOption) return Effect.fail(error)
      throw error
    }
  })

const isOnlooker = (inspect: OrchestratorOptions["inspect"]): inspect is Onlooker =>
  inspect !== undefined && "attach" in inspect

/** Who is there takes part, and what the store holds goes on. */
const begin = (
  { engine, recovery }: Opened,
  { agents, workflows, policy, schedulesPolicy }: Decided,
  drives: Drives
): Effect.Effect<Opened, JournalError> =>
  Effect.gen(function* () {
    const { journal } = engine.options
    for (const agent of agents) engine.router.join(agent)
    yield* engine.breakers.restore()
    const schedules = new Schedules(engine, recovery, schedulesPolicy)
    engine.schedules = schedules
    yield* schedules.restore()
    if (!journal.isDurable) {
      schedules.begin()
      return { engine, recovery }
    }
    for (const workflow of workflows) engine.register(workflow)
    const poison = new Poison(engine, recovery)
    if (drives === "all") {
      yield* recovery.begin(poison.look)
      yield* poison.judge()
      recovery.wake()
      poison.try()
      schedules.begin()
      new Retention(engine, policy).open()
    } else yield* poison.account()
    if (journal.inbox === undefined) return { engine, recovery }
    const inbox = new Inbox(journal.inbox, engine, performer(new Orchestrator({ engine, recovery }), engine, recovery))
    inbox.open()
    return { engine, recovery, inbox }
  })

/** What options come to, without the store. */
interface Decided {
  readonly settings: Omit<
    EngineOptions,
    "journal" | "claim" | "isIdle" | "context" | "newId" | "onDue" | "onCalled" | "onRewound"
  >
  readonly startsPerSecond: number
  readonly policy: RetentionPolicy
  readonly schedulesPolicy: SchedulesPolicy
  readonly agents: ReadonlyArray<Agent>
  readonly workflows: ReadonlyArray<Workflow>
}

/** Every setting with its default, and checked. */
const decide = (options: OrchestratorOptions): Effect.Effect<Decided, InvalidOption | InvalidId | InvalidWorkflow> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(decided(options))
    } catch (error) {
      if (error instanceof TroupeError)
        return Effect.fail(error as unknown as InvalidOption | InvalidId | InvalidWorkflow)
      throw error
    }
  })

const decided = (options: OrchestratorOptions): Decided => {
  const { balance = "least-loaded", agents = [], workflows = [], keepMessages } = options
  if (!balances.includes(balance))
    throw new InvalidOption({ option: "balance", value: balance, allowed: balances.join(", ") })
  requireAgents(agents)
  return {
    settings: {
      inspect: isOnlooker(options.inspect) ? undefined : options.inspect,
      balance,
      allow: options.allow ?? {},
      hasFaults: options.faults === true,
      runsMax: positive(options.runsMax ?? 100_000, "runsMax"),
      retainRuns: positive(options.retainRuns ?? 1_000, "retainRuns"),
      retainMessages: positive(options.retainMessages ?? 100_000, "retainMessages"),
      mailboxMax: positive(options.mailboxMax ?? mailboxCapacity, "mailboxMax"),
      retryBudgets: retryBudgets(options.retryBudget ?? {}),
      bulkheads: bulkheadRules(options.bulkheads ?? {}),
      rates: rateRules(options.rates ?? {}),
      breakers: breakerPolicies(options.breakers ?? {}),
      graceMs: positive(options.graceMs ?? 5_000, "graceMs"),
      keepMessages: keepMessages === undefined ? undefined : positive(keepMessages, "keepMessages"),
      snapshotEvery: Math.max(1, positive(options.snapshotEvery ?? 1_000, "snapshotEvery")),
      timeScale: options.timeScale ?? 1,
      onDefect: options.onDefect === undefined ? complain : harmless(options.onDefect)
    },
    startsPerSecond: positive(options.startsPerSecond ?? 20_000, "startsPerSecond"),
    policy: retentionPolicy(options.retention),
    schedulesPolicy: schedulesPolicy(options.schedules),
    agents,
    workflows: workflows.map(asWorkflow)
  }
}

/**
 * A store that could not be brought back is closed as it was found: if the life before did not end in order, what is known of
 * its end (poison.ts) is still to be worked out by whoever opens it next.
 */
const giveBack = (
  engine: Engine | undefined,
  journal: JournalService,
  { wasClean, epoch }: Claim
): Effect.Effect<void, JournalError> => {
  if (wasClean) return engine?.close() ?? journal.close(epoch)
  engine?.abandon()
  return journal.close(0)
}

/** The journal that a store names. */
const journalOf = (
  store: NonNullable<OrchestratorOptions["store"]>
): Effect.Effect<JournalService, InvalidOption | JournalError> => {
  if (typeof store !== "string") return Effect.succeed(store)
  if (store === "memory") return Effect.sync(() => memoryJournal())
  const path = store.startsWith("sqlite:") ? store.slice("sqlite:".length) : ""
  if (path === "")
    return Effect.fail(
      new InvalidOption({ option: "store", value: store, allowed: '"memory", "sqlite:path/to/file.db", or a journal' })
    )
  return Effect.tryPromise({
    // the driver is loaded when the first store is opened
    try: async () => (await import("../storage/sqlite/journal.ts")).sqliteJournal({ path }),
    catch: (error) => error as JournalError
  })
}

/** A UUID (version 7) that begins with the time: rows of one time stand together in the store's index. */
export const orderedId = (): string => {
  const random = randomUUID()
  const time = Date.now().toString(16).padStart(12, "0")
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`
}

const complain = (error: unknown): void => console.error("troupe:", error)

/** Whoever is told about defects may have some of its own, now or later: they disturb no run. */
const harmless =
  (tell: (error: unknown) => unknown) =>
  (error: unknown): void => {
    try {
      const told = tell(error)
      if (told instanceof Promise) told.catch(complain)
    } catch (another) {
      complain(another)
    }
  }

const positive = (value: number, option: string): number => {
  if (!(Number.isInteger(value) && value >= 0))
    throw new InvalidOption({ option, value, allowed: "a whole number from 0" })
  return value
}

/** Workflows that were found to be without errors. */
const sound = new WeakSet<object>()
const single = new WeakMap<TaskDef, Workflow>()

/** A task alone is a workflow of one task: the light path for simple queues. */
const asWorkflow = (given: Workflow | TaskDef): Workflow => {
  if (sound.has(given)) return given as Workflow
  if (isWorkflow(given)) {
    const errors = given.problems.filter(({ severity }) => severity === "error")
    if (errors.length > 0) throw new InvalidWorkflow({ workflow: given.name, problems: errors })
    sound.add(given)
    return given
  }
  const before = single.get(given)
  if (before !== undefined) return before
  const work = given.needs.length === 0 ? { task: given.name } : { needs: given.needs }
  const { fallback } = given.options as FailingOptions<any, any>
  const ir: WorkflowIR = deepFreeze({
    ir: 1,
    name: given.name,
    tasks: [
      {
        id: given.name,
        ...work,
        ...workPolicy(given.options, `task '${given.name}'`),
        ...failingFields(given),
        ...(given.undo === undefined ? {} : { undo: undoIR(given.undo) }),
        input: { $: "input" }
      } as TaskIR
    ],
    output: { $: [given.name] }
  })
  const made = makeWorkflow(
    requireValid(ir),
    new Map([
      ...[given, ...fallbackTasks(fallback)].map((def) => [def.name, def] as const),
      ...(given.undo === undefined ? [] : boundUndo(given.undo))
    ]),
    given.in
  )
  single.set(given, made)
  return made
}

const resultOf = <O>(engine: Engine, run: LiveRun): Promise<O> =>
  new Promise((resolve, reject) => {
    let isHeld = true
    const letGo = () => {
      if (isHeld) engine.letGo()
      isHeld = false
    }
    engine.hold()
    // a run that is refused never ends
    run.whenWritten((error) => {
      if (error === undefined) return
      letGo()
      reject(error)
    })
    run.whenEnded((end) => {
      letGo()
      if (!("status" in end)) reject(end)
      else if (end.status === "succeeded") resolve(end.value as O)
      else reject(run.errorOf(end))
    })
  })

class RunHandle<O, G> implements Run<O, G> {
  readonly #engine: Engine
  readonly #recovery: Recovery
  #run: LiveRun
  constructor(engine: Engine, recovery: Recovery, run: LiveRun) {
    this.#engine = engine
    this.#recovery = recovery
    this.#run = run
  }
  get id() {
    return this.#run.id
  }
  async result(): Promise<O> {
    return resultOf<O>(this.#engine, this.#run.isGone ? await this.#end() : this.#run)
  }
  async outcome(): Promise<WorkflowResult<O>> {
    const run = this.#run.isGone ? await this.#end() : this.#run
    const end = await this.#told((resolve) => run.whenEnded(resolve))
    if (!("status" in end)) throw end
    // the run that has ended may be another object than the one that was waited for
    return workflowResult<O>(run.outcome === undefined ? await this.#present() : run, end)
  }
  async status() {
    return stateOf(await this.#present(), this.#engine.now())
  }
  async tasks() {
    return taskStates(await this.#present())
  }
  async report() {
    return taskReport(await this.#present())
  }
  async waits() {
    return waitsOf(await this.#present())
  }
  async history(): Promise<ReadonlyArray<Message>> {
    return (await Effect.runPromise(this.#engine.options.journal.read(this.id))).messages
  }
  pause(cause: Cause = {}) {
    return this.#tell({ type: "run.paused", at: this.#engine.now(), ...said(cause) })
  }
  step(cause: Cause = {}) {
    return this.#tell({ type: "run.stepped", at: this.#engine.now(), ...said(cause) })
  }
  async inject(task: string, fault: InjectedFault, options: InjectOptions = {}) {
    const { engine } = this.#deciding
    const message = injected(engine, await this.#present(), task, fault, options)
    return this.#tell(message)
  }
  resume(cause: Cause = {}) {
    return this.#tell({ type: "run.resumed", at: this.#engine.now(), ...said(cause) })
  }
  cancel({ force = false, ...cause }: CancelOptions = {}) {
    return this.#tell({ type: "run.cancelled", at: this.#engine.now(), force, ...said(cause) })
  }
  answer<const K extends keyof G & string>(gate: K, value: G[K], cause: Cause = {}) {
    return answer(this.#engine, () => this.#present(), gate, value, said(cause))
  }
  reject(gate: keyof G & string, reason: string, cause: Cause = {}) {
    return reject(this.#engine, () => this.#present(), gate, reason, said(cause))
  }
  signal(name: string, value?: unknown, cause: Cause = {}) {
    return signal(this.#engine, () => this.#present(), name, value, said(cause))
  }
  async retry(task?: string, options: DecisionOptions = {}) {
    return retry(this.#deciding, await this.#present(), task, options)
  }
  async skip(task: string, value: Json = null, options: DecisionOptions = {}) {
    return skip(this.#deciding, await this.#present(), task, toJson(value), options)
  }
  async fail(task: string, options: DecisionOptions = {}) {
    return fail(this.#deciding, await this.#present(), task, options)
  }
  async rollback(to: number | string, options: DecisionOptions = {}) {
    return rollback(this.#deciding, await this.#present(), to, options)
  }
  /** Waits for an end; the process does not end before. */
  #told(ask: (told: (end: Outcome | TroupeError) => void) => void): Promise<Outcome | TroupeError> {
    return new Promise((resolve) => {
      this.#engine.hold()
      ask((end) => {
        this.#engine.letGo()
        resolve(end)
      })
    })
  }
  get #deciding() {
    return { engine: this.#engine, recovery: this.#recovery }
  }
  /** The run in memory, which it may have left while it waited, or after its end: then somebody may have decided about it anew. */
  async #present(): Promise<LiveRun> {
    const known = this.#run
    if (!known.isGone) return known
    const found = await Effect.runPromise(Effect.result(this.#recovery.load(this.id)))
    if (Result.isSuccess(found)) this.#run = found.success
    else if (known.outcome === undefined || !isForgotten(found.failure)) throw found.failure
    return this.#run
  }
  /** The run once it has ended; it sleeps on meanwhile. */
  async #end(): Promise<LiveRun> {
    const dormant = this.#engine.dormant.get(this.id)
    if (dormant === undefined) return this.#present()
    const end = await this.#told((resolve) => dormant.waiting.push(resolve))
    if (!("status" in end)) throw end
    return this.#present()
  }
  /** Resolves once the message is written and delivered. */
  async #tell(message: Message): Promise<boolean> {
    let run = await this.#present()
    // it may leave again before we come to speak to it
    while (run.isGone && run.outcome === undefined) run = await this.#present()
    if (run.outcome !== undefined) return false
    return new Promise((resolve, reject) => {
      this.#engine.tell(run, message, (error) => (error === undefined ? resolve(true) : reject(error)))
    })
  }
}

/** Whether a run that has ended cannot be asked for any more: what is known of its end stays true. */
const isForgotten = ({ _tag }: TroupeError): boolean => _tag === "RunNotFound" || _tag === "OrchestratorClosed"

const workflowResult = <O>(run: LiveRun, outcome: Outcome): WorkflowResult<O> => ({
  run: run.id,
  status: outcome.status,
  output: outcome.status === "succeeded" ? (outcome.value as O) : undefined,
  failedTask: outcome.status === "failed" ? outcome.task : undefined,
  error: outcome.status === "succeeded" ? undefined : run.errorOf(outcome),
  degraded: run.room.degraded,
  results: taskResults(run)
})
