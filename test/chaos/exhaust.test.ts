// The whole of the small scope; `npm run exhaust` adds pairs of families on graphs of three tasks.
import { expect, test } from "vitest"
import { exhaust, graphs } from "./exhaust.ts"

const none = { tasks: 0, pairsUpTo: 0 }

test("there are 40 graphs of up to four tasks", () => {
  expect([1, 2, 3, 4].map((tasks) => graphs(tasks).length)).toEqual([1, 2, 6, 31])
})

test("every single fault at every place of every graph of up to four tasks, and every pair on those of two", async () => {
  const { violations, executions, graphs: count } = await exhaust({ tasks: 4, pairsUpTo: 2 }, none)

  expect(violations).toEqual([])
  expect(count).toBe(40)
  expect(executions).toBeGreaterThan(20_000)
}, 180_000)

test("the same where every task can be undone and the last fails, up to three tasks", async () => {
  const { violations, byFamily, graphs: count } = await exhaust(none, { tasks: 3, pairsUpTo: 1 })

  expect(violations).toEqual([])
  expect(count).toBe(9)
  expect(byFamily["undo: crash"]).toBeGreaterThan(400)
  expect(byFamily["undo: operator"]).toBeGreaterThan(1_500)
  expect(byFamily["undo: crash × operator"]).toBeGreaterThan(500)
}, 180_000)
