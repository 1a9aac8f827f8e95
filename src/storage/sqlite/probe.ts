/** Looks into a store before it is opened for writing: its version may stand in the log, and a lost log must not be overlooked. */
import { pathToFileURL } from "node:url"
import { StoreUnusable } from "../errors.ts"
import type { Database, Sqlite } from "./database.ts"
import { applicationId, type Found, formatVersion } from "./format.ts"

/**
 * Throws `StoreUnusable` for a store that is newer than this program, or that was not closed in order and has lost its log.
 * Writes nothing: a store without a log is read as it lies there, one with a log through a connection that may only read.
 */
export const probe = (
  sqlite: Sqlite,
  path: string,
  { log }: Extract<Found, { kind: "store" }>,
  acceptsLoss: boolean
): void => {
  const database = log === true ? sqlite.open(path, { readOnly: true }) : asItLies(sqlite, path)
  try {
    if (database.pragma("application_id") !== applicationId) throw new StoreUnusable({ path, reason: "foreign" })
    const version = database.pragma("user_version") as number
    if (version > formatVersion)
      throw new StoreUnusable({ path, reason: "newer", detail: `format ${version}, this is ${formatVersion}` })
    if (log !== false || acceptsLoss) return
    const [clean] = database.row("SELECT clean FROM troupe_owner WHERE one = 1") ?? [1]
    if (clean === 0) throw new StoreUnusable({ path, reason: "no-wal" })
  } finally {
    database.close()
  }
}

/** A file that nobody writes to, without locks, log or index. */
const asItLies = (sqlite: Sqlite, path: string): Database => {
  const url = pathToFileURL(path)
  url.searchParams.set("immutable", "1")
  return sqlite.open(url, { readOnly: true })
}
