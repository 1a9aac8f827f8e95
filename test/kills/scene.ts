/**
 * What lies there after a kill, looked at in a copy: whoever opened the store itself would tidy it up before the next owner does.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { type BreakerRecord, breakerFault, recordIn, sharedKind } from "../../src/engine/breaker-record.ts"
import { type History, type RunRecord, type SqliteJournal, sqliteJournal } from "../../src/storage/index.ts"

export interface Written extends History {
  readonly record: RunRecord
}

export interface Scene {
  /** Files in the folder of the store. */
  readonly files: ReadonlyArray<string>
  /** Undefined while there is no store yet. */
  readonly store:
    | {
        readonly integrity: string
        readonly epoch: number
        readonly runs: ReadonlyMap<string, Written>
        /** Runs that cannot be read, and why. */
        readonly unreadable: ReadonlyArray<string>
        /** The checksum of a run's message, which stands for all before it. */
        readonly chainAt: (run: string, seq: number) => unknown
        /** Circuit breakers as they are written, by name. */
        readonly breakers: ReadonlyMap<string, BreakerRecord>
      }
    | undefined
}

/** Copies a store as it lies there. */
export const copyStore = (from: string, to: string): void => {
  for (const suffix of ["", "-wal"]) {
    rmSync(to + suffix, { force: true })
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix)
  }
  rmSync(`${to}-shm`, { force: true })
}

/** Looks at a store that nobody has open, and gives what was found to `look`; throws what opening the copy throws. */
export const examine = async <T>(store: string, look: (scene: Scene) => T): Promise<T> => {
  const files = readdirSync(dirname(store))
  if (!existsSync(store)) return look({ files, store: undefined })
  const copies = `${dirname(store)}.copy`
  mkdirSync(copies, { recursive: true })
  const copy = join(copies, basename(store))
  copyStore(store, copy)
  const journal = await sqliteJournal({ path: copy, synchronous: "normal" })
  const raw = new DatabaseSync(copy, { readOnly: true })
  try {
    return look({ files, store: { ...readRuns(journal), ...readRaw(raw), breakers: readBreakers(journal) } })
  } finally {
    raw.close()
    Effect.runSync(journal.close(0))
    rmSync(copies, { recursive: true })
  }
}

const readRuns = (journal: SqliteJournal) => {
  const runs = new Map<string, Written>()
  const unreadable: Array<string> = []
  let cursor: string | undefined
  do {
    const page = Effect.runSync(journal.list({ limit: 1_000, oldestFirst: true, cursor }))
    for (const record of page.runs) {
      const history = Effect.runSync(Effect.result(journal.read(record.run)))
      if (history._tag === "Success") runs.set(record.run, { ...history.success, record })
      else unreadable.push(history.failure.message)
    }
    cursor = page.cursor
  } while (cursor !== undefined)
  return { runs, unreadable }
}

const readBreakers = (journal: SqliteJournal) =>
  new Map(
    Effect.runSync(journal.shared(sharedKind)).flatMap((one) => {
      const fault = breakerFault(one)
      if (fault !== undefined) throw new TypeError(`breaker '${one.name}' ${fault}`)
      const record = recordIn(one)
      return record === undefined ? [] : [[one.name, record] as const]
    })
  )

const readRaw = (database: DatabaseSync) => {
  const chain = database.prepare(
    "SELECT m.chain FROM troupe_messages m JOIN troupe_runs r ON r.id = m.run WHERE r.name = ? AND m.seq = ?"
  )
  return {
    integrity: database
      .prepare("PRAGMA integrity_check")
      .all()
      .map((row) => String(Object.values(row)[0]))
      .join("; "),
    epoch: Number(Object.values(database.prepare("SELECT epoch FROM troupe_owner").get()!)[0]),
    chainAt: (run: string, seq: number) => chain.get(run, seq)?.["chain"]
  }
}
