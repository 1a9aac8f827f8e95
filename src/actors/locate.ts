/** Finds the gate that a path means: open, ended, still to come, or not there at all. Looks at a run, changes nothing. */
import { type CompiledTask, type CompiledWorkflow, compileWorkflow, type Structure } from "../model/compile.ts"
import type { GateEnd } from "../model/errors.ts"
import type { TaskStatus } from "../model/messages.ts"
import type { Definition } from "../model/nested.ts"
import { FanoutDirector, LoopDirector, WorkflowDirector } from "./directors.ts"
import type { OpenGate } from "./gates.ts"
import type { Room } from "./room.ts"
import { SagaDirector } from "./saga.ts"
import type { Scope, ScopeSnapshot } from "./scope.ts"

export type Located =
  | { readonly state: "open"; readonly gates: ReadonlyArray<CompiledTask>; readonly gate: OpenGate }
  | { readonly state: "ended"; readonly became: GateEnd }
  /** Not open yet. Before a branch is taken it may be any of several. */
  | { readonly state: "coming"; readonly gates: ReadonlyArray<CompiledTask> }

/** The gate of that path; undefined when the workflow has none. */
export const locate = (room: Room, compiled: CompiledWorkflow, path: string): Located | undefined => {
  const gate = room.gateAt(path)
  if (gate !== undefined) return { state: "open", gates: [gate.task], gate }
  const became = room.gates.endOf(path)
  if (became !== undefined) return { state: "ended", became }
  const parts = path.split("/").map(partOf)
  const { root, outcome } = room
  if (outcome === undefined && root !== undefined) return inScope(scopeOf(root), parts)
  const gates = inDefinitions([compiled], parts)
  if (gates.length === 0) return undefined
  return outcome === undefined ? { state: "coming", gates } : { state: "ended", became: "ended" }
}

/** One step of a path: the id of a task, and which part of it: an item, a round, or the tasks that a planner gave. */
interface Part {
  readonly id: string
  readonly of: "" | "[" | "#" | "@"
  readonly index: number
}

