/**
 * A disk as it may be found after the power was cut, told from a log of what was done to it. The model, strict but fair:
 *
 * - What a file was when a sync of it succeeded is there. Nothing else has to be (fsync(2)).
 * - Of what was written since, each sector of 512 bytes holds what it held after some of the writes to it, in their order; the
 *   last of these may be half done, from its beginning or its end, but bytes beside a write do not change. That is what SQLite
 *   asks of a disk: sectors that are written one way, and "powersafe overwrite" (sqlite.org/atomiccommit.html §2, psow.html).
 * - A file may have grown before what it grew by arrived: zeros or garbage stand there. Truncations keep their order.
 * - A name is made, moved or gone for sure once its folder was synced; before that the changes of a folder have happened up to
 *   some point, in order (the journal of ext4 and XFS). A sync of a file does not sync its name: POSIX promises nothing there.
 * - What was waiting when a sync failed may never arrive, whatever later syncs say, unless it is written again: Linux takes such
 *   pages for clean (LWN 752063). A reader meanwhile sees them.
 */
import type { Draw } from "../kills/chance.ts"
import type { Step } from "./shim.ts"

export { type Draw, draws } from "../kills/chance.ts"

const sector = 512

interface Write {
  readonly at: number
  readonly data: Buffer
  /** A sync that succeeded came after it. */
  isSynced: boolean
  /** A sync that failed came after it, and nothing that succeeded before. */
  isLost: boolean
}
interface Truncate {
  readonly size: number
  isSynced: boolean
}
type Change = Write | Truncate

class FileObject {
  /** What is there for sure, before `changes`. */
  base = Buffer.alloc(0)
  changes: Array<Change> = []

  sync(isOk: boolean): void {
    for (const change of this.changes) {
      if (isOk) change.isSynced = true
      else if ("data" in change && !change.isSynced) change.isLost = true
    }
    if (!isOk || this.changes.some((change) => "data" in change && change.isLost)) return
    let now = this.base
    for (const change of this.changes) now = applied(now, change)
    this.base = now
    this.changes = []
  }

  /** All that was written, as a reader sees it. */
  get whole(): Buffer {
    let now = this.base
    for (const change of this.changes) now = applied(now, change)
    return now
  }
}

const applied = (before: Buffer, change: Change): Buffer<ArrayBuffer> => {
  if (!("data" in change)) return sized(before, change.size)
  const after = sized(before, Math.max(before.length, change.at + change.data.length))
  change.data.copy(after, change.at)
  return after
}
const sized = (before: Buffer, size: number): Buffer<ArrayBuffer> => {
  const after = Buffer.alloc(size)
  before.copy(after, 0, 0, Math.min(size, before.length))
  return after
}

interface Naming {
  readonly folder: string
  readonly apply: (names: Map<string, FileObject | "folder">) => void
}

export type Image = ReadonlyMap<string, Buffer>

export class Disk {
  readonly #byInode = new Map<number, FileObject>()
  /** As programs see them. */
  readonly #names = new Map<string, FileObject | "folder">([["", "folder"]])
  readonly #durableNames = new Map<string, FileObject | "folder">([["", "folder"]])
  #namings: Array<Naming> = []

  do(step: Step): void {
    switch (step.type) {
      case "open": {
        const known = this.#names.get(step.path)
        if (known === "folder") return
        if (known === undefined) {
          const file = new FileObject()
          this.#byInode.set(step.inode, file)
          this.#name(step.path, (names) => names.set(step.path, file))
        } else {
          this.#byInode.set(step.inode, known)
          if (step.isCut) known.changes.push({ size: 0, isSynced: false })
        }
        return
      }
      case "write":
        this.#byInode.get(step.inode)?.changes.push({ at: step.at, data: step.data, isSynced: false, isLost: false })
        return
      case "truncate":
        this.#byInode.get(step.inode)?.changes.push({ size: step.at, isSynced: false })
        return
      case "sync":
        if (this.#names.get(step.path) === "folder") this.#syncFolder(step.path, step.ok)
        else this.#byInode.get(step.inode)?.sync(step.ok)
        return
      case "mkdir":
        return this.#name(step.path, (names) => names.set(step.path, "folder"))
      case "link": {
        const file = this.#names.get(step.path)
        if (file !== undefined) this.#name(step.to, (names) => names.set(step.to, file))
        return
      }
      case "rename": {
        const file = this.#names.get(step.path)
        if (file === undefined) return
        return this.#name(step.to, (names) => {
          names.delete(step.path)
          names.set(step.to, file)
        })
      }
      case "unlink":
        return this.#name(step.path, (names) => names.delete(step.path))
      case "close":
    }
  }

  #name(path: string, apply: Naming["apply"]): void {
    apply(this.#names)
    this.#namings.push({ folder: folderOf(path), apply })
  }

  #syncFolder(folder: string, isOk: boolean): void {
    if (!isOk) return
    const rest: Array<Naming> = []
    for (const naming of this.#namings) {
      if (naming.folder === folder) naming.apply(this.#durableNames)
      else rest.push(naming)
    }
    this.#namings = rest
  }

  /** The files as they stand for programs: what a process that is killed leaves behind. */
  whole(): Image {
    return this.#image(this.#names, (file) => file.whole)
  }

  /** The least that may be there: what was synced. */
  least(): Image {
    return this.#image(this.#durableNames, (file) =>
      torn(file, { keep: 0, tear: 0, grown: 0, garbage: false }, () => 1)
    )
  }

  /** One of the many states after a power cut. */
  cut(draw: Draw): Image {
    const names = new Map(this.#durableNames)
    const happened = new Map<string, number>()
    for (const { folder } of this.#namings) if (!happened.has(folder)) happened.set(folder, draw())
    const counts = new Map<string, number>()
    for (const { folder } of this.#namings) counts.set(folder, (counts.get(folder) ?? 0) + 1)
    const done = new Map<string, number>()
    for (const { folder, apply } of this.#namings) {
      const number = done.get(folder) ?? 0
      done.set(folder, number + 1)
      if (number < Math.floor(happened.get(folder)! * (counts.get(folder)! + 1))) apply(names)
    }
    return this.#image(names, (file) => torn(file, mood(draw), draw))
  }

  #image(names: ReadonlyMap<string, FileObject | "folder">, content: (file: FileObject) => Buffer): Image {
    const contents = new Map<FileObject, Buffer>()
    const image = new Map<string, Buffer>()
    for (const [path, file] of names) {
      if (file === "folder" || !isReachable(path, names)) continue
      if (!contents.has(file)) contents.set(file, content(file))
      image.set(path, contents.get(file)!)
    }
    return image
  }
}

const folderOf = (path: string): string => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "")

