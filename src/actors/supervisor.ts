/**
 * A supervisor that can own 100,000 children: hand-written actor logic, because a machine that owns many children is quadratic
 * three times over (docs/decisions/0002). It gives what XState lacks: restart, resume, stop and escalate, per-child restart
 * intensity, one-for-one and one-for-all, and no orphan whoever throws.
 * The vocabulary is that of Erlang/OTP's supervisors. It reads no clock: `now` is given by whoever creates it.
 */
import type { ActorLogic, ActorScope, AnyActorLogic, AnyActorRef, EventObject } from "xstate"
import type { Chart, ChartSnapshot } from "../machines/compile.ts"
import { InvalidOption } from "../model/errors.ts"
import { createChild, restoreChild } from "./create.ts"

/**
 * What happens to a child that threw. `restart`: again from its input. `resume`: on from the state before the event that it
 * threw at. `stop`: it is gone. `escalate`: the supervisor fails too, and its own supervisor decides.
 */
export type Decision = "restart" | "resume" | "stop" | "escalate"

export interface ChildSpec {
  readonly id: string
  readonly logic: AnyActorLogic
  readonly input?: unknown
  /** It goes on from here instead of beginning. */
  readonly snapshot?: unknown
  /** Name of the logic, as inspectors show it. */
  readonly src?: string
  /** What happens when it throws; the supervisor's default otherwise. */
  readonly onError?: Decision
  /** It serves the others: the supervisor's own chart hears nothing of it. */
  readonly isStaff?: boolean
}

export interface SupervisorOptions {
  /** Children that are there from the start. */
  readonly children?: ReadonlyArray<ChildSpec>
  /** Default decision; `stop` when absent. A function sees the error and the child's restarts so far. */
  readonly onError?: Decision | ((child: ChildSpec, error: unknown, restarts: number) => Decision)
  /** `one-for-one` (default): only the child that threw is restarted. `one-for-all`: all of them, in the order they came. */
  readonly strategy?: "one-for-one" | "one-for-all"
  /** At most so many restarts of one child within so many milliseconds, then the supervisor escalates; default 3 in 5,000. */
  readonly intensity?: { readonly restarts: number; readonly withinMs: number }
  /** Milliseconds, for the intensity; without it restarts are counted over the child's whole life. */
  readonly now?: () => number
  /** A child ended by itself, or was let go: its id, and its output or error. */
  readonly onGone?: (gone: Gone) => void
  /** A chart for the life of the supervisor itself: it hears `run.opened` and `run.ended`, and everything unknown here. */
  readonly chart?: { readonly chart: Chart; readonly emit: (type: string) => void }
}

export type Gone = {
  readonly id: string
  readonly output: unknown
  readonly error?: unknown
  readonly by: "done" | "error" | "stop"
}

export type SupervisorEvent =
  | { readonly type: "supervisor.spawn"; readonly child: ChildSpec }
  | { readonly type: "supervisor.stop"; readonly id: string }
  | { readonly type: "supervisor.send"; readonly id: string; readonly event: EventObject }
  | EventObject

interface Child {
  readonly spec: ChildSpec
  actor: AnyActorRef
  restarts: Array<number>
}

/** One map, shared by all snapshots: starting and ending a child costs the same however many there are. Compare `version`. */
export class SupervisorSnapshot {
  readonly status: "active" | "done" | "error" | "stopped"
  readonly error: unknown
  readonly output: undefined
  readonly version: number
  readonly life: ChartSnapshot | undefined
  /** @internal */
  readonly book: Map<string, Child>
  constructor(
    status: SupervisorSnapshot["status"],
    version: number,
    book: Map<string, Child>,
    life: ChartSnapshot | undefined,
    error?: unknown
  ) {
    this.status = status
    this.version = version
    this.book = book
    this.life = life
    this.error = error
  }
  /** State of the supervisor's own chart, if it has one. */
  get value(): string {
    return this.life?.value ?? this.status
  }
  get context(): unknown {
    return this.life?.context ?? {}
  }
  /** Children by id. */
  get children(): Record<string, AnyActorRef> {
    return Object.fromEntries([...this.book].map(([id, { actor }]) => [id, actor]))
  }
  get size(): number {
    return this.book.size
  }
  child(id: string): AnyActorRef | undefined {
    return this.book.get(id)?.actor
  }
  matches(value: string): boolean {
    return this.value === value
  }
  toJSON() {
    return {
      status: this.status,
      value: this.value,
      context: this.context,
      output: undefined,
      error: this.error,
      children: [...this.book.keys()]
    }
  }
}

