/** Looks into a store before it is opened for writing: its version may stand in the log, and a lost log must not be overlooked. */
import { closeSync, openSync, readSync } from "node:fs"
import { endianness } from "node:os"
import { pathToFileURL } from "node:url"
import { StoreUnusable } from "../errors.ts"
import type { Database, Sqlite } from "./database.ts"
import { applicationId, type Found, formatVersion } from "./format.ts"
import { wasLeftOpen } from "./owner.ts"

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
    if (wasLeftOpen(database)) throw new StoreUnusable({ path, reason: "no-wal" })
  } finally {
    database.close()
  }
}

/**
 * The newest header of the database that was committed to a log; undefined if none was (sqlite.org/fileformat2.html#walformat).
 * Sums are looked at: what a power cut has left of the last commit may be anything.
 */
const headerInLog = (path: string): Buffer | undefined => {
  const file = openSync(path, "r")
  try {
    const log = Buffer.alloc(32)
    if (readSync(file, log, 0, 32, 0) < 32 || (log.readUInt32BE(0) & ~1) !== 0x377f0682) return undefined
    const isNative = (log.readUInt32BE(0) === 0x377f0683) === (endianness() === "BE")
    const pageSize = log.readUInt32BE(8)
    if (pageSize < 512 || pageSize > 65_536) return undefined
    const sum = new Sum(isNative)
    sum.add(log, 0, 24)
    if (!sum.isAt(log, 24)) return undefined
    const frame = Buffer.from(new ArrayBuffer(24 + pageSize))
    let waiting: Buffer | undefined
    let committed: Buffer | undefined
    for (let at = 32; readSync(file, frame, 0, frame.length, at) === frame.length; at += frame.length) {
      // what an earlier turn of the log has left has other salts
      if (frame.compare(log, 16, 24, 8, 16) !== 0) break
      sum.add(frame, 0, 8)
      sum.add(frame, 24, frame.length)
      if (!sum.isAt(frame, 16)) break
      if (frame.readUInt32BE(0) === 1) waiting = Buffer.from(frame.subarray(24, 124))
      if (frame.readUInt32BE(4) !== 0) committed = waiting
    }
    return committed
  } finally {
    closeSync(file)
  }
}

/** The running sum of a log, over pairs of words in the order of bytes of the machine that wrote it. */
class Sum {
  readonly #isNative: boolean
  #first = 0
  #second = 0
  constructor(isNative: boolean) {
    this.#isNative = isNative
  }
  add(bytes: Buffer, from: number, to: number): void {
    const part = Buffer.from(new ArrayBuffer(to - from))
    bytes.copy(part, 0, from, to)
    if (!this.#isNative) part.swap32()
    const words = new Uint32Array(part.buffer)
    let first = this.#first
    let second = this.#second
    for (let i = 0; i < words.length; i += 2) {
      first = (first + words[i]! + second) >>> 0
      second = (second + words[i + 1]! + first) >>> 0
    }
    this.#first = first
    this.#second = second
  }
  isAt(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#first && bytes.readUInt32BE(at + 4) === this.#second
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
