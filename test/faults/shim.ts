/**
 * The shim (shim.c) for tests: compiled once with the system's C compiler, put before a child process, ruled through a mapped
 * file, its log read back. Linux only; `shimMissing` says why where it cannot be had.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const source = fileURLToPath(new URL("./shim.c", import.meta.url))

/** Why there is no shim here; undefined where there is one. */
export const shimMissing = ((): string | undefined => {
  if (process.platform !== "linux") return `the shim is made for Linux, this is ${process.platform}`
  if (spawnSync("cc", ["--version"]).status !== 0) return "there is no C compiler: install one that is called cc"
  return undefined
})()

/** Where files of tests lie: in memory where that can be had, since what the disk would do is told from the log. */
export const fastFolder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

/** The compiled shim; made when its source is new. */
export const shim = (): string => {
  const name = `troupe-shim-${createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16)}`
  const folder = join(tmpdir(), `troupe-shim-${process.getuid?.() ?? 0}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const made = join(folder, `${name}.so`)
  if (existsSync(made)) return made
  const draft = `${made}.${process.pid}`
  execFileSync("cc", ["-O2", "-shared", "-fPIC", "-o", draft, source, "-ldl", "-lpthread"])
  renameSync(draft, made)
  return made
}

export interface ShimOptions {
  /** The folder whose files are watched. */
  readonly root: string
  readonly log?: string
  readonly control?: string
  /** Syncs of files with this suffix are answered, and not done. */
  readonly noSync?: string
  /** SQLite's patience with locks takes no time. */
  readonly noWait?: boolean
}

/** The environment of a child that the shim stands before. */
export const shimEnv = ({ root, log, control, noSync, noWait = false }: ShimOptions): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_PRELOAD: shim(),
  TROUPE_SHIM_ROOT: root,
  ...(log === undefined ? {} : { TROUPE_SHIM_LOG: log }),
  ...(control === undefined ? {} : { TROUPE_SHIM_CONTROL: control }),
  ...(noSync === undefined ? {} : { TROUPE_SHIM_NO_SYNC: noSync }),
  ...(noWait ? { TROUPE_SHIM_NO_WAIT: "1" } : {})
})

// ── the log ────────────────────────────────────────────────────────────────────────────────────────

export type Step =
  | {
      readonly type: "write"
      readonly path: string
      readonly inode: number
      readonly at: number
      readonly data: Buffer
    }
  /** Of a file or a folder; `ok` is false where the disk said that it failed. */
  | { readonly type: "sync"; readonly path: string; readonly inode: number; readonly ok: boolean }
  | { readonly type: "truncate"; readonly path: string; readonly inode: number; readonly at: number }
  | { readonly type: "open"; readonly path: string; readonly inode: number; readonly isCut: boolean }
  | { readonly type: "close"; readonly path: string; readonly inode: number }
  | { readonly type: "link" | "rename"; readonly path: string; readonly to: string }
  | { readonly type: "unlink"; readonly path: string }
  | { readonly type: "mkdir"; readonly path: string }

const truncateFlag = 0o1000

/** What was done, in order; paths are relative to the root. */
export const readLog = (file: string): ReadonlyArray<Step> => {
  const log = readFileSync(file)
  const steps: Array<Step> = []
  let i = 0
  while (i + 32 <= log.length) {
    const kind = log.readUInt32LE(i)
    const result = log.readInt32LE(i + 4)
    const inode = Number(log.readBigUInt64LE(i + 8))
    const at = Number(log.readBigInt64LE(i + 16))
    const pathLength = log.readUInt32LE(i + 24)
    const dataLength = log.readUInt32LE(i + 28)
    i += 32
    if (i + pathLength + dataLength > log.length) break
    const path = log.toString("utf8", i, i + pathLength)
    const data = log.subarray(i + pathLength, i + pathLength + dataLength)
    i += pathLength + dataLength
    if (kind === 1) steps.push({ type: "write", path, inode, at, data })
    else if (kind === 2) steps.push({ type: "sync", path, inode, ok: result === 0 })
    else if (kind === 4) steps.push({ type: "truncate", path, inode, at })
    else if (kind === 8) steps.push({ type: "open", path, inode, isCut: (at & truncateFlag) !== 0 })
    else if (kind === 128) steps.push({ type: "close", path, inode })
    else if (kind === 64) steps.push({ type: "mkdir", path })
    else if (result === "u".charCodeAt(0)) steps.push({ type: "unlink", path })
    else steps.push({ type: result === "l".charCodeAt(0) ? "link" : "rename", path, to: data.toString() })
  }
  return steps
}

// ── what fails ─────────────────────────────────────────────────────────────────────────────────────

/** Calls, as bits. `name` is link, rename and unlink; `lock` is SQLite's lock for writing. */
export const calls = { write: 1, sync: 2, truncate: 4, open: 8, name: 16, lock: 32, read: 256 } as const

/** `done`: it was done, and reported as failed; `short`: half of it, and no room for the rest. */
export const failures = { eio: 1, enospc: 2, done: 3, short: 4, busy: 5 } as const
export type FailureKind = keyof typeof failures

export interface Plan {
  readonly kind: FailureKind
  /** The number of the call that fails, from 1. */
  readonly at: number
  /** All calls after it fail too, until somebody heals it. */
  readonly isLasting: boolean
  /** Bits of `calls`. */
  readonly counted: number
}

export interface Slot {
  readonly seen: number
  readonly failed: number
  /** Syncs on a handle that had failed to sync before. */
  readonly again: number
  readonly syncs: number
}

const slotBytes = 64
const slotsMax = 4096

/** The mapped file that rules what fails; what is written to it holds at once, in every process that maps it. */
export class Control {
  readonly #file: number
  readonly #paused = new Map<number, number>()
  private constructor(file: number) {
    this.#file = file
  }
  static make(path: string): Control {
    const control = new Control(openSync(path, "w+"))
    writeSync(control.#file, Buffer.alloc(slotBytes * slotsMax), 0, slotBytes * slotsMax, 0)
    return control
  }
  static at(path: string): Control {
    return new Control(openSync(path, "r+"))
  }
  /** Counts calls of a slot from now on, and lets them fail as planned. */
  arm(slot: number, { kind, at, isLasting, counted }: Plan): void {
    this.#write(slot, [at, failures[kind], Number(isLasting), counted, 0, 0, 0, 0])
  }
  /** Counts calls only. */
  count(slot: number, counted: number): void {
    this.#write(slot, [0, 0, 0, counted, 0, 0, 0, 0])
  }
  heal(slot: number): void {
    this.#write(slot, [0])
  }
  /** No call counts for a while, and none fails. */
  pause(slot: number): void {
    this.#paused.set(slot, this.#field(slot, 3))
    this.#write(slot, [0], 3)
  }
  unpause(slot: number): void {
    this.#write(slot, [this.#paused.get(slot) ?? 0], 3)
  }
  look(slot: number): Slot {
    const read = Buffer.alloc(slotBytes)
    readSync(this.#file, read, 0, slotBytes, slot * slotBytes)
    const at = (field: number) => read.readUInt32LE(field * 4)
    return { seen: at(4), failed: at(5), again: at(6), syncs: at(7) }
  }
  close(): void {
    closeSync(this.#file)
  }
  #field(slot: number, field: number): number {
    const read = Buffer.alloc(4)
    readSync(this.#file, read, 0, 4, slot * slotBytes + field * 4)
    return read.readUInt32LE(0)
  }
  #write(slot: number, fields: ReadonlyArray<number>, from = 0): void {
    const values = Buffer.alloc(fields.length * 4)
    fields.forEach((value, i) => void values.writeUInt32LE(value, i * 4))
    writeSync(this.#file, values, 0, values.length, slot * slotBytes + from * 4)
  }
}
