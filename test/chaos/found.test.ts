// Found by the chaos kit in this engine; each stays, with its plan.
import { load, task, type, workflow } from "troupe"
import { type Plan, replay, without } from "troupe/chaos"
import { expect, test } from "vitest"
import { type Fates, failsAt, flowOfFates } from "../../property-tests/fates.ts"
import { valueOf } from "../../property-tests/shapes.ts"
import { refuted } from "../../src/chaos/model.ts"
import type { Message } from "../../src/model/messages.ts"
import { scenes } from "./planted/flows.ts"

/** A task of a workflow by chance, as it is when nothing is said. */
const fate = {
  deps: [],
  need: "all",
  cancelRest: false,
  onFailed: "fail",
  fallback: "none",
  accept: "all",
  fails: false,
  standInFails: false,
  isSkipped: false,
  badItems: 0,
  person: "skip"
} as const

const broken = async (name: keyof typeof scenes, faults: Plan["faults"], seed = 0) => {
  const { workflow, options } = scenes[name]
  return (await replay(workflow, { v: 1, seed, faults }, options)).violations
}

test("G24 an owner that was taken over while its run only waits hears of it, and does not knock for ever", async () => {
  expect(await broken("waits", [{ on: "owners", write: 3, how: "second", ms: 0 }], 1)).toEqual([])
})

test("G03 a run that cannot be read for a moment comes back by itself: after a restart, and when its wait is over", async () => {
  expect(
    await broken(
      "ten",
      [
        { on: "read", read: 4 },
        { on: "crash", write: 0, when: "synced" }
      ],
      1
    )
  ).toEqual([])
  for (const read of [32, 33, 34, 35, 36]) expect(await broken("waits", [{ on: "read", read }])).toEqual([])
})

test("G21 a run that waited for its code and then kills the process is left alone as any other", async () => {
  expect(
    await broken("narrow", [
      { on: "code", life: 2, ms: 50 },
      { on: "task", task: "c", attempt: 1, how: "exit", times: 9 }
    ])
  ).toEqual([])
})

test("G04 an attempt that was cancelled while its code was missing has one end when the code comes", async () => {
  expect(
    await broken("narrow", [
      { on: "crash", write: 2, when: "written", tail: "kept" },
      { on: "code", life: 2, ms: 0 },
      { on: "operator", write: 0, how: "cancel", ms: 0 }
    ])
  ).toEqual([])
})

test("G36 a decision about a run that leaves memory meanwhile is made on the run, not on what it left behind", async () => {
  for (const ms of [0, 1, 2, 3])
    expect(
      await broken(
        "waitsKept",
        [
          { on: "operator", write: 0, how: "rollback", ms },
          { on: "storage", write: 1, how: "io", ms: 0 }
        ],
        1
      )
    ).toEqual([])
})

test("G13 work that waits in the mailbox of an agent does not begin while its run is paused", async () => {
  expect(
    await broken("crew", [
      { on: "storage", write: 0, how: "io", ms: 0 },
      { on: "operator", write: 3, how: "pause", ms: 0 }
    ])
  ).toEqual([])
})

test("G21 a conviction that cannot be written is worked out again, not forgotten", async () => {
  expect(
    await broken("pair", [
      { on: "task", task: "b", attempt: 1, how: "exit", times: 7 },
      { on: "storage", write: 1, how: "io", ms: 10_000 }
    ])
  ).toEqual([])
})

test("G21 a run whose code has come begins only when that is written, also on a disk that does not write for a while", async () => {
  expect(
    await broken("single", [
      { on: "code", life: 2, ms: 100 },
      { on: "task", task: "c", attempt: 1, how: "exit", times: 6 },
      { on: "operator", write: 0, how: "pause", ms: 100 },
      { on: "storage", write: 3, how: "io", ms: 50 }
    ])
  ).toEqual([])
})

test("G21 a run that was left alone does not go on because somebody asked for it and was refused", async () => {
  expect(
    await broken("sleeper", [
      { on: "storage", write: 1, how: "io", ms: 0 },
      { on: "task", task: "a", attempt: 1, how: "exit", times: 6 },
      { on: "crash", write: 2, when: "before" }
    ])
  ).toEqual([])
})

