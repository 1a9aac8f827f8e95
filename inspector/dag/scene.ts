/**
 * The graph as it is drawn: boxes for the parts that are shown, an open one around its own parts, and the ways of the wires between
 * them. Depends on the structure and on what is open, never on statuses: those change all the time.
 */
import { type Box, BoxIndex } from "../picture/boxes.ts"
import type { Part, Parts, Structure, Wire } from "../picture/structure.ts"
import { type Laid, layered, type Sized } from "./layered.ts"

export interface SceneNode extends Box {
  readonly path: string
  readonly part: Part
  readonly isOpen: boolean
  /** How many open boxes are around it. */
  readonly depth: number
  /** A small square without a name: one of many items. */
  readonly isCell: boolean
  /** Place of the box around it. */
  readonly around: number
}

export interface SceneEdge {
  readonly from: number
  readonly to: number
  readonly wire: Pick<Wire, "trigger" | "isOrder">
  /** Whether the task at its end is asked first whether it should happen. */
  readonly isConditional: boolean
  /** Points, x and y by turns. */
  readonly points: ReadonlyArray<number>
  readonly style: Laid["style"]
}

export interface Scene {
  readonly nodes: ReadonlyArray<SceneNode>
  readonly edges: ReadonlyArray<SceneEdge>
  readonly places: ReadonlyMap<string, number>
  readonly box: Box
  readonly nodesByPlace: BoxIndex
  readonly edgesByPlace: BoxIndex
  /** Edges by their ends. */
  readonly leaving: ReadonlyMap<number, ReadonlyArray<number>>
  readonly coming: ReadonlyMap<number, ReadonlyArray<number>>
  /** Whether the way of an edge was laid by ELK. */
  readonly isFine: boolean
}

export const sizes = {
  task: { w: 188, h: 46 },
  scope: { w: 228, h: 58 },
  item: { w: 148, h: 30 },
  cell: { w: 22, h: 22 }
} as const
/** Inside an open box: room at its sides, and for its name. */
const pad = 18
const head = 42
/** Items that still have names. */
const namedMost = 48

/** A layout that somebody has made of a scope, by its path; it holds only for the sizes that it was made with. */
export interface Known {
  readonly key: string
  readonly laid: Laid
}

/** What has to be laid out for a scope. */
export interface Task {
  readonly path: string
  readonly key: string
  readonly parts: Parts
  readonly sizes: ReadonlyArray<Sized>
}

export interface Block {
  readonly path: string
  readonly parts: Parts
  readonly sizes: ReadonlyArray<Sized>
  readonly isCell: boolean
  readonly laid: Laid
  readonly inner: ReadonlyMap<number, Block>
}

/** Layouts that were made before, by graph and sizes. */
const remembered = new WeakMap<object, Map<string, Laid>>()

/** A scene, what an own layout was taken for, the innermost first: for somebody who can do better; and what it was made of. */
export interface Made {
  readonly scene: Scene
  readonly tasks: ReadonlyArray<Task>
  readonly block: Block
}

/** The scene of what is open. The same as `before` where nothing that is drawn has changed: it need not be drawn anew then. */
export const sceneOf = (
  structure: Structure,
  open: ReadonlySet<string>,
  known: ReadonlyMap<string, Known>,
  before?: Made
): Made => {
  const tasks: Array<Task> = []
  let isFine = true
  const measure = (path: string, depth: number): Block => {
    const parts = structure.parts(path)
    const isCell = parts.arrangement === "grid" && parts.parts.length > namedMost
    const inner = new Map<number, Block>()
    const boxes = parts.parts.map((part, i): Sized => {
      if (part.mayOpen && open.has(part.path) && depth < deepest) {
        const block = measure(part.path, depth + 1)
        if (block.parts.parts.length > 0) {
          inner.set(i, block)
          return { w: Math.max(200, block.laid.width + 2 * pad), h: block.laid.height + pad + head }
        }
      }
      return isCell
        ? sizes.cell
        : parts.arrangement === "grid"
          ? sizes.item
          : hasInside(part)
            ? sizes.scope
            : sizes.task
    })
    if (parts.arrangement === "grid") return { path, parts, sizes: boxes, isCell, laid: gridLaid(boxes, inner), inner }
    const key = `${parts.graph.size}:${parts.graph.successors.length}:${boxes.map(({ w, h }) => `${Math.round(w)}x${Math.round(h)}`).join()}`
    tasks.push({ path, key, parts, sizes: boxes })
    const better = known.get(path)
    if (better !== undefined && better.key === key)
      return { path, parts, sizes: boxes, isCell, laid: better.laid, inner }
    isFine = false
    const before = remembered.get(parts.graph)?.get(key)
    const laid = before ?? layered(parts.graph, boxes)
    if (before === undefined) {
      const made = remembered.get(parts.graph) ?? new Map<string, Laid>()
      if (made.size < 16) made.set(key, laid)
      remembered.set(parts.graph, made)
    }
    return { path, parts, sizes: boxes, isCell, laid, inner }
  }
  const block = measure("", 0)
  const isSame = before !== undefined && before.scene.isFine === isFine && isAlike(block, before.block)
  return { scene: isSame ? before.scene : drawn(block, isFine), tasks, block }
}

