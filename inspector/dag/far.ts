/** The graph from far away, on a canvas: areas in the colours of their statuses, edges as a texture that is drawn when all is at rest. */
import type { TaskStatus } from "../../src/model/messages.ts"
import { type Box, contains, grown } from "../picture/boxes.ts"
import { type Camera, type Size, seen } from "../picture/camera.ts"
import type { Tones } from "../picture/tones.ts"
import { taskLooks } from "../status.tsx"
import type { Scene, SceneEdge } from "./scene.ts"

export interface FarLook {
  readonly statusAt: (node: number) => TaskStatus
  readonly criticalEdges: ReadonlyArray<SceneEdge>
  readonly selected: number | undefined
  readonly hovered: number | undefined
}

/** Edges drawn in one go, before the next frame gets its turn. */
const slice = 1_500
/** Most edges that are drawn at all; more are a grey wall. */
const edgesMost = 40_000

/** All edges around what can be seen, drawn once, shown moved and scaled until the picture rests somewhere else. */
export class EdgeSheet {
  #sheet: HTMLCanvasElement | undefined
  #next: HTMLCanvasElement | undefined
  #window: Box = { x: 0, y: 0, w: 0, h: 0 }
  #k = 0
  #scene: Scene | undefined
  #colour = ""
  #job = 0

