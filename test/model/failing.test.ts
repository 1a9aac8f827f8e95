// What a task may say about failures, and what is refused before anything runs.
import { load, Orchestrator, type TaskIR, task, type, validate, workflow } from "troupe"
import { describe, expect, test } from "vitest"

const num = task("num", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })
const bad = task("bad", {
  in: type<number>(),
  out: type<number>(),
  run: (): number => {
    throw new Error("down")
  }
})
const start = () => workflow("w", type<number>())

const problemsOf = (...tasks: ReadonlyArray<object>) =>
  validate({ ir: 1, name: "w", tasks: tasks as ReadonlyArray<TaskIR> }).map(
    ({ path, severity, message, hint }) => `${severity} ${path} ${message} (${hint})`
  )
const a = { id: "a", kind: "noop" }
const b = { id: "b", kind: "noop" }

describe("failures in the builder", () => {
  test("become fields of the definition, and the code of what stands in is bound", () => {
    const flow = start()
      .task("a", num, ($) => $.input, {
        fallback: [{ lastGood: "1h" }, { task: bad }, { value: ($) => $.input }],
        onFailed: { wait: { within: "1d", otherwise: "continue" } }
      })
      .task("b", num, ($) => $.input, { after: [{ task: "a", on: "done" }], join: "any", cancelRest: true })
      .map("m", num, () => [1, 2], { accept: { atLeast: 1 }, fallback: { value: 0 } })
      .returns(($) => $.m)
    expect(flow.ir.tasks[0]).toMatchObject({
      fallback: [{ lastGoodMs: 3_600_000 }, { task: "bad" }, { value: { $: "input" } }],
      onFailed: { wait: { withinMs: 86_400_000, otherwise: "continue" } }
    })
    expect(flow.ir.tasks[1]).toMatchObject({ after: [{ task: "a", on: "done" }], join: "any", cancelRest: true })
    expect(flow.ir.tasks[2]).toMatchObject({ accept: { atLeast: 1 }, each: { task: "num", fallback: { value: 0 } } })
    expect(flow.code.get("bad")).toBe(bad)
  })
  test("a task brings its own along; a node may say otherwise", async () => {
    const careful = task("careful", {
      in: type<number>(),
      out: type<number>(),
      run: bad.run as never,
      fallback: { task: num },
      onFailed: "continue"
    })
    await using orchestrator = await Orchestrator.open()
    const flow = start()
      .task("a", careful, ($) => $.input)
      .task("b", careful, ($) => $.input, { fallback: { value: 7 }, onFailed: "fail" })
      .returns(($) => [$.a, $.b])
    expect(flow.ir.tasks[1]).toMatchObject({ onFailed: "fail" })
    expect(await orchestrator.execute(flow, 1)).toEqual([2, 7])
    expect(await orchestrator.execute(careful, 1)).toBe(2)
  })
  test("what is out of range is refused where it is said, with what is allowed", () => {
    const node = (options: object) => () =>
      start()
        .task("a", num, ($) => $.input, options as never)
        .returns(($) => $.a)
    expect(node({ fallback: { lastGood: 0 } })).toThrow(/fallback of 'a'.lastGood.*at least 1 ms/)
    expect(node({ fallback: 5 })).toThrow(/fallback of 'a'/)
    expect(node({ fallback: [] })).toThrow(/empty list of fallbacks/)
    expect(node({ onFailed: "retry" })).toThrow(/onFailed of 'a'/)
    expect(node({ onFailed: { wait: { within: 0, otherwise: "fail" } } })).toThrow(/within.*at least 1 ms/)
    expect(node({ onFailed: { wait: { within: 1, otherwise: "go" } } })).toThrow(/otherwise/)
    expect(node({ join: { atLeast: 0 } })).toThrow(/join.atLeast of 'a'.*from 1/)
    expect(node({ join: { atLeast: Number.NaN } })).toThrow(/join.atLeast of 'a'/)
    expect(node({ join: "any" })).toThrow(/nothing to join/)
    expect(() => start().map("m", num, () => [1], { accept: { atLeast: 1.5 } })).toThrow(/accept.atLeast of 'm'/)
    expect(() => start().map("m", num, () => [1], { accept: "some" as never })).toThrow(/accept of 'm'/)
    expect(() =>
      start().map(
        "m",
        start().returns(($) => $.input),
        () => [1],
        { fallback: { value: 1 } }
      )
    ).toThrow(/a task inside them may have one/)
  })
})

