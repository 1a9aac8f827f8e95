import { describe, expect, test } from "vitest"
import { initialTransition, setup, transition } from "xstate"
import { getShortestPaths } from "xstate/graph"
import {
  agentMachine,
  breakerMachine,
  compile,
  gateMachine,
  orchestratorMachine,
  sleepMachine,
  taskMachine,
  workflowMachine
} from "../../src/machines/index.ts"
import { assign, command } from "../../src/machines/machine.ts"
import { breakerRule, nothingSeen } from "../../src/model/breaker.ts"

const failure = (retryable: boolean) => ({ tag: "E", message: "m", retryable })
const retry = { attempts: 2, backoff: "fixed", baseMs: 10, capMs: 10, jitter: 0 } as const

describe("@xstate/graph can walk every machine, and every state can be reached", () => {
  const task = { path: "t", retry, seed: "r/t", limits: undefined, finishes: false }
  const taskEvents = [
    { type: "start", at: 1 },
    { type: "cancel" },
    { type: "timer.fired", at: 1, task: "t" },
    { type: "shelve" },
    { type: "requeue", at: 1 },
    { type: "complete", value: 1 },
    { type: "attempt.aborted", at: 1, task: "t", attempt: 1 },
    ...[1, 2].flatMap((attempt) => [
      { type: "attempt.succeeded", at: 1, task: "t", attempt, value: 1 },
      { type: "attempt.failed", at: 1, task: "t", attempt, failure: failure(true) },
      { type: "attempt.failed", at: 1, task: "t", attempt, failure: failure(false) }
    ])
  ]
  const machines = [
    ["task", taskMachine, task, taskEvents],
    ["task with an effect", taskMachine, { ...task, finishes: true }, taskEvents],
    ["sleep", sleepMachine, { dueAt: 5 }, [{ type: "timer.fired" }, { type: "cancel" }]],
    ...[undefined, 1].map(
      (otherwise) =>
        [
          otherwise === undefined ? "gate" : "gate with a default",
          gateMachine,
          { path: "g", dueAt: 5, waitMs: 5, otherwise },
          [
            { type: "timer.fired", at: 5, task: "g" },
            { type: "cancel" },
            { type: "gate.answered", at: 1, task: "g", value: 1 },
            { type: "signal.received", at: 1, name: "s", value: 1 },
            { type: "gate.rejected", at: 1, task: "g", reason: "no" },
            { type: "shelve" },
            { type: "requeue", at: 7 },
            { type: "complete", value: 2 }
          ]
        ] as const
    ),
    ...[{ dueAt: 5 }, { dueAt: undefined, startsAt: 3, withinMs: 2 }].map(
      (times) =>
        [
          "startsAt" in times ? "workflow that begins at a time" : "workflow",
          workflowMachine,
          { task: "", onFailure: "stop", ...times },
          [
            { type: "pause" },
            { type: "resume" },
            { type: "idle" },
            { type: "idle", undoes: true },
            { type: "again" },
            { type: "rewind", to: 3 },
            { type: "idle", recoverTo: 2 },
            { type: "idle", recoverTo: 2, undoes: true },
            { type: "timer.fired", at: 4 },
            { type: "settled", value: 1 },
            { type: "cancel" },
            { type: "cancel", force: true },
            { type: "task.failed", task: "a", failure: failure(false) }
          ]
        ] as const
    ),
    [
      "orchestrator",
      orchestratorMachine,
      undefined,
      [{ type: "run.opened" }, { type: "run.ended" }, { type: "drain" }, { type: "close" }]
    ],
    [
      "agent",
      agentMachine,
      { agent: "a", capacity: 2 },
      [{ type: "assigned" }, { type: "released" }, { type: "drain" }, { type: "leave" }]
    ],
    [
      "breaker",
      breakerMachine,
      { rule: breakerRule({ failures: 2, successes: 2, resetMs: 1 }), at: 0 },
      [
        { type: "call.asked", at: 9 },
        ...["call.failed", "call.succeeded", "call.ignored"].flatMap((type) =>
          [1, 2, 3].map((period) => ({ type, at: 5, period, trial: 1, slow: false, seen: nothingSeen }))
        ),
        { type: "force.open", at: 5 },
        { type: "force.close", at: 5 },
        { type: "release", at: 5, period: 2 },
        { type: "reset", at: 5 }
      ]
    ]
  ] as const
  /** What is decided once, when it begins: what happens when nobody answers in time, and whether an attempt is cut off. */
  const without: Record<string, ReadonlyArray<string>> = {
    workflow: ["scheduled", "scheduledPaused"],
    gate: ["defaulted"],
    "gate with a default": ["timedOut"],
    task: ["finishing"],
    "task with an effect": ["aborting"]
  }
  test.each(machines)("%s", (label, machine: any, input, events) => {
    const paths = getShortestPaths(machine, {
      input,
      events: events as any,
      limit: 2_000,
      serializeState: (s: any) => JSON.stringify([s.value, bounded(s.context)])
    })
    const reached = new Set(paths.map(({ state }: any) => state.value))
    // starting is left in the same step that enters it
    expect([...reached].sort()).toEqual(
      Object.keys(machine.states)
        .filter((name) => name !== "starting" && !(without[label] ?? []).includes(name))
        .sort()
    )
  })
  const bounded = (context: any) => ({
    ...context,
    ...(typeof context?.runs === "number" ? { runs: Math.min(context.runs, 2) } : {}),
    // a breaker counts its periods and trials for ever
    ...(typeof context?.period === "number"
      ? {
          period: Math.min(context.period, 4),
          opened: Math.min(context.opened, 2),
          holds: Math.min(context.holds, 2),
          trial: 0,
          trials: context.trials.length,
          retryAt: 0
        }
      : {})
  })
})

