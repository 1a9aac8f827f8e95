/** Looks into a store before it is opened for writing: its version may stand in the log, and a lost log must not be overlooked. */
import { closeSync, openSync, readSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { StoreUnusable } from "../errors.ts"
import type { Database, Sqlite } from "./database.ts"
import { applicationId, type Found, formatVersion } from "./format.ts"

/**
 * Throws `StoreUnusable` for a store that is newer than this program, or that was not closed in order and has lost its log.
 * Writes nothing, not even the index that SQLite puts beside a log: a store is read as it lies there, and its log by hand.
 */
export const probe = (
  sqlite: Sqlite,
  path: string,
  { log }: Extract<Found, { kind: "store" }>,
  acceptsLoss: boolean
): void => {
  if (log === true) {
    const header = headerInLog(`${path}-wal`)
    if (header === undefined) return
    if (header.readUInt32BE(68) !== applicationId) throw new StoreUnusable({ path, reason: "foreign" })
    const version = header.readUInt32BE(60)
    if (version > formatVersion)
      throw new StoreUnusable({ path, reason: "newer", detail: `format ${version}, this is ${formatVersion}` })
    return
  }
  if (log !== false || acceptsLoss) return
  const database = asItLies(sqlite, path)
  try {
    const [clean] = database.row("SELECT clean FROM troupe_owner WHERE one = 1") ?? [1]
    if (clean === 0) throw new StoreUnusable({ path, reason: "no-wal" })
  } finally {
    database.close()
  }
}

/** The newest header of the database that was committed to a log; undefined if none was (sqlite.org/fileformat2.html#walformat). */
const headerInLog = (path: string): Buffer | undefined => {
  const file = openSync(path, "r")
  try {
    const log = Buffer.alloc(32)
    if (readSync(file, log, 0, 32, 0) < 32 || (log.readUInt32BE(0) & ~1) !== 0x377f0682) return undefined
    const pageSize = log.readUInt32BE(8)
    const frame = Buffer.alloc(24 + 100)
    let waiting: Buffer | undefined
    let committed: Buffer | undefined
    for (let at = 32; readSync(file, frame, 0, frame.length, at) === frame.length; at += 24 + pageSize) {
      // what an earlier turn of the log has left has other salts
      if (frame.compare(log, 16, 24, 8, 16) !== 0) break
      if (frame.readUInt32BE(0) === 1) waiting = Buffer.from(frame.subarray(24))
      if (frame.readUInt32BE(4) !== 0) committed = waiting
    }
    return committed
  } finally {
    closeSync(file)
  }
}

/** Connections that could not be closed without harm; they are kept, since one that is collected is closed too. */
const kept: Array<Database> = []

/**
 * Closes a connection as the end of a process would: the log stays. The last connection to be closed moves the log into the file
 * and removes it, and a store that was not given back in order would then look as if it had lost its log.
 */
export const leave = (sqlite: Sqlite, database: Database): void => {
  let witness: Database
  try {
    witness = sqlite.open(database.path, { readOnly: true })
    // reading takes a lock that keeps the other from being the last
    witness.row("SELECT epoch FROM troupe_owner")
  } catch {
    kept.push(database)
    return
  }
  database.close()
  witness.close()
}

/** A file that nobody writes to, without locks, log or index. */
export const asItLies = (sqlite: Sqlite, path: string): Database => {
  const url = pathToFileURL(path)
  url.searchParams.set("immutable", "1")
  return sqlite.open(url, { readOnly: true })
}
