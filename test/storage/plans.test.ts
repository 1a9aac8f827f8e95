// A store that has lived long holds a million runs that ended well: whatever looks for others must not meet them.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { type Filters, records, valuesOf } from "../../src/storage/sqlite/statements.ts"

let folder: string
let database: DatabaseSync
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-plans-"))
  const path = join(folder, "store.db")
  const journal = await sqliteJournal({ path })
  const { epoch } = Effect.runSync(journal.claim())
  Effect.runSync(journal.close(epoch))
  database = new DatabaseSync(path, { readOnly: true })
})
afterAll(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

const none: Filters = {
  byWorkflow: false,
  byStatus: false,
  hasEnded: undefined,
  isTroubled: false,
  byAsleep: false,
  oldestFirst: false
}
/** How SQLite finds the runs of a list: the index it follows, and whether it must sort. */
const look = (asked: Partial<Filters>) => {
  const filters = { ...none, ...asked }
  const values = Array(valuesOf(filters)).fill(1)
  const steps = database.prepare(`EXPLAIN QUERY PLAN ${records(filters)}`).all(...values)
  const details = steps.map(({ detail }) => String(detail)).filter((one) => / r\b/.test(one) || one.includes("TEMP"))
  return {
    indexes: [...new Set(details.map((one) => /USING INDEX (\w+)/.exec(one)?.[1] ?? one))],
    sorts: details.some((one) => one.includes("TEMP B-TREE"))
  }
}

describe("what is asked of a store with a long past costs what it finds", () => {
  test.each([
    ["a restart asks for runs that sleep", { hasEnded: false, byAsleep: true, oldestFirst: true }],
    ["somebody lists the unfinished ones", { hasEnded: false }],
    ["somebody lists the unfinished ones of a workflow", { hasEnded: false, byWorkflow: true }],
    ["the oldest of them first", { hasEnded: false, oldestFirst: true }]
  ] as const)("%s: the index of unfinished runs, in its order", (_title, asked) => {
    expect(look(asked)).toEqual({ indexes: ["troupe_unfinished"], sorts: false })
  })

  test.each([
    ["failed runs", { byStatus: true, isTroubled: true, hasEnded: true }],
    ["failed runs of a workflow", { byStatus: true, isTroubled: true, hasEnded: true, byWorkflow: true }]
  ] as const)("%s: the index of those that did not end well, in its order", (_title, asked) => {
    expect(look(asked)).toEqual({ indexes: ["troupe_troubled"], sorts: false })
  })
})
