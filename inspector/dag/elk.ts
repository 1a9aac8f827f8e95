/**
 * ELK in a worker, for graphs that people read: loaded when it is first needed, given two seconds, and left out where there is no
 * worker (a report opened from a file). Whoever asks keeps its own layout until an answer comes, or for good.
 */
import type { DependencyGraph } from "../../src/model/dependencies.ts"
import type { Laid, Sized } from "./layered.ts"

/** Most nodes for all that ELK can do, and for its fast settings. */
export const elkFull = 300
export const elkFast = 1_500
/** Most nodes whose places are found as a flow in a network, which is the nicest and takes the longest. */
const networkMost = 120
/** Longest one waits for it. */
const limitMs = 2_000
/** A first answer also loads 1.6 MB of it. */
const firstLimitMs = 6_000

interface Answer {
  readonly id: number
  readonly data?: unknown
  readonly error?: unknown
}

interface Desk {
  readonly worker: Worker
  readonly waiting: Map<number, (answer: Answer | undefined) => void>
}

let desk: Promise<Desk | undefined> | undefined
let last = 0
let hasAnswered = false

const open = async (): Promise<Desk | undefined> => {
  try {
    const { default: url } = await import("elkjs/lib/elk-worker.min.js?url")
    const worker = new Worker(url)
    const waiting: Desk["waiting"] = new Map()
    const giveUp = () => {
      for (const answer of waiting.values()) answer(undefined)
      waiting.clear()
    }
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      hasAnswered = true
      waiting.get(data.id)?.(data)
      waiting.delete(data.id)
    }
    worker.onerror = giveUp
    worker.postMessage({ id: 0, cmd: "register", algorithms: ["layered"] })
    return { worker, waiting }
  } catch {
    return undefined
  }
}

/** Asks the worker; undefined when it does not answer in time, and then it is ended and begun anew for the next question. */
const ask = async (graph: object): Promise<unknown> => {
  desk ??= open()
  const here = await desk
  if (here === undefined) return undefined
  const id = ++last
  const answer = await new Promise<Answer | undefined>((done) => {
    const timer = setTimeout(
      () => {
        here.waiting.delete(id)
        here.worker.terminate()
        for (const other of here.waiting.values()) other(undefined)
        desk = undefined
        done(undefined)
      },
      hasAnswered ? limitMs : firstLimitMs
    )
    here.waiting.set(id, (found) => {
      clearTimeout(timer)
      done(found)
    })
    here.worker.postMessage({ id, cmd: "layout", graph, layoutOptions: {}, options: {} })
  })
  return answer?.data
}

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

interface Point {
  readonly x: number
  readonly y: number
}
interface ElkAnswer {
  readonly width: number
  readonly height: number
  readonly children: ReadonlyArray<{ readonly id: string; readonly x: number; readonly y: number }>
  readonly edges: ReadonlyArray<{
    readonly id: string
    readonly sections?: ReadonlyArray<{
      readonly startPoint: Point
      readonly endPoint: Point
      readonly bendPoints?: ReadonlyArray<Point>
    }>
  }>
}

/** The layout of a graph by ELK; undefined where there is none in time. */
export const elkLaid = async (
  { size, successorStart, successors }: DependencyGraph,
  sizes: ReadonlyArray<Sized>,
  rank: ArrayLike<number>,
  isFast: boolean
): Promise<Laid | undefined> => {
  const edges: Array<object> = []
  for (let from = 0; from < size; from++)
    for (let k = successorStart[from]!; k < successorStart[from + 1]!; k++)
      edges.push({ id: `e${k}`, sources: [`n${from}`], targets: [`n${successors[k]}`] })
  const answer = (await ask({
    id: "graph",
    layoutOptions: options(isFast, size, 18, 40),
    children: sizes.map(({ w, h }, i) => ({ id: `n${i}`, width: w, height: h })),
    edges
  })) as ElkAnswer | undefined
  if (answer === undefined) return undefined
  const x = new Float64Array(size)
  const y = new Float64Array(size)
  for (const node of answer.children) {
    const i = Number(node.id.slice(1))
    x[i] = node.x
    y[i] = node.y
  }
  const routes: Array<ReadonlyArray<number>> = new Array(successors.length).fill([])
  for (const { id, sections } of answer.edges) {
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
