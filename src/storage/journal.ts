/**
 * The one true record of runs: what happened to each, in order. Everything else follows from it.
 * A journal is these few verbs; every implementation must pass `laws.ts`. It knows no machine.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { TroupeError } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"

/** One message of one run, at its place in the run's order (from 0). */
export interface Entry {
  readonly run: string
  readonly seq: number
  readonly message: Message
}

/** What the journal keeps about a run besides its messages, for lists. */
export interface RunSummary {
  readonly run: string
  readonly workflow: string
  readonly submittedAt: number
  /** Messages written. */
  readonly length: number
}

export interface RunQuery {
  readonly workflow?: string | undefined
  /** Most runs of one page: 1 … 1,000; default 100. */
  readonly limit?: number | undefined
  /** The cursor that the page before gave. */
  readonly cursor?: string | undefined
}

export interface RunPage {
  /** Newest first. */
  readonly runs: ReadonlyArray<RunSummary>
  /** Undefined on the last page. */
  readonly cursor: string | undefined
}

export type JournalError = SequenceConflict | JournalFull | JournalBroken

/**
 * Another writer got there first: the run has moved past the point this step was worked out from.
 * Nothing was written. Read the run again and work the step out anew.
 */
export class SequenceConflict extends TroupeError {
  readonly _tag = "SequenceConflict"
  readonly code = "SEQUENCE_CONFLICT"
  readonly run: string
  readonly expected: number
  readonly actual: number
  constructor({ run, expected, actual }: { run: string; expected: number; actual: number }) {
    super(`run '${run}' is at message ${actual}, not at ${expected}: nothing was written`)
    this.run = run
    this.expected = expected
    this.actual = actual
  }
}

/** The journal has no room for more; nothing of the batch was written. */
export class JournalFull extends TroupeError {
  readonly _tag = "JournalFull"
  readonly code = "STORAGE_FULL"
  readonly capacity: number
  constructor({ capacity }: { capacity: number }) {
    super(
      `the journal holds ${capacity.toLocaleString("en")} messages of unfinished runs and takes no more: finish or cancel runs, or open it with more capacity`
    )
    this.capacity = capacity
  }
}

/** The journal failed in a way that it does not know itself. */
export class JournalBroken extends TroupeError {
  readonly _tag = "JournalBroken"
  readonly code = "STORAGE_BROKEN"
  override readonly cause: unknown
  constructor({ cause }: { cause: unknown }) {
    super(`the journal failed: ${cause instanceof Error ? cause.message : String(cause)}`)
    this.cause = cause
  }
}

export interface JournalService {
  /** Whether what it holds outlives the process. */
  readonly isDurable: boolean
  /**
   * Writes messages of any number of runs: all of them or, on any error, none. Each must continue its run without a gap.
   * When it succeeds, everything written is as durable as this journal can make it. There is one writer, which runs each effect
   * exactly once; a journal that needs no waiting may do the work at once and return an exit.
   */
  readonly append: (batch: ReadonlyArray<Entry>) => Effect.Effect<void, JournalError>
  /** The messages of a run from a place on; empty for an unknown run. What is read cannot be changed. */
  readonly read: (run: string, from?: number) => Effect.Effect<ReadonlyArray<Message>, JournalError>
  /** Runs, newest first, in pages. */
  readonly list: (query: RunQuery) => Effect.Effect<RunPage, JournalError>
  /** Forgets a run; nothing happens for an unknown one. */
  readonly remove: (run: string) => Effect.Effect<void, JournalError>
}

export class Journal extends Context.Service<Journal, JournalService>()("troupe/storage/Journal") {}
