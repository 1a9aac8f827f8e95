/** The chart laid out by elkjs: layers, few crossings, orthogonal edges with their labels beside them. */
import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js"
import type { ChartShape } from "../../src/inspect/shape.ts"
import { laidOut } from "../elk.ts"
import {
  type Box,
  boxSize,
  bundled,
  childrenOf,
  type Layout,
  labelSize,
  linesOf,
  notesOf,
  type Point,
  titleHeight,
  topOf,
  type Wire
} from "./layout.ts"

const options = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.spacing.nodeNodeBetweenLayers": "34",
  "elk.spacing.nodeNode": "36",
  "elk.spacing.edgeNode": "18",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "12",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.edgeLabels.sideSelection": "SMART_DOWN",
  "elk.layered.considerModelOrder.strategy": "PREFER_NODES",
  "elk.padding": "[top=36,left=24,bottom=24,right=24]"
}

export const betterLayout = async (shape: ChartShape): Promise<Layout | undefined> => {
  const children = childrenOf(shape)
  const top = topOf(shape)
  const node = (id: string): ElkNode => {
    const state = shape.states.find((one) => one.id === id)!
    const inside = children.get(id)
    if (inside === undefined) return { id, ...boxSize(state) }
    return {
      id,
      children: inside.map((child) => node(child.id)),
      layoutOptions: { "elk.padding": `[top=${titleHeight + 12},left=16,bottom=16,right=16]` }
    }
  }
  const wires = bundled(shape)
  const edges: Array<ElkExtendedEdge> = wires.map(([from, to, bundle], i) => ({
    id: `e${i}`,
    sources: [from],
    targets: [to],
    labels: [{ id: `l${i}`, text: " ", ...labelSize(bundle) }]
  }))
  const done = await laidOut({
    id: "",
    layoutOptions: options,
    children: (children.get(top) ?? []).map(({ id }) => node(id)),
    edges
  })
  if (done === undefined) return undefined
  const boxes: Array<Box> = []
  const origins = new Map<string, Point>([["", { x: 0, y: 0 }]])
  const visit = (
    { id, x = 0, y = 0, width = 0, height = 0, children: inside }: ElkNode,
    origin: Point,
    depth: number
  ): void => {
    const at = { x: origin.x + x, y: origin.y + y }
    origins.set(id, at)
    const state = shape.states.find((one) => one.id === id)!
    boxes.push({ id, state, ...at, width, height, depth, notes: children.has(id) ? [] : notesOf(state) })
    for (const child of inside ?? []) visit(child, at, depth + 1)
  }
  for (const child of done.children ?? []) visit(child, { x: 0, y: 0 }, 0)
  const laid = new Map<string, ElkExtendedEdge & { readonly container?: string }>()
  const gather = (one: ElkNode): void => {
    for (const edge of one.edges ?? []) laid.set(edge.id, edge as ElkExtendedEdge)
    for (const child of one.children ?? []) gather(child)
  }
  gather(done)
  return {
    width: done.width ?? 0,
    height: done.height ?? 0,
    boxes,
    wires: wires.flatMap(([from, to, bundle], i): ReadonlyArray<Wire> => {
      const edge = laid.get(`e${i}`)
      const section = edge?.sections?.[0]
      if (edge === undefined || section === undefined) return []
      // places of an edge are told within the state that holds both ends
      const origin = origins.get(edge.container ?? "") ?? { x: 0, y: 0 }
      const moved = ({ x, y }: Point): Point => ({ x: x + origin.x, y: y + origin.y })
      const label = edge.labels?.[0]
      const size = labelSize(bundle)
      return [
        {
          id: `${from} ${to}`,
          from,
          to,
          edges: bundle,
          lines: linesOf(bundle),
          isCurve: false,
          points: [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(moved),
          label: { ...moved({ x: label?.x ?? 0, y: label?.y ?? 0 }), ...size }
        }
      ]
    })
  }
}
