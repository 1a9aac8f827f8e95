/**
 * The loop: take a message, write it, deliver it, perform what the machines ask. One place writes, and nothing is performed
 * before the message that caused it is written. Decides no lifecycle question: that is what the machines are for.
 */

import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnyActorRef } from "xstate"
import { createRoot, type Inspect } from "../actors/create.ts"
import { WorkflowDirector, withDefaults } from "../actors/directors.ts"
import { registryLogic } from "../actors/registry.ts"
import { type Command, Place, Room } from "../actors/room.ts"
import { type ScopeInput, scopeLogic } from "../actors/scope.ts"
import { supervisor } from "../actors/supervisor.ts"
import { compile } from "../machines/compile.ts"
import { orchestratorMachine } from "../machines/orchestrator.ts"
import type { Balance } from "../model/agents.ts"
import { Board } from "../model/board.ts"
import { compileWorkflow } from "../model/compile.ts"
import {
  IdempotencyMismatch,
  LimitExceeded,
  OrchestratorClosed,
  RunNotFound,
  TroupeError,
  toFailure
} from "../model/errors.ts"
import { canonical, type Json } from "../model/json.ts"
import type { Message, Outcome } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import type { Workflow } from "../model/workflow.ts"
import { type Entry, JournalBroken, type JournalError, type JournalService } from "../storage/journal.ts"
import { type Attempt, type AttemptEnd, Attempts } from "./attempts.ts"
import type { Allow } from "./builtin.ts"
import { Router } from "./router.ts"
import { LiveRun, noTimers } from "./run.ts"
import { type Timer, Timers } from "./timers.ts"

export interface EngineOptions {
  readonly journal: JournalService
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
  readonly graceMs: number
  /** Divides the length of waits. */
  readonly timeScale: number
  /** Names runs that were given no id. */
  readonly newId: () => string
  /** Told about defects that no caller can be told about. */
  readonly onDefect: (error: unknown) => void
}

/** Something for a run, with who wants to know that it is written and delivered. For the journal it is an entry. */
class Delivery implements Entry {
  readonly live: LiveRun
  /** Its place in the run; given when its batch is written. */
  seq = -1
  readonly message: Message
  readonly place: Place | undefined
  readonly done: ((error?: TroupeError) => void) | undefined
  constructor(live: LiveRun, message: Message, place: Place | undefined, done: Delivery["done"]) {
    this.live = live
    this.message = message
    this.place = place
    this.done = done
  }
  get run(): string {
    return this.live.id
  }
}

/** Kept for its hidden class; it belongs to the specimens (specimens.ts), which come first in every process. */
const firstDelivery: Array<Delivery> = []

/** Batches without a pause after which other work of the process gets its chance. */
const turnsMax = 512

export class Engine {
  readonly options: EngineOptions
  readonly timers: Timers
  readonly router: Router
  readonly attempts: Attempts
  readonly root: AnyActorRef
  readonly runs = new Map<string, LiveRun>()
  readonly #clock: Clock.Clock
  readonly #fork: (effect: Effect.Effect<void>) => void
  readonly #finished: Array<LiveRun> = []
  #inbox: Array<Delivery> = []
  #isPumping = false
  #isClosed = false
  #turns = 0
  #live = 0
  #finishedMessages = 0

