/**
 * The layout of a graph from left to right, in a few milliseconds: ranks by longest path, an order in each rank by barycentre sweeps,
 * places near the neighbours without an overlap. ELK draws nicer and takes a thousand times as long (`elk.ts`).
 */
import { type DependencyGraph, levels } from "../../src/model/dependencies.ts"

export interface Sized {
  readonly w: number
  readonly h: number
}

/** Edges by their places in `graph.successors`, so that nobody has to make pairs of them. */
export interface Laid {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly width: number
  readonly height: number
  /** Rank of each node. */
  readonly rank: ArrayLike<number>
  /** Points of each edge, x and y by turns. */
  readonly routes: ReadonlyArray<ReadonlyArray<number>>
  /** `smooth`: curves between points at the borders of ranks; `square`: right angles. */
  readonly style: "smooth" | "square"
}

export interface Spacing {
  /** Between nodes of a rank. */
  readonly node: number
  /** Between ranks. */
  readonly rank: number
}

/** Most places that long edges may take between others; beyond that they pass behind. */
const placesMost = (size: number): number => Math.max(1_500, 2 * size)
const sweeps = 8

export const layered = (
  graph: DependencyGraph,
  sizes: ReadonlyArray<Sized>,
  spacing: Spacing = { node: 16, rank: 64 }
): Laid => {
  const { size } = graph
  const rank = levels(graph)
  const net = netOf(graph, rank, sizes)
  const orders = ordered(net)
  const fold = foldOf(orders, size)
  const y = placed(net, orders, spacing.node, fold)
  return finished(graph, sizes, rank, net, orders, y, spacing, fold)
}

/** The graph with places for long edges: each edge leads from one rank to the next. */
interface Net {
  readonly size: number
  readonly real: number
  readonly ranks: number
  readonly rank: Int32Array
  readonly height: Float64Array
  /** Neighbours to the left, and to the right. */
  readonly before: ReadonlyArray<ReadonlyArray<number>>
  readonly after: ReadonlyArray<ReadonlyArray<number>>
  /** Places that each edge passes, by its place in `successors`. */
  readonly passes: ReadonlyArray<ReadonlyArray<number>>
}

/** Height of the place of an edge among nodes. */
const lane = 6

const netOf = (graph: DependencyGraph, rank: Int32Array, sizes: ReadonlyArray<Sized>): Net => {
  const { size, successorStart, successors } = graph
  let extra = 0
  let ranks = 0
  for (let from = 0; from < size; from++) {
    ranks = Math.max(ranks, rank[from]! + 1)
    for (let k = successorStart[from]!; k < successorStart[from + 1]!; k++)
      extra += Math.max(0, rank[successors[k]!]! - rank[from]! - 1)
  }
  const hasPlaces = extra <= placesMost(size)
  const all = size + (hasPlaces ? extra : 0)
  const rankOf = new Int32Array(all)
  rankOf.set(rank)
  const height = new Float64Array(all).fill(lane)
  for (let i = 0; i < size; i++) height[i] = sizes[i]!.h
  const before: Array<Array<number>> = Array.from({ length: all }, () => [])
  const after: Array<Array<number>> = Array.from({ length: all }, () => [])
  const passes: Array<ReadonlyArray<number>> = []
  let next = size
  for (let from = 0; from < size; from++)
    for (let k = successorStart[from]!; k < successorStart[from + 1]!; k++) {
      const to = successors[k]!
      const path: Array<number> = []
      let last = from
      if (hasPlaces)
        for (let r = rank[from]! + 1; r < rank[to]!; r++) {
          rankOf[next] = r
          path.push(next)
          after[last]!.push(next)
          before[next]!.push(last)
          last = next++
        }
      after[last]!.push(to)
      before[to]!.push(last)
      passes.push(path)
    }
  return { size: all, real: size, ranks, rank: rankOf, height, before, after, passes }
}

type Orders = ReadonlyArray<Int32Array>

