/** The life of a breaker as an XState actor of its own, which any inspector can watch. Its events are steps of the compiled chart. */
import type { ActorLogic, ActorScope, AnyActorRef, EventObject } from "xstate"
import { type BreakerState, beginLife, breakerChart, type MakeLife } from "../machines/breaker-desk.ts"
import type { ChartSnapshot, Emit } from "../machines/compile.ts"
import type { BreakerRule } from "../model/breaker.ts"
import { createRoot, isWatched, type RootOptions, reportAction, reportStep } from "./create.ts"

export interface BreakerActor {
  readonly rule: BreakerRule
  readonly at: number
  readonly from?: BreakerState | undefined
}

/** The actor, running; `make` gives its life to a desk. */
export const breakerActor = (
  { rule, at, from }: BreakerActor,
  options: RootOptions
): { readonly make: MakeLife; readonly actor: () => AnyActorRef } => {
  let actor: AnyActorRef
  const make: MakeLife = (emit) => {
    actor = createRoot(breakerLogic({ rule, at, from }, emit), options)
    actor.start()
    return { look: () => actor.getSnapshot(), send: (event) => actor.send(event) }
  }
  return { make, actor: () => actor }
}

/** What the actor does; its commands go to `emit`. */
export const breakerLogic = (
  { rule, at, from }: BreakerActor,
  emit: Emit<undefined>
): ActorLogic<any, EventObject, unknown, any, any> => {
  const emitAs =
    (self: AnyActorRef): Emit<undefined> =>
    (type, params, subject) => {
      reportAction(self, type, params)
      emit(type, params, subject)
    }
  return {
    config: breakerChart.machine.config,
    getInitialSnapshot: ({ self }: ActorScope<any, any, any, any>) =>
      beginLife(rule, at, from, isWatched(self) ? emitAs(self) : emit),
    transition: (snapshot: ChartSnapshot, event: any, { self }: ActorScope<any, any, any, any>) => {
      if (!isWatched(self)) return breakerChart.step(snapshot, event, emit)
      const next = breakerChart.step(snapshot, event, emitAs(self))
      reportStep(self, event, next)
      return next
    },
    getPersistedSnapshot: (snapshot: ChartSnapshot) => snapshot.toJSON() as never,
    restoreSnapshot: (snapshot: unknown) => {
      const { value, context } = snapshot as ChartSnapshot
      return breakerChart.restore(value, context as never, undefined)
    }
  } as ActorLogic<any, EventObject, unknown, any, any>
}
