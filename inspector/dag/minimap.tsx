/** All of a graph in a corner, and which part of it is seen. */
import { useEffect, useRef } from "preact/hooks"
import type { TaskStatus } from "../../src/model/messages.ts"
import { fitted } from "../picture/camera.ts"
import type { Tones } from "../picture/tones.ts"
import { paintFar } from "./far.ts"
import type { Scene, SceneEdge } from "./scene.ts"

interface MinimapProps {
  readonly scene: Scene
  /** Number of the moment: another one may look different. */
  readonly seq: number
  readonly tones: Tones
  readonly statusAt: (node: number) => TaskStatus
  readonly criticalEdges: ReadonlyArray<SceneEdge>
  readonly mark: { current: SVGRectElement | null }
  /** Somebody wants to see this point. */
  readonly onGo: (x: number, y: number) => void
}

const size = { width: 188, height: 116 }
/** It is painted at most so often. */
const everyMs = 250

export const Minimap = ({ scene, seq, tones, statusAt, criticalEdges, mark, onGo }: MinimapProps) => {
  const canvas = useRef<HTMLCanvasElement>(null)
  const last = useRef(0)
  const latest = useRef(statusAt)
  latest.current = statusAt
  // each moment may look different
  useEffect(() => {
    const paint = () => {
      const pen = canvas.current?.getContext("2d")
      if (pen == null) return
      last.current = performance.now()
      const dpr = globalThis.devicePixelRatio
      canvas.current!.width = size.width * dpr
      canvas.current!.height = size.height * dpr
      pen.setTransform(dpr, 0, 0, dpr, 0, 0)
      const look = { statusAt: latest.current, criticalEdges, selected: undefined, hovered: undefined }
      paintFar(pen, scene, fitted(scene.box, size, 6), size, tones, undefined, look)
    }
    const timer = setTimeout(paint, Math.max(0, everyMs - (performance.now() - last.current)))
    return () => clearTimeout(timer)
  }, [scene, seq, tones])
  const camera = fitted(scene.box, size, 6)
  const go = (event: PointerEvent) => {
    const { left, top } = canvas.current!.getBoundingClientRect()
    onGo(camera.x + (event.clientX - left) / camera.k, camera.y + (event.clientY - top) / camera.k)
  }
  return (
    <div
      class="dag-minimap"
      data-own-hands
      aria-hidden="true"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        go(event)
      }}
      onPointerMove={(event) => {
        if (event.buttons > 0) go(event)
      }}
    >
      <canvas ref={canvas} />
      <svg width={size.width} height={size.height} role="presentation">
        <g transform={`scale(${camera.k}) translate(${-camera.x} ${-camera.y})`}>
          <rect ref={mark} class="dag-minimap-view" />
        </g>
      </svg>
    </div>
  )
}