describe("F08 legal transitions of a task", () => {
  const at = (snapshot: any, event: object) => transition(taskMachine, snapshot, event as never)
  const started = () =>
    at(initialTransition(taskMachine, { path: "t", retry, seed: "r/t", limits: undefined, finishes: false })[0], {
      type: "start"
    })[0]
  const failed = (attempt: number, retryable = true) => ({
    type: "attempt.failed",
    at: 100,
    task: "t",
    attempt,
    failure: failure(retryable)
  })

  test("a failed attempt is followed by a pause, a timer, and another attempt; then it is spent", () => {
    const [waiting, commands] = at(started(), failed(1))
    expect(waiting.value).toBe("backingOff")
    expect(commands.map(({ type, params }: any) => [type, params])).toEqual([
      ["slot.release", undefined],
      ["timer.start", { dueAt: 110 }]
    ])
    const again = at(at(waiting, { type: "timer.fired" })[0], { type: "start" })[0]
    expect(again).toMatchObject({ value: "attempting", context: { attempt: 2 } })
    expect(at(again, failed(2))[0]).toMatchObject({
      value: "failed",
      status: "done",
      output: { status: "failed", task: "t" }
    })
  })
  test("an error that says it is permanent is not tried again", () => {
    expect(at(started(), failed(1, false))[0].value).toBe("failed")
  })
  test("G10 the answer of another attempt changes nothing", () => {
    const now = started()
    expect(at(now, { type: "attempt.succeeded", at: 1, task: "t", attempt: 7, value: 1 })[0].value).toBe("attempting")
    expect(at(now, failed(7))[0].value).toBe("attempting")
  })
  test("Z17 empty answers are answers", () => {
    for (const value of [0, "", false, null])
      expect(at(started(), { type: "attempt.succeeded", at: 1, task: "t", attempt: 1, value })[0].output).toEqual({
        status: "succeeded",
        value
      })
  })
  test("a result that arrives while cancelling is kept as what it is", () => {
    const aborting = at(started(), { type: "cancel" })[0]
    expect(aborting.value).toBe("aborting")
    expect(at(aborting, { type: "attempt.succeeded", at: 1, task: "t", attempt: 1, value: 5 })[0].output).toEqual({
      status: "succeeded",
      value: 5
    })
    expect(at(aborting, { type: "attempt.aborted", at: 1, task: "t", attempt: 1 })[0].output).toEqual({
      status: "cancelled",
      reason: ""
    })
  })
})

