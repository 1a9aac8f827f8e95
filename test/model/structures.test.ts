import { describe, expect, test } from "vitest"
import { Board } from "../../src/model/board.ts"
import { compileWorkflow } from "../../src/model/compile.ts"
import { Heap } from "../../src/model/heap.ts"
import type { TaskIR } from "../../src/model/ir.ts"
import { definition } from "../../src/model/nested.ts"
import { Lane, PriorityQueue } from "../../src/model/queue.ts"

const board = (tasks: Record<string, ReadonlyArray<string>>) =>
  new Board(
    compileWorkflow(
      definition({
        ir: 1,
        name: "w",
        tasks: Object.entries(tasks).map(([id, after]) => ({ id, kind: "noop", after }) as TaskIR)
      })
    ),
    null
  )
const ready = (of: Board) => of.agenda.splice(0)

describe("the board of a workflow", () => {
  test("a task is free when the last thing it waits for is final, once", () => {
    const b = board({ a: [], b: [], c: ["a", "b"] })
    b.begin()
    expect(ready(b)).toEqual([0, 1])
    b.settle(0, "succeeded", 1)
    b.settle(0, "succeeded", 2)
    expect(ready(b)).toEqual([])
    expect(b.values[0]).toBe(1)
    b.settle(1, "skipped", undefined)
    expect(ready(b)).toEqual([2])
    expect([b.open, b.succeeded, b.skipped]).toEqual([1, 1, 1])
  })
  test("what waits for a failure is skipped, directly and through others, and nothing else", () => {
    const b = board({ a: [], x: [], b: ["a"], c: ["b", "x"], d: ["x"] })
    b.fail(0, { tag: "E", message: "m", retryable: false })
    b.skipBehind(0)
    expect(["a", "x", "b", "c", "d"].map((_, i) => b.statusOf(i))).toEqual([
      "failed",
      "pending",
      "skipped",
      "skipped",
      "pending"
    ])
    expect(b.failureOf(0)?.message).toBe("m")
  })
  test("B04 injected edges hold a task back until their source is final", () => {
    const b = board({ a: [], x: [], b: ["a"] })
    expect(b.inject([{ from: "x", to: "b" }])).toEqual([])
    b.settle(0, "succeeded", null)
    expect(ready(b)).toEqual([])
    b.settle(1, "succeeded", null)
    expect(ready(b)).toEqual([2])
  })
  test("B04 edges are injected whole or refused whole, with each reason", () => {
    const b = board({ a: [], b: ["a"], c: ["b"], d: [] })
    b.mark(3, "running")
    const problems = b.inject([
      { from: "a", to: "c" },
      { from: "c", to: "b" },
      { from: "zz", to: "c" },
      { from: "a", to: "d" }
    ])

    expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
      "GRAPH_CYCLE /edges/1/to",
      "DEP_UNKNOWN /edges/2/from",
      "DEP_UNKNOWN /edges/3/to"
    ])
    b.settle(0, "succeeded", null)
    b.settle(1, "succeeded", null)
    expect(ready(b)).toEqual([1, 2])
  })
  test("B04 two edges that make a cycle only together are refused", () => {
    const b = board({ a: [], b: [] })
    expect(
      b
        .inject([
          { from: "a", to: "b" },
          { from: "b", to: "a" }
        ])
        .map(({ code }) => code)
    ).toEqual(["GRAPH_CYCLE"])
  })
})

describe("queues", () => {
  test("higher priorities first, first in first out within one", () => {
    const q = new PriorityQueue<string>()
    for (const [item, priority] of [
      ["a", 50],
      ["b", 50],
      ["c", 100],
      ["d", 0],
      ["e", 50]
    ] as const)
      q.push(item, priority)
    const order: Array<string | undefined> = []
    while (q.size > 0) order.push(q.pop())
    expect(order).toEqual(["c", "a", "b", "e", "d"])
    expect(q.pop()).toBeUndefined()
  })
  test("a queue that was emptied takes other priorities", () => {
    const q = new PriorityQueue<number>()
    q.push(1, 50)
    q.pop()
    q.push(2, 10)
    q.push(3, 90)
    expect([q.pop(), q.pop(), q.size]).toEqual([3, 2, 0])
  })
  test("a lane that never empties does not grow with what passed through", () => {
    const lane = new Lane<number>()
    lane.push(-1)
    for (let i = 0; i < 10_000; i++) {
      lane.push(i)
      lane.shift()
    }
    expect(lane.size).toBe(1)
    expect(lane.shift()).toBe(9_999)
  })
  test("a heap gives the least first", () => {
    const heap = new Heap<number>((a, b) => a < b)
    const values = Array.from({ length: 500 }, (_, i) => (i * 7919) % 503)
    for (const value of values) heap.push(value)
    const out: Array<number> = []
    while (heap.size > 0) out.push(heap.pop()!)
    expect(out).toEqual([...values].sort((a, b) => a - b))
  })
})
