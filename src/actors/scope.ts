/**
 * Actors with children: a workflow, a fan-out, a loop. The chart (`workflow`) says what state the whole is in; the director
 * says what starts next; this file keeps the children: creates them lazily, lets them go when they are final,
 * stops them with their owner, and turns a child that throws into a failed task.
 */
import type { ActorLogic, ActorScope, AnyActorRef, EventObject } from "xstate"
import { type ChartSnapshot, compile } from "../machines/compile.ts"
import { type WorkflowContext, type WorkflowEvent, type WorkflowInput, workflowMachine } from "../machines/workflow.ts"
import { Deadlock, type Failure, toFailure } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Outcome } from "../model/messages.ts"
import { createChild } from "./create.ts"
import { emitTo, gateLogic, sleepLogic, stepChart, taskLogic } from "./leaf.ts"
import { everything, type GatePlace, type Place, type Room } from "./room.ts"
import { noteEffect, SagaDirector } from "./saga.ts"

export const scopeChart = compile<WorkflowContext, WorkflowEvent, WorkflowInput, Outcome>(workflowMachine)

/** Decides what the children of a scope are, when each starts, and what the whole gives. */
export interface Director {
  /** Starts what can start at once. */
  open(scope: Scope): void
  /** A queued start was granted. */
  admitted(scope: Scope, index: number): void
  /** A child is final. */
  settled(scope: Scope, child: Child, outcome: Outcome): void
  /** Whether everything is final. */
  isSettled(): boolean
  /** The value of the whole, once settled; may throw. */
  value(): Json
  /** What waits although nothing runs, for the report of a deadlock. */
  blocked(): ReadonlyArray<string>
  /** What it knows, as data. */
  freeze(): Json
  /** Where a child of a snapshot stands, and, if it has children itself, who directs them. */
  recall(scope: Scope, child: Recalled): { readonly place: Place; readonly director?: Director }
}

/** A child that comes back from a snapshot. */
export interface Recalled {
  readonly id: string
  readonly index: number
  /** What its own director knew. */
  readonly director: Json | undefined
}

export interface Child {
  readonly id: string
  readonly actor: AnyActorRef
  readonly index: number
  readonly place: Place
  /** Time of the message that started it. */
  readonly startedAt: number
}

export interface ScopeInput {
  readonly place: Place
  readonly facts: WorkflowInput
  readonly director: Director
}

/** What a parent keeps: mutable, one per parent, shared by its snapshots. */
export class Scope {
  readonly place: Place
  /** Another one once what was done is being undone. */
  director: Director
  readonly children = new Map<string, Child>()
  /** Set while the actor runs. */
  self!: AnyActorRef
  #failure: WorkflowEvent | undefined = undefined
  /** Starts that were asked for and not granted yet. */
  queued = 0

  constructor(place: Place, director: Director) {
    this.place = place
    this.director = director
  }

  get room(): Room {
    return this.place.room
  }

  /** Path of a child. */
  pathOf(name: string): string {
    return this.place.path === "" ? name : `${this.place.path}/${name}`
  }

  /** Whether the scope only waits for its children to end; then nothing starts any more. */
  isDraining = false

  /** Asks for a slot; the director hears `admitted` when there is one. */
  enqueue(index: number, priority: number): void {
    if (this.isDraining) return
    this.queued++
    this.room.enqueue(this.self, index, priority)
  }

  /** Whether there is something to undo that was done after a message, and this is the one who does it. */
  undoes(floor = -1): boolean {
    return this.place.path === "" && this.room.knownLedger?.isOpenAfter(floor) === true
  }

  /** Where the run goes back to instead of ending with this failure. */
  recoverTo(failure: Failure | undefined): number | undefined {
    return this.place.path === "" && failure !== undefined ? this.room.recoverTo(failure) : undefined
  }

  /** Brings the children back; set while the scope itself comes back from a snapshot. */
  revive: ((scope: Scope) => void) | undefined = undefined

  /** A child from a snapshot. */
  readopt(child: Child): void {
    child.place.actor = child.actor
    this.children.set(child.id, child)
    child.actor.start()
  }