/** Whether two blocks are drawn alike. */
const isAlike = (a: Block, b: Block): boolean => {
  if (a.laid !== b.laid || a.parts.parts.length !== b.parts.parts.length || a.inner.size !== b.inner.size) return false
  for (const [i, inner] of a.inner) {
    const other = b.inner.get(i)
    if (other === undefined || !isAlike(inner, other)) return false
  }
  return (
    a.parts.parts === b.parts.parts ||
    a.parts.parts.every(({ path, mayOpen, kind }, i) => {
      const other = b.parts.parts[i]!
      return path === other.path && mayOpen === other.mayOpen && kind === other.kind
    })
  )
}

/** Whether it is a thing of many, opened or not, so that it keeps its size when its first part comes. */
export const hasInside = ({ kind, mayOpen }: Part): boolean =>
  mayOpen || kind === "fan-out" || kind === "workflow" || kind === "branch" || kind === "loop" || kind === "plan"

/** Boxes inside boxes; deeper ones stay closed. */
const deepest = 12

const grids = new Map<string, Laid>()
/** Most grids that are remembered. */
const gridsMost = 500

/** Items side by side, open ones below. */
const gridLaid = (boxes: ReadonlyArray<Sized>, inner: ReadonlyMap<number, Block>): Laid => {
  if (inner.size > 0 || boxes.length === 0) return gridMade(boxes, inner)
  const key = `${boxes.length}:${boxes[0]!.w}:${boxes[0]!.h}`
  const made = grids.get(key) ?? gridMade(boxes, inner)
  if (grids.size >= gridsMost) grids.clear()
  grids.set(key, made)
  return made
}

const gridMade = (boxes: ReadonlyArray<Sized>, inner: ReadonlyMap<number, Block>): Laid => {
  const closed = boxes.length - inner.size
  const first = boxes.find((_, i) => !inner.has(i)) ?? sizes.item
  const gap = first.w === sizes.cell.w ? 4 : 10
  // a little wider than high, which is how screens are
  const columns = Math.max(1, Math.ceil(Math.sqrt((closed * 1.6 * (first.h + gap)) / (first.w + gap))))
  const x = new Float64Array(boxes.length)
  const y = new Float64Array(boxes.length)
  let n = 0
  let width = 0
  boxes.forEach(({ w, h }, i) => {
    if (inner.has(i)) return
    x[i] = (n % columns) * (w + gap)
    y[i] = Math.floor(n / columns) * (h + gap)
    width = Math.max(width, x[i]! + w)
    n++
  })
  let height = n === 0 ? 0 : Math.ceil(n / columns) * (first.h + gap) - gap
  boxes.forEach(({ w, h }, i) => {
    if (!inner.has(i)) return
    if (height > 0) height += 14
    y[i] = height
    height += h
    width = Math.max(width, w)
  })
  return { x, y, width, height, rank: [], routes: [], style: "smooth" }
}

