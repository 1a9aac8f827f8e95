/**
 * The journal in one SQLite file. All runs share one transaction per turn, and with it one wait for the disk; every row carries
 * a checksum chained over its run; a commit whose fate is unknown is settled by opening the file again and looking.
 */
import { createHash } from "node:crypto"
import { resolve } from "node:path"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TroupeError } from "../../model/errors.ts"
import type { WorkflowIR } from "../../model/ir.ts"
import { deepFreeze, type Json } from "../../model/json.ts"
import type { Message, RunStatus } from "../../model/messages.ts"
import { JournalBroken, JournalCorrupt, type JournalError, SequenceConflict, StoreUnusable } from "../errors.ts"
import type {
  Claim,
  Entry,
  History,
  JournalService,
  Pinned,
  RunNote,
  RunPage,
  RunQuery,
  RunRecord,
  Snapshot
} from "../journal.ts"
import {
  type Chain,
  checksums,
  decode,
  encode,
  encodeLarge,
  type Link,
  largeFrom,
  type Names,
  namesOf,
  type Origin,
  payloadHash,
  payloadOf,
  seals
} from "./codec.ts"
import { type Database, journalError, type Row, Sqlite } from "./database.ts"
import { create, formatVersion, look, migrate, requireWritable } from "./format.ts"
import { forget, leaseDefaultMs, type Ownership, release, renew, requireEpoch, take } from "./owner.ts"
import { probe } from "./probe.ts"
import * as sql from "./statements.ts"

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
  /** Seals the rows with an HMAC instead of a checksum, so that changes by whoever lacks the key show too. Keep it: without it the store cannot be read. */
  readonly key?: string
  /** Refuse to make a new file. */
  readonly mustExist?: boolean
  /** Open a store that has lost its log as it is. */
  readonly acceptLoss?: boolean
}

/** A journal in a SQLite file, with what only files have. */
export interface SqliteJournal extends JournalService {
  readonly path: string
  /** Lets go of the file as a killed process would: nothing is said, nothing is given back. For tests of what follows. */
  readonly abandon: () => void
}

/** Status codes: from 16 on the run has ended. */
const statusCodes: Record<RunStatus, number> = {
  running: 0,
  paused: 1,
  waiting: 2,
  parked: 3,
  succeeded: 16,
  failed: 17,
  cancelled: 18,
  quarantined: 19
}
const statusOf = new Map(Object.entries(statusCodes).map(([status, code]) => [code, status as RunStatus]))

interface Definition extends Omit<Origin, "submittedAt"> {
  readonly id: number
  readonly names: Names
}

/** A run that is read. */
interface Book {
  readonly run: string
  readonly id: number
  readonly definition: Definition
  readonly submittedAt: number
  readonly length: number
  readonly head: Link | null
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
}

/** In batches of up to so many messages every run's head is brought up to date too; larger ones leave that to the notes. */
const smallBatch = 16

