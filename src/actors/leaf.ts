/** Actors without children: a task, a wait, a gate. The logic is a compiled chart; its commands go to the room of its place. */
import type { ActorLogic, ActorScope, AnyActorRef, EventObject } from "xstate"
import { type Chart, type ChartSnapshot, compile, type Emit } from "../machines/compile.ts"
import { gateMachine } from "../machines/gate.ts"
import { sleepMachine } from "../machines/sleep.ts"
import { taskMachine } from "../machines/task.ts"
import { isWatched, reportAction, reportStep } from "./create.ts"
import type { Place } from "./room.ts"

type LeafLogic = ActorLogic<any, EventObject, Place, any, any>
type Scope = ActorScope<any, any, any, any>

/** Commands go to the room; where somebody inspects, they are reported as actions too. */
export const emitTo =
  (actor: AnyActorRef): Emit<Place> =>
  (type, params, place) => {
    reportAction(actor, type, params)
    place.room.command(type, params, place)
  }
const emit: Emit<Place> = (type, params, place) => place.room.command(type, params, place)

/** Steps a chart for an actor, reporting it where somebody inspects. */
export const stepChart = (
  chart: Chart,
  snapshot: ChartSnapshot,
  event: EventObject,
  self: AnyActorRef
): ChartSnapshot => {
  if (!isWatched(self)) return chart.step(snapshot, event, emit)
  const next = chart.step(snapshot, event, emitTo(self))
  reportStep(self, event, next)
  return next
}

const leafLogic = (chart: Chart): LeafLogic => ({
  config: chart.machine.config,
  // the place is what the chart gets as input: it has the path, the retry policy, and when a wait is due
  getInitialSnapshot: (scope: Scope, place: Place) =>
    chart.initial(place, isWatched(scope.self) ? emitTo(scope.self) : emit, place),
  transition: (snapshot: ChartSnapshot, event: EventObject, scope: Scope) =>
    stepChart(chart, snapshot, event, scope.self),
  getPersistedSnapshot: (snapshot: ChartSnapshot) => snapshot.toJSON() as never
})

/** A task as an actor. */
export const taskLogic = leafLogic(compile(taskMachine))
/** A wait as an actor. */
export const sleepLogic = leafLogic(compile(sleepMachine))
/** A gate as an actor. */
export const gateLogic = leafLogic(compile(gateMachine))
