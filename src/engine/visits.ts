/**
 * Waiting runs that were brought into memory because somebody asked for them. They stay for a moment, so that whoever asks again
 * finds them; then they leave as they would after a message. Decides nothing about those that have something to do.
 */
import * as Effect from "effect/Effect"
import { later } from "./background.ts"
import type { Engine } from "./engine.ts"
import type { LiveRun } from "./run.ts"

/** How long they stay, in milliseconds. */
const stayMs = 5_000
/** With more of them than this the oldest leave sooner, as soon as whoever asked for them has had a turn. */
const visitsMax = 1_000

interface Visit {
  readonly run: LiveRun
  readonly until: number
}

export class Visits {
  readonly #engine: Engine
  /** The oldest first. */
  #visits: Array<Visit> = []
  #isWaiting = false
  #isCrowded = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** A run has come into memory; one that is at work leaves after its next message by itself. */
  add(run: LiveRun): void {
    if (run.outcome !== undefined || run.out !== undefined || run.owed !== undefined || run.held !== undefined) return
    this.#visits.push({ run, until: this.#engine.now() + stayMs })
    this.#wait(stayMs)
    if (this.#visits.length <= visitsMax || this.#isCrowded) return
    this.#isCrowded = true
    this.#engine.fork(
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => {
          this.#isCrowded = false
          this.#end(this.#visits.length - visitsMax)
        })
      )
    )
  }

  #wait(ms: number): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    later(this.#engine, ms, () => {
      this.#isWaiting = false
      const now = this.#engine.now()
      const over = this.#visits.findIndex(({ until }) => until > now)
      this.#end(over === -1 ? this.#visits.length : over)
      if (this.#visits.length > 0) this.#wait(this.#visits[0]!.until - now)
    })
  }

  #end(count: number): void {
    if (this.#engine.isClosed) return
    for (const { run } of this.#visits.splice(0, count)) this.#engine.mayLeave(run)
  }
}
