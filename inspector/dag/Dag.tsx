/**
 * The workflow as a graph, with how each task stands. Near: boxes with everything; further: icon and name; far: areas on a canvas.
 * Only what can be seen is there. Fan-outs, loops, planners and workflows inside are one box each, until somebody opens them.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks"
import { type RunView, scopeOf, type View } from "../../src/inspect/view.ts"
import { levels } from "../../src/model/dependencies.ts"
import type { TaskStatus } from "../../src/model/messages.ts"
import { type Box, contains, grown } from "../picture/boxes.ts"
import { between, type Camera, fitted, moved, type Size, seen, shown, zoomed } from "../picture/camera.ts"
import { criticalOf } from "../picture/critical.ts"
import { keyMoves, listen, pageKeys } from "../picture/gestures.ts"
import { isStill, useFrame, useSize } from "../picture/hooks.ts"
import { type Counts, countsOf, statusOf } from "../picture/looks.ts"
import { Structure } from "../picture/structure.ts"
import { type Tones, tonesOf } from "../picture/tones.ts"
import "../picture/picture.css"
import "./dag.css"
import { DagEdges } from "./edges.tsx"
import { elkFast, elkFull, elkLaid } from "./elk.ts"
import { factsOf } from "./facts.ts"
import { EdgeSheet, paintFar } from "./far.ts"
import { Minimap } from "./minimap.tsx"
import { DagNode } from "./node.tsx"
import { blended, type Known, type Made, type Scene, sceneOf, shownFor } from "./scene.ts"

export { DagTable } from "./DagTable.tsx"

export interface DagProps {
  readonly view: View
  readonly run: string
  readonly selected: string | undefined
  readonly onSelect: (path: string) => void
  readonly theme: "light" | "dark"
  /** Paths that are open from the beginning. */
  readonly opened?: ReadonlyArray<string>
}

export const Dag = (props: DagProps) => {
  const run = props.view.runs.get(props.run)
  return run === undefined ? (
    <p class="picture-empty">Nothing is known of this run yet.</p>
  ) : (
    <Graph {...props} run={run} />
  )
}

type Level = "near" | "middle" | "small" | "far"
/** Most nodes and edges that are elements; more of them are painted. */
const elementsMost = 420
const edgeElementsMost = 900
const nearFrom = 0.66
const middleFrom = 0.34
const smallFrom = 0.14
/** How long a layout takes to move to a better one. */
const movingMs = 320
/** How long a picture rests before its edges are drawn anew. */
const restMs = 140

