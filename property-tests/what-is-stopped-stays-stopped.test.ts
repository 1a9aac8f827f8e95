// Paused and cancelled runs, with all kinds of tasks in them: nothing of theirs begins, whoever dies and whatever fails.
import { setTimeout as wait } from "node:timers/promises"
import { task, type, workflow } from "troupe"
import { chaos, type Fault, replay, simulate, type World } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import { seed } from "./seed.ts"

const step = task("step", {
  in: type<number>(),
  out: type<number>(),
  retry: { attempts: 3, base: 100 },
  run: async (n) => {
    await wait(20)
    return n + 1
  }
})
const child = workflow("child", type<number>())
  .task("x", step, ($) => $.input)
  .sleep("rest", "8s", { after: ["x"] })
  .task("y", step, ($) => $.x, { after: ["rest"] })
  .returns(($) => $.y)
const middle = workflow("middle", type<number>())
  .use("child", child, ($) => $.input)
  .task("told", step, ($) => $.child)
  .returns(($) => $.told)
const flow = workflow("parent", type<number>())
  .task("a", step, ($) => $.input)
  .use("inner", middle, ($) => $.a)
  .map("items", step, () => [1, 2, 3], { concurrency: 2, after: ["a"] })
  .task("b", step, ($) => $.inner, { after: ["items"] })
  .returns(($) => [$.b, $.items])

const names = ["a", "x", "y", "told", "items", "b"]
const count = (world: World) => names.reduce((sum, name) => sum + world.calls(name), 0)

/** Calls, and lives, when a run was last seen to be stopped. */
interface Seen {
  readonly calls: number
  readonly lives: number
}

/** In a life that found the run stopped nothing is called. What was out in the life before had begun. */
const guard = (isStopped: (world: World) => boolean) => {
  let seen: Seen | undefined
  return {
    reset: () => {
      seen = undefined
    },
    always: (world: World) => {
      if (!isStopped(world)) {
        seen = undefined
        return true
      }
      const now = { calls: count(world), lives: world.lives }
      const before = seen
      seen = { calls: now.calls, lives: before?.lives ?? now.lives }
      return before === undefined || now.lives === before.lives || now.calls === before.calls
    }
  }
}
const last = ({ messages }: World, ...types: ReadonlyArray<string>) =>
  messages.findLast(({ type: of }) => types.includes(of))?.type
const isPaused = (world: World) => last(world, "run.paused", "run.resumed") === "run.paused"
const isCancelled = ({ messages }: World) =>
  messages.some(({ type: of }) => of === "run.cancelled") &&
  !messages.some(({ type: of }) => of === "run.amended" || of === "run.rolledBack")

describe(`what is stopped stays stopped (seed ${seed})`, () => {
  test("G13 paused at any moment, in any world: nothing begins before somebody resumes it, in whatever life", async () => {
    const { crashes } = await chaos(flow, {
      input: 1,
      seed,
      runs: 400,
      faultsMost: 8,
      faults: ["operator", "crash", "task", "storage"],
      ...guard(isPaused)
    })
    expect(crashes).toBeGreaterThan(50)
  })

  test("G12 cancelled at any moment, in any world: nothing begins any more, in whatever life, and it has one end", async () => {
    const { crashes } = await chaos(flow, {
      input: 1,
      seed: seed + 1,
      runs: 400,
      faultsMost: 8,
      faults: ["operator", "crash", "task", "storage"],
      ...guard(isCancelled)
    })
    expect(crashes).toBeGreaterThan(50)
  })

  test("G12, G18 a cancel reaches the child of a child wherever it is, and wherever the process dies around it", async () => {
    const { writes } = await simulate(flow, { input: 1 })
    const { reset, always } = guard(isCancelled)
    for (let write = 0; write < writes; write++)
      for (const how of ["cancel", "force"] as const)
        for (const when of [undefined, "before", "synced", "acked"] as const) {
          const cancel: Fault = { on: "operator", write, how, ms: 10 }
          const faults: ReadonlyArray<Fault> =
            when === undefined ? [cancel] : [cancel, { on: "crash", write: write + 1, when }]
          const { outcome, violations, messages } = await replay(
            flow,
            { v: 1, seed: write, faults },
            { input: 1, reset, always }
          )
          expect(violations).toEqual([])
          const at = messages.findIndex(({ type: of }) => of === "run.cancelled")
          if (at === -1) expect(outcome?.status).toBe("succeeded")
          else {
            expect(outcome).toMatchObject({ status: "cancelled" })
            // what was at work came to its end; no timer of a child goes on
            expect(messages.slice(at).filter(({ type: of }) => of === "timer.fired")).toEqual([])
          }
        }
  })

  test("G18 a child is one child: wherever the process dies, or a commit lies, each of its tasks has one result and one key", async () => {
    const { writes } = await simulate(flow, { input: 1 })
    const paths = ["inner/child/x", "inner/child/y", "inner/told"]
    for (let write = 0; write < writes; write++)
      for (const when of ["before", "written", "synced", "acked"] as const)
        for (const more of [[], [{ on: "storage", write: write + 1, how: "unsure" } as const]]) {
          const faults: ReadonlyArray<Fault> = [{ on: "crash", write, when, tail: "kept" }, ...more]
          const { outcome, violations } = await replay(
            flow,
            { v: 1, seed: write, faults },
            {
              input: 1,
              finally: (world) =>
                paths.every(
                  (path) =>
                    world.effects(path) === 1 &&
                    world.messages.filter((one) => one.type === "attempt.succeeded" && one.task === path).length === 1
                )
            }
          )
          expect([violations, outcome]).toEqual([[], { status: "succeeded", value: [6, [2, 3, 4]] }])
        }
  })
})
