/** The wires between tasks: data in full lines, what is only order finer, what may not happen dashed, what decides the time in the accent. */
import type { TaskStatus } from "../../src/model/messages.ts"
import type { Critical } from "../picture/critical.ts"
import { still } from "../picture/still.ts"
import type { Scene } from "./scene.ts"
import { wayOf } from "./ways.ts"

interface EdgesProps {
  readonly scene: Scene
  readonly edges: ReadonlyArray<number>
  readonly critical: Critical
  readonly selected: number | undefined
  readonly statuses: ReadonlyArray<TaskStatus>
}

const ways = new WeakMap<object, string>()
const wayFor = (scene: Scene, k: number): string => {
  const edge = scene.edges[k]!
  const before = ways.get(edge)
  if (before !== undefined) return before
  const made = wayOf(edge.points, edge.style)
  ways.set(edge, made)
  return made
}

export const DagEdges = ({ scene, edges, critical, selected, statuses }: EdgesProps) => {
  const rest: Array<number> = []
  const above: Array<number> = []
  for (const k of edges) {
    const { from, to } = scene.edges[k]!
    const isCritical = critical.next.get(scene.nodes[from]!.path) === scene.nodes[to]!.path
    if (isCritical || from === selected || to === selected) above.push(k)
    else rest.push(k)
  }
  const edge = (k: number) => {
    const { from, to, wire, isConditional } = scene.edges[k]!
    const isCritical = critical.next.get(scene.nodes[from]!.path) === scene.nodes[to]!.path
    const [a, b] = [statuses[from], statuses[to]]
    const classes = [
      "dag-edge",
      wire.isOrder ? "is-order" : "",
      isConditional || wire.trigger === "failed" ? "is-dashed" : "",
      wire.trigger === "failed" ? "is-failure" : "",
      isCritical ? "is-critical" : "",
      from === selected || to === selected ? "is-near" : "",
      a === "skipped" || b === "skipped" ? "is-skipped" : ""
    ]
    return (
      <Edge
        key={k}
        d={wayFor(scene, k)}
        className={classes.filter((one) => one !== "").join(" ")}
        x={scene.edges[k]!.points.at(-2)!}
        y={scene.edges[k]!.points.at(-1)!}
      />
    )
  }
  return (
    <g class="dag-edges">
      {rest.map(edge)}
      {above.map(edge)}
    </g>
  )
}

const Edge = still(({ d, className, x, y }: { d: string; className: string; x: number; y: number }) => (
  <g class={className}>
    <path class="dag-way" d={d} />
    <path class="dag-arrow" d={`M${x - 6.5} ${y - 3.6}L${x - 0.5} ${y}L${x - 6.5} ${y + 3.6}z`} />
  </g>
))
