/**
 * What a run is made of, as pictures show it: the tasks of a scope with their wires, the items of a fan-out, the rounds of a loop,
 * what a planner has planned. Read from the definition, and from what was seen of the run where the definition does not know.
 */
import { type RunView, scopeOf, type TaskView } from "../../src/inspect/view.ts"
import { type DependencyGraph, dependencyGraph } from "../../src/model/dependencies.ts"
import { fragmentIR } from "../../src/model/fragment.ts"
import { type Each, kindOf, type TaskIR, type Trigger, type WorkflowIR } from "../../src/model/ir.ts"
import { type Definition, definition, nestedOf, resolveNested } from "../../src/model/nested.ts"
import { wiresOf } from "./wires.ts"

export type PartKind =
  | "task"
  | "gate"
  | "sleep"
  | "fan-out"
  | "workflow"
  | "branch"
  | "loop"
  | "plan"
  | "item"
  | "round"

/** One thing that has a status: a task, an item, a round. */
export interface Part {
  readonly path: string
  readonly name: string
  readonly kind: PartKind
  readonly ir: TaskIR | undefined
  /** Whether it has parts of its own that can be shown. */
  readonly mayOpen: boolean
  /** Whether its effect can be taken back. */
  readonly hasUndo: boolean
  /** Whether it is asked first whether it should happen at all. */
  readonly isConditional: boolean
}

/** Somebody waits for somebody, by their places in the list of parts. */
export interface Wire {
  readonly from: number
  readonly to: number
  /** Which end lets the other start, where that is not the usual one. */
  readonly trigger: Trigger | undefined
  /** Only order, no data. */
  readonly isOrder: boolean
}

export interface Parts {
  readonly arrangement: "graph" | "grid"
  readonly parts: ReadonlyArray<Part>
  readonly wires: ReadonlyArray<Wire>
  readonly graph: DependencyGraph
}

interface Known {
  size: number
  readonly listed: Set<string>
  readonly children: Map<string, Array<string>>
  readonly companions: Map<string, Array<string>>
}
const known = new WeakMap<ReadonlyMap<string, TaskView>, Known>()

/** What was seen of a run, by scope; tasks are only ever added to a map, so what is new stands at its end. */
const knownOf = (tasks: ReadonlyMap<string, TaskView>): Known => {
  let found = known.get(tasks)
  if (found === undefined) {
    found = { size: 0, listed: new Set(), children: new Map(), companions: new Map() }
    known.set(tasks, found)
  }
  if (found.size === tasks.size) return found
  let i = 0
  for (const path of tasks.keys()) {
    if (i++ < found.size) continue
    const own = ownerOf(path)
    if (own !== path) push(found.companions, own, path)
    // a scope of which nothing was told is there because of what is inside it
    for (let at = own; at !== "" && !found.listed.has(at); at = scopeOf(at)) {
      found.listed.add(at)
      push(found.children, scopeOf(at), at)
    }
  }
  found.size = tasks.size
  return found
}

