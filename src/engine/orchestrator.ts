/** The Promise face: open an orchestrator, submit workflows, watch and steer runs. */
import { randomUUID } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Inspect } from "../actors/create.ts"
import { type Balance, balances, type Registry } from "../model/agents.ts"
import { compileWorkflow } from "../model/compile.ts"
import { InvalidOption, InvalidWorkflow, type TroupeError } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import type { TaskIR, WorkflowIR } from "../model/ir.ts"
import { deepFreeze, type Json, toJson } from "../model/json.ts"
import type { Cause, Message, Outcome, RunStatus, TaskStatus } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { standardCheck } from "../model/schemas.ts"
import { type TaskDef, workPolicy } from "../model/task.ts"
import { isWorkflow, makeWorkflow, type Workflow } from "../model/workflow.ts"
import type { JournalService } from "../storage/journal.ts"
import { memoryJournal } from "../storage/memory.ts"
import type { Allow } from "./builtin.ts"
import { Engine, type EngineOptions } from "./engine.ts"
import { type RunState, stateOf, type TaskResult, taskReport, taskResults, taskStates } from "./progress.ts"
import { type Agent, type AgentMessage, mailboxCapacity } from "./router.ts"
import type { LiveRun } from "./run.ts"
import { keepSpecimens } from "./specimens.ts"

export interface OrchestratorOptions {
  /** Where runs are written: `"memory"` (default), or a journal. */
  readonly store?: "memory" | JournalService
  /** Who does the tasks that have `needs`. */
  readonly agents?: ReadonlyArray<Agent>
  /** How an agent is chosen among those that can; default `least-loaded`. */
  readonly balance?: Balance
  /** Watches every actor of every run: an ordinary XState inspection observer. */
  readonly inspect?: Inspect
  /** Built-in kinds that reach outside (`shell`, `http`, `module`); none by default. */
  readonly allow?: Allow
  /** Most unfinished runs; default 100,000. One more is refused with `LimitExceeded`. */
  readonly runsMax?: number
  /** Finished runs that can still be asked about; default 1,000. */
  readonly retainRuns?: number
  /** Messages of finished runs that are kept; default 100,000. The oldest runs go first. */
  readonly retainMessages?: number
  /** Most messages that wait for one agent; default 1,000. */
  readonly mailboxMax?: number
  /** Divides the length of all waits (`sleep`, pauses of loops), for rehearsals; default 1. */
  readonly timeScale?: number
  /** How long a cancelled attempt may take to end by itself, in milliseconds; default 5,000. */
  readonly graceMs?: number
  /** Told about errors that no caller can be told about: an observer that throws, a defect. Default: a line on stderr. */
  readonly onDefect?: (error: unknown) => void
}

export interface SubmitOptions {
  /** Names the run; the same id with the same workflow and input is the same run. A UUID when absent. */
  readonly id?: string
}

/** What a run came to, without throwing. */
export interface WorkflowResult<O = Json> {
  readonly run: string
  readonly status: "succeeded" | "failed" | "cancelled"
  readonly output: O | undefined
  /** Path of the task that failed first. */
  readonly failedTask: string | undefined
  readonly error: TroupeError | undefined
  /** Results of the tasks that were done, by id. */
  readonly results: { readonly [task: string]: Json }
}

/** One execution of a workflow. */
export interface Run<O = any> {
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
  /** All that happened to it so far, in order. */
  history(): Promise<ReadonlyArray<Message>>
  /** From when it resolves, no attempt begins until `resume`; those that are out may finish. False for a run that is over. */
  pause(cause?: Cause): Promise<boolean>
  /** Goes on; true also when it was not paused. False for a run that is over. */
  resume(cause?: Cause): Promise<boolean>
  /** From when it resolves, no attempt begins any more; running ones get their signal and a grace period, or none with `force`. False for a run that is over. */
  cancel(options?: CancelOptions): Promise<boolean>
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

/** Takes workflows and brings them to their end, in this process. */
export class Orchestrator implements AsyncDisposable {
  readonly #engine: Engine

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine
  }

