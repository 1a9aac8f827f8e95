/**
 * A store as another process sees it: everything can be read while its owner works, and the owner can be asked for things.
 * Never takes the store over, and never writes but to the inbox.
 */
import { resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import { TroupeError } from "../../model/errors.ts"
import type { Json } from "../../model/json.ts"
import { OwnerGone, OwnerSilent } from "../errors.ts"
import { type Database, journalError, Sqlite } from "./database.ts"
import { versionOf } from "./inbox.ts"
import { type SqliteJournal, sqliteJournal } from "./journal.ts"
import { clock, describeOwner } from "./owner.ts"

export interface StoreOwner {
  readonly isAlive: boolean
  readonly pid: number
  readonly epoch: number
  readonly wasClean: boolean
}

export interface StoreReader
  extends Pick<SqliteJournal, "read" | "find" | "list" | "definition" | "snapshot" | "shared" | "epoch" | "backup"> {
  readonly path: string
  /** Who owns the store, or was the last to do so. */
  readonly owner: () => StoreOwner
  /** A number that changes whenever somebody has written. */
  readonly version: () => number
  /**
   * Asks the owner for something and waits for its answer. Rejects with `OwnerSilent` after `patienceMs` (the owner will not do it
   * later), and with `OwnerGone` when there is nobody any more who could.
   */
  readonly ask: (request: { readonly [key: string]: Json }, patienceMs?: number) => Promise<Json>
  /** The answer to a request that was put before. */
  readonly answerOf: (request: number) => Json | undefined
  readonly close: () => void
}

const patienceDefaultMs = 10_000
const pollMs = 20
/** What the owner begins in the last moment may still take so long. */
const marginMs = 500

/** Opens a store for reading; rejects with `StoreUnusable` if there is none, or none that can be read. */
export const openReader = async (given: string): Promise<StoreReader> => {
  const path = resolve(given)
  const sqlite = await Sqlite.load()
  const journal = await sqliteJournal({ path, readOnly: true })
  return new Reader(sqlite, sqlite.open(path, { readOnly: true }), journal, path)
}

class Reader implements StoreReader {
  readonly path: string
  readonly #sqlite: Sqlite
  readonly #database: Database
  readonly #journal: SqliteJournal
  constructor(sqlite: Sqlite, database: Database, journal: SqliteJournal, path: string) {
    this.path = path
    this.#sqlite = sqlite
    this.#database = database
    this.#journal = journal
  }

  get read() {
    return this.#journal.read
  }
  get find() {
    return this.#journal.find
  }
  get list() {
    return this.#journal.list
  }
  get snapshot() {
    return this.#journal.snapshot
  }
  get shared() {
    return this.#journal.shared
  }
  get definition() {
    return this.#journal.definition
  }
  get epoch() {
    return this.#journal.epoch
  }
  get backup() {
    return this.#journal.backup
  }

  owner = (): StoreOwner => this.#reading(() => describeOwner(this.#database))

  version = (): number => this.#reading(() => versionOf(this.#database))

  ask = async (request: { readonly [key: string]: Json }, patienceMs = patienceDefaultMs): Promise<Json> => {
    const id = this.#put(JSON.stringify({ ...request, patienceMs }))
    const since = performance.now()
    for (;;) {
      // asked before the answer is looked for: an owner that answers and ends at once has answered
      const { isAlive, pid } = this.owner()
      const answer = this.answerOf(id)
      if (answer !== undefined) return answer
      if (!isAlive) throw new OwnerGone({ path: this.path, request: id })
      if (performance.now() - since > patienceMs + marginMs)
        throw new OwnerSilent({ path: this.path, pid, waitedMs: patienceMs })
      await sleep(pollMs)
    }
  }

  answerOf = (request: number): Json | undefined =>
    this.#reading(() => {
      const [answer] = this.#database.row("SELECT answer FROM troupe_inbox WHERE id = ?", request) ?? []
      return typeof answer === "string" ? (JSON.parse(answer) as Json) : undefined
    })

  close = (): void => {
    Effect.runSync(Effect.ignore(this.#journal.close(0)))
    this.#database.close()
  }

  /**
   * The one thing that is written, over a connection that lives no longer than that. It is never the last one, which would clear
   * the log of a killed owner away: ours, which may only read, stays open.
   */
  #put(request: string): number {
    return this.#reading(() => {
      const writing = this.#sqlite.open(this.path)
      try {
        return writing.row(
          `INSERT INTO troupe_inbox (at, request) VALUES (${clock}, ?) RETURNING id`,
          request
        )![0] as number
      } finally {
        writing.close()
      }
    })
  }

  #reading<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw error instanceof TroupeError ? error : journalError(this.path, error)
    }
  }
}
