// A workflow without some of its tasks does with the others what it did before.
import { fc, test as property } from "@fast-check/vitest"
import { type Json, load, task, type, type Workflow, workflow } from "troupe"
import { simulate, without } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import { flowOf, outputOf, type Shape, shapes, valueOf } from "../../property-tests/shapes.ts"
import { gaveIn } from "../../src/chaos/gave.ts"
import { takeOut } from "../../src/chaos/without.ts"
import { analyse } from "../../src/model/analysis.ts"
import { reaches } from "../../src/model/dependencies.ts"
import type { TaskIR, WorkflowIR } from "../../src/model/ir.ts"

const step = task("step", { in: type<any>(), out: type<any>(), run: async (input) => valueOf(input) })
const plan = task("plan", {
  in: type<any>(),
  out: type<any>(),
  run: () => ({
    tasks: [
      { id: "p", task: "step", input: [1] },
      { id: "q", task: "step", input: { $: "p" } }
    ],
    output: { $: "q" }
  })
})
const loaded = (ir: object) => load(ir, { step, plan })

/** What is left of a reader of `gone`, which gave `gave`. */
const readerOf = async (reader: object, gave: Json, more: Partial<WorkflowIR> = {}): Promise<any> => {
  const flow = await loaded({
    ir: 1,
    name: "flow",
    tasks: [
      { id: "gone", kind: "noop", data: { "all.here": { $: "result.n" } } },
      { id: "stays", kind: "noop", data: { "all.there": { $: "result" } } },
      { id: "reader", ...reader }
    ],
    ...more
  })
  const { ir } = without(flow, { gone: gave })
  expect(ir.tasks.map(({ id }) => id)).toEqual(["stays", "reader"])
  return ir.tasks[1]
}
const gave = { n: 3, text: "x", list: [1, 2], odd: { $: "input" } }
const echo = { kind: "echo" }

describe("whoever read from a task reads what it gave", () => {
  test("as the whole of its input, as a part, as a part of a part, with a default", async () => {
    expect(await readerOf({ ...echo, input: { $: "gone" } }, gave)).toEqual({
      id: "reader",
      kind: "echo",
      input: { $literal: gave }
    })
    const input = [{ n: { $: "gone.n" }, l: { $: "gone.list" } }, { $: "gone.no", default: 7 }, { $: "stays" }, "$"]
    expect((await readerOf({ ...echo, input }, gave)).input).toEqual([
      { n: 3, l: { $literal: [1, 2] } },
      7,
      { $: "stays" },
      "$"
    ])
    // null is a value, and data that looks like a reference stays data
    expect((await readerOf({ ...echo, input: [{ $: "gone", default: 1 }] }, null)).input).toEqual([null])
    expect((await readerOf({ ...echo, input: [{ $: "gone.odd" }] }, gave)).input).toEqual([
      { $literal: { $: "input" } }
    ])
  })
  test("in every setting of every kind", async () => {
    const kinds: ReadonlyArray<readonly [object, object]> = [
      [
        { kind: "map", over: { $: "gone.list" }, each: { task: "step", input: [{ $: "item" }, { $: "gone.n" }] } },
        { over: { $literal: [1, 2] }, each: { task: "step", input: [{ $: "item" }, 3] } }
      ],
      [
        { kind: "map", over: 2, each: { kind: "shell", argv: ["echo", { $: "gone.text" }, { $: "index" }] } },
        { each: { kind: "shell", argv: ["echo", "x", { $: "index" }] } }
      ],
      [{ kind: "shell", argv: ["echo", { $: "gone.list" }] }, { argv: ["echo", { $literal: [1, 2] }] }],
      [
        { kind: "http", url: { $: "gone.text" }, headers: { a: { $: "gone.text" }, b: "c" }, body: [{ $: "gone.n" }] },
        { url: "x", headers: { a: "x", b: "c" }, body: [3] }
      ],
      [{ kind: "sleep", durationMs: { $: "gone.n" } }, { durationMs: 3 }],
      [
        { kind: "gate", show: { $: "gone.n" }, withinMs: 5, otherwise: { value: { $: "gone.list" } } },
        { show: 3, otherwise: { value: { $literal: [1, 2] } } }
      ],
      [{ kind: "branch", on: { $: "gone.text" }, cases: { x: { ir: 1, name: "x", tasks: [] } } }, { on: "x" }],
      [
        {
          kind: "repeat",
          workflow: { ir: 1, name: "r", tasks: [] },
          max: 3,
          until: { gt: [{ $: "round" }, { $: "gone.n" }] }
        },
        { until: { gt: [{ $: "round" }, 3] } }
      ],
      [{ task: "plan", expand: true, input: { $: "gone.n" } }, { input: 3 }],
      [{ task: "step", input: 1, cache: { ttlMs: 5, key: [{ $: "gone.n" }] } }, { cache: { ttlMs: 5, key: [3] } }]
    ]
    for (const [reader, wanted] of kinds) expect(await readerOf(reader, gave)).toMatchObject(wanted)
  })
  test("in conditions: compared as a value; asked for alone, or whether it is there, as the answer", async () => {
    const when = async (one: unknown) => (await readerOf({ ...echo, when: one }, gave)).when
    expect(await when({ gt: [{ $: "gone.n" }, { $: "input" }] })).toEqual({ gt: [3, { $: "input" }] })
    expect(await when({ $: "gone.n" })).toBe(true)
    expect(await when({ $: "gone.no" })).toBe(false)
    expect(await when({ and: [{ exists: { $: "gone.n" } }, { not: { exists: { $: "gone.no" } } }] })).toEqual({
      and: [true, { not: false }]
    })
    expect(await when({ or: [{ $: "stays" }, { exists: { $: "gone.no", default: 1 } }] })).toEqual({
      or: [{ $: "stays" }, true]
    })
  })
  test("through the data of the run, also where others write to it", async () => {
    const read = async (path: string) => (await readerOf({ ...echo, input: { $: path } }, gave)).input
    expect(await read("data.all.here")).toBe(3)
    expect(await read("data.all.there")).toEqual({ $: "data.all.there" })
    expect(await read("data.all")).toEqual({ here: 3, there: { $: ["data", "all", "there"] } })
    expect(await read("data")).toEqual({ all: { here: 3, there: { $: ["data", "all", "there"] } } })
  })
  test("in the output; where the workflow has none, it is that of the tasks that are last now", async () => {
    const both = workflow("both", type<null>())
      .task("a", step, () => 1)
      .task("b", step, ($) => $.a)
      .returns(($) => [$.a, $.b])
    expect(without(both, { b: 5 }).ir.output).toEqual([{ $: "a" }, 5])
    const plain = await loaded({ ...both.ir, output: undefined })
    expect((await simulate(without(plain, { b: 5 }))).outcome).toEqual({
      status: "succeeded",
      value: { a: valueOf(1) }
    })
  })
  test("names that mean something else in a place are not taken for tasks", async () => {
    const flow = await loaded({
      ir: 1,
      name: "names",
      tasks: [
        { id: "item", kind: "noop" },
        { id: "each", kind: "map", over: [{ $: "item" }], each: { task: "step", input: { $: "item" } } }
      ]
    })
    expect(without(flow, { item: 9 }).ir.tasks).toMatchObject([{ over: [9], each: { input: { $: "item" } } }])
  })
})

