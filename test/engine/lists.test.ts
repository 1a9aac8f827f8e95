import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Orchestrator, type RunStatus, task, type, workflow } from "troupe"
import { type JournalService, memoryJournal, type RunQuery } from "troupe/storage"
import { afterAll, describe, expect, test } from "vitest"
import { pageOf } from "../../src/engine/pages.ts"
import { overviewOf } from "../../src/engine/progress.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-lists-"))
afterAll(() => rmSync(folder, { recursive: true }))

const odd = task("odd", {
  in: type<number>(),
  out: type<number>(),
  run: (n) => {
    if (n % 2 === 0) throw new Error("even")
    return n
  }
})
const flow = workflow("flow", type<number>())
  .task("odd", odd, ($) => $.input, { retry: { attempts: 1 } })
  .returns(($) => $.odd)

describe.each(["memory", `sqlite:${join(folder, "store.db")}`] as const)("lists of a store in %s", (store) => {
  test("show every run as it is now, even when thousands have just ended", async () => {
    await using orchestrator = await Orchestrator.open({ store, retainRuns: 10_000 })
    const runs = await Promise.all(Array.from({ length: 2_400 }, (_, i) => orchestrator.submit(flow, i)))
    await Promise.all(runs.map((run) => run.outcome()))
    const count = async (status: "succeeded" | "failed" | "running") => {
      let found = 0
      let cursor: string | undefined
      do {
        const page = await orchestrator.list({ status, limit: 1_000, ...(cursor === undefined ? {} : { cursor }) })
        found += page.runs.length
        cursor = page.cursor
      } while (cursor !== undefined)
      return found
    }
    expect(await count("succeeded")).toBe(1_200)
    expect(await count("failed")).toBe(1_200)
    expect(await count("running")).toBe(0)
  })
})

test("a page of failed runs is asked for once, however many others have ended; what is at work is looked at one by one", async () => {
  const journal = memoryJournal({ isDurable: true })
  await using orchestrator = await Orchestrator.open({ store: journal })
  for (let i = 0; i < 40; i++) await (await orchestrator.submit(flow, i === 3 ? 0 : 1, { id: `r${i}` })).outcome()
  await orchestrator.list()
  const asked: Array<RunQuery> = []
  const counted: Pick<JournalService, "list"> = {
    list: (query) => {
      asked.push(query)
      return journal.list(query)
    }
  }
  const page = (status: RunStatus) =>
    pageOf(counted, { status, workflow: undefined, limit: 5, cursor: undefined }, overviewOf)
  const failed = await page("failed")
  expect(failed.runs.map(({ run }) => run)).toEqual(["r3"])
  expect(asked).toMatchObject([{ status: ["failed"], hasEnded: true }])
  // how a run at work stands is not in the notes
  await page("running")
  expect(asked.at(-1)).toMatchObject({ hasEnded: false })
  expect(asked.at(-1)!.status).toBe(undefined)
})