const drawn = (root: Block, isFine: boolean): Scene => {
  const nodes: Array<SceneNode> = []
  const edges: Array<SceneEdge> = []
  const draw = (block: Block, left: number, top: number, depth: number, around: number): void => {
    const { parts, laid, sizes: boxes } = block
    const first = nodes.length
    const places: Array<number> = []
    parts.parts.forEach((part, i) => {
      places.push(nodes.length)
      nodes.push({
        path: part.path,
        part,
        x: left + laid.x[i]!,
        y: top + laid.y[i]!,
        w: boxes[i]!.w,
        h: boxes[i]!.h,
        isOpen: block.inner.has(i),
        depth,
        isCell: block.isCell && !block.inner.has(i),
        around
      })
    })
    if (laid.routes.length > 0) {
      const { successorStart, successors, size } = parts.graph
      const wires = new Map(parts.wires.map((wire) => [wire.from * size + wire.to, wire]))
      for (let from = 0; from < size; from++)
        for (let k = successorStart[from]!; k < successorStart[from + 1]!; k++) {
          const to = successors[k]!
          const points = laid.routes[k]!
          if (points.length === 0) continue
          edges.push({
            from: first + from,
            to: first + to,
            wire: wires.get(from * size + to) ?? { trigger: undefined, isOrder: true },
            isConditional: parts.parts[to]!.isConditional,
            points: points.map((value, i) => value + (i % 2 === 0 ? left : top)),
            style: laid.style
          })
        }
    }
    for (const [i, inner] of block.inner)
      draw(inner, left + laid.x[i]! + pad, top + laid.y[i]! + head, depth + 1, places[i]!)
  }
  draw(root, 0, 0, 0, -1)
  const leaving = new Map<number, Array<number>>()
  const coming = new Map<number, Array<number>>()
  const put = (map: Map<number, Array<number>>, key: number, edge: number) => {
    const list = map.get(key)
    if (list === undefined) map.set(key, [edge])
    else list.push(edge)
  }
  edges.forEach(({ from, to }, i) => {
    put(leaving, from, i)
    put(coming, to, i)
  })
  return {
    nodes,
    edges,
    places: new Map(nodes.map(({ path }, i) => [path, i])),
    box: { x: 0, y: 0, w: Math.max(1, root.laid.width), h: Math.max(1, root.laid.height) },
    nodesByPlace: new BoxIndex(nodes),
    edgesByPlace: new BoxIndex(edges.map(({ points }) => boxOf(points))),
    leaving,
    coming,
    isFine
  }
}

const boxOf = (points: ReadonlyArray<number>): Box => {
  let [left, top, right, bottom] = [points[0]!, points[1]!, points[0]!, points[1]!]
  for (let i = 2; i < points.length; i += 2) {
    left = Math.min(left, points[i]!)
    right = Math.max(right, points[i]!)
    top = Math.min(top, points[i + 1]!)
    bottom = Math.max(bottom, points[i + 1]!)
  }
  return { x: left, y: top, w: right - left, h: bottom - top }
}

/** The node that stands for a path: itself, or the closed box around it that is shown. */
export const shownFor = (
  scene: Scene,
  path: string | undefined,
  scopeOf: (path: string) => string
): number | undefined => {
  for (let at = path; at !== undefined && at !== ""; at = scopeOf(at)) {
    const place = scene.places.get(at)
    if (place !== undefined) return place
  }
  return undefined
}

/** Scenes between two others, for parts that are in both: how they move when a better layout has come. */
export const blended = (from: Scene, to: Scene, share: number): Scene => {
  if (share >= 1) return to
  const nodes = to.nodes.map((node) => {
    const place = from.places.get(node.path)
    if (place === undefined) return node
    const old = from.nodes[place]!
    const mix = (a: number, b: number) => a + (b - a) * share
    return { ...node, x: mix(old.x, node.x), y: mix(old.y, node.y), w: mix(old.w, node.w), h: mix(old.h, node.h) }
  })
  return {
    ...to,
    nodes,
    edges: to.edges.map((edge) => {
      const [a, b] = [nodes[edge.from]!, nodes[edge.to]!]
      return { ...edge, style: "smooth", points: [a.x + a.w, a.y + a.h / 2, b.x, b.y + b.h / 2] }
    })
  }
}
