/**
 * Where the states and edges of a chart stand. Edges with the same ends are drawn as one line with several labels. This layout is
 * quick, and stands until a better one is worked out beside (`better.ts`), or for good where no worker may be started.
 */
import type { ChartShape, EdgeShape, StateShape } from "../../src/inspect/shape.ts"
import { dependencyGraph } from "../../src/model/dependencies.ts"
import { layered } from "../dag/layered.ts"
import { plain } from "../format.ts"

export interface Box {
  readonly id: string
  readonly state: StateShape
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly depth: number
  /** Of an atomic state: what stands in it below its name. */
  readonly notes: ReadonlyArray<string>
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** All edges between two states. */
export interface Wire {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly edges: ReadonlyArray<EdgeShape>
  readonly lines: ReadonlyArray<Line>
  readonly points: ReadonlyArray<Point>
  /** Whether it is a curve through the points, or straight lines with rounded corners. */
  readonly isCurve: boolean
  /** Top left corner and size of its labels. */
  readonly label: Point & { readonly width: number; readonly height: number }
}

/** A line of a label. */
export interface Line {
  readonly event: string
  readonly guard: string
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly boxes: ReadonlyArray<Box>
  readonly wires: ReadonlyArray<Wire>
}

export const titleHeight = 28
export const noteHeight = 15
export const lineHeight = 15
const characterWidth = 6.4
/** Labels longer than this are cut; the table has all. */
const textMost = 30
/** Lines of one label that are drawn; the table has all. */
export const linesMost = 4
const notesMost = 3

export const widthOf = (text: string): number => text.length * characterWidth
export const cut = (text: string): string => plain(text, textMost)

/** Actions are many and long: they stand in the table, and in the title of the line. */
export const linesOf = (edges: ReadonlyArray<EdgeShape>): ReadonlyArray<Line> =>
  edges.slice(0, linesMost).map(({ event, guard }) => ({
    event: cut(event === "" ? "always" : event),
    guard: guard === undefined ? "" : `[${cut(guard)}]`
  }))

export const labelSize = (edges: ReadonlyArray<EdgeShape>): { readonly width: number; readonly height: number } => {
  const lines = linesOf(edges)
  const width = Math.max(...lines.map(({ event, guard }) => widthOf(guard === "" ? event : `${event} ${guard}`)))
  return { width: width + 10, height: (lines.length + (edges.length > linesMost ? 1 : 0)) * lineHeight + 4 }
}

export const notesOf = ({ entry, invokes }: StateShape): ReadonlyArray<string> => {
  const all = [...(entry ?? []).map((one) => `entry / ${one}`), ...(invokes ?? []).map((one) => `invokes ${one}`)]
  return all.length <= notesMost
    ? all.map(cut)
    : [...all.slice(0, notesMost - 1).map(cut), `and ${all.length - notesMost + 1} more`]
}

export const boxSize = (state: StateShape): { readonly width: number; readonly height: number } => {
  const notes = notesOf(state)
  const width = Math.max(widthOf(cut(state.key)) * 1.12 + 44, ...notes.map((note) => widthOf(note) * 0.9 + 22), 88)
  return { width: Math.ceil(width), height: titleHeight + (notes.length === 0 ? 4 : notes.length * noteHeight + 8) }
}

/** Edges by their ends; those that stay in their state and only do something are not drawn. */
export const bundled = (
  shape: ChartShape
): ReadonlyArray<readonly [from: string, to: string, ReadonlyArray<EdgeShape>]> => {
  const known = new Set(shape.states.map(({ id }) => id))
  const ends = new Map<string, [string, string, Array<EdgeShape>]>()
  for (const edge of shape.edges) {
    if (edge.isInternal === true || !known.has(edge.from) || !known.has(edge.to)) continue
    const key = `${edge.from}\n${edge.to}`
    const found = ends.get(key)
    if (found === undefined) ends.set(key, [edge.from, edge.to, [edge]])
    else found[2].push(edge)
  }
  return [...ends.values()]
}

export const childrenOf = (shape: ChartShape): ReadonlyMap<string | undefined, ReadonlyArray<StateShape>> => {
  const known = new Set(shape.states.map(({ id }) => id))
  const children = new Map<string | undefined, Array<StateShape>>()
  for (const state of shape.states) {
    const parent = state.parent !== undefined && known.has(state.parent) ? state.parent : undefined
    const list = children.get(parent)
    if (list === undefined) children.set(parent, [state])
    else list.push(state)
  }
  return children
}

/** The root is the picture itself when it has states in it. */
export const topOf = (shape: ChartShape): string | undefined => {
  const root = shape.states.find(({ parent }) => parent === undefined)
  return root !== undefined && shape.states.some(({ parent }) => parent === root.id) ? root.id : undefined
}

/** What is inside of one state, placed from (0, 0) on. */
interface Placed {
  readonly boxes: ReadonlyArray<Box>
  readonly wires: ReadonlyArray<Wire>
  readonly width: number
  readonly height: number
}

/** Room around what is inside of a state. */
const margin = 18
const spacing = { node: 22, rank: 26 }
/** Above a state, where a wire goes out and comes back to it. */
const loopHeight = 24

type Bundle = ReturnType<typeof bundled>[number]

/**
 * Layers from above to below, as the workflow's graph has them from left to right. The label of a wire is a node of its own between
 * the two states, so that it covers nothing.
 */
export const quickLayout = (shape: ChartShape): Layout => {
  const children = childrenOf(shape)
  const bundles = bundled(shape)
  const parents = new Map(shape.states.map(({ id, parent }) => [id, parent]))
  const top = topOf(shape)
  const inside = placedIn(top, 0)
  return {
    width: inside.width + margin * 2,
    height: inside.height + margin * 2,
    boxes: inside.boxes.map((box) => ({ ...box, x: box.x + margin, y: box.y + margin })),
    wires: inside.wires.map((wire) => movedBy(wire, margin, margin))
  }

  /** The state of this level that a state is, or is inside of. */
  function lifted(id: string, parent: string | undefined): string | undefined {
    let at: string | undefined = id
    while (at !== undefined && parents.get(at) !== parent) at = parents.get(at)
    return at
  }

  function placedIn(parent: string | undefined, depth: number): Placed {
    const states = children.get(parent) ?? []
    const here = new Map(states.map(({ id }, i) => [id, i]))
    const inner = states.map(({ id }) => (children.has(id) ? placedIn(id, depth + 1) : undefined))
    const own = bundles.flatMap((bundle) => {
      const from = here.get(lifted(bundle[0], parent) ?? "")
      const to = here.get(lifted(bundle[1], parent) ?? "")
      return from === undefined || to === undefined ? [] : [{ bundle, from, to }]
    })
    const isLoop = ({ bundle: [from, to] }: (typeof own)[number]) => from === to
    const loops = own.filter((one) => isLoop(one) && here.has(one.bundle[0]))
    // what goes from a state to one inside of it, or out of it, is drawn where both are
    const wires = own.filter((one) => one.from !== one.to)
    const loopOf = (i: number) => loops.find(({ from }) => from === i)
    const sizes = states.map((state, i) => {
      const size = boxSize(state)
      const within = inner[i]
      const label = loopOf(i) === undefined ? { width: 0, height: 0 } : labelSize(loopOf(i)!.bundle[2])
      const box =
        within === undefined
          ? size
          : {
              width: Math.max(size.width, within.width + margin * 2),
              height: within.height + titleHeight + margin * 1.75
            }
      return {
        box,
        // a loop takes room above its state
        width: Math.max(box.width, label.width),
        height: box.height + (label.height === 0 ? 0 : label.height + loopHeight)
      }
    })
    const order = orderOf(states, wires)
    const labels = wires.map(({ bundle }) => labelSize(bundle[2]))
    const count = states.length
    const before: Array<Array<number>> = Array.from({ length: count + wires.length }, () => [])
    for (const [w, { from, to }] of wires.entries()) {
      const [first, second] = order[from]! < order[to]! ? [from, to] : [to, from]
      before[count + w]!.push(first)
      before[second]!.push(count + w)
    }
    const ids = before.map((_, i) => String(i))
    const graph = dependencyGraph(ids, new Map(ids.map((id, i) => [id, i])), before)
    // the layers of the other graph stand side by side: here width and height change their places
    const laid = layered(
      graph,
      [...sizes, ...labels].map(({ width, height }) => ({ w: height, h: width })),
      spacing
    )
    const route = (from: number, to: number): ReadonlyArray<Point> => {
      for (let k = graph.successorStart[from]!; k < graph.successorStart[from + 1]!; k++)
        if (graph.successors[k] === to) {
          const points = laid.routes[k]!
          return Array.from({ length: points.length / 2 }, (_, i) => ({ x: points[i * 2 + 1]!, y: points[i * 2]! }))
        }
      return []
    }
    const boxes: Array<Box> = []
    const drawn: Array<Wire> = []
    for (const [i, state] of states.entries()) {
      const { box, width, height } = sizes[i]!
      const x = laid.y[i]! + (width - box.width) / 2
      const y = laid.x[i]! + height - box.height
      const within = inner[i]
      boxes.push({ id: state.id, state, x, y, ...box, depth, notes: within === undefined ? notesOf(state) : [] })
      for (const one of within?.boxes ?? [])
        boxes.push({ ...one, x: one.x + x + margin, y: one.y + y + titleHeight + margin * 0.75 })
      for (const one of within?.wires ?? []) drawn.push(movedBy(one, x + margin, y + titleHeight + margin * 0.75))
      const loop = loopOf(i)
      if (loop !== undefined) drawn.push(loopWire(loop.bundle, boxes.find(({ id }) => id === state.id)!))
    }
    const byId = new Map(boxes.map((box) => [box.id, box]))
    for (const [w, { bundle, from, to }] of wires.entries()) {
      const isOnward = order[from]! < order[to]!
      const [first, second] = isOnward ? [from, to] : [to, from]
      const down = [...route(first, count + w), ...route(count + w, second)]
      const points = isOnward ? down : down.reverse()
      const label = {
        x: laid.y[count + w]!,
        y: laid.x[count + w]!,
        ...labels[w]!
      }
      drawn.push(wireOf(bundle, reaching(points, byId.get(bundle[0])!, byId.get(bundle[1])!, isOnward), label))
    }
    return { boxes, wires: drawn, width: laid.height, height: laid.width }
  }
}

/** States in the order in which a walk from the initial one meets them; ends come last. Wires against it go up. */
const orderOf = (
  states: ReadonlyArray<StateShape>,
  wires: ReadonlyArray<{ readonly from: number; readonly to: number }>
): ReadonlyArray<number> => {
  const order = new Array<number>(states.length).fill(-1)
  let next = 0
  const first = states.findIndex(({ isInitial }) => isInitial)
  const starts = [...(first < 0 ? [] : [first]), ...states.keys()]
  for (const start of starts) {
    const queue = order[start] === -1 && states[start]!.type !== "final" ? [start] : []
    if (queue.length > 0) order[start] = next++
    for (let i = 0; i < queue.length; i++)
      for (const { from, to } of wires)
        if (from === queue[i] && order[to] === -1 && states[to]!.type !== "final") {
          order[to] = next++
          queue.push(to)
        }
  }
  return order.map((place) => (place === -1 ? next++ : place))
}

/** The ends of a wire lie at the very states, which may be inside of those that were placed. */
const reaching = (points: ReadonlyArray<Point>, from: Box, to: Box, isOnward: boolean): ReadonlyArray<Point> => {
  const within = (x: number, box: Box) => Math.max(box.x + 8, Math.min(box.x + box.width - 8, x))
  const first = points[0]!
  const last = points.at(-1)!
  const start = { x: within(first.x, from), y: isOnward ? from.y + from.height : from.y }
  const end = { x: within(last.x, to), y: isOnward ? to.y : to.y + to.height }
  return [
    start,
    ...(Math.abs(start.y - first.y) > 1 ? [first] : []),
    ...points.slice(1, -1),
    ...(Math.abs(end.y - last.y) > 1 ? [last] : []),
    end
  ]
}

const wireOf = ([from, to, edges]: Bundle, points: ReadonlyArray<Point>, label: Wire["label"]): Wire => ({
  id: `${from} ${to}`,
  from,
  to,
  edges,
  lines: linesOf(edges),
  points,
  isCurve: true,
  label
})

const loopWire = (bundle: Bundle, box: Box): Wire => {
  const x = box.x + box.width / 2
  const size = labelSize(bundle[2])
  return wireOf(
    bundle,
    [
      { x: x - 14, y: box.y },
      { x: x - 14, y: box.y - loopHeight + 6 },
      { x: x + 14, y: box.y - loopHeight + 6 },
      { x: x + 14, y: box.y }
    ],
    { x: x - size.width / 2, y: box.y - loopHeight - size.height, ...size }
  )
}

const movedBy = (wire: Wire, x: number, y: number): Wire => ({
  ...wire,
  points: wire.points.map((point) => ({ x: point.x + x, y: point.y + y })),
  label: { ...wire.label, x: wire.label.x + x, y: wire.label.y + y }
})

/** The path of a wire, with rounded corners where it is made of straight lines. */
export const pathOf = ({ points, isCurve, from, to }: Wire): string => {
  const [first, ...rest] = points
  if (first === undefined) return ""
  let d = `M${round(first.x)} ${round(first.y)}`
  for (const [i, { x, y }] of rest.entries()) {
    const after = rest[i + 1]
    const before = i === 0 ? first : rest[i - 1]!
    if (isCurve && from !== to) {
      // it leaves and comes upright
      const bend = (y - before.y) / 2
      d +=
        Math.abs(x - before.x) < 0.5
          ? `L${round(x)} ${round(y)}`
          : `C${round(before.x)} ${round(before.y + bend)} ${round(x)} ${round(y - bend)} ${round(x)} ${round(y)}`
      continue
    }
    if (after === undefined) {
      d += `L${round(x)} ${round(y)}`
      continue
    }
    const r = Math.min(6, Math.hypot(x - before.x, y - before.y) / 2, Math.hypot(after.x - x, after.y - y) / 2)
    const into = toward({ x, y }, before, r)
    const out = toward({ x, y }, after, r)
    d += `L${round(into.x)} ${round(into.y)}Q${round(x)} ${round(y)} ${round(out.x)} ${round(out.y)}`
  }
  return d
}

const toward = (from: Point, to: Point, by: number): Point => {
  const far = Math.hypot(to.x - from.x, to.y - from.y)
  return far === 0 ? from : { x: from.x + ((to.x - from.x) / far) * by, y: from.y + ((to.y - from.y) / far) * by }
}
const round = (value: number) => Math.round(value * 10) / 10
