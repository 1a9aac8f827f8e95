// What an orchestrator is opened with is told from what it is opened on: a wrong option costs nobody the store.
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Orchestrator, type OrchestratorOptions, task, type, type WorkflowIR } from "troupe"
import * as T from "troupe/effect"
import { type JournalService, memoryJournal } from "troupe/storage"
import { afterAll, describe, expect, test } from "vitest"
import { deepFreeze } from "../../src/model/json.ts"
import { makeWorkflow } from "../../src/model/workflow.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-opening-"))
afterAll(() => rmSync(folder, { recursive: true }))

const num = task("num", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })
const broken = makeWorkflow(
  deepFreeze({ ir: 1, name: "broken", tasks: [{ id: "a", kind: "echo", after: ["nobody"] }] } as WorkflowIR),
  new Map(),
  undefined
)
const agent = (id: string, capacity = 1) => ({ id, can: ["talk"], capacity, run: () => 1 })

const wrong: ReadonlyArray<readonly [string, OrchestratorOptions, string]> = [
  ["a negative bound", { runsMax: -1 }, "InvalidOption"],
  ["half a snapshot", { snapshotEvery: 0.5 }, "InvalidOption"],
  ["an unknown balance", { balance: "unfair" as never }, "InvalidOption"],
  ["a retention of no time at all", { retention: { olderThan: "soon" as never } }, "InvalidOption"],
  ["an agent without a name", { agents: [agent("")] }, "InvalidId"],
  ["an agent that can do nothing at a time", { agents: [agent("a", 0)] }, "InvalidOption"],
  ["two agents of one name", { agents: [agent("a"), agent("a")] }, "InvalidOption"],
  ["a workflow with errors", { workflows: [broken] }, "InvalidWorkflow"]
]

describe("an orchestrator that is opened with what cannot be", () => {
  test.each(wrong)("says so and touches no file: %s", async (name, options, tag) => {
    const path = join(folder, `${name}.db`)
    const store = `sqlite:${path}` as const
    await expect(Orchestrator.open({ ...options, store })).rejects.toMatchObject({ _tag: tag })
    expect(existsSync(path)).toBe(false)

    // the store is nobody's: it opens as if nothing had been asked
    await using orchestrator = await Orchestrator.open({ store })
    expect(await orchestrator.execute(num, 1)).toBe(2)
  })

  test.each(wrong)("fails in the Effect face with its typed error, not with a defect: %s", async (_, options, tag) => {
    const exit = await Effect.runPromiseExit(Effect.provide(T.list(), T.layer(options)))
    expect(Exit.isFailure(exit) && exit.cause.reasons.map((one) => one._tag)).toEqual(["Fail"])
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: tag })
  })

  test("gives a store back that fails only after it was taken", async () => {
    const path = join(folder, "later.db")
    const journal = await sqliteJournal({ path })
    const failing: JournalService = { ...journal, list: () => Effect.die(new TypeError("planned")) }
    await expect(Orchestrator.open({ store: failing })).rejects.toThrow("planned")
    await using orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    expect(await orchestrator.execute(num, 1)).toBe(2)
  })

  test("gives a store back when an agent breaks the beginning", async () => {
    const journal = memoryJournal({ isDurable: true })
    let closed = 0
    const counting: JournalService = {
      ...journal,
      close: (epoch) =>
        Effect.suspend(() => {
          closed++
          return journal.close(epoch)
        })
    }
    const odd = {
      id: "a",
      get can(): ReadonlyArray<string> {
        throw new TypeError("planned")
      },
      run: () => 1
    }
    await expect(Orchestrator.open({ store: counting, agents: [odd] })).rejects.toThrow("planned")
    expect(closed).toBe(1)
  })
})
