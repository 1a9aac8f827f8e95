// Policies that can be and do not go together: a word about each where it makes no sense, and none where it does.
import { validate } from "troupe"
import { describe, expect, test } from "vitest"
import { decodeDocument } from "../../src/model/document.ts"

const warnings = (tasks: ReadonlyArray<object>, more: object = {}) => {
  const { ir, problems } = decodeDocument({ ir: 1, name: "w", tasks, ...more })
  expect(problems).toEqual([])
  const found = validate(ir!)
  for (const { severity, message, hint } of found) {
    expect(severity).toBe("warning")
    expect([message, hint]).not.toContain("")
  }
  return found.map(({ code, path }) => `${code} ${path}`)
}

const undo = { task: "free" }
const hotel = { id: "hotel", task: "reserve", undo }
const seats = { id: "seats", task: "book", undo, after: ["flight"] }
const mail = { kind: "http", method: "POST", url: "https://mail.example/send" }

describe("a task that is not undone where others are", () => {
  const flight = (more: object) => [hotel, { id: "flight", after: ["hotel"], ...more }, seats]
  test("leaves its effect behind when a later one fails: code, agents, programs, requests that change something", () => {
    for (const work of [{ task: "fly" }, { needs: "fly" }, { kind: "shell", argv: ["fly"] }, mail])
      expect(warnings(flight(work))).toEqual(["UNDO_MISSING /tasks/1"])
    expect(warnings(flight({ kind: "map", over: 3, each: { task: "fly" } }))).toEqual(["UNDO_MISSING /tasks/1"])
  })
  test("also where what fails comes much later", () => {
    const late = [
      hotel,
      { id: "flight", task: "fly" },
      { id: "pause", kind: "sleep", durationMs: 5, after: ["flight"] }
    ]
    expect(warnings([...late, { id: "end", task: "x", after: ["pause"] }])).toEqual(["UNDO_MISSING /tasks/1"])
    expect(warnings([...late, { id: "end", kind: "noop", after: ["pause"] }])).toEqual([])
  })
  test("is fine where it has an undo, says that there is nothing to undo, or changes nothing", () => {
    const get = { kind: "http", url: "https://fly.example/seats" }
    for (const more of [
      { task: "fly", undo },
      { task: "fly", undo: { kind: "noop" } },
      { kind: "map", over: 3, each: { task: "fly", undo } },
      { task: "fly", cache: { ttlMs: 5 } },
      { task: "fly", type: "compute" },
      { kind: "echo" },
      { kind: "sleep", durationMs: 5 },
      get,
      { ...get, method: "HEAD" }
    ])
      expect(warnings(flight(more))).toEqual([])
  })
  test("is fine where nothing is undone at all", () => {
    expect(
      warnings([
        { id: "a", task: "x" },
        { id: "b", task: "x", after: ["a"] }
      ])
    ).toEqual([])
  })
  test("is fine where nothing that comes after it can fail the run", () => {
    const last = (more: object) => [hotel, { id: "flight", task: "fly" }, { id: "seats", after: ["flight"], ...more }]
    for (const more of [
      { kind: "noop" },
      { task: "x", undo, onFailed: "continue" },
      { task: "x", undo, fallback: { value: 0 } },
      { kind: "gate", show: "?" },
      { kind: "map", over: 3, each: { task: "x", undo }, partial: true },
      { task: "x", undo, after: [{ task: "flight", on: "failed" }] }
    ])
      expect(warnings(last(more), { config: { onFailure: "continue" } })).toEqual([])
    for (const more of [
      { task: "x", undo },
      { kind: "gate", withinMs: 5, otherwise: "fail" },
      { kind: "map", over: 3, each: { task: "x", undo } }
    ])
      expect(warnings(last(more))).toEqual(["UNDO_MISSING /tasks/1"])
  })
  test("is fine as a pivot, behind one, and before one that is the last that can fail only if it cannot itself", () => {
    const flow = (pivot: object) => [
      hotel,
      { id: "flight", task: "fly" },
      { id: "pay", ...pivot, pivot: true, after: ["flight", "hotel"] },
      { id: "mail", ...mail, after: ["pay"] },
      { id: "file", task: "x", after: ["mail"] }
    ]
    expect(warnings(flow({ kind: "noop" }))).toEqual([])
    expect(warnings(flow({ task: "pay" }))).toEqual(["UNDO_MISSING /tasks/1"])
    // far behind it too
    const late = [
      { id: "rest", task: "x", after: ["file"] },
      { id: "end", task: "x", after: ["rest"] }
    ]
    expect(warnings([...flow({ kind: "noop" }), ...late])).toEqual([])
  })
})

