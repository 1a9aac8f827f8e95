/** The one file that knows `node:sqlite`: connections with our settings, statements that are prepared once, errors with a meaning. */
import type { backup, DatabaseSync, StatementSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { JournalBroken, JournalBusy, type JournalError, JournalFull, StoreUnusable } from "../errors.ts"

export type Value = string | number | bigint | null | Uint8Array
export type Row = ReadonlyArray<any>

export interface ConnectOptions {
  readonly readOnly?: boolean
  /** The file does not exist yet. */
  readonly isNew?: boolean
  /** Whether a commit waits until the disk has it; default true. */
  readonly isFull?: boolean
}

/** How long to wait for another program's lock before saying so, in milliseconds. The process stands still that long. */
const patienceMs = 1_000

/** Pages that a copy moves at a time: 4 MB. */
const pagesAtOnce = 1_024

/** The driver, loaded when the first store is opened: a program with runs in memory never pays for it. */
export class Sqlite {
  readonly #DatabaseSync: typeof DatabaseSync
  readonly #backup: typeof backup
  private constructor(driver: { readonly DatabaseSync: typeof DatabaseSync; readonly backup: typeof backup }) {
    this.#DatabaseSync = driver.DatabaseSync
    this.#backup = driver.backup
  }
  static async load(): Promise<Sqlite> {
    return new Sqlite(await import("node:sqlite"))
  }
  /** Copies all pages into a new file, on another thread, a few megabytes at a time. */
  async copy(from: Database, path: string): Promise<void> {
    await this.#backup(from.raw, path, { rate: pagesAtOnce })
  }
  /** Opens a connection; throws `StoreUnusable` or another `JournalError`. */
  open(where: string | URL, { readOnly = false, isNew = false, isFull = true }: ConnectOptions = {}): Database {
    const path = typeof where === "string" ? where : fileURLToPath(where)
    let raw: DatabaseSync
    try {
      raw = new this.#DatabaseSync(where, { readOnly, timeout: patienceMs })
    } catch (error) {
      throw openError(path, error)
    }
    try {
      const database = new Database(raw, path)
      if (isNew) raw.exec("PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE")
      if (!readOnly)
        raw.exec(
          `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${isFull ? "FULL" : "NORMAL"}; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864`
        )
      raw.exec("PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF")
      return database
    } catch (error) {
      try {
        raw.close()
      } catch {
        // it could not be opened, so there is nothing to close
      }
      throw openError(path, error)
    }
  }
}

export class Database {
  readonly path: string
  readonly raw: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  constructor(raw: DatabaseSync, path: string) {
    this.raw = raw
    this.path = path
  }

  exec(sql: string): void {
    this.raw.exec(sql)
  }

  /** A statement, prepared once for as long as the connection lives; its rows are arrays. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.raw.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  run(sql: string, ...values: ReadonlyArray<Value>): number {
    return Number(this.statement(sql).run(...values).changes)
  }

  row(sql: string, ...values: ReadonlyArray<Value>): Row | undefined {
    return this.statement(sql).get(...values) as Row | undefined
  }

  rows(sql: string, ...values: ReadonlyArray<Value>): ReadonlyArray<Row> {
    return this.statement(sql).all(...values) as unknown as ReadonlyArray<Row>
  }

  pragma(name: string): unknown {
    const [row] = this.raw.prepare(`PRAGMA ${name}`).all() as ReadonlyArray<Record<string, unknown>>
    return row === undefined ? undefined : Object.values(row)[0]
  }

  /** All of `work` or none of it. Nobody else writes meanwhile. */
  transaction<T>(work: () => T): T {
    this.raw.exec("BEGIN IMMEDIATE")
    try {
      const result = work()
      this.raw.exec("COMMIT")
      return result
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  rollback(): void {
    try {
      if (this.raw.isTransaction) this.raw.exec("ROLLBACK")
    } catch {
      // some errors have rolled back by themselves; whoever goes on reads again what is there
    }
  }

  close(): void {
    this.#statements.clear()
    if (this.raw.isOpen) this.raw.close()
  }
}

/** The primary result codes of SQLite that mean something to us (sqlite.org/rescode.html). */
const results = {
  busy: 5,
  locked: 6,
  nomem: 7,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  protocol: 15,
  notadb: 26
} as const

const resultOf = (error: unknown): number => {
  const { errcode } = (error ?? {}) as { errcode?: unknown }
  return typeof errcode === "number" ? errcode & 0xff : -1
}

/** Whether an error is the fault of the disk or the machine, not of the statement that met it. */
export const isTrouble = (error: unknown): boolean => troubles.has(resultOf(error))
const troubles: ReadonlySet<number> = new Set([results.busy, results.nomem, results.ioerr, results.full])

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** What an error while writing or reading means. */
export const journalError = (path: string, error: unknown): JournalError => {
  switch (resultOf(error)) {
    case results.full:
      return new JournalFull()
    case results.busy:
    case results.locked:
    case results.protocol:
      return new JournalBusy({ path })
    default:
      return new JournalBroken({ cause: error })
  }
}

/** What an error while opening means. */
export const openError = (path: string, error: unknown): JournalError => {
  if ((error as { code?: unknown }).code === "ENOSPC") return new JournalFull()
  switch (resultOf(error)) {
    case results.busy:
    case results.locked:
    case results.protocol:
      return new JournalBusy({ path })
    case results.readonly:
      return new StoreUnusable({ path, reason: "read-only" })
    case results.corrupt:
      return new StoreUnusable({ path, reason: "corrupt", detail: messageOf(error) })
    case results.notadb:
      return new StoreUnusable({ path, reason: "foreign" })
    case results.full:
      return new JournalFull()
    default:
      return new StoreUnusable({ path, reason: "unreachable", detail: messageOf(error) })
  }
}