const push = (map: Map<string, Array<string>>, key: string, value: string): void => {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** The task that something belongs to: `a` for `a~undo`, `a~1`, `a~wait`. */
export const ownerOf = (path: string): string => {
  const at = path.indexOf("~", Math.max(path.lastIndexOf("/"), path.lastIndexOf("["), path.lastIndexOf("#"), 0))
  return at === -1 ? path : path.slice(0, at)
}

/** The last step of a path, as a person calls it: `label`, `[3]`, `#2`, `@plan`. */
export const nameOf = (path: string): string => {
  const scope = scopeOf(path)
  const rest = path.slice(scope.length)
  return rest.startsWith("/") ? rest.slice(1) : rest
}

/** What stands in for a task, undoes it, or waits for a person in its place. */
export const companionsOf = (run: RunView, path: string): ReadonlyArray<string> =>
  knownOf(run.tasks).companions.get(path) ?? none
const none: ReadonlyArray<string> = []

/** What was seen inside a scope. */
export const childrenSeen = (run: RunView, path: string): ReadonlyArray<string> =>
  knownOf(run.tasks).children.get(path) ?? none

/** The structure of one run. Cheap to make; what it reads is remembered by the definition. */
export class Structure {
  readonly #ir: WorkflowIR | undefined
  readonly #run: RunView
  readonly #definitions = new Map<string, Definition | undefined>()
  readonly #parts = new Map<string, Parts>()

  constructor(ir: WorkflowIR | undefined, run: RunView) {
    this.#ir = ir
    this.#run = run
  }

  /** The parts of a scope; `""` is the run itself. */
  parts(path: string): Parts {
    const before = this.#parts.get(path)
    if (before !== undefined) return before
    const made = this.#read(path)
    this.#parts.set(path, made)
    return made
  }

  /** How many parts a scope has, as far as anybody knows, without reading them. */
  count(path: string): number {
    const task = this.#taskOf(path)
    const seen = childrenSeen(this.#run, path).length
    if (task !== undefined && kindOf(task) === "map") {
      const { over } = task as Extract<TaskIR, { kind: "map" }>
      return Array.isArray(over) ? over.length : typeof over === "number" ? over : seen
    }
    if (task !== undefined && kindOf(task) === "repeat") return seen
    return Math.max(this.#definitionOf(path)?.ir.tasks.length ?? 0, seen)
  }

  #read(path: string): Parts {
    try {
      return this.#readSound(path)
    } catch {
      // a definition in a recording may be anything: what was seen is shown all the same
      return grid(childrenSeen(this.#run, path).map((child) => this.#seenPart(child, "task")))
    }
  }

  #readSound(path: string): Parts {
    const task = path === "" ? undefined : this.#taskOf(path)
    switch (task === undefined ? undefined : kindOf(task)) {
      case "map":
        return grid(this.#sorted(path).map((item) => this.#seenPart(item, "item")))
      case "repeat": {
        const rounds = this.#sorted(path).filter((one) => !one.endsWith(pause))
        return graphOf(
          rounds.map((round) => this.#seenPart(round, "round")),
          rounds.slice(1).map((_, i) => ({ from: i, to: i + 1, trigger: undefined, isOrder: false }))
        )
      }
      case "expand":
        return this.#planned(path)
      default: {
        const defined = this.#definitionOf(path)
        if (defined === undefined)
          return grid(childrenSeen(this.#run, path).map((child) => this.#seenPart(child, "task")))
        return this.#workflow(path, defined)
      }
    }
  }

  #workflow(path: string, { ir }: Definition): Parts {
    const { wires, graph } = wiresOf(ir)
    const under = path === "" ? "" : `${path}/`
    return { arrangement: "graph", parts: ir.tasks.map((task) => this.#part(under + task.id, task)), wires, graph }
  }

  /** The planner first, then what it planned. */
  #planned(path: string): Parts {
    const planner: Part = { ...leafPart(path + planning), name: "planner" }
    const defined = this.#definitionOf(path + injected)
    if (defined === undefined) return graphOf([planner], [])
    const { parts, wires, graph } = this.#workflow(path + injected, defined)
    const all = [
      ...wires.map((wire) => ({ ...wire, from: wire.from + 1, to: wire.to + 1 })),
      ...parts.flatMap((_, i) =>
        graph.predecessorStart[i] === graph.predecessorStart[i + 1]
          ? [{ from: 0, to: i + 1, trigger: undefined, isOrder: true }]
          : []
      )
    ]
    return graphOf([planner, ...parts], all)
  }

  #part(path: string, task: TaskIR): Part {
    const kind = kinds[kindOf(task) as keyof typeof kinds] ?? "task"
    return {
      path,
      name: task.name ?? task.id,
      kind,
      ir: task,
      mayOpen:
        kind === "workflow" ||
        (kind === "branch" && this.#definitionOf(path) !== undefined) ||
        ((kind === "fan-out" || kind === "loop" || kind === "plan") && childrenSeen(this.#run, path).length > 0),
      hasUndo: "undo" in task || ("each" in task && "undo" in task.each),
      isConditional: task.when !== undefined
    }
  }

  #seenPart(path: string, kind: "item" | "round" | "task"): Part {
    return {
      ...leafPart(path),
      kind,
      name: kind === "round" ? `round ${nameOf(path).slice(1)}` : nameOf(path),
      mayOpen: childrenSeen(this.#run, path).length > 0
    }
  }

  /** Items and rounds in the order of their numbers. */
  #sorted(path: string): ReadonlyArray<string> {
    const number = (one: string) => Number.parseInt(one.slice(path.length + 1), 10)
    return [...childrenSeen(this.#run, path)].sort((a, b) => number(a) - number(b))
  }

  /** The task that a path names; an item or a round has none of its own. */
  #taskOf(path: string): TaskIR | undefined {
    if (path === "") return undefined
    const name = nameOf(path)
    if (name.startsWith("[") || name.startsWith("#") || name.startsWith("@")) return undefined
    return taskNamed(this.#definitionOf(scopeOf(path)), name)
  }

  /** The workflow whose tasks stand under a path. */
  #definitionOf(path: string): Definition | undefined {
    if (this.#definitions.has(path)) return this.#definitions.get(path)
    const found = this.#find(path)
    // what was planned, and which case was taken, comes to be known later
    if (found !== undefined) this.#definitions.set(path, found)
    return found
  }

  #find(path: string): Definition | undefined {
    if (path === "") return this.#ir === undefined ? undefined : definition(this.#ir)
    const scope = scopeOf(path)
    const name = nameOf(path)
    const isInside = name.startsWith("[") || name.startsWith("#") || name.startsWith("@")
    const around = this.#definitionOf(isInside ? scopeOf(scope) : scope)
    const task = isInside ? this.#taskOf(scope) : this.#taskOf(path)
    if (around === undefined || task === undefined) return undefined
    if (name === injected) {
      const plan = fragmentOf(this.#run.tasks.get(scope + planning)?.value)
      return plan === undefined ? undefined : definition(fragmentIR(plan, task.id, around.ir), around.table)
    }
    switch (kindOf(task)) {
      case "map": {
        const { each } = task as { each: Each }
        return isInside && "workflow" in each ? resolveNested(around, each.workflow) : undefined
      }
      case "repeat":
        return isInside ? resolveNested(around, nestedOf(task)[0]![0]) : undefined
      case "use":
        return resolveNested(around, nestedOf(task)[0]![0])
      case "branch": {
        const children = childrenSeen(this.#run, path).map(nameOf)
        if (children.length === 0) return undefined
        const cases = nestedOf(task).flatMap(([nested]) => resolveNested(around, nested) ?? [])
        return cases.find(({ ir }) => children.every((id) => ir.tasks.some((one) => one.id === id)))
      }
      default:
        return undefined
    }
  }
}

const planning = "@plan"
const injected = "@tasks"
const pause = "#pause"

const kinds = {
  sleep: "sleep",
  gate: "gate",
  map: "fan-out",
  use: "workflow",
  branch: "branch",
  repeat: "loop",
  expand: "plan"
} as const

const leafPart = (path: string): Part => ({
  path,
  name: nameOf(path),
  kind: "task",
  ir: undefined,
  mayOpen: false,
  hasUndo: false,
  isConditional: false
})

const byId = new WeakMap<WorkflowIR, ReadonlyMap<string, TaskIR>>()
const taskNamed = (defined: Definition | undefined, id: string): TaskIR | undefined => {
  if (defined === undefined) return undefined
  let map = byId.get(defined.ir)
  if (map === undefined) {
    map = new Map(defined.ir.tasks.map((task) => [task.id, task]))
    byId.set(defined.ir, map)
  }
  return map.get(id)
}

/** A plan, as far as it looks like one: it came from outside. */
const fragmentOf = (value: unknown): { readonly tasks: ReadonlyArray<TaskIR> } | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const { tasks } = value as { tasks?: unknown }
  if (!Array.isArray(tasks)) return undefined
  const isTask = (one: unknown) =>
    typeof one === "object" && one !== null && typeof (one as { id?: unknown }).id === "string"
  return tasks.every(isTask) ? { tasks: tasks as ReadonlyArray<TaskIR> } : undefined
}

const graphOf = (parts: ReadonlyArray<Part>, wires: ReadonlyArray<Wire>): Parts => {
  const lists: Array<Array<number>> = parts.map(() => [])
  for (const { from, to } of wires) lists[to]!.push(from)
  const ids = parts.map(({ path }) => path)
  const graph = dependencyGraph(ids, new Map(ids.map((id, i) => [id, i])), lists)
  return { arrangement: "graph", parts, wires, graph }
}

const grid = (parts: ReadonlyArray<Part>): Parts => ({ ...graphOf(parts, []), arrangement: "grid" })
