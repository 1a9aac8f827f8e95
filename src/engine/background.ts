/**
 * Waits for work that nobody is waiting for: on whatever clock the runs are on, but never so that a process that has nothing else
 * to do stays alive for it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { Engine } from "./engine.ts"
import { realTime } from "./timers.ts"

/** Calls `then` after a while, unless the engine ends first; gives how to stop it. */
export const later = (engine: Engine, ms: number, then: () => void): (() => void) => {
  if (Context.get(engine.options.context, Clock.Clock) !== realTime) {
    const timer = engine.timers.start(engine.now() + ms, then)
    return () => engine.timers.stop(timer)
  }
  const timeout = setTimeout(() => {
    if (!engine.isClosed) then()
  }, ms).unref()
  return () => clearTimeout(timeout)
}
