/** Drives runs until each has ended, or nothing goes on any more without somebody from outside, or somebody interrupts. */
import type { Run } from "../engine/orchestrator.ts"
import { goesOn } from "../engine/rest.ts"
import { exitCodes } from "./output.ts"
import type { Session } from "./store.ts"

export type Ending = "ended" | "rest" | "interrupted"

/** How often to look whether anything goes on, in milliseconds. */
const lookMs = 50

export interface Driven {
  /** The runs that it is about. */
  readonly runs: ReadonlyArray<Run>
  /** Hears of each that has ended. */
  readonly ended?: (run: Run) => void
  /** Called at the first interrupt; the second ends the process. */
  readonly interrupted: () => void
}

/** `mayStop` is false while something else is still to be driven. */
export const drive = async (
  { engine }: Session,
  { runs, ended, interrupted }: Driven,
  mayStop: () => boolean = () => true
): Promise<Ending> => {
  const open = new Set(runs.map(({ id }) => id))
  let finish: (ending: Ending) => void = () => {}
  const ending = new Promise<Ending>((resolve) => {
    finish = resolve
  })
  const look = () => {
    if (open.size === 0) {
      if (mayStop()) finish("ended")
      return
    }
    for (const id of open) if (goesOn(engine, id)) return
    if (mayStop()) finish("rest")
  }
  for (const run of runs)
    run.outcome().then(
      () => {
        open.delete(run.id)
        ended?.(run)
        if (open.size === 0) look()
      },
      // it has not ended: the store was closed, or it cannot be read any more
      () => {}
    )
  const timer = setInterval(look, lookMs)
  let interrupts = 0
  const onSignal = () => {
    if (++interrupts > 1) process.exit(exitCodes.interrupted)
    interrupted()
    finish("interrupted")
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  const came = await ending
  clearInterval(timer)
  // after an interrupt they stay: somebody who is in a hurry may say it again
  if (came === "interrupted") return came
  process.off("SIGINT", onSignal)
  process.off("SIGTERM", onSignal)
  return came
}
