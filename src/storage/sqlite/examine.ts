/**
 * Looks a whole store through: the file itself, every chain, every blob, every definition. Reads only, as the file lies there
 * where nobody has it open, so that nothing of a damaged store changes. Says what it found and what to do; mends nothing.
 */
import { accessSync, constants, statfsSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { TroupeError } from "../../model/errors.ts"
import { StoreUnusable } from "../errors.ts"
import { blobHash, checksums, type Link, mayBeLarge, payloadHash } from "./codec.ts"
import { type Database, openError, Sqlite } from "./database.ts"
import { readDefinition } from "./definitions.ts"
import { type ReadShared, sharedFindings } from "./examine-shared.ts"
import { look, requireWritable } from "./format.ts"
import { clock, describeOwner } from "./owner.ts"
import { asItLies, probe } from "./probe.ts"

export interface Finding {
  readonly check: string
  /** `damage`: something that was written is not there any more as it was. */
  readonly is: "ok" | "problem" | "damage"
  readonly message: string
  /** What to do about it. */
  readonly hint: string
  /** The code of the error, where it is one. */
  readonly code?: string
  readonly run?: string
  /** The first message that is wrong. */
  readonly seq?: number
}

export interface Examination {
  readonly path: string
  /** Hears how many messages of how many have been looked at. */
  readonly progress?: (done: number, total: number) => void
  /** Look at a store that has lost its log, as it is. */
  readonly acceptLoss?: boolean
  /** What is wrong with a text that all runs share. */
  readonly readShared?: ReadShared
}

const ok = (check: string, message: string): Finding => ({ check, is: "ok", message, hint: "" })
const restore = "restore the store from a backup"

/** Everything that can be said about a store; one that cannot be opened is a finding too. */
export const examine = async ({
  path: given,
  progress = () => {},
  acceptLoss = false,
  readShared = () => undefined
}: Examination): Promise<ReadonlyArray<Finding>> => {
  const path = resolve(given)
  const findings: Array<Finding> = []
  let database: Database | undefined
  try {
    const sqlite = await Sqlite.load()
    const found = look(path)
    if (found.kind === "absent") throw new StoreUnusable({ path, reason: "missing" })
    findings.push(permissions(path), disk(path))
    probe(sqlite, path, found, acceptLoss)
    database = found.log === true ? sqlite.open(path, { readOnly: true }) : asItLies(sqlite, path)
    // one view of the whole, however long it takes and whoever writes meanwhile
    database.exec("BEGIN")
    findings.push(owner(database), log(path), integrity(database))
    if (findings.at(-1)!.is === "ok")
      findings.push(
        ...definitions(database),
        ...(await messages(database, progress)),
        ...sharedFindings(database, readShared),
        ...requests(database)
      )
  } catch (error) {
    const known = error instanceof TroupeError ? error : openError(path, error)
    findings.push({ check: "store", is: "damage", message: known.message, hint: "", code: known.code })
  } finally {
    database?.close()
  }
  return findings
}

const permissions = (path: string): Finding => {
  try {
    requireWritable(path)
    accessSync(path, constants.R_OK | constants.W_OK)
    accessSync(dirname(path), constants.W_OK)
    return ok("permissions", "the file and its folder can be written")
  } catch (error) {
    const hint = "give the user that runs it write permission for the file and its folder"
    return { check: "permissions", is: "problem", message: (error as Error).message, hint }
  }
}

/** Less room than this is a problem soon, in bytes. */
const roomLeast = 64 * 1024 * 1024

const disk = (path: string): Finding => {
  const { bavail, bsize } = statfsSync(dirname(path))
  const free = bavail * bsize
  return free >= roomLeast
    ? ok("disk", `${bytes(free)} free`)
    : {
        check: "disk",
        is: "problem",
        message: `only ${bytes(free)} free`,
        hint: "make room: a full disk stops all runs"
      }
}

const owner = (database: Database): Finding => {
  const { isAlive, pid, epoch, wasClean } = describeOwner(database)
  if (isAlive) return ok("owner", `process ${pid} has it open (epoch ${epoch})`)
  if (epoch === 0) return ok("owner", "nobody has opened it yet")
  return ok(
    "owner",
    `nobody has it open; the last (process ${pid}, epoch ${epoch}) ${wasClean ? "closed it in order" : "ended without closing it, which costs nothing"}`
  )
}

/** A log larger than this is never emptied, in bytes. */
const logMost = 256 * 1024 * 1024

const log = (path: string): Finding => {
  const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  return size <= logMost
    ? ok("log", size === 0 ? "empty" : bytes(size))
    : {
        check: "log",
        is: "problem",
        message: `the '-wal' file has grown to ${bytes(size)}`,
        hint: "a program that reads the store keeps it from being emptied: end it"
      }
}

const integrity = (database: Database): Finding => {
  const rows = database.rows("PRAGMA integrity_check(5)")
  return rows.length === 1 && rows[0]![0] === "ok"
    ? ok("integrity", "every page of the file is as it should be")
    : {
        check: "integrity",
        is: "damage",
        message: rows
          .map(([text]) => text)
          .join("; ")
          .slice(0, 500),
        hint: restore
      }
}

const definitions = (database: Database): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const rows = database.rows("SELECT id, hash, name, ir FROM troupe_definitions")
  for (const [, hash, name, ir] of rows) {
    if (ir === null || readDefinition(ir, hash) !== undefined) continue
    const message = `the definition of workflow '${name}' (${String(hash).slice(0, 12)}) is not what was written there`
    findings.push({ check: "definitions", is: "damage", message, hint: restore })
  }
  return findings.length > 0 ? findings : [ok("definitions", `${count(rows.length, "definition")}, all readable`)]
}

