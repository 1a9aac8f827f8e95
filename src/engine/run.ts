/** What the engine keeps about one run, alive or finished. */
import type { AnyActorRef } from "xstate"
import type { Place, Room } from "../actors/room.ts"
import type { CompiledWorkflow } from "../model/compile.ts"
import { RunCancelled, RunFailed, type TroupeError } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Outcome } from "../model/messages.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Attempt } from "./attempts.ts"
import type { Timer } from "./timers.ts"

type Written = (error?: TroupeError) => void

export class LiveRun {
  readonly id: string
  readonly workflow: Workflow
  readonly compiled: CompiledWorkflow
  readonly input: Json
  readonly submittedAt: number
  readonly room: Room
  /** Attempts that are out. */
  readonly out = new Set<Attempt>()
  readonly timers = new Map<Place, Timer>()
  updatedAt: number
  endedAt: number | undefined = undefined
  /** Attempts started so far. */
  attempts = 0
  outcome: Outcome | undefined = undefined
  #length = 0
  #isWritten = false
  #refusal: TroupeError | undefined = undefined
  #waitingForWrite: Array<Written> | undefined = undefined
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

  /** The number of the next message. */
  next(): number {
    return this.#length++
  }

  /** The last number was not used after all. */
  rewind(): void {
    this.#length--
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

  finish(outcome: Outcome): void {
    this.outcome = outcome
    this.endedAt = this.updatedAt
    this.#tell(outcome)
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
    else (this.#waitingForEnd ??= []).push(told)
  }

  /** The error that an outcome means to somebody who wants the result. */
  errorOf(outcome: Exclude<Outcome, { status: "succeeded" }>): RunFailed | RunCancelled {
    return outcome.status === "failed" ? new RunFailed({ run: this.id, task: outcome.task, failure: outcome.failure }) : new RunCancelled({ run: this.id, reason: outcome.reason })
  }
}
