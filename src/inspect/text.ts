/** Workflows and statecharts as text that Mermaid and Graphviz draw. Names are quoted so that none can end its own place. */
import { compileWorkflow } from "../model/compile.ts"
import { kindOf, type WorkflowIR } from "../model/ir.ts"
import { definition } from "../model/nested.ts"
import { type ChartShape, type EdgeShape, shapeOf } from "./shape.ts"

/**
 * The graph of a workflow as a Mermaid flowchart.
 *
 * ```ts check
 * workflowToMermaid({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop" }, { id: "b", kind: "gate", after: ["a"] }] }).split("\n")[2] // => '  t1{{"b"}}'
 * ```
 */
export const workflowToMermaid = (ir: WorkflowIR): string => {
  const { nodes, edges } = graphOf(ir)
  return [
    "flowchart LR",
    ...nodes.map(({ id, label, kind }) => {
      const [open, close] = mermaidShapes[kind] ?? ["[", "]"]
      return `  ${id}${open}"${mermaidText(label)}"${close}`
    }),
    ...edges.map(([from, to]) => `  ${from} --> ${to}`),
    ""
  ].join("\n")
}

/**
 * The graph of a workflow in the language of Graphviz.
 *
 * ```ts check
 * workflowToDot({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop" }] }).includes('t0 [label="a"') // => true
 * ```
 */
export const workflowToDot = (ir: WorkflowIR): string => {
  const { nodes, edges } = graphOf(ir)
  return [
    `digraph ${dotText(ir.name)} {`,
    '  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];',
    ...nodes.map(({ id, label, kind }) => `  ${id} [label=${dotText(label)}, shape=${dotShapes[kind] ?? "box"}];`),
    ...edges.map(([from, to]) => `  ${from} -> ${to};`),
    "}",
    ""
  ].join("\n")
}

/** A statechart as a Mermaid state diagram: any machine of XState, or its shape. Undefined for what is no machine. */
export const chartToMermaid = (machine: unknown): string | undefined => {
  const shape = shapeFrom(machine)
  if (shape === undefined) return undefined
  const { names, inside, initial } = read(shape)
  const lines: Array<string> = ["stateDiagram-v2"]
  const draw = (parent: string, depth: number): void => {
    const pad = "  ".repeat(depth)
    for (const { id, key, type } of inside.get(parent) ?? []) {
      const name = names.get(id)!
      lines.push(`${pad}state "${mermaidText(key)}" as ${name}`)
      if (initial.get(parent) === id) lines.push(`${pad}[*] --> ${name}`)
      if (type === "final") lines.push(`${pad}${name} --> [*]`)
      if (!inside.has(id)) continue
      lines.push(`${pad}state ${name} {`)
      draw(id, depth + 1)
      lines.push(`${pad}}`)
      if (type === "parallel") lines.push(`${pad}note right of ${name} : all at once`)
    }
  }
  draw(shape.id, 1)
  for (const edge of shape.edges)
    if (edge.isInternal !== true)
      lines.push(
        `  ${names.get(edge.from) ?? "[*]"} --> ${names.get(edge.to) ?? "[*]"} : ${mermaidText(labelOf(edge))}`
      )
  return [...lines, ""].join("\n")
}

