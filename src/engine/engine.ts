/**
 * The walk: a message is written (writer.ts), delivered, and what the machines ask for is performed. Nothing is performed
 * before the message that caused it is written. Runs that come back from the journal take the same walk (recovery.ts).
 * Decides no lifecycle question: that is what the machines are for.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type { AnyActorRef } from "xstate"
import { createRoot, type Inspect, isWatched } from "../actors/create.ts"
import { WorkflowDirector, withDefaults } from "../actors/directors.ts"
import { registryLogic } from "../actors/registry.ts"
import { type Command, GatePlace, Place, Room } from "../actors/room.ts"
import { decideUndo, noteAttempt, noteTimer, undoFailureOf } from "../actors/saga.ts"
import { type ScopeInput, scopeLogic } from "../actors/scope.ts"
import { supervisor } from "../actors/supervisor.ts"
import { compile } from "../machines/compile.ts"
import { orchestratorMachine } from "../machines/orchestrator.ts"
import type { Balance } from "../model/agents.ts"
import { Board } from "../model/board.ts"
import type { BulkheadRule } from "../model/bulkhead.ts"
import { compileWorkflow } from "../model/compile.ts"
import {
  CompensationFailed,
  IdempotencyMismatch,
  JournalDiverged,
  LimitExceeded,
  OrchestratorClosed,
  RunNotFound,
  RunPoisoned,
  TaskTimedOut,
  TroupeError,
  toFailure,
  VersionUnavailable
} from "../model/errors.ts"
import { canonical, type Json } from "../model/json.ts"
import type { Message, Outcome } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import type { RateRule } from "../model/rate.ts"
import type { Workflow } from "../model/workflow.ts"
import { JournalCorrupt, type JournalError } from "../storage/errors.ts"
import type { Claim, History, JournalService, Snapshot } from "../storage/journal.ts"
import { Admission } from "./admission.ts"
import { counted } from "./amend.ts"
import { lateOf, messageOf, withinOf } from "./answers.ts"
import { type Attempt, type AttemptEnd, Attempts, doneAt } from "./attempts.ts"
import { later } from "./background.ts"
import { type BreakerPolicies, Breakers } from "./breakers.ts"
import type { Allow } from "./builtin.ts"
import { Bulkheads } from "./bulkheads.ts"
import { Dormants } from "./dormant.ts"
import { deliverSaying, isSaying } from "./gates.ts"
import { Library } from "./library.ts"
import { Owed } from "./owed.ts"
import { isStray, noteEnd, type Past, type Rehearsal, type Strays, withMessage } from "./past.ts"
import { noteOf } from "./progress.ts"
import { Rates } from "./rates.ts"
import { RetryBudgets, type retryBudgets } from "./retry-budget.ts"
import { Router } from "./router.ts"
import { LiveRun, noTimers } from "./run.ts"
import type { Schedules } from "./schedules.ts"
import { Shelf } from "./shelf.ts"
import { Snapshots } from "./snapshots.ts"
import { monotonic, type Timer, Timers } from "./timers.ts"
import { Verdicts } from "./verdicts.ts"
import { Delivery, Writer } from "./writer.ts"

export interface EngineOptions {
  readonly journal: JournalService
  readonly claim: Claim
  /** Nothing is performed: runs are looked at, and what people ask for is written down. */
  readonly isIdle?: boolean
  /** Whether people may make tasks go wrong on purpose. */
  readonly hasFaults?: boolean
  /** Services that everything runs with: clock, scheduler, randomness, and those that task code asks for. */
  readonly context: Context.Context<never>
  readonly inspect?: Inspect | undefined
  readonly balance: Balance
  readonly allow: Allow
  /** Most runs at the same time. */
  readonly runsMax: number
  /** Finished runs that are remembered. */
  readonly retainRuns: number
  /** Messages of finished runs that are remembered. */
  readonly retainMessages: number
  readonly mailboxMax: number
  /** How many calls are made at once, and in a time, by name. */
  readonly bulkheads?: ReadonlyMap<string, BulkheadRule>
  readonly rates?: ReadonlyMap<string, RateRule>
  /** Policies of breakers, by name. */
  readonly breakers?: BreakerPolicies
  /** Nothing limits calls and no breaker is asked: everything passes. */
  readonly isUnguarded?: boolean
  /** How many retries there may be, by capability, or by name of the code. */
  readonly retryBudgets?: ReturnType<typeof retryBudgets>
  readonly graceMs: number
  /** Messages between two snapshots of a run, at least. */
  readonly snapshotEvery: number
  /** Messages that compaction leaves of those that a snapshot covers; undefined keeps all. */
  readonly keepMessages?: number | undefined
  /** Divides the length of waits. */
  readonly timeScale: number
  /** Names runs that were given no id. */
  readonly newId: () => string
  /** Brings a run into memory whose time has come. */
  readonly onDue: (run: string) => void
  /** Writes that a run goes back whose effects are undone, or that it begins anew what has failed. */
  readonly onRewound?: (run: LiveRun) => Effect.Effect<boolean, unknown>
  /** Brings a run into memory that something has come for, if it is still there. */
  readonly onCalled?: (run: string, use: (run: LiveRun) => void) => void
  /** Told about defects that no caller can be told about. */
  readonly onDefect: (error: unknown) => void
}

/** What whoever limits calls is given. */
export interface Life {
  /** On the clock that never jumps. */
  readonly timers: Timers
  readonly monotonic: () => number
  readonly now: () => number
  readonly claim: Claim
}

