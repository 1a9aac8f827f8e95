import { fc, test } from "@fast-check/vitest"
import { describe, expect } from "vitest"
import { allowedFor, type Fates, failsAt, fates, flowOfFates } from "./fates.ts"
import { world } from "./world.ts"

const acts = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ type: fc.constant("end" as const), pick: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.constant({ type: "crash" as const, pick: 0 }) }
  ),
  { maxLength: 25 }
)
type Acts = typeof acts extends fc.Arbitrary<infer T> ? T : never

const ended = async (given: Fates, playing: Acts, snapshotEvery: number, keepMessages: number | undefined) => {
  const there = await world(flowOfFates(given), (path) => (failsAt(given, path) ? 99 : 0), {
    snapshotEvery,
    keepMessages,
    listens: true
  })
  await there.orchestrator.submit(there.flow, null, { id: "r" })
  await there.settle()
  const run = () => there.orchestrator.get("r")
  const look = async () => {
    const { status, waiting, degraded, messages } = await (await run()).status()
    return { status, waiting: [...waiting].sort(), degraded, messages, tasks: await (await run()).tasks() }
  }
  for (const act of playing) {
    if (act.type === "end" && there.out > 0) await there.endOne(act.pick)
    if (act.type === "crash") {
      const before = await look()
      await there.crash()
      expect(await look()).toEqual(before)
    }
  }
  for (let i = 0; i < 200; i++) {
    const { endedAt, gates } = await (await run()).status()
    if (endedAt !== undefined) break
    if (there.out > 0) await there.endOne(i * 3)
    else
      for (const { gate } of gates) {
        const task = gate.slice(0, -"~wait".length)
        const { person } = given.tasks[Number(task.slice(1))]!
        if (person === "skip") await (await run()).skip(task, "by hand")
        else await (await run()).fail(task, { who: "ann" })
        await there.settle()
        // an answer may have ended the run, or the wait of others
        break
      }
  }
  const last = await look()
  expect(there.defects).toEqual([])
  await there.close()
  return last
}

const holds = async (given: Fates, playing: Acts, snapshotEvery = 1_000, keepMessages?: number) => {
  const { status, degraded, tasks } = await ended(given, playing, snapshotEvery, keepMessages)
  const { statuses, exactly } = allowedFor(given)
  expect(statuses).toContain(status)
  if (exactly === undefined) return
  expect(tasks).toEqual(exactly.states)
  expect(degraded.map(({ task }) => task).sort()).toEqual(exactly.degraded)
}

describe("whatever fails, may fail, or has something that stands in for it", () => {
  test.prop([fates(6), acts, fc.constantFrom(1, 2, 1_000), fc.constantFrom(undefined, undefined, 0)], { numRuns: 400 })(
    "terminal status equals the model's allowed set, crashes or not; so do the tasks behind it and what is listed (G08, G16)",
    holds
  )
})