/** Damaged runs that are listed one by one. */
const listedMost = 20
/** Messages that are looked at before other work of the process gets its chance. */
const turnMost = 20_000

interface RunRow {
  readonly id: number
  readonly name: string
  readonly length: number
  readonly head: Link | null
  /** Where its messages begin after a compaction; 0 where all are there. */
  readonly first: number
  readonly link: Link
}

/** Walks every chain once, in the order of the table, and counts what it needs of blobs on the way. */
const messages = async (
  database: Database,
  progress: (done: number, total: number) => void
): Promise<ReadonlyArray<Finding>> => {
  const [total] = database.row("SELECT count(*) FROM troupe_messages")!
  const runs = new Map<number, RunRow>()
  const known = database.rows(
    `SELECT r.id, r.name, r.length, r.head, r.first, r.submitted_at, d.name, d.version, d.hash
     FROM troupe_runs r LEFT JOIN troupe_definitions d ON d.id = r.definition`
  )
  for (const [id, name, length, head, first, submittedAt, workflow, version, hash] of known) {
    const origin = { submittedAt, workflow, version: version ?? undefined, hash: hash === "" ? undefined : hash }
    runs.set(id, { id, name, length, head, first, link: checksums.first(name, origin) })
  }
  const damaged = new Map<string, Finding>()
  const used = new Map<string, number>()
  const complain = (run: string, seq: number, what: string) => {
    if (!damaged.has(run))
      damaged.set(run, {
        check: "chains",
        is: "damage",
        message: `message ${seq} of run '${run}' ${what}`,
        hint: `the run is left alone, others go on; ${restore}, or export what is good`,
        run,
        seq
      })
  }
  let run: RunRow | undefined
  let isSealed = false
  let next = 0
  let link: Link = 0
  let done = 0
  const finish = () => {
    if (run !== undefined && next < run.length) complain(run.name, next, "is missing")
    if (run !== undefined) runs.delete(run.id)
  }
  let strays = 0
  const rows = database
    .statement("SELECT run, seq, epoch, chain, body FROM troupe_messages ORDER BY run, seq")
    .iterate()
  for (const row of rows as unknown as Iterable<readonly [number, number, number, Link, string]>) {
    const [id, seq, epoch, chain, body] = row
    if (run?.id !== id) {
      finish()
      run = runs.get(id)
      next = 0
      link = run === undefined ? 0 : run.link
    }
    if (run === undefined) strays++
    else if (typeof chain === "string") isSealed = true
    else if (seq > 0 && seq === run.first - 1) {
      // compaction has left the one before the first, whose link the first needs
    } else if (seq !== next) complain(run.name, next, "is missing")
    else if (checksums.next(link, seq, epoch, body) !== chain) complain(run.name, seq, "is not what was written there")
    else if (seq === run.length - 1 && run.head !== null && run.head !== chain)
      complain(run.name, seq, "is not the one that was noted last")
    next = seq + 1
    link = chain
    const hash = mayBeLarge(body) ? hashIn(body) : undefined
    if (hash !== undefined) used.set(hash, (used.get(hash) ?? 0) + 1)
    if (++done % turnMost === 0) {
      progress(done, total)
      await turn()
    }
  }
  finish()
  for (const { name } of runs.values()) complain(name, 0, "is missing")
  progress(total, total)
  return [...chains(damaged, total, strays, isSealed), ...blobs(database, used)]
}