const nothing: ReadonlyArray<string> = []

/** Kept for its hidden class; it belongs to the specimens (specimens.ts), which come first in every process. */
const firstDelivery: Array<Delivery> = []

export class Engine {
  readonly options: EngineOptions
  readonly timers: Timers
  /** What guards the calls of this process. */
  readonly #guards: Timers
  readonly router: Router
  readonly bulkheads: Bulkheads
  readonly rates: Rates
  readonly admission: Admission
  readonly breakers: Breakers
  readonly attempts: Attempts
  readonly root: AnyActorRef
  readonly runs = new Map<string, LiveRun>()
  readonly #clock: Clock.Clock
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Unfinished runs that are not in memory. */
  readonly dormant: Dormants
  /** Whose runs begin by the clock; set before anything goes on. */
  schedules: Schedules | undefined = undefined
  /** Told about every run that ends. */
  onRunEnded: (() => void) | undefined = undefined
  readonly #finished: Array<LiveRun> = []
  readonly library = new Library()
  readonly writer: Writer
  readonly snapshots: Snapshots
  readonly #verdicts: Verdicts
  /** Messages delivered so far: whoever looks on sees that something has happened. */
  deliveries = 0
  readonly #told: Told = { at: 0, seq: 0, epoch: 0 }
  #isClosed = false
  #waiting = 0
  #alive: NodeJS.Timeout | undefined = undefined
  #live = 0
  #finishedMessages = 0

