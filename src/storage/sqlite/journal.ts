/**
 * The journal in a SQLite file: one transaction a batch for all runs, one connection, opened again when it is lost. What rows
 * mean stands in codec.ts, who may write in owner.ts, what the file is in format.ts; it knows no machine.
 */
import { dirname, resolve } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TransactionMisused, TroupeError } from "../../model/errors.ts"
import type { WorkflowIR } from "../../model/ir.ts"
import { deepFreeze, type Json } from "../../model/json.ts"
import type { Message } from "../../model/messages.ts"
import type { Transaction } from "../../model/transaction.ts"
import {
  type BackupRefused,
  JournalBroken,
  JournalBusy,
  JournalCorrupt,
  type JournalError,
  SequenceConflict,
  StaleOwner,
  StoreUnusable
} from "../errors.ts"
import type { InboxService } from "../inbox.ts"
import type {
  Backup,
  Claim,
  Entry,
  History,
  JournalService,
  RunNote,
  RunPage,
  RunQuery,
  RunRecord,
  Shared,
  SharedRecord,
  Snapshot,
  Within
} from "../journal.ts"
import { atExit, notAtExit } from "./at-exit.ts"
import { backup } from "./backup.ts"
import {
  blobHash,
  type Chain,
  checksums,
  decode,
  encode,
  encodeLarge,
  type Link,
  largeFrom,
  payloadHash,
  payloadOf,
  seals
} from "./codec.ts"
import { type Database, journalError, openError, Sqlite } from "./database.ts"
import { type Definition, Definitions, readDefinition } from "./definitions.ts"
import { create, formatVersion, look, migrate, requireWritable, tidy } from "./format.ts"
import { history, payload } from "./history.ts"
import { FileInbox } from "./inbox.ts"
import { requireKey } from "./key.ts"
import {
  forget,
  leaseDefaultMs,
  leaveMemo,
  markMerged,
  type Ownership,
  release,
  renew,
  requireEpoch,
  take
} from "./owner.ts"
import { leave, probe } from "./probe.ts"
import { blameMax, blameOf, recordOf, statusCodes, trimmed } from "./records.ts"
import { remember, unpack } from "./remembered.ts"
import { keepShared, readShared } from "./shared.ts"
import * as sql from "./statements.ts"
import { syncFolder } from "./sync.ts"
import { type Done, letWrite } from "./transaction.ts"

export interface SqliteOptions {
  /** Path of the file; it and its folder are made where they are missing. */
  readonly path: string
  /**
   * `full` (default): what was acknowledged survives a power cut. `normal`: it survives the end of the process, but the last
   * commits may be lost when the machine loses power.
   */
  readonly synchronous?: "full" | "normal"
  /** How long an owner that cannot be looked at is believed to be alive after its last sign, in milliseconds; default 15,000. */
  readonly leaseMs?: number
  /**
   * Seals the rows with an HMAC instead of a checksum, so that changes by whoever lacks the key show too. Keep it: without it the
   * store cannot be read, and whoever wants to take it over is refused (`STORE_KEY`).
   */
  readonly key?: string
  /** Refuse to make a new file. */
  readonly mustExist?: boolean
  /** Open a store that has lost its log as it is. */
  readonly acceptLoss?: boolean
  /** Only look: nothing is made, written or brought up to date, and nobody can claim it. */
  readonly readOnly?: boolean
}

/** A journal in a SQLite file, with what only files have. */
export interface SqliteJournal extends JournalService {
  readonly path: string
  readonly backup: (path: string) => Effect.Effect<Backup, JournalError | BackupRefused>
  readonly inbox: InboxService
  /** Lets go of the file as a killed process would: nothing is said, nothing is given back. For tests of what follows. */
  readonly abandon: () => void
}

/** What the journal remembers of a run that is being written to. */
interface Handle {
  readonly id: number
  readonly run: string
  readonly definition: Definition
  readonly submittedAt: number
  length: number
  link: Link
  updatedAt: number
  /** Whether the row of the run says that it only waits. */
  isAsleep: boolean
}

/** In batches of up to so many messages every run's head is brought up to date too; larger ones leave that to the notes. */
const smallBatch = 16

