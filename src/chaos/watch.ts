/**
 * What must hold at every moment, whatever happens (docs/GUARANTEES.md). Looks at what is written and at what is done, never at
 * what the engine believes.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import { look } from "../engine/look.ts"
import { TroupeError } from "../model/errors.ts"
import { canonical, type Json } from "../model/json.ts"
import type { Degraded, Message, Outcome } from "../model/messages.ts"
import { isOfUndo } from "../model/saga.ts"
import { Audit } from "./audit.ts"
import { BreakerAudit } from "./breakers.ts"
import { ChaosMisused } from "./errors.ts"
import type { Incarnation, Running } from "./execution.ts"
import type { Scope } from "./globals.ts"
import type { Stop } from "./kernel.ts"
import { undoneWrongly } from "./sagas.ts"
import { ScheduleAudit } from "./schedules.ts"
import { type Call, plainPath, runId, type Violation } from "./story.ts"

/** How long a body may show, in real milliseconds, that it waits for something real; once for each task. */
const patienceMs = 25
/** Taken before anybody could replace it. */
const realSleep = sleep

/** It waits, and for nothing that the world knows of. */
const isWaiting = ({ isOver, pending, life }: Scope): boolean =>
  !isOver && pending === 0 && !life.isFrozen && !life.isDead

/** All promises that can go on have gone on. Nothing is asked of the operating system in between. */
const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** Most violations of one execution that are told. */
const most = 10

export class Watch {
  readonly violations: Array<Violation> = []
  /** A person has decided about the past: results may be given twice, tasks done again. */
  isDecided = false
  readonly audit: Audit
  readonly breakers: BreakerAudit
  readonly schedules: ScheduleAudit
  readonly #world: Running
  #epoch = 0
  #length = 0
  /** Ends that are written, as `task#attempt`, and results, by task. */
  readonly #ended = new Set<string>()
  readonly #results = new Set<string>()
  /** Deliveries of attempts that were called, by `key#attempt`, with the epoch of each. */
  readonly #delivered = new Map<string, { readonly delivery: number; readonly epoch: number }>()
  #isPaused = false
  #resumes = 0
  #isCancelled = false
  #told: Outcome | undefined = undefined
  #degraded: ReadonlyArray<Degraded> = []
  #scopes: Array<Scope> = []

  constructor(world: Running) {
    this.#world = world
    this.audit = new Audit(world.setup, world.plan, (promise, what) => this.broken(promise, what))
    this.breakers = new BreakerAudit(world.setup, world.plan, (promise, what) => this.broken(promise, what))
    this.schedules = new ScheduleAudit(world, (promise, what) => this.broken(promise, what))
  }

  broken(promise: string, what: string): void {
    if (this.violations.length < most) this.violations.push({ promise, what })
  }

  /** Something that no caller can be told about. Trouble that the plan made is no defect. */
  defect(life: Incarnation, error: unknown): void {
    if (life.isDead) return
    if (error instanceof TroupeError && (error.code === "STALE_OWNER" || error.code.startsWith("STORAGE"))) return
    if ((error as { name?: string }).name === "Planned") return
    this.broken("G36", `a defect: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`)
  }

  // ── what is written ──────────────────────────────────────────────────────────────────────────────