const chains = (
  damaged: ReadonlyMap<string, Finding>,
  total: number,
  strays: number,
  isSealed: boolean
): ReadonlyArray<Finding> => {
  const findings = [...damaged.values()].slice(0, listedMost)
  if (damaged.size > listedMost)
    findings.push({
      check: "chains",
      is: "damage",
      message: `${damaged.size - listedMost} more runs are damaged`,
      hint: restore
    })
  if (strays > 0)
    findings.push({
      check: "chains",
      is: "damage",
      message: `${count(strays, "message")} of runs that are not there`,
      hint: restore
    })
  if (isSealed)
    findings.push({
      check: "chains",
      is: "problem",
      message: "the messages are sealed with a key, so their chains cannot be checked from here",
      hint: "open the store with its key: each run is checked as it is read"
    })
  return findings.length > 0 ? findings : [ok("chains", `${count(total, "message")}, every chain unbroken`)]
}

const hashIn = (body: string): string | undefined => {
  try {
    return payloadHash(body)
  } catch {
    // its chain says what is wrong with it
    return undefined
  }
}

const blobs = (database: Database, used: ReadonlyMap<string, number>): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  let [wrong, miscounted, unused, there] = [0, 0, 0, 0]
  const missing = new Set(used.keys())
  const rows = database.statement("SELECT hash, uses, body FROM troupe_blobs").iterate()
  for (const [hash, uses, body] of rows as unknown as Iterable<readonly [string, number, string]>) {
    there++
    missing.delete(hash)
    const expected = used.get(hash) ?? 0
    if (blobHash(body) !== hash) wrong++
    else if (expected === 0) unused++
    else if (expected !== uses) miscounted++
  }
  const say = (is: Finding["is"], number: number, what: string, hint: string) => {
    if (number > 0) findings.push({ check: "blobs", is, message: `${count(number, "large value")} ${what}`, hint })
  }
  say("damage", wrong, "not what was written there", restore)
  say("damage", missing.size, "that messages name and that are not there", restore)
  say("problem", unused, "that no message names", "they take room and do no harm")
  say("problem", miscounted, "counted wrong", "they may stay longer than their runs, and do no harm")
  return findings.length > 0
    ? findings
    : [ok("blobs", there === 0 ? "none" : `${count(there, "large value")}, all intact`)]
}

/** A request that nobody answered for so long is one that nobody will, in milliseconds. */
const staleMs = 60_000

const requests = (database: Database): ReadonlyArray<Finding> => {
  const [stale] = database.row(`SELECT count(*) FROM troupe_inbox WHERE answer IS NULL AND at < ${clock} - ?`, staleMs)!
  return stale === 0
    ? []
    : [
        {
          check: "requests",
          is: "problem",
          message: `${count(stale, "request")} of other processes without an answer`,
          hint: "whoever opens the store next refuses them; ask again if it still matters"
        }
      ]
}

const count = (number: number, what: string): string =>
  `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`

const bytes = (number: number): string => {
  const units = ["bytes", "kB", "MB", "GB", "TB"]
  let unit = 0
  let shown = number
  for (; shown >= 1_000 && unit < units.length - 1; unit++) shown /= 1_000
  return `${shown.toFixed(unit === 0 || shown >= 100 ? 0 : 1)} ${units[unit]}`
}