  /**
   * Opens an orchestrator. Use `await using`, or call `close()`.
   *
   * ```ts check
   * (await Orchestrator.open()).live // => 0
   * ```
   */
  static async open(options: OrchestratorOptions = {}): Promise<Orchestrator> {
    return new Orchestrator(openEngine(options, Context.empty()))
  }

  /** Runs that have not ended. */
  get live(): number {
    return this.#engine.live
  }

  /** Agents by id, with capabilities and load. */
  get agents(): Registry {
    return this.#engine.router.agents
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
  async submit<I, O>(
    workflow: Workflow<I, O> | TaskDef<any, I, O>,
    input: I,
    options: SubmitOptions = {}
  ): Promise<Run<O>> {
    return new RunHandle<O>(this.#engine, await written(await this.#submit(workflow, input, options)))
  }

  /** Submits and waits for the result; rejects with `RunFailed` or `RunCancelled`. */
  async execute<I, O>(
    workflow: Workflow<I, O> | TaskDef<any, I, O>,
    input: I,
    options: SubmitOptions = {}
  ): Promise<O> {
    const run = this.#submit(workflow, input, options)
    return resultOf<O>(run instanceof Promise ? await run : run)
  }

  /** Runs by id; rejects with `RunNotFound`. */
  async get<O = any>(id: string): Promise<Run<O>> {
    return new RunHandle<O>(this.#engine, this.#engine.find(requireId("run", id)))
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

  /** Runs, newest first, in pages. */
  async list({
    status,
    workflow,
    limit = 100,
    cursor
  }: ListOptions = {}): Promise<{ readonly runs: ReadonlyArray<RunState>; readonly cursor: string | undefined }> {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
      throw new InvalidOption({ option: "limit", value: limit, allowed: "a whole number from 1 to 1,000" })
    const now = this.#engine.now()
    const all = [...this.#engine.runs.values()].reverse()
    const start = cursor === undefined ? 0 : all.findIndex(({ id }) => id === cursor) + 1
    if (cursor !== undefined && start === 0)
      throw new InvalidOption({
        option: "cursor",
        value: cursor,
        allowed: "the cursor of the page before; it has been removed by retention"
      })
    const runs: Array<RunState> = []
    for (let i = start; i < all.length; i++) {
      const run = all[i]!
      if (workflow !== undefined && run.workflow.name !== workflow) continue
      const state = stateOf(run, now)
      if (status !== undefined && state.status !== status) continue
      runs.push(state)
      if (runs.length === limit) return { runs, cursor: i + 1 < all.length ? run.id : undefined }
    }
    return { runs, cursor: undefined }
  }

  /**
   * Closes: attempts are aborted, and no fiber, timer or actor stays. With `drain` it takes no new runs and waits until the present ones have ended.
   */
  async close({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
    if (drain)
      await Promise.all([...this.#engine.runs.values()].map((run) => new Promise((resolve) => run.whenEnded(resolve))))
    this.#engine.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Hands a run to the engine, with its input checked; a check that must wait is waited for. */
  #submit(given: Workflow | TaskDef, input: unknown, { id }: SubmitOptions): LiveRun | Promise<LiveRun> {
    const workflow = asWorkflow(given)
    const check = standardCheck(workflow.input, `the input of workflow '${workflow.name}'`)
    const checked = check === undefined ? input : check(input)
    return checked instanceof Promise
      ? checked.then((value) => this.#accept(workflow, value, id))
      : this.#accept(workflow, checked, id)
  }

  #accept(workflow: Workflow, value: unknown, id: string | undefined): LiveRun {
    const input = toJson(value)
    compileWorkflow(definition(workflow.ir)).checkInput?.(input)
    return this.#engine.submit(workflow, id === undefined ? this.#engine.options.newId() : requireId("run", id), input)
  }
}

const written = (run: LiveRun): Promise<LiveRun> =>
  new Promise((resolve, reject) => run.whenWritten((error) => (error === undefined ? resolve(run) : reject(error))))

/** Opens an engine with every setting decided; both faces stand on it. */
export const openEngine = (options: OrchestratorOptions, context: Context.Context<never>): Engine => {
  const { balance = "least-loaded", store = "memory" } = options
  if (!balances.includes(balance))
    throw new InvalidOption({ option: "balance", value: balance, allowed: balances.join(", ") })
  if (typeof store === "string" && store !== "memory")
    throw new InvalidOption({ option: "store", value: store, allowed: '"memory", or a journal' })
  const settings: EngineOptions = {
    journal: typeof store === "string" ? memoryJournal() : store,
    context,
    inspect: options.inspect,
    balance,
    allow: options.allow ?? {},
    runsMax: positive(options.runsMax ?? 100_000, "runsMax"),
    retainRuns: positive(options.retainRuns ?? 1_000, "retainRuns"),
    retainMessages: positive(options.retainMessages ?? 100_000, "retainMessages"),
    mailboxMax: positive(options.mailboxMax ?? mailboxCapacity, "mailboxMax"),
    graceMs: positive(options.graceMs ?? 5_000, "graceMs"),
    timeScale: options.timeScale ?? 1,
    newId: randomUUID,
    onDefect: options.onDefect ?? ((error) => console.error("troupe:", error))
  }
  keepSpecimens()
  const engine = new Engine(settings)
  for (const agent of options.agents ?? []) engine.router.join(agent)
  return engine
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
  const ir: WorkflowIR = deepFreeze({
    ir: 1,
    name: given.name,
    tasks: [
      { id: given.name, ...work, ...workPolicy(given.options, `task '${given.name}'`), input: { $: "input" } } as TaskIR
    ],
    output: { $: [given.name] }
  })
  const made = makeWorkflow(ir, new Map([[given.name, given]]), given.in)
  single.set(given, made)
  return made
}

const resultOf = <O>(run: LiveRun): Promise<O> =>
  new Promise((resolve, reject) => {
    // a run that is refused never ends
    run.whenWritten((error) => error !== undefined && reject(error))
    run.whenEnded((end) => {
      if (!("status" in end)) reject(end)
      else if (end.status === "succeeded") resolve(end.value as O)
      else reject(run.errorOf(end))
    })
  })

class RunHandle<O> implements Run<O> {
  readonly #engine: Engine
  readonly #run: LiveRun
  constructor(engine: Engine, run: LiveRun) {
    this.#engine = engine
    this.#run = run
  }
  get id() {
    return this.#run.id
  }
  result(): Promise<O> {
    return resultOf<O>(this.#run)
  }
  outcome(): Promise<WorkflowResult<O>> {
    const run = this.#run
    return new Promise((resolve, reject) => {
      run.whenEnded((end) => ("status" in end ? resolve(workflowResult<O>(run, end)) : reject(end)))
    })
  }
  async status() {
    return stateOf(this.#run, this.#engine.now())
  }
  async tasks() {
    return taskStates(this.#run)
  }
  async report() {
    return taskReport(this.#run)
  }
  history(): Promise<ReadonlyArray<Message>> {
    return Effect.runPromise(this.#engine.options.journal.read(this.#run.id))
  }
  pause(cause: Cause = {}) {
    return this.#tell({ type: "run.paused", at: this.#engine.now(), ...said(cause) })
  }
  resume(cause: Cause = {}) {
    return this.#tell({ type: "run.resumed", at: this.#engine.now(), ...said(cause) })
  }
  cancel({ force = false, ...cause }: CancelOptions = {}) {
    return this.#tell({ type: "run.cancelled", at: this.#engine.now(), force, ...said(cause) })
  }
  /** Resolves once the message is written and delivered. */
  #tell(message: Message): Promise<boolean> {
    const run = this.#run
    if (run.outcome !== undefined) return Promise.resolve(false)
    return new Promise((resolve, reject) => {
      this.#engine.tell(run, message, (error) => (error === undefined ? resolve(true) : reject(error)))
    })
  }
}

const said = ({ who, why }: Cause): Cause => ({
  ...(who === undefined ? {} : { who }),
  ...(why === undefined ? {} : { why })
})

const workflowResult = <O>(run: LiveRun, outcome: Outcome): WorkflowResult<O> => ({
  run: run.id,
  status: outcome.status,
  output: outcome.status === "succeeded" ? (outcome.value as O) : undefined,
  failedTask: outcome.status === "failed" ? outcome.task : undefined,
  error: outcome.status === "succeeded" ? undefined : run.errorOf(outcome),
  results: taskResults(run)
})