  constructor(options: EngineOptions) {
    this.options = options
    this.#clock = Context.get(options.context, Clock.Clock)
    const fork = Effect.runForkWith(options.context)
    this.fork = (effect) => void fork(effect)
    this.timers = new Timers(this.now, options.context)
    const ticks = monotonic(this.#clock)
    this.#guards = new Timers(ticks, options.context)
    this.#verdicts = new Verdicts(new RetryBudgets(options.retryBudgets ?? new Map(), ticks), options.onDefect)
    this.dormant = new Dormants(this.timers, options.onDue)
    this.root = createRoot(
      supervisor({
        children: [{ id: registryId, logic: registryLogic, src: "registry", onError: "resume" }],
        onError: "stop",
        now: this.now,
        onGone: ({ id, error, by }) => by === "error" && this.#crashed(id, error),
        chart: { chart: compile(orchestratorMachine), emit: () => {} }
      }),
      { id: "orchestrator", inspect: options.inspect, onInspectError: options.onDefect }
    )
    this.root.subscribe({ error: options.onDefect })
    this.root.start()
    const registry = this.root.getSnapshot().child(registryId)
    this.router = new Router({
      registry,
      timers: this.timers,
      now: this.now,
      balance: options.balance,
      bound: options.mailboxMax,
      epoch: options.claim.epoch
    })
    const life = { timers: this.#guards, monotonic: ticks, now: this.now, claim: options.claim }
    this.bulkheads = new Bulkheads(options.bulkheads ?? new Map(), life)
    this.rates = new Rates(options.rates ?? new Map(), life)
    this.breakers = new Breakers({
      policies: options.breakers ?? {},
      root: this.root,
      journal: options.journal,
      epoch: options.claim.epoch,
      now: this.now,
      fork: this.fork,
      lost: (error) => this.#lost(error)
    })
    // in the order in which they are passed
    this.admission = new Admission(options.isUnguarded === true ? [] : [this.bulkheads, this.rates, this.breakers])
    this.attempts = new Attempts({
      context: options.context,
      guards: this.#guards,
      monotonic: ticks,
      now: this.now,
      router: this.router,
      admission: this.admission,
      allow: options.allow,
      graceMs: options.graceMs,
      epoch: options.claim.epoch,
      cached: options.journal.cached,
      ended: (attempt, end) => this.#attemptEnded(attempt, end),
      late: (attempt, end) => this.#attemptLate(attempt, end)
    })
    this.#told.epoch = options.claim.epoch
    this.snapshots = new Snapshots({
      journal: options.journal,
      epoch: options.claim.epoch,
      every: options.snapshotEvery,
      keepMessages: options.keepMessages,
      fork: this.fork,
      root: this.root
    })
    this.writer = new Writer({
      journal: options.journal,
      // what is only written down says so: nobody has begun with what follows from it
      epoch: options.isIdle === true ? -options.claim.epoch : options.claim.epoch,
      fork: this.fork,
      written: (batch) => this.#deliverAll(batch),
      refused: (delivery, error) => this.#refused(delivery, error),
      isAsleep: (run) => this.dormant.has(run),
      noteOf,
      lost: (error) => this.#lost(error),
      onDefect: options.onDefect
    })
  }

  readonly now = (): number => this.#clock.currentTimeMillisUnsafe()

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Runs that have not ended, in memory or not. */
  get live(): number {
    return this.#live + this.dormant.size
  }

  /** Whether a run has ended and nothing is on its way to it. */
  isAtRest(id: string): boolean {
    if (this.schedules?.holds(id) === true) return false
    const run = this.runs.get(id)
    return run === undefined ? !this.dormant.has(id) : run.outcome !== undefined && run.pending === 0
  }

  /** Runs that have ended are not in the journal any more: their ids are free. */
  forgetEnded(ids: ReadonlyArray<string>): void {
    for (const id of ids) if (this.runs.get(id)?.outcome !== undefined) this.runs.delete(id)
  }

  /** A run that is in memory; throws `RunNotFound`. */
  find(id: string): LiveRun {
    const run = this.runs.get(id)
    if (run === undefined) throw new RunNotFound({ run: id })
    return run
  }

  /**
   * Submits a run; `run.whenWritten` tells when it is as durable as the journal makes it. `before` is the run that had this id
   * before: with the same workflow and input it is the same run; with others it throws `IdempotencyMismatch`. With code that is
   * `missing` here the run is written and parked until that is known.
   */
  submit(
    workflow: Workflow,
    id: string,
    input: Json,
    before = this.runs.get(id),
    missing: ReadonlyArray<string> = nothing,
    scheduledAt?: number
  ): LiveRun {
    if (this.#isClosed) throw new OrchestratorClosed()
    if (before !== undefined) {
      if (!isSame(before, workflow, input)) throw new IdempotencyMismatch({ run: id })
      // it may have come back from the journal before its code was known
      if (this.options.journal.isDurable) this.register(workflow)
      return before
    }
    const delivery = this.begin(workflow, id, input, missing, scheduledAt)
    this.writer.offer(delivery)
    return delivery.live
  }

  /** A run that is about to be written, with its first message; its id is taken from now on. */
  begin(
    workflow: Workflow,
    id: string,
    input: Json,
    missing: ReadonlyArray<string> = nothing,
    scheduledAt?: number
  ): Delivery {
    if (this.#isClosed) throw new OrchestratorClosed()
    if (this.live >= this.options.runsMax)
      throw new LimitExceeded({
        limit: "runs",
        allowed: this.options.runsMax,
        actual: this.live + 1,
        unit: "unfinished runs"
      })
    const { isDurable } = this.options.journal
    const at = this.now()
    const run = this.#make(id, workflow, input, at)
    if (missing.length > 0) {
      run.parked = new VersionUnavailable({ run: id, workflow: workflow.name, hash: workflow.hash, missing })
      run.owed = new Owed()
      this.writer.note(run)
    } else if (isDurable) this.register(workflow)
    this.#adopt(run)
    const { version } = workflow.ir
    const message: Message = {
      type: "run.submitted",
      at,
      workflow: workflow.name,
      ...(version === undefined ? {} : { version }),
      ...(isDurable ? { hash: workflow.hash } : {}),
      input,
      ...(scheduledAt === undefined || scheduledAt <= at ? {} : { scheduledAt })
    }
    return new Delivery(run, message, undefined, (error) => run.written(error))
  }

  /** What came of runs that were begun and written by somebody else than the writer: they go on, or never were. */
  begun(batch: ReadonlyArray<Delivery>, error?: TroupeError): void {
    if (this.#isClosed) return
    for (const delivery of batch) {
      delivery.live.pending++
      if (error !== undefined) this.#refused(delivery, error)
    }
    if (error === undefined) this.#deliverAll(batch)
  }

  /** Makes a workflow known, and lets runs go on that waited for its code. */
  register(workflow: Workflow): void {
    if (!this.library.add(workflow)) return
    for (const run of this.runs.values()) {
      if ((run.parked as { _tag?: string } | undefined)?._tag !== "VersionUnavailable") continue
      const { workflow: bound, missing } = this.library.bind(run.workflow.hash, run.workflow.ir)
      if (missing.length > 0) continue
      run.workflow = bound
      run.parked = undefined
      this.sayItGoesOn(run, () => this.performOwed(run))
    }
  }

  /**
   * A run that could not go on goes on. That is written before anything of it begins, however often that takes: if it kills the
   * process, whoever opens the journal next must know that it was at work.
   */
  sayItGoesOn(run: LiveRun, begin: () => void): void {
    const written = Effect.suspend(() => {
      this.writer.note(run)
      return this.#isClosed ? Effect.void : this.writer.flush()
    })
    const again = Effect.retry(written, { schedule: Schedule.spaced(againMs), while: () => !this.#isClosed })
    this.fork(Effect.ignore(Effect.andThen(again, Effect.sync(begin))))
  }

  /** Somebody waits for a run to end: the process goes on for it, also while nothing is at work. */
  hold(): void {
    if (this.#waiting++ === 0) this.#alive = setInterval(() => {}, 3_600_000)
  }

  /** One of those who waited does so no more. */
  letGo(): void {
    if (--this.#waiting === 0) clearInterval(this.#alive)
  }

  /** Sends a message of an operator to a run; `done` hears when it is written and delivered. */
  tell(run: LiveRun, message: Message, done: (error?: TroupeError) => void): void {
    if (this.#isClosed) return done(new OrchestratorClosed())
    const delivery = new Delivery(run, message, undefined, done)
    // the note goes with the message: whoever opens the journal next must find the run among those that go on
    if (message.type === "run.resumed" && run.parked instanceof RunPoisoned)
      delivery.note = { ...noteOf(run), status: "running" }
    this.writer.offer(delivery)
  }

  /**
   * Ends everything: no attempt, timer, actor or handle stays. Where runs outlive the process they go on when the journal is
   * opened again. The effect gives the journal back.
   */
  close(): Effect.Effect<void, JournalError> {
    if (this.#isClosed) return Effect.void
    return Effect.suspend(() => {
      const closing = this.#isClosed
        ? Effect.void
        : Effect.ignore(this.breakers.close()).pipe(
            Effect.andThen(Effect.ignore(this.schedules?.close() ?? Effect.void)),
            Effect.andThen(this.writer.close())
          )
      this.#end(new OrchestratorClosed())
      return closing
    })
  }

  /** As if the process had been killed: nothing more is written, and nobody is told anything but `OrchestratorClosed`. */
  abandon(): void {
    if (this.#isClosed) return
    const error = new OrchestratorClosed()
    this.writer.abandon(error)
    this.#end(error)
  }

  /** Somebody who writes for himself has found that the journal is somebody else's. */
  lost(error: TroupeError): void {
    this.#lost(error)
  }

  /** The journal is somebody else's: nothing of ours stays on it, no connection and no sign of life. */
  #lost(error: TroupeError): void {
    const { journal, claim, onDefect } = this.options
    onDefect(error)
    this.writer.abandon(error)
    this.#end(error)
    this.fork(Effect.ignore(journal.close(claim.epoch)))
  }

  #end(error: TroupeError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.breakers.abandon()
    this.schedules?.abandon()
    for (const run of this.runs.values()) this.#release(run, error)
    this.root.send({ type: "close" })
    this.root.stop()
    this.timers.close()
    this.#guards.close()
    for (const run of this.runs.values()) if (run.outcome === undefined) run.abandon(error)
    for (const { waiting } of this.dormant.values()) for (const told of waiting) told(error)
  }

  // ── the walk ─────────────────────────────────────────────────────────────────────────────────────

  #make(id: string, workflow: Workflow, input: Json, at: number): LiveRun {
    const compiled = compileWorkflow(definition(workflow.ir))
    const { bulkheads, rates, breakers } = compiled.policies
    if (bulkheads !== undefined) this.bulkheads.declare(bulkheads)
    if (rates !== undefined) this.rates.declare(rates)
    if (breakers !== undefined) this.breakers.declare(breakers)
    const room = new Room(id, compiled.concurrency, this.options.timeScale)
    room.recovery = compiled.ir.config?.recovery
    const run = new LiveRun(id, workflow, compiled, input, at, room)
    run.snapshotAt = this.options.snapshotEvery
    room.owner = run
    if (this.options.isIdle === true) run.owed = new Owed()
    return run
  }

  #adopt(run: LiveRun): void {
    this.runs.set(run.id, run)
    this.#live++
  }

  #deliverAll(batch: ReadonlyArray<Delivery>): void {
    this.deliveries += batch.length
    if (firstDelivery.length === 0 && batch.length > 0) firstDelivery.push(batch[0]!)
    for (const delivery of batch) {
      const { live, message, place, seq, decision } = delivery
      try {
        live.pending--
        live.delivered = seq + 1
        this.#told.at = message.at
        this.#told.seq = seq
        let tooLate: TroupeError | undefined
        if (decision === undefined) tooLate = this.#deliver(live, message, place)
        else this.#rebuild(live, message, decision.past)
        delivery.done?.(tooLate)
      } catch (error) {
        // a defect of ours: it ends this run and no other
        this.options.onDefect(error)
        this.#crashed(delivery.run, error)
      }
    }
  }

  /** It was not written: who waits is told, an attempt whose end could not be recorded ends its run. */
  #refused({ live, message, done }: Delivery, error: TroupeError): void {
    if (message.type === "run.submitted") this.#unsubmit(live)
    if (done !== undefined) done(error)
    else this.#crashed(live.id, error)
  }

  /** A run that could not be written never was: its id is free again. */
  #unsubmit(run: LiveRun): void {
    this.runs.delete(run.id)
    this.#live--
  }

  /** Gives why a message came too late to mean anything, where whoever sent it should know. */
  #deliver(run: LiveRun, message: Message, given: Place | undefined): TroupeError | undefined {
    const { room } = run
    let tooLate: TroupeError | undefined
    room.now = message.at
    room.seq = this.#told.seq
    run.updatedAt = message.at
    // it was on its way when the run ended: it stays in the history and changes nothing
    if (run.outcome !== undefined) {
      this.#trim()
      return isSaying(message) ? deliverSaying(run, message) : undefined
    }
    // whoever is owed something has no other address than a path
    const place = run.owed === undefined ? given : this.#placeOf(run, run.owed, message)
    switch (message.type) {
      case "run.submitted":
        this.#open(run, message.scheduledAt)
        break
      case "timer.fired":
        place!.dueAt = 0
        place!.firedAt = 0
        noteTimer(place!, () => place!.actor?.send(message))
        break
      case "attempt.succeeded":
      case "attempt.failed":
      case "attempt.aborted":
        // one that a person has given a result hears no more
        if (place!.actor?.getSnapshot().status !== "active") break
        noteAttempt(place!, message)
        place!.actor.send(message)
        break
      case "gate.answered":
      case "gate.rejected":
      case "signal.received":
        if (run.ends !== undefined && message.type !== "signal.received" && room.gateAt(message.task) !== undefined)
          run.heard.add(this.#told.seq)
        tooLate = deliverSaying(run, message)
        break
      case "run.paused":
        room.root?.send({ type: "pause" })
        if (!run.isFolding) this.writer.note(run)
        break
      case "run.resumed":
        room.root?.send({ type: "resume" })
        this.#startHeld(run)
        if (!run.isFolding) this.router.resume()
        if (!run.isFolding) this.admission.resume()
        if (!run.isFolding) this.writer.note(run)
        break
      case "run.stepped":
        room.step()
        break
      case "fault.injected":
        room.plant(message)
        break
      case "run.rewinding":
        room.root?.send({ type: "rewind", to: message.to })
        break
      case "run.cancelled":
        room.root?.send({ type: "cancel", reason: message.why ?? "", force: message.force })
    }
    if (run.ends !== undefined) noteEnd(run.ends, message, place, this.#told.seq)
    this.#rest(run)
    if (run.isFolding) return tooLate
    // a message of its own speaks for a suspect
    if (run.isSuspect) this.release(run)
    if (message.type === "run.resumed" && run.parked instanceof RunPoisoned) {
      run.parked = undefined
      this.writer.note(run)
      this.performOwed(run)
    }
    return tooLate
  }

  /** Lets a run go on that was held back because the process died while it was at work. */
  release(run: LiveRun): void {
    run.isSuspect = false
    this.#startHeld(run)
  }

  /** Once a message is delivered: what now starts, what is to be done, whether the run has ended or only waits. */
  #rest(run: LiveRun): void {
    const { room } = run
    room.admit()
    this.#perform(run)
    if (room.outcome !== undefined && run.outcome === undefined) this.#finish(run, room.outcome)
    else if (run.outcome === undefined) {
      if (room.knownLedger !== undefined) this.#lookAtUndo(run)
      if (room.rewound !== undefined) this.#goBack(run)
      // what is on its way may be meant for somebody who is not in a snapshot any more
      if (
        this.#told.seq >= run.snapshotAt &&
        !run.isFolding &&
        run.pending === 0 &&
        !room.isGoingBack &&
        room.faults === undefined
      )
        this.snapshots.keep(run, this.#told.seq + 1)
      if (run.timers !== noTimers || room.hasOpenGates) this.mayLeave(run)
    }
    run.calmDown()
  }

  /** What was done since is undone: that it goes back is written, as a decision is. */
  #goBack(run: LiveRun): void {
    const { onRewound } = this.options
    if (run.isFolding || run.isRehearsal || run.owed !== undefined || run.isGoingBack) return
    if (onRewound === undefined) return
    run.isGoingBack = true
    const isStill = () => !this.#isClosed && run.room.rewound !== undefined && this.runs.get(run.id) === run
    // what cannot be written now is tried again; somebody may have cancelled it meanwhile
    const again = Effect.sync(() => {
      run.isGoingBack = false
      if (isStill()) later(this, againMs, () => isStill() && this.#goBack(run))
    })
    this.fork(Effect.ensuring(Effect.ignore(onRewound(run)), again))
  }

  /** An undo has failed for good: whoever waits for the run is told, and somebody has to decide. */
  #lookAtUndo(run: LiveRun): void {
    const failed = undoFailureOf(run.room)
    if (failed === undefined) run.stuck = undefined
    else if (run.stuck === undefined) {
      run.stuck = new CompensationFailed({ run: run.id, ...failed, left: run.room.ledger.left })
      if (run.isFolding || run.isRehearsal) return
      this.writer.note(run)
      run.tellStuck()
    }
  }

  #open(run: LiveRun, startsAt: number | undefined): void {
    run.scheduledAt = startsAt
    const { room, compiled } = run
    const board = new Board(compiled, withDefaults(compiled, run.input))
    const place = new Place(room, "", undefined, board)
    const { timeoutMs } = compiled.ir.config ?? {}
    const input: ScopeInput = {
      place,
      facts: {
        task: "",
        onFailure: compiled.onFailure,
        dueAt: timeoutMs === undefined || startsAt !== undefined ? undefined : room.now + timeoutMs,
        ...(startsAt === undefined ? {} : { startsAt, withinMs: timeoutMs })
      },
      director: new WorkflowDirector(board)
    }
    room.board = board
    this.root.send({ type: "supervisor.spawn", child: { id: run.id, logic: scopeLogic, input, src: "workflow" } })
  }

  #perform(run: LiveRun): void {
    const { outbox } = run.room
    const { owed } = run
    if (owed === undefined) for (let i = 0; i < outbox.length; i++) this.#performOne(run, outbox[i]!)
    else this.#owe(run, owed, outbox)
    outbox.length = 0
  }

  /** What is not performed for now. Attempts of an earlier life are over: those that are asked to stop have stopped. */
  #owe(run: LiveRun, owed: Owed, outbox: ReadonlyArray<Command>): void {
    for (const command of outbox) {
      if (command.type === "attempt.start") run.attempts++
      owed.take(command, this.#told.at, this.#told.epoch)
    }
    if (run.isFolding) return
    for (const { type, place } of outbox)
      if (type === "attempt.abort" || type === "attempt.finish") this.#answerAbort(run, place)
  }

  #answerAbort(run: LiveRun, { path }: Place): void {
    const owed = run.owed?.attempts.get(path) ?? run.held?.get(path)
    if (owed === undefined || owed.isAnswered) return
    owed.isAnswered = true
    run.held?.delete(path)
    const message = { type: "attempt.aborted", at: this.now(), task: path, attempt: owed.attempt } as const
    this.writer.offer(new Delivery(run, message, owed.place, undefined))
  }

  /** Performs what a run is owed, if it may go on. */
  performOwed(run: LiveRun): void {
    const { owed } = run
    if (owed === undefined || run.outcome !== undefined || this.#isClosed) return
    for (const { place, isAborting } of owed.attempts.values()) if (isAborting) this.#answerAbort(run, place)
    if (run.parked !== undefined || this.options.isIdle === true) return
    owed.begin(this.now())
    run.owed = undefined
    // of those that are asked to stop the end is on its way, and finds the place by itself
    for (const [path, { isAborting }] of owed.attempts) if (isAborting) owed.attempts.delete(path)
    run.held = owed.attempts.size > 0 ? owed.attempts : undefined
    this.#startHeld(run)
    for (const { place, dueAt } of owed.timers.values()) this.#startTimer(run, place, dueAt)
    if (run.room.rewound !== undefined) this.#goBack(run)
  }

  /** Calls the attempts of an earlier life again, unless their run is paused, or suspected of what ended that life. */
  #startHeld(run: LiveRun): void {
    const { held } = run
    if (held === undefined || run.room.isHeld || run.isSuspect) return
    run.held = undefined
    for (const { place, attempt, ...asked } of held.values()) {
      const started = this.attempts.start(place, attempt, run.workflow.code, asked)
      if (!started.isOver) run.send(started)
    }
  }

  /** A run from what was written about it, with what it is owed still owed. */
  fold(id: string, workflow: Workflow, past: Past, parked: TroupeError | undefined): LiveRun {
    const { first, history, snapshot } = past
    if (first?.type !== "run.submitted") throw new JournalCorrupt({ run: id, seq: 0, kind: "shape" })
    const run = this.#make(id, workflow, first.input, first.at)
    run.parked = parked
    run.scheduledAt = first.scheduledAt
    run.restored((snapshot?.seq ?? 0) + history.messages.length)
    this.#adopt(run)
    this.#fold(run, history, snapshot)
    return run
  }

  /** What would become of a run with this history, without touching it: how its tasks ended, or why it cannot be. */
  rehearse(
    run: Pick<LiveRun, "id" | "workflow" | "input" | "submittedAt">,
    { history, snapshot }: Past,
    strays?: Strays
  ): Rehearsal {
    const dry = this.#make(`${run.id}~`, run.workflow, run.input, run.submittedAt)
    dry.room.seed = run.id
    dry.ends = []
    dry.strays = strays
    dry.isRehearsal = true
    this.#fold(dry, history, snapshot)
    const { owed = new Owed(), ends, heard, parked } = dry
    const { rewound } = dry.room
    dry.room.leave()
    this.root.send({ type: "supervisor.stop", id: dry.id })
    return { run: dry, ends, heard, problem: parked, owed, ledger: dry.room.knownLedger, stuck: dry.stuck, rewound }
  }

  /** One more message of a run that was folded and is only looked at. A decision about the past takes a fold of all there is. */
  goOn(run: LiveRun, seq: number, message: Message, epoch: number): void {
    run.isFolding = true
    try {
      Object.assign(this.#told, { at: message.at, seq, epoch })
      if (message.type === "run.imported") run.owed?.arrive(message.deliveries)
      this.#deliver(run, message, undefined)
      run.restored(seq + 1)
    } finally {
      run.isFolding = false
    }
  }

  /** The walk with nothing performed, over the messages that count. */
  #fold(run: LiveRun, { messages, epochs }: History, snapshot?: Snapshot): void {
    const owed = new Owed()
    run.owed = owed
    run.isFolding = true
    const told = this.#told
    const shelf = new Shelf()
    const from = snapshot?.seq ?? 0
    try {
      if (snapshot !== undefined) this.snapshots.thaw(run, snapshot, owed)
      if (run.room.knownLedger !== undefined) this.#lookAtUndo(run)
      for (const { seq, message, forgottenBy } of counted(messages, from)) {
        told.at = message.at
        told.seq = seq
        told.epoch = epochs[seq - from] ?? 0
        if (run.strays !== undefined && forgottenBy === undefined && isStray(run, owed, message, seq)) {
          run.strays.found.push(seq)
          continue
        }
        if (forgottenBy !== undefined) {
          // what only followed from what counts no more has nobody who waits for it
          const isExpected = owed.isExpected(message)
          if (!isExpected && "attempt" in message) run.room.begunBefore.set(message.task, forgottenBy)
          const place = isExpected ? this.#placeOf(run, owed, message) : undefined
          if (place === undefined || (message.type === "timer.fired" && isOfScope(place))) continue
          shelf.put(place, forgottenBy)
          this.#rest(run)
          continue
        }
        if (message.type === "run.amended") {
          run.room.renewed = seq
          shelf.decide(message, seq, owed)
          decideUndo(run.room, message, seq)
        }
        if (message.type === "run.imported") owed.arrive(message.deliveries)
        if (message.type === "run.rolledBack" || message.type === "run.amended")
          run.room.recoveries = message.recoveries ?? run.room.recoveries
        if (message.type === "run.rolledBack") {
          run.room.generation = seq
          owed.renew(message.at, told.epoch)
        }
        this.#deliver(run, message, undefined)
      }
    } catch (error) {
      run.parked =
        error instanceof TroupeError
          ? error
          : new JournalDiverged({ run: run.id, seq: told.seq, found: String(error), task: "" })
    } finally {
      run.isFolding = false
      told.epoch = this.options.claim.epoch
    }
  }

  /** Where a message of the past went. */
  #placeOf({ id, room }: LiveRun, owed: Owed, message: Message): Place | undefined {
    return message.type === "gate.rejected" ? room.gateAt(message.task) : owed.placeOf(message, id, this.#told.seq)
  }

  /** A decision about the past: the run is folded anew; what is out and still wanted stays out. */
  #rebuild(run: LiveRun, message: Message, past: Past): void {
    const out = new Map<string, Attempt>()
    for (let attempt = run.out; attempt !== undefined; attempt = attempt.next) out.set(attempt.place.path, attempt)
    for (const timer of run.timers.values()) this.timers.stop(timer)
    run.timers = noTimers
    if (run.outcome === undefined) {
      run.room.leave()
      this.root.send({ type: "supervisor.stop", id: run.id })
    } else {
      const at = this.#finished.indexOf(run)
      if (at !== -1) this.#finishedMessages -= this.#finished.splice(at, 1)[0]!.counted
      this.#live++
    }
    run.revive()
    run.room = this.#roomOf(run)
    const { history, snapshot } = withMessage(past, message, this.options.claim.epoch)
    this.#fold(run, history, snapshot)
    for (const [path, attempt] of out) {
      const owed = run.owed?.attempts.get(path)
      if (owed === undefined || owed.attempt !== attempt.attempt || owed.place.key !== attempt.key) {
        run.back(attempt)
        this.attempts.abandon(attempt, aborted)
        continue
      }
      // it goes on where it is, and its end finds the new place
      run.owed!.attempts.delete(path)
      attempt.place = owed.place
      owed.place.attempt = attempt
      // what may come to its end does so, here as everywhere
      if (owed.isAborting && !owed.mayFinish) this.attempts.abort(attempt, aborted)
    }
    this.performOwed(run)
    if (run.outcome === undefined) this.writer.note(run)
  }

  #roomOf(run: LiveRun): Room {
    const room = new Room(run.id, run.compiled.concurrency, this.options.timeScale)
    room.owner = run
    room.recovery = run.compiled.ir.config?.recovery
    return room
  }