describe("a gate has one outcome, whatever comes first", () => {
  const at = (snapshot: any, event: object) => transition(gateMachine, snapshot, event as never)
  const asked = (dueAt: number, otherwise?: number) =>
    initialTransition(gateMachine, { path: "g", dueAt, waitMs: dueAt, otherwise })
  const names = (commands: ReadonlyArray<any>) => commands.map(({ type, params }) => [type, params])

  test("it opens, with a timer only where there is a deadline", () => {
    expect(names(asked(5)[1])).toEqual([
      ["timer.start", { dueAt: 5 }],
      ["gate.open", { dueAt: 5 }]
    ])
    expect(names(asked(Number.POSITIVE_INFINITY)[1])).toEqual([["gate.open", { dueAt: Number.POSITIVE_INFINITY }]])
  })
  test("an answer stops the timer, closes the gate, and is the value; what comes later means nothing", () => {
    const [after, commands] = at(asked(5)[0], { type: "gate.answered", at: 1, task: "g", value: 0 })
    expect(names(commands)).toEqual([
      ["timer.stop", undefined],
      ["gate.close", { became: "answered" }]
    ])
    expect(after.output).toEqual({ status: "succeeded", value: 0 })
    expect(at(after, { type: "gate.rejected", at: 2, task: "g", reason: "no" })[0].output).toEqual(after.output)
  })
  test("what somebody decided not to count: it waits anew, as long as the first time", () => {
    const [shelved] = at(asked(5)[0], { type: "shelve" })
    const [again, commands] = at(shelved, { type: "requeue", at: 100 })
    expect([shelved.value, again.value]).toEqual(["shelved", "waiting"])
    expect(names(commands)).toEqual([
      ["timer.start", { dueAt: 105 }],
      ["gate.open", { dueAt: 105 }]
    ])
    expect(at(shelved, { type: "complete", value: 7 })[0].output).toEqual({ status: "succeeded", value: 7 })
  })
  test("a default may be any value, null too", () => {
    expect(at(asked(5, null as never)[0], { type: "timer.fired", at: 5, task: "g" })[0].output).toEqual({
      status: "succeeded",
      value: null
    })
  })
})

describe("compile refuses what a table cannot say", () => {
  const chart = (config: object, more: object = {}) =>
    setup({ actions: { go: command(), set: assign({}) }, guards: { ok: () => true }, ...more } as never).createMachine({
      id: "m",
      initial: "a",
      ...config
    } as never)
  test.each([
    ["invoke", { states: { a: { invoke: { src: "x" } } } }],
    ["after", { states: { a: { after: { 10: "a" } } } }],
    ["nested states", { states: { a: { initial: "b", states: { b: {} } } } }],
    ["parallel states", { type: "parallel", states: { a: {} } }],
    ["inline actions", { states: { a: { entry: () => {} } } }],
    ["inline guards", { states: { a: { on: { x: { guard: () => true, target: "a" } } } } }],
    ["unnamed assigns", { states: { a: { entry: assign({}) } } }],
    ["actions that do something", { states: { a: { entry: "shout" } } }],
    ["wildcards", { states: { a: { on: { "*": "a" } } } }],
    ["reenter", { states: { a: { on: { x: { target: "a", reenter: true } } } } }],
    ["unknown targets of root events", { on: { x: ".a" }, states: { a: {} } }]
  ])("%s", (_, config) => {
    expect(() =>
      compile(chart(config, { actions: { go: command(), set: assign({}), shout: () => console.log("no") } }) as never)
    ).toThrow(/machine 'm' uses/)
  })
})