  /** Whether what is there serves this camera. */
  serves(scene: Scene, camera: Camera, size: Size, colour: string): boolean {
    return (
      this.#scene === scene &&
      this.#colour === colour &&
      Math.abs(Math.log2(this.#k / camera.k)) < 0.02 &&
      contains(this.#window, clipped(seen(camera, size), scene.box))
    )
  }

  /** Draws the edges anew, a slice a frame; `done` when there is something new to show. */
  draw(scene: Scene, camera: Camera, size: Size, dpr: number, colour: string, done: () => void): void {
    cancelAnimationFrame(this.#job)
    const view = seen(camera, size)
    const window = grown(view, Math.max(view.w, view.h) * 0.15)
    const sheet = this.#next ?? document.createElement("canvas")
    this.#next = sheet
    sheet.width = Math.ceil(window.w * camera.k * dpr)
    sheet.height = Math.ceil(window.h * camera.k * dpr)
    const pen = sheet.getContext("2d")
    if (pen === null) return
    const scale = camera.k * dpr
    pen.setTransform(scale, 0, 0, scale, -window.x * scale, -window.y * scale)
    pen.strokeStyle = colour
    pen.lineWidth = 1 / camera.k
    const edges = scene.edgesByPlace.in(window)
    pen.globalAlpha = edges.length > 8_000 ? 0.3 : edges.length > 1_500 ? 0.4 : 0.6
    const step = Math.max(1, Math.ceil(edges.length / edgesMost))
    let i = 0
    const work = () => {
      const end = Math.min(edges.length, i + slice * step)
      pen.beginPath()
      for (; i < end; i += step) traced(pen, scene.edges[edges[i]!]!.points)
      pen.stroke()
      if (i < edges.length) {
        this.#job = requestAnimationFrame(work)
        return
      }
      this.#next = this.#sheet
      this.#sheet = sheet
      this.#window = window
      this.#k = camera.k
      this.#scene = scene
      this.#colour = colour
      done()
    }
    work()
  }

  /** Puts what is there onto the picture. */
  put(pen: CanvasRenderingContext2D, scene: Scene, camera: Camera): void {
    if (this.#sheet === undefined || this.#scene !== scene) return
    const { x, y, w, h } = this.#window
    pen.drawImage(this.#sheet, (x - camera.x) * camera.k, (y - camera.y) * camera.k, w * camera.k, h * camera.k)
  }

  stop(): void {
    cancelAnimationFrame(this.#job)
  }
}

const clipped = (box: Box, to: Box): Box => {
  const x = Math.max(box.x, to.x)
  const y = Math.max(box.y, to.y)
  return {
    x,
    y,
    w: Math.max(0, Math.min(box.x + box.w, to.x + to.w) - x),
    h: Math.max(0, Math.min(box.y + box.h, to.y + to.h) - y)
  }
}

const traced = (pen: CanvasRenderingContext2D, points: ReadonlyArray<number>): void => {
  pen.moveTo(points[0]!, points[1]!)
  for (let i = 2; i < points.length; i += 2) {
    const [x0, y0, x1, y1] = [points[i - 2]!, points[i - 1]!, points[i]!, points[i + 1]!]
    if (Math.abs(y1 - y0) < 1) pen.lineTo(x1, y1)
    else {
      const bend = (x1 - x0) * 0.5
      pen.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1)
    }
  }
}

/** Smallest that a node is drawn, in pixels: a failed one of ten thousand must be seen. */
const leastPixels = 2

/** Draws what can be seen. */
export const paintFar = (
  pen: CanvasRenderingContext2D,
  scene: Scene,
  camera: Camera,
  size: Size,
  tones: Tones,
  sheet: EdgeSheet | undefined,
  { statusAt, criticalEdges, selected, hovered }: FarLook
): void => {
  const { x, y, k } = camera
  pen.clearRect(0, 0, size.width, size.height)
  sheet?.put(pen, scene, camera)
  const visible = scene.nodesByPlace.in(seen(camera, size))
  const groups = new Map<TaskStatus, Array<number>>()
  for (const i of visible) {
    const node = scene.nodes[i]!
    if (node.isOpen) {
      pen.strokeStyle = tones.line
      pen.fillStyle = tones.surface
      pen.lineWidth = 1
      pen.globalAlpha = 0.6
      pen.fillRect((node.x - x) * k, (node.y - y) * k, node.w * k, node.h * k)
      pen.globalAlpha = 1
      pen.strokeRect((node.x - x) * k, (node.y - y) * k, node.w * k, node.h * k)
      continue
    }
    const status = statusAt(i)
    const group = groups.get(status)
    if (group === undefined) groups.set(status, [i])
    else group.push(i)
  }
  // who failed is drawn last, so that nobody covers it
  const order: ReadonlyArray<TaskStatus> = [
    "pending",
    "skipped",
    "succeeded",
    "cancelled",
    "ready",
    "waiting",
    "running",
    "failed"
  ]
  for (const status of order) {
    const group = groups.get(status)
    if (group === undefined) continue
    const tone = tones.of(taskLooks[status].className)
    pen.globalAlpha = strength[status]
    pen.fillStyle = tone.strong
    for (const i of group) {
      const node = scene.nodes[i]!
      const w = Math.max(leastPixels, node.w * k)
      const h = Math.max(status === "failed" ? leastPixels + 1 : leastPixels, node.h * k)
      pen.fillRect((node.x - x) * k, (node.y - y) * k, w, h)
    }
    if (status === "failed" || status === "running") hatch(pen, scene, camera, group, tone.soft, status === "failed")
  }
  pen.globalAlpha = 1
  pen.strokeStyle = tones.accent
  pen.lineWidth = 1.5
  pen.beginPath()
  for (const { points, from, to } of criticalEdges) {
    for (const place of [from, to]) {
      const node = scene.nodes[place]!
      pen.rect((node.x - x) * k, (node.y - y) * k, Math.max(leastPixels, node.w * k), Math.max(leastPixels, node.h * k))
    }
    pen.moveTo((points[0]! - x) * k, (points[1]! - y) * k)
    for (let i = 2; i < points.length; i += 2) {
      const [x0, y0, x1, y1] = [points[i - 2]!, points[i - 1]!, points[i]!, points[i + 1]!]
      const bend = (x1 - x0) * 0.5
      pen.bezierCurveTo(
        (x0 + bend - x) * k,
        (y0 - y) * k,
        (x1 - bend - x) * k,
        (y1 - y) * k,
        (x1 - x) * k,
        (y1 - y) * k
      )
    }
  }
  pen.stroke()
  for (const [place, width] of [
    [hovered, 1.5],
    [selected, 2.5]
  ] as const) {
    const node = place === undefined ? undefined : scene.nodes[place]
    if (node === undefined) continue
    pen.lineWidth = width
    pen.strokeRect((node.x - x) * k - 2, (node.y - y) * k - 2, Math.max(4, node.w * k) + 4, Math.max(4, node.h * k) + 4)
  }
}

/** What is done, or to come, is calmer than what is at work and what has failed. */
const strength: Readonly<Record<TaskStatus, number>> = {
  pending: 0.35,
  skipped: 0.35,
  succeeded: 0.6,
  cancelled: 0.6,
  ready: 0.9,
  waiting: 1,
  running: 1,
  failed: 1
}

/** Lines across areas that are large enough to have some, so that colour is not all there is. */
const hatch = (
  pen: CanvasRenderingContext2D,
  { nodes }: Scene,
  { x, y, k }: Camera,
  group: ReadonlyArray<number>,
  colour: string,
  isCross: boolean
): void => {
  const first = nodes[group[0]!]!
  if (first.h * k < 6 || group.length > 1_500) return
  pen.strokeStyle = colour
  pen.lineWidth = 1
  pen.beginPath()
  for (const i of group) {
    const node = nodes[i]!
    const [left, top, w, h] = [(node.x - x) * k, (node.y - y) * k, node.w * k, node.h * k]
    for (let at = 0; at + h <= w; at += 6) {
      pen.moveTo(left + at, top + h)
      pen.lineTo(left + at + h, top)
      if (isCross) {
        pen.moveTo(left + at, top)
        pen.lineTo(left + at + h, top + h)
      }
    }
  }
  pen.stroke()
}
