import { fc, test } from "@fast-check/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { load, Orchestrator } from "troupe"
import { expect } from "vitest"
import { openEngine } from "../src/engine/orchestrator.ts"
import { graph, stage, workflowOf } from "./arbitraries.ts"

const wait = { id: "wait", kind: "sleep", durationMs: 3_600_000 } as const

test.prop([graph(12), fc.array(fc.nat(100), { maxLength: 12 }), fc.boolean()], { numRuns: 150 })(
  "G12 cancelled at any moment: no task starts any more, and no fiber, timer, actor or handle stays",
  async (deps, order, force) => {
    const { step, waiting, log, settle, endOne } = stage()
    const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const opened = await Effect.runPromise(openEngine({}, Context.empty()))
    const { engine } = opened
    const orchestrator = new Orchestrator(opened)
    const ir = workflowOf(deps)
    const run = await orchestrator.submit(await load({ ...ir, tasks: [...ir.tasks, wait] }, { step }), null)
    await settle()
    for (const pick of order) if (waiting.length > 0) await endOne(pick)
    const started = log.filter((entry) => entry.startsWith("+")).length
    await run.cancel({ force })
    const outcome = await run.outcome()
    await settle()

    expect(outcome.status).toBe("cancelled")
    expect(log.filter((entry) => entry.startsWith("+")).length).toBe(started)
    // every task that was out was told
    expect(log.filter((entry) => entry.startsWith("x")).length).toBe(waiting.length)
    expect(engine.timers.size).toBe(0)
    expect(engine.root.getSnapshot().size).toBe(1)
    expect(engine.live).toBe(0)
    await orchestrator.close()
    expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length).toBeLessThanOrEqual(before)
  }
)