  /** Starts the actor of a task; its first attempt begins at once. */
  startTask(id: string, index: number, place: Place): void {
    place.holdsSlot = true
    const actor = createChild(taskLogic, this.self, id, place, "task")
    this.#adopt(id, index, place, actor)
    actor.send(place.limits === undefined ? start : { type: "start", at: this.room.now })
  }

  /** Queues a task whose time runs already: its actor lives while it waits for a slot. */
  queueTask(id: string, index: number, place: Place): void {
    if (this.isDraining) return
    const actor = createChild(taskLogic, this.self, id, place, "task")
    this.#adopt(id, index, place, actor)
    actor.send({ type: "queue", at: this.room.now })
  }

  /** Starts a wait. */
  startSleep(id: string, index: number, place: Place, durationMs: number): void {
    if (this.isDraining) return
    place.dueAt = this.room.now + durationMs / this.room.timeScale
    const actor = createChild(sleepLogic, this.self, id, place, "sleep")
    this.#adopt(id, index, place, actor)
  }

  /** Opens a gate; what was said to it before is its answer. */
  startGate(id: string, index: number, place: GatePlace): void {
    if (this.isDraining) return
    place.dueAt = this.room.now + place.waitMs
    const actor = createChild(gateLogic, this.self, id, place, "gate")
    this.#adopt(id, index, place, actor)
    place.hearEarly()
  }

  /** Starts an actor that has children itself. */
  startScope(id: string, index: number, place: Place, director: Director, facts: WorkflowInput): void {
    if (this.isDraining) return
    const actor = createChild(scopeLogic, this.self, id, { place, facts, director } satisfies ScopeInput, "workflow")
    this.#adopt(id, index, place, actor)
  }

  #adopt(id: string, index: number, place: Place, actor: AnyActorRef): void {
    place.actor = actor
    this.children.set(id, { id, actor, index, place, startedAt: this.room.now })
    actor.start()
  }

  /** Tells the chart that a task failed, once the current event is done with. */
  fail(outcome: Extract<Outcome, { status: "failed" }>): void {
    this.#failure ??= { type: "task.failed", task: outcome.task, failure: outcome.failure }
  }

  /** @internal */
  takeFailure(): WorkflowEvent | undefined {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }
}
/** Where nothing is limited, nobody asks when. */
const start = { type: "start", at: 0 }
const cancel = { type: "cancel" }
const begin = { type: "begin" }

/** The snapshot of a parent: that of its chart, and its scope. */
export class ScopeSnapshot {
  readonly chart: ChartSnapshot<WorkflowContext, Outcome>
  readonly scope: Scope
  constructor(chart: ChartSnapshot<WorkflowContext, Outcome>, scope: Scope) {
    this.chart = chart
    this.scope = scope
  }
  get status() {
    return this.chart.status
  }
  get value() {
    return this.chart.value
  }
  get context() {
    return this.chart.context
  }
  get output() {
    return this.chart.output
  }
  get error() {
    return this.chart.error
  }
  get tags() {
    return this.chart.tags
  }
  get machine() {
    return this.chart.machine
  }
  get _nodes() {
    return this.chart._nodes
  }
  /** The actors that are alive below this one, by id. */
  get children(): Record<string, AnyActorRef> {
    return Object.fromEntries([...this.scope.children].map(([id, { actor }]) => [id, actor]))
  }
  matches(value: string): boolean {
    return this.chart.matches(value)
  }
  hasTag(tag: string): boolean {
    return this.chart.hasTag(tag)
  }
  can(event: EventObject): boolean {
    return this.chart.can(event)
  }
  getMeta() {
    return this.chart.getMeta()
  }
  toJSON() {
    return this.chart.toJSON()
  }
}

type ScopeEvent = EventObject & {
  readonly actorId?: string
  readonly output?: Outcome
  readonly error?: unknown
  readonly index?: number
}
type XScope = ActorScope<any, any, any, any>

