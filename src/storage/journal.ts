/**
 * The one true record of runs: what happened to each, in order. Everything else follows from it.
 * A journal is these few verbs; every implementation must pass `laws.ts`. It knows no machine.
 */
import type * as Effect from "effect/Effect"
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { Message, RunStatus } from "../model/messages.ts"
import type { Transaction } from "../model/transaction.ts"
import type { BackupRefused, JournalError } from "./errors.ts"
import type { InboxService } from "./inbox.ts"

/** One message of one run, at its place in the run's order (from 0). */
export interface Entry {
  readonly run: string
  readonly seq: number
  readonly message: Message
  /** The definition that the run is pinned to; given with its first message where the journal is durable. */
  readonly definition?: Pinned | undefined
  /** Its message is made in the transaction that writes it; `message` is what a journal without `transact` writes instead. */
  readonly within?: Within | undefined
  /** The value of its message may be given again to who asks for this key; kept with it. */
  readonly remember?: Remember | undefined
}

/** How a message is made inside the transaction that writes it, together with rows of the application. */
export interface Within {
  /**
   * Writes rows and gives the message. Called again when the batch has to be written again; what it wrote before is gone then.
   * When it throws, what it wrote is undone, the others of the batch are not, and `refuse` says what is written instead.
   */
  readonly perform: (db: Transaction) => Message
  readonly refuse: (error: unknown) => Message
  /** Hears which message it has become; what was said last before the append succeeded is in the journal. */
  readonly told: (message: Message) => void
}

/** Until when a value may be given again. */
export interface Remember {
  readonly key: string
  readonly expiresAt: number
}

/** A definition as runs are pinned to it. */
export interface Pinned {
  readonly hash: string
  readonly ir: WorkflowIR
}

/**
 * What lists show and a restart looks for. All of it follows from the messages of the run, so it may be written later than they:
 * whoever opens the journal after a crash finds notes that are behind, never ahead.
 */
export interface RunNote {
  readonly run: string
  readonly status: RunStatus
  readonly updatedAt: number
  /** Whether the run has left memory and waits: for `dueAt`, or, without it, for a message. */
  readonly isAsleep: boolean
  readonly dueAt: number | undefined
  /** How far it is: total, completed, failed, skipped, cancelled, compensated. */
  readonly tasks: ReadonlyArray<number>
  /** Why it failed, in short. */
  readonly error?: { readonly task: string; readonly code: string; readonly message: string } | undefined
}

/** A run as the journal knows it without reading its messages. */
export interface RunRecord extends Omit<RunNote, "run"> {
  readonly run: string
  readonly workflow: string
  readonly version: string | undefined
  readonly hash: string | undefined
  readonly submittedAt: number
  /** Messages written. */
  readonly length: number
  /** Messages that were written when the note was. */
  readonly noted: number
  /** Lives of the orchestrator in a row that ended while this run was at work, without a message of it in between. */
  readonly blame: number
}

export interface RunQuery {
  readonly workflow?: string | undefined
  readonly status?: ReadonlyArray<RunStatus> | undefined
  /** Only runs that have ended, or only those that have not. */
  readonly hasEnded?: boolean | undefined
  /** Only runs that have left memory to wait, or only those that have not. */
  readonly isAsleep?: boolean | undefined
  /** The oldest first; the newest otherwise. */
  readonly oldestFirst?: boolean | undefined
  /** Most runs of one page: 1 … 1,000; default 100. */
  readonly limit?: number | undefined
  /** The cursor that the page before gave. */
  readonly cursor?: string | undefined
}

export interface RunPage {
  readonly runs: ReadonlyArray<RunRecord>
  /** Undefined on the last page. */
  readonly cursor: string | undefined
}

/** Messages of a run, and the epoch in which each was written; negative where its writer performed nothing. */
export interface History {
  /** Number of the first of them; later than was asked for where compaction has removed what stood there. */
  readonly first: number
  readonly messages: ReadonlyArray<Message>
  readonly epochs: ReadonlyArray<number>
}

/** A run as it was before message `seq`, as text. */
export interface Snapshot {
  readonly run: string
  readonly seq: number
  readonly body: string
  /** Compaction: of the messages that it covers only so many are kept, and the first one; all where it is undefined. */
  readonly keep?: number | undefined
}

/** What all runs share, by kind and name: how a breaker stands, for one. The text stands in place of the one before. */
export interface Shared {
  readonly kind: string
  readonly name: string
  readonly state: string
  readonly at: number
  /** Nothing stands there any more. */
  readonly isForgotten?: true
}

/** The same, as it was written in an epoch. */
export interface SharedRecord extends Shared {
  readonly epoch: number
}

