/**
 * Taking back what a run has done, from the newest effect to the oldest, one at a time. Each undo is a task like any other, with
 * attempts, a key and a timeout of its own; where nobody knows whether there is anything to take back, that is found out first.
 * After Garcia-Molina and Salem, Sagas (1987).
 */

import type { WorkflowContext } from "../machines/workflow.ts"
import type { Structure } from "../model/compile.ts"
import type { Json } from "../model/json.ts"
import type { AttemptAborted, AttemptFailed, AttemptSucceeded, Outcome, RunAmended } from "../model/messages.ts"
import { type Ledger, undoing, verifying } from "../model/saga.ts"
import { askTask, frameOf, undoTask, verifyTask } from "../model/undo-task.ts"
import { GatePlace, Place, type Room } from "./room.ts"
import type { Child, Director, Recalled, Scope, ScopeSnapshot } from "./scope.ts"

/** What an attempt that ended like this leaves behind: its body may have gone on, unheard. */
const cutOff: ReadonlySet<string> = new Set(["AttemptTimedOut", "HeartbeatMissed"])

/** Notes whether the attempt of a task has had an effect. */
export const noteAttempt = (place: Place, message: AttemptSucceeded | AttemptFailed | AttemptAborted): void => {
  if (!place.finishes) return
  if (message.type === "attempt.succeeded") {
    // a remembered value was given before: nobody was called
    if (message.cached !== true) place.effect = "done"
  } else if (message.type === "attempt.aborted" || cutOff.has(message.failure.tag)) place.effect = "unknown"
}

/** The time of a task may be over while its attempt is out: nobody knows then what that one has done. */
export const noteTimer = (place: Place, fire: () => void): void => {
  const isOut = place.finishes && outStates.has(place.actor?.getSnapshot().value)
  const before = place.effect
  if (isOut) place.effect = "unknown"
  fire()
  // it only said how late it is
  if (isOut && place.actor?.getSnapshot().status === "active") place.effect = before
}
const outStates: ReadonlySet<string> = new Set(["attempting", "finishing"])

/** A task is final: what it has done is written down. */
export const noteEffect = (place: Place, outcome: Outcome): void => {
  const { effect, room } = place
  if (effect === "none" || !place.finishes) return
  const { undo, isPivot } = place.task!.work!
  if (outcome.status === "succeeded") {
    // a result that a person gave for one whose outcome is not known speaks for itself
    if (effect === "unknown") return
    if (isPivot) room.ledger.pass()
    else room.ledger.add({ ...factsOf(place), undo: undo!, result: outcome.value, isUnknown: false })
  } else if (effect === "unknown") addUnknown(place)
}

const addUnknown = (place: Place): void => {
  const { undo } = place.task!.work!
  const facts = { ...factsOf(place), result: undefined, isUnknown: true }
  place.room.ledger.add(undo === undefined ? { ...facts, undo: { kind: "noop" }, isPivot: true } : { ...facts, undo })
}

/** A task begins anew, with another key: what an earlier attempt may have done under the old one is not forgotten. */
export const beginsAnew = (place: Place): void => {
  if (place.effect === "unknown") addUnknown(place)
  place.effect = "none"
}

const factsOf = ({ path, room, key, request }: Place) => ({ task: path, seq: room.seq, key, request })

type GateStructure = Extract<Structure, { kind: "gate" }>

/** Takes the place of the director of a run that has come to its end. */
export class SagaDirector implements Director {
  readonly before: Director
  readonly #ledger: Ledger

  constructor(before: Director, ledger: Ledger) {
    this.before = before
    this.#ledger = ledger
  }

  open(scope: Scope): void {
    const at = this.#ledger.next()
    if (at === undefined) return
    const { isUnknown, undo } = this.#ledger.at(at)
    if (isUnknown && (undo.onUnknown ?? "ask") === "ask")
      scope.startGate(this.#nameOf(at, verifying), at, this.#place(scope, at, verifying) as GatePlace)
    else scope.enqueue(at, undoPriority)
  }

  admitted(scope: Scope, index: number): void {
    const { isUnknown, undo } = this.#ledger.at(index)
    const what = isUnknown && undo.onUnknown === "verify" ? verifying : undoing
    scope.startTask(this.#nameOf(index, what), index, this.#place(scope, index, what))
  }

  settled(scope: Scope, { id, index }: Child, outcome: Outcome): void {
    if (outcome.status === "failed") return scope.fail(outcome)
    if (outcome.status === "cancelled") return
    settle(this.#ledger, index, id, outcome.value)
    this.open(scope)
  }

  isSettled(): boolean {
    return !this.#ledger.isOpen
  }

  value(): Json {
    return null
  }

  blocked(): ReadonlyArray<string> {
    return this.#ledger.left
  }

  freeze(): Json {
    return this.before.freeze()
  }

  recall(scope: Scope, { id, index }: Recalled) {
    return { place: this.#place(scope, index, id.endsWith(undoing) ? undoing : verifying) }
  }

  #nameOf(index: number, what: string): string {
    return this.#ledger.at(index).task + what
  }

  #place(scope: Scope, index: number, what: string): Place {
    const effect = this.#ledger.at(index)
    const { undo, task, request, key } = effect
    const path = task + what
    const frame = frameOf(effect)
    if (what === undoing || undo.onUnknown === "verify") {
      const place = new Place(scope.room, path, what === undoing ? undoTask(undo) : verifyTask(undo.verify!), frame)
      place.generation = effect.again ?? 0
      return place
    }
    const asked = Object.freeze({ task, request: request ?? null, key })
    const ask = askTask(() => asked)
    return new GatePlace(scope.room, path, ask, frame, ask.structure as GateStructure)
  }
}

/** Before whatever else is ready. */
const undoPriority = 100

/** What came of an undo, or of the question whether there is anything to undo. */
const settle = (ledger: Ledger, index: number, id: string, value: Json): void => {
  if (id.endsWith(undoing)) ledger.settle(index, "undone")
  else if (value === null) ledger.settle(index, "notDone")
  else if (ledger.at(index).isPivot === true) ledger.pass()
  else ledger.resolve(index, (value as { readonly result?: Json }).result ?? null)
}

/** Somebody decided about the undo that has failed for good: it is tried again, or was done by hand. */
export const decideUndo = (room: Room, { again, give }: RunAmended, seq: number): void => {
  const failed = undoFailureOf(room)
  const index = room.knownLedger?.next()
  if (failed === undefined || index === undefined) return
  if (Object.hasOwn(give, failed.task)) settle(room.ledger, index, failed.task, give[failed.task]!)
  else if (again === failed.task) room.ledger.tryAgain(index, seq)
  else return
  room.root!.send({ type: "again" })
}

/** The undo that has failed for good, while nobody has decided about it. */
export const undoFailureOf = ({ root }: Room): WorkflowContext["undoFailure"] => {
  const snapshot = root?.getSnapshot() as ScopeSnapshot | undefined
  return snapshot?.hasTag("stuck") === true ? snapshot.context.undoFailure : undefined
}
