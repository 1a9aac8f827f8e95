// A store that is opened with the wrong key: nobody can say anything about its runs, so nobody does.
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Orchestrator, task, type, workflow } from "troupe"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openEngine } from "../../src/engine/orchestrator.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"

const root = mkdtempSync(join(tmpdir(), "troupe-key-"))
afterAll(() => rmSync(root, { recursive: true }))

let isHeld = true
const first = task("first", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })
const last = task("last", {
  in: type<number>(),
  out: type<number>(),
  run: (n) => (isHeld ? new Promise<number>(() => {}) : n + 1)
})
const flow = workflow("flow", type<number>())
  .task("a", first, ($) => $.input)
  .task("b", last, ($) => $.a)
  .returns(($) => $.b)
const runs = ["r1", "r2", "r3"]

const journalAt = (path: string, key: string | undefined) =>
  sqliteJournal({ path, ...(key === undefined ? {} : { key }) })

/** A store with unfinished runs, closed in order. */
const prepare = async (name: string, key: string | undefined, ids: ReadonlyArray<string>): Promise<void> => {
  const journal = await journalAt(join(root, name, "runs.db"), key)
  const orchestrator = await Orchestrator.open({ store: journal, workflows: [flow] })
  for (const [i, id] of ids.entries()) await orchestrator.submit(flow, i, { id })
  while ((await orchestrator.list()).runs.some(({ tasks }) => tasks.completed < 1))
    await new Promise((resolve) => setTimeout(resolve, 5))
  await orchestrator.close()
}
beforeAll(async () => {
  await prepare("plain", undefined, runs)
  await prepare("sealed", "secret", runs)
  await prepare("single", "secret", ["r1"])
  isHeld = false
})

let number = 0
const copyOf = (name: string): string => {
  const folder = join(root, `copy-${number++}`)
  cpSync(join(root, name), folder, { recursive: true })
  return join(folder, "runs.db")
}

const edited = (name: string, sql: string): string => {
  const path = copyOf(name)
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
  return path
}

/** Opens a store and waits for its runs: what became of each. */
const ends = async (path: string, key: string | undefined, ids = runs) => {
  const journal = await journalAt(path, key)
  await using orchestrator = await Orchestrator.open({ store: journal, workflows: [flow], onDefect: () => {} })
  const found: Array<unknown> = []
  for (const id of ids)
    found.push(
      await orchestrator
        .get(id)
        .then((run) => run.result())
        .catch(({ code }) => code)
    )
  return found
}

const wrong: ReadonlyArray<readonly [string, string, string | undefined, string]> = [
  ["none was given", "sealed", undefined, "is sealed with a key, and none was given"],
  ["another one was given", "sealed", "guess", "is sealed with another key"],
  ["another one was given, and there is one run only", "single", "guess", "is sealed with another key"],
  ["one was given and there is none", "plain", "secret", "was written without a key"]
]

describe("G27 a store whose key is wrong", () => {
  test.each(wrong)("is not taken over, and goes on with the right one as if nothing had been: %s", async (...given) => {
    const [, name, key, words] = given
    const path = copyOf(name)
    const before = readFileSync(path)
    const right = name === "plain" ? undefined : "secret"
    for (const drives of ["all", "nothing"] as const) {
      const journal = await journalAt(path, key)
      const opening = Effect.runPromise(openEngine({ store: journal, workflows: [flow] }, Context.empty(), drives))
      const error = await opening.then(
        () => "opened",
        (refused) => refused
      )
      expect(error).toMatchObject({ _tag: "StoreUnusable", reason: "key", code: "STORE_KEY" })
      expect(error.message).toContain(`the store '${path}' ${words}`)
    }
    expect(readFileSync(path).equals(before)).toBe(true)

    const ids = name === "single" ? ["r1"] : runs
    expect(await ends(path, right, ids)).toEqual(ids.map((_, i) => i + 2))
  })

  test.each(wrong)("is read as far as no key is needed, and calls no run damaged: %s", async (_, name, key) => {
    const journal = await sqliteJournal({ path: copyOf(name), readOnly: true, ...(key === undefined ? {} : { key }) })
    expect((await Effect.runPromise(journal.list({}))).runs.map(({ status }) => status)).toContain("running")
    await expect(Effect.runPromise(journal.read("r1"))).rejects.toMatchObject({ code: "STORE_KEY" })
    await Effect.runPromise(journal.close(0))
  })

  test("is said to be in use while it is, so that its owner can be asked", async () => {
    const path = copyOf("sealed")
    const owner = await journalAt(path, "secret")
    const { epoch } = await Effect.runPromise(owner.claim())
    const other = await journalAt(path, undefined)
    await expect(Effect.runPromise(other.claim())).rejects.toMatchObject({ code: "STORE_IN_USE" })
    await Effect.runPromise(owner.close(epoch))
  })

  test("is none as long as nothing is written: the first who writes decides", async () => {
    const path = join(root, "new.db")
    for (const key of ["one", undefined, "secret"]) {
      await using orchestrator = await Orchestrator.open({ store: await journalAt(path, key) })
      if (key === "secret") expect(await orchestrator.execute(flow, 1)).toBe(3)
    }
    const journal = await journalAt(path, "one")
    await expect(Orchestrator.open({ store: journal })).rejects.toMatchObject({ code: "STORE_KEY" })
  })
})

const r1 = "WHERE run = (SELECT id FROM troupe_runs WHERE name = 'r1') AND seq = 0"
const damages: ReadonlyArray<readonly [string, string]> = [
  ["its body", `UPDATE troupe_messages SET body = '[0,77]' ${r1}`],
  ["its seal", `UPDATE troupe_messages SET chain = 'AAAAAAAAAAAAAAAAAAAAAA' ${r1}`],
  ["its seal, which is a checksum now", `UPDATE troupe_messages SET chain = 77 ${r1}`],
  ["when it was submitted", "UPDATE troupe_runs SET submitted_at = submitted_at + 1 WHERE name = 'r1'"]
]

describe("G27 a first message that is damaged is a damaged run, not another key", () => {
  test.each(damages)("%s", async (_, sql) => {
    expect(await ends(edited("sealed", sql), "secret")).toEqual(["JOURNAL_CORRUPT", 3, 4])
  })

  test("where it is the only run, too", async () => {
    for (const [what, sql] of damages.filter(([, edit]) => !edit.includes("chain")))
      expect([what, await ends(edited("single", sql), "secret", ["r1"])]).toEqual([what, ["JOURNAL_CORRUPT"]])
  })

  test("in many of the oldest and the newest runs, too", async () => {
    const path = join(root, "many.db")
    const ids = Array.from({ length: 60 }, (_, i) => `m${i}`)
    await using orchestrator = await Orchestrator.open({ store: await journalAt(path, "secret") })
    for (const id of ids) await orchestrator.execute(flow, 1, { id })
    await orchestrator.close()
    const database = new DatabaseSync(path)
    database.exec(
      "UPDATE troupe_messages SET body = '[0,7]' WHERE seq = 0 AND run IN (SELECT id FROM troupe_runs WHERE name < 'm3' OR name > 'm55')"
    )
    database.close()
    const found = await ends(path, "secret", ids)
    expect(found.filter((one) => one === 3).length).toBeGreaterThan(20)
    expect(found.filter((one) => one === "JOURNAL_CORRUPT").length).toBeGreaterThan(20)
    await expect(ends(path, "guess")).rejects.toMatchObject({ code: "STORE_KEY" })
  })
})