describe("failures in documents", () => {
  test("nonsense is named with its place", () => {
    expect(problemsOf(a, b, { ...a, id: "c", after: ["a", "b"], join: { atLeast: 3 } })).toEqual([
      "error /tasks/2/join/atLeast 'c' waits for 2 tasks, and 3 of them can never be enough (a whole number from 1 to 2)"
    ])
    expect(problemsOf(a, { ...b, cancelRest: true, after: ["a"] })).toEqual([
      `error /tasks/1/cancelRest 'b' waits for all it depends on, so nothing is left to cancel (add "join": "any")`
    ])
    expect(problemsOf({ id: "g", kind: "gate", fallback: { value: 1 }, onFailed: "wait" }).length).toBe(2)
    expect(problemsOf({ id: "s", kind: "sleep", durationMs: 1, fallback: { value: 1 } })).toEqual([
      "error /tasks/0/fallback a sleep has no fallback (a wait does not fail)"
    ])
    expect(problemsOf({ ...a, fallback: [{ value: 1 }, { kind: "noop" }] })[0]).toContain(
      "behind a value are never tried"
    )
    expect(
      problemsOf({ id: "m", kind: "map", over: [1, 2], each: { kind: "noop" }, accept: { atLeast: 3 } })[0]
    ).toContain("'m' has 2 items, and 3 good ones can never be reached")
    expect(
      problemsOf({ id: "m", kind: "map", over: [1], each: { kind: "noop" }, accept: "any", partial: true })[0]
    ).toContain("keep one of the two")
    expect(
      problemsOf({ id: "m", kind: "map", over: [1], each: { kind: "noop" }, fallback: { lastGoodMs: 1 } })[0]
    ).toContain("no work of its own")
  })
  test("references and names of what stands in are looked at as all others are", async () => {
    expect(problemsOf({ ...a, fallback: { value: { $: "zzz" } } })[0]).toContain(
      "/tasks/0/fallback/value there is no task 'zzz'"
    )
    expect(problemsOf(a, { ...b, fallback: [{ kind: "echo", input: { $: "c" } }] })[0]).toContain(
      "/tasks/1/fallback/0/input there is no task 'c'"
    )
    expect(problemsOf({ ...a, after: [{ task: "zzz", on: "done" }] })[0]).toContain(
      "/tasks/0/after/0/task there is no task 'zzz'"
    )
    await expect(load({ ir: 1, name: "w", tasks: [{ ...a, fallback: { task: "nobody" } }] })).rejects.toMatchObject({
      problems: [{ code: "TASK_UNKNOWN", path: "/tasks/0/fallback/task" }]
    })
  })
  test("the shape is checked, with the place", async () => {
    const path = async (one: object) =>
      load({ ir: 1, name: "w", tasks: [a, { ...b, ...one }] }).then(
        () => "fine",
        ({ problems }) => problems.map((problem: { path: string }) => problem.path).join(" ")
      )
    expect(await path({ fallback: { worth: 1 } })).toBe("/tasks/1/fallback")
    expect(await path({ fallback: [[{ value: 1 }]] })).toBe("/tasks/1/fallback/0")
    expect(await path({ fallback: { value: 1, more: 2 } })).toBe("/tasks/1/fallback/more")
    expect(await path({ fallback: { kind: "noop", fallback: { value: 1 } } })).toBe("/tasks/1/fallback/fallback")
    expect(await path({ fallback: { lastGoodMs: 0 } })).toBe("/tasks/1/fallback/lastGoodMs")
    expect(await path({ onFailed: "panic" })).toBe("/tasks/1/onFailed")
    expect(await path({ onFailed: { wait: { withinMs: 5 } } })).toBe("/tasks/1/onFailed/wait/otherwise")
    expect(await path({ after: [{ task: "a", on: "broken" }] })).toBe("/tasks/1/after/0/on")
    expect(await path({ after: ["a"], join: { atLeast: 0 } })).toBe("/tasks/1/join/atLeast")
    expect(await path({ after: [{ task: "a", on: "done" }], join: "any", onFailed: "continue" })).toBe("fine")
  })
  test("a task that waits for a failure which ends the run is worth a word", () => {
    const waits = { ...b, after: [{ task: "a", on: "failed" }] }
    expect(problemsOf(a, waits)).toEqual([
      `warning /tasks/1/after/0 'b' starts when 'a' has failed, but the first failure ends the run: it never starts (say "onFailed": "continue" on 'a', or "onFailure": "continue" in config)`
    ])
    expect(problemsOf({ ...a, onFailed: "continue" }, waits)).toEqual([])
    expect(
      validate({ ir: 1, name: "w", config: { onFailure: "continue" }, tasks: [a, waits] as ReadonlyArray<TaskIR> })
    ).toEqual([])
  })
})
