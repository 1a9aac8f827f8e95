/** What the engine keeps about one run, alive or finished. */
import type { AnyActorRef } from "xstate"
import { type Place, Room } from "../actors/room.ts"
import type { CompiledWorkflow } from "../model/compile.ts"
import { type CompensationFailed, RunCancelled, RunFailed, RunPoisoned, type TroupeError } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Outcome } from "../model/messages.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Attempt } from "./attempts.ts"
import type { Owed, OwedAttempt } from "./owed.ts"
import type { Strays } from "./past.ts"
import type { Timer } from "./timers.ts"

/** Nearly all runs have no timers of their own. */
export const noTimers: ReadonlyMap<Place, Timer> = new Map()

type Written = (error?: TroupeError) => void

/** A message with which something came to a bad end. */
export interface End {
  readonly seq: number
  readonly task: string
  readonly status: "failed" | "cancelled" | "timeout"
}

/** The room of runs that are not in memory. */
const nowhere = new Room("", 0)

export class LiveRun {
  readonly id: string
  /** Another one when its code turns up later. */
  workflow: Workflow
  readonly compiled: CompiledWorkflow
  readonly input: Json
  readonly submittedAt: number
  /** Another one when the run was folded anew. */
  room: Room
  /** The attempts that are out, as a list: joining and leaving it allocates nothing. */
  out: Attempt | undefined = undefined
  timers: ReadonlyMap<Place, Timer> = noTimers
  /** When it begins, where that was to come when it was submitted. */
  scheduledAt: number | undefined = undefined
  updatedAt: number
  endedAt: number | undefined = undefined
  /** Attempts started so far. */
  attempts = 0
  /** What it asked for and nobody does: while its messages are folded again, and while it may not go on. */
  owed: Owed | undefined = undefined
  /** Attempts of an earlier life, by path, that are not called again while it is paused. */
  held: Map<string, OwedAttempt> | undefined = undefined
  /** The process died twice while it was at work: its attempts wait for their turn (poison.ts). */
  isSuspect = false
  /** Messages from which on the next snapshot is due. */
  snapshotAt = 0
  /** It only shows what would be. */
  isRehearsal = false
  /** How tasks ended that did not succeed, and waits that ended a workflow; collected only where somebody wants to know. */
  ends: Array<End> | undefined = undefined
  /** Numbers of the answers that found their gate open; collected with the ends. */
  readonly heard = new Set<number>()
  /** What nobody waits for is noted and passed over. */
  strays: Strays | undefined = undefined
  /** Its messages are being folded again. */
  isFolding = false
  /** Deliveries on their way to it. */
  pending = 0
  /** Messages that are written and delivered: what people are shown, for what is being written may come to nothing. */
  delivered = 0
  /** Decisions about its past on their way to it: what ends meanwhile waits, for it may count no more then, or elsewhere. */
  deciding = 0
  #postponed: Array<() => void> = []
  /** Why it cannot go on here. */
  parked: TroupeError | undefined = undefined
  /** An undo has failed for good, and nobody has decided about it. */
  stuck: CompensationFailed | undefined = undefined
  /** That it goes back is being written. */
  isGoingBack = false
  /** It has left memory; whoever still holds it asks again by its id. */
  isGone = false
  /** Messages that it was counted with when it joined the finished runs in memory. */
  counted = 0
  outcome: Outcome | undefined = undefined
  #length = 0
  #isWritten = false
  #refusal: TroupeError | undefined = undefined
  #waitingForWrite: Array<Written> | undefined = undefined
  #waitingForCalm: Array<() => void> | undefined = undefined
  #waitingForEnd: Array<(outcome: Outcome | TroupeError) => void> | undefined = undefined

  constructor(id: string, workflow: Workflow, compiled: CompiledWorkflow, input: Json, at: number, room: Room) {
    this.id = id
    this.workflow = workflow
    this.compiled = compiled
    this.input = input
    this.submittedAt = at
    this.updatedAt = at
    this.room = room
  }

  get actor(): AnyActorRef | undefined {
    return this.room.root
  }

  /** Messages so far. */
  get length(): number {
    return this.#length
  }

  /** Whether its first message is as durable as the journal makes it. */
  get isWritten(): boolean {
    return this.#isWritten
  }

