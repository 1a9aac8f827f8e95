// The whole of the small scope; `npm run exhaust` adds pairs of families on graphs of three tasks.
import { expect, test } from "vitest"
import { exhaust, graphs } from "./exhaust.ts"

test("there are 40 graphs of up to four tasks", () => {
  expect([1, 2, 3, 4].map((tasks) => graphs(tasks).length)).toEqual([1, 2, 6, 31])
})

test("every single fault at every place of every graph of up to four tasks, and every pair on those of two", async () => {
  const { violations, executions, graphs: count } = await exhaust({ tasks: 4, pairsUpTo: 2 })

  expect(violations).toEqual([])
  expect(count).toBe(40)
  expect(executions).toBeGreaterThan(20_000)
}, 180_000)
