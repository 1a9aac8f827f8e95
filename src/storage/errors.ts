/** What can go wrong where runs are written. Each says what, where, and what to do next; which exit codes they have: cli/main.ts. */
import { TroupeError } from "../model/errors.ts"

export type JournalError =
  | SequenceConflict
  | StaleOwner
  | JournalFull
  | JournalBusy
  | JournalBroken
  | JournalCorrupt
  | StoreInUse
  | StoreUnusable

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

/** The store belongs to somebody else by now: whoever appends with an old epoch is refused, however late it wakes up. */
export class StaleOwner extends TroupeError {
  readonly _tag = "StaleOwner"
  readonly code = "STALE_OWNER"
  readonly epoch: number
  readonly current: number
  constructor({ epoch, current }: { epoch: number; current: number }) {
    super(
      `this process owned the store in epoch ${epoch} and was taken over in epoch ${current}: nothing was written; its runs go on there`
    )
    this.epoch = epoch
    this.current = current
  }
}

/** The journal has no room for more; nothing of the batch was written. */
export class JournalFull extends TroupeError {
  readonly _tag = "JournalFull"
  readonly code = "STORAGE_FULL"
  /** Messages that it can hold; undefined where the disk is the limit. */
  readonly capacity: number | undefined
  constructor({ capacity }: { capacity?: number | undefined } = {}) {
    super(
      capacity === undefined
        ? "the disk of the store is full: nothing was written; make room, and what waits goes on by itself"
        : `the journal holds ${capacity.toLocaleString("en")} messages of unfinished runs and takes no more: finish or cancel runs, or open it with more capacity`
    )
    this.capacity = capacity
  }
}

/** Somebody else holds the lock of the store for longer than a moment; nothing was written. */
export class JournalBusy extends TroupeError {
  readonly _tag = "JournalBusy"
  readonly code = "STORAGE_BUSY"
  readonly path: string
  constructor({ path }: { path: string }) {
    super(
      `another program holds the lock of '${path}': nothing was written; close it, and what waits goes on by itself`
    )
    this.path = path
  }
}

/** The journal could not read or write. What was to be written is not there, or it says that it does not know. */
export class JournalBroken extends TroupeError {
  readonly _tag = "JournalBroken"
  readonly code = "STORAGE_BROKEN"
  override readonly cause: unknown
  /** Whether what was to be written may be there all the same. */
  readonly isUnsure: boolean
  constructor({ cause, isUnsure = false }: { cause: unknown; isUnsure?: boolean }) {
    super(`the journal failed: ${cause instanceof Error ? cause.message : String(cause)}`)
    this.cause = cause
    this.isUnsure = isUnsure
  }
}

/** What is written about a run is not what was written: the run is quarantined, others go on, nothing is repaired by guess. */
export class JournalCorrupt extends TroupeError {
  readonly _tag = "JournalCorrupt"
  readonly code = "JOURNAL_CORRUPT"
  readonly run: string
  /** Number of the first message that is wrong. */
  readonly seq: number
  /** `gap`: a message is missing; `chain`: it is not the one that was written here; `shape`: it cannot be read. */
  readonly kind: "gap" | "chain" | "shape"
  constructor({ run, seq, kind }: { run: string; seq: number; kind: JournalCorrupt["kind"] }) {
    const what = {
      gap: "is missing",
      chain: "is not what was written there",
      shape: "cannot be read"
    }[kind]
    super(
      `message ${seq} of run '${run}' ${what}: the run is left alone; restore the store from a backup, or export what is good with "troupe export-run ${run} --good-part"`
    )
    this.run = run
    this.seq = seq
    this.kind = kind
  }
}

/** A backup that was not made; nothing was written where it should have gone. */
export class BackupRefused extends TroupeError {
  readonly _tag = "BackupRefused"
  readonly path: string
  readonly reason: "exists" | "own" | "busy" | "unsupported"
  constructor({ path, reason }: { path: string; reason: BackupRefused["reason"] }) {
    const why = {
      exists: "there is something already, and a backup never replaces anything: give another path",
      own: "that is the store itself: give another path",
      busy: "a backup to that path is being made: wait for it, or give another path",
      unsupported: "this store is not a file: open the orchestrator with a store like 'sqlite:path/to/file.db'"
    }[reason]
    super(`no backup was made at '${path}': ${why}`)
    this.path = path
    this.reason = reason
  }
  get code() {
    return `BACKUP_${this.reason.toUpperCase()}`
  }
}

