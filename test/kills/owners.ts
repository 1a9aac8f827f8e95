/**
 * Two owners of one store: the first is frozen until its lease has run out, a second takes over, the first wakes up. From the
 * takeover on not a row of the first may be added (G24), and its runs go on in the second.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as wait } from "node:timers/promises"
import { dice } from "./chance.ts"
import { Checker } from "./checker.ts"
import { type Child, Children } from "./children.ts"
import type { Work } from "./duties/order.ts"
import type { Line } from "./log.ts"
import { reader } from "./reader.ts"
import { examine } from "./scene.ts"
import { ended, type Told } from "./stories.ts"

export interface OwnersReport {
  readonly seed: string
  readonly pairs: number
  /** Rows of the first owner after the second had taken over. */
  readonly staleRows: number
  /** First owners that ended because they were told that they own the store no more. */
  readonly toldStale: number
  /** Owners that were frozen while they held the lock of the file, and had to be woken for a moment. */
  readonly lockHolders: number
  readonly acknowledgements: number
  /** From the end of the lease to the takeover, in milliseconds. */
  readonly takeoverMostMs: number
  readonly violations: ReadonlyArray<{ readonly seed: string; readonly promise: string; readonly what: string }>
  readonly ms: number
  readonly load: readonly [number, number]
}

/** How long an owner that is silent is believed. */
const leaseMs = 300
const patienceMs = 20_000

export const owners = async ({
  pairs,
  seed,
  lanes = 2,
  onProgress
}: {
  readonly pairs: number
  readonly seed: string
  readonly lanes?: number
  readonly onProgress?: (pairs: number) => void
}): Promise<OwnersReport> => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-owners-"))
  const load = loadavg()[0]!
  const since = performance.now()
  const total = { staleRows: 0, toldStale: 0, lockHolders: 0, acknowledgements: 0, takeoverMostMs: 0 }
  const violations: Array<OwnersReport["violations"][number]> = []
  let begun = 0
  let done = 0
  await using children = new Children(join(folder, "cache"), 2 * lanes)
  try {
    await children.warm()
    const lane = async () => {
      while (begun < pairs && violations.length < 20) {
        const own = `${seed}/${begun++}`
        const place = join(folder, String(begun))
        const broken: Told["broken"] = (promise, what) => violations.push({ seed: own, promise, what })
        const one = await pair(children, place, own, broken).catch((error: Error) =>
          broken("pair", String(error.stack))
        )
        rmSync(place, { recursive: true, force: true })
        done++
        onProgress?.(done)
        if (typeof one !== "object") continue
        for (const key of ["staleRows", "toldStale", "lockHolders", "acknowledgements"] as const) total[key] += one[key]
        total.takeoverMostMs = Math.max(total.takeoverMostMs, one.takeoverMs)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
  } finally {
    // a process that was just killed may still be at its cache
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  return { seed, pairs: done, ...total, violations, ms: performance.now() - since, load: [load, loadavg()[0]!] }
}

const pair = async (children: Children, folder: string, seed: string, broken: Told["broken"]) => {
  const { whole } = dice(seed)
  const store = join(folder, "store", "store.db")
  const order = { duty: "work", store, leaseMs, seed } as const
  const [first, second] = [1, 2].map((life): Omit<Work, "mode" | "runs"> => {
    const log = join(folder, `log-${life}`)
    mkdirSync(log, { recursive: true })
    return { ...order, log, life, insist: true }
  }) as [Omit<Work, "mode" | "runs">, Omit<Work, "mode" | "runs">]
  mkdirSync(join(folder, "store"))

  const one = children.start({ ...first, mode: "load", runs: 1_000_000 })
  const told = reader(first.log)
  await told.until(({ is }) => is === "opened", one)
  await wait(whole(20, 120))
  const lockHolders = await freeze(one, store)
  const frozenAt = performance.now()

  const other = children.start({ ...second, mode: "finish", runs: 0 })
  const heard = reader(second.log)
  await heard.until(({ is }) => is === "opened", other)
  const takeoverMs = performance.now() - frozenAt - leaseMs
  const before = rowsOf(store, 1)
  await wait(whole(0, 60))
  one.signal("SIGCONT")

  const late = setTimeout(() => [one, other].map((child) => child.signal("SIGKILL")), patienceMs)
  const [end, rest] = await Promise.all([one.exit, other.exit])
  clearTimeout(late)
  told.read()
  heard.read()
  ended(rest, false, { broken })
  const isTold = end.code === 3
  if (!isTold) broken("G24", `the first owner ended with ${end.signal ?? end.code}, not because it had lost the store`)
  if (end.stderr !== "") broken("process", end.stderr)

  const checker = new Checker()
  const staleRows = await examine(store, (scene) => {
    const { runs, integrity } = scene.store!
    if (integrity !== "ok") broken("integrity_check", integrity)
    checker.acknowledged(told.lines.filter(isPromise(lost)).filter(isBefore(told.lines.find(isLoss))), runs)
    checker.acknowledged(heard.lines.filter(isPromise(waits)), runs)
    let stale = -before
    for (const [run, { epochs }] of runs) {
      stale += epochs.filter((epoch) => epoch === 1).length
      if (epochs.some((epoch, seq) => seq > 0 && epoch < epochs[seq - 1]!))
        broken("G24", `run '${run}' goes back to an earlier epoch`)
    }
    if (stale !== 0) broken("G24", `${stale} rows of the first owner after it was taken over`)
    // the first one did not close: the log may stay
    checker.finish(scene, false)
    return stale
  })
  for (const { promise, what } of checker.violations) broken(promise, what)
  return {
    staleRows,
    toldStale: Number(isTold),
    lockHolders,
    acknowledgements: checker.counts.acknowledgements,
    takeoverMs
  }
}

/** The next owner after a kill: from the start of its process to the first run that came back and ended, in milliseconds. */
export const succession = (
  seed: string
): Promise<{ readonly openMs: number; readonly firstEndMs: number; readonly live: number }> =>
  withOwner("succession", seed, async ({ one, told, follow }) => {
    await told.until(() => told.lines.filter(({ is }) => is === "submitted").length > 20, one)
    one.signal("SIGKILL")
    await one.exit
    const since = performance.now()
    const { other, heard } = follow()
    const opened = await heard.until(({ is }) => is === "opened", other)
    const openMs = performance.now() - since
    await heard.until(({ is }) => is === "ended", other)
    const firstEndMs = performance.now() - since
    await other.exit
    return { openMs, firstEndMs, live: opened?.is === "opened" ? opened.live : 0 }
  })

/** What a second process is told while the first is alive, and the first goes on. */
export const intruder = (
  seed: string
): Promise<{ readonly code: number | null; readonly heard: string; readonly pid: number }> =>
  withOwner("intruder", seed, async ({ one, told, follow }) => {
    await told.until(({ is }) => is === "opened", one)
    const { other, heard } = follow()
    const { code } = await other.exit
    const before = told.read()
    const goesOn = await told.until(({ is, nth }) => is === "submitted" && nth > before, one)
    heard.read()
    const line = heard.lines.find(({ is }) => is === "wrong")
    return { code: goesOn === undefined ? null : code, heard: line?.is === "wrong" ? line.what : "", pid: one.pid }
  })

interface Owned {
  readonly one: Child
  readonly told: ReturnType<typeof reader>
  /** Sends the second process after it. */
  readonly follow: () => { readonly other: Child; readonly heard: ReturnType<typeof reader> }
}

/** A store with a first owner at work, which is gone afterwards. */
const withOwner = async <T>(name: string, seed: string, work: (owned: Owned) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), `troupe-${name}-`))
  const store = join(folder, "store", "store.db")
  const logs = [1, 2].map((life) => join(folder, `log-${life}`)) as [string, string]
  for (const each of [...logs, join(folder, "store")]) mkdirSync(each)
  // nobody stands ready: the time to load the program counts
  await using children = new Children(join(folder, "cache"), 0)
  const order = { duty: "work", store, seed } as const
  let one: Child | undefined
  try {
    await children.warm()
    one = children.start({ ...order, life: 1, log: logs[0], mode: "load", runs: 1_000_000 })
    const follow = () => {
      const other = children.start({ ...order, life: 2, log: logs[1], mode: "finish", runs: 0 })
      return { other, heard: reader(logs[1]) }
    }
    return await work({ one, told: reader(logs[0]), follow })
  } finally {
    one?.signal("SIGKILL")
    await one?.exit
    // a process that was just killed may still be at its cache
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}

