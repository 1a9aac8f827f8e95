// A store as another process sees it, and what its owner does with what others ask.
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { Orchestrator, task, type, workflow } from "troupe"
import { afterAll, expect, test } from "vitest"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { openReader } from "../../src/storage/sqlite/reader.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-reader-"))
afterAll(() => rmSync(folder, { recursive: true }))
let stores = 0
const newPath = () => join(folder, `${stores++}.db`)
const twice = workflow("twice", type<number>())
  .task("a", task("double", { in: type<number>(), out: type<number>(), run: (n: number) => n * 2 }), ($) => $.input)
  .returns(($) => $.a)
const index = fileURLToPath(new URL("../../src/index.ts", import.meta.url))

/** Runs a program with a store of ours in another process; resolves when it prints something. */
const child = (source: string) =>
  new Promise<{ readonly kill: () => Promise<void>; readonly ended: Promise<void> }>((resolve) => {
    const program = `import { Orchestrator, load } from ${JSON.stringify(index)}\n${source}`
    const process_ = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const ended = new Promise<void>((resolve) => process_.on("close", () => resolve()))
    process_.stdout.once("data", () =>
      resolve({
        kill: () => {
          process_.kill("SIGKILL")
          return ended
        },
        ended
      })
    )
  })
const opening = (path: string) => `const open = await Orchestrator.open({ store: ${JSON.stringify(`sqlite:${path}`)} })
await open.execute(await load({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop" }] }), {}, { id: "r" })
console.log("open")`