export const scopeLogic: ActorLogic<any, ScopeEvent, ScopeInput, any, any> = {
  config: workflowMachine.config,

  getInitialSnapshot: (actor: XScope, { place, facts, director }: ScopeInput) =>
    new ScopeSnapshot(scopeChart.initial(facts, emitTo(actor.self), place), new Scope(place, director)),

  start: (snapshot: ScopeSnapshot, actor: XScope) => {
    const { scope } = snapshot
    const { place } = scope
    scope.self = actor.self
    place.actor = actor.self
    if (place.path === "") place.room.root = actor.self
    const { revive } = scope
    scope.revive = undefined
    if (revive === undefined) actor.self.send(begin)
    else revive(scope)
  },

  transition: (snapshot: ScopeSnapshot, event: ScopeEvent, actor: XScope) => {
    const { scope } = snapshot
    try {
      if (event.type === "xstate.stop") stopChildren(scope, actor)
      const next = rest(scope, receive(snapshot.chart, scope, event, actor), actor)
      if (next === snapshot.chart) return snapshot
      if (next.status !== "active") end(scope, next, actor)
      return new ScopeSnapshot(next, scope)
    } catch (error) {
      // our own defect: XState would leave the children running without an owner
      stopChildren(scope, actor)
      throw error
    }
  },

  getPersistedSnapshot: (snapshot: ScopeSnapshot) => snapshot.toJSON() as never
}

type Snapshot = ChartSnapshot<WorkflowContext, Outcome>

/** What one event means: to the director what concerns children, to the chart everything else. */
const receive = (before: Snapshot, scope: Scope, event: ScopeEvent, actor: XScope): Snapshot => {
  if (event.actorId !== undefined) {
    const child = scope.children.get(event.actorId)
    if (child === undefined) return before
    scope.children.delete(event.actorId)
    const outcome = told(before, child, event.output ?? crashed(scope, child, event.error))
    if (child.place.finishes) noteEffect(child.place, outcome)
    if (outcome.status === "succeeded") scope.room.noteMark(child.place)
    return direct(before, scope, actor, settled, child, outcome)
  }
  switch (event.type) {
    case "begin":
      return before.hasTag("scheduled") ? before : direct(before, scope, actor, open)
    case "admitted":
      scope.queued--
      if (before.status === "active" && !before.hasTag("draining"))
        return direct(before, scope, actor, admitted, event.index)
      scope.room.release()
      return before
    default:
      return stepScope(before, scope, event as WorkflowEvent, actor)
  }
}

const open = (scope: Scope) => scope.director.open(scope)
const admitted = (scope: Scope, index: unknown) => scope.director.admitted(scope, index as number)
const settled = (scope: Scope, child: unknown, outcome: unknown) =>
  scope.director.settled(scope, child as Child, outcome as Outcome)

/** A child that ends as cancelled although nobody cancelled it must not pass for a success. */
const told = (before: Snapshot, child: Child, outcome: Outcome): Outcome =>
  outcome.status === "cancelled" && !before.hasTag("draining")
    ? { status: "failed", task: child.place.path, failure: cancelledAlone }
    : outcome
const cancelledAlone = {
  tag: "Cancelled",
  message: "the task was cancelled while its workflow went on",
  retryable: false
}

/** An actor that threw: a defect of ours, kept inside its task. */
const crashed = (scope: Scope, child: Child, error: unknown): Outcome => {
  scope.room.command("attempt.abort", none, child.place)
  if (scope.room.gateAt(child.place.path) !== undefined) scope.room.gates.closed(child.place.path, "ended")
  if (child.place.holdsSlot) scope.room.command("slot.release", none, child.place)
  return { status: "failed", task: child.place.path, failure: { ...toFailure(error), retryable: false } }
}
const none = { attempt: 0, dueAt: 0 }

/** Lets the director act; what it throws fails the scope, as does a failure that it reports. */
const direct = (
  before: Snapshot,
  scope: Scope,
  actor: XScope,
  act: (scope: Scope, a: unknown, b: unknown) => void,
  a?: unknown,
  b?: unknown
): Snapshot => {
  try {
    act(scope, a, b)
  } catch (error) {
    scope.fail({ status: "failed", task: scope.place.path, failure: toFailure(error) })
  }
  const failure = scope.takeFailure()
  return failure === undefined ? before : stepScope(before, scope, failure, actor)
}

