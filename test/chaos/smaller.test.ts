// A failure comes back with the tasks that it takes, and no others.
import { mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Json, task, type, type Workflow, workflow } from "troupe"
import { type ChaosFailure, type ChaosOptions, caseFrom, chaos, replay, without } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import { Theatre } from "../../src/chaos/chaos.ts"
import { fewerTasks, taskBudget } from "../../src/chaos/fewer-tasks.ts"
import { scenes } from "./planted/flows.ts"

let held: Array<Json> = []
let freed: Array<Json> = []
const size = (input: Json) => JSON.stringify(input).length
const step = task("step", { in: type<Json>(), out: type<number>(), run: size })
const hold = task("hold", { in: type<Json>(), out: type<number>(), run: async (input) => held.push(input) })
const free = task("free", { in: type<Json>(), out: type<number>(), run: async (input) => freed.push(input) })

/** Two tasks that must be done equally often, between eight that have nothing to do with that. */
const trip = workflow("trip", type<number>())
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => [$.a])
  .task("c", step, ($) => [$.a, 1])
  .task("hold", hold, ($) => [$.b, $.c])
  .task("d", step, ($) => [$.a, 2])
  .task("e", step, ($) => [$.hold, $.d])
  .task("free", free, ($) => [$.hold, $.e])
  .task("f", step, ($) => [$.free])
  .task("g", step, ($) => [$.f, $.d])
  .task("h", step, ($) => [$.g])
  .returns(($) => [$.h, $.free])

const world = {
  reset: () => {
    held = []
    freed = []
  },
  // not so when one of them is done again after a crash
  finally: () => held.length === freed.length
}
const options = { ...world, input: 1, faults: ["crash"], seed: 1 } satisfies ChaosOptions
const failing = (flow: Workflow<any, any>, more: ChaosOptions = {}): Promise<ChaosFailure> =>
  chaos(flow, { ...options, ...more }).then(
    () => Promise.reject(new Error("it passed")),
    (error) => error
  )
const idsOf = ({ workflow: { ir } }: ChaosFailure) => ir.tasks.map(({ id }) => id)

