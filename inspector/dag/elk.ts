/**
 * Graphs that people read are laid out by ELK, which is nicer and takes a thousand times as long as our own layout. Whoever asks keeps
 * that one until an answer comes, or for good where none comes in time.
 */
import type { ElkNode } from "elkjs/lib/elk-api.js"
import type { DependencyGraph } from "../../src/model/dependencies.ts"
import type { Laid, Sized } from "./layered.ts"

/** Most nodes for all that ELK can do, and for its fast settings. */
export const elkFull = 300
export const elkFast = 1_500
/** Most nodes whose places are found as a flow in a network, which is the nicest and takes the longest. */
const networkMost = 120

const options = (isFast: boolean, size: number, nodeGap: number, rankGap: number) => ({
  "elk.algorithm": "layered",
  "elk.direction": "RIGHT",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": isFast ? "SIMPLE" : size > networkMost ? "LINEAR_SEGMENTS" : "NETWORK_SIMPLEX",
  "elk.layered.thoroughness": isFast ? "1" : "10",
  "elk.layered.mergeEdges": "false",
  "elk.spacing.nodeNode": `${nodeGap}`,
  "elk.spacing.edgeNode": "10",
  "elk.spacing.edgeEdge": "8",
  "elk.layered.spacing.nodeNodeBetweenLayers": `${rankGap}`,
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "8",
  "elk.padding": "[top=0,left=0,bottom=0,right=0]",
  "elk.separateConnectedComponents": "true"
})

/** The layout of a graph by ELK; undefined where there is none in time. */
export const elkLaid = async (
  { size, successorStart, successors }: DependencyGraph,
  sizes: ReadonlyArray<Sized>,
  rank: ArrayLike<number>,
  isFast: boolean
): Promise<Laid | undefined> => {
  const edges: NonNullable<ElkNode["edges"]> = []
  for (let from = 0; from < size; from++)
    for (let k = successorStart[from]!; k < successorStart[from + 1]!; k++)
      edges.push({ id: `e${k}`, sources: [`n${from}`], targets: [`n${successors[k]}`] })
  const { laidOut } = await import("../elk.ts")
  const answer = await laidOut({
    id: "graph",
    layoutOptions: options(isFast, size, 18, 40),
    children: sizes.map(({ w, h }, i) => ({ id: `n${i}`, width: w, height: h })),
    edges
  })
  if (answer === undefined) return undefined
  const x = new Float64Array(size)
  const y = new Float64Array(size)
  for (const node of answer.children ?? []) {
    const i = Number(node.id.slice(1))
    x[i] = node.x ?? 0
    y[i] = node.y ?? 0
  }
  const routes: Array<ReadonlyArray<number>> = new Array(successors.length).fill([])
  for (const { id, sections } of answer.edges ?? []) {
    const section = sections?.[0]
    if (section === undefined) continue
    const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint]
    routes[Number(id.slice(1))] = points.flatMap((point) => [point.x, point.y])
  }
  return trimmed({ x, y, width: 0, height: 0, rank, routes, style: "square" }, sizes)
}

/** The same without the room that was left around it. */
const trimmed = (laid: Laid, sizes: ReadonlyArray<Sized>): Laid => {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0]
  const meet = (x: number, y: number) => {
    left = Math.min(left, x)
    top = Math.min(top, y)
    right = Math.max(right, x)
    bottom = Math.max(bottom, y)
  }
  sizes.forEach(({ w, h }, i) => {
    meet(laid.x[i]!, laid.y[i]!)
    meet(laid.x[i]! + w, laid.y[i]! + h)
  })
  for (const points of laid.routes) for (let i = 0; i < points.length; i += 2) meet(points[i]!, points[i + 1]!)
  if (left === Number.POSITIVE_INFINITY) return laid
  return {
    ...laid,
    x: laid.x.map((x) => x - left),
    y: laid.y.map((y) => y - top),
    width: right - left,
    height: bottom - top,
    routes: laid.routes.map((points) => points.map((value, i) => value - (i % 2 === 0 ? left : top)))
  }
}
