/**
 * What is to happen to runs waits here until it is written. One append at a time; what arrives meanwhile goes into the next one,
 * so batches grow by themselves under load. Where the journal can outlive us, an outcome that could not be written is kept and
 * tried again until it can be; whoever asked for something is told at once that it was refused.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Place } from "../actors/room.ts"
import { OrchestratorClosed, StateChanged, TroupeError } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"
import { JournalBroken, type JournalError, StaleOwner } from "../storage/errors.ts"
import type { Entry, JournalService, Pinned, Remember, RunNote, Within } from "../storage/journal.ts"
import type { Past } from "./past.ts"
import type { LiveRun } from "./run.ts"

/** Something for a run, with who wants to know that it is written and delivered. For the journal it is an entry. */
export class Delivery implements Entry {
  readonly live: LiveRun
  /** Its place in the run; given when its batch is written. */
  seq = -1
  /** Another one once the transaction that writes it has made it. */
  message: Message
  readonly place: Place | undefined
  readonly done: ((error?: TroupeError) => void) | undefined
  within: Within | undefined = undefined
  remember: Remember | undefined = undefined
  /** What lists show once it is written, and only then. */
  note: RunNote | undefined = undefined
  /** Set for decisions about the past: only valid as the next message after these. */
  decision: Decision | undefined = undefined
  constructor(live: LiveRun, message: Message, place: Place | undefined, done: Delivery["done"]) {
    this.live = live
    this.message = message
    this.place = place
    this.done = done
  }
  get run(): string {
    return this.live.id
  }
  get definition(): Pinned | undefined {
    return this.message.type === "run.submitted" ? this.live.workflow : undefined
  }
}

/** What a decision about the past was made on. */
export interface Decision {
  readonly past: Past
  /** Messages that the run had then. */
  readonly length: number
}

export interface WriterOptions {
  readonly journal: JournalService
  readonly epoch: number
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Delivers what was written. */
  readonly written: (batch: ReadonlyArray<Delivery>) => void
  /** Something that could not be written and is given up. */
  readonly refused: (delivery: Delivery, error: TroupeError) => void
  /** Whether a run has left memory and waits. */
  readonly isAsleep: (run: string) => boolean
  /** What lists should show of a run. */
  readonly noteOf: (run: LiveRun) => RunNote
  /** The journal belongs to somebody else by now. */
  readonly lost: (error: StaleOwner) => void
  readonly onDefect: (error: unknown) => void
}

/** Batches without a pause after which other work of the process gets its chance. */
const turnsMax = 512
/** Pauses between attempts to write, in milliseconds. */
const pause = { firstMs: 100, longestMs: 5_000 }
/** How long notes wait for messages to travel with, in milliseconds. */
const noteMs = 50
/** Most notes of one batch. */
const notesMax = 1_000

export class Writer {
  readonly #options: WriterOptions
  readonly #isDurable: boolean
  #inbox: Array<Delivery> = []
  #isPumping = false
  /** An append is on its way, in a journal that takes its time. */
  #isWriting = false
  #isClosed = false
  #turns = 0
  /** A batch of which nobody knows whether it was written: it is tried again as it was before anything else. */
  #unsure: ReadonlyArray<Delivery> | undefined = undefined
  /** Set while the journal does not write: how long until the next try. */
  #pauseMs = 0
  #tries = 0
  readonly #dirty = new Map<string, LiveRun | RunNote>()
  #isFlushing = false

  constructor(options: WriterOptions) {
    this.#options = options
    this.#isDurable = options.journal.isDurable
  }