/** The order of each rank: neighbours near each other, so that few edges cross. The best of all sweeps, where counting is cheap. */
const ordered = (net: Net): Orders => {
  const lists: Array<Array<number>> = Array.from({ length: net.ranks }, () => [])
  // what belongs together comes together: a walk along the edges, in the order of the definition
  const seen = new Uint8Array(net.size)
  for (let root = 0; root < net.real; root++) {
    if (seen[root] === 1 || net.before[root]!.length > 0) continue
    const open = [root]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (seen[node] === 1) continue
      seen[node] = 1
      lists[net.rank[node]!]!.push(node)
      const next = net.after[node]!
      for (let k = next.length - 1; k >= 0; k--) if (seen[next[k]!] === 0) open.push(next[k]!)
    }
  }
  for (let node = 0; node < net.size; node++) if (seen[node] === 0) lists[net.rank[node]!]!.push(node)
  let orders = lists.map((list) => Int32Array.from(list))
  const place = new Float64Array(net.size)
  const note = (order: Int32Array) => order.forEach((node, i) => (place[node] = i))
  orders.forEach(note)
  const isSmall = net.size <= 1_200
  let best = orders.map((order) => order.slice())
  const weight = new Float64Array(net.size)
  let fewest = isSmall ? crossings(net, orders, place) : Number.POSITIVE_INFINITY
  for (let sweep = 0; sweep < sweeps && fewest > 0; sweep++) {
    const isForward = sweep % 2 === 0
    for (let step = 1; step < net.ranks; step++) {
      const r = isForward ? step : net.ranks - 1 - step
      const order = orders[r]!
      const near = isForward ? net.before : net.after
      for (let i = 0; i < order.length; i++) {
        const node = order[i]!
        const others = near[node]!
        let sum = 0
        for (const other of others) sum += place[other]!
        weight[node] = others.length === 0 ? place[node]! : sum / others.length
      }
      order.sort((a, b) => weight[a]! - weight[b]! || place[a]! - place[b]!)
      note(order)
    }
    if (!isSmall) continue
    const found = crossings(net, orders, place)
    if (found < fewest) {
      fewest = found
      best = orders.map((order) => order.slice())
    }
  }
  if (isSmall) {
    orders = best
    orders.forEach(note)
    exchange(net, orders, place)
  }
  return orders
}

/** How many pairs of edges cross: inversions, counted with a tree of sums. */
const crossings = (net: Net, orders: Orders, place: Float64Array): number => {
  let total = 0
  for (let r = 0; r + 1 < net.ranks; r++) {
    const width = orders[r + 1]!.length
    const sums = new Int32Array(width + 1)
    let count = 0
    for (const node of orders[r]!) {
      const ends = net.after[node]!.map((to) => place[to]!).sort((a, b) => a - b)
      for (const end of ends) {
        let smaller = 0
        for (let i = end + 1; i > 0; i -= i & -i) smaller += sums[i]!
        total += count - smaller
      }
      for (const end of ends) {
        for (let i = end + 1; i <= width; i += i & -i) sums[i]!++
        count++
      }
    }
  }
  return total
}

/** Changes neighbours that cross less the other way round. */
const exchange = (net: Net, orders: Orders, place: Float64Array): void => {
  const between = (a: number, b: number, near: Net["before"]): number => {
    let crossed = 0
    for (const x of near[a]!) for (const y of near[b]!) if (place[x]! > place[y]!) crossed++
    return crossed
  }
  for (let round = 0; round < 4; round++) {
    let isBetter = false
    for (const order of orders)
      for (let i = 0; i + 1 < order.length; i++) {
        const [a, b] = [order[i]!, order[i + 1]!]
        const now = between(a, b, net.before) + between(a, b, net.after)
        if (now === 0 || now <= between(b, a, net.before) + between(b, a, net.after)) continue
        order[i] = b
        order[i + 1] = a
        place[b] = i
        place[a] = i + 1
        isBetter = true
      }
    if (!isBetter) return
  }
}