/** Opens a journal in a file; rejects with `StoreUnusable` and touches nothing if there is something else, or something damaged. */
export const sqliteJournal = async (options: SqliteOptions): Promise<SqliteJournal> => {
  const sqlite = await Sqlite.load()
  const path = resolve(options.path)
  const journal = new FileJournal(sqlite, path, options)
  journal.open()
  return journal
}

class FileJournal implements SqliteJournal {
  readonly isDurable = true
  readonly path: string
  readonly #sqlite: Sqlite
  readonly #options: SqliteOptions
  readonly #chain: Chain
  readonly #leaseMs: number
  #database: Database | undefined = undefined
  #ownership: Ownership | undefined = undefined
  #handles = new Map<string, Handle>()
  readonly #definitions = new Definitions()
  #lastRun = 0
  /** Entries of which nobody knows whether they were written: a commit of theirs failed, and the file could not be looked at. */
  readonly #unsure = new WeakSet<Entry>()
  #isDown = false
  /** Set while the application writes in a transaction of ours: nobody else may. */
  #isOpen = false
  /** What was written last, if it is there, has yet to reach the disk for sure. */
  #mustSettle = false
  /** Says now and then that the owner is alive; real time, whatever clock the runs are on. */
  #heartbeat: NodeJS.Timeout | undefined = undefined
  /** Set while the file itself does not say yet that it is open. */
  #saying: NodeJS.Timeout | undefined = undefined
  readonly inbox: InboxService = new FileInbox((work) => this.#attempt(work))

  constructor(sqlite: Sqlite, path: string, options: SqliteOptions) {
    this.#sqlite = sqlite
    this.path = path
    this.#options = options
    this.#leaseMs = options.leaseMs ?? leaseDefaultMs
    this.#chain = options.key === undefined ? checksums : seals(options.key)
  }

  open(): void {
    try {
      this.#open()
    } catch (error) {
      this.#letGo()
      throw error instanceof TroupeError ? error : openError(this.path, error)
    }
  }

  #open(): void {
    const { mustExist = false, acceptLoss = false, readOnly = false } = this.#options
    const { path } = this
    let found = look(path)
    if (found.kind === "absent") {
      if (mustExist || readOnly) throw new StoreUnusable({ path, reason: "missing" })
      create(this.#sqlite, path)
      found = look(path)
    }
    if (found.kind === "absent") throw new StoreUnusable({ path, reason: "missing" })
    if (!readOnly) {
      requireWritable(path)
      tidy(path)
    }
    probe(this.#sqlite, path, found, acceptLoss)
    if (readOnly && found.version < formatVersion)
      throw new StoreUnusable({ path, reason: "older", detail: `format ${found.version}, this is ${formatVersion}` })
    this.#database = this.#connect()
    if (found.version < formatVersion) migrate(this.#database)
    if (!readOnly) atExit(this.#leave)
  }

  claim = (): Effect.Effect<Claim, JournalError> => {
    if (this.#options.readOnly === true) return Exit.fail(new StoreUnusable({ path: this.path, reason: "read-only" }))
    try {
      if (this.#database === undefined) this.open()
    } catch (error) {
      return Exit.fail(error instanceof TroupeError ? (error as JournalError) : journalError(this.path, error))
    }
    const before = this.#ownership
    const claimed = this.#attempt((database) => {
      const ownership = take(database, this.#leaseMs, () => this.#requireKey(database))
      this.#disown()
      this.#ownership = ownership
      this.#sayOpen(database)
      // the log was made just now, and SQLite does not mind if its name could not be synced
      syncFolder(dirname(this.path))
      this.#forgetRuns()
      this.#lastRun = database.row(sql.lastRun)![0]
      this.#heartbeat = setInterval(() => this.#beat(ownership.epoch), this.#leaseMs / 3)
      this.#heartbeat.unref()
      const { epoch, wasClean, crashes, memo } = ownership
      return { epoch, wasClean, crashes, memo }
    })
    // whoever is told that it does not own the file must not stand in the way of the next who tries, nor of who owns it here
    const isRefused = !Exit.isExit(claimed) || Exit.isFailure(claimed)
    if (isRefused && (before === undefined || this.#ownership !== before)) this.#letGo()
    return claimed
  }

  append = (
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number
  ): Effect.Effect<void, JournalError> => {
    if (this.#isOpen) return Exit.fail(inTheWay())
    const ended: Ended = new Map()
    for (;;) {
      try {
        const database = this.#up()
        database.exec("BEGIN IMMEDIATE")
        requireEpoch(database, epoch)
        const added = this.#write(database, batch, notes, epoch, ended)
        if (added === undefined) continue
        this.#commit(database, batch, added)
        this.#settle(notes)
        return Exit.void
      } catch (error) {
        return Exit.fail(this.#failed(error, batch))
      }
    }
  }

  transact = (work: (db: Transaction) => ReadonlyArray<Entry>, epoch: number): Effect.Effect<void, unknown> => {
    if (this.#isOpen) return Exit.fail(inTheWay())
    let batch: ReadonlyArray<Entry> = []
    let isCommitting = false
    try {
      const database = this.#up()
      database.exec("BEGIN IMMEDIATE")
      requireEpoch(database, epoch)
      const done = this.#letWrite(database, work)
      if (!done.isDone) {
        this.#undo(database)
        return Exit.fail(done.error)
      }
      batch = done.value
      const added = this.#write(database, batch, [], epoch, new Map())
      isCommitting = true
      this.#commit(database, batch, added)
      return Exit.void
    } catch (error) {
      const known = this.#failed(error, batch)
      // without a run nothing tells whether the rows of the application are there
      return Exit.fail(isCommitting && batch.length === 0 ? new JournalBroken({ cause: known, isUnsure: true }) : known)
    }
  }

  cached = (key: string, at: number): Effect.Effect<Json | undefined, JournalError> =>
    this.#attempt((database) => {
      const [expiresAt, kept] = database.row(sql.remembered, key, at) ?? []
      return kept === undefined ? undefined : unpack(this.#chain, key, expiresAt, kept)
    })

  renew = (epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) => database.transaction(() => renew(database, epoch, this.#leaseMs)))

  /** Says that the owner is alive, as long as it is the owner: later it would only stand in the way of the next one. */
  /**
   * The file itself must say that it is open, so that a log that is lost later is missed. Whoever reads at this moment keeps SQLite
   * from moving the log into the file: it is tried again, more and more seldom, until that has been moved which stands in it now.
   */
  #sayOpen(database: Database): void {
    const [, frames, moved] = checkpoint(database)
    if (moved < frames) this.#sayOpenLater(frames, 25)
  }

  #sayOpenLater(frames: number, waitMs: number): void {
    this.#saying = setTimeout(() => {
      if (!this.#isOpen && !this.#isDown && this.#database !== undefined) {
        const [isBusy, inLog, moved] = checkpoint(this.#database)
        // a log with less in it than there was has begun anew, and does so only when all of it has been moved
        if (isBusy === 0 && (moved >= frames || inLog < frames)) return
      }
      this.#sayOpenLater(frames, Math.min(waitMs * 2, this.#leaseMs))
    }, waitMs)
    this.#saying.unref()
  }

  #beat(epoch: number): void {
    const renewed = this.renew(epoch)
    if (Exit.isExit(renewed) && Exit.isFailure(renewed) && Cause.squash(renewed.cause) instanceof StaleOwner)
      clearInterval(this.#heartbeat)
  }

  close = (epoch: number): Effect.Effect<void, JournalError> =>
    Effect.suspend(() => {
      if (this.#isOpen) return Exit.fail(inTheWay())
      if (this.#database === undefined) return Exit.void
      const ownership = this.#ownership
      // somebody has claimed it anew since: it is theirs, however late this one comes
      if (epoch !== 0 && ownership !== undefined && ownership.epoch > Math.abs(epoch)) return Exit.void
      let isGivenBack = false
      const closed = this.#attempt((database) => {
        // whoever has the file by now, or was killed with it, needs the log
        if (ownership?.epoch !== Math.abs(epoch) || !release(database, ownership)) return
        // whoever still reads keeps the log alive; what is in the file already cannot be lost with it
        database.exec("PRAGMA wal_checkpoint(PASSIVE)")
        isGivenBack = true
      })
      // what cannot be said any more is not waited for: the next owner takes this one for killed
      this.#letGo(isGivenBack)
      return closed
    })

  abandon = (): void => this.#letGo()

  /** Holds nothing any more: no connection, no claim, no timer. */
  #letGo(isGivenBack = false): void {
    notAtExit(this.#leave)
    this.#disown()
    const database = this.#database
    this.#database = undefined
    this.#isDown = false
    this.#forgetRuns()
    if (database === undefined) return
    try {
      if (isGivenBack) database.close()
      else leave(this.#sqlite, database)
    } catch {
      // nobody could do anything about it, and what was committed stands
    }
  }

  /** Whoever owned the file through this journal does so no more. */
  #disown(): void {
    clearInterval(this.#heartbeat)
    clearTimeout(this.#saying)
    if (this.#ownership !== undefined) forget(this.#ownership.token)
    this.#ownership = undefined
  }

  /** The connection goes without having been closed in order, perhaps because the process ends. */
  readonly #leave = (): void => {
    try {
      if (this.#database !== undefined) markMerged(this.#database, this.#ownership)
    } catch {
      // whoever cannot write this cannot merge the log either
    }
  }

  read = (run: string, from = 0, to = Number.MAX_SAFE_INTEGER): Effect.Effect<History, JournalError> =>
    this.#attempt((database) => {
      const row = database.row(sql.findRun, run)
      if (row === undefined) return { first: 0, messages: [], epochs: [] }
      const [id, definition, submittedAt, length, head, first] = row
      try {
        return history(
          database,
          this.#chain,
          { run, id, definition: this.#definitions.of(database, definition), submittedAt, length, head },
          // the first message always stays
          from === 0 && to === 1 ? 0 : Math.max(from, first),
          to
        )
      } catch (error) {
        // whoever has not got the key can say nothing about the run
        if (error instanceof JournalCorrupt) this.#requireKey(database)
        throw error
      }
    })

  keepSnapshot = ({ run, seq, body, keep }: Snapshot, epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        const handle = this.#handles.get(run) ?? this.#load(database, run)
        if (handle === undefined) return
        const [before] = database.row(sql.linkAt, handle.id, seq - 1) ?? [
          this.#first(run, handle.definition, handle.submittedAt)
        ]
        database.run(sql.dropSnapshots, handle.id)
        database.run(sql.putSnapshot, handle.id, seq, this.#chain.next(before, seq, 0, body), body)
        if (keep !== undefined && seq - keep > 1) this.#compact(database, handle.id, seq - keep)
      })
    )

  snapshot = (run: string): Effect.Effect<Snapshot | undefined, JournalError> =>
    this.#attempt((database) => {
      const [id] = database.row(sql.findRun, run) ?? []
      const [seq, chain, body] = id === undefined ? [] : (database.row(sql.lastSnapshot, id) ?? [])
      if (seq === undefined) return undefined
      const [before] = database.row(sql.linkAt, id, seq - 1) ?? []
      // one that is damaged is not used: the messages are still there
      return before !== undefined && this.#chain.next(before, seq, 0, body) === chain ? { run, seq, body } : undefined
    })

  keepShared = (shared: ReadonlyArray<Shared>, epoch: number): Effect.Effect<void, JournalError> => {
    if (this.#isOpen) return Exit.fail(inTheWay())
    return this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        for (const one of shared) keepShared(database, this.#chain, one, epoch)
      })
    )
  }

  shared = (kind: string): Effect.Effect<ReadonlyArray<SharedRecord>, JournalError> =>
    this.#attempt((database) => readShared(database, this.#chain, kind))

  find = (run: string): Effect.Effect<RunRecord | undefined, JournalError> =>
    this.#attempt((database) => {
      const row = database.row(sql.recordByName, run)
      return row === undefined ? undefined : recordOf(row, (id) => this.#definitions.of(database, id))
    })

  list = (query: RunQuery): Effect.Effect<RunPage, JournalError> =>
    this.#attempt((database) => {
      const { workflow, status, hasEnded, isAsleep, oldestFirst = false, limit = 100, cursor } = query
      const statuses = status === undefined ? [] : [...new Set(status)].map((one) => statusCodes[one])
      const filters: sql.Filters = {
        byWorkflow: workflow !== undefined,
        byStatus: status !== undefined,
        hasEnded,
        isTroubled: statuses.length === 1 && statuses[0]! > statusCodes.succeeded,
        byAsleep: isAsleep !== undefined,
        oldestFirst
      }
      const values = [
        cursor === undefined ? (oldestFirst ? -1 : Number.MAX_SAFE_INTEGER) : Number(cursor),
        limit + 1,
        workflow ?? null,
        Number(isAsleep ?? false),
        ...statuses,
        ...Array(sql.statusesMost - statuses.length).fill(-1)
      ]
      const rows = database.rows(sql.records(filters), ...values.slice(0, sql.valuesOf(filters)))
      const page = rows.slice(0, limit)
      return {
        runs: page.map((row) => recordOf(row, (id) => this.#definitions.of(database, id))),
        cursor: rows.length > limit ? String(page.at(-1)![0]) : undefined
      }
    })

  definition = (hash: string): Effect.Effect<WorkflowIR | undefined, JournalError> =>
    this.#attempt((database) => {
      const row = database.row(sql.definitionByHash, hash)
      const ir = row === undefined ? undefined : readDefinition(row[0], hash)
      return ir === undefined ? undefined : deepFreeze(ir)
    })

  finished = (): Effect.Effect<number, JournalError> =>
    this.#attempt((database) => database.row(sql.finished)![0] as number)

  epoch = (): Effect.Effect<number, JournalError> => this.#attempt((database) => database.row(sql.epoch)![0] as number)

  blame = (
    runs: ReadonlyArray<string>,
    epoch: number,
    count?: number
  ): Effect.Effect<ReadonlyArray<number>, JournalError> =>
    this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        return runs.map((run) => {
          const row = database.row(sql.findBlame, run)
          if (row === undefined) return 0
          const [id, before, length] = row
          const blame = Math.min(count ?? blameOf(before, length) + 1, blameMax)
          database.run(sql.writeBlame, length * (blameMax + 1) + blame, id)
          return blame
        })
      })
    )