describe("whoever waited for a task", () => {
  const chain = workflow("chain", type<null>())
    .task("a", step, () => 1)
    .task("b", step, ($) => $.a)
    .task("c", step, () => 1, { after: ["b"] })
    .task("d", step, ($) => [$.c, $.a])
  test("waits for what that one waited for, through any number of them, and says nothing twice", () => {
    const flow = chain.returns(($) => $.d)
    expect(without(flow, { b: 1 }).ir.tasks).toMatchObject([{ id: "a" }, { id: "c", after: ["a"] }, { id: "d" }])
    const { ir } = without(flow, { b: 1, c: 2 })
    expect(ir.tasks[1]).toEqual({ id: "d", task: "step", input: [2, { $: "a" }] })
    expect(without(flow, { c: 2 }).ir.tasks[2]).toMatchObject({ id: "d", after: ["b"] })
  })
  test("has none left where the first ones are gone", () =>
    expect(
      without(
        chain.returns(($) => $.d),
        { a: 1, b: 1 }
      ).ir.tasks
    ).toMatchObject([
      { id: "c", after: [] },
      { id: "d", input: [{ $: "c" }, 1] }
    ]))
})

test("who was to be done by another than a task, or not beside it, is no longer bound by it", async () => {
  const flow = await loaded({
    ir: 1,
    name: "bound",
    tasks: [
      { id: "a", kind: "noop" },
      { id: "b", kind: "noop" },
      { id: "c", kind: "noop", excludes: ["a", "b"], sameAgentAs: ["b"], differentAgentFrom: ["a"] }
    ]
  })
  expect(without(flow, { a: null }).ir.tasks[1]).toEqual({
    id: "c",
    kind: "noop",
    excludes: ["b"],
    sameAgentAs: ["b"],
    differentAgentFrom: []
  })
})

test("tasks of a workflow inside are named by their path", async () => {
  const inner = workflow("inner", type<number>())
    .task("x", step, ($) => $.input)
    .task("y", step, ($) => [$.x])
    .returns(($) => [$.x, $.y])
  const outer = workflow("outer", type<null>())
    .use("in", inner, () => 1)
    .task("end", step, ($) => $.in)
    .returns(($) => [$.in, $.end])
  const whole = await simulate(outer)
  const gave = gaveIn(outer, null, whole.messages)
  expect([...gave.keys()]).toEqual(["in", "in/x", "in/y", "end"])
  const small = await simulate(without(outer, { "in/x": gave.get("in/x")! }))
  expect(small.outcome).toEqual(whole.outcome)
  expect(small.calls.map((call) => call.task)).toEqual(["in/y", "end"])
})

