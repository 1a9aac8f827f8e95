// Who owns a file, and how it is let go of: nobody loses it to somebody who was refused, or who comes late.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { load, Orchestrator, task, type } from "troupe"
import { afterAll, describe, expect, test, vi } from "vitest"
import type { Entry } from "../../src/storage/journal.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-owners-"))
afterAll(() => rmSync(folder, { recursive: true }))

const turns = () => new Promise((resolve) => setTimeout(resolve, 20))
const nap = await load({ ir: 1, name: "nap", tasks: [{ id: "z", kind: "sleep", durationMs: 3_600_000 }] })
const num = task("num", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })

/** Files of a store that this process has open, where that can be told. */
const connectionsTo = (path: string): ReadonlyArray<string> =>
  process.platform !== "linux"
    ? []
    : readdirSync("/proc/self/fd").flatMap((fd) => {
        try {
          const file = readlinkSync(join("/proc/self/fd", fd))
          return file.startsWith(path) ? [file] : []
        } catch {
          return []
        }
      })

/** In a process of its own: takes a store over, starts a run that waits, and is killed. Ours stands still meanwhile. */
const takeOverAndDie = (path: string): void => {
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", successor, path, source], {
    encoding: "utf8"
  })
  expect([signal, stderr]).toEqual(["SIGKILL", ""])
}
const source = new URL("../../src/", import.meta.url).href
const successor = `
  const [path, source] = process.argv.slice(1)
  const { Orchestrator, load } = await import(source + "index.ts")
  const { setTimeout: sleep } = await import("node:timers/promises")
  const nap = await load({ ir: 1, name: "nap", tasks: [{ id: "z", kind: "sleep", durationMs: 3600000 }] })
  for (;;) {
    const orchestrator = await Orchestrator.open({ store: "sqlite:" + path }).catch((error) => {
      if (error.code !== "STORE_IN_USE") throw error
    })
    if (orchestrator === undefined) await sleep(20)
    else {
      await orchestrator.submit(nap, null, { id: "of-the-second" })
      process.kill(process.pid, "SIGKILL")
    }
  }`

describe("G24 one owner", () => {
  test("a second orchestrator over the same journal is refused, and the first goes on as if nobody had asked", async () => {
    const path = join(folder, "twice.db")
    const journal = await sqliteJournal({ path })
    const first = await Orchestrator.open({ store: journal })
    for (let i = 0; i < 3; i++)
      await expect(Orchestrator.open({ store: journal })).rejects.toMatchObject({ code: "STORE_IN_USE" })

    expect(await first.execute(num, 1, { id: "r" })).toBe(2)
    await first.close()
    // given back in order: the journal can be claimed again, and so can the file
    await using again = await Orchestrator.open({ store: journal })
    expect(await (await again.get("r")).result()).toBe(2)
  })

  test("whoever was refused holds nothing: the file is free as soon as its owner is done", async () => {
    const path = join(folder, "refused.db")
    const owner = await sqliteJournal({ path })
    const other = await sqliteJournal({ path })
    const { epoch } = await Effect.runPromise(owner.claim())
    await expect(Effect.runPromise(other.claim())).rejects.toMatchObject({ code: "STORE_IN_USE" })
    await Effect.runPromise(owner.close(epoch))
    expect((await Effect.runPromise(other.claim())).wasClean).toBe(true)
    await Effect.runPromise(other.close(epoch + 1))
  })

  test("an owner that comes late to close takes nothing away from the one that was killed after it", async () => {
    const path = join(folder, "late.db")
    const journal = await sqliteJournal({ path, leaseMs: 200 })
    const { epoch } = await Effect.runPromise(journal.claim())
    takeOverAndDie(path)
    await Effect.runPromise(journal.close(epoch))

    await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    expect((await orchestrator.status("of-the-second")).status).toBe("waiting")
  })

  test("an owner that learns that it was taken over lets go of the file, and what it began goes on with the next one", async () => {
    const path = join(folder, "lost.db")
    const journal = await sqliteJournal({ path, leaseMs: 200 })
    const defects: Array<unknown> = []
    const first = await Orchestrator.open({ store: journal, onDefect: (error) => defects.push(error) })
    await first.submit(nap, null, { id: "of-the-first" })
    takeOverAndDie(path)
    await expect(first.execute(num, 1)).rejects.toMatchObject({ code: "STALE_OWNER" })
    expect(defects).toMatchObject([{ code: "STALE_OWNER" }])
    await turns()

    // closed: it does not even ask whose the file is
    await expect(Effect.runPromise(journal.epoch())).rejects.toThrow("is closed")
    expect(connectionsTo(path)).toEqual([])
    for (const asked of [
      () => first.submit(nap, null, { id: "another" }),
      () => first.status("of-the-second"),
      () => first.pause("of-the-first"),
      () => first.transaction(() => 1)
    ])
      await expect(asked()).rejects.toMatchObject({ code: "CLOSED" })
    await first.close()
    await using next = await Orchestrator.open({ store: `sqlite:${path}` })
    for (const id of ["of-the-first", "of-the-second"]) expect((await next.status(id)).status).toBe("waiting")
  })

  test("an owner that was taken over while it had nothing to do leaves the file alone", async () => {
    const path = join(folder, "idle.db")
    const journal = await sqliteJournal({ path, leaseMs: 150 })
    await Effect.runPromise(journal.claim())
    takeOverAndDie(path)
    const begun = vi.spyOn(DatabaseSync.prototype, "exec")
    await new Promise((resolve) => setTimeout(resolve, 400))
    // one sign of life that was refused, and none after it
    expect(begun.mock.calls.filter(([sql]) => sql.startsWith("BEGIN")).length).toBe(1)
    begun.mockRestore()
    await Effect.runPromise(journal.close(1))
  })

  test("an owner that comes late to close takes nothing away from who has the same journal by now", async () => {
    const path = join(folder, "again.db")
    const journal = await sqliteJournal({ path, leaseMs: 200 })
    const { epoch } = await Effect.runPromise(journal.claim())
    takeOverAndDie(path)
    await using orchestrator = await Orchestrator.open({ store: journal })
    await Effect.runPromise(journal.close(epoch))
    expect(await orchestrator.execute(num, 1)).toBe(2)
  })

  test("whoever let go of the file as a killed process does writes and reads nothing any more", async () => {
    const journal = await sqliteJournal({ path: join(folder, "abandoned.db") })
    const { epoch } = await Effect.runPromise(journal.claim())
    const entry = (run: string): Entry => ({
      run,
      seq: 0,
      message: { type: "run.submitted", at: 1, workflow: "w", input: null }
    })
    await Effect.runPromise(journal.append([entry("before")], [], epoch))
    journal.abandon()
    const late: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      journal.append([entry("after")], [], epoch),
      journal.transact!(() => [entry("after")], epoch),
      journal.renew(epoch),
      journal.memo("after", epoch),
      journal.read("before"),
      journal.find("before"),
      journal.inbox.asked()
    ]
    for (const one of late) await expect(Effect.runPromise(one)).rejects.toThrow("is closed")

    const next = await sqliteJournal({ path: journal.path })
    expect(await Effect.runPromise(next.claim())).toMatchObject({ epoch: epoch + 1, wasClean: false, memo: "" })
    expect((await Effect.runPromise(next.list({}))).runs.map(({ run }) => run)).toEqual(["before"])
    await Effect.runPromise(next.close(epoch + 1))
  })
})