  /** The number of the next message. */
  next(): number {
    return this.#length++
  }

  /** The last number was not used after all. */
  rewind(): void {
    this.#length--
  }

  /** An attempt is out. */
  send(attempt: Attempt): void {
    attempt.next = this.out
    if (this.out !== undefined) this.out.previous = attempt
    this.out = attempt
  }

  /** An attempt is back; nothing happens if it was not out. */
  back(attempt: Attempt): void {
    const { next, previous } = attempt
    if (previous !== undefined) previous.next = next
    else if (this.out === attempt) this.out = next
    if (next !== undefined) next.previous = previous
    attempt.next = undefined
    attempt.previous = undefined
  }

  /** Does something once nothing is being decided. */
  postpone(act: () => void): void {
    this.#postponed.push(act)
  }

  /** A decision has been delivered, or was refused. */
  decided(): void {
    if (--this.deciding > 0) return
    for (const act of this.#postponed.splice(0)) act()
  }

  /** It was read from the journal, where it has so many messages. */
  restored(length: number): void {
    this.#length = length
    this.delivered = length
    this.#isWritten = true
  }

  whenWritten(written: Written): void {
    if (this.#isWritten || this.#refusal !== undefined) written(this.#refusal)
    else (this.#waitingForWrite ??= []).push(written)
  }

  written(error?: TroupeError): void {
    this.#isWritten = error === undefined
    this.#refusal = error
    const waiting = this.#waitingForWrite
    this.#waitingForWrite = undefined
    if (waiting !== undefined) for (const one of waiting) one(error)
  }

  /** Whether attempts were told to stop and have not ended yet. */
  get isStopping(): boolean {
    for (let attempt = this.out; attempt !== undefined; attempt = attempt.next) if (attempt.isAborting) return true
    return false
  }

  /** Calls `calm` once nothing is stopping any more. */
  whenCalm(calm: () => void): void {
    ;(this.#waitingForCalm ??= []).push(calm)
    this.calmDown()
  }

  /** Tells who waits for it, if nothing is stopping. */
  calmDown(): void {
    if (this.#waitingForCalm === undefined || this.isStopping) return
    const waiting = this.#waitingForCalm
    this.#waitingForCalm = undefined
    for (const calm of waiting) calm()
  }

  /** It is alive again: somebody decided anew about what had ended it. */
  revive(): void {
    this.outcome = undefined
    this.endedAt = undefined
    this.attempts = 0
    this.held = undefined
    this.stuck = undefined
  }

  finish(outcome: Outcome): void {
    this.outcome = outcome
    this.endedAt = this.updatedAt
    this.#tell(outcome)
  }

  /** It will not end unless somebody decides: nobody waits for that. */
  tellStuck(): void {
    this.#tell(this.stuck!)
  }

  /** The orchestrator closed while the run was alive. */
  abandon(error: TroupeError): void {
    this.#tell(error)
  }

  #tell(end: Outcome | TroupeError): void {
    const waiting = this.#waitingForEnd
    this.#waitingForEnd = undefined
    if (waiting !== undefined) for (const one of waiting) one(end)
  }

  whenEnded(told: (end: Outcome | TroupeError) => void): void {
    if (this.outcome !== undefined) told(this.outcome)
    else if (this.parked instanceof RunPoisoned) told(this.parked)
    else if (this.stuck !== undefined) told(this.stuck)
    else (this.#waitingForEnd ??= []).push(told)
  }

  /** Those who wait for the end, as the run leaves memory. */
  leave(): Array<(end: Outcome | TroupeError) => void> {
    this.isGone = true
    // whoever holds on to a waiting run must not hold on to its actors
    this.room = nowhere
    const waiting = this.#waitingForEnd ?? []
    this.#waitingForEnd = undefined
    return waiting
  }

  /** The error that an outcome means to somebody who wants the result. */
  errorOf(outcome: Exclude<Outcome, { status: "succeeded" }>): RunFailed | RunCancelled {
    return outcome.status === "failed"
      ? new RunFailed({ run: this.id, task: outcome.task, failure: outcome.failure })
      : new RunCancelled({ run: this.id, reason: outcome.reason })
  }
}
