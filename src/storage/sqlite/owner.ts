/**
 * Who owns the file. The owner leaves its process id, the moment that process started and the machine it runs on: so a process
 * that was killed is known to be gone at once, and only one that cannot be looked at (another machine, another container)
 * is waited for until its lease runs out. A frozen owner loses the file with its lease; its epoch keeps it from writing later.
 */
import { randomUUID } from "node:crypto"
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { threadId } from "node:worker_threads"
import { crc32 } from "node:zlib"
import { StaleOwner, StoreInUse, StoreUnusable } from "../errors.ts"
import type { Claim } from "../journal.ts"
import type { Database } from "./database.ts"
import { isRunning } from "./draft.ts"

/** How long an owner that cannot be looked at is believed to be alive after it last said so, in milliseconds. */
export const leaseDefaultMs = 15_000

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return ""
  }
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ""
  }
}

/** The machine since it was switched on, and the part of it whose process ids can be compared with ours. */
const place = [hostname(), read("/proc/sys/kernel/random/boot_id"), linkOf("/proc/self/ns/pid")].join(" ")

/**
 * When a process started, in ticks since the machine did; ids of processes are used again. Empty where it cannot be told,
 * "gone" for one that has ended and was not yet buried by its parent.
 */
const startOf = (pid: number): string => {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === "") return ""
  // the name of the program stands in brackets and may contain anything
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return fields[0] === "Z" || fields[0] === "X" ? "gone" : (fields[19] ?? "")
}

/** Owners of this process that are open: two of them must not believe each other dead. */
const open = new Set<string>()

interface Owner {
  readonly epoch: number
  readonly token: string
  readonly pid: number
  readonly place: string
  readonly started: string
  readonly until: number
  /** One of `ends`. */
  readonly clean: number
  readonly crashes: number
  readonly memo: string
}

/** How an owner has left the file: not at all or killed, in order, or by the end of its process, which merges the log. */
const ends = { open: 0, closed: 1, merged: 2 }

/** The clock of the database: the same for all who open it on one machine. */
export const clock = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"

/** Over all of a row: a disk that kept half of one must not make an owner of it that nobody ever was. */
const sumOf = ({ epoch, token, pid, place: where, started, until, clean, crashes, memo }: Owner): number =>
  crc32(JSON.stringify([epoch, token, pid, where, started, until, clean, crashes, memo]))

/** The owner as it is written, and what time it is; throws `StoreUnusable` if nobody wrote this. */
const ownerOf = (database: Database): { readonly owner: Owner; readonly now: number } => {
  const row = database.row(
    `SELECT epoch, token, pid, place, started, until, clean, crashes, memo, sum, ${clock} FROM troupe_owner WHERE one = 1`
  )
  const [epoch, token, pid, where, started, until, clean, crashes, memo, sum, now] = row ?? []
  const owner: Owner = { epoch, token, pid, place: where, started, until, clean, crashes, memo }
  if (sumOf(owner) !== sum)
    throw new StoreUnusable({ path: database.path, reason: "corrupt", detail: "its owner cannot be told" })
  return { owner, now }
}

const put = (database: Database, owner: Owner): void => {
  const { epoch, token, pid, place: where, started, until, clean, crashes, memo } = owner
  database.run(
    "UPDATE troupe_owner SET epoch = ?, token = ?, pid = ?, place = ?, started = ?, until = ?, clean = ?, crashes = ?, memo = ?, sum = ? WHERE one = 1",
    epoch,
    token,
    pid,
    where,
    started,
    until,
    clean,
    crashes,
    memo,
    sumOf(owner)
  )
}

/** Whether an owner may still be writing. */
const isAlive = ({ token, pid, place: where, started, until, clean }: Owner, now: number): boolean => {
  if (clean === ends.closed || token === "") return false
  if (open.has(token)) return true
  const holdsLease = until > now
  if (where !== place) return holdsLease && !hasRestarted(where)
  // it is on this machine: gone is gone, whatever its lease says
  if (!isRunning(pid) || startOf(pid) !== started) return false
  if (pid === process.pid && token.startsWith(thread)) return false
  return holdsLease
}

/** Threads of a process cannot see each other's owners; between them the lease decides. */
const thread = `${threadId}.`

