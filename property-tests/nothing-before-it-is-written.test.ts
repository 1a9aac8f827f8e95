// What is done follows from what is written, never from what is only believed: looked at after every step, by the messages alone.
import { task, type, workflow } from "troupe"
import { chaos, replay, simulate, type World } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import { seed } from "./seed.ts"

const needs = { a: [], b: ["a"], c: ["a"], d: ["b", "c"], e: ["d"] } as const
const step = task("step", {
  in: type<ReadonlyArray<number>>(),
  out: type<number>(),
  retry: { attempts: 3, base: 20 },
  run: async (before) => before.reduce((sum, one) => sum + one, 1)
})
const flow = workflow("layers", type<number>())
  .task("a", step, ($) => [$.input])
  .task("b", step, ($) => [$.a])
  .task("c", step, ($) => [$.a])
  .task("d", step, ($) => [$.b, $.c])
  .task("e", step, ($) => [$.d])
  .returns(($) => $.e)

const isDone = ({ messages }: World, name: string) =>
  messages.some((one) => one.type === "attempt.succeeded" && one.task === name)
const hasFailed = ({ messages }: World, name: string) =>
  messages.some((one) => one.type === "attempt.failed" && one.task === name)

/** Whatever was called was asked for by what is written: the run itself, and the results that the task waits for. */
const isAskedFor = (world: World): boolean =>
  Object.entries(needs).every(
    ([name, before]) =>
      world.calls(name) === 0 || (world.messages.length > 0 && before.every((one) => isDone(world, one)))
  )
const isDoneOnce = ({ messages }: World): boolean => {
  const done = messages.flatMap((one) => (one.type === "attempt.succeeded" ? [one.task] : []))
  return new Set(done).size === done.length
}
/** Nobody is told an end that is not on the disk. */
const isToldLate = (world: World): boolean =>
  world.status === "running" ||
  (world.status === "succeeded" && isDone(world, "e")) ||
  (world.status === "failed" && Object.keys(needs).some((name) => hasFailed(world, name)))

describe(`write, then act (seed ${seed})`, () => {
  test("G04, G06, G08 whatever fails, lies or dies: each call and each end follows from what is written by then", async () => {
    const report = await chaos(flow, {
      input: 1,
      seed,
      runs: 1_000,
      faults: ["storage", "crash", "owners", "task"],
      always: (world) => isAskedFor(world) && isDoneOnce(world) && isToldLate(world)
    })
    expect(report.crashes).toBeGreaterThan(100)
  })

  test("G01, G06 a process that dies around any write, whatever is left of it: an acknowledged run goes on to its end", async () => {
    const { writes } = await simulate(flow, { input: 1 })
    const places = [{ when: "before" }, { when: "written", tail: "lost" }, { when: "written", tail: "kept" }] as const
    for (let write = 0; write < writes; write++)
      for (const place of [...places, { when: "synced" } as const, { when: "acked" } as const])
        for (const unsure of [[], [{ on: "storage", write, how: "unsure" } as const]]) {
          const faults = [{ on: "crash", write: write + unsure.length, ...place } as const, ...unsure]
          const { outcome, violations } = await replay(
            flow,
            { v: 1, seed: write, faults },
            { input: 1, always: (world) => isAskedFor(world) && isToldLate(world) }
          )
          expect([violations, outcome]).toEqual([[], { status: "succeeded", value: 8 }])
        }
  })

  test("G25 however long the disk is full, and from whichever write on: nothing is reported done that is not, and it goes on by itself", async () => {
    const { writes } = await simulate(flow, { input: 1 })
    for (let write = 0; write < writes; write++)
      for (const ms of [0, 100, 10_000, 600_000]) {
        const faults = [{ on: "storage", write, how: "full", ms } as const]
        const { outcome, violations, story, lives, calls } = await replay(
          flow,
          { v: 1, seed: write, faults },
          { input: 1, always: (world) => isAskedFor(world) && isToldLate(world) }
        )
        expect([violations, outcome, lives]).toEqual([[], { status: "succeeded", value: 8 }, 1])
        // what was done while there was no room is written later, not done again
        expect(calls).toHaveLength(5)
        const refused = story.filter(({ what, text }) => what === "refused" && text === "the run: STORAGE_FULL")
        expect(refused.length > 0).toBe(write === 0)
      }
  })
})