export type SupervisorLogic = ActorLogic<any, SupervisorEvent, void, any, any>
type Scope = ActorScope<any, any, any, any>

/**
 * Logic of a supervisor: `createActor(supervisor({ onError: "restart" }))`, then send `supervisor.spawn`.
 *
 * @throws InvalidOption for an intensity that allows nothing.
 */
export const supervisor = (options: SupervisorOptions = {}): SupervisorLogic => {
  const { restarts = 3, withinMs = 5_000 } = options.intensity ?? {}
  if (!(Number.isInteger(restarts) && restarts >= 0 && withinMs > 0))
    throw new InvalidOption({
      option: "intensity",
      value: `${restarts} in ${withinMs} ms`,
      allowed: "whole restarts from 0, in more than 0 ms"
    })
  const policy: Policy = { ...options, intensity: { restarts, withinMs } }
  return {
    config: options,
    getInitialSnapshot: () =>
      new SupervisorSnapshot(
        "active",
        0,
        new Map(),
        policy.chart?.chart.initial(undefined, policy.chart.emit, undefined)
      ),
    start: (snapshot: SupervisorSnapshot, scope: Scope) => {
      for (const child of policy.children ?? []) spawn(snapshot, child, scope)
    },
    transition: (snapshot: SupervisorSnapshot, event: any, scope: Scope) => {
      try {
        return receive(policy, snapshot, event, scope)
      } catch (error) {
        // whatever threw here, no child may outlive its owner
        stopAll(snapshot, scope)
        throw error
      }
    },
    getPersistedSnapshot: (snapshot: SupervisorSnapshot) => snapshot.toJSON() as never
  }
}

interface Policy extends SupervisorOptions {
  readonly intensity: { readonly restarts: number; readonly withinMs: number }
}

const changed = (snapshot: SupervisorSnapshot, life = snapshot.life) =>
  new SupervisorSnapshot(snapshot.status, snapshot.version + 1, snapshot.book, life)

const receive = (policy: Policy, snapshot: SupervisorSnapshot, event: any, scope: Scope): SupervisorSnapshot => {
  switch (event.type) {
    case "supervisor.spawn":
      spawn(snapshot, event.child, scope)
      if (event.child.isStaff === true) return changed(snapshot)
      return live(policy, snapshot, { type: "run.opened" }, scope)
    case "supervisor.stop":
      return leave(policy, snapshot, event.id, scope)
    case "supervisor.send":
      snapshot.book.get(event.id)?.actor.send(event.event)
      return snapshot
    case "xstate.stop":
      stopAll(snapshot, scope)
      return new SupervisorSnapshot("stopped", snapshot.version + 1, snapshot.book, snapshot.life)
  }
  if (event.actorId === undefined) return live(policy, snapshot, event, scope)
  const child = snapshot.book.get(event.actorId)
  if (child === undefined) return snapshot
  if (event.type.startsWith("xstate.done.actor.")) {
    snapshot.book.delete(event.actorId)
    policy.onGone?.({ id: event.actorId, output: event.output, by: "done" })
    return live(policy, snapshot, { type: "run.ended" }, scope)
  }
  return failed(policy, snapshot, child, event.error, scope)
}

