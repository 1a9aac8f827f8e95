/** Runs that wait in the journal: of each an id and a time are kept, and who waits for its end. */
import type { TroupeError } from "../model/errors.ts"
import type { Outcome } from "../model/messages.ts"
import type { Timer, Timers } from "./timers.ts"

/** A run that waits in the journal: when it is due, and who waits for its end. */
export interface Dormant {
  timer: Timer | undefined
  readonly waiting: Array<(end: Outcome | TroupeError) => void>
  readonly isPaused: boolean
}

export class Dormants extends Map<string, Dormant> {
  readonly #timers: Timers
  readonly #due: (run: string) => void

  constructor(timers: Timers, due: (run: string) => void) {
    super()
    this.#timers = timers
    this.#due = due
  }

  /** A run waits in the journal from now on. */
  sleep(id: string, dueAt: number | undefined, waiting: Dormant["waiting"] = [], isPaused = false): void {
    const dormant: Dormant = { timer: undefined, waiting, isPaused }
    if (dueAt !== undefined) dormant.timer = this.#timers.start(dueAt, () => this.#due(id))
    this.set(id, dormant)
  }

  /** It could not be woken now: it is due again later. */
  again(id: string, dueAt: number): void {
    const dormant = this.get(id)
    if (dormant === undefined) return
    if (dormant.timer !== undefined) this.#timers.stop(dormant.timer)
    dormant.timer = this.#timers.start(dueAt, () => this.#due(id))
  }

  /** Nobody waits for a sleeping run to wake any more; gives who waited for its end. */
  drop(id: string): Dormant["waiting"] {
    const dormant = this.get(id)
    if (dormant === undefined) return []
    this.delete(id)
    if (dormant.timer !== undefined) this.#timers.stop(dormant.timer)
    return dormant.waiting
  }
}