const charge = task("charge", { in: type<string>(), out: type<string>(), run: async (order) => order })
const sleeper = workflow("sleeper", type<string>())
  .gate("approved", type<boolean>(), { within: "1h", otherwise: "fail" })
  .sleep("cooled", "10s", { after: ["approved"] })
  .task("paid", charge, ($) => $.input, { after: ["cooled"] })
  .returns(($) => $.paid)

// found with seed 3: the run left memory, was due, could not be read once, and slept until the next restart
test("G01, G26 a sleeping run that cannot be read when it is due is read again later", async () => {
  for (let read = 0; read < 30; read++) {
    for (const more of [[], [{ on: "crash", write: 1, when: "synced", downMs: 5 }] satisfies Plan["faults"]]) {
      const faults: Plan["faults"] = [{ on: "read", read }, { on: "read", read: read + 1 }, ...more]
      const { violations, outcome } = await replay(sleeper, { v: 1, seed: 1, faults }, { input: "books" })
      expect(violations).toEqual([])
      expect(outcome).toEqual({ status: "succeeded", value: "books" })
    }
  }
})

test("G11 a call that takes a millisecond longer than it may has timed out, whenever it began", async () => {
  const flow = workflow("slow", type<string>())
    .task("a", charge, ($) => $.input)
    .task("b", charge, ($) => $.a)
    .returns(($) => $.b)
  for (let seed = 0; seed < 30; seed++) {
    const faults: Plan["faults"] = [{ on: "task", task: "b", attempt: 1, how: "slow", ms: 3_600_001 }]
    const { outcome } = await replay(flow, { v: 1, seed, faults }, { input: "books" })
    expect(outcome).toMatchObject({ status: "failed", failure: { code: "TIMEOUT" } })
  }
})

test("G16 a run that somebody has decided about, and that has failed before it is cancelled, has failed", () => {
  const down = task("down", { in: type<number>(), out: type<number>(), run: () => 1 })
  const flow = workflow("two", type<number>(), { onFailure: "continue" })
    .task("a", down, ($) => $.input)
    .task("b", down, ($) => $.input)
    .returns(($) => [$.a, $.b])
  const failed = (name: string): Message => ({
    type: "attempt.failed",
    at: 1,
    task: name,
    attempt: 1,
    failure: { tag: "Error", message: "down", retryable: false }
  })
  const messages: ReadonlyArray<Message> = [
    { type: "run.submitted", at: 0, workflow: "two", input: 1 },
    failed("a"),
    failed("b"),
    { type: "run.amended", at: 2, forget: [1], give: {} },
    failed("a"),
    { type: "run.cancelled", at: 3, force: false }
  ]
  const outcome = { status: "failed", task: "b", failure: { tag: "Error", message: "down", retryable: false } } as const
  expect(refuted(flow, 1, messages, outcome)).toBeUndefined()
})

test("G10 an answer that comes while the end of its task's time is being written is late, and no result", async () => {
  const { workflow, options } = scenes.hurried
  const plan: Plan = { v: 1, seed: 44805, faults: [{ on: "owners", write: 0, how: "freeze", ms: 10_000 }] }
  const { violations, messages } = await replay(workflow, plan, options)
  expect(violations).toEqual([])
  expect(messages).toContainEqual(expect.objectContaining({ type: "timer.fired", task: "a" }))
  expect(messages).toContainEqual(expect.objectContaining({ type: "attempt.late", task: "a", outcome: "succeeded" }))
})

test("G04 a second agent that has not begun when its attempt ends does not begin any more", async () => {
  for (const seed of [0, 1, 2, 3])
    expect(
      await broken(
        "othersKept",
        [
          { on: "task", task: "b", attempt: 1, how: "hang" },
          { on: "task", task: "c", attempt: 1, how: "late" }
        ],
        seed
      )
    ).toEqual([])
})

