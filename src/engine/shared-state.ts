/**
 * Writes what all runs share: what has changed goes into one write, one write at a time, and what could not be written is tried
 * again until it can be. Knows nothing of what it writes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { OrchestratorClosed, TroupeError } from "../model/errors.ts"
import { type JournalError, StaleOwner } from "../storage/errors.ts"
import type { JournalService, Shared } from "../storage/journal.ts"

/** Something with a name and a state of its own. */
export interface Kept {
  readonly name: string
  /** What stands there; undefined where nothing does any more. */
  readonly text: () => string | undefined
  /** Where it is of another kind than the others. */
  readonly kind?: string
}

export interface SharedStateOptions {
  readonly kind: string
  readonly journal: Pick<JournalService, "keepShared">
  readonly epoch: number
  readonly now: () => number
  readonly fork: (effect: Effect.Effect<void>) => void
  /** The journal belongs to somebody else by now. */
  readonly lost: (error: StaleOwner) => void
}

type Told = (error?: TroupeError) => void

/** Pauses between attempts to write, in milliseconds. */
const pause = { firstMs: 100, longestMs: 5_000 }

export class SharedState {
  readonly #options: SharedStateOptions
  readonly #dirty = new Set<Kept>()
  /** Those whose write is on its way. */
  #under: ReadonlyArray<Kept> = []
  #waiting: Array<Told> = []
  #isWriting = false
  #isClosed = false
  #tries = 0

  constructor(options: SharedStateOptions) {
    this.#options = options
  }

  /** It has changed: that is written now, or as soon as it can be. `told` hears when it is, perhaps before this returns. */
  keep(one: Kept, told?: Told): void {
    this.keepAll([one], told)
  }

  /** The same for several: they are in one write. */
  keepAll(many: Iterable<Kept>, told?: Told): void {
    if (this.#isClosed) return told?.(new OrchestratorClosed())
    for (const one of many) this.#dirty.add(one)
    if (told !== undefined) this.#waiting.push(told)
    this.#write()
  }

  /** Whether it is written as it is. */
  isWritten(one: Kept): boolean {
    return !this.#dirty.has(one) && !this.#under.includes(one)
  }

  /** Writes what is not written yet, and these, once; whoever waits for anything is told that it is too late. */
  close(last: Iterable<Kept>): Effect.Effect<void, JournalError> {
    if (this.#isClosed) return Exit.void
    for (const one of last) this.#dirty.add(one)
    const batch = this.#take()
    const { journal, epoch } = this.#options
    this.abandon()
    return batch.length === 0 ? Exit.void : journal.keepShared(batch, epoch)
  }

  /** Ends it without a word to the journal. */
  abandon(): void {
    this.#isClosed = true
    this.#dirty.clear()
    for (const told of this.#waiting.splice(0)) told(new OrchestratorClosed())
  }

  #write(): void {
    if (this.#isWriting || this.#isClosed || this.#dirty.size === 0) return
    const changed = [...this.#dirty]
    const batch = this.#take()
    const waiting = this.#waiting.splice(0)
    const { journal, epoch, fork } = this.#options
    const written = journal.keepShared(batch, epoch)
    if (Exit.isExit(written)) return this.#settle(changed, waiting, written as Exit.Exit<void, JournalError>)
    this.#isWriting = true
    this.#under = changed
    fork(
      Effect.map(Effect.exit(written), (exit) => {
        this.#isWriting = false
        this.#under = []
        this.#settle(changed, waiting, exit)
      })
    )
  }

  #take(): ReadonlyArray<Shared> {
    const { now } = this.#options
    const at = now()
    const batch = [...this.#dirty].map((one): Shared => {
      const [state, kind, name] = [one.text(), one.kind ?? this.#options.kind, one.name]
      return state === undefined ? { kind, name, state: "", at, isForgotten: true } : { kind, name, state, at }
    })
    this.#dirty.clear()
    return batch
  }

  #settle(changed: ReadonlyArray<Kept>, waiting: ReadonlyArray<Told>, exit: Exit.Exit<void, JournalError>): void {
    if (Exit.isSuccess(exit)) {
      this.#tries = 0
      for (const told of waiting) told(this.#isClosed ? new OrchestratorClosed() : undefined)
      return this.#write()
    }
    const error = Cause.squash(exit.cause)
    if (this.#isClosed || error instanceof StaleOwner) {
      const why = error instanceof TroupeError ? error : new OrchestratorClosed()
      for (const told of waiting) told(why)
      if (!this.#isClosed && error instanceof StaleOwner) this.#options.lost(error)
      return
    }
    for (const one of changed) this.#dirty.add(one)
    this.#waiting = [...waiting, ...this.#waiting]
    const ms = Math.min(pause.longestMs, pause.firstMs * 2 ** Math.min(this.#tries++, 10))
    this.#isWriting = true
    this.#options.fork(
      Effect.andThen(
        Effect.sleep(ms),
        Effect.sync(() => {
          this.#isWriting = false
          this.#write()
        })
      )
    )
  }
}