test("a request is data: what is none, or asks for what there is not, is refused and nothing happens", async () => {
  const path = newPath()
  await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}`, workflows: [twice] })
  await orchestrator.execute(twice, 1, { id: "r" })
  const reader = await openReader(path)
  for (const [request, code] of [
    [{ verb: "explode", run: "r" }, "REQUEST_INVALID"],
    [{ verb: "toString", run: "r" }, "REQUEST_INVALID"],
    [{ verb: "pause" }, "REQUEST_INVALID"],
    [{ verb: "pause", run: "../x" }, "ID_INVALID"],
    [{ verb: "pause", run: "r", force: true }, "REQUEST_INVALID"],
    [{ verb: "cancel", run: "r", force: "yes" }, "REQUEST_INVALID"],
    [{ verb: "pause", run: "r", who: { a: 1 } }, "REQUEST_INVALID"],
    [{ verb: "pause", run: "r", why: "x".repeat(2_000) }, "REQUEST_INVALID"],
    [{ verb: "pause", run: "nobody" }, "RUN_NOT_FOUND"],
    [{ verb: "start", run: "s", definition: { ir: 1, name: "x", tasks: [{ id: "a", kind: "nop" }] } }, "SHAPE"],
    [{ verb: "start", run: "s", definition: "twice" }, "REQUEST_INVALID"],
    [{ verb: "start", run: "r", definition: twice.ir as any, input: 2 }, "IDEMPOTENCY_MISMATCH"]
  ] as const)
    expect(await reader.ask(request as any), JSON.stringify(request)).toMatchObject({ error: { code } })
  const database = new DatabaseSync(path)
  database.exec("INSERT INTO troupe_inbox (at, request) VALUES (unixepoch() * 1000, 'no JSON at all')")
  const { id } = database.prepare("SELECT max(id) AS id FROM troupe_inbox").get() as { id: number }
  while (reader.answerOf(id) === undefined) await sleep(20)
  expect(reader.answerOf(id)).toMatchObject({ error: { code: "REQUEST_INVALID" } })
  // old answers do not stay for ever
  database.exec("UPDATE troupe_inbox SET at = at - 3600000")
  database.close()
  await reader.ask({ verb: "resume", run: "r" })
  expect(reader.answerOf(id)).toBeUndefined()
  expect((await orchestrator.list()).runs.map(({ run }) => run)).toEqual(["r"])
  reader.close()
})

test("G22 a run that is started from outside goes on with the owner's code, or waits until the owner has it", async () => {
  const path = newPath()
  await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
  const reader = await openReader(path)
  const start = (run: string) => reader.ask({ verb: "start", run, definition: twice.ir as any, input: 4 })
  expect(await start("early")).toMatchObject({ ok: true, parked: { code: "VERSION_UNAVAILABLE" } })
  expect((await orchestrator.status("early")).status).toBe("parked")
  orchestrator.register(twice)
  expect(await (await orchestrator.get("early")).result()).toBe(8)
  expect(await start("late")).toEqual({ run: "late", ok: true })
  expect(await (await orchestrator.get("late")).result()).toBe(8)
  reader.close()
})

test("an owner that does not answer is said after a while, and does not do later what nobody waits for any more", async () => {
  const path = newPath()
  const journal = await sqliteJournal({ path })
  const { epoch } = await Effect.runPromise(journal.claim())
  const reader = await openReader(path)
  const refused = await reader.ask({ verb: "pause", run: "r" }, 100).catch((error) => error)
  expect(refused).toMatchObject({ _tag: "OwnerSilent", pid: process.pid, waitedMs: 100 })
  await Effect.runPromise(journal.close(epoch))
  const gone = await reader.ask({ verb: "pause", run: "r" }, 100).catch((error) => error)
  expect(gone).toMatchObject({ _tag: "OwnerGone" })
  await using _ = await Orchestrator.open({ store: `sqlite:${path}` })
  await sleep(600)
  expect(reader.answerOf(1)).toMatchObject({ error: { code: "REQUEST_EXPIRED" } })
  reader.close()
})

test("reading and asking never take the log of a killed owner away", async () => {
  const path = newPath()
  const owner = await child(`${opening(path)}\nsetInterval(() => {}, 1000)`)
  const reader = await openReader(path)
  expect(await reader.ask({ verb: "resume", run: "r" })).toEqual({ run: "r", ok: false })
  await owner.kill()
  expect(reader.owner().isAlive).toBe(false)
  await expect(reader.ask({ verb: "resume", run: "r" })).rejects.toMatchObject({ _tag: "OwnerGone" })
  reader.close()
  expect(existsSync(`${path}-wal`)).toBe(true)
  await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
  expect((await orchestrator.status("r")).status).toBe("succeeded")
})

test("whoever is refused a store leaves the log where it is, should the owner be killed right then", async () => {
  const path = newPath()
  const owner = await child(`${opening(path)}\nsetInterval(() => {}, 1000)`)
  await expect(Orchestrator.open({ store: `sqlite:${path}` })).rejects.toMatchObject({ _tag: "StoreInUse" })
  const journal = await sqliteJournal({ path })
  await owner.kill()
  await Effect.runPromise(journal.close(0))
  await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
  expect((await orchestrator.status("r")).status).toBe("succeeded")
})

test("a process that ends without closing its store leaves one that opens again, and that knows that it was not closed", async () => {
  for (const end of ["", "process.exit(0)", "Promise.reject(new RangeError('as if by accident'))"]) {
    const path = newPath()
    await (
      await child(
        `${opening(path)}\n${end.startsWith("Promise") ? `process.on("unhandledRejection", () => process.exit(1)); ${end}` : end}`
      )
    ).ended
    const journal = await sqliteJournal({ path })
    const claim = await Effect.runPromise(journal.claim())
    expect(claim).toMatchObject({ epoch: 2, wasClean: false, crashes: 1 })
    expect((await Effect.runPromise(journal.read("r"))).messages.length).toBe(2)
    await Effect.runPromise(journal.close(claim.epoch))
  }
})

test("a log that is lost is missed, although somebody was reading when the store was opened", async () => {
  const path = newPath()
  await (await child(`${opening(path)}; process.exit(0)`)).ended
  await (await Orchestrator.open({ store: `sqlite:${path}` })).close()
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.exec("BEGIN")
  reader.prepare("SELECT epoch FROM troupe_owner").get()
  const owner = await child(`${opening(path)}; setInterval(() => {}, 1_000)`)
  reader.close()
  // the file says that it is open soon after nobody reads any more
  await sleep(1_000)
  await owner.kill()
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true })
  await expect(Orchestrator.open({ store: `sqlite:${path}` })).rejects.toMatchObject({ code: "STORE_NO_WAL" })
})

test("a store that is only read cannot be claimed, and one that is not there is not made", async () => {
  const path = newPath()
  await expect(openReader(path)).rejects.toMatchObject({ _tag: "StoreUnusable", reason: "missing" })
  expect(existsSync(path)).toBe(false)
  await (await Orchestrator.open({ store: `sqlite:${path}` })).close()
  const journal = await sqliteJournal({ path, readOnly: true })
  await expect(Effect.runPromise(journal.claim())).rejects.toMatchObject({ _tag: "StoreUnusable", reason: "read-only" })
  await Effect.runPromise(journal.close(0))
})