test("G17 what a run goes back to is kept until it is there, also where snapshots take the place of messages", async () => {
  const { workflow: trip, options } = scenes.tripKept
  const short = without(trip, { flights: [1, 1], car: null, train: 1 })
  const faults: Plan["faults"] = [
    { on: "operator", write: 0, how: "rollback", ms: 0 },
    { on: "storage", write: 1, how: "io", ms: 0 }
  ]
  const { violations } = await replay(short, { v: 1, seed: 2511, faults }, { ...options, stepsMax: 3_000 })
  expect(violations).toEqual([])
})

test("an answer and a signal that come before their gate opens are no two answers", async () => {
  const faults: Plan["faults"] = [
    { on: "operator", write: 0, how: "signal", ms: 0 },
    { on: "operator", write: 0, how: "answer", ms: 0 }
  ]
  for (const seed of [48459, 0, 1, 2]) expect(await broken("people", faults, seed)).toEqual([])
})

test("who lets an undo try again and is refused by the disk asks again", async () => {
  const { workflow: trip, options } = scenes.trip
  const short = without(trip, { flights: [1, 1], car: null, train: 1 })
  const faults: Plan["faults"] = [
    { on: "storage", write: 0, how: "io", ms: 0 },
    { on: "storage", write: 5, how: "io", ms: 1 },
    { on: "task", task: "hotel~undo", attempt: 1, how: "permanent" }
  ]
  const { violations } = await replay(short, { v: 1, seed: 0, faults }, options)
  expect(violations).toEqual([])
})

test("G15, G17 a retry that is taken back by a rollback takes no failure back: the model of outcomes knows it", () => {
  const down = task("down", { in: type<number>(), out: type<number>(), run: () => 1 })
  const flow = workflow("one", type<number>(), { onFailure: "continue" })
    .task("a", down, ($) => $.input)
    .task("b", down, ($) => $.input)
    .returns(($) => [$.a, $.b])
  const failure = { tag: "Error", message: "down", retryable: false }
  const messages: ReadonlyArray<Message> = [
    { type: "run.submitted", at: 0, workflow: "one", input: 1 },
    { type: "attempt.failed", at: 1, task: "a", attempt: 1, failure },
    { type: "run.amended", at: 2, forget: [1], give: {} },
    { type: "run.rolledBack", at: 3, to: 1 },
    { type: "attempt.succeeded", at: 4, task: "b", attempt: 1, value: 1 }
  ]
  expect(refuted(flow, 1, messages, { status: "failed", task: "a", failure })).toBeUndefined()
})

test.each([
  [
    {
      onFailure: "continue",
      tasks: [
        { ...fate, kind: "map", need: "any", onFailed: "wait", fallback: "both", badItems: 3 },
        { ...fate, kind: "task", badItems: 2 },
        { ...fate, kind: "map", onFailed: "wait", accept: "partial", fails: true },
        { ...fate, kind: "map", deps: [{ dep: 1, on: "notFailed" }], accept: "atLeast", fails: true, badItems: 2 }
      ]
    },
    [
      { on: "operator", write: 0, how: "retry", ms: 0 },
      { on: "storage", write: 1, how: "unsure" }
    ]
  ],
  [
    {
      onFailure: "stop",
      tasks: [
        { ...fate, kind: "map", fails: true, badItems: 3, cancelRest: true },
        { ...fate, kind: "map", onFailed: "continue", fallback: "work", accept: "atLeast", fails: true, badItems: 3 },
        { ...fate, kind: "task", onFailed: "continue" }
      ]
    },
    [
      { on: "operator", write: 0, how: "retry", ms: 0 },
      { on: "owners", write: 3, how: "freeze", ms: 3 }
    ]
  ]
] as const)(
  "G15 what was told to stop, and is wanted all the same by a decision that came with it, begins again",
  async (shape, faults) => {
    const failing = task("step", {
      in: type<any>(),
      out: type<number>(),
      run: async (input, { task: path }) => {
        if (failsAt(shape as unknown as Fates, path)) throw new TypeError(`${path} is down`)
        return valueOf(input)
      }
    })
    const flow = await load(flowOfFates(shape as unknown as Fates, false), { step: failing })
    for (let seed = 0; seed < 40; seed++) {
      const { violations } = await replay(flow, { v: 1, seed, faults }, { input: 1, stepsMax: 5_000 })
      expect(violations, `seed ${seed}`).toEqual([])
    }
  }
)
