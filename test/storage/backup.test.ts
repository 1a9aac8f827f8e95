// A copy of a store in use: whole, consistent, nobody's, and never half of one.
import { spawn } from "node:child_process"
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Orchestrator, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { afterAll, describe, expect, test } from "vitest"

const root = mkdtempSync(join(tmpdir(), "troupe-backup-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folderOf = (name: string) => mkdtempSync(join(root, `${name}-`))

let isHeld = true
const step = task("step", {
  in: type<number>(),
  out: type<number>(),
  run: async (n) => {
    while (isHeld && n % 10 === 7) await sleep(5)
    return n + 1
  }
})
const flow = workflow("flow", type<number>())
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => $.a)
  .returns(($) => $.b)

const check = (path: string) => {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return database.prepare("PRAGMA integrity_check").get() as { integrity_check: string }
  } finally {
    database.close()
  }
}

describe("a backup", () => {
  test("while runs go on holds every run that was accepted before, and the copy can be opened beside the original", async () => {
    const folder = folderOf("load")
    const [path, copy] = [join(folder, "a.db"), join(folder, "deep", "copy.db")]
    await using original = await Orchestrator.open({ store: `sqlite:${path}`, workflows: [flow] })
    let next = 0
    const accepted: Array<string> = []
    const submit = async () => {
      const id = `r${next++}`
      await original.submit(flow, next, { id })
      accepted.push(id)
    }
    await Promise.all(Array.from({ length: 2_000 }, submit))
    const before = [...accepted]
    let isDone = false
    const backup = original.backup(copy).finally(() => {
      isDone = true
    })
    while (!isDone) await submit()
    const made = await backup
    for (let i = 0; i < 20; i++) await submit()
    expect(made).toEqual({ path: copy, bytes: statSync(copy).size })
    expect(readdirSync(join(folder, "deep"))).toEqual(["copy.db"])
    expect(check(copy).integrity_check).toBe("ok")

    isHeld = false
    // the copy is nobody's: no lease to wait for, no log to miss
    await using second = await Orchestrator.open({ store: `sqlite:${copy}`, workflows: [flow] })
    const outputs = await Promise.all(
      before.map(async (id) => {
        const run = await second.get(id)
        // every message, in its chain
        expect((await run.history())[0]?.type).toBe("run.submitted")
        return run.result()
      })
    )
    expect(outputs).toEqual(before.map((id) => Number(id.slice(1)) + 3))
    await expect(second.get(accepted.at(-1)!)).rejects.toMatchObject({ code: "RUN_NOT_FOUND" })
    // and the original goes on as if nothing had been
    expect(await (await original.get(before[7]!)).result()).toBe(7 + 3)
    expect(await original.execute(flow, 1)).toBe(3)
  }, 60_000)

  test("comes to its end however much is written meanwhile, and holds what was there when it began", async () => {
    const folder = folderOf("stream")
    const [path, copy] = [join(folder, "a.db"), join(folder, "copy.db")]
    const keep = workflow("keep", type<string>())
      .derive(
        "length",
        ($) => $.input,
        (text) => text.length
      )
      .returns(($) => $.length)
    await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    const fill = (count: number) =>
      Promise.all(Array.from({ length: count }, () => orchestrator.execute(keep, "x".repeat(20_000))))
    await fill(1_500)
    let isDone = false
    let during = 0
    const backup = orchestrator.backup(copy).finally(() => {
      isDone = true
    })
    const until = performance.now() + 15_000
    while (!isDone && performance.now() < until) {
      await fill(1)
      during++
    }
    expect([isDone, during > 1]).toEqual([true, true])
    await backup
    const database = new DatabaseSync(copy, { readOnly: true })
    expect(database.prepare("SELECT count(*) AS n FROM troupe_runs").get()).toEqual({ n: 1_500 })
    database.close()
  }, 60_000)

  test("never replaces anything, and never goes where the store itself is", async () => {
    const folder = folderOf("refused")
    const path = join(folder, "a.db")
    await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    const there = join(folder, "there.db")
    writeFileSync(there, "mine")
    symlinkSync(join(folder, "nowhere"), join(folder, "dangling"))
    await expect(orchestrator.backup(there)).rejects.toMatchObject({ _tag: "BackupRefused", code: "BACKUP_EXISTS" })
    await expect(orchestrator.backup(join(folder, "dangling"))).rejects.toMatchObject({ code: "BACKUP_EXISTS" })
    for (const own of [path, `${path}-wal`, join(folder, "x", "..", "a.db")])
      await expect(orchestrator.backup(own)).rejects.toMatchObject({ code: "BACKUP_OWN" })
    expect(readFileSync(there, "utf8")).toBe("mine")
    const [one, two] = await Promise.allSettled([1, 2].map(() => orchestrator.backup(join(folder, "twice.db"))))
    expect([one!.status, two!.status]).toEqual(["fulfilled", "rejected"])
    expect((two as PromiseRejectedResult).reason).toMatchObject({ code: "BACKUP_BUSY" })
    await using memory = await Orchestrator.open({ store: memoryJournal() })
    await expect(memory.backup(join(folder, "m.db"))).rejects.toMatchObject({ code: "BACKUP_UNSUPPORTED" })
    expect(existsSync(join(folder, "m.db"))).toBe(false)
  })

  test("that is killed on the way leaves a draft at most, which the next one sweeps away", async () => {
    const folder = folderOf("killed")
    const [path, copy] = [join(folder, "a.db"), join(folder, "copy.db")]
    const script = fileURLToPath(new URL("./backup-life.ts", import.meta.url))
    let drafts = 0
    for (let i = 0; i < 12; i++) {
      const child = spawn(process.execPath, [script, path, copy], { stdio: ["ignore", "pipe", "ignore"] })
      // it prints a line when the backup begins
      await new Promise((resolve) => child.stdout.once("data", resolve))
      await sleep(4 * i)
      child.kill("SIGKILL")
      await new Promise((resolve) => child.once("close", resolve))
      drafts += readdirSync(folder).filter((name) => name.startsWith("copy.db.backup-")).length > 0 ? 1 : 0
      // what has the name is whole, whenever it came to have it
      if (!existsSync(copy)) continue
      expect(check(copy).integrity_check).toBe("ok")
      rmSync(copy)
    }
    expect(drafts).toBeGreaterThan(0)
    await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    await orchestrator.backup(copy)
    expect(readdirSync(folder).filter((name) => name.startsWith("copy"))).toEqual(["copy.db"])
    await using second = await Orchestrator.open({ store: `sqlite:${copy}` })
    expect((await second.list({ limit: 1 })).runs).toHaveLength(1)
  }, 60_000)
})
