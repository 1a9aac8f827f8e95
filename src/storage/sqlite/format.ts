/**
 * The file: its tables, how a new one comes to be, and how one is looked at before it is opened. A file that is not ours, or
 * from a newer version, is refused from its first hundred bytes, before anything could write to it.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, type Stats, statSync } from "node:fs"
import { dirname } from "node:path"
import { crc32 } from "node:zlib"
import { StoreUnusable } from "../errors.ts"
import type { Database, Sqlite } from "./database.ts"
import { discard, draftOf, publish, sweep } from "./draft.ts"
import { syncFolder } from "./sync.ts"

/** "Trpe", in the header of every file of ours. */
export const applicationId = 0x54727065
export const formatVersion = 2

/**
 * Format 1. `chain` is a checksum over the message and the chain before it, from the run's name on; `head` is the chain of the
 * run's message `length - 1` as of the last note, so that a tail that was cut off shows; `first` is where its messages begin
 * after a compaction (message 0 always stays). `blame` is a count of crashes and, times sixteen, the length that the run had then:
 * any message in between voids it without a write of its own. `clean` is 1 after closing in order, 2 when the process ended by
 * itself without closing, 0 while it is open, and after a kill. `sum` is over the rest of the owner's row.
 */
const tables = `
CREATE TABLE troupe_owner (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,
  token TEXT NOT NULL,
  pid INTEGER NOT NULL,
  place TEXT NOT NULL,
  started TEXT NOT NULL,
  until INTEGER NOT NULL,
  clean INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  memo TEXT NOT NULL,
  sum INTEGER NOT NULL
);
INSERT INTO troupe_owner VALUES (1, 0, '', 0, '', '', 0, 1, 0, '', ${crc32('[0,"",0,"","",0,1,0,""]')});

CREATE TABLE troupe_definitions (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT,
  ir TEXT
);
CREATE UNIQUE INDEX troupe_definition ON troupe_definitions (hash, name, ifnull(version, ''));

CREATE TABLE troupe_runs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  definition INTEGER NOT NULL,
  submitted_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  asleep INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER,
  length INTEGER NOT NULL,
  head,
  first INTEGER NOT NULL DEFAULT 0,
  blame INTEGER NOT NULL DEFAULT 0,
  summary TEXT
);
CREATE INDEX troupe_unfinished ON troupe_runs (asleep, id) WHERE status < 16;
CREATE INDEX troupe_troubled ON troupe_runs (status, id) WHERE status > 16;

CREATE TABLE troupe_messages (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  chain NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE troupe_blobs (
  hash TEXT PRIMARY KEY,
  uses INTEGER NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE troupe_snapshots (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  chain NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE troupe_cache (
  key TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX troupe_cache_age ON troupe_cache (expires_at);

CREATE TABLE troupe_inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  request TEXT NOT NULL,
  answer TEXT
);
`

/** Format 2: what all runs share, by kind and name; each text with its seal before it. */
const sharedTable = `
CREATE TABLE troupe_shared (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
`

/** What it takes to get from each version to the next, in one transaction each; the first makes a new file. */
export const migrations: ReadonlyArray<string> = [tables, sharedTable]

/** Brings an open database up to this version, or leaves it as it was. */
export const migrate = (database: Database, steps: ReadonlyArray<string> = migrations): void => {
  const from = database.pragma("user_version") as number
  if (from >= steps.length) return
  database.transaction(() => {
    for (const step of steps.slice(from)) database.exec(step)
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`)
  })
  // the version belongs into the file itself: an older program looks there, not into the log
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

export type Found =
  | { readonly kind: "absent" }
  /**
   * `log` is whether there is a log beside the file, with something in it. An empty one has been moved into the file to its end:
   * nothing is lost then, as it may be when there is none.
   */
  | { readonly kind: "store"; readonly version: number; readonly log: boolean | "empty" }

/** Looks at a file without opening it as a database. Throws `StoreUnusable` for everything that is not a store of ours. */
export const look = (path: string): Found => {
  const refuse = (reason: StoreUnusable["reason"], detail = ""): never => {
    throw new StoreUnusable({ path, reason, detail })
  }
  const stats = statOf(path)
  if (stats === undefined) return { kind: "absent" }
  if (!stats.isFile()) return refuse("directory")
  if (stats.size === 0) return refuse("empty")
  const header = headerOf(path)
  if (header.length < 100 || header.toString("latin1", 0, 16) !== "SQLite format 3\u0000")
    return refuse(
      header.length < 100 && "SQLite format 3\u0000".startsWith(header.toString("latin1", 0, 16))
        ? "truncated"
        : "foreign",
      `${stats.size} bytes`
    )
  if (header.readUInt32BE(68) !== applicationId) return refuse("foreign")
  const version = header.readUInt32BE(60)
  if (version > formatVersion) return refuse("newer", `format ${version}, this is ${formatVersion}`)
  // every store of ours was version 1 before it had its name
  if (version < 1) return refuse("corrupt", `format ${version}`)
  const log = statOf(`${path}-wal`)
  const hasLog = log !== undefined && log.size > 0
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  const size = header.readUInt32BE(28) * pageSize
  // with a log, pages may still be on their way from there into the file
  if (!hasLog && stats.size < size) return refuse("truncated", `${stats.size} of ${size} bytes`)
  return { kind: "store", version, log: hasLog || (log !== undefined && "empty") }
}

/** Throws where nobody has the right to write to it: that counts even where the user may do everything. */
export const requireWritable = (path: string): void => {
  for (const one of [path, `${path}-wal`]) {
    const stats = statOf(one)
    if (stats !== undefined && (stats.mode & 0o222) === 0) throw new StoreUnusable({ path, reason: "read-only" })
  }
}

/**
 * Makes a new file: complete under another name first, so that whoever is killed on the way leaves no half store behind.
 * Nothing happens if somebody else was quicker.
 */
export const create = (sqlite: Sqlite, path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  // a new folder lasts once the one around it was synced, like any name; an earlier try may have made it and got no further
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) syncFolder(dirname(folder))
  sweep(path, mark)
  const draft = draftOf(path, mark)
  try {
    fill(sqlite, draft)
    publish(draft, path)
  } finally {
    discard(draft)
  }
  syncFolder(dirname(path))
}

const mark = ".new-"

const fill = (sqlite: Sqlite, draft: string): void => {
  const database = sqlite.open(draft, { isNew: true })
  try {
    migrate(database)
  } finally {
    database.close()
  }
}

/** Removes the draft of whoever was killed just after it had become the file: both names still stand for it. */
export const tidy = (path: string): void => {
  if ((statOf(path)?.nlink ?? 1) > 1) sweep(path, mark)
}

const statOf = (path: string): Stats | undefined => {
  try {
    return statSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === "ENOENT") return undefined
    throw new StoreUnusable({ path, reason: "unreachable", detail: message })
  }
}

const headerOf = (path: string): Buffer => {
  let file: number
  try {
    file = openSync(path, "r")
  } catch (error) {
    throw new StoreUnusable({ path, reason: "unreachable", detail: (error as Error).message })
  }
  try {
    const header = Buffer.alloc(Math.min(100, fstatSync(file).size))
    readSync(file, header, 0, header.length, 0)
    return header
  } finally {
    closeSync(file)
  }
}