/** The right to append. */
export interface Claim {
  /** Rises with every claim; an append with an older one is refused. */
  readonly epoch: number
  /** Whether the owner before closed the journal in order. */
  readonly wasClean: boolean
  /** Lives in a row that ended without being closed in order, up to now. */
  readonly crashes: number
  /** What the owner before left written for the next one; empty if nothing. */
  readonly memo: string
}

export interface JournalService {
  /** Whether what it holds outlives whoever writes to it. */
  readonly isDurable: boolean
  /** Where other processes ask things of whoever owns the journal; only where others can reach it. */
  readonly inbox?: InboxService
  /** Takes the journal over: whoever held it before can append no more. Refused while that one is alive in another process. */
  readonly claim: () => Effect.Effect<Claim, JournalError>
  /**
   * Writes messages of any number of runs, and notes: all of them or, on any error, none. Each message must continue its run
   * without a gap. When it succeeds, everything written is as durable as this journal can make it. There is one writer, which
   * runs each effect exactly once; a journal that needs no waiting may do the work at once and return an exit. An owner that
   * only writes down and performs nothing gives its epoch with a minus, which the history keeps.
   */
  readonly append: (
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number
  ) => Effect.Effect<void, JournalError>
  /**
   * Rows of the application and messages in one transaction, where the journal has such: `work` writes rows and gives the
   * messages that go with them. It is called once, and meanwhile `find` and `read` answer at once and nothing else is asked.
   * Fails with what `work` threw, nothing written; with `JournalBroken` and `isUnsure` it may be there all the same.
   */
  readonly transact?: (work: (db: Transaction) => ReadonlyArray<Entry>, epoch: number) => Effect.Effect<void, unknown>
  /** The value that was remembered under a key and has not expired at `at`. */
  readonly cached: (key: string, at: number) => Effect.Effect<Json | undefined, JournalError>
  /** Tells that the owner is alive; refused as an append would be. */
  readonly renew: (epoch: number) => Effect.Effect<void, JournalError>
  /** Gives the journal back in order and lets go of everything. */
  readonly close: (epoch: number) => Effect.Effect<void, JournalError>
  /** The messages of a run from one place up to another; empty for an unknown run. What is read cannot be changed. */
  readonly read: (run: string, from?: number, to?: number) => Effect.Effect<History, JournalError>
  /** Keeps a snapshot in place of the one before, so that a restart reads only what came later. */
  readonly keepSnapshot: (snapshot: Snapshot, epoch: number) => Effect.Effect<void, JournalError>
  /** The last snapshot of a run, if there is one and it is whole. */
  readonly snapshot: (run: string) => Effect.Effect<Snapshot | undefined, JournalError>
  /** Keeps what runs share: all of it or, on any error, nothing. Refused, as an append would be, to whoever is not the owner. */
  readonly keepShared: (shared: ReadonlyArray<Shared>, epoch: number) => Effect.Effect<void, JournalError>
  /** All that is shared of one kind, by name. What is damaged is as good as not there. */
  readonly shared: (kind: string) => Effect.Effect<ReadonlyArray<SharedRecord>, JournalError>
  /** What is known of a run without reading it. */
  readonly find: (run: string) => Effect.Effect<RunRecord | undefined, JournalError>
  /** Runs in pages. */
  readonly list: (query: RunQuery) => Effect.Effect<RunPage, JournalError>
  /** A definition by its hash. */
  readonly definition: (hash: string) => Effect.Effect<WorkflowIR | undefined, JournalError>
  /** Runs that succeeded, failed or were cancelled. */
  readonly finished: () => Effect.Effect<number, JournalError>
  /** The epoch of the last claim. */
  readonly epoch: () => Effect.Effect<number, JournalError>
  /** Counts a crash against runs that were at work, or sets the count; gives how often each has been blamed by now. Any message voids it. */
  readonly blame: (
    runs: ReadonlyArray<string>,
    epoch: number,
    count?: number
  ) => Effect.Effect<ReadonlyArray<number>, JournalError>
  /** Leaves something written for the next owner, in place of what was there. */
  readonly memo: (text: string, epoch: number) => Effect.Effect<void, JournalError>
  /** Forgets runs, and what only they had use for; nothing happens for unknown ones. */
  readonly remove: (runs: ReadonlyArray<string>, epoch: number) => Effect.Effect<void, JournalError>
  /** A consistent copy in a new file, while everything goes on; absent where there is no file. */
  readonly backup?: (path: string) => Effect.Effect<Backup, JournalError | BackupRefused>
}

/** A copy that was made. */
export interface Backup {
  readonly path: string
  readonly bytes: number
}