  #performOne(run: LiveRun, command: Command): void {
    const { place } = command
    switch (command.type) {
      case "attempt.start": {
        run.attempts++
        this.#verdicts.began(command)
        const attempt = this.attempts.start(place, command.attempt, run.workflow.code)
        if (!attempt.isOver) run.send(attempt)
        return
      }
      case "attempt.abort":
        if (place.attempt !== undefined) this.attempts.abort(place.attempt as Attempt, reasonOf(place))
        else this.#answerAbort(run, place)
        return
      case "attempt.finish":
        // one of an earlier life that was not called again is not called for this
        if (place.attempt === undefined) this.#answerAbort(run, place)
        else this.attempts.finish(place.attempt as Attempt)
        return
      case "timer.start":
        this.#startTimer(run, place, command.dueAt)
        return
      case "timer.stop":
        this.#stopTimer(run, place)
    }
  }

  #startTimer(run: LiveRun, place: Place, dueAt: number): void {
    if (run.timers === noTimers) run.timers = new Map()
    else this.#stopTimer(run, place)
    const timer = this.timers.start(dueAt, () => this.#timerFired(run, place, timer))
    ;(run.timers as Map<Place, Timer>).set(place, timer)
  }

  #attemptEnded(attempt: Attempt, end: AttemptEnd): void {
    const run = attempt.place.room.owner as LiveRun
    if (run.deciding > 0) return run.postpone(() => this.#attemptEnded(attempt, end))
    const { place } = attempt
    run.back(attempt)
    const at = this.now()
    const message = messageOf(attempt, end, at)
    const judged = (one: Message) => this.#verdicts.on(attempt, one, run.workflow.code)
    const isWanted =
      place.attempt === attempt && place.actor?.getSnapshot().status === "active" && place.firedAt < doneAt(place)
    const delivery = new Delivery(run, isWanted ? judged(message) : lateOf(message, end), place, undefined)
    if (isWanted && end.type === "attempt.within")
      delivery.within = withinOf(delivery, attempt, end.perform, at, judged)
    if (end.type === "attempt.succeeded" && attempt.cacheKey !== undefined)
      delivery.remember = { key: attempt.cacheKey, expiresAt: at + place.task!.work!.cache!.keepMs }
    this.writer.offer(delivery)
  }

  /** A body ended after its attempt was given up: that is kept for people, if the run is still there. */
  #attemptLate(attempt: Attempt, end: AttemptEnd): void {
    const { place } = attempt
    const run = place.room.owner as LiveRun
    if (this.#isClosed) return
    const message = lateOf(messageOf(attempt, end, this.now()), end)
    if (this.runs.get(run.id) === run) return this.writer.offer(new Delivery(run, message, place, undefined))
    // it may have left memory meanwhile, as it does in a long pause between two attempts
    if (this.options.journal.isDurable)
      this.options.onCalled?.(run.id, (here) => this.writer.offer(new Delivery(here, message, undefined, undefined)))
  }

  #timerFired(run: LiveRun, place: Place, timer: Timer): void {
    if (run.deciding > 0) return run.postpone(() => this.#timerFired(run, place, timer))
    // it was started anew meanwhile
    if (run.timers.get(place) !== timer) return
    ;(run.timers as Map<Place, Timer>).delete(place)
    // it is due, even if somebody has set the clock back since it woke
    const at = Math.max(this.now(), Math.ceil(timer.dueAt))
    place.firedAt = at
    this.writer.offer(new Delivery(run, { type: "timer.fired", at, task: place.path }, place, undefined))
  }

  #stopTimer(run: LiveRun, place: Place): void {
    const timer: Timer | undefined = run.timers.get(place)
    if (timer === undefined) return
    ;(run.timers as Map<Place, Timer>).delete(place)
    this.timers.stop(timer)
  }

  // ── the end of runs ──────────────────────────────────────────────────────────────────────────────

  #finish(run: LiveRun, outcome: Outcome): void {
    this.#release(run, aborted)
    run.owed = undefined
    run.held = undefined
    run.finish(outcome)
    if (run.isRehearsal) return
    if (!run.isFolding) {
      this.writer.note(run)
      this.onRunEnded?.()
    }
    this.#live--
    this.#keep(run)
    this.#trim()
    if (this.#live > 0) return
    this.timers.rest()
    this.#guards.rest()
  }

  #keep(run: LiveRun): void {
    this.#finished.push(run)
    run.counted = run.length
    this.#finishedMessages += run.counted
  }

  /** The oldest finished runs leave memory while there are too many; one that something is on its way to stays for now. */
  #trim(): void {
    const { retainRuns, retainMessages } = this.options
    while (this.#finished.length > retainRuns || this.#finishedMessages > retainMessages) {
      const oldest = this.#finished[0]
      if (oldest === undefined || oldest.pending > 0) return
      this.#finished.shift()
      this.#forget(oldest)
    }
  }

  /**
   * A finished run that somebody decides about is in memory, also if it had left. False if it is there as another object by now,
   * which has heard of more than this one.
   */
  remember(run: LiveRun): boolean {
    const here = this.runs.get(run.id)
    if (here === undefined && run.isGone && run.outcome !== undefined) {
      run.isGone = false
      this.runs.set(run.id, run)
      this.#keep(run)
      return true
    }
    return here === run
  }

  /** Stops what a run still has out: attempts and timers. */
  #release(run: LiveRun, reason: unknown): void {
    for (let attempt = run.out; attempt !== undefined; attempt = run.out) {
      run.back(attempt)
      this.attempts.abandon(attempt, reason)
    }
    for (const timer of run.timers.values()) this.timers.stop(timer)
    run.timers = noTimers
  }

  /** A finished run leaves memory; where nothing outlives the process it is gone. */
  #forget(run: LiveRun): void {
    this.#finishedMessages -= run.counted
    if (this.runs.get(run.id) === run) this.runs.delete(run.id)
    const { journal, claim } = this.options
    run.isGone = journal.isDurable
    if (journal.isDurable) return
    const removed = journal.remove([run.id], claim.epoch)
    if (!Exit.isExit(removed)) this.fork(Effect.ignore(removed))
  }

  /** An actor of ours threw, or what happened could not be written: the run fails, the others go on. */
  #crashed(id: string, error: unknown): void {
    const run = this.runs.get(id)
    if (run === undefined || run.outcome !== undefined) return
    if (run.isFolding) {
      // it did not throw when it was written: nothing is done until somebody has looked
      run.parked ??= new JournalDiverged({ run: id, seq: this.#told.seq, found: String(error), task: "" })
      return
    }
    const outcome: Outcome = { status: "failed", task: "", failure: { ...toFailure(error), retryable: false } }
    run.room.close(outcome)
    if (this.root.getSnapshot().status === "active") this.root.send({ type: "supervisor.stop", id })
    this.#finish(run, outcome)
  }

  // ── runs that wait leave memory ──────────────────────────────────────────────────────────────────

  /** A run that only waits, and long enough, leaves memory: what is left of it is an id and a time. */
  mayLeave(run: LiveRun): void {
    if (run.outcome !== undefined || run.isGone || run.out !== undefined || run.pending > 0) return
    if (!this.options.journal.isDurable || run.owed !== undefined || run.held !== undefined) return
    if (run.room.waiting > 0 || (run.timers.size === 0 && !run.room.hasOpenGates)) return
    let dueAt = Number.POSITIVE_INFINITY
    for (const timer of run.timers.values()) dueAt = Math.min(dueAt, timer.dueAt)
    if (dueAt < this.now() + restMs || isWatched(this.root)) return
    const due = Number.isFinite(dueAt) ? dueAt : undefined
    this.writer.note({ ...noteOf(run), isAsleep: true, dueAt: due })
    const { room } = run
    this.#release(run, aborted)
    this.dormant.sleep(run.id, due, run.leave(), room.isHeld)
    this.runs.delete(run.id)
    this.#live--
    room.leave()
    this.root.send({ type: "supervisor.stop", id: run.id })
  }

  /** A run is in memory again. */
  awake(run: LiveRun): void {
    for (const told of this.dormant.drop(run.id)) run.whenEnded(told)
  }
}

/** Between two tries to write down that a run goes on. */
const againMs = 200

/** Why an attempt is stopped: the time of its task is over, or somebody has no use for it any more. */
const reasonOf = ({ actor, task, path }: Place): unknown => {
  const { output } = (actor?.getSnapshot() ?? {}) as { readonly output?: Outcome }
  const withinMs = task?.work?.limits?.withinMs
  return output?.status === "failed" && withinMs !== undefined ? new TaskTimedOut({ task: path, withinMs }) : aborted
}

/** A run whose next wait ends sooner stays in memory. */
const restMs = 5_000

/** What is being delivered: when it was written, as which message, in which epoch. */
interface Told {
  at: number
  seq: number
  epoch: number
}

/** Not a possible id of a run. */
const registryId = "@registry"

/** A workflow, or whatever else has children: its end follows from theirs. */
const isOfScope = (place: Place): boolean => !(place instanceof GatePlace) && place.task?.work === undefined

const aborted = new DOMException("the attempt was cancelled", "AbortError")

const isSame = (run: LiveRun, workflow: Workflow, input: Json) =>
  (run.workflow === workflow || run.workflow.hash === workflow.hash) &&
  (run.input === input || canonical(run.input) === canonical(input))