test("a failure that takes two of ten tasks comes back with those two, one fault, and what the others gave", async () => {
  const failure = await failing(trip)

  expect(failure).toMatchObject({ _tag: "ChaosFailure", violations: [{ promise: "finally" }] })
  expect(idsOf(failure)).toEqual(["hold", "free"])
  // what nobody reads is not kept
  expect(failure.without).toEqual({ a: null, b: 3, c: 5, d: null, e: 5, f: null, g: null, h: 3 })
  expect(failure.plan.faults).toHaveLength(1)
  expect(failure.workflow.hash).toBe(without(trip, failure.without).hash)
  expect(failure.message).toContain("taken out of the workflow: 8 of 10 tasks (a, b, c, d, e, f, g, h)\n")
  expect(failure.story.every(({ text }) => !/\b[a-h]#/.test(text))).toBe(true)
  const whole = await replay(trip, failure.wholePlan, { ...world, input: 1 })
  expect(whole.violations).toMatchObject([{ promise: "finally" }])
})

test("the test that the failure proposes fails where it is pasted", async () => {
  const { message } = await failing(trip)
  const text = message.slice(message.indexOf("as a test that needs no luck:") + "as a test that needs no luck:".length)
  const pasted: Array<() => Promise<void>> = []
  // the options of the search are the reader's own
  const again = (flow: Workflow, plan: string, { input }: { input: Json }) => replay(flow, plan, { ...world, input })
  const names = {
    trip,
    without,
    expect,
    replay: again,
    test: (_: string, body: () => Promise<void>) => pasted.push(body)
  }
  new Function(...Object.keys(names), text)(...Object.values(names))

  expect(text).toContain("replay(without(trip, {")
  expect(pasted).toHaveLength(1)
  await expect(pasted[0]!()).rejects.toThrow("promise: 'finally'")
})

test("what is left keeps the promise when nothing goes wrong: a task that must be done once stays", async () => {
  const failure = await failing(trip, { finally: () => held.length === 1 })
  expect(idsOf(failure)).toEqual(["hold"])
})

test("an invariant of yours that never holds takes nothing out: without its tasks it would not hold either", async () => {
  const failure = await failing(trip, { finally: () => held.length === 2, runs: 3 })
  expect(failure.without).toEqual({})
  expect(failure.workflow).toBe(trip)
  expect(failure.message).not.toContain("taken out")
  expect(failure.message).toContain("await replay(trip, {")
})

test("one of ours that never holds needs no others: who waits for ever is left alone with it", async () => {
  const waits = workflow("waits", type<number>())
    .task("a", step, ($) => $.input)
    .gate("approved", type<boolean>(), { within: "forever", show: ($) => $.a })
    .task("b", step, ($) => $.approved)
    .task("c", step, ($) => $.input)
    .returns(($) => [$.b, $.c])
  const failure = await failing(waits, { finally: () => true, answers: () => undefined })
  expect(failure.violations[0]!.promise).toBe("G01 end")
  expect(idsOf(failure)).toEqual(["approved"])
  // what never came to be has no value either
  expect(failure.without).toEqual({ a: 1, b: null, c: 1 })
})

test("an invariant that does not work without some task keeps that task, and is no misuse", async () => {
  const failure = await failing(trip, {
    finally: ({ messages }) => {
      const found = messages.find((message) => message.type === "attempt.succeeded" && message.task === "f")
      return (found as { value: number }).value > 0 && held.length === freed.length
    }
  })
  expect(idsOf(failure)).toEqual(["hold", "free", "f"])
})

test("tasks of a workflow inside go too", async () => {
  const inner = workflow("inner", type<number>())
    .task("x", step, ($) => $.input)
    .task("hold", hold, ($) => [$.x])
    .task("y", step, ($) => [$.hold])
    .returns(($) => $.y)
  const outer = workflow("outer", type<number>())
    .task("a", step, ($) => $.input)
    .use("in", inner, ($) => $.a)
    .task("free", free, ($) => $.in)
    .returns(($) => $.free)
  const failure = await failing(outer)
  expect(Object.keys(failure.without)).toEqual(["a", "in/x", "in/y"])
  expect(failure.message).toContain("taken out of the workflow: 3 of 6 tasks (a, in/x, in/y)")
})

test("what stands in a task goes with it, also when it has lost a part of it before", async () => {
  const inner = workflow("inner", type<number>())
    .task("x", step, ($) => $.input)
    .task("y", step, ($) => [$.x])
    .returns(($) => $.y)
  const outer = workflow("outer", type<number>())
    .use("in", inner, ($) => $.input)
    .task("hold", hold, ($) => $.in)
    .task("free", free, ($) => $.hold)
    .returns(($) => $.free)
  const some = without(outer, { "in/x": 1 })
  const { wholePlan } = await failing(some)
  const execution = await replay(some, wholePlan, { ...world, input: 1 })
  const theatre = new Theatre(outer, { ...world, input: 1 })
  const found = { world: theatre.around(some), execution, without: { "in/x": 1 } }
  const { world: left, without: gone } = await fewerTasks(theatre, 1, found, taskBudget())
  expect(gone).toEqual({ in: 3 })
  expect(left.workflow.hash).toBe(without(outer, gone).hash)
})

test("a task that was skipped goes where nobody reads it, and stays where somebody does", async () => {
  const flow = (isRead: boolean) =>
    workflow("skips", type<number>())
      .task("no", step, ($) => $.input, { when: () => false })
      .task("hold", hold, ($) => (isRead ? [$.input, $.no] : [$.input]) as never, { after: ["no"] })
      .returns(($) => $.hold)
  const once = { finally: () => held.length === 1 }
  expect(idsOf(await failing(flow(false), once))).toEqual(["hold"])
  expect(idsOf(await failing(flow(true), once))).toEqual(["no", "hold"])
})

test("a value too long for a test to paste stays with its task", async () => {
  const long = task("long", { in: type<Json>(), out: type<string>(), run: () => "x".repeat(3_000) })
  const flow = workflow("long", type<number>())
    .task("a", step, ($) => $.input)
    .task("b", long, ($) => $.a)
    .task("hold", hold, ($) => $.b)
    .returns(($) => $.hold)
  expect(idsOf(await failing(flow, { finally: () => held.length === 1 }))).toEqual(["b", "hold"])
})

test("two of a hundred tasks are found within the bounds of the search", async () => {
  let flow: any = workflow("large", type<number>())
  for (let i = 0; i < 100; i++)
    flow = flow.task(`t${i}`, i === 33 ? hold : i === 66 ? free : step, ($: any) =>
      i < 10 ? [$.input] : [$[`t${i - 10}`], $[`t${i - 9}`]]
    )
  const failure = await failing(flow.returns(($: any) => $.t99))
  expect(idsOf(failure)).toEqual(["t33", "t66"])
})

test("what goes wrong in a task goes with it", async () => {
  const { wholePlan: plan } = await failing(trip)
  const slow = (task: string) => ({ on: "task", task, attempt: 1, how: "slow", ms: 1 }) as const
  const theatre = new Theatre(trip, { ...world, input: 1 })
  const { control } = await theatre.control(1)
  const more = { ...plan, faults: [...plan.faults, slow("a"), slow("a[0]"), slow("hold"), slow("hold2")] }
  const execution = await theatre.judged(1, more, control, false)
  const small = await fewerTasks(theatre, 1, { world: theatre, execution, without: {} }, taskBudget())
  const left = small.execution.plan.faults.flatMap((fault) => (fault.on === "task" ? [fault.task] : []))
  expect(left).toEqual(["hold", "hold2"])
})

test("it can be left as it was found", async () => {
  const failure = await failing(trip, { shrink: false })
  expect(failure.without).toEqual({})
  expect(failure.workflow).toBe(trip)
  expect(failure.plan).toEqual(failure.wholePlan)
})

describe("a kept failure", () => {
  const keptOf = async () => {
    const corpus = mkdtempSync(join(tmpdir(), "troupe-smaller-"))
    const failure = await failing(trip, { corpus })
    const [plan, recording] = readdirSync(corpus).sort() as [string, string]
    return { corpus, failure, plan: join(corpus, plan), recording: join(corpus, recording) }
  }
  test("says what was taken out, is run without it, and its recording is of that", async () => {
    const { corpus, failure, plan, recording } = await keptOf()
    const kept = caseFrom(readFileSync(plan, "utf8"))
    expect(kept).toMatchObject({ hash: trip.hash, without: failure.without, wholePlan: failure.wholePlan })
    const head = JSON.parse(readFileSync(recording, "utf8").split("\n")[0]!)
    expect(head).toMatchObject({ hash: failure.workflow.hash, definition: failure.workflow.ir, plan: failure.plan })

    const again = await failing(trip, { corpus, seed: 2, runs: 1 })
    expect(again).toMatchObject({ plan: failure.plan, without: failure.without, shrinks: 0, file: plan })
    expect(again.message).toContain("taken out of the workflow: 8 of 10 tasks")
    // mended
    expect(await chaos(trip, { ...options, finally: () => true, corpus, runs: 3 })).toMatchObject({ mended: 1 })
  })
  test("is run in the whole workflow where the tasks are not there any more to be taken out", async () => {
    const { corpus, failure } = await keptOf()
    const changed = workflow("trip", type<number>())
      .task("hold", hold, ($) => $.input)
      .task("free", free, ($) => [$.hold])
      .returns(($) => $.free)
    const [file] = readdirSync(corpus).sort()
    const path = join(corpus, file!)
    // a plan that hits the new workflow too
    const kept = JSON.parse(readFileSync(path, "utf8"))
    const wholePlan = { v: 1, seed: 0, faults: [{ on: "crash", write: 1, when: "before" }] }
    writeFileSync(path, JSON.stringify({ ...kept, plan: { ...wholePlan, faults: [] }, wholePlan }))
    const again = await failing(changed, { corpus, runs: 1 })
    expect(again).toMatchObject({ plan: wholePlan, without: {}, file: path })
    expect(again.workflow).toBe(changed)
    expect(failure.without).not.toEqual({})
  })
  test("has nothing of it where nothing was taken out", async () => {
    const corpus = mkdtempSync(join(tmpdir(), "troupe-smaller-"))
    await failing(trip, { corpus, shrink: false })
    const kept = JSON.parse(readFileSync(join(corpus, readdirSync(corpus).sort()[0]!), "utf8"))
    expect(Object.keys(kept)).not.toContain("without")
    expect(Object.keys(kept)).not.toContain("wholePlan")
  })
  test("of an older version has none of it, and is run as ever; a damaged one is named", async () => {
    const { corpus, plan, failure } = await keptOf()
    const { without: _, wholePlan, ...old } = JSON.parse(readFileSync(plan, "utf8"))
    writeFileSync(plan, JSON.stringify({ ...old, plan: failure.wholePlan }))
    expect(await failing(trip, { corpus, runs: 1 })).toMatchObject({ plan: wholePlan, without: {}, file: plan })
    for (const [wrong, why] of [
      [{ without: [1] }, "its 'without' is no object"],
      [{ wholePlan: { v: 2 } }, "v is 2"]
    ] as const) {
      writeFileSync(plan, JSON.stringify({ ...old, ...wrong }))
      const error: Error = await failing(trip, { corpus, runs: 1 })
      expect(error).toMatchObject({ _tag: "ChaosMisused", what: "corpus" })
      expect(error.message).toContain(why)
    }
    renameSync(plan, `${plan}.old`)
  })
})

test("every scene of the planted defects can be had without any one of its tasks, or says why not", () => {
  for (const { workflow: flow } of Object.values(scenes))
    for (const { id } of flow.ir.tasks)
      try {
        expect(without(flow, { [id]: 1 }).ir.tasks).toHaveLength(flow.ir.tasks.length - 1)
      } catch (error) {
        expect(error).toMatchObject({ _tag: "ChaosMisused", message: expect.stringContaining(`without ${id}`) })
      }
})
