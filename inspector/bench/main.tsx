/** One picture of a generated run, and what a bench asks of it. `?picture=dag&shape=layers&tasks=10000&part=0.6&theme=dark` */
import { render, type VNode } from "preact"
import type { SeenEvent } from "../../src/inspect/protocol.ts"
import { View } from "../../src/inspect/view.ts"
import type { TaskStatus } from "../../src/model/messages.ts"
import { Dag, type DagProps } from "../dag/Dag.tsx"
import { DagTable } from "../dag/DagTable.tsx"
import { Gantt } from "../gantt/Gantt.tsx"
import { GanttTable } from "../gantt/GanttTable.tsx"
import { Patterns } from "../status.tsx"
import "../style/theme.css"
import "./bench.css"
import { generate, type Wanted } from "./generate.ts"

const asked = new URLSearchParams(location.search)
const picture = asked.get("picture") ?? "dag"
const theme = asked.get("theme") === "dark" ? "dark" : "light"
document.documentElement.dataset.theme = theme

const made = generate({
  seed: Number(asked.get("seed") ?? 1),
  shape: (asked.get("shape") ?? "order") as Wanted["shape"],
  tasks: Number(asked.get("tasks") ?? 30),
  part: Number(asked.get("part") ?? 1),
  fails: asked.has("fails")
})
// what a page would do with the first batch: take the events in, and draw
const start = performance.now()
const view = new View()
/** A name as somebody would choose it who wants to break the page. */
const hostile = `<img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script>\u2028`
for (const event of made.events)
  view.apply(
    event.kind === "definition" && asked.has("hostile")
      ? { ...event, ir: { ...event.ir, tasks: event.ir.tasks.map((task) => ({ ...task, name: hostile + task.id })) } }
      : event
  )

if (asked.has("faults")) {
  const { t: now } = view
  for (const broken of [undefined, "nothing is lost"]) {
    const t = made.events[0]!.t + (broken === undefined ? 1_500 : 9_200)
    const text = "the process was killed"
    view.apply({ kind: "fault", run: made.run, text, t, seq: view.seq, ...(broken === undefined ? {} : { broken }) })
  }
  view.t = now
}

const opened = asked.has("open")
  ? made.ir.tasks.flatMap((task) => ("kind" in task && task.kind === "map" ? [task.id] : []))
  : []
let selected: string | undefined = asked.get("selected") ?? undefined
const app = document.getElementById("app")!
type Picture = (props: DagProps) => VNode | null
const pictures: Readonly<Record<string, Picture>> = {
  dag: Dag,
  gantt: Gantt,
  "dag-table": DagTable,
  "gantt-table": GanttTable
}
const draw = () => {
  const Picture = pictures[picture] ?? Dag
  render(
    <>
      <Patterns />
      <main class="bench-page">
        <Picture
          view={view}
          run={made.run}
          selected={selected}
          theme={theme}
          opened={opened}
          onSelect={(path) => {
            selected = path
            draw()
          }}
        />
      </main>
    </>,
    app
  )
}

const frame = () => new Promise<number>((done) => requestAnimationFrame(done))
const rested = async () => {
  await frame()
  await frame()
}

const median = (all: ReadonlyArray<number>) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0
const most = (all: ReadonlyArray<number>) => all.reduce((a, b) => Math.max(a, b), 0)

/** Gaps between frames while something is done in each. */
const gaps = async (frames: number, act: (frame: number) => void) => {
  const found: Array<number> = []
  let last = await frame()
  for (let i = 0; i < frames; i++) {
    act(i)
    const now = await frame()
    found.push(now - last)
    last = now
  }
  return { median: median(found), most: most(found) }
}

const stage = () => document.querySelector<HTMLElement>(".picture")!
const pointer = (type: string, x: number, y: number, buttons: number) =>
  stage().dispatchEvent(
    new PointerEvent(type, { clientX: x, clientY: y, pointerId: 1, pointerType: "mouse", buttons, bubbles: true })
  )

/** Drags to and fro. */
const pan = async (frames = 90) => {
  const element = stage()
  // a pointer that was made up cannot be captured
  element.setPointerCapture = () => {}
  pointer("pointerdown", 600, 400, 1)
  const result = await gaps(frames, (i) => {
    const phase = (i / frames) * Math.PI * 4
    pointer("pointermove", 600 + 220 * Math.sin(phase), 400 + 120 * Math.sin(phase * 1.5), 1)
  })
  pointer("pointerup", 600, 400, 0)
  return result
}

const zoom = (frames = 90) =>
  gaps(frames, (i) =>
    stage().dispatchEvent(
      new WheelEvent("wheel", {
        deltaY: Math.floor(i / 30) % 2 === 0 ? -40 : 40,
        clientX: 600,
        clientY: 400,
        ctrlKey: picture === "gantt",
        bubbles: true,
        cancelable: true
      })
    )
  )

const scroll = (frames = 90) => {
  const element =
    document.querySelector<HTMLElement>(".gantt-scroll") ?? document.querySelector<HTMLElement>(".treegrid")!
  return gaps(frames, (i) => {
    element.scrollTop += i < frames / 2 ? 230 : -190
  })
}

/** Changes 1 % of the statuses a round and draws: the work, and the gap to the frame that shows it. */
const change = async (rounds = 40) => {
  const run = view.runs.get(made.run)!
  const paths = [...run.tasks.keys()]
  const statuses: ReadonlyArray<TaskStatus> = ["running", "succeeded", "failed", "waiting"]
  const each = Math.max(1, Math.round(paths.length / 100))
  const work: Array<number> = []
  let seq = view.seq
  const result = await gaps(rounds, (round) => {
    const begun = performance.now()
    for (let i = 0; i < each; i++) {
      const task = paths[(round * 7919 + i * 104_729) % paths.length]!
      view.apply({
        kind: "task",
        run: made.run,
        task,
        status: statuses[(round + i) % 4]!,
        t: view.t + 1,
        seq: seq++
      } as SeenEvent)
    }
    draw()
    work.push(performance.now() - begun)
  })
  return { ...result, work: median(work) }
}

/** The run goes on: so many events a frame, some of them of tasks that nobody has heard of yet. */
const grow = async (rounds = 40, each = 150) => {
  let next = 0
  const work: Array<number> = []
  const result = await gaps(rounds, () => {
    const begun = performance.now()
    for (const event of made.rest.slice(next, next + each)) view.apply(event)
    next += each
    draw()
    work.push(performance.now() - begun)
  })
  return { ...result, work: median(work) }
}

/** Words that stand over each other, in what can be seen. */
const overlaps = (): ReadonlyArray<string> => {
  const boxes = [...document.querySelectorAll<SVGTextElement>(".picture text")].flatMap((text) => {
    const box = text.getBoundingClientRect()
    const isSeen = box.width > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight
    return isSeen && text.closest(".gantt-cursor-mark") === null ? [{ text: text.textContent ?? "", box }] : []
  })
  const found: Array<string> = []
  boxes.forEach((a, i) => {
    for (const b of boxes.slice(i + 1)) {
      const w = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left)
      const h = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top)
      // lines of letters may touch above and below
      if (w > 1 && h > 4) found.push(`${a.text} | ${b.text}`)
    }
  })
  return found
}

draw()
const painted = rested().then(() => performance.now() - start)

const select = (path: string) => {
  selected = path
  draw()
}
Object.assign(globalThis, {
  bench: { painted, pan, zoom, scroll, change, grow, overlaps, rested, select, view, draw, selectedNow: () => selected }
})
