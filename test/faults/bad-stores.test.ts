// V-24 … V-26: what is not a store of ours, or is damaged, is told from its first bytes, and not one byte of it changes.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Orchestrator } from "../../src/engine/orchestrator.ts"
import { TroupeError } from "../../src/model/errors.ts"
import { JournalCorrupt } from "../../src/storage/errors.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { draws } from "./disk.ts"
import { ten, tenOf } from "./flows.ts"
import { fastFolder } from "./shim.ts"

const root = mkdtempSync(join(fastFolder, "troupe-bad-"))
afterAll(() => rmSync(root, { recursive: true }))

/** A store that was closed in order, and one whose owner was killed, with its log. */
const closed = join(root, "closed")
const killed = join(root, "killed")
beforeAll(async () => {
  const orchestrator = await Orchestrator.open({ store: `sqlite:${join(closed, "runs.db")}`, workflows: [ten] })
  for (const n of [1, 2]) await orchestrator.execute(ten, n, { id: `r${n}` })
  cpSync(closed, killed, { recursive: true })
  await orchestrator.close()
  rmSync(join(closed, "runs.db-shm"), { force: true })
  rmSync(join(killed, "runs.db-shm"), { force: true })
})

let number = 0
const copyOf = (folder: string): string => {
  const copy = join(root, `copy-${number++}`)
  cpSync(folder, copy, { recursive: true })
  return join(copy, "runs.db")
}

/** Names, sizes, rights and bytes of everything in a folder. */
const fingerprint = (folder: string): string => {
  const hash = createHash("sha256")
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name)
    const stats = statSync(path)
    hash.update(`${name} ${stats.size} ${stats.mode}\n`)
    if (stats.isFile()) hash.update(readFileSync(path))
  }
  return hash.digest("hex")
}

const refusal = async (path: string): Promise<any> => {
  try {
    const orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    await orchestrator.close()
    return "opened"
  } catch (error) {
    return error
  }
}

const edited = (folder: string, edit: (path: string) => void): string => {
  const path = copyOf(folder)
  edit(path)
  return path
}
const patched = (path: string, at: number, bytes: ReadonlyArray<number>): void => {
  const file = readFileSync(path)
  for (const [i, byte] of bytes.entries()) file[at + i] = byte
  writeFileSync(path, file)
}

const bad: ReadonlyArray<readonly [string, string, () => string]> = [
  ["a zero-byte file", "empty", () => edited(closed, (path) => truncateSync(path, 0))],
  ["a file cut to 10 bytes", "truncated", () => edited(closed, (path) => truncateSync(path, 10))],
  ["a file cut within its header", "truncated", () => edited(closed, (path) => truncateSync(path, 99))],
  ["a file cut to one page", "truncated", () => edited(closed, (path) => truncateSync(path, 4096))],
  [
    "a file cut within a page",
    "truncated",
    () => edited(closed, (path) => truncateSync(path, statSync(path).size - 100))
  ],
  [
    "a file without its last page",
    "truncated",
    () => edited(closed, (path) => truncateSync(path, statSync(path).size - 4096))
  ],
  ["a text file", "foreign", () => edited(closed, (path) => writeFileSync(path, "dear diary\n".repeat(100)))],
  ["a short text file", "foreign", () => edited(closed, (path) => writeFileSync(path, "hello"))],
  [
    "a SQLite file of another program",
    "foreign",
    () =>
      edited(closed, (path) => {
        rmSync(path)
        const other = new DatabaseSync(path)
        other.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')")
        other.close()
      })
  ],
  [
    "a SQLite file of another program that is at work, in WAL mode",
    "foreign",
    () =>
      edited(closed, (path) => {
        rmSync(path)
        const other = new DatabaseSync(`${path}-other`)
        other.exec("PRAGMA journal_mode = WAL; CREATE TABLE notes (text)")
        copyFileSync(`${path}-other`, path)
        copyFileSync(`${path}-other-wal`, `${path}-wal`)
        other.close()
        rmSync(`${path}-other`, { force: true })
      })
  ],
  ["a store of a newer version", "newer", () => edited(closed, (path) => patched(path, 60, [0, 0, 0, 99]))],
  [
    "a store of a newer version whose owner was killed, with its log",
    "newer",
    () => edited(killed, (path) => patched(path, 60, [0, 0, 0, 99]))
  ],
  [
    "a store whose newer version stands in the log only",
    "newer",
    () => {
      const path = copyOf(closed)
      const folder = join(root, `copy-${number++}`)
      mkdirSync(folder)
      const other = new DatabaseSync(path)
      other.exec("PRAGMA user_version = 99")
      for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, join(folder, `runs.db${suffix}`))
      other.close()
      return join(folder, "runs.db")
    }
  ],
  ["a store that nobody may write to", "read-only", () => edited(closed, (path) => chmodSync(path, 0o444))],
  [
    "a store whose log nobody may write to",
    "read-only",
    () => edited(killed, (path) => chmodSync(`${path}-wal`, 0o444))
  ],
  ["a store that has lost its log", "no-wal", () => edited(killed, (path) => rmSync(`${path}-wal`))],
  [
    "a directory in its place",
    "directory",
    () =>
      edited(closed, (path) => {
        rmSync(path)
        mkdirSync(path)
      })
  ],
  ["a path under a file", "unreachable", () => join(copyOf(closed), "runs.db")],
  ["a path under a file that is deeper", "unreachable", () => join(copyOf(closed), "a/b/runs.db")]
]