/** How many nodes of a rank stand above each other: a rank of ten thousand is folded into columns. */
const foldOf = (orders: Orders, size: number): number => {
  const most = Math.max(40, Math.ceil(1.6 * Math.sqrt(size)))
  return orders.some((order) => order.length > 3 * most) ? most : Number.POSITIVE_INFINITY
}

const columnsOf = (length: number, fold: number): number => Math.max(1, Math.ceil(length / fold))

/** Middles of all nodes: each wants to be where its neighbours are, and nobody comes nearer to the next one than the gap. */
const placed = (net: Net, orders: Orders, gap: number, fold: number): Float64Array => {
  const y = new Float64Array(net.size)
  const isPlace = (node: number) => node >= net.real
  const apart = (a: number, b: number) =>
    (net.height[a]! + net.height[b]!) / 2 + (isPlace(a) && isPlace(b) ? lane : gap)
  orders.forEach((order) => {
    const columns = columnsOf(order.length, fold)
    let at = 0
    for (let i = 0; i < order.length; i++) {
      if (i > 0 && i % columns === 0) {
        let tallest = 0
        for (let k = i - columns; k < i; k++) tallest = Math.max(tallest, net.height[order[k]!]!)
        at += columns === 1 ? apart(order[i - 1]!, order[i]!) : tallest + gap
      }
      y[order[i]!] = at
    }
    const middle = at / 2
    for (const node of order) y[node]! -= middle
  })
  const rounds = net.size > 4_000 ? 4 : 10
  for (let round = 0; round < rounds; round++) {
    const isForward = round % 2 === 0
    for (let step = 0; step < net.ranks; step++) {
      const order = orders[isForward ? step : net.ranks - 1 - step]!
      if (order.length > fold) continue
      pool(
        order,
        (node) => wishOf(net, y, node, round >= rounds - 2 ? "both" : isForward ? "before" : "after"),
        apart,
        (node) => (isPlace(node) ? 4 : 1),
        y
      )
    }
  }
  return y
}

const wishOf = (net: Net, y: Float64Array, node: number, side: "before" | "after" | "both"): number => {
  let sum = 0
  let count = 0
  if (side !== "after") {
    for (const other of net.before[node]!) sum += y[other]!
    count += net.before[node]!.length
  }
  if (side !== "before") {
    for (const other of net.after[node]!) sum += y[other]!
    count += net.after[node]!.length
  }
  return count === 0 ? y[node]! : sum / count
}

/** Places nearest to the wishes, in this order and with these gaps: neighbours whose wishes clash move together. */
const pool = (
  order: Int32Array,
  wish: (node: number) => number,
  apart: (a: number, b: number) => number,
  weight: (node: number) => number,
  y: Float64Array
): void => {
  const offset = new Float64Array(order.length)
  const start: Array<number> = []
  const sum: Array<number> = []
  const mass: Array<number> = []
  for (let i = 0; i < order.length; i++) {
    const node = order[i]!
    if (i > 0) offset[i] = offset[i - 1]! + apart(order[i - 1]!, node)
    const own = weight(node)
    start.push(i)
    sum.push(own * (wish(node) - offset[i]!))
    mass.push(own)
    while (start.length > 1 && sum.at(-2)! / mass.at(-2)! > sum.at(-1)! / mass.at(-1)!) {
      const [lastSum, lastMass] = [sum.pop()!, mass.pop()!]
      start.pop()
      sum[sum.length - 1]! += lastSum
      mass[mass.length - 1]! += lastMass
    }
  }
  for (let block = 0; block < start.length; block++)
    for (let i = start[block]!; i < (start[block + 1] ?? order.length); i++)
      y[order[i]!] = sum[block]! / mass[block]! + offset[i]!
}

/** Pixels between two columns of a folded rank. */
const columnGap = 24

