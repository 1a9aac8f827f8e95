import { describe, expect, test } from "vitest"
import {
  analyzeDependencies,
  criticalPath,
  cycleText,
  dependencyGraph,
  findCycle,
  levels,
  stagesOf,
  topologicalOrder
} from "../../src/model/dependencies.ts"

const chain = (n: number) => {
  const ids = Array.from({ length: n }, (_, i) => `t${i}`)
  return dependencyGraph(
    ids,
    new Map(ids.map((id, i) => [id, i])),
    ids.map((_, i) => (i === 0 ? [] : [i - 1]))
  )
}

describe("a chain of 100,000 tasks overflows no stack", () => {
  const graph = chain(100_000)
  test("order, levels, critical path", () => {
    expect(topologicalOrder(graph).length).toBe(100_000)
    expect(levels(graph)[99_999]).toBe(99_999)
    expect(criticalPath(graph, new Float64Array(100_000).fill(1)).length).toBe(100_000)
  })
  test("V-05 one cycle over 20,000 tasks is found in under a second, its text abbreviated", () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `t${i}`)
    const ring = dependencyGraph(
      ids,
      new Map(ids.map((id, i) => [id, i])),
      ids.map((_, i) => [(i + 19_999) % 20_000])
    )
    const start = performance.now()
    const cycle = findCycle(ring)!

    expect(cycle.length).toBe(20_001)
    expect(cycle[0]).toBe(cycle.at(-1))
    expect(cycleText(cycle).length).toBeLessThan(200)
    expect(performance.now() - start).toBeLessThan(1_000)
  })
})

test("Z01 a chain through a popular task comes in dependency order, not by number of dependencies", () => {
  // hub has more dependencies than last, which needs it
  const graph = analyzeDependencies({ last: ["hub"], hub: ["a", "b", "c"], a: [], b: [], c: [] })
  const order = [...topologicalOrder(graph)].map((i) => graph.ids[i])

  expect(order.indexOf("hub")).toBeGreaterThan(Math.max(order.indexOf("a"), order.indexOf("b"), order.indexOf("c")))
  expect(order.indexOf("last")).toBeGreaterThan(order.indexOf("hub"))
})

test("a cycle is named along its edges; a task behind it is not part of it", () => {
  const edges: Record<string, Array<string>> = { a: ["b"], b: ["c"], c: ["a"], behind: ["a"], free: [] }
  const cycle = findCycle(analyzeDependencies(edges))!

  for (let i = 0; i + 1 < cycle.length; i++) expect(edges[cycle[i]!]).toContain(cycle[i + 1])
  expect(cycle).not.toContain("behind")
})

test("a diamond: stages, critical path and slack", () => {
  const graph = analyzeDependencies({ a: [], slow: ["a"], fast: ["a"], z: ["slow", "fast"] })
  const { path, length, slack, earliestStart } = criticalPath(graph, [1, 10, 2, 1])

  expect(stagesOf(graph)).toEqual([["a"], ["slow", "fast"], ["z"]])
  expect(path).toEqual(["a", "slow", "z"])
  expect(length).toBe(12)
  expect([...slack]).toEqual([0, 0, 8, 0])
  expect([...earliestStart]).toEqual([0, 1, 1, 11])
})

test("repeated edges count once", () => {
  const graph = analyzeDependencies({ a: [], b: ["a", "a", "a"] })

  expect([...graph.predecessors]).toEqual([0])
})