/** The same machine, but switched off and on in between. */
const hasRestarted = (where: string): boolean => {
  const [host, boot] = where.split(" ")
  const [ownHost, ownBoot] = place.split(" ")
  return host === ownHost && boot !== "" && boot !== ownBoot
}

export interface Ownership extends Claim {
  readonly token: string
}

/**
 * Takes the file over, in one transaction; throws `StoreInUse` while somebody else is alive, and what `requireFit` throws where
 * whoever wants it cannot read it: nothing has changed then.
 */
export const take = (database: Database, leaseMs: number, requireFit: () => void): Ownership => {
  const token = thread + randomUUID()
  const taken = database.transaction((): Ownership => {
    const { owner, now } = ownerOf(database)
    if (isAlive(owner, now))
      throw new StoreInUse({ path: database.path, pid: owner.pid, leaseMs: Math.max(0, owner.until - now) })
    requireFit()
    const epoch = owner.epoch + 1
    const wasClean = owner.clean === ends.closed
    const crashes = wasClean ? 0 : owner.crashes + 1
    const { pid } = process
    put(database, {
      ...owner,
      epoch,
      token,
      pid,
      place,
      started: startOf(pid),
      until: now + leaseMs,
      clean: ends.open,
      crashes
    })
    return { epoch, token, wasClean, crashes, memo: owner.memo }
  })
  open.add(token)
  return taken
}

/** Throws `StaleOwner` unless the epoch is the present one. Belongs into the transaction that writes. */
export const requireEpoch = (database: Database, epoch: number): void => {
  const [current] = database.row("SELECT epoch FROM troupe_owner WHERE one = 1")!
  if (current !== Math.abs(epoch)) throw new StaleOwner({ epoch, current })
}

/** Says that the owner is alive. */
export const renew = (database: Database, epoch: number, leaseMs: number): void => {
  requireEpoch(database, epoch)
  const { owner, now } = ownerOf(database)
  put(database, { ...owner, until: now + leaseMs })
}

/** Gives the file back in order; false, and nothing happens, if it is somebody else's by now. */
export const release = (database: Database, { epoch, token }: Ownership): boolean => {
  const isOurs = database.transaction(() => {
    const { owner } = ownerOf(database)
    if (owner.epoch !== epoch) return false
    put(database, { ...owner, clean: ends.closed, crashes: 0 })
    return true
  })
  forget(token)
  return isOurs
}

/** Leaves something written for the next owner. */
export const leaveMemo = (database: Database, epoch: number, memo: string): void => {
  requireEpoch(database, epoch)
  put(database, { ...ownerOf(database).owner, memo })
}

/** A copy belongs to nobody: whoever opens it first is its first owner, in an epoch above all that are written there. */
export const disown = (database: Database): void => {
  const { epoch } = ownerOf(database).owner
  put(database, {
    epoch,
    token: "",
    pid: 0,
    place: "",
    started: "",
    until: 0,
    clean: ends.closed,
    crashes: 0,
    memo: ""
  })
}

/**
 * Before a connection goes that was not closed in order: it may be the last one, and takes the log with it. A store that nobody
 * else has open then says that its log was merged, not lost.
 */
export const markMerged = (database: Database, own: Ownership | undefined): void =>
  database.transaction(() => {
    const { owner, now } = ownerOf(database)
    if (owner.token !== own?.token && isAlive(owner, now)) return
    if (owner.clean === ends.open) put(database, { ...owner, clean: ends.merged })
  })

/** Whether the last owner has left the file open, so that there must be a log beside it. */
export const wasLeftOpen = (database: Database): boolean => ownerOf(database).owner.clean === ends.open

/** Nobody of this process holds the file under this token any more. */
export const forget = (token: string): void => {
  open.delete(token)
}

/** Who owns the file at the moment, for people. */
export const describeOwner = (
  database: Database
): { readonly isAlive: boolean; readonly pid: number; readonly epoch: number; readonly wasClean: boolean } => {
  const { owner, now } = ownerOf(database)
  return { isAlive: isAlive(owner, now), pid: owner.pid, epoch: owner.epoch, wasClean: owner.clean === ends.closed }
}
