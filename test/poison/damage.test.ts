// Rows that cannot be brought back to life: the run is left alone, everybody else goes on.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { Orchestrator, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { afterAll, expect, test } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "troupe-damage-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const flowOf = (name: string, gate: Promise<void>) => {
  const wait = task("wait", { in: type<number>(), out: type<number>(), run: (n) => gate.then(() => n) })
  return workflow(name, type<number>())
    .task("a", wait, ($) => $.input)
    .returns(($) => $.a)
}
const never = new Promise<void>(() => {})

/** Three unfinished runs of a store that was left, one of them of a workflow of its own. */
const leave = async (path: string) => {
  const orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
  await orchestrator.submit(flowOf("odd", never), 0, { id: "odd" })
  for (const id of ["x", "y"]) await orchestrator.submit(flowOf("even", never), 1, { id })
  await orchestrator.close()
}

test.each([
  [
    "a message",
    "UPDATE troupe_messages SET body = '[0,7]' WHERE run = (SELECT id FROM troupe_runs WHERE name = 'odd')"
  ],
  ["half a definition", `UPDATE troupe_definitions SET ir = '{"ir":1}' WHERE name = 'odd'`],
  ["a definition", "UPDATE troupe_definitions SET ir = '{' WHERE name = 'odd'"],
  [
    "the shape of a definition",
    `UPDATE troupe_definitions SET ir = '{"ir":1,"name":"odd","tasks":[7]}' WHERE name = 'odd'`
  ]
])("G21 %s that is damaged keeps nobody else from going on", async (what, sql) => {
  const path = join(folder, `${what}.db`)
  await leave(path)
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()

  const defects: Array<unknown> = []
  await using orchestrator = await Orchestrator.open({
    store: `sqlite:${path}`,
    workflows: [flowOf("even", Promise.resolve())],
    onDefect: (error) => defects.push(error)
  })
  expect(await (await orchestrator.get("x")).result()).toBe(1)
  expect(await (await orchestrator.get("y")).result()).toBe(1)
  expect(defects.length).toBeGreaterThan(0)
  await expect(orchestrator.get("odd")).rejects.toMatchObject({ code: "JOURNAL_CORRUPT", run: "odd" })
  expect((await orchestrator.list({ status: "quarantined" })).runs.map(({ run }) => run)).toEqual(["odd"])
})

test("G21 messages that do not fit the definition park the run, and it says why", async () => {
  const journal = memoryJournal({ isDurable: true })
  const flow = flowOf("w", Promise.resolve())
  const { epoch } = await Effect.runPromise(journal.claim())
  const first = { type: "run.submitted", at: 1, workflow: "w", hash: flow.hash, input: 3 } as const
  const strange = { type: "timer.fired", at: 2, task: "a" } as const
  await Effect.runPromise(
    journal.append(
      [
        { run: "bad", seq: 0, message: first, definition: flow },
        { run: "bad", seq: 1, message: strange },
        { run: "good", seq: 0, message: first, definition: flow }
      ],
      [],
      epoch
    )
  )
  await using orchestrator = await Orchestrator.open({ store: journal, workflows: [flow] })
  expect(await (await orchestrator.get("good")).result()).toBe(3)
  expect(await orchestrator.status("bad")).toMatchObject({
    status: "parked",
    error: { failure: { code: "NONDETERMINISM" } }
  })
})
