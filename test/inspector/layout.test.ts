// The graph's own layout: nobody stands on somebody else, and every edge leads to the right.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { generate } from "../../inspector/bench/generate.ts"
import { type Laid, layered, type Sized } from "../../inspector/dag/layered.ts"
import { wiresOf } from "../../inspector/picture/wires.ts"
import { type DependencyGraph, dependencyGraph } from "../../src/model/dependencies.ts"

const graphOf = (lists: ReadonlyArray<ReadonlyArray<number>>): DependencyGraph => {
  const ids = lists.map((_, i) => `t${i}`)
  return dependencyGraph(ids, new Map(ids.map((id, i) => [id, i])), lists)
}

/** Graphs without a cycle: each waits for some that stand before it. */
const graphs = fc
  .array(fc.tuple(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), fc.nat({ max: 3 })), { minLength: 1, maxLength: 60 })
  .map((all) => ({
    graph: graphOf(all.map(([deps], i) => (i === 0 ? [] : [...new Set(deps.map((dep) => dep % i))]))),
    sizes: all.map(([, kind]): Sized => ({ w: 100 + 60 * kind, h: 30 + 45 * kind }))
  }))

const overlaps = ({ x, y }: Laid, sizes: ReadonlyArray<Sized>): ReadonlyArray<string> => {
  const order = [...sizes.keys()].sort((a, b) => x[a]! - x[b]!)
  const found: Array<string> = []
  for (let i = 0; i < order.length; i++)
    for (let k = i + 1; k < order.length; k++) {
      const [a, b] = [order[i]!, order[k]!]
      if (x[b]! >= x[a]! + sizes[a]!.w) break
      if (y[a]! < y[b]! + sizes[b]!.h - 0.01 && y[b]! < y[a]! + sizes[a]!.h - 0.01) found.push(`${a} and ${b}`)
    }
  return found
}

const backwards = ({ x }: Laid, sizes: ReadonlyArray<Sized>, graph: DependencyGraph): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let from = 0; from < graph.size; from++)
    for (let k = graph.successorStart[from]!; k < graph.successorStart[from + 1]!; k++)
      if (x[graph.successors[k]!]! < x[from]! + sizes[from]!.w) found.push(`${from} to ${graph.successors[k]}`)
  return found
}

describe("the layout of a graph", () => {
  test("no box stands on another one, and everybody stands to the right of whom it waits for", () => {
    fc.assert(
      fc.property(graphs, ({ graph, sizes }) => {
        const laid = layered(graph, sizes)
        expect(overlaps(laid, sizes)).toEqual([])
        expect(backwards(laid, sizes, graph)).toEqual([])
        expect(Math.min(...laid.x, ...laid.y)).toBeGreaterThanOrEqual(-0.01)
        sizes.forEach(({ w, h }, i) => {
          expect(laid.x[i]! + w).toBeLessThanOrEqual(laid.width + 0.01)
          expect(laid.y[i]! + h).toBeLessThanOrEqual(laid.height + 0.01)
        })
      }),
      { numRuns: 200 }
    )
  })

  test("every edge begins at the box it comes from, ends at the one it leads to, and never turns back", () => {
    fc.assert(
      fc.property(graphs, ({ graph, sizes }) => {
        const { routes, x, y } = layered(graph, sizes)
        for (let from = 0; from < graph.size; from++)
          for (let k = graph.successorStart[from]!; k < graph.successorStart[from + 1]!; k++) {
            const to = graph.successors[k]!
            const points = routes[k]!
            expect(points[0]).toBeCloseTo(x[from]! + sizes[from]!.w)
            expect(points.at(-2)).toBeCloseTo(x[to]!)
            expect(points[1]).toBeGreaterThanOrEqual(y[from]! - 0.01)
            expect(points[1]).toBeLessThanOrEqual(y[from]! + sizes[from]!.h + 0.01)
            expect(points.at(-1)).toBeGreaterThanOrEqual(y[to]! - 0.01)
            expect(points.at(-1)).toBeLessThanOrEqual(y[to]! + sizes[to]!.h + 0.01)
            for (let i = 2; i < points.length; i += 2) expect(points[i]).toBeGreaterThanOrEqual(points[i - 2]! - 0.01)
          }
      })
    )
  })

  test("ten thousand tasks in layers, and one that fans out to ten thousand, are laid out without an overlap", () => {
    const { graph } = wiresOf(generate({ seed: 3, shape: "layers", tasks: 10_000, part: 0 }).ir)
    const boxes = new Array<Sized>(graph.size).fill({ w: 188, h: 46 })
    const laid = layered(graph, boxes)
    expect(overlaps(laid, boxes)).toEqual([])
    expect(backwards(laid, boxes, graph)).toEqual([])
    const wide = graphOf([
      [],
      ...Array.from({ length: 10_000 }, () => [0]),
      Array.from({ length: 10_000 }, (_, i) => i + 1)
    ])
    const many = new Array<Sized>(wide.size).fill({ w: 188, h: 46 })
    const folded = layered(wide, many)
    expect(overlaps(folded, many)).toEqual([])
    expect(backwards(folded, many, wide)).toEqual([])
    // nobody scrolls through a column of half a million pixels
    expect(folded.height / folded.width).toBeLessThan(3)
  })

  test("the same graph is laid out the same", () => {
    const { graph } = wiresOf(generate({ seed: 3, shape: "layers", tasks: 300, part: 0 }).ir)
    const boxes = new Array<Sized>(graph.size).fill({ w: 188, h: 46 })
    expect(layered(graph, boxes)).toEqual(layered(graph, boxes))
  })
})