  constructor(options: EngineOptions) {
    this.options = options
    this.#clock = Context.get(options.context, Clock.Clock)
    const fork = Effect.runForkWith(options.context)
    this.#fork = (effect) => void fork(effect)
    this.timers = new Timers(this.#clock, options.context)
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
      bound: options.mailboxMax
    })
    this.attempts = new Attempts({
      context: options.context,
      timers: this.timers,
      now: this.now,
      router: this.router,
      allow: options.allow,
      graceMs: options.graceMs,
      ended: (attempt, end) => this.#attemptEnded(attempt, end)
    })
  }

  readonly now = (): number => this.#clock.currentTimeMillisUnsafe()

  /** Runs that have not ended. */
  get live(): number {
    return this.#live
  }

  /** A run by id; throws `RunNotFound`. */
  find(id: string): LiveRun {
    const run = this.runs.get(id)
    if (run === undefined) throw new RunNotFound({ run: id })
    return run
  }

  /**
   * Submits a run; `run.whenWritten` tells when it is as durable as the journal makes it. The same id with the same workflow and input is the
   * same run; with others it throws `IdempotencyMismatch`.
   */
  submit(workflow: Workflow, id: string, input: Json): LiveRun {
    if (this.#isClosed) throw new OrchestratorClosed()
    const before = this.runs.get(id)
    if (before !== undefined) {
      if (!isSame(before, workflow, input)) throw new IdempotencyMismatch({ run: id })
      return before
    }
    if (this.#live >= this.options.runsMax)
      throw new LimitExceeded({
        limit: "runs",
        allowed: this.options.runsMax,
        actual: this.#live + 1,
        unit: "unfinished runs"
      })
    const at = this.now()
    const compiled = compileWorkflow(definition(workflow.ir))
    const room = new Room(id, compiled.concurrency, this.options.timeScale)
    const run = new LiveRun(id, workflow, compiled, input, at, room)
    room.owner = run
    this.runs.set(id, run)
    this.#live++
    const { version } = workflow.ir
    const message: Message = {
      type: "run.submitted",
      at,
      workflow: workflow.name,
      ...(version === undefined ? {} : { version }),
      ...(this.options.journal.isDurable ? { hash: workflow.hash } : {}),
      input
    }
    this.#offer(new Delivery(run, message, undefined, (error) => run.written(error)))
    return run
  }

  /** Sends a message of an operator to a run; `done` hears when it is written and delivered. */
  tell(run: LiveRun, message: Message, done: (error?: TroupeError) => void): void {
    this.#offer(new Delivery(run, message, undefined, done))
  }

  /** Ends everything: no attempt, timer, actor or handle stays. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const error = new OrchestratorClosed()
    for (const delivery of this.#inbox.splice(0)) delivery.done?.(error)
    for (const run of this.runs.values()) this.#release(run, error)
    this.root.send({ type: "close" })
    this.root.stop()
    this.timers.close()
    for (const run of this.runs.values()) if (run.outcome === undefined) run.abandon(error)
  }

  // ── the loop ─────────────────────────────────────────────────────────────────────────────────────

  #offer(delivery: Delivery): void {
    this.#inbox.push(delivery)
    if (this.#isPumping) return
    this.#isPumping = true
    // what else ends in this turn goes into the same batch: batches grow by themselves under load
    if (this.options.journal.isDurable) this.#later()
    else queueMicrotask(this.#pump)
  }

  /** Goes on in a later turn, so that timers and sockets get theirs. */
  #later(): void {
    this.#fork(Effect.andThen(Effect.yieldNow, Effect.sync(this.#pump)))
  }

  /** Writes what has gathered, delivers it, and looks again. */
  readonly #pump = (): void => {
    for (;;) {
      const batch = this.#inbox
      if (batch.length === 0 || this.#isClosed) {
        this.#isPumping = false
        return
      }
      this.#inbox = []
      for (const delivery of batch) delivery.seq = delivery.live.next()
      const written = this.options.journal.append(batch)
      if (!Exit.isExit(written)) {
        this.#fork(Effect.map(Effect.exit(written), (exit) => this.#goOn(batch, exit)))
        return
      }
      this.#written(batch, written as Exit.Exit<void, JournalError>)
      if (++this.#turns % turnsMax === 0) return this.#later()
    }
  }

  #goOn(batch: ReadonlyArray<Delivery>, exit: Exit.Exit<void, JournalError>): void {
    this.#written(batch, exit)
    this.#pump()
  }

  #written(batch: ReadonlyArray<Delivery>, exit: Exit.Exit<void, JournalError>): void {
    if (Exit.isSuccess(exit)) return this.#deliverAll(batch)
    const error = Cause.squash(exit.cause)
    this.#refused(batch, error instanceof TroupeError ? error : new JournalBroken({ cause: error }))
  }

  #deliverAll(batch: ReadonlyArray<Delivery>): void {
    if (firstDelivery.length === 0) firstDelivery.push(batch[0]!)
    for (const delivery of batch) {
      try {
        this.#deliver(delivery)
        delivery.done?.()
      } catch (error) {
        // a defect of ours: it ends this run and no other
        this.options.onDefect(error)
        this.#crashed(delivery.run, error)
      }
    }
  }

  /** Nothing of the batch was written: whoever waits is told; attempts whose end could not be recorded end their run. */
  #refused(batch: ReadonlyArray<Delivery>, error: TroupeError): void {
    for (const { live, message, done } of batch) {
      live.rewind()
      if (message.type === "run.submitted") this.#unsubmit(live)
      if (done !== undefined) done(error)
      else this.#crashed(live.id, error)
    }
  }

  /** A run that could not be written never was: its id is free again. */
  #unsubmit(run: LiveRun): void {
    this.runs.delete(run.id)
    this.#live--
  }

  #deliver({ live: run, message, place }: Delivery): void {
    const { room } = run
    room.now = message.at
    run.updatedAt = message.at
    switch (message.type) {
      case "run.submitted":
        this.#open(run)
        break
      case "attempt.succeeded":
      case "attempt.failed":
      case "attempt.aborted":
      case "timer.fired":
        place!.actor?.send(message)
        break
      case "run.paused":
        room.root?.send({ type: "pause" })
        break
      case "run.resumed":
        room.root?.send({ type: "resume" })
        break
      case "run.cancelled":
        room.root?.send({ type: "cancel", reason: message.why ?? "", force: message.force })
    }
    room.admit()
    this.#perform(run)
    if (room.outcome !== undefined && run.outcome === undefined) this.#finish(run, room.outcome)
  }

  #open(run: LiveRun): void {
    const { room, compiled } = run
    const board = new Board(compiled, withDefaults(compiled, run.input))
    const place = new Place(room, "", undefined, board)
    const { timeoutMs } = compiled.ir.config ?? {}
    const input: ScopeInput = {
      place,
      facts: {
        task: "",
        onFailure: compiled.onFailure,
        dueAt: timeoutMs === undefined ? undefined : room.now + timeoutMs
      },
      director: new WorkflowDirector(board)
    }
    room.board = board
    this.root.send({ type: "supervisor.spawn", child: { id: run.id, logic: scopeLogic, input, src: "workflow" } })
  }

  #perform(run: LiveRun): void {
    const { outbox } = run.room
    for (let i = 0; i < outbox.length; i++) this.#performOne(run, outbox[i]!)
    outbox.length = 0
  }

  #performOne(run: LiveRun, command: Command): void {
    const { place } = command
    switch (command.type) {
      case "attempt.start": {
        run.attempts++
        const attempt = this.attempts.start(place, command.attempt, run.workflow.code)
        if (!attempt.isOver) run.send(attempt)
        return
      }
      case "attempt.abort":
        if (place.attempt !== undefined) this.attempts.abort(place.attempt as Attempt, aborted)
        return
      case "timer.start":
        if (run.timers === noTimers) run.timers = new Map()
        ;(run.timers as Map<Place, Timer>).set(
          place,
          this.timers.start(command.dueAt, () => this.#timerFired(run, place))
        )
        return
      case "timer.stop":
        this.#stopTimer(run, place)
    }
  }

  #attemptEnded(attempt: Attempt, end: AttemptEnd): void {
    const { place } = attempt
    const run = place.room.owner as LiveRun
    run.back(attempt)
    this.#offer(new Delivery(run, messageOf(attempt, end, this.now()), place, undefined))
  }

  #timerFired(run: LiveRun, place: Place): void {
    ;(run.timers as Map<Place, Timer>).delete(place)
    this.#offer(new Delivery(run, { type: "timer.fired", at: this.now(), task: place.path }, place, undefined))
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
    run.finish(outcome)
    this.#live--
    this.#finished.push(run)
    this.#finishedMessages += run.length
    while (
      this.#finished.length > this.options.retainRuns ||
      (this.#finishedMessages > this.options.retainMessages && this.#finished.length > 0)
    )
      this.#forget(this.#finished.shift()!)
    if (this.#live === 0) this.timers.rest()
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

  #forget(run: LiveRun): void {
    this.#finishedMessages -= run.length
    if (this.runs.get(run.id) === run) this.runs.delete(run.id)
    const removed = this.options.journal.remove(run.id)
    if (!Exit.isExit(removed)) this.#fork(Effect.ignore(removed))
  }

  /** An actor of ours threw, or what happened could not be written: the run fails, the others go on. */
  #crashed(id: string, error: unknown): void {
    const run = this.runs.get(id)
    if (run === undefined || run.outcome !== undefined) return
    const outcome: Outcome = { status: "failed", task: "", failure: { ...toFailure(error), retryable: false } }
    run.room.close(outcome)
    if (this.root.getSnapshot().status === "active") this.root.send({ type: "supervisor.stop", id })
    this.#finish(run, outcome)
  }
}

/** Not a possible id of a run. */
const registryId = "@registry"

const aborted = new DOMException("the attempt was cancelled", "AbortError")

const messageOf = ({ place, attempt, agent }: Attempt, end: AttemptEnd, at: number): Message => {
  const task = place.path
  const by = agent === undefined ? undefined : { agent }
  switch (end.type) {
    case "attempt.succeeded":
      return by === undefined
        ? { type: end.type, at, task, attempt, value: end.value }
        : { type: end.type, at, task, attempt, value: end.value, ...by }
    case "attempt.failed":
      return { type: end.type, at, task, attempt, failure: end.failure, ...by }
    case "attempt.aborted":
      return { type: end.type, at, task, attempt }
  }
}

const isSame = (run: LiveRun, workflow: Workflow, input: Json) =>
  (run.workflow === workflow || run.workflow.hash === workflow.hash) &&
  (run.input === input || canonical(run.input) === canonical(input))
