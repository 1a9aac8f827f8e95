/**
 * The one file that calls `createActor` and touches what XState keeps to itself. Guards against its traps: an inspector that
 * throws would wedge the actor it watches, and a child of a throwing parent would live on without an owner.
 */
import { type AnyActorLogic, type AnyActorRef, createActor, type InspectionEvent, type Observer } from "xstate"

/** Watches everything that happens in an actor system: a function or an observer. */
export type Inspect = ((event: InspectionEvent) => void) | Observer<InspectionEvent>

interface System {
  _sendInspectionEvent: (event: object) => void
  inspect: (observer: Inspect) => { unsubscribe: () => void }
}

/** How many watch a system; charts report their steps only where somebody does. */
const watchers = new WeakMap<object, { count: number }>()

export interface RootOptions {
  readonly id: string
  readonly input?: unknown
  readonly inspect?: Inspect | undefined
  /** Told about observers that throw; they never disturb an actor. */
  readonly onInspectError?: ((error: unknown) => void) | undefined
}

/** Creates the root of an actor system. An observer that throws is reported and harms nobody, now or when it joins later. */
export const createRoot = (
  logic: AnyActorLogic,
  { id, input, inspect, onInspectError = () => {} }: RootOptions
): AnyActorRef => {
  const actor = createActor(logic, { id, input })
  const system = actor.system as unknown as System
  const state = { count: 0 }
  watchers.set(system, state)
  const original = system.inspect.bind(system)
  system.inspect = (observer) => {
    const subscription = original(guarded(observer, onInspectError))
    state.count++
    let open = true
    return {
      unsubscribe: () => {
        if (open) state.count--
        open = false
        subscription.unsubscribe()
      }
    }
  }
  if (inspect !== undefined) {
    system.inspect(inspect)
    // observers given to createActor hear of the root itself; one that joins a moment later would not
    system._sendInspectionEvent({ type: "@xstate.actor", actorRef: actor })
  }
  return actor
}

/** Creates a child; its owner starts and stops it. */
export const createChild = (
  logic: AnyActorLogic,
  parent: AnyActorRef,
  id: string,
  input: unknown,
  src?: string
): AnyActorRef =>
  createActor(
    logic,
    src === undefined ? { parent, id, input: input as never } : { parent, id, input: input as never, src }
  )

/** Creates a child that goes on from a snapshot. */
export const restoreChild = (
  logic: AnyActorLogic,
  parent: AnyActorRef,
  id: string,
  input: unknown,
  snapshot: unknown,
  src?: string
): AnyActorRef =>
  createActor(logic, {
    parent,
    id,
    input: input as never,
    snapshot: snapshot as never,
    ...(src === undefined ? {} : { src })
  })

/** Who has created an actor and gets its end; undefined for a root. */
export const parentOf = (actor: AnyActorRef): AnyActorRef | undefined => actor._parent

/** Whether anybody inspects the system of an actor. */
export const isWatched = (actor: AnyActorRef): boolean => (watchers.get(actor.system)?.count ?? 0) > 0

/** Reports a step of a compiled chart as XState reports those of a machine. */
export const reportStep = (actor: AnyActorRef, event: object, snapshot: object): void =>
  (actor.system as unknown as System)._sendInspectionEvent({
    type: "@xstate.microstep",
    actorRef: actor,
    event,
    snapshot,
    _transitions: []
  })

/** Reports a command of a compiled chart as XState reports actions. */
export const reportAction = (actor: AnyActorRef, type: string, params: unknown): void =>
  (actor.system as unknown as System)._sendInspectionEvent({
    type: "@xstate.action",
    actorRef: actor,
    action: { type, params }
  })

const guarded = (observer: Inspect, onError: (error: unknown) => void): Observer<InspectionEvent> => ({
  next: (event) => {
    try {
      const seen: unknown = typeof observer === "function" ? observer(event) : observer.next?.(event)
      // an asynchronous one throws later, where nobody would catch it
      if (seen instanceof Promise) seen.catch(onError)
    } catch (error) {
      onError(error)
    }
  }
})
