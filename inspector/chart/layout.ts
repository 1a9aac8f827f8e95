/**
 * Where the states and edges of a chart stand. Edges with the same ends are drawn as one line with several labels. This layout is
 * quick and plain, and stands until a better one is worked out beside (`better.ts`).
 */
import type { ChartShape, EdgeShape, StateShape } from "../../src/inspect/shape.ts"
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
const padding = 16
/** Labels longer than this are cut; the table has all. */
const textMost = 30
/** Lines of one label that are drawn; the table has all. */
export const linesMost = 4
const notesMost = 3

export const widthOf = (text: string): number => Math.min(text.length, textMost + 1) * characterWidth
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
  const width = Math.max(widthOf(state.key) * 1.12 + 44, ...notes.map((note) => widthOf(note) * 0.9 + 22), 88)
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

interface Placed {
  readonly boxes: ReadonlyArray<Box>
  readonly width: number
  readonly height: number
}

/** Layers from left to right by the distance from the initial state; states of one layer below each other. */
export const quickLayout = (shape: ChartShape): Layout => {
  const children = childrenOf(shape)
  const wires = bundled(shape)
  const parents = new Map(shape.states.map(({ id, parent }) => [id, parent]))
  const place = (parent: string | undefined, depth: number): Placed => {
    const inside = children.get(parent) ?? []
    const sized = inside.map((state) => {
      const inner = children.has(state.id) ? place(state.id, depth + 1) : undefined
      const own = boxSize(state)
      const size =
        inner === undefined
          ? own
          : {
              width: Math.max(own.width, inner.width + padding * 2),
              height: inner.height + titleHeight + padding * 1.5
            }
      return { state, inner, ...size }
    })
    const isParallel = shape.states.find(({ id }) => id === parent)?.type === "parallel"
    const ranks = isParallel ? inside.map((_, i) => i) : ranksOf(inside, parent, wires, parents)
    const columns: Array<Array<(typeof sized)[number]>> = []
    for (const [i, one] of sized.entries()) (columns[ranks[i]!] ??= []).push(one)
    const filled = columns.filter((column) => column !== undefined)
    const gapY = 44
    const heights = filled.map((column) => column.reduce((sum, { height }) => sum + height + gapY, -gapY))
    const height = Math.max(0, ...heights)
    const boxes: Array<Box> = []
    let x = 0
    for (const [c, column] of filled.entries()) {
      const width = Math.max(...column.map((one) => one.width))
      let y = (height - heights[c]!) / 2
      for (const { state, inner, width: wide, height: high } of column) {
        const at = { x: x + (width - wide) / 2, y }
        boxes.push({
          id: state.id,
          state,
          ...at,
          width: wide,
          height: high,
          depth,
          notes: inner === undefined ? notesOf(state) : []
        })
        for (const box of inner?.boxes ?? [])
          boxes.push({ ...box, x: box.x + at.x + padding, y: box.y + at.y + titleHeight + padding / 2 })
        y += high + gapY
      }
      x += width + (isParallel ? padding : 150)
    }
    return { boxes, width: Math.max(0, x - (isParallel ? padding : 150)), height }
  }
  const top = topOf(shape)
  const { boxes, width, height } = place(top, 0)
  const margin = 30
  const moved = boxes.map((box) => ({ ...box, x: box.x + margin, y: box.y + margin + 30 }))
  const byId = new Map(moved.map((box) => [box.id, box]))
  return {
    width: width + margin * 2,
    height: height + margin * 2 + 60,
    boxes: moved,
    wires: wires.flatMap(([from, to, edges]) => {
      const a = byId.get(from)
      const b = byId.get(to)
      return a === undefined || b === undefined ? [] : [curve(a, b, edges)]
    })
  }
}

/** The distance of each state from the initial one, along edges that go between states of this level. */
const ranksOf = (
  inside: ReadonlyArray<StateShape>,
  parent: string | undefined,
  wires: ReadonlyArray<readonly [string, string, ReadonlyArray<EdgeShape>]>,
  parents: ReadonlyMap<string, string | undefined>
): ReadonlyArray<number> => {
  const lifted = (id: string): string | undefined => {
    let at: string | undefined = id
    while (at !== undefined && parents.get(at) !== parent) at = parents.get(at)
    return at
  }
  const next = new Map<string, Set<string>>()
  for (const [from, to] of wires) {
    const a = lifted(from)
    const b = lifted(to)
    if (a === undefined || b === undefined || a === b) continue
    const set = next.get(a) ?? new Set()
    set.add(b)
    next.set(a, set)
  }
  const rank = new Map<string, number>()
  const first = inside.find(({ isInitial }) => isInitial) ?? inside[0]
  const queue = first === undefined ? [] : [first.id]
  if (first !== undefined) rank.set(first.id, 0)
  for (let i = 0; i < queue.length; i++)
    for (const to of next.get(queue[i]!) ?? [])
      if (!rank.has(to)) {
        rank.set(to, rank.get(queue[i]!)! + 1)
        queue.push(to)
      }
  const last = Math.max(0, ...rank.values())
  // ends stand at the end
  return inside.map(({ id, type }) => (type === "final" ? Math.max(last, rank.get(id) ?? 0) : (rank.get(id) ?? 0)))
}