describe("what cannot be had is refused by name", () => {
  const refused = async (reader: object, value: Json) => readerOf(reader, value).catch((error: unknown) => error)
  test.each([
    ["a part that is not there", { ...echo, input: { $: "gone.no" } }, gave, "what it gave has no 'gone.no'"],
    ["no number for a wait", { kind: "sleep", durationMs: { $: "gone.text" } }, gave, "only a number can stand"],
    ["no text for an address", { kind: "http", url: { $: "gone.n" } }, gave, "only a string can stand"],
    [
      "a default that the gate does not take",
      { kind: "gate", out: { type: "string" }, withinMs: 5, otherwise: { value: { $: "gone.n" } } },
      gave,
      "/tasks/1/otherwise/value"
    ]
  ] as const)("%s", async (_, reader, value, why) => {
    const error = await refused(reader, value)
    expect(error).toMatchObject({ _tag: "ChaosMisused", what: "workflow" })
    expect(error.message).toContain("workflow 'flow' cannot be had without gone")
    expect(error.message).toContain(why)
  })
  test("a task that is not there, outside and inside", async () => {
    const flow = await loaded({ ir: 1, name: "flow", tasks: [{ id: "a", kind: "noop" }] })
    expect(() => without(flow, { b: 1 })).toThrow("there is no task 'b'")
    expect(() => without(flow, { "a/b": 1 })).toThrow("there is no task 'a/b'")
  })
  test("a knot of many and many, which would leave their product of edges", async () => {
    const ids = (name: string) => Array.from({ length: 400 }, (_, i) => `${name}${i}`)
    const noop = (id: string, after: ReadonlyArray<string>) => ({ id, kind: "noop", after })
    const tasks = [
      ...ids("a").map((id) => noop(id, [])),
      noop("knot", ids("a")),
      ...ids("b").map((id) => noop(id, ["knot"]))
    ]
    const flow = await loaded({ ir: 1, name: "knot", tasks })
    expect(() => without(flow, { knot: null })).toThrow("more than 100,000 edges")
  })
})

/** Graphs of all kinds of tasks, and some of them to be taken out. */
const parts = shapes(8, 2).chain((shape) =>
  fc.tuple(
    fc.constant(shape),
    fc.subarray(
      shape.map((_, i) => i),
      { minLength: 1 }
    )
  )
)
const alone = { answers: () => undefined }
const withoutThese = async (shape: ReadonlyArray<Shape>, gone: ReadonlyArray<number>) => {
  const flow: Workflow = await loaded(flowOf(shape))
  const values = outputOf(shape)
  return { flow, small: without(flow, Object.fromEntries(gone.map((i) => [`t${i}`, values[i]!]))) }
}

property.prop([parts], { numRuns: 150 })(
  "what is left gives what it gave before, and nobody asks those that are gone",
  async ([shape, gone]) => {
    const { small } = await withoutThese(shape, gone)
    const { outcome, violations, calls } = await simulate(small, alone)
    expect(violations).toEqual([])
    expect(outcome).toEqual({ status: "succeeded", value: outputOf(shape) })
    expect(calls.filter(({ task }) => gone.some((i) => new RegExp(`^t${i}(?!\\d)`).test(task)))).toEqual([])
  }
)

property.prop([parts], { numRuns: 150 })("what is left waits for each other as before", async ([shape, gone]) => {
  const { flow, small } = await withoutThese(shape, gone)
  const [before, after] = [analyse(flow.ir).graph, analyse(small.ir).graph]
  const at = (one: TaskIR) => before.index.get(one.id)!
  small.ir.tasks.forEach((a, i) => {
    small.ir.tasks.forEach((b, j) => expect(reaches(after, i, j)).toBe(reaches(before, at(a), at(b))))
  })
})

property.prop([shapes(8)], { numRuns: 150 })(
  "what each task gave is read from the messages of a run",
  async (shape) => {
    const flow = await loaded(flowOf(shape))
    const { messages } = await simulate(flow, alone)
    const gave = gaveIn(flow, null, messages)
    expect(shape.map((_, i) => gave.get(`t${i}`))).toEqual(outputOf(shape))
  }
)

test("a task that was skipped gave nothing, also where there was nothing to do", async () => {
  const each = { task: "step", input: 1 }
  const flow = await loaded({
    ir: 1,
    name: "flow",
    tasks: [
      { id: "no", kind: "map", over: [], each, when: false },
      { id: "yes", kind: "map", over: [], each, when: true }
    ]
  })
  const { messages } = await simulate(flow)
  expect([...gaveIn(flow, null, messages)]).toEqual([["yes", []]])
})

test("values that nobody reads are known, so that a test to paste can leave them out", async () => {
  const flow = await loaded({
    ir: 1,
    name: "flow",
    tasks: [
      { id: "a", kind: "noop" },
      { id: "b", kind: "echo", input: { $: "a" } },
      { id: "c", kind: "echo", input: { $: "b" } }
    ]
  })
  expect([
    ...takeOut(
      flow,
      new Map([
        ["a", 1],
        ["b", 1]
      ])
    ).read
  ]).toEqual(["b"])
  expect([
    ...takeOut(
      flow,
      new Map([
        ["a", 1],
        ["c", 1]
      ])
    ).read
  ]).toEqual(["a"])
})