describe("a second pivot", () => {
  const pay = (id: string, more: object) => ({ id, task: "pay", pivot: true, ...more })
  test("makes nothing final when nothing that is undone can come between", () => {
    expect(warnings([hotel, pay("one", { after: ["hotel"] }), pay("two", { after: ["one"] })])).toEqual([
      "PIVOT_REPEATED /tasks/2/pivot"
    ])
  })
  test("is fine where something may come between, where the first may not happen, and side by side", () => {
    const between = { id: "car", task: "reserve", undo }
    expect(warnings([pay("one", {}), { ...between, after: ["one"] }, pay("two", { after: ["car"] })])).toEqual([])
    expect(warnings([pay("one", {}), between, pay("two", { after: ["one"] })])).toEqual([])
    expect(warnings([pay("one", { when: { $: "input.a" } }), pay("two", { after: ["one"] })])).toEqual([])
    expect(warnings([pay("one", { onFailed: "continue" }), pay("two", { after: ["one"] })])).toEqual([])
    expect(
      warnings([pay("one", { onFailed: "continue" }), pay("two", { after: [{ task: "one", on: "done" }] })])
    ).toEqual([])
    expect(warnings([pay("one", { fallback: { value: 0 } }), pay("two", { after: ["one"] })])).toEqual([])
    expect(warnings([pay("one", {}), pay("two", { after: [{ task: "one", on: "done" }] })])).toEqual([])
    // what stands inside another task may be undone
    const inside = { ir: 1, name: "inner", tasks: [hotel] }
    for (const whole of [
      { kind: "use", workflow: inside },
      { task: "plan", expand: true }
    ])
      expect(
        warnings([pay("one", {}), { id: "stay", ...whole, after: ["one"] }, pay("two", { after: ["stay"] })])
      ).toEqual([])
    expect(warnings([pay("one", {}), pay("two", {})])).toEqual([])
  })
})

describe("a call of something outside that is tried again", () => {
  const breakers = { bank: { failures: 3 } }
  const retry = { attempts: 3 }
  const call = (more: object) => [{ id: "call", kind: "http", url: "https://bank.example", retry, ...more }]
  test("passes no breaker, though the workflow has some", () => {
    expect(warnings(call({}), { breakers })).toEqual(["BREAKER_MISSING /tasks/0"])
    expect(warnings([{ id: "ask", needs: "bank", retry }], { breakers })).toEqual(["BREAKER_MISSING /tasks/0"])
    expect(warnings([...call({}), { id: "pay", task: "pay", breaker: "bank" }])).toEqual(["BREAKER_MISSING /tasks/0"])
    expect(warnings([{ id: "all", kind: "map", over: 3, each: { needs: "bank", retry } }], { breakers })).toEqual([
      "BREAKER_MISSING /tasks/0/each"
    ])
  })
  test("is fine with one, without a retry, where there are none, and for code, which may have its own", () => {
    expect(warnings(call({ breaker: "bank" }), { breakers })).toEqual([])
    expect(warnings(call({ retry: { attempts: 1 } }), { breakers })).toEqual([])
    expect(warnings(call({}))).toEqual([])
    expect(warnings([{ id: "pay", task: "pay", retry }], { breakers })).toEqual([])
  })
})

describe("a gate whose time is never over", () => {
  const config = { timeoutMs: 1_000 }
  const gate = (withinMs: number, otherwise: unknown) => [{ id: "ok", kind: "gate", withinMs, otherwise }]
  test("because the run ends before: what happens otherwise never does", () => {
    expect(warnings(gate(1_001, "fail"), { config })).toEqual(["DEADLINE_NEVER /tasks/0/withinMs"])
    expect(warnings(gate(1_001, { value: "no" }), { config })).toEqual(["DEADLINE_NEVER /tasks/0/withinMs"])
  })
  test("is fine where it is over before, or the run has time without end; and so is one that waits for ever", () => {
    expect(warnings(gate(1_000, "fail"), { config })).toEqual([])
    expect(warnings(gate(1_001, "fail"))).toEqual([])
    expect(warnings([{ id: "ok", kind: "gate" }], { config })).toEqual([])
  })
})

describe("a rollback", () => {
  const config = { recovery: { strategy: "rollback", to: "a" } }
  test("to a task that nothing waits for does nothing anew that comes from it", () => {
    expect(
      warnings(
        [
          { id: "a", task: "x" },
          { id: "b", task: "x" }
        ],
        { config }
      )
    ).toEqual(["ROLLBACK_NOTHING /config/recovery/to"])
  })
  test("is fine to one that others wait for, by order or by data", () => {
    expect(
      warnings(
        [
          { id: "a", task: "x" },
          { id: "b", task: "x", after: ["a"] }
        ],
        { config }
      )
    ).toEqual([])
    expect(
      warnings(
        [
          { id: "a", task: "x" },
          { id: "b", task: "x", input: { $: "a" } }
        ],
        { config }
      )
    ).toEqual([])
  })
})

test("a warning hides no other", () => {
  const agents = [{ id: "anna", can: ["sing"] }]
  const gate = { id: "ok", kind: "gate", show: "?" }
  expect(warnings([gate, { id: "fly", needs: "fly" }], { agents })).toEqual([
    "NO_AGENT /tasks/1",
    "GATE_NOT_AWAITED /tasks/1"
  ])
})

test("workflows inside are read on their own, and say where they stand", () => {
  const inner = { ir: 1, name: "inner", tasks: [hotel, { id: "flight", task: "fly" }, seats] }
  expect(warnings([{ id: "stay", kind: "use", workflow: inner }])).toEqual(["UNDO_MISSING /tasks/0/workflow/tasks/1"])
})

describe("a gate that nobody may ever answer", () => {
  const gate = (more: object) => [{ id: "ok", kind: "gate", ...more }] as never
  test("shows nothing, listens to nothing and waits for ever", () => {
    expect(warnings(gate({}))).toEqual(["GATE_UNHEARD /tasks/0"])
  })
  test.each([
    { show: { sum: 1 } },
    { signal: "paid" },
    { withinMs: 5, otherwise: "fail" },
    { name: "Approve the trip" },
    { description: "ask Ada" }
  ])("is fine with %j", (more) => {
    expect(warnings(gate(more))).toEqual([])
  })
  test("is fine in a run that ends some time", () => {
    expect(warnings(gate({}), { config: { timeoutMs: 1_000 } })).toEqual([])
  })
})
