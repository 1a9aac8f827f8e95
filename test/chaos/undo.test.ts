import * as fc from "fast-check"
import { load, task, type, type WorkflowIR, workflow } from "troupe"
import { chaos, type Fault, replay } from "troupe/chaos"
import { describe, expect, test } from "vitest"

const reserve = task("reserve", {
  in: type<unknown>(),
  out: type<string>(),
  timeout: "1s",
  retry: { attempts: 2, base: 10 },
  run: async (_, { key }) => `held under ${key}`,
  undo: { run: async () => {}, retry: { attempts: 3, base: 10 } }
})
const pay = task("pay", {
  in: type<unknown>(),
  out: type<string>(),
  timeout: "1s",
  run: async () => "paid",
  undo: { run: async () => {}, verify: async () => ({ result: "paid" }) }
})
const refuse = task("refuse", {
  in: type<{ doomed: boolean; after: unknown }>(),
  out: type<string>(),
  run: ({ doomed }) => {
    if (doomed) throw Object.assign(new Error("no seats"), { retryable: false })
    return "fine"
  }
})
const trip = workflow("trip", type<boolean>())
  .task("hotel", reserve, ($) => $.input)
  .map("flights", reserve, ($) => [$.hotel, $.hotel] as never)
  .task("car", reserve, ($) => $.input)
  .task("seats", refuse, ($) => ({ doomed: $.input, after: [$.flights, $.car] as never }))
  .returns(($) => $.seats)

test("G14 whatever goes wrong: what was done is undone when the run fails or is cancelled, and nothing is when it succeeds", async () => {
  const { runs } = await chaos(trip, { input: fc.boolean(), seed: 5, runs: 3_000 })
  expect(runs).toBe(3_000)
})

const once = workflow("once", type<boolean>())
  .task("pay", pay, ($) => $.input)
  .task("seats", refuse, ($) => ({ doomed: $.input, after: $.pay as never }))
  .returns(($) => $.seats)

test("G14 a crash at every message, while it is done and while it is undone, changes nothing", async () => {
  for (let write = 0; write < 8; write++)
    for (const when of ["before", "written", "synced", "acked"] as const)
      for (const seed of [0, 1, 2]) {
        const faults = [{ on: "crash", write, when, downMs: 5 } as const]
        const { violations, outcome } = await replay(trip, { v: 1, seed, faults }, { input: true })
        expect(violations).toEqual([])
        expect(outcome).toMatchObject({ status: "failed", task: "seats" })
      }
  expect((await replay(once, { v: 1, seed: 0, faults: [] }, { input: true })).violations).toEqual([])
})

describe("what the kit once took for a defect", () => {
  const undo = { task: "step.undo" }
  const step = task("step", { in: type<unknown>(), out: type<string>(), run: async () => "done", undo: () => {} })
  const doom = task("doom", {
    in: type<unknown>(),
    out: type<string>(),
    run: () => {
      throw Object.assign(new Error("no seats"), { retryable: false })
    }
  })
  const fragment = (more: object) => ({ tasks: [{ id: "p", task: "step", timeoutMs: 1_000, ...more }] })
  const pivotal = task("pivotal", { in: type<unknown>(), out: type<any>(), run: () => fragment({ pivot: true }) })
  const careful = task("careful", { in: type<unknown>(), out: type<any>(), run: () => fragment({ undo }) })
  const never = task("never", { in: type<unknown>(), out: type<null>(), run: async () => null })
  const undoneAfter = async (tasks: ReadonlyArray<object>, faults: ReadonlyArray<Fault>) => {
    const flow = await load({ ir: 1, name: "w", tasks } as WorkflowIR, { step, doom, pivotal, careful, never })
    const { violations, messages, outcome } = await replay(flow, { v: 1, seed: 0, faults }, { input: null })
    expect(violations).toEqual([])
    expect(outcome!.status).not.toBe("succeeded")
    return messages.flatMap((one) => (one.type === "attempt.succeeded" && one.task.endsWith("~undo") ? [one.task] : []))
  }
  const doomed = (...tasks: ReadonlyArray<string>) => ({ id: "doom", task: "doom", after: tasks })
  const timed = { task: "step", timeoutMs: 1_000 }

  test("a pivot among the tasks of a planner", async () => {
    const tasks = [
      { id: "a", ...timed, undo },
      { id: "plan", task: "pivotal", expand: true, after: ["a"] }
    ]
    expect(await undoneAfter([...tasks, doomed("plan")], [])).toEqual([])
  })
  test("an effect of a planner's task of which nobody knows, where no other task can be undone", async () => {
    const tasks = [{ id: "plan", task: "careful", expand: true }, doomed("plan")]
    const lost: Fault = { on: "task", task: "plan@tasks/p", attempt: 1, how: "lost" }
    expect(await undoneAfter(tasks, [lost])).toEqual(["plan@tasks/p~undo"])
  })
  test("an effect of which nobody knew, which a later pivot has made final, and one after that pivot, which it has not", async () => {
    const sides = [
      { id: "a", ...timed, undo },
      { id: "pay", ...timed, pivot: true },
      { id: "b", ...timed, undo }
    ]
    // all three are at work when the run is cancelled, and the process dies
    const faults: ReadonlyArray<Fault> = [
      ...sides.map(({ id }): Fault => ({ on: "task", task: id, attempt: 1, how: "slow", ms: 500 })),
      { on: "operator", write: 0, how: "cancel", ms: 0 },
      { on: "crash", write: 2, when: "acked" }
    ]
    expect(await undoneAfter(sides, faults)).toEqual(["b~undo"])
  })
  test("a pause of which somebody hears after the cancel that ended it", async () => {
    const tasks = [
      { id: "a", ...timed, undo },
      { id: "rest", kind: "sleep", durationMs: 9_000, after: ["a"] }
    ]
    const faults: ReadonlyArray<Fault> = [
      { on: "storage", write: 2, how: "slow", ms: 3_000 },
      { on: "operator", write: 1, how: "pause", ms: 5 },
      { on: "operator", write: 1, how: "pause", ms: 50 },
      { on: "operator", write: 1, how: "cancel", ms: 60 }
    ]
    expect(await undoneAfter(tasks, faults)).toEqual(["a~undo"])
  })
  test("somebody who says by hand, and wrongly, that there is nothing to undo", async () => {
    const verify = { task: "never" }
    const tasks = [
      { id: "a", ...timed, undo: { ...undo, onUnknown: "verify", verify } },
      { id: "doom", task: "doom" }
    ]
    const faults: ReadonlyArray<Fault> = [
      { on: "task", task: "a", attempt: 1, how: "lost" },
      { on: "task", task: "a~verify", attempt: 1, how: "slow", ms: 900 },
      { on: "operator", write: 2, how: "skip", ms: 200 }
    ]
    expect(await undoneAfter(tasks, faults)).toEqual([])
  })
})
