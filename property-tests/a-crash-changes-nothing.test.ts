import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import type { Message } from "troupe"
import { describe, expect } from "vitest"
import { flowOf, outputOf, type Shape, shapes } from "./shapes.ts"
import { type World, world } from "./world.ts"

type Act =
  | { readonly type: "end"; readonly pick: number }
  | { readonly type: "tick"; readonly ms: number }
  | { readonly type: "crash" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("end" as const), pick: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("tick" as const), ms: fc.integer({ min: 1, max: 9_000 }) }) },
  { weight: 3, arbitrary: fc.constant({ type: "crash" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "pause" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "resume" as const }) }
)

const snapshots = fc.record({
  snapshotEvery: fc.constantFrom(1, 2, 5, 1_000),
  keepMessages: fc.constantFrom(undefined, undefined, 0, 2)
})
type Snapshots = typeof snapshots extends fc.Arbitrary<infer T> ? T : never

/** How often a task fails first: 0 to 2 times, by its path. */
const failuresOf = (seed: number) => (path: string) => {
  let hash = seed
  for (const char of path) hash = (hash * 33 + char.charCodeAt(0)) % 1_009
  // rounds, planned tasks and inner second tasks have no retry
  return /[#@]|\/b$/.test(path) ? 0 : hash % 3
}

/** Everything that can be seen of the run. */
const look = async (there: World, id: string) => {
  const run = await there.orchestrator.get(id)
  const { tasks, current, waiting, messages, attempts, status, percent } = await run.status()
  return {
    tasks,
    current: [...current].sort(),
    waiting: [...waiting].sort(),
    messages,
    attempts,
    status,
    percent,
    states: await run.tasks()
  }
}

/** Lets the run come to its end. */
const finish = async (there: World, id: string) => {
  await (await there.orchestrator.get(id)).resume()
  await there.settle()
  for (let i = 0; i < 500; i++) {
    if (there.out > 0) await there.endOne(i * 7)
    else if ((await (await there.orchestrator.get(id)).status()).endedAt !== undefined) return
    else await there.tick(60_000)
  }
}

const history = (there: World, id: string): Promise<ReadonlyArray<Message>> =>
  Effect.runPromise(Effect.map(there.journal.read(id), ({ messages }) => messages))

const play = async (
  shape: ReadonlyArray<Shape>,
  acts: ReadonlyArray<Act>,
  seed: number,
  concurrency: number,
  snapshots: Snapshots
) => {
  const there = await world(flowOf(shape, { config: { concurrency } }), failuresOf(seed), snapshots)
  await there.orchestrator.submit(there.flow, null, { id: "r" })
  await there.settle()
  let crashes = 0
  let isPaused = false
  for (const one of acts) {
    const begun = there.starts.length
    const run = await there.orchestrator.get("r")
    if ((await run.status()).endedAt !== undefined) break
    switch (one.type) {
      case "end":
        if (there.out > 0) await there.endOne(one.pick)
        break
      case "tick":
        await there.tick(one.ms)
        break
      case "pause":
        await run.pause()
        isPaused = true
        break
      case "resume":
        await run.resume()
        isPaused = false
        await there.settle()
        break
      case "crash": {
        const before = await look(there, "r")
        await there.crash()
        crashes++
        expect(await look(there, "r")).toEqual(before)
      }
    }
    // G13: only calls that were out before may come again
    if (isPaused)
      for (const { attempt, key, delivery } of there.starts.slice(begun))
        expect([key, attempt, delivery > 1]).toEqual([key, attempt, true])
  }
  await finish(there, "r")
  return { there, crashes }
}

describe("a crash between any two messages", () => {
  test.prop([shapes(7), fc.array(act, { maxLength: 25 }), fc.nat(1_000), fc.integer({ min: 1, max: 4 }), snapshots], {
    numRuns: 300
  })(
    "changes nothing: the same result, each outcome once, attempts within bounds (G01, G03, G04, G07, G09, G11, G13)",
    async (shape, acts, seed, concurrency, snapshots) => {
      const { there, crashes } = await play(shape, acts, seed, concurrency, snapshots)
      const outcome = await (await there.orchestrator.get("r")).outcome()
      expect(outcome.output).toEqual(outputOf(shape))
      expect(there.defects).toEqual([])

      const messages = await history(there, "r")
      const outcomes = messages.flatMap((one) =>
        one.type === "attempt.succeeded" || one.type === "attempt.failed" ? [`${one.task}:${one.attempt}`] : []
      )
      expect(new Set(outcomes).size).toBe(outcomes.length)
      const done = messages.flatMap((one) => (one.type === "attempt.succeeded" ? [one.task] : []))
      expect(new Set(done).size).toBe(done.length)

      const calls = new Map<string, Array<number>>()
      for (const { key, attempt, delivery, epoch } of there.starts) {
        expect(attempt).toBeLessThanOrEqual(3)
        expect(delivery).toBeLessThanOrEqual(1 + crashes)
        expect(epoch).toBeGreaterThanOrEqual(delivery)
        const list = calls.get(`${key}:${attempt}`) ?? []
        list.push(delivery)
        calls.set(`${key}:${attempt}`, list)
      }
      // each call of an attempt is a delivery of its own, and they only rise
      for (const list of calls.values()) expect(list).toEqual([...new Set(list)].sort((a, b) => a - b))
      await there.close()
    }
  )

  test.prop([shapes(6), fc.array(act, { maxLength: 18 }), fc.nat(1_000)], { numRuns: 120 })(
    "G12 after a cancel nothing starts any more, however often the process dies; exactly one end",
    async (shape, acts, seed) => {
      const there = await world(flowOf(shape), failuresOf(seed))
      const run = await there.orchestrator.submit(there.flow, null, { id: "r" })
      await there.settle()
      const half = Math.floor(acts.length / 2)
      for (const one of acts.slice(0, half)) {
        if (one.type === "end" && there.out > 0) await there.endOne(one.pick)
        if (one.type === "tick") await there.tick(one.ms)
        if (one.type === "crash") await there.crash()
      }
      const before = await (await there.orchestrator.get("r")).status()
      if (before.endedAt === undefined) {
        // it resolves when its message is written; what runs may still come to its end
        await (await there.orchestrator.get("r")).cancel()
        const begun = there.starts.length
        for (const one of acts.slice(half)) {
          if (one.type === "crash") await there.crash()
          if (one.type === "tick") await there.tick(one.ms)
          if (one.type === "end" && there.out > 0) await there.endOne(one.pick)
        }
        await finish(there, run.id)
        await there.tick(3_600_000)
        expect(there.starts.length).toBe(begun)
        expect((await (await there.orchestrator.get("r")).outcome()).status).toBe("cancelled")
      }
      expect(there.defects).toEqual([])
      await there.close()
    }
  )
})