const partOf = (text: string): Part => {
  const found = /^([^[#@]*)(?:\[(\d{1,9})\]|#(\d{1,9})|@(tasks))?$/.exec(text)
  if (found === null) return { id: "", of: "", index: 0 }
  const [, id = "", item, round, planned] = found
  if (item !== undefined) return { id, of: "[", index: Number(item) }
  if (round !== undefined) return { id, of: "#", index: Number(round) }
  return { id, of: planned === undefined ? "" : "@", index: 0 }
}

const scopeOf = (actor: { getSnapshot: () => unknown }): Scope | undefined =>
  (actor.getSnapshot() as Partial<ScopeSnapshot>).scope

type Parts = ReadonlyArray<Part>

/** Looks where the run is now. */
const inScope = (scope: Scope | undefined, [part, ...rest]: Parts): Located | undefined => {
  const director = scope?.director instanceof SagaDirector ? scope.director.before : scope?.director
  if (scope === undefined || !(director instanceof WorkflowDirector) || part === undefined) return undefined
  const { board } = director
  const index = board.compiled.graph.index.get(part.id)
  const task = index === undefined ? undefined : board.compiled.tasks[index]
  if (task === undefined) return undefined
  const found = below(task, part, rest)
  if (board.isFinal(task.index))
    return found.length === 0 ? undefined : { state: "ended", became: endOf(board.statusOf(task.index)) }
  const coming = (): Located | undefined => (found.length === 0 ? undefined : { state: "coming", gates: found })
  const ended = (): Located | undefined => (found.length === 0 ? undefined : { state: "ended", became: "ended" })
  if (rest.length === 0) return coming()
  const child = scope.children.get(task.id)
  const inside = child === undefined ? undefined : scopeOf(child.actor)
  if (inside === undefined) return coming()
  if (part.of === "") return inScope(inside, rest)
  const name = part.of === "[" ? `[${part.index}]` : part.of === "#" ? `#${part.index}` : "@tasks"
  const one = inside.children.get(name)
  if (one !== undefined) return inScope(scopeOf(one.actor), rest)
  if (inside.director instanceof FanoutDirector) {
    if (part.index >= inside.director.progress.total) return undefined
    return part.index < inside.director.progress.started ? ended() : coming()
  }
  if (inside.director instanceof LoopDirector) return part.index <= inside.director.round ? ended() : coming()
  return undefined
}

const endOf = (status: TaskStatus): GateEnd =>
  status === "skipped" ? "skipped" : status === "cancelled" ? "cancelled" : "ended"

/** The gates that a path can mean below a task, as far as definitions tell: a planner's tasks are not among them. */
const below = (task: CompiledTask, part: Part, rest: Parts): ReadonlyArray<CompiledTask> => {
  if (rest.length === 0) return task.kind === "gate" && part.of === "" ? [task] : []
  return inDefinitions(nestedOf(task.structure, part).map(compileWorkflow), rest)
}

/** Level by level, each definition once, however often a document uses it. */
const inDefinitions = (workflows: ReadonlyArray<CompiledWorkflow>, parts: Parts): ReadonlyArray<CompiledTask> => {
  let open = new Set(workflows)
  for (let level = 0; level < parts.length; level++) {
    const part = parts[level]!
    const tasks = [...open].flatMap(({ graph, tasks: all }) => {
      const index = graph.index.get(part.id)
      return index === undefined ? [] : [all[index]!]
    })
    if (level === parts.length - 1) return tasks.filter(({ kind }) => kind === "gate" && part.of === "")
    open = new Set(tasks.flatMap(({ structure }) => nestedOf(structure, part)).map(compileWorkflow))
  }
  return []
}

/** The workflows that one step of a path can lead into. */
const nestedOf = (structure: Structure, { of, index }: Part): ReadonlyArray<Definition> => {
  switch (structure.kind) {
    case "use":
      return of === "" ? [structure.nested] : []
    case "branch":
      return of !== ""
        ? []
        : [...structure.cases.values(), ...(structure.otherwise === undefined ? [] : [structure.otherwise])]
    case "map":
      return of === "[" && structure.nested !== undefined ? [structure.nested] : []
    case "repeat":
      return of === "#" && index >= 1 && index <= structure.max ? [structure.nested] : []
    default:
      return []
  }
}

/** A gate of a workflow or of those below it, with its path: the first item or round where there are many. */
export interface KnownGate {
  readonly path: string
  readonly task: CompiledTask
}

const known = new WeakMap<CompiledWorkflow, ReadonlyArray<KnownGate>>()
/** Most gates of one workflow that are listed for suggestions. */
const listedMost = 100

/** The gates that a workflow has by its definition, for suggestions. */
export const gatesOf = (compiled: CompiledWorkflow): ReadonlyArray<KnownGate> => {
  const before = known.get(compiled)
  if (before !== undefined) return before
  const found: Array<KnownGate> = []
  for (const task of compiled.tasks) {
    if (found.length >= listedMost) break
    if (task.kind === "gate") found.push({ path: task.id, task })
    for (const [suffix, nested] of innerOf(task.structure))
      for (const { path, task: gate } of gatesOf(compileWorkflow(nested)))
        if (found.length < listedMost) found.push({ path: `${task.id}${suffix}/${path}`, task: gate })
  }
  known.set(compiled, found)
  return found
}

const innerOf = (structure: Structure): ReadonlyArray<readonly [string, Definition]> => {
  const [suffix, of] = structure.kind === "map" ? ["[0]", "["] : structure.kind === "repeat" ? ["#1", "#"] : ["", ""]
  return nestedOf(structure, { id: "", of: of as Part["of"], index: 1 }).map((nested) => [suffix, nested])
}

/** Who listens to signals in a workflow and those below it, by name; and whether a planner may bring more. */
export interface Listeners {
  readonly byName: ReadonlyMap<string, ReadonlyArray<CompiledTask>>
  readonly isOpenEnded: boolean
}

const listening = new WeakMap<CompiledWorkflow, Listeners>()

export const listenersOf = (compiled: CompiledWorkflow): Listeners => {
  const before = listening.get(compiled)
  if (before !== undefined) return before
  const byName = new Map<string, Array<CompiledTask>>()
  let isOpenEnded = false
  const seen = new Set([compiled])
  for (const workflow of seen)
    for (const task of workflow.tasks) {
      const { structure } = task
      if (structure.kind === "expand") isOpenEnded = true
      if (structure.kind === "gate" && structure.signal !== undefined)
        byName.set(structure.signal, [...(byName.get(structure.signal) ?? []), task])
      for (const [, nested] of innerOf(structure)) seen.add(compileWorkflow(nested))
    }
  const found = { byName, isOpenEnded }
  listening.set(compiled, found)
  return found
}
