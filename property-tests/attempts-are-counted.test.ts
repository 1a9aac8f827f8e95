// How often something is tried, and what becomes of answers that come when nobody waits for them any more.
import { setTimeout as wait } from "node:timers/promises"
import { task, type, workflow } from "troupe"
import { chaos, type Fault, replay, simulate, type World } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import { seed } from "./seed.ts"

const attempts = 3
/** Says which of its attempts it is: so it can be seen whose answer counts. */
const which = task("which", {
  in: type<null>(),
  out: type<number>(),
  timeout: "10s",
  retry: { attempts, base: "30s" },
  run: async (_, { attempt }) => {
    await wait(1_000)
    return attempt
  }
})
const flow = workflow("twice", type<null>())
  .task("a", which, () => null)
  .task("b", which, () => null, { after: ["a"] })
  .returns(($) => [$.a, $.b])

/** The same, with something beside it that keeps the run alive until late answers have come. */
const deaf = workflow("deaf", type<null>())
  .task("a", which, () => null)
  .task("b", which, () => null, { after: ["a"] })
  .returns(($) => [$.a, $.b])

const ends = ({ messages }: Pick<World, "messages">, name: string) =>
  messages.flatMap((one) =>
    (one.type === "attempt.failed" || one.type === "attempt.succeeded") && one.task === name ? [one] : []
  )

describe(`attempts over all lives (seed ${seed})`, () => {
  test("G03, G09 whatever is thrown, hangs, is slow or dies: never more attempts than allowed, each ends once, in order, pauses apart", async () => {
    const { crashes } = await chaos(flow, {
      seed,
      runs: 800,
      faultsMost: 8,
      faults: ["task", "crash", "storage", "owners", "observer"],
      always: (world) =>
        ["a", "b"].every((name) => {
          const written = ends(world, name)
          return (
            written.length <= attempts &&
            written.every(({ attempt }, i) => attempt === i + 1) &&
            // an attempt follows a failure that is written, after the pause of 30 s, a tenth more or less
            written.every(({ at }, i) => i === 0 || at >= written[i - 1]!.at + 15_000)
          )
        })
    })
    expect(crashes).toBeGreaterThan(100)
  })

  test("G09 a process that dies in every pause and at every write has no attempt more, and the pauses count on meanwhile", async () => {
    for (const spent of [2, 3]) {
      const failing = [1, 2, 3]
        .slice(0, spent)
        .map((attempt): Fault => ({ on: "task", task: "a", attempt, how: "throw" }))
      const calm = await simulate(flow, { plan: { v: 1, seed: 0, faults: failing } })
      for (let write = 0; write < calm.writes; write++)
        for (const when of ["synced", "acked"] as const) {
          const faults = [...failing, { on: "crash", write, when, downMs: 5_000 } as const]
          const { outcome, violations, ms, calls } = await replay(flow, { v: 1, seed: 0, faults })
          expect(violations).toEqual([])
          expect(outcome).toMatchObject(
            spent === attempts ? { status: "failed", task: "a" } : { status: "succeeded", value: [3, 1] }
          )
          expect(Math.max(...calls.map(({ attempt }) => attempt))).toBe(attempts)
          // only work that was under way is done again; what was waited for is not waited for again
          expect(ms).toBeLessThanOrEqual(calm.ms + 7_000)
        }
    }
  })

  test("G10 an answer that comes after its time is kept as late and changes nothing, wherever the process dies before or after", async () => {
    const late: Fault = { on: "task", task: "a", attempt: 1, how: "late" }
    const calm = await simulate(flow, { plan: { v: 1, seed: 0, faults: [late] } })
    expect(calm.messages).toContainEqual(expect.objectContaining({ type: "attempt.late", task: "a", attempt: 1 }))
    for (let write = 0; write < calm.writes; write++)
      for (const when of ["before", "synced", "acked"] as const) {
        const faults: ReadonlyArray<Fault> = [late, { on: "crash", write, when }]
        const { outcome, violations, messages } = await replay(flow, { v: 1, seed: 0, faults })
        expect(violations).toEqual([])
        // the result is the one of the attempt whose end is written
        const values = ["a", "b"].map((name) =>
          ends({ messages }, name).find(({ type }) => type === "attempt.succeeded")
        )
        expect(outcome).toEqual({ status: "succeeded", value: values.map((one) => one?.attempt) })
        for (const [i, one] of messages.entries())
          if (one.type === "attempt.late")
            expect(messages.slice(0, i)).toContainEqual(
              expect.objectContaining({ type: "attempt.failed", task: one.task, attempt: one.attempt })
            )
      }
  })

  test("G10 answers that come after a cancel, and after a result by hand, are late and change neither", async () => {
    for (const [how, ends] of [
      ["force", { status: "cancelled" }],
      ["cancel", { status: "cancelled" }],
      ["skip", { status: "succeeded", value: [null, 1] }]
    ] as const)
      for (const when of [undefined, "synced", "acked"] as const) {
        const asked: Fault = { on: "operator", write: 0, how, ms: 500 }
        // the process lives until the answer has come, and dies as that is written
        const faults: ReadonlyArray<Fault> = when === undefined ? [asked] : [asked, { on: "crash", write: 2, when }]
        const { outcome, violations, messages } = await replay(deaf, { v: 1, seed: 0, faults })
        expect([violations, outcome]).toMatchObject([[], ends])
        const late = messages.filter(({ type: of }) => of === "attempt.late")
        if (when === undefined && how === "skip")
          expect(late).toContainEqual(
            expect.objectContaining({ task: "a", attempt: 1, outcome: "succeeded", value: 1 })
          )
        expect(messages).not.toContainEqual(expect.objectContaining({ type: "attempt.succeeded", task: "a" }))
      }
  })
})