const Graph = ({
  view,
  run,
  selected,
  onSelect,
  theme,
  opened = []
}: Omit<DagProps, "run"> & { readonly run: RunView }) => {
  const [ref, size] = useSize()
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(opened))
  const ir = view.definitions.get(run.hash)
  // what has no definition grows with what is seen
  // a map of the same size has the same paths
  const structure = useMemo(() => new Structure(ir, run), [ir, run.tasks, run.tasks.size])
  const scene = useScene(structure, open)
  const counts = countsOf(run)
  const now = run.endedAt ?? view.t
  const statuses = useStatuses(run, counts, scene)
  const critical = useMemo(() => criticalOf(structure, run, now), [structure, run, now])
  const chosen = shownFor(scene, selected, scopeOf)
  const [hovered, setHovered] = useState<number | undefined>(undefined)

  const camera = useRef<Camera>({ x: 0, y: 0, k: 1 })
  const isTouched = useRef(false)
  const world = useRef<SVGGElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const minimapView = useRef<SVGRectElement>(null)
  const drawn = useRef<{ readonly level: Level; readonly window: Box; readonly scene: Scene } | undefined>(undefined)
  const [, again] = useState(0)
  const sheet = useRef(new EdgeSheet()).current
  const resting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  // colours change with the theme
  const tones = useMemo<Tones | undefined>(
    () => (ref.current === null ? undefined : tonesOf(ref.current)),
    [theme, size]
  )

  const statusAt = (node: number): TaskStatus => statuses[node] ?? "pending"
  const criticalEdges = useMemo(
    () => scene.edges.filter(({ from, to }) => critical.next.get(scene.nodes[from]!.path) === scene.nodes[to]!.path),
    [scene, critical]
  )

  // a new scene: all of it, or what was opened stays where it is
  const anchor = useRef<string | undefined>(undefined)
  const before = useRef<{ readonly scene: Scene; readonly size: Size } | undefined>(undefined)
  if (size !== undefined && (before.current?.scene !== scene || before.current.size !== size)) {
    const old = before.current?.scene
    before.current = { scene, size }
    if (old === undefined || !isTouched.current) camera.current = firstLook(scene, size, statusAt)
    else if (old !== scene) {
      const [from, to] = [old.places.get(anchor.current ?? ""), scene.places.get(anchor.current ?? "")]
      if (from !== undefined && to !== undefined) {
        const [was, is] = [old.nodes[from]!, scene.nodes[to]!]
        camera.current = { ...camera.current, x: camera.current.x + is.x - was.x, y: camera.current.y + is.y - was.y }
      }
    }
  }
  /** What is drawn from here: how near, and which part of the scene. */
  const drawnFor = (at: Box) => {
    const last = drawn.current
    const level = levelOf(scene, camera.current.k, at, last?.scene === scene ? last.level : undefined)
    if (last?.scene === scene && last.level === level && (level === "far" || contains(last.window, at))) return last
    return { level, window: grown(at, Math.max(at.w, at.h) * 0.3), scene }
  }
  const frame = useFrame(() => {
    if (size === undefined) return
    if (drawnFor(seen(camera.current, size)) !== drawn.current) again((n) => n + 1)
    else {
      place()
      paint()
    }
  })
  const place = () => {
    const { x, y, k } = camera.current
    world.current?.setAttribute("transform", `translate(${-x * k} ${-y * k}) scale(${k})`)
    if (size === undefined) return
    const { x: left, y: top, w, h } = seen(camera.current, size)
    const mark = minimapView.current
    mark?.setAttribute("x", `${left}`)
    mark?.setAttribute("y", `${top}`)
    mark?.setAttribute("width", `${w}`)
    mark?.setAttribute("height", `${h}`)
  }
  const paint = () => {
    const level = drawn.current?.level
    const element = canvas.current
    const pen = element?.getContext("2d")
    if (size === undefined || tones === undefined || element === null || pen == null) return
    const dpr = globalThis.devicePixelRatio
    const [width, height] = [Math.round(size.width * dpr), Math.round(size.height * dpr)]
    if (level !== "far") {
      if (element.width !== 1) element.width = element.height = 1
      return
    }
    if (element.width !== width || element.height !== height) {
      element.width = width
      element.height = height
    }
    pen.setTransform(dpr, 0, 0, dpr, 0, 0)
    paintFar(pen, scene, camera.current, size, tones, sheet, { statusAt, criticalEdges, selected: chosen, hovered })
    if (sheet.serves(scene, camera.current, size, tones.edge)) return
    clearTimeout(resting.current)
    resting.current = setTimeout(() => sheet.draw(scene, camera.current, size, dpr, tones.edge, frame), restMs)
  }
  const look = (next: Camera) => {
    camera.current = next
    frame()
  }
  const least = size === undefined ? 0.001 : fitted(scene.box, size).k * 0.5
  const showAll = () => {
    if (size === undefined) return
    isTouched.current = false
    glide(camera.current, fitted(scene.box, size), look)
  }
  const pan = (dx: number, dy: number) => {
    isTouched.current = true
    look(moved(camera.current, dx, dy))
  }
  const zoom = (factor: number, x = (size?.width ?? 0) / 2, y = (size?.height ?? 0) / 2) => {
    isTouched.current = true
    look(zoomed(camera.current, factor, x, y, least))
  }

  if (size !== undefined) drawn.current = drawnFor(seen(camera.current, size))
  useLayoutEffect(() => {
    place()
    paint()
  })
  useEffect(
    () => () => {
      clearTimeout(resting.current)
      sheet.stop()
    },
    [sheet]
  )

  const toggle = (node: number | undefined) => {
    const found = node === undefined ? undefined : scene.nodes[node]
    if (found === undefined || !found.part.mayOpen) return
    anchor.current = found.path
    isTouched.current ||= open.size > 0
    setOpen((all) => {
      const next = new Set(all)
      if (!next.delete(found.path)) next.add(found.path)
      return next
    })
  }
  const choose = (node: number | undefined) => {
    const found = node === undefined ? undefined : scene.nodes[node]
    if (found === undefined || size === undefined) return
    onSelect(found.path)
    const next = shown(camera.current, found, size)
    if (next.x !== camera.current.x || next.y !== camera.current.y) {
      isTouched.current = true
      glide(camera.current, next, look)
    }
  }
  const nodeAt = (x: number, y: number): number | undefined => {
    const { x: left, y: top, k } = camera.current
    const found = scene.nodesByPlace.in({ x: left + (x - 2) / k, y: top + (y - 2) / k, w: 4 / k, h: 4 / k })
    // the innermost; an open box itself only at its head
    return found.filter((i) => !scene.nodes[i]!.isOpen || top + y / k < scene.nodes[i]!.y + 30).at(-1)
  }
  const isTwisty = (node: number, x: number, y: number): boolean => {
    const box = scene.nodes[node]!
    const [left, top] = [
      camera.current.x + x / camera.current.k - box.x,
      camera.current.y + y / camera.current.k - box.y
    ]
    return box.isOpen ? left < 24 && top < 28 : left > box.w - 26 && top < 28
  }
  const hands = useRef({ pan, zoom, nodeAt, isTwisty, toggle, onSelect, scene, setHovered })
  hands.current = { pan, zoom, nodeAt, isTwisty, toggle, onSelect, scene, setHovered }
  useEffect(() => {
    if (ref.current === null) return
    return listen(ref.current, {
      pan: (dx, dy) => hands.current.pan(dx, dy),
      zoom: (factor, x, y) => hands.current.zoom(factor, x, y),
      hover: (x, y) => hands.current.setHovered(hands.current.nodeAt(x, y)),
      leave: () => hands.current.setHovered(undefined),
      click: (x, y, times) => {
        const { nodeAt, isTwisty, toggle, onSelect, scene } = hands.current
        const node = nodeAt(x, y)
        if (node === undefined) return
        if (times === 1 && isTwisty(node, x, y)) toggle(node)
        else if (times === 1) onSelect(scene.nodes[node]!.path)
        else if (!isTwisty(node, x, y)) toggle(node)
      }
    })
  }, [ref])

  const isOfPage = useRef(pageKeys()).current
  const onKeyDown = (event: KeyboardEvent) => {
    if (isOfPage(event)) return
    const move = keyMoves[event.key.toLowerCase()]
    if (move?.pan !== undefined) pan(...move.pan)
    else if (move?.zoom !== undefined) zoom(move.zoom)
    else if (move?.fit) showAll()
    else if (event.key === "Enter") toggle(chosen)
    else if (event.key.startsWith("Arrow")) choose(neighbourOf(scene, chosen, event.key as Arrow))
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  const level = drawn.current?.level ?? "far"
  const shownBox = level === "far" ? undefined : drawn.current?.window
  const nodes = shownBox === undefined ? [] : scene.nodesByPlace.in(shownBox)
  const edges = shownBox === undefined ? [] : scene.edgesByPlace.in(shownBox)
  const isLively = nodes.reduce((sum, i) => sum + (statusAt(i) === "running" ? 1 : 0), 0) <= 40
  const needsMap =
    size !== undefined && !contains(grown(seen(camera.current, size), 8), scene.box) && scene.nodes.length > 24
  const tip = hovered === undefined ? undefined : scene.nodes[hovered]
  const total = structure.parts("").parts.length
  return (
    <div
      ref={ref}
      class={`picture dag${isLively ? " is-lively" : ""}`}
      role="application"
      aria-roledescription="graph"
      aria-label={`Graph of ${run.workflow}: ${total} tasks. Arrow keys go to neighbours, Enter opens, + and − zoom, 0 shows all.`}
      aria-activedescendant={chosen !== undefined && nodes.includes(chosen) ? `dag-${chosen}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <canvas ref={canvas} class="dag-far" />
      {size === undefined ? null : (
        <svg class={`dag-near is-${level}`} width={size.width} height={size.height} role="presentation">
          <g ref={world}>
            {nodes.map((i) => (scene.nodes[i]!.isOpen ? nodeView(i) : null))}
            <DagEdges scene={scene} edges={edges} critical={critical} selected={chosen} statuses={statuses} />
            {nodes.map((i) => (scene.nodes[i]!.isOpen ? null : nodeView(i)))}
          </g>
        </svg>
      )}
      {tip === undefined || (level === "near" && !tip.isCell) || size === undefined ? null : (
        <Tip
          camera={camera.current}
          size={size}
          node={tip}
          text={factsOf(run, structure, counts, tip.part, statusAt(hovered!), now).title}
        />
      )}
      {needsMap && tones !== undefined ? (
        <Minimap
          scene={scene}
          seq={view.seq}
          tones={tones}
          statusAt={statusAt}
          criticalEdges={criticalEdges}
          mark={minimapView}
          onGo={(x, y) => {
            isTouched.current = true
            const { w, h } = seen(camera.current, size!)
            look({ ...camera.current, x: x - w / 2, y: y - h / 2 })
          }}
        />
      ) : null}
      <div class="picture-tools" role="group" aria-label="Zoom">
        <button type="button" title="Zoom in (+)" aria-label="Zoom in" onClick={() => zoom(1.25)}>
          +
        </button>
        <button type="button" title="Zoom out (−)" aria-label="Zoom out" onClick={() => zoom(0.8)}>
          −
        </button>
        <button type="button" title="Show all (0)" aria-label="Show all" onClick={showAll}>
          <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />
          </svg>
        </button>
      </div>
    </div>
  )

  function nodeView(i: number) {
    const node = scene.nodes[i]!
    const status = statusAt(i)
    const facts = factsOf(run, structure, counts, node.part, status, now)
    return (
      <DagNode
        key={node.path}
        id={`dag-${i}`}
        x={node.x}
        y={node.y}
        w={node.w}
        h={node.h}
        name={node.part.name}
        kind={node.part.kind}
        status={status}
        facts={facts.text}
        title={facts.title}
        counts={facts.counts}
        undo={facts.undo}
        isOpen={node.isOpen}
        mayOpen={node.part.mayOpen}
        isCell={node.isCell}
        isItem={node.part.kind === "item"}
        level={level === "far" ? "small" : level}
        isSelected={i === chosen}
        isCritical={critical.has.has(node.path)}
      />
    )
  }
}

/** The scene of what is open; a better layout takes its place when there is one. */
const useScene = (structure: Structure, open: ReadonlySet<string>): Scene => {
  const known = useRef(new Map<string, Known>()).current
  const [better, setBetter] = useState(0)
  const [moving, setMoving] = useState<Scene | undefined>(undefined)
  // `better` says that `known` has changed
  const last = useRef<Made | undefined>(undefined)
  const made = useMemo(() => sceneOf(structure, open, known, last.current), [structure, open, better])
  last.current = made
  const { scene, tasks } = made
  const latest = useRef(scene)
  latest.current = scene
  useEffect(() => {
    if (scene.isFine || scene.nodes.length > elkFast || scene.edges.length > 4 * elkFast) return
    let isWanted = true
    const improve = async () => {
      // a box is laid out after those inside it, whose size it has to know
      for (let round = 0; round < 12 && isWanted; round++) {
        const todo = (round === 0 ? tasks : sceneOf(structure, open, known).tasks).find(
          ({ path, key }) => known.get(path)?.key !== key
        )
        if (todo === undefined) break
        const { graph } = todo.parts
        const laid = await elkLaid(graph, todo.sizes, levels(graph), scene.nodes.length > elkFull)
        if (laid === undefined || !isWanted) return
        known.set(todo.path, { key: todo.key, laid })
      }
      if (!isWanted) return
      const from = latest.current
      const { scene: to } = sceneOf(structure, open, known)
      if (isStill() || to.nodes.length > elkFull) return setBetter((n) => n + 1)
      const start = performance.now()
      const step = () => {
        if (!isWanted) return
        const share = Math.min(1, (performance.now() - start) / movingMs)
        if (share === 1) {
          setMoving(undefined)
          setBetter((n) => n + 1)
          return
        }
        setMoving(blended(from, to, share * share * (3 - 2 * share)))
        requestAnimationFrame(step)
      }
      requestAnimationFrame(step)
    }
    void improve()
    return () => {
      isWanted = false
      setMoving(undefined)
    }
    // the scene stands for all that it is made of
  }, [scene, known])
  return moving !== undefined && moving.nodes.length === scene.nodes.length ? moving : scene
}

/** The status of each node of the scene. */
const useStatuses = (run: RunView, counts: Counts, scene: Scene): ReadonlyArray<TaskStatus> =>
  scene.nodes.map(({ path }) => statusOf(run, counts, path))

const levelOf = (scene: Scene, k: number, window: Box, before: Level | undefined): Level => {
  // who stands at a border does not flicker between two
  const from = (border: number, level: Level) => (before === level ? border * 0.95 : border)
  if (k < from(smallFrom, "small")) return "far"
  const around = grown(window, Math.max(window.w, window.h) * 0.3)
  if (scene.nodes.length > elementsMost && scene.nodesByPlace.in(around).length > elementsMost) return "far"
  if (scene.edges.length > edgeElementsMost && scene.edgesByPlace.in(around).length > edgeElementsMost) return "far"
  return k >= from(nearFrom, "near") ? "near" : k >= from(middleFrom, "middle") ? "middle" : "small"
}

/** Where one looks first: at all of it, or, where nothing could be read then, at what happens. */
const firstLook = (scene: Scene, size: Size, statusAt: (node: number) => TaskStatus): Camera => {
  const all = fitted(scene.box, size)
  if (all.k >= middleFrom || scene.nodes.length > readMost) return all
  const happens = scene.nodes.findIndex((_, i) => !still.has(statusAt(i)))
  const { x, w } = scene.nodes[Math.max(0, happens)]!
  const [long, edge] = [size.width / readable, 24 / readable]
  const { h } = scene.box
  return {
    k: readable,
    x: Math.max(-edge, Math.min(scene.box.w + edge - long, x + w / 2 - long / 2)),
    y: h / 2 - size.height / readable / 2
  }
}
/** Most nodes of a graph that one reads from one end to the other, and how near one has to be. */
const readMost = 150
const readable = 0.54
const still: ReadonlySet<TaskStatus> = new Set(["pending", "succeeded", "skipped", "cancelled"])

/** Moves the camera there, in a moment; at once for people who want no motion. */
const glide = (from: Camera, to: Camera, look: (camera: Camera) => void): void => {
  if (isStill()) return look(to)
  const start = performance.now()
  const step = () => {
    const share = Math.min(1, (performance.now() - start) / 180)
    look(share === 1 ? to : between(from, to, share * (2 - share)))
    if (share < 1) requestAnimationFrame(step)
  }
  step()
}

type Arrow = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown"

/** Where an arrow key leads: along an edge where there is one, else to the nearest box in that direction. */
export const neighbourOf = (scene: Scene, from: number | undefined, key: Arrow): number | undefined => {
  if (from === undefined) return scene.nodes.length === 0 ? undefined : 0
  const node = scene.nodes[from]!
  const middle = (i: number) => scene.nodes[i]!.y + scene.nodes[i]!.h / 2
  const nearest = (all: ReadonlyArray<number>) =>
    all.toSorted((a, b) => Math.abs(middle(a) - middle(from)) - Math.abs(middle(b) - middle(from)))[0]
  if (key === "ArrowRight" && node.isOpen) {
    const inside = scene.nodes.findIndex(({ around }) => around === from)
    if (inside !== -1) return inside
  }
  const along =
    key === "ArrowRight"
      ? (scene.leaving.get(from) ?? []).map((edge) => scene.edges[edge]!.to)
      : key === "ArrowLeft"
        ? (scene.coming.get(from) ?? []).map((edge) => scene.edges[edge]!.from)
        : []
  if (along.length > 0) return nearest(along)
  let best: number | undefined
  let least = Number.POSITIVE_INFINITY
  scene.nodes.forEach((other, i) => {
    if (i === from || other.around !== node.around) return
    const [dx, dy] = [other.x + other.w / 2 - node.x - node.w / 2, other.y + other.h / 2 - node.y - node.h / 2]
    const [ahead, aside] =
      key === "ArrowRight" ? [dx, dy] : key === "ArrowLeft" ? [-dx, dy] : key === "ArrowDown" ? [dy, dx] : [-dy, dx]
    if (ahead <= 1) return
    const far = ahead + 2.5 * Math.abs(aside)
    if (far < least) {
      least = far
      best = i
    }
  })
  return best ?? (key === "ArrowLeft" && node.around >= 0 ? node.around : undefined)
}

/** What the pointer is on, where there are no words. */
const Tip = ({
  camera,
  size,
  node,
  text
}: {
  readonly camera: Camera
  readonly size: Size
  readonly node: Box
  readonly text: string
}) => {
  const x = Math.max(8, Math.min(size.width - 240, (node.x - camera.x) * camera.k))
  const below = (node.y + node.h - camera.y) * camera.k + 8
  const y = below > size.height - 40 ? (node.y - camera.y) * camera.k - 34 : below
  return (
    <div class="picture-tip" role="presentation" style={{ transform: `translate(${x}px, ${y}px)` }}>
      {text}
    </div>
  )
}