describe("V-24, V-25: one sentence says what is wrong with the file, and not one byte of it or beside it changes", () => {
  test.each(bad)("%s: %s", async (_, reason, make) => {
    const path = make()
    const folder = path.slice(0, path.indexOf("/runs.db"))
    const before = fingerprint(folder)
    for (const _again of [1, 2]) {
      const error = await refusal(path)

      expect(error).toMatchObject({ _tag: "StoreUnusable", reason })
      expect(error.message).toContain(`the store '${path}' `)
      expect(error.message).not.toContain("\n")
      expect(fingerprint(folder)).toBe(before)
    }
  })

  test("a store that only another user may touch, and a folder where nothing can be made", () => {
    const path = copyOf(closed)
    const folder = join(path, "..")
    const isRoot = process.getuid?.() === 0
    const script = `
      import { sqliteJournal } from ${JSON.stringify(new URL("../../src/storage/sqlite/journal.ts", import.meta.url).href)}
      for (const path of process.argv.slice(1))
        await sqliteJournal({ path }).then(() => console.log("opened"), (error) => console.log(error._tag, error.reason))`
    // whoever may do everything asks as somebody who may not
    if (isRoot) chownSync(root, 65_534, 65_534)
    const locked = join(folder, "locked")
    mkdirSync(locked, { mode: 0o500 })
    chmodSync(path, 0o000)
    if (isRoot) chmodSync(locked, 0o500)
    const before = isRoot ? fingerprint(folder) : ""
    const child = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", script, path, join(locked, "runs.db"), join(locked, "deeper/runs.db")],
      { encoding: "utf8", ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}) }
    )
    chmodSync(path, 0o644)
    chmodSync(locked, 0o700)

    expect(child.stderr).toBe("")
    expect(child.stdout.trim().split("\n")).toEqual(Array(3).fill("StoreUnusable unreachable"))
    expect(readdirSync(locked)).toEqual([])
    chmodSync(path, 0o000)
    chmodSync(locked, 0o500)
    if (isRoot) expect(fingerprint(folder)).toBe(before)
  })

  test("whichever bit of the header is flipped: the store is refused untouched, or what is in it is right", async () => {
    const seen = new Map<string, number>()
    for (let bit = 0; bit < 800; bit++) {
      const path = copyOf(closed)
      const folder = join(path, "..")
      const file = readFileSync(path)
      file[bit >> 3]! ^= 1 << (bit & 7)
      writeFileSync(path, file)
      const before = fingerprint(folder)
      let said: string
      try {
        said = await judged(path)
      } catch (error) {
        if (!(error instanceof TroupeError)) throw error
        const { code } = error as unknown as { code: string }
        said = code
        if (code.startsWith("STORE_")) expect([bit, fingerprint(folder)]).toEqual([bit, before])
      }
      if (said !== "right") expect(said).toMatch(/^STOR/)
      seen.set(said, (seen.get(said) ?? 0) + 1)
      rmSync(folder, { recursive: true })
    }
    expect(seen.get("STORE_FOREIGN")).toBeGreaterThan(128)
    expect(seen.get("right")).toBeGreaterThan(50)
  }, 60_000)

  test("V-26: whichever bit of the file is flipped, nothing false is read", async () => {
    const draw = draws(26)
    const seen = new Map<string, number>()
    const whole = readFileSync(join(closed, "runs.db"))
    const wrong: Array<string> = []
    const folder = join(root, "flipped")
    for (let i = 0; i < 3_000; i++) {
      const bit = Math.floor(draw() * (whole.length - 100) * 8) + 800
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      const file = Buffer.from(whole)
      file[bit >> 3]! ^= 1 << (bit & 7)
      writeFileSync(join(folder, "runs.db"), file)
      let said: string
      try {
        said = await judged(join(folder, "runs.db"))
      } catch (error) {
        said =
          error instanceof TroupeError ? (error as unknown as { code: string }).code : `not typed: ${String(error)}`
      }
      seen.set(said, (seen.get(said) ?? 0) + 1)
      // a name of which a bit is changed is another name
      if (said !== "right" && said !== "gone" && !/^STOR|^JOURNAL_/.test(said)) wrong.push(`bit ${bit}: ${said}`)
    }
    expect(wrong).toEqual([])
    expect(seen.get("JOURNAL_CORRUPT")).toBeGreaterThan(5)
    expect(seen.get("right")).toBeGreaterThan(100)
    expect(seen.get("gone") ?? 0).toBeLessThan(15)
  }, 60_000)
})