  wrote(message: Message, epoch: number): void {
    this.#length++
    this.audit.wrote(message, epoch, this.#world.kernel.now)
    this.breakers.wrote(message, epoch)
    if (Math.abs(epoch) < this.#epoch)
      this.broken("G24", `message ${this.#length - 1} is of epoch ${epoch}, after ${this.#epoch}`)
    this.#epoch = Math.max(this.#epoch, Math.abs(epoch))
    switch (message.type) {
      case "run.submitted":
        if (this.#length > 1) this.broken("G02", `message ${this.#length - 1} submits the run again`)
        break
      case "run.amended":
      case "run.rolledBack":
        this.decided()
        break
      case "run.cancelled":
        // what is undone then is not held up, also by a pause of which somebody hears only now
        this.resuming()
        break
      case "run.resumed":
        // it may have been on its way for long
        this.resuming()
        break
      case "attempt.succeeded":
        if (this.#results.has(message.task)) this.broken("G04", `'${message.task}' has a second result`)
        this.#results.add(message.task)
        this.#end(message.task, message.attempt)
        break
      case "attempt.failed":
      case "attempt.aborted":
        this.#end(message.task, message.attempt)
    }
  }

  #end(task: string, attempt: number): void {
    const id = `${task}#${attempt}`
    if (this.#ended.has(id)) this.broken("G04", `attempt ${id} has a second end`)
    this.#ended.add(id)
  }

  /** From now on what was done may be done again. */
  decided(): void {
    this.isDecided = true
    this.audit.decided()
    this.#ended.clear()
    this.#results.clear()
    this.#isCancelled = false
    this.#told = undefined
    this.#world.outcome = undefined
  }

  // ── what is done ─────────────────────────────────────────────────────────────────────────────────

  /** Gives what to do when the body has come to its end. */
  called(call: Call, life: Incarnation): () => void {
    const { task, attempt, delivery, key } = call
    const id = `${task}#${attempt}`
    const ended = this.audit.called(call, life)
    this.breakers.called(call, life)
    if (this.#length === 0) this.broken("G06", `${id} is called before the run is written`)
    if (this.#isPaused && !life.isStale) this.broken("G13", `${id} is called while the run is paused`)
    if (this.#isCancelled && !life.isStale && !isOfUndo(task))
      this.broken("G12", `${id} is called after cancel was acknowledged`)
    if (this.#told !== undefined && !life.isStale && !this.isDecided)
      this.broken("G04", `${id} is called after the run has ended`)
    if (this.#ended.has(id) && !life.isStale) this.broken("G04", `${id} is called after its end was written`)
    if (attempt > 1 && !this.isDecided && !this.#ended.has(`${task}#${attempt - 1}`) && !life.isStale)
      this.broken("G06", `${id} is called before the end of the attempt before it is written`)
    const before = this.#delivered.get(`${key}#${attempt}`)
    if (before !== undefined && life.epoch <= before.epoch && !life.isStale && !this.audit.isHedged(task))
      this.broken("G03", `${id} is called twice in one life`)
    if (before !== undefined && delivery <= before.delivery && life.epoch > before.epoch)
      this.broken("G03", `${id} is called as delivery ${delivery}, after ${before.delivery}`)
    if (before === undefined || life.epoch > before.epoch)
      this.#delivered.set(`${key}#${attempt}`, { delivery, epoch: life.epoch })
    return ended
  }

  /** Pause is asked for; gives what to do once it is acknowledged. */
  pausing(): () => void {
    const resumes = this.#resumes
    return () => {
      // whoever asks for both at once does not know which is heard first
      this.#isPaused = resumes === this.#resumes
    }
  }
  resuming(): void {
    this.#resumes++
    this.#isPaused = false
  }
  cancelled(): void {
    if (!this.isDecided) this.#isCancelled = true
  }

  told(outcome: Outcome, degraded: ReadonlyArray<Degraded> = []): void {
    this.#degraded = degraded
    if (this.#told !== undefined && !this.isDecided && !isSame(this.#told, outcome))
      this.broken("G37", `the run was told to be ${this.#told.status}, and is ${outcome.status}`)
    this.#told = outcome
  }

  // ── what does not go on ──────────────────────────────────────────────────────────────────────────

  /** A body is waited for. */
  waits(scope: Scope): void {
    this.#scopes.push(scope)
  }

  /** Time is about to move: bodies that wait for nothing that is simulated may wait for something real. */
  idle(): boolean | Promise<boolean> {
    this.breakers.idle(this.#world.life)
    if (this.#scopes.length === 0) return true
    this.#scopes = this.#scopes.filter(({ isOver, life }) => !isOver && !life.isDead)
    return this.#scopes.some(isWaiting) ? this.#lookOutside() : true
  }

  /** Promises that are on their way arrive first. What happens after that, although nothing was set going, comes from outside. */
  async #lookOutside(): Promise<boolean> {
    const { kernel, setup } = this.#world
    const { going } = kernel
    const isQuiet = () => kernel.going === going && !this.#scopes.some(({ isOver }) => isOver)
    await turn()
    if (!isQuiet()) return false
    const { quiet } = setup
    const strange = this.#scopes.filter((scope) => isWaiting(scope) && !quiet.has(plainPath(scope.name)))
    if (strange.length === 0) return true
    const since = performance.now()
    while (isQuiet() && performance.now() - since < patienceMs) await realSleep(1)
    if (isQuiet()) {
      for (const { name } of strange) quiet.add(plainPath(name))
      return true
    }
    const escaped = strange.find(({ isOver, pending }) => isOver || pending > 0) ?? strange[0]!
    this.#world.misuse ??= new ChaosMisused({
      what: "escaped",
      why: `task '${escaped.name}' waits for something real (a file, a socket, a program, a module that is loaded late, a timer that was kept from before): call the global fetch and timers at the moment they are needed, import at the top of the file, and give chaos a stand-in for whatever else is outside`
    })
    return false
  }

  stuck(stop: Stop): void {
    const { life, kernel } = this.#world
    const waits = this.#scopes
      .filter(isWaiting)
      .map(({ name }) => `'${name}' does not settle${hasTimeout(life, name) ? "" : " and has no timeout of its own"}`)
    const run = life.engine?.runs.get(runId)
    // it may have left memory: what is written says what it waits for
    const found = Effect.runSyncExit(look(this.#world.disk.store, runId))
    for (const wait of found._tag === "Success" ? found.value.waits : [])
      if (wait.for === "answer") waits.push(`gate '${wait.task}' has no answer that it takes: give chaos 'answers'`)
    const state =
      run === undefined
        ? "it is not in memory"
        : run.parked !== undefined
          ? `it is parked: ${run.parked.message}`
          : run.stuck !== undefined
            ? `it is parked: ${run.stuck.message}`
            : "it is in memory"
    this.broken(
      "G01 end",
      `the run does not come to its end (${stop}, after ${kernel.steps} steps, life ${life.number}): ${state}${waits.map((wait) => `; ${wait}`).join("")}`
    )
  }

  /** The run has come to its end: what is written says the same to whoever reads it afresh. */
  ended(): void {
    const { disk, life } = this.#world
    this.audit.counts(life)
    const found = Effect.runSyncExit(look(disk.store, runId))
    if (found._tag === "Failure") {
      this.broken("G07", `what is written cannot be read: ${String(found.cause)}`)
      return
    }
    const { state } = found.value
    const outcome = this.#told!
    // whoever decided about the past has taken back what was listed then
    if (!this.isDecided && !isEqual(state.degraded as unknown as Json, this.#degraded as unknown as Json))
      this.broken(
        "G16",
        `the run was told to be degraded by ${namesOf(this.#degraded)}, its messages say ${namesOf(state.degraded)}`
      )
    if (state.status !== outcome.status)
      this.broken("G07", `the run was told to be ${outcome.status}, its messages say ${state.status}`)
    else if (outcome.status === "succeeded" && !isEqual(state.output, outcome.value))
      this.broken("G07", "the run was told a result that its messages do not give")
    this.audit.ended(outcome, this.#degraded)
    this.breakers.ended()
    this.schedules.ended(life)
    const { setup, calls } = this.#world
    const wrong = undoneWrongly(setup.workflow, this.audit.messages, calls, outcome)
    if (wrong !== undefined) this.broken("G14", wrong)
  }
}

const namesOf = (degraded: ReadonlyArray<Degraded>): string => degraded.map(({ task }) => task).join(", ") || "nothing"

/** Whether somebody chose how long the attempt that is out may take. */
const hasTimeout = (life: Incarnation, task: string): boolean => {
  for (let attempt = life.engine?.runs.get(runId)?.out; attempt !== undefined; attempt = attempt.next)
    if (attempt.task === task) return attempt.place.task?.work?.ir.timeoutMs !== undefined
  return true
}

const isSame = (one: Outcome, other: Outcome): boolean =>
  one.status === other.status &&
  (one.status !== "succeeded" || other.status !== "succeeded" || isEqual(one.value, other.value))

const isEqual = (one: unknown, other: unknown): boolean =>
  one === other || canonical(one as Json) === canonical(other as Json)