/** A statechart in the language of Graphviz: any machine of XState, or its shape. Undefined for what is no machine. */
export const chartToDot = (machine: unknown): string | undefined => {
  const shape = shapeFrom(machine)
  if (shape === undefined) return undefined
  const { names, inside, initial } = read(shape)
  const lines: Array<string> = [
    `digraph ${dotText(shape.id)} {`,
    '  compound=true; node [shape=box, style=rounded, fontname="sans-serif", fontsize=11]; edge [fontname="sans-serif", fontsize=10];'
  ]
  const draw = (parent: string, depth: number): void => {
    const pad = "  ".repeat(depth)
    for (const { id, key, type } of inside.get(parent) ?? []) {
      const name = names.get(id)!
      if (!inside.has(id)) {
        lines.push(`${pad}${name} [label=${dotText(key)}${type === "final" ? ", peripheries=2" : ""}];`)
        if (initial.get(parent) === id)
          lines.push(`${pad}start_${name} [shape=point, label=""]; start_${name} -> ${name};`)
        continue
      }
      lines.push(
        `${pad}subgraph cluster_${name} { label=${dotText(key)}; style=${type === "parallel" ? "dashed" : "rounded"};`
      )
      // an edge to a cluster needs a node inside
      lines.push(`${pad}  ${name} [shape=point, style=invis, label=""];`)
      draw(id, depth + 1)
      lines.push(`${pad}}`)
    }
  }
  draw(shape.id, 1)
  for (const edge of shape.edges) {
    const from = names.get(edge.from)
    const to = names.get(edge.to)
    if (edge.isInternal === true || from === undefined || to === undefined) continue
    lines.push(
      `  ${from} -> ${to} [label=${dotText(labelOf(edge))}${clusterOf("ltail", edge.from)}${clusterOf("lhead", edge.to)}];`
    )
  }
  return [...lines, "}", ""].join("\n")
  function clusterOf(name: string, state: string): string {
    return inside.has(state) ? `, ${name}=cluster_${names.get(state)}` : ""
  }
}

interface Graph {
  readonly nodes: ReadonlyArray<{ readonly id: string; readonly label: string; readonly kind: string }>
  readonly edges: ReadonlyArray<readonly [from: string, to: string]>
}

const graphOf = (ir: WorkflowIR): Graph => {
  const { graph } = compileWorkflow(definition(ir))
  const edges: Array<readonly [string, string]> = []
  for (let task = 0; task < graph.size; task++)
    for (let k = graph.predecessorStart[task]!; k < graph.predecessorStart[task + 1]!; k++)
      edges.push([`t${graph.predecessors[k]!}`, `t${task}`])
  return { nodes: ir.tasks.map((task, i) => ({ id: `t${i}`, label: task.name ?? task.id, kind: kindOf(task) })), edges }
}

const mermaidShapes: { readonly [kind: string]: readonly [string, string] } = {
  gate: ["{{", "}}"],
  sleep: ["([", "])"],
  map: ["[[", "]]"],
  use: ["[[", "]]"],
  repeat: ["[[", "]]"],
  branch: ["{", "}"]
}
const dotShapes: { readonly [kind: string]: string } = {
  gate: "hexagon",
  sleep: "oval",
  map: "box3d",
  use: "component",
  repeat: "component",
  branch: "diamond"
}

const shapeFrom = (machine: unknown): ChartShape | undefined =>
  shapeOf(machine) ?? (Array.isArray((machine as ChartShape | undefined)?.states) ? (machine as ChartShape) : undefined)

const read = (shape: ChartShape) => {
  const names = new Map<string, string>()
  const inside = new Map<string, Array<ChartShape["states"][number]>>()
  const initial = new Map<string, string>()
  for (const [i, state] of shape.states.entries()) {
    if (state.parent === undefined) continue
    names.set(state.id, `s${i}`)
    inside.set(state.parent, [...(inside.get(state.parent) ?? []), state])
    if (state.isInitial === true) initial.set(state.parent, state.id)
  }
  return { names, inside, initial }
}

const labelOf = ({ event, guard, actions = [] }: EdgeShape): string =>
  `${event === "" ? "always" : event}${guard === undefined ? "" : ` [${guard}]`}${actions.length === 0 ? "" : ` / ${actions.join(", ")}`}`

/** Characters that mean something to Mermaid, as the codes that it knows. */
const mermaidText = (text: string): string =>
  short(text).replace(/[^\p{L}\p{N} _.,+*/=!?()-]/gu, (char) => `#${char.codePointAt(0)};`)
const dotText = (text: string): string => `"${short(text).replace(/["\\]/g, (char) => `\\${char}`)}"`

/** On one line, and of a length that can be read. */
const short = (text: string): string => {
  const line = text.replace(/[\p{C}\u2028\u2029]+/gu, " ")
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`
}