/** Tells the supervisor's own chart; when that comes to its end, so does the supervisor, with all its children. */
const live = (policy: Policy, snapshot: SupervisorSnapshot, event: EventObject, scope: Scope): SupervisorSnapshot => {
  if (policy.chart === undefined || snapshot.life === undefined) return changed(snapshot)
  const life = policy.chart.chart.step(snapshot.life, event, policy.chart.emit)
  if (life.status === "active") return changed(snapshot, life)
  stopAll(snapshot, scope)
  return new SupervisorSnapshot("done", snapshot.version + 1, snapshot.book, life)
}

const spawn = (snapshot: SupervisorSnapshot, spec: ChildSpec, scope: Scope): void => {
  const { id, logic, input, src, snapshot: before } = spec
  if (snapshot.book.has(id))
    throw new InvalidOption({ option: "child id", value: id, allowed: "an id that no living child has" })
  const actor =
    before === undefined
      ? createChild(logic, scope.self, id, input, src)
      : restoreChild(logic, scope.self, id, input, before, src)
  snapshot.book.set(id, { spec, actor, restarts: [] })
  scope.defer(() => actor.start())
}

const leave = (policy: Policy, snapshot: SupervisorSnapshot, id: string, scope: Scope): SupervisorSnapshot => {
  const child = snapshot.book.get(id)
  if (child === undefined) return snapshot
  snapshot.book.delete(id)
  scope.stopChild(child.actor)
  policy.onGone?.({ id, output: undefined, by: "stop" })
  return live(policy, snapshot, { type: "run.ended" }, scope)
}

const stopAll = (snapshot: SupervisorSnapshot, scope: Scope): void => {
  for (const { actor } of snapshot.book.values()) scope.stopChild(actor)
  snapshot.book.clear()
}

const failed = (
  policy: Policy,
  snapshot: SupervisorSnapshot,
  child: Child,
  error: unknown,
  scope: Scope
): SupervisorSnapshot => {
  switch (decide(policy, child, error)) {
    case "restart":
      for (const one of policy.strategy === "one-for-all" ? [...snapshot.book.values()] : [child]) {
        if (one !== child) scope.stopChild(one.actor)
        again(one, undefined, scope)
      }
      return changed(snapshot)
    case "resume":
      again(child, child.actor.getSnapshot(), scope)
      return changed(snapshot)
    case "stop":
      snapshot.book.delete(child.spec.id)
      policy.onGone?.({ id: child.spec.id, output: undefined, error, by: "error" })
      return live(policy, snapshot, { type: "run.ended" }, scope)
    case "escalate":
      snapshot.book.delete(child.spec.id)
      policy.onGone?.({ id: child.spec.id, output: undefined, error, by: "error" })
      stopAll(snapshot, scope)
      return new SupervisorSnapshot("error", snapshot.version + 1, snapshot.book, snapshot.life, error)
  }
}

const decide = (policy: Policy, child: Child, error: unknown): Decision => {
  const { onError = "stop", intensity, now } = policy
  const wanted =
    child.spec.onError ?? (typeof onError === "function" ? onError(child.spec, error, child.restarts.length) : onError)
  if (wanted === "stop" || wanted === "escalate") return wanted
  const at = now?.() ?? 0
  child.restarts =
    now === undefined
      ? [...child.restarts, at]
      : [...child.restarts.filter((before) => at - before < intensity.withinMs), at]
  return child.restarts.length > intensity.restarts ? "escalate" : wanted
}

/** Puts a new actor in the place of one that threw: from its input, or on from its last good state. */
const again = (child: Child, snapshot: any, scope: Scope): void => {
  const { id, logic, input, src } = child.spec
  const actor =
    snapshot === undefined
      ? createChild(logic, scope.self, id, input, src)
      : restoreChild(
          logic,
          scope.self,
          id,
          input,
          logic.getPersistedSnapshot({ ...snapshot, status: "active", error: undefined }),
          src
        )
  child.actor = actor
  scope.defer(() => actor.start())
}