const curve = (a: Box, b: Box, edges: ReadonlyArray<EdgeShape>): Wire => {
  const size = labelSize(edges)
  const wire = { id: `${a.id} ${b.id}`, from: a.id, to: b.id, edges, lines: linesOf(edges), isCurve: true }
  if (a.id === b.id) {
    const x = a.x + a.width / 2
    const points = [
      { x: x - 14, y: a.y },
      { x: x - 20, y: a.y - 26 },
      { x: x + 20, y: a.y - 26 },
      { x: x + 14, y: a.y }
    ]
    return { ...wire, points, label: { x: x - size.width / 2, y: a.y - 24 - size.height, ...size } }
  }
  const isOnward = b.x >= a.x + a.width
  const isBack = b.x + b.width <= a.x
  const start = isOnward ? right(a) : isBack ? left(a) : b.y > a.y ? bottom(a) : topSide(a)
  const end = isOnward ? left(b) : isBack ? right(b) : b.y > a.y ? topSide(b) : bottom(b)
  const bend = Math.max(30, Math.abs(end.x - start.x) / 2.4)
  const sag = isBack ? 34 : 0
  const side = isOnward ? 1 : isBack ? -1 : 0
  const points =
    side === 0
      ? [
          start,
          { x: start.x + 40, y: start.y + (end.y - start.y) * 0.3 },
          { x: end.x + 40, y: end.y - (end.y - start.y) * 0.3 },
          end
        ]
      : [start, { x: start.x + bend * side, y: start.y + sag }, { x: end.x - bend * side, y: end.y + sag }, end]
  const middle = at(points as unknown as readonly [Point, Point, Point, Point], 0.5)
  return { ...wire, points, label: { x: middle.x - size.width / 2, y: middle.y - size.height / 2, ...size } }
}

const right = ({ x, y, width, height }: Box): Point => ({ x: x + width, y: y + height / 2 })
const left = ({ x, y, height }: Box): Point => ({ x, y: y + height / 2 })
const topSide = ({ x, y, width }: Box): Point => ({ x: x + width / 2, y })
const bottom = ({ x, y, width, height }: Box): Point => ({ x: x + width / 2, y: y + height })

const at = ([a, b, c, d]: readonly [Point, Point, Point, Point], t: number): Point => {
  const u = 1 - t
  const mix = (p: number, q: number, r: number, s: number) =>
    u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s
  return { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) }
}

/** The path of a wire, with rounded corners where it is made of straight lines. */
export const pathOf = ({ points, isCurve }: Wire): string => {
  const [first, ...rest] = points
  if (first === undefined) return ""
  if (isCurve && rest.length === 3)
    return `M${first.x} ${first.y}C${rest.map(({ x, y }) => `${round(x)} ${round(y)}`).join(" ")}`
  let d = `M${round(first.x)} ${round(first.y)}`
  for (const [i, { x, y }] of rest.entries()) {
    const after = rest[i + 1]
    const before = i === 0 ? first : rest[i - 1]!
    if (after === undefined) {
      d += `L${round(x)} ${round(y)}`
      continue
    }
    const r = Math.min(6, Math.hypot(x - before.x, y - before.y) / 2, Math.hypot(after.x - x, after.y - y) / 2)
    const from = toward({ x, y }, before, r)
    const to = toward({ x, y }, after, r)
    d += `L${round(from.x)} ${round(from.y)}Q${round(x)} ${round(y)} ${round(to.x)} ${round(to.y)}`
  }
  return d
}

const toward = (from: Point, to: Point, by: number): Point => {
  const far = Math.hypot(to.x - from.x, to.y - from.y)
  return far === 0 ? from : { x: from.x + ((to.x - from.x) / far) * by, y: from.y + ((to.y - from.y) / far) * by }
}
const round = (value: number) => Math.round(value * 10) / 10