/** What a store says of each run, as text. */
const contents = async (path: string): Promise<ReadonlyArray<string>> => {
  const journal = await sqliteJournal({ path })
  try {
    const all: Array<string> = []
    for (const run of ["r1", "r2"]) {
      const { workflow, hash } = (await Effect.runPromise(journal.find(run))) ?? {}
      const { messages } = await Effect.runPromise(journal.read(run))
      const ir = hash === undefined ? undefined : await Effect.runPromise(journal.definition(hash))
      // its name has a changed bit: whoever wants to run it finds none, and the run is damaged (engine/recovery.ts)
      if (hash !== undefined && ir === undefined) throw new JournalCorrupt({ run, seq: 0, kind: "shape" })
      all.push(messages.length === 0 ? "gone" : JSON.stringify([workflow, hash, ir, messages]))
    }
    return all
  } finally {
    await Effect.runPromise(Effect.ignore(journal.close(0)))
  }
}

let right: ReadonlyArray<string> | undefined
/** "right" when a store gives what was written; "gone" when it does not find a run by its name; throws what it says otherwise. */
const judged = async (path: string): Promise<string> => {
  right ??= await contents(copyOf(closed))
  const found = await contents(path)
  for (const [i, one] of found.entries())
    if (one !== "gone" && one !== right[i]) return `something else: ${difference(right[i]!, one)}`
  return found.includes("gone") ? "gone" : "right"
}
const difference = (a: string, b: string): string => {
  let i = 0
  while (a[i] === b[i]) i++
  return `${a.slice(Math.max(0, i - 60), i + 40)} → ${b.slice(Math.max(0, i - 60), i + 40)}`
}

test("what a power cut has left of the last commit in a log is not taken for a newer or foreign store (power cuts, seed 104, image 678)", async () => {
  for (const garbage of [0, 255]) {
    const source = copyOf(closed)
    const folder = join(root, `copy-${number++}`)
    mkdirSync(folder)
    const other = new DatabaseSync(source)
    // two commits that write the first page, the second with its number, and without its content
    other.exec("CREATE TABLE one (x); DROP TABLE one")
    const log = readFileSync(`${source}-wal`)
    let first = 0
    for (let at = 32; at + 4120 <= log.length; at += 4120) if (log.readUInt32BE(at) === 1) first = at
    expect(first).toBeGreaterThan(32)
    log.fill(garbage, first + 24, first + 24 + 512)
    writeFileSync(join(folder, "runs.db-wal"), log)
    copyFileSync(source, join(folder, "runs.db"))
    other.close()

    const orchestrator = await Orchestrator.open({ store: `sqlite:${join(folder, "runs.db")}`, workflows: [ten] })
    expect(await (await orchestrator.get("r1")).result()).toBe(tenOf(1))
    await orchestrator.close()
  }
})

test("a store whose owner was killed opens, log and all, and so does one whose log a checkpoint had emptied", async () => {
  for (const emptied of [false, true]) {
    const path = copyOf(killed)
    if (emptied) {
      const other = new DatabaseSync(path)
      other.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      const folder = join(root, `copy-${number++}`)
      mkdirSync(folder)
      for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, join(folder, `runs.db${suffix}`))
      other.close()
      expect(statSync(join(folder, "runs.db-wal")).size).toBe(0)
    }
    const orchestrator = await Orchestrator.open({
      store: `sqlite:${emptied ? join(root, `copy-${number - 1}`, "runs.db") : path}`,
      workflows: [ten]
    })
    expect(await (await orchestrator.get("r1")).result()).toBe(tenOf(1))
    await orchestrator.close()
  }
})