  offer(delivery: Delivery): void {
    this.#inbox.push(delivery)
    delivery.live.pending++
    if (this.#pauseMs > 0) {
      // somebody waits for an answer: look whether it works again
      if (delivery.done !== undefined) this.#later()
      return
    }
    if (this.#isPumping) return
    this.#isPumping = true
    // what else ends in this turn goes into the same batch
    if (this.#isDurable) this.#later()
    else queueMicrotask(this.#pump)
  }

  /** What lists show of a run has changed: it is written with what comes next, or soon. */
  note(run: LiveRun | RunNote): void {
    if (!this.#isDurable) return
    this.#dirty.set("run" in run ? run.run : run.id, run)
    this.#flushSoon()
  }

  /** Ends it: what has happened is still written, who asked for something is told that it is too late. */
  close(): Effect.Effect<void, JournalError> {
    if (this.#isClosed) return Exit.void
    this.#isClosed = true
    const { journal, epoch } = this.#options
    const rest = [...(this.#unsure ?? []), ...this.#inbox]
    const last = this.#isDurable && this.#unsure === undefined ? rest.filter(({ done }) => done === undefined) : []
    this.#inbox = []
    for (const { done } of rest) done?.(new OrchestratorClosed())
    for (const delivery of last) delivery.seq = delivery.live.next()
    return Effect.andThen(Effect.ignore(journal.append(last, this.#takeNotes(), epoch)), journal.close(epoch))
  }

  /** Ends it without a word to the journal. */
  abandon(error: TroupeError): void {
    this.#isClosed = true
    for (const { done } of [...(this.#unsure ?? []), ...this.#inbox]) done?.(error)
    this.#inbox = []
  }

  /** All notes written, so that lists are right. */
  flush(): Effect.Effect<void, JournalError> {
    if (this.#dirty.size === 0) return Exit.void
    return Effect.flatMap(this.#flushSome(), () => this.flush())
  }

  #flushSome(): Effect.Effect<void, JournalError> {
    const notes = this.#takeNotes()
    return Effect.onError(this.#options.journal.append([], notes, this.#options.epoch), (cause) =>
      Effect.sync(() => {
        const error = Cause.squash(cause)
        // who has nothing else to write finds out here
        if (!(error instanceof StaleOwner)) this.#giveBack(notes)
        else if (!this.#isClosed) this.#options.lost(error)
      })
    )
  }

  /** Goes on in a later turn, so that timers and sockets get theirs. */
  #later(): void {
    this.#options.fork(Effect.andThen(Effect.yieldNow, Effect.sync(this.#pump)))
  }

  /** Writes what has gathered, delivers it, and looks again. */
  readonly #pump = (): void => {
    if (this.#isWriting) return
    this.#isPumping = true
    this.#pauseMs = 0
    for (;;) {
      if (this.#isClosed || (this.#inbox.length === 0 && this.#unsure === undefined)) {
        this.#isPumping = false
        return
      }
      let batch = this.#unsure
      if (batch === undefined) {
        batch = this.#numbered()
        if (batch.length === 0) continue
      }
      const notes = this.#notesWith(batch)
      const written = this.#options.journal.append(batch, notes, this.#options.epoch)
      if (!Exit.isExit(written)) {
        const given = batch
        this.#isWriting = true
        this.#options.fork(
          Effect.map(Effect.exit(written), (exit) => {
            this.#isWriting = false
            if (this.#settle(given, notes, exit)) this.#pump()
          })
        )
        return
      }
      if (!this.#settle(batch, notes, written as Exit.Exit<void, JournalError>)) return
      if (++this.#turns % turnsMax === 0) return this.#later()
    }
  }

  /** Gives what waits its numbers; a decision that was made on another state than the present one is refused. */
  #numbered(): ReadonlyArray<Delivery> {
    const batch = this.#inbox
    this.#inbox = []
    let refused = false
    for (const delivery of batch) {
      const { live, decision } = delivery
      if (decision !== undefined) {
        const { length: expected } = decision
        if (live.length !== expected || live.pending > 1) {
          refused = true
          live.pending--
          this.#options.refused(delivery, new StateChanged({ run: live.id, expected, actual: live.length }))
          continue
        }
      }
      delivery.seq = live.next()
    }
    return refused ? batch.filter(({ seq }) => seq >= 0) : batch
  }

  #notesWith(batch: ReadonlyArray<Delivery>): ReadonlyArray<RunNote> {
    const notes = this.#dirty.size === 0 ? noNotes : this.#takeNotes()
    const carried = batch.flatMap(({ note }) => (note === undefined ? [] : [note]))
    return carried.length === 0 ? notes : [...notes, ...carried]
  }

  /** What came of an append; false when there is nothing to go on with for now. */
  #settle(batch: ReadonlyArray<Delivery>, notes: ReadonlyArray<RunNote>, exit: Exit.Exit<void, JournalError>): boolean {
    if (this.#isClosed) {
      this.#tell(batch, new OrchestratorClosed())
      return false
    }
    if (Exit.isSuccess(exit)) {
      this.#unsure = undefined
      this.#tries = 0
      this.#options.written(batch)
      return true
    }
    const squashed = Cause.squash(exit.cause)
    const error = squashed instanceof TroupeError ? (squashed as JournalError) : new JournalBroken({ cause: squashed })
    // what goes with a message is not said without it
    this.#giveBack(notes.filter((note) => !batch.some((delivery) => delivery.note === note)))
    if (error._tag === "StaleOwner") {
      this.#tell(batch, error)
      this.#options.lost(error)
      return false
    }
    if (error._tag === "JournalBroken" && error.isUnsure) this.#unsure = batch
    else {
      this.#unsure = undefined
      this.#keep(batch, error)
    }
    if (this.#inbox.length === 0 && this.#unsure === undefined) {
      this.#isPumping = false
      return false
    }
    this.#wait()
    return false
  }

  /** It is over while this batch was on its way: whoever waits for it hears so, unless it was told with the others. */
  #tell(batch: ReadonlyArray<Delivery>, error: TroupeError): void {
    if (batch !== this.#unsure) for (const { done } of batch) done?.(error)
  }

  /** Nothing of the batch was written: who waits is told, what has happened is kept. */
  #keep(batch: ReadonlyArray<Delivery>, error: JournalError): void {
    const kept: Array<Delivery> = []
    for (const delivery of batch) {
      delivery.live.rewind()
      const isLost =
        !this.#isDurable ||
        (error._tag === "SequenceConflict" && error.run === delivery.run) ||
        delivery.done !== undefined
      if (isLost) {
        delivery.live.pending--
        this.#options.refused(delivery, error)
      } else kept.push(delivery)
    }
    if (kept.length > 0) this.#inbox = [...kept, ...this.#inbox]
  }

  /** Until the next try: outcomes gather meanwhile, and attempts that are out go on. */
  #wait(): void {
    this.#pauseMs = Math.min(pause.longestMs, pause.firstMs * 2 ** Math.min(this.#tries++, 10))
    const tries = this.#tries
    this.#options.fork(
      Effect.andThen(
        Effect.sleep(this.#pauseMs),
        // somebody may have tried in between
        Effect.sync(() => this.#pauseMs > 0 && tries === this.#tries && this.#pump())
      )
    )
  }

  #takeNotes(): ReadonlyArray<RunNote> {
    const notes: Array<RunNote> = []
    for (const [id, one] of this.#dirty) {
      this.#dirty.delete(id)
      // written together with the message that woke it, it would say of a run at work that it sleeps
      if ("run" in one && one.isAsleep && !this.#options.isAsleep(one.run)) continue
      notes.push("run" in one ? one : this.#options.noteOf(one))
      if (notes.length === notesMax) break
    }
    return notes
  }

  /** Newer ones stay. */
  #giveBack(notes: ReadonlyArray<RunNote>): void {
    for (const note of notes) if (!this.#dirty.has(note.run)) this.#dirty.set(note.run, note)
    if (notes.length > 0) this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#options.fork(
      Effect.andThen(
        Effect.sleep(noteMs),
        Effect.sync(() => {
          this.#isFlushing = false
          if (this.#isClosed || this.#dirty.size === 0) return
          if (this.#isPumping || this.#pauseMs > 0) return this.#flushSoon()
          const flushed = this.#flushSome()
          if (!Exit.isExit(flushed)) this.#options.fork(Effect.ignore(flushed))
          if (this.#dirty.size > 0) this.#flushSoon()
        })
      )
    )
  }
}
const noNotes: ReadonlyArray<RunNote> = []