const finished = (
  graph: DependencyGraph,
  sizes: ReadonlyArray<Sized>,
  rank: Int32Array,
  net: Net,
  orders: Orders,
  middle: Float64Array,
  spacing: Spacing,
  fold: number
): Laid => {
  const { size, successorStart, successors } = graph
  const x = new Float64Array(size)
  const y = new Float64Array(size)
  const left = new Float64Array(net.ranks)
  const right = new Float64Array(net.ranks)
  let at = 0
  orders.forEach((order, r) => {
    const columns = columnsOf(order.length, fold)
    let widest = 0
    let edges = 0
    for (const node of order) {
      if (node < size) widest = Math.max(widest, sizes[node]!.w)
      edges += net.after[node]!.length
    }
    left[r] = at
    for (let i = 0; i < order.length; i++)
      if (order[i]! < size) x[order[i]!] = at + (i % columns) * (widest + columnGap)
    right[r] = at + columns * (widest + columnGap) - columnGap
    // where many edges pass there is room for them
    at = right[r]! + spacing.rank + Math.min(120, 1.5 * Math.max(0, edges - order.length))
  })
  let top = Number.POSITIVE_INFINITY
  let bottom = Number.NEGATIVE_INFINITY
  for (let node = 0; node < size; node++) {
    top = Math.min(top, middle[node]! - sizes[node]!.h / 2)
    bottom = Math.max(bottom, middle[node]! + sizes[node]!.h / 2)
  }
  for (let node = size; node < net.size; node++) {
    top = Math.min(top, middle[node]!)
    bottom = Math.max(bottom, middle[node]!)
  }
  if (size === 0) top = bottom = 0
  for (let node = 0; node < size; node++) y[node] = middle[node]! - sizes[node]!.h / 2 - top
  const [leaves, comes] = portsOf(net, sizes, graph, middle)
  const routes: Array<ReadonlyArray<number>> = []
  for (let from = 0; from < size; from++)
    for (let k = successorStart[from]!; k < successorStart[from + 1]!; k++) {
      const to = successors[k]!
      const points = [x[from]! + sizes[from]!.w, leaves[k]! - top]
      if (points[0]! < right[rank[from]!]!) points.push(right[rank[from]!]!, leaves[k]! - top)
      for (const place of net.passes[k]!) {
        const r = net.rank[place]!
        points.push(left[r]!, middle[place]! - top, right[r]!, middle[place]! - top)
      }
      if (x[to]! > left[rank[to]!]!) points.push(left[rank[to]!]!, comes[k]! - top)
      points.push(x[to]!, comes[k]! - top)
      routes.push(points)
    }
  return {
    x,
    y,
    width: net.ranks === 0 ? 0 : right[net.ranks - 1]!,
    height: bottom - top,
    rank,
    routes,
    style: "smooth"
  }
}

/** Where edges leave and come: spread a little, in the order of what is at their other end. */
const portsOf = (
  net: Net,
  sizes: ReadonlyArray<Sized>,
  { size, successorStart, successors }: DependencyGraph,
  middle: Float64Array
): readonly [Float64Array, Float64Array] => {
  const leaves = new Float64Array(successors.length)
  const comes = new Float64Array(successors.length)
  const incoming: Array<Array<number>> = Array.from({ length: size }, () => [])
  const from = new Int32Array(successors.length)
  const spread = (edges: Array<number>, node: number, other: (edge: number) => number, into: Float64Array) => {
    const step = Math.min(8, (sizes[node]!.h * 0.5) / Math.max(1, edges.length - 1))
    edges.sort((a, b) => other(a) - other(b))
    edges.forEach((edge, i) => (into[edge] = middle[node]! + (i - (edges.length - 1) / 2) * step))
  }
  for (let node = 0; node < size; node++) {
    const edges: Array<number> = []
    for (let k = successorStart[node]!; k < successorStart[node + 1]!; k++) {
      edges.push(k)
      from[k] = node
      incoming[successors[k]!]!.push(k)
    }
    spread(edges, node, (k) => middle[net.passes[k]![0] ?? successors[k]!]!, leaves)
  }
  incoming.forEach((edges, node) => spread(edges, node, (k) => middle[net.passes[k]!.at(-1) ?? from[k]!]!, comes))
  return [leaves, comes]
}