const stepScope = (before: Snapshot, scope: Scope, event: WorkflowEvent, actor: XScope): Snapshot => {
  const after = stepChart(scopeChart, before, event, actor.self) as Snapshot
  scope.isDraining = after.hasTag("draining")
  if (scope.place.path === "") {
    scope.room.rewound = after.value === "rewound" ? rewoundOf(after.context) : undefined
    scope.room.isGoingBack = after.context.rewindTo !== undefined
  }
  // who goes back and is cancelled goes all the way
  if (before.context.rewindTo !== undefined && after.context.rewindTo === undefined) scope.room.ledger.begin(-1)
  if (scope.isDraining && !before.hasTag("draining"))
    for (const child of [...scope.children.values()]) child.actor.send(cancel)
  // its time has come
  if (before.hasTag("scheduled") && after.value === "running") return direct(after, scope, actor, open)
  if (after.hasTag("undoing") && !before.hasTag("undoing")) {
    // what waited for a slot belongs to what has ended
    scope.room.dropQueue()
    scope.queued = 0
    scope.room.ledger.begin(after.context.rewindTo ?? -1)
    if (!(scope.director instanceof SagaDirector)) scope.director = new SagaDirector(scope.director, scope.room.ledger)
    return direct(after, scope, actor, open)
  }
  return after
}

/** Once an event is done with: is the whole settled, or drained, or stuck? */
const rest = (scope: Scope, snapshot: Snapshot, actor: XScope): Snapshot => {
  if (snapshot.status !== "active") return snapshot
  // somebody has to decide first, or its time has not come
  if (snapshot.hasTag("stuck") || snapshot.hasTag("scheduled")) return snapshot
  if (snapshot.hasTag("draining"))
    return scope.children.size > 0
      ? snapshot
      : rest(scope, stepScope(snapshot, scope, idleOf(scope, snapshot), actor), actor)
  const { director } = scope
  if (director.isSettled()) {
    try {
      return stepScope(
        snapshot,
        scope,
        {
          type: "settled",
          value: snapshot.context.failure === undefined ? director.value() : null,
          undoes: scope.undoes()
        },
        actor
      )
    } catch (error) {
      const failed = stepScope(snapshot, scope, { type: "task.failed", task: "", failure: toFailure(error) }, actor)
      return failed.status === "active" ? rest(scope, stopAtOnce(failed, scope, actor), actor) : failed
    }
  }
  if (scope.children.size > 0 || scope.queued > 0) return snapshot
  const stuck = {
    type: "task.failed" as const,
    task: "",
    failure: toFailure(new Deadlock({ blocked: director.blocked() }))
  }
  return rest(scope, stopAtOnce(stepScope(snapshot, scope, stuck, actor), scope, actor), actor)
}

/** Where a run goes back to that has come to rest for it. */
export const rewoundOf = ({ rewindTo, isRecovery }: WorkflowContext): Room["rewound"] =>
  rewindTo === undefined ? undefined : { to: rewindTo, isRecovery }

/** Nothing is under way any more. */
const idleOf = (scope: Scope, { context, value }: Snapshot): WorkflowEvent => {
  const recoverTo = value === "failing" ? scope.recoverTo(context.failure?.failure) : undefined
  return {
    type: "idle",
    undoes: recoverTo === everything ? false : scope.undoes(recoverTo ?? context.rewindTo),
    ...(recoverTo === undefined ? {} : { recoverTo })
  }
}

/** A deadlock ends the scope even where it would continue after failures. */
const stopAtOnce = (snapshot: Snapshot, scope: Scope, actor: XScope): Snapshot =>
  snapshot.status === "active" && !snapshot.hasTag("draining")
    ? stepScope(snapshot, scope, { type: "settled", value: null, undoes: scope.undoes() }, actor)
    : snapshot

const end = (scope: Scope, snapshot: Snapshot, actor: XScope): void => {
  stopChildren(scope, actor)
  const { room, path } = scope.place
  if (path === "" && snapshot.output !== undefined) room.close(snapshot.output)
}

const stopChildren = (scope: Scope, actor: XScope): void => {
  for (const { actor: child } of scope.children.values()) actor.stopChild(child)
  scope.children.clear()
}
