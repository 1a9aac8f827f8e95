/** Whether a run can go on without anybody from outside; whoever drives runs ends when none can. */
import type { Engine } from "./engine.ts"
import type { LiveRun } from "./run.ts"

/** Something is out, on its way, or due some day. A paused run with nothing out goes no further, whatever its timers say. */
const moves = (run: LiveRun): boolean =>
  run.outcome === undefined &&
  (run.pending > 0 ||
    (run.parked === undefined && (run.room.isHeld ? isAtWork(run) : run.out !== undefined || run.timers.size > 0)))

/** Of a paused run: whether something is out that is not only waiting for its turn, which it does not get. */
const isAtWork = (run: LiveRun): boolean => {
  for (let attempt = run.out; attempt !== undefined; attempt = attempt.next) if (!attempt.isWaiting) return true
  return false
}

/** Whether a run that an engine drives goes on by itself, in memory or waiting in the journal. */
export const goesOn = (engine: Engine, id: string): boolean => {
  const run = engine.runs.get(id)
  if (run !== undefined) return moves(run)
  const dormant = engine.dormant.get(id)
  return dormant?.timer !== undefined && !dormant.isPaused
}