const isReachable = (path: string, names: ReadonlyMap<string, FileObject | "folder">): boolean => {
  for (let folder = folderOf(path); folder !== ""; folder = folderOf(folder))
    if (names.get(folder) !== "folder") return false
  return true
}

/** How much of what was not synced is there. */
interface Mood {
  /** How likely a sector goes on to its next write. */
  readonly keep: number
  /** How likely the write where a sector stops is half there. */
  readonly tear: number
  /** How far the size has come, from 0 to 1; less than what arrived cuts it off. */
  readonly grown: number
  readonly garbage: boolean
}

const mood = (draw: Draw): Mood => {
  const kind = draw()
  const garbage = draw() < 0.3
  if (kind < 0.15) return { keep: 0, tear: 0, grown: draw() < 0.5 ? 0 : draw(), garbage }
  if (kind < 0.3) return { keep: 1, tear: 0, grown: 1, garbage }
  return { keep: draw(), tear: draw() * 0.5, grown: draw() < 0.5 ? 1 : draw(), garbage }
}

/** What may be found in a file: the sectors that were synced, and some of the others. */
const torn = (file: FileObject, { keep, tear, grown, garbage }: Mood, draw: Draw): Buffer => {
  const { base, changes } = file
  if (changes.length === 0) return base
  let cache: Buffer = base
  let found = Buffer.from(base)
  const filler = garbage ? Math.floor(draw() * 256) : 0
  const stopped = new Set<number>()
  /** Set once a truncation did not happen: from this size on, nothing that came after it did either. */
  let ceiling = Number.POSITIVE_INFINITY
  let size = base.length
  let arrived = base.length
  const reach = (to: number) => {
    if (found.length >= to) return
    const longer = Buffer.alloc(to, filler)
    found.copy(longer)
    found = longer
  }
  for (const change of changes) {
    cache = applied(cache, change)
    if (!("data" in change)) {
      if (!change.isSynced && (ceiling !== Number.POSITIVE_INFINITY || draw() >= keep)) {
        ceiling = Math.min(ceiling, change.size)
        continue
      }
      if (found.length > change.size) found = Buffer.from(found.subarray(0, change.size))
      else reach(change.size)
      size = change.size
      arrived = Math.min(arrived, change.size)
      for (const one of stopped) if ((one + 1) * sector > change.size) stopped.delete(one)
      continue
    }
    const end = change.at + change.data.length
    for (let one = Math.floor(change.at / sector); one * sector < end; one++) {
      const from = Math.max(one * sector, change.at)
      const to = Math.min((one + 1) * sector, end)
      if (to > ceiling) continue
      if (change.isSynced && !change.isLost) {
        // the page goes to the disk as it stands, with what an earlier sync may have lost
        stopped.delete(one)
        reach(Math.min((one + 1) * sector, cache.length))
        cache.copy(found, one * sector, one * sector, Math.min((one + 1) * sector, cache.length))
        arrived = Math.max(arrived, to)
        continue
      }
      if (stopped.has(one)) continue
      if (draw() < keep) {
        reach(to)
        cache.copy(found, from, from, to)
        arrived = Math.max(arrived, to)
        continue
      }
      stopped.add(one)
      if (draw() >= tear) continue
      const middle = from + Math.floor(draw() * (to - from))
      const isFromStart = draw() < 0.5
      reach(isFromStart ? middle : to)
      cache.copy(found, isFromStart ? from : middle, isFromStart ? from : middle, isFromStart ? middle : to)
      arrived = Math.max(arrived, isFromStart ? middle : to)
    }
    if (change.isSynced && !change.isLost) size = Math.max(size, end)
  }
  if (ceiling !== Number.POSITIVE_INFINITY) return found
  // the size: at least what was synced, at most what it was for programs
  const most = Math.max(cache.length, arrived)
  const wanted = Math.max(size, Math.min(most, Math.round(size + grown * (most - size))))
  reach(wanted)
  return wanted < found.length ? Buffer.from(found.subarray(0, wanted)) : found
}