  memo = (text: string, epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) => database.transaction(() => leaveMemo(database, epoch, text)))

  backup = (path: string): Effect.Effect<Backup, JournalError | BackupRefused> => backup(this.#sqlite, this.path, path)

  remove = (runs: ReadonlyArray<string>, epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        const definitions = new Set<number>()
        for (const run of runs) this.#remove(database, run, definitions)
        for (const definition of definitions) this.#definitions.sweep(database, definition)
      })
    )

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────

  /**
   * Everything of a batch, inside its transaction. Gives the last entry that was not there before; undefined when somebody ended
   * the transaction and it has to be begun again.
   */
  #write(
    database: Database,
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number,
    ended: Ended
  ): Added | undefined {
    const values: Array<Link> = []
    let isSwept = false
    let last: Entry | undefined
    for (const entry of batch) {
      const isAgain = this.#unsure.has(entry)
      const handle = this.#handleFor(database, entry)
      const { within } = entry
      if (within !== undefined && entry.seq !== handle.length) {
        if (isAgain && this.#isDone(database, handle, entry, within, epoch)) continue
        throw new SequenceConflict({ run: entry.run, expected: entry.seq, actual: handle.length })
      }
      const message = within === undefined ? entry.message : this.#perform(database, entry, within, ended)
      if (message === undefined) return undefined
      const body = this.#bodyOf(database, message, handle)
      if (entry.seq !== handle.length) {
        if (isAgain && this.#isThere(database, handle, entry.seq, epoch, body)) continue
        throw new SequenceConflict({ run: entry.run, expected: entry.seq, actual: handle.length })
      }
      if (entry.remember !== undefined && message.type === "attempt.succeeded") {
        remember(database, this.#chain, entry.remember, message.value)
        if (!isSwept) database.run(sql.sweepCache, message.at)
        isSwept = true
      }
      handle.link = this.#chain.next(handle.link, handle.length, epoch, body)
      values.push(handle.id, handle.length, epoch, handle.link, body)
      handle.length++
      handle.updatedAt = message.at
      last = entry
      if (values.length === 5 * sql.rowsAtOnce) {
        database.statement(sql.insertMessages).run(...values)
        values.length = 0
      }
    }
    const single = database.statement(sql.insertMessage)
    for (let i = 0; i < values.length; i += 5)
      single.run(values[i]!, values[i + 1]!, values[i + 2]!, values[i + 3]!, values[i + 4]!)
    if (batch.length <= smallBatch) this.#writeHeads(database, batch)
    for (const note of notes) this.#writeNote(database, note)
    return { last }
  }

  /** Makes the message of an entry, with the rows that belong to it; undefined when that has ended the transaction of all. */
  #perform(database: Database, entry: Entry, within: Within, ended: Ended): Message | undefined {
    const before = ended.get(entry)
    if (before !== undefined) {
      const message = within.refuse(before)
      within.told(message)
      return message
    }
    database.run("SAVEPOINT troupe_entry")
    const done = this.#letWrite(database, within.perform)
    if (!database.raw.isTransaction) {
      ended.set(entry, done.isDone ? undefined : done.error)
      this.#undo(database)
      return undefined
    }
    if (!done.isDone) database.run("ROLLBACK TO troupe_entry")
    database.run("RELEASE troupe_entry")
    const message = done.isDone ? done.value : within.refuse(done.error)
    within.told(message)
    return message
  }

  #letWrite<T>(database: Database, work: (db: Transaction) => T): Done<T> {
    this.#isOpen = true
    try {
      return letWrite(database, work)
    } finally {
      this.#isOpen = false
    }
  }

  /** Whether an entry was written before with what belongs to it: then its message is the one that is there. */
  #isDone(database: Database, handle: Handle, { seq, message }: Entry, within: Within, epoch: number): boolean {
    const [writtenIn, body] = database.row(sql.readMessage, handle.id, seq) ?? []
    if (writtenIn !== epoch) return false
    const { definition, submittedAt } = handle
    const there = decode(body, definition.names, { ...definition, submittedAt }, (hash) => payload(database, hash))
    if (!isSameEnd(message, there)) return false
    within.told(there)
    return true
  }

  /** Nothing of an open transaction stays, nor of what was remembered of it. */
  #undo(database: Database): void {
    database.rollback()
    this.#forgetRuns()
    this.#refreshLastRun()
  }

  /** The text of a message as it is written; large payloads are written elsewhere, once each. */
  #bodyOf(database: Database, message: Message, { definition, submittedAt }: Handle): string {
    const body = encode(message, definition.names, submittedAt)
    if (body.length < largeFrom) return body
    const payload = payloadOf(message)
    if (payload === undefined) return body
    const text = JSON.stringify(payload)
    const hash = blobHash(text)
    database.run(sql.insertBlob, hash, text)
    return encodeLarge(message, definition.names, submittedAt, hash)
  }

  #writeHeads(database: Database, batch: ReadonlyArray<Entry>): void {
    for (const { run, seq } of batch) {
      const handle = this.#handles.get(run)!
      if (seq !== handle.length - 1) continue
      database.run(sql.writeHead, handle.length, handle.link, handle.updatedAt, handle.id)
      // its note would not look behind by its length: whoever opens the store next would let it sleep
      if (handle.isAsleep) database.run(sql.writeAwake, handle.id)
      handle.isAsleep = false
    }
  }

  #writeNote(database: Database, { run, status, isAsleep, dueAt, updatedAt, tasks, error }: RunNote): void {
    const handle = this.#handles.get(run) ?? this.#load(database, run)
    if (handle === undefined) return
    if (status === "quarantined") {
      // what was noted before is the evidence
      database.run(sql.quarantine, statusCodes[status], JSON.stringify([...tasks, error ?? {}]), handle.id)
      return
    }
    handle.isAsleep = isAsleep
    const summary = error === undefined ? JSON.stringify(trimmed(tasks)) : JSON.stringify([...tasks, error])
    database.run(
      sql.writeNote,
      statusCodes[status],
      Number(isAsleep),
      dueAt ?? null,
      updatedAt,
      handle.length,
      handle.link,
      summary,
      handle.id
    )
  }

  /** The commit itself; an error of it may hide a success, so the file is opened again and looked at. */
  #commit(database: Database, batch: ReadonlyArray<Entry>, added: Added | undefined): void {
    try {
      database.exec("COMMIT")
      for (const entry of batch) this.#unsure.delete(entry)
    } catch (error) {
      const last = added?.last
      const link = last === undefined ? undefined : this.#handles.get(last.run)?.link
      const doubtful = batch.filter((entry) => !this.#unsure.has(entry))
      for (const entry of doubtful) this.#unsure.add(entry)
      this.#mustSettle = true
      this.#reopen()
      const isThere = last === undefined ? batch.length > 0 : this.#isWritten(last, link)
      for (const entry of isThere ? batch : doubtful) this.#unsure.delete(entry)
      if (!isThere) throw error
    }
  }

  /** Whether the last message of a batch is there: then all of it is. */
  #isWritten({ run }: Entry, link: Link | undefined): boolean {
    const database = this.#up()
    const handle = this.#load(database, run)
    return handle !== undefined && handle.link === link
  }

  /** Whether exactly this message stands at that place already. */
  #isThere(database: Database, handle: Handle, seq: number, epoch: number, body: string): boolean {
    if (seq > handle.length) return false
    const [before] =
      seq === 0
        ? [this.#first(handle.run, handle.definition, handle.submittedAt)]
        : (database.row(sql.linkAt, handle.id, seq - 1) ?? [])
    const [there] = database.row(sql.linkAt, handle.id, seq) ?? []
    return before !== undefined && there === this.#chain.next(before, seq, epoch, body)
  }

  /** Runs that are over or asleep are looked up again when somebody asks. */
  #settle(notes: ReadonlyArray<RunNote>): void {
    for (const { run, status, isAsleep } of notes) if (isAsleep || statusCodes[status] >= 16) this.#handles.delete(run)
  }

  #handleFor(database: Database, { run, seq, message, definition }: Entry): Handle {
    const known = this.#handles.get(run) ?? this.#load(database, run)
    if (known !== undefined) return known
    if (message.type !== "run.submitted") throw new SequenceConflict({ run, expected: seq, actual: 0 })
    const pinned = this.#definitions.pin(database, message, definition)
    const handle: Handle = {
      id: this.#lastRun + 1,
      run,
      definition: pinned,
      submittedAt: message.at,
      length: 0,
      link: this.#first(run, pinned, message.at),
      updatedAt: message.at,
      isAsleep: false
    }
    database.run(sql.insertRun, handle.id, run, handle.definition.id, message.at, message.at)
    this.#lastRun++
    this.#handles.set(run, handle)
    return handle
  }

  #load(database: Database, run: string): Handle | undefined {
    const row = database.row(sql.findRun, run)
    if (row === undefined) return undefined
    const [id, definitionId, submittedAt, , , , asleep] = row
    const definition = this.#definitions.of(database, definitionId)
    const [seq, chain] = database.row(sql.lastMessage, id) ?? [-1, this.#first(run, definition, submittedAt)]
    const handle: Handle = {
      id,
      run,
      definition,
      submittedAt,
      length: seq + 1,
      link: chain,
      updatedAt: submittedAt,
      isAsleep: asleep === 1
    }
    this.#handles.set(run, handle)
    return handle
  }

  #first(run: string, definition: Definition, submittedAt: number): Link {
    return this.#chain.first(run, { ...definition, submittedAt })
  }

  /** Removes messages that a snapshot covers. The link of the first that stays is in the row before it, so that one stays too. */
  #compact(database: Database, id: number, first: number): void {
    const [bodies, messages, run] = sql.compact
    for (const [body] of database.rows(bodies, id, first - 1)) this.#dropPayload(database, body)
    database.run(messages, id, first - 1)
    database.run(run, first, id)
  }

  #dropPayload(database: Database, body: string): void {
    const hash = payloadHash(body)
    if (hash === undefined) return
    database.run(sql.dropBlob, hash)
    database.run(sql.sweepBlobs, hash)
  }

  #remove(database: Database, run: string, definitions: Set<number>): void {
    const row = database.row(sql.findRun, run)
    if (row === undefined) return
    const [id, definition] = row
    definitions.add(definition)
    for (const [body] of database.rows(sql.largeBodies, id)) this.#dropPayload(database, body)
    for (const text of sql.removeRun) database.run(text, id)
    this.#handles.delete(run)
  }

  // ── the connection ───────────────────────────────────────────────────────────────────────────────

  #connect(): Database {
    const { synchronous, readOnly = false } = this.#options
    return this.#sqlite.open(this.path, { isFull: synchronous !== "normal", readOnly })
  }

  #requireKey(database: Database): void {
    const originOf = (id: number) => this.#definitions.of(database, id)
    requireKey(database, { chain: this.#chain, isSealed: this.#options.key !== undefined, originOf })
  }

  /** The connection; opened again if it was lost. */
  #up(): Database {
    if (this.#isDown) {
      try {
        this.#reopen()
      } catch (error) {
        // the store was fit to be used: this will pass
        const known = error instanceof TroupeError ? (error as JournalError) : openError(this.path, error)
        throw known._tag === "StoreUnusable" ? new JournalBroken({ cause: known }) : known
      }
    }
    if (this.#database === undefined)
      throw new JournalBroken({ cause: new TypeError(`the store '${this.path}' is closed`) })
    return this.#database
  }

  /** A new connection in place of one that failed. The new one comes first: the last to go would clear the log away. */
  #reopen(): void {
    const before = this.#database
    this.#isDown = true
    this.#forgetRuns()
    const after = this.#connect()
    try {
      this.#lastRun = after.row(sql.lastRun)![0]
    } catch (error) {
      if (before === undefined) leave(this.#sqlite, after)
      else after.close()
      throw error
    }
    this.#database = after
    try {
      before?.close()
    } catch {
      // it had failed before
    }
    if (this.#mustSettle) this.#makeSure(after)
    this.#isDown = false
  }

  /** What was written last may be there and not have reached the disk: moving it into the file makes sure. */
  #makeSure(database: Database): void {
    if (database.row("PRAGMA wal_checkpoint(TRUNCATE)")?.[0] !== 0) throw new JournalBusy({ path: this.path })
    this.#mustSettle = false
  }

  #forgetRuns(): void {
    this.#handles.clear()
    this.#definitions.forget()
  }

  /** What a failed append was; the connection is as good as new afterwards, or known to be down. */
  #failed(error: unknown, batch: ReadonlyArray<Entry>): JournalError {
    this.#database?.rollback()
    this.#forgetRuns()
    const known = error instanceof TroupeError ? (error as JournalError) : journalError(this.path, error)
    // a refusal is an answer; anything else leaves open what became of a commit before
    const isRefused = known._tag === "StaleOwner" || known._tag === "SequenceConflict"
    const isUnsure = !isRefused && batch.some((entry) => this.#unsure.has(entry))
    const told = isUnsure ? new JournalBroken({ cause: known, isUnsure }) : known
    // what was let go of stays closed
    if (this.#database === undefined) return told
    if (told._tag === "JournalBroken" && !this.#isDown) {
      try {
        this.#reopen()
      } catch {
        // tried again with the next append
      }
    } else this.#refreshLastRun()
    return told
  }

  #refreshLastRun(): void {
    try {
      if (this.#database !== undefined) this.#lastRun = this.#database.row(sql.lastRun)![0]
    } catch {
      this.#isDown = true
    }
  }

  #attempt<T>(work: (database: Database) => T): Effect.Effect<T, JournalError> {
    try {
      return Exit.succeed(work(this.#up()))
    } catch (error) {
      if (error instanceof TroupeError) return Exit.fail(error as JournalError)
      const known = journalError(this.path, error)
      // a connection that failed is not used again: a sync that is asked for twice says that all is well
      if (known._tag === "JournalBroken" && this.#database !== undefined) this.#isDown = true
      return Exit.fail(known)
    }
  }
}

/** Moves of the log into the file what nobody reads in the meantime: whether it was not possible at all, frames there, frames moved. */
const checkpoint = (database: Database): readonly [isBusy: number, frames: number, moved: number] => {
  try {
    const [isBusy, frames, moved] = database.row("PRAGMA wal_checkpoint(PASSIVE)") as [number, number, number]
    return [isBusy, frames, moved]
  } catch {
    return [1, 0, 0]
  }
}

/** What a batch has added to the file: its last entry that was not there before. */
interface Added {
  readonly last: Entry | undefined
}

/** Entries that have ended the transaction they were performed in, and with what error: they are not performed again. */
type Ended = Map<Entry, unknown>

/** Whether two messages are both ends of one attempt; which end it was, only the one that was written knows. */
const isSameEnd = (one: Message, other: Message): boolean =>
  isEnd(one) && isEnd(other) && one.task === other.task && one.attempt === other.attempt
const isEnd = (message: Message) => message.type === "attempt.succeeded" || message.type === "attempt.failed"

const inTheWay = () => new JournalBroken({ cause: new TransactionMisused({ how: "open" }) })