/** What the first owner hears when it wakes up, and the second while it waits. */
const lost = /^(?:STALE_OWNER|CLOSED|ORCHESTRATOR_CLOSED) /
const waits = /^(?:STORE_IN_USE|STORAGE_BUSY) /
const isLoss = (line: Line) => line.is === "wrong" && lost.test(line.what)
/** What an owner shows of its runs once it has lost the store is worth nothing; what it was promised before is. */
const isBefore = (loss: Line | undefined) => (line: Line) =>
  line.is !== "seen" || loss === undefined || line.nth < loss.nth
const isPromise = (expected: RegExp) => (line: Line) => line.is !== "wrong" || !expected.test(line.what)

/** Stops a process where it is. One that holds the lock of the file would keep everybody out: it goes on for a moment. */
const freeze = async (child: Child, store: string): Promise<number> => {
  for (let locks = 0; ; locks++) {
    child.signal("SIGSTOP")
    await wait(1)
    if (!isLocked(store)) return locks
    child.signal("SIGCONT")
    await wait(1)
  }
}

const isLocked = (store: string): boolean => {
  const database = new DatabaseSync(store, { timeout: 0 })
  try {
    database.exec("BEGIN IMMEDIATE; ROLLBACK")
    return false
  } catch {
    return true
  } finally {
    database.close()
  }
}

const rowsOf = (store: string, epoch: number): number => {
  const database = new DatabaseSync(store, { readOnly: true, timeout: 1_000 })
  try {
    return Number(
      Object.values(database.prepare("SELECT count(*) FROM troupe_messages WHERE epoch = ?").get(epoch)!)[0]
    )
  } finally {
    database.close()
  }
}
