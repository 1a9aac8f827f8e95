// The same plans on the journal in memory and on a real SQLite file: the same story, line by line, and the same messages.
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { task, type, workflow } from "troupe"
import { sqliteJournal } from "troupe/storage"
import { afterAll, expect, test } from "vitest"
import { Theatre } from "../../src/chaos/chaos.ts"
import { planOf, rawPlan } from "../../src/chaos/generate.ts"
import { firstDifference } from "../../src/chaos/oracles.ts"
import type { JournalService } from "../../src/storage/journal.ts"
import { fastFolder } from "../faults/shim.ts"
import { ten } from "./flows.ts"

const folder = mkdtempSync(join(fastFolder, "troupe-differential-"))
afterAll(() => rmSync(folder, { recursive: true }))

let nth = 0
/** A new file that each life takes over as if the one before had been killed. */
const file = async (): Promise<{ readonly journal: JournalService; readonly close: () => void }> => {
  const real = await sqliteJournal({ path: join(folder, `${nth++}.db`), synchronous: "normal" })
  // other processes ask through the inbox, on real time
  const { inbox: _, ...journal } = real
  return {
    journal: {
      ...journal,
      claim: () => {
        real.abandon()
        return real.claim()
      }
    },
    close: real.abandon
  }
}

const echo = task("echo", { in: type<unknown>(), out: type<unknown>(), run: async (input) => input as never })
const waits = workflow("waits", type<number>())
  .gate("approved", type<boolean>(), { within: "1h", otherwise: "fail" })
  .sleep("nap", "20s", { after: ["approved"] })
  .map("each", echo, ($) => [$.approved, 2, 3], { after: ["nap"], concurrency: 2 })
  .returns(($) => $.each)

test.each([
  ["ten tasks", ten, 1_000],
  ["ten tasks, with a snapshot after every message", ten, 1],
  ["a gate, a wait and a fan-out", waits, 1_000],
  ["a gate, a wait and a fan-out, with snapshots", waits, 1]
] as const)(
  "%s: memory and SQLite tell the same story",
  async (_, flow, snapshotEvery) => {
    const options = { input: 1, snapshotEvery }
    const memory = new Theatre(flow, options)
    const { there } = await memory.control(1)
    let lives = 0
    for (const raw of fc.sample(rawPlan(6), { numRuns: 150, seed: 1 })) {
      const plan = planOf(raw, there, memory.families)
      const { journal, close } = await file()
      const one = await memory.perform(1, plan)
      const other = await new Theatre(flow, { ...options, journal: () => journal }).perform(1, plan)
      close()
      lives += one.lives
      expect(firstDifference(one, other), JSON.stringify(plan)).toBeUndefined()
      expect(other.outcome).toEqual(one.outcome)
    }
    expect(lives).toBeGreaterThan(200)
  },
  60_000
)
