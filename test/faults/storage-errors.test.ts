// Every k-th call to the disk fails, in every way, once and until it heals: nothing acknowledged is lost, and everything goes on.
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, test } from "vitest"
import { Orchestrator } from "../../src/engine/orchestrator.ts"
import { ten, tenOf } from "./flows.ts"
import { calls, fastFolder, shimMissing } from "./shim.ts"
import { casesOf, kinds, type Sample, storageErrors } from "./storage-errors.ts"

const minute = 60_000
const both = [false, true]

describe.skipIf(shimMissing !== undefined)(
  `storage errors${shimMissing === undefined ? "" : ` (skipped: ${shimMissing})`}`,
  () => {
    test(
      "G25, G26: whichever call to the disk fails, and however, callers hear typed refusals, no task runs twice, everything finishes once it heals, and no handle is synced again after it failed",
      async () => {
        const report = await storageErrors(casesOf({ phases: ["work"], kinds, lasting: both, every: 4 }))

        expect(report.wrong).toEqual([])
        expect(report.cases).toBeGreaterThan(150)
        expect(report.failed).toBeGreaterThan(report.cases * 0.6)
        expect(Object.keys(report.told).join()).toMatch(/STORAGE_FULL/)
        expect(Object.keys(report.told).join()).toMatch(/STORAGE_BROKEN/)
        expect(Object.keys(report.told).join()).toMatch(/STORAGE_BUSY/)
      },
      minute
    )

    const named: ReadonlyArray<readonly [string, Sample]> = [
      [
        "an open that fails on the way stands in nobody's way: the next one succeeds, in the same process",
        { phases: ["first"], kinds: ["eio"], lasting: [false], every: 6 }
      ],
      [
        "a disk that is full when the store is made leaves nothing that is half a store",
        { phases: ["first"], kinds: ["enospc", "short"], lasting: [true], every: 12 }
      ],
      [
        "a commit of unknown fate is neither refused nor reported while the file cannot be opened to look",
        { phases: ["work"], kinds: ["eio", "done"], lasting: [true], every: 1, counted: calls.sync | calls.open }
      ],
      [
        "a store that cannot be read for a while, when it is opened or later, is read again: it is neither damaged nor in use",
        { phases: ["first", "work"], kinds: ["eio"], lasting: both, every: 6, counted: calls.read }
      ],
      [
        "a close that cannot say so to the store lets go of it all the same, and leaves the log where it is",
        { phases: ["last"], kinds: ["eio", "enospc"], lasting: both, every: 2 }
      ],
      [
        "folders and names of a new store last, even if syncing them failed at first",
        { phases: ["first"], kinds: ["eio", "done"], lasting: [false], every: 1, counted: calls.open }
      ]
    ]
    test.each(named)(
      "%s",
      async (_, sample) => {
        const report = await storageErrors(casesOf(sample))

        expect(report.wrong).toEqual([])
        expect(report.failed).toBeGreaterThan(0)
      },
      minute
    )
  }
)

test("a lock that another program holds is waited for a moment, then submits are refused; when it goes, runs go on by themselves", async () => {
  const folder = mkdtempSync(join(fastFolder, "troupe-busy-"))
  const path = join(folder, "runs.db")
  const orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
  const other = new DatabaseSync(path)
  try {
    const run = await orchestrator.submit(ten, 1, { id: "before" })
    other.exec("BEGIN IMMEDIATE")
    const refused = await orchestrator.submit(ten, 2, { id: "during" }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ _tag: "JournalBusy", code: "STORAGE_BUSY", path })
    expect((await run.status()).status).toBe("running")
    other.exec("ROLLBACK")

    expect(await run.result()).toBe(tenOf(1))
    expect(await orchestrator.execute(ten, 2, { id: "during" })).toBe(tenOf(2))
  } finally {
    other.close()
    await orchestrator.close()
    rmSync(folder, { recursive: true })
  }
})