/** Definitions that are remembered; the others are looked up again. */
const definitionsMax = 10_000

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
  #definitions = new Map<number, Definition>()
  #pinned = new WeakMap<Pinned, Definition>()
  #lastRun = 0
  /** Set while the fate of the last commit is unknown. */
  #isUnsure = false
  #isDown = false
  /** Says now and then that the owner is alive; real time, whatever clock the runs are on. */
  #heartbeat: NodeJS.Timeout | undefined = undefined

  constructor(sqlite: Sqlite, path: string, options: SqliteOptions) {
    this.#sqlite = sqlite
    this.path = path
    this.#options = options
    this.#leaseMs = options.leaseMs ?? leaseDefaultMs
    this.#chain = options.key === undefined ? checksums : seals(options.key)
  }

  open(): void {
    const { mustExist = false, acceptLoss = false } = this.#options
    const { path } = this
    let found = look(path)
    if (found.kind === "absent") {
      if (mustExist) throw new StoreUnusable({ path, reason: "missing" })
      create(this.#sqlite, path)
      found = look(path)
    }
    if (found.kind === "absent") throw new StoreUnusable({ path, reason: "missing" })
    requireWritable(path)
    probe(this.#sqlite, path, found, acceptLoss)
    this.#database = this.#connect()
    if (found.version < formatVersion) migrate(this.#database)
  }

  claim = (): Effect.Effect<Claim, JournalError> => {
    try {
      if (this.#database === undefined) this.open()
    } catch (error) {
      return Exit.fail(error instanceof TroupeError ? (error as JournalError) : journalError(this.path, error))
    }
    return this.#attempt((database) => {
      const ownership = take(database, this.#leaseMs)
      this.#ownership = ownership
      // the file itself must say that it is open, so that a log that is lost later is missed
      database.exec("PRAGMA wal_checkpoint(PASSIVE)")
      this.#forgetRuns()
      this.#lastRun = database.row(sql.lastRun)![0]
      this.#heartbeat = setInterval(() => this.renew(ownership.epoch), this.#leaseMs / 3)
      this.#heartbeat.unref()
      return { epoch: ownership.epoch, wasClean: ownership.wasClean, crashes: ownership.crashes }
    })
  }

  append = (
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number
  ): Effect.Effect<void, JournalError> => {
    try {
      const database = this.#up()
      const isAgain = this.#isUnsure
      database.exec("BEGIN IMMEDIATE")
      requireEpoch(database, epoch)
      this.#write(database, batch, notes, epoch, isAgain)
      this.#commit(database, batch)
      this.#settle(notes)
      return Exit.void
    } catch (error) {
      return Exit.fail(this.#failed(error))
    }
  }

  renew = (epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) => database.transaction(() => renew(database, epoch, this.#leaseMs)))

  close = (epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) => {
      const ownership = this.#ownership
      clearInterval(this.#heartbeat)
      if (ownership?.epoch === epoch) release(database, ownership)
      this.#ownership = undefined
      this.#database = undefined
      database.close()
    })

  abandon = (): void => {
    clearInterval(this.#heartbeat)
    if (this.#ownership !== undefined) forget(this.#ownership.token)
    this.#ownership = undefined
    this.#database = undefined
    this.#isDown = true
  }

  read = (run: string, from = 0, to = Number.MAX_SAFE_INTEGER): Effect.Effect<History, JournalError> =>
    this.#attempt((database) => {
      const row = database.row(sql.findRun, run)
      if (row === undefined) return { messages: [], epochs: [] }
      const [id, definition, submittedAt, length, head] = row
      return this.#history(
        database,
        { run, id, definition: this.#definitionOf(database, definition), submittedAt, length, head },
        from,
        to
      )
    })

  keepSnapshot = ({ run, seq, body }: Snapshot, epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        const handle = this.#handles.get(run) ?? this.#load(database, run)
        if (handle === undefined) return
        const [before] = database.row(sql.linkAt, handle.id, seq - 1) ?? [this.#chain.first(run)]
        database.run(sql.dropSnapshots, handle.id)
        database.run(sql.putSnapshot, handle.id, seq, this.#chain.next(before, seq, 0, body), body)
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

  find = (run: string): Effect.Effect<RunRecord | undefined, JournalError> =>
    this.#attempt((database) => {
      const row = database.row(sql.recordByName, run)
      return row === undefined ? undefined : this.#record(database, row)
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
        runs: page.map((row) => this.#record(database, row)),
        cursor: rows.length > limit ? String(page.at(-1)![0]) : undefined
      }
    })

  definition = (hash: string): Effect.Effect<WorkflowIR | undefined, JournalError> =>
    this.#attempt((database) => {
      const row = database.row(sql.definitionByHash, hash)
      return row === undefined ? undefined : deepFreeze(JSON.parse(row[0]) as WorkflowIR)
    })

  blame = (runs: ReadonlyArray<string>, epoch: number): Effect.Effect<ReadonlyArray<number>, JournalError> =>
    this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        return runs.map((run) => (database.row(sql.addBlame, run)?.[0] as number | undefined) ?? 0)
      })
    )

  remove = (runs: ReadonlyArray<string>, epoch: number): Effect.Effect<void, JournalError> =>
    this.#attempt((database) =>
      database.transaction(() => {
        requireEpoch(database, epoch)
        for (const run of runs) this.#remove(database, run)
      })
    )

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────

  /** Everything of a batch, inside its transaction. */
  #write(
    database: Database,
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number,
    isAgain: boolean
  ): void {
    const values: Array<Link> = []
    for (const entry of batch) {
      const handle = this.#handleFor(database, entry)
      const body = this.#bodyOf(database, entry.message, handle)
      if (entry.seq !== handle.length) {
        if (isAgain && this.#isThere(database, handle, entry.seq, epoch, body)) continue
        throw new SequenceConflict({ run: entry.run, expected: entry.seq, actual: handle.length })
      }
      handle.link = this.#chain.next(handle.link, handle.length, epoch, body)
      values.push(handle.id, handle.length, epoch, handle.link, body)
      handle.length++
      handle.updatedAt = entry.message.at
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
  }

  /** The text of a message as it is written; large payloads are written elsewhere, once each. */
  #bodyOf(database: Database, message: Message, { definition, submittedAt }: Handle): string {
    const body = encode(message, definition.names, submittedAt)
    if (body.length < largeFrom) return body
    const payload = payloadOf(message)
    if (payload === undefined) return body
    const text = JSON.stringify(payload)
    const hash = hashOf(text)
    database.run(sql.insertBlob, hash, text)
    return encodeLarge(message, definition.names, submittedAt, hash)
  }

  #writeHeads(database: Database, batch: ReadonlyArray<Entry>): void {
    for (const { run, seq } of batch) {
      const handle = this.#handles.get(run)!
      if (seq === handle.length - 1)
        database.run(sql.writeHead, handle.length, handle.link, handle.updatedAt, handle.id)
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
  #commit(database: Database, batch: ReadonlyArray<Entry>): void {
    try {
      database.exec("COMMIT")
      this.#isUnsure = false
    } catch (error) {
      this.#isUnsure = true
      const last = batch.at(-1)
      const link = last === undefined ? undefined : this.#handles.get(last.run)?.link
      this.#reopen()
      const isThere = last !== undefined && this.#isWritten(last, link)
      // what is there may not have reached the disk: moving it into the file makes sure
      if (isThere && this.#up().row("PRAGMA wal_checkpoint(TRUNCATE)")?.[0] !== 0) throw error
      this.#isUnsure = false
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
    const [before] = seq === 0 ? [this.#chain.first(handle.run)] : (database.row(sql.linkAt, handle.id, seq - 1) ?? [])
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
    const handle: Handle = {
      id: this.#lastRun + 1,
      run,
      definition: this.#pin(database, message, definition),
      submittedAt: message.at,
      length: 0,
      link: this.#chain.first(run),
      updatedAt: message.at
    }
    database.run(sql.insertRun, handle.id, run, handle.definition.id, message.at, message.at)
    this.#lastRun++
    this.#handles.set(run, handle)
    return handle
  }

  #load(database: Database, run: string): Handle | undefined {
    const row = database.row(sql.findRun, run)
    if (row === undefined) return undefined
    const [id, definition, submittedAt] = row
    const [seq, chain] = database.row(sql.lastMessage, id) ?? [-1, this.#chain.first(run)]
    const handle: Handle = {
      id,
      run,
      definition: this.#definitionOf(database, definition),
      submittedAt,
      length: seq + 1,
      link: chain,
      updatedAt: submittedAt
    }
    this.#handles.set(run, handle)
    return handle
  }

  /** The definition of a run that is being submitted; written down the first time that it is seen. */
  #pin(
    database: Database,
    { workflow, version }: Extract<Message, { type: "run.submitted" }>,
    pinned: Pinned | undefined
  ): Definition {
    const hash = pinned?.hash ?? ""
    const known = pinned === undefined ? undefined : this.#pinned.get(pinned)
    if (known !== undefined) return known
    const row =
      database.row(sql.findDefinition, hash, workflow, version ?? "") ??
      database.row(
        sql.insertDefinition,
        hash,
        workflow,
        version ?? null,
        pinned === undefined ? null : JSON.stringify(pinned.ir)
      )
    const definition = this.#definitionOf(database, row![0])
    if (pinned !== undefined) this.#pinned.set(pinned, definition)
    return definition
  }

  #definitionOf(database: Database, id: number): Definition {
    const known = this.#definitions.get(id)
    if (known !== undefined) return known
    const [, hash, workflow, version, ir] = database.row(sql.definitionById, id)!
    const definition: Definition = {
      id,
      hash: hash === "" ? undefined : hash,
      workflow,
      version: version ?? undefined,
      names: namesOf(ir === null ? undefined : (JSON.parse(ir) as WorkflowIR))
    }
    if (this.#definitions.size >= definitionsMax) this.#definitions.clear()
    this.#definitions.set(id, definition)
    return definition
  }

  #remove(database: Database, run: string): void {
    const row = database.row(sql.findRun, run)
    if (row === undefined) return
    const [id] = row
    for (const [body] of database.rows(sql.bodies, id)) {
      const hash = payloadHash(body)
      if (hash === undefined) continue
      database.run(sql.dropBlob, hash)
      database.run(sql.sweepBlobs, hash)
    }
    for (const text of sql.removeRun) database.run(text, id)
    this.#handles.delete(run)
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────

  /** Messages of a run, each checked against the one before it: a change shows at the message where it begins. */
  #history(
    database: Database,
    { run, id, definition, submittedAt, length, head }: Book,
    from: number,
    to: number
  ): History {
    const origin: Origin = { ...definition, submittedAt }
    const fetch = (hash: string) => this.#fetch(database, hash)
    const messages: Array<Message> = []
    const epochs: Array<number> = []
    let [before] = from === 0 ? [this.#chain.first(run)] : (database.row(sql.linkAt, id, from - 1) ?? [undefined])
    let next = from
    for (const [seq, epoch, chain, body] of database.rows(sql.readMessages, id, from, to)) {
      if (seq !== next || before === undefined) throw new JournalCorrupt({ run, seq: next, kind: "gap" })
      if (this.#chain.next(before, seq, epoch, body) !== chain) throw new JournalCorrupt({ run, seq, kind: "chain" })
      if (seq === length - 1 && head !== null && head !== chain) throw new JournalCorrupt({ run, seq, kind: "chain" })
      before = chain
      next++
      try {
        messages.push(decode(body, definition.names, origin, fetch))
      } catch {
        throw new JournalCorrupt({ run, seq, kind: "shape" })
      }
      epochs.push(epoch)
    }
    // a tail that was cut off: the note knows that there was more
    if (next < Math.min(length, to)) throw new JournalCorrupt({ run, seq: next, kind: "gap" })
    return { messages: Object.freeze(messages), epochs }
  }

  #fetch(database: Database, hash: string): Json {
    const [text] = database.row(sql.blob, hash) ?? [""]
    if (hashOf(text) !== hash) throw new TypeError("not what was written")
    return JSON.parse(text) as Json
  }

  #record(database: Database, row: Row): RunRecord {
    const [, run, definition, submittedAt, updatedAt, status, asleep, dueAt, blame, summary, noted, length] = row
    const { workflow, version, hash } = this.#definitionOf(database, definition)
    const tasks = summary === null ? [] : (JSON.parse(summary) as Array<any>)
    const error = typeof tasks.at(-1) === "object" ? tasks.pop() : undefined
    return {
      run,
      workflow,
      version,
      hash,
      submittedAt,
      updatedAt,
      status: statusOf.get(status) ?? "running",
      isAsleep: asleep === 1,
      dueAt: dueAt ?? undefined,
      length,
      noted,
      blame,
      tasks,
      ...(error === undefined ? {} : { error })
    }
  }

  // ── the connection ───────────────────────────────────────────────────────────────────────────────

  #connect(): Database {
    return this.#sqlite.open(this.path, { isFull: this.#options.synchronous !== "normal" })
  }

  /** The connection; opened again if it was lost. */
  #up(): Database {
    if (this.#isDown) this.#reopen()
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
    this.#database = after
    this.#isDown = false
    this.#lastRun = after.row(sql.lastRun)![0]
    try {
      before?.close()
    } catch {
      // it had failed before
    }
  }

  #forgetRuns(): void {
    this.#handles.clear()
    this.#definitions.clear()
    this.#pinned = new WeakMap()
  }

  /** What a failed append was; the connection is as good as new afterwards, or known to be down. */
  #failed(error: unknown): JournalError {
    this.#database?.rollback()
    this.#forgetRuns()
    if (error instanceof TroupeError) {
      this.#refreshLastRun()
      return error as JournalError
    }
    const known = journalError(this.path, error, this.#isUnsure)
    if (known._tag === "JournalBroken" && !this.#isDown) {
      try {
        this.#reopen()
      } catch {
        // tried again with the next append
      }
    } else this.#refreshLastRun()
    return known
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
      return Exit.fail(journalError(this.path, error))
    }
  }
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("base64url")

/** Without the zeros at the end: most runs have only completed tasks. */
const trimmed = (tasks: ReadonlyArray<number>): ReadonlyArray<number> => {
  let { length } = tasks
  while (length > 0 && tasks[length - 1] === 0) length--
  return tasks.slice(0, length)
}