/** Another live process owns the store. */
export class StoreInUse extends TroupeError {
  readonly _tag = "StoreInUse"
  readonly code = "STORE_IN_USE"
  readonly path: string
  readonly pid: number
  /** How long until its lease would run out, if it does not answer, in milliseconds. */
  readonly leaseMs: number
  constructor({ path, pid, leaseMs }: { path: string; pid: number; leaseMs: number }) {
    super(
      `process ${pid} has the store '${path}' open: close it first, or read and steer its runs from here with "troupe runs", "troupe show" and the other commands`
    )
    this.path = path
    this.pid = pid
    this.leaseMs = leaseMs
  }
}

/** The owner of the store took a request from another process and refused it; the message is what it said. */
export class RequestRefused extends TroupeError {
  readonly _tag = "RequestRefused"
  readonly code: string
  constructor({ code, message }: { code: string; message: string }) {
    super(message)
    this.code = code
  }
}

/** The owner of the store is alive, but gave no answer; what it has not begun by now it will not do later. */
export class OwnerSilent extends TroupeError {
  readonly _tag = "OwnerSilent"
  readonly code = "OWNER_SILENT"
  readonly path: string
  readonly pid: number
  readonly waitedMs: number
  constructor({ path, pid, waitedMs }: { path: string; pid: number; waitedMs: number }) {
    super(
      `process ${pid} has the store '${path}' open and gave no answer within ${waitedMs / 1_000} s: look whether it hangs, or end it, and ask again`
    )
    this.path = path
    this.pid = pid
    this.waitedMs = waitedMs
  }
}

/** The owner of the store ended before it answered. */
export class OwnerGone extends TroupeError {
  readonly _tag = "OwnerGone"
  readonly code = "OWNER_GONE"
  readonly path: string
  /** Number of the request that waits for whoever owns the store next. */
  readonly request: number
  constructor({ path, request }: { path: string; request: number }) {
    super(`the process that had the store '${path}' open ended before it answered: try again`)
    this.path = path
    this.request = request
  }
}

export type UnusableReason =
  | "directory"
  | "empty"
  | "foreign"
  | "truncated"
  | "newer"
  | "older"
  | "read-only"
  | "no-wal"
  | "missing"
  | "key"
  | "corrupt"
  | "unreachable"

const unusable: Record<UnusableReason, (detail: string) => string> = {
  directory: () => "is not a file: give the path of a database file",
  empty: () => "is empty (0 bytes), which no store ever is: delete it to begin a new one, or restore it from a backup",
  foreign: () => "is not a store of Troupe: nothing was written to it; give another path",
  truncated: (detail) => `has been cut short (${detail}): restore it from a backup`,
  newer: (detail) => `was written by a newer version of Troupe (${detail}): nothing was written to it; update troupe`,
  older: (detail) =>
    `was written by an older version of Troupe (${detail}): open it once for writing, which updates it`,
  "read-only": () => "may not be written to: give it write permission, or open another store",
  "no-wal": () =>
    `has lost its '-wal' file, and with it what was written last: put that file back, or restore a backup; if another SQLite program had the store open since, nothing is lost, and "troupe doctor" with '--accept-loss' opens it as it is`,
  missing: () => "does not exist: check the path, or run a workflow there first",
  key: (detail) => detail,
  corrupt: (detail) => `is damaged (${detail}): run "troupe doctor" on it, and restore it from a backup`,
  unreachable: (detail) => `cannot be opened: ${detail}`
}

/** There is no store at that path that could be used; nothing was written to it. */
export class StoreUnusable extends TroupeError {
  readonly _tag = "StoreUnusable"
  readonly path: string
  readonly reason: UnusableReason
  constructor({ path, reason, detail = "" }: { path: string; reason: UnusableReason; detail?: string }) {
    super(`the store '${path}' ${unusable[reason](detail)}`)
    this.path = path
    this.reason = reason
  }
  get code() {
    return `STORE_${this.reason.toUpperCase().replace("-", "_")}`
  }
}
