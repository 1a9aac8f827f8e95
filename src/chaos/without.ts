/**
 * A workflow with some of its tasks taken out. Whoever read what such a task gave reads that value as a literal; whoever waited
 * for it waits for what it waited for. Never runs anything: what tasks gave is said by whoever takes them out.
 */

import { analyse } from "../model/analysis.ts"
import { topologicalOrder } from "../model/dependencies.ts"
import { segments } from "../model/ids.ts"
import {
  type Condition,
  type Each,
  kindOf,
  type Literal,
  type Mapping,
  type Reference,
  type TaskIR,
  type WorkflowIR
} from "../model/ir.ts"
import { deepFreeze, isPlainRecord, type Json, toJson } from "../model/json.ts"
import { type DataPart, isLiteral, isReference, type Lookup, read } from "../model/mapping.ts"
import { workSettings } from "../model/work-settings.ts"
import { makeWorkflow, type Workflow } from "../model/workflow.ts"
import { ChaosMisused } from "./errors.ts"

/** What tasks that are taken out gave, by id; `outer/inner` is a task of the workflow that stands in the task `outer`. */
export type Gave = { readonly [task: string]: Json }

/**
 * The same workflow without these tasks. With `output` left to the workflow, it is that of the tasks that are last now.
 *
 * @throws ChaosMisused for a task that is not there, and for a place in which no literal can stand.
 */
export const without = <I, O, D, G>(workflow: Workflow<I, O, D, G>, gave: Gave): Workflow<I, O, D, G> => {
  const taken = takeOut(workflow, new Map(Object.entries(gave).map(([task, value]) => [task, toJson(value)])))
  if (taken.workflow !== undefined) return taken.workflow
  throw new ChaosMisused({
    what: "workflow",
    why: `workflow '${workflow.name}' cannot be had without ${Object.keys(gave).join(", ")}: ${taken.why}`
  })
}

export interface Taken {
  /** Undefined when they cannot be taken out. */
  readonly workflow: Workflow | undefined
  readonly why: string
  /** Tasks whose value stands somewhere now. */
  readonly read: ReadonlySet<string>
}

/** Most new edges: a task in the middle of many and many would leave their product. */
const edgesMost = 100_000

export const takeOut = (workflow: Workflow, gave: ReadonlyMap<string, Json>): Taken => {
  const inner = [...gave.keys()].filter((task) => task.includes("/"))
  const taking: Taking = { gave, inner, known: new Set(), read: new Set(), edges: 0, why: "" }
  const ir = deepFreeze(rest(workflow.ir, "", taking))
  const stray = [...gave.keys()].find((task) => !taking.known.has(task))
  if (stray !== undefined) taking.why ||= `there is no task '${stray}'`
  const refused = { workflow: undefined, read: taking.read }
  if (taking.why !== "") return { ...refused, why: taking.why }
  const smaller = makeWorkflow(ir, workflow.code, workflow.input)
  const problem = smaller.problems.find(({ severity }) => severity === "error")
  if (problem !== undefined) return { ...refused, why: `${problem.path}: ${problem.message}` }
  return { workflow: smaller, why: "", read: taking.read }
}

/** How far it has come; the first reason against it is kept. */
interface Taking {
  readonly gave: ReadonlyMap<string, Json>
  /** Paths of `gave` that lead into workflows inside. */
  readonly inner: ReadonlyArray<string>
  /** Paths of `gave` that were met. */
  readonly known: Set<string>
  readonly read: Set<string>
  edges: number
  why: string
}

/** One workflow, and those that stand in its tasks. */
const rest = (ir: WorkflowIR, under: string, taking: Taking): WorkflowIR => {
  const goes = ir.tasks.map(({ id }) => taking.gave.has(under + id))
  ir.tasks.forEach(({ id }, i) => goes[i] && taking.known.add(under + id))
  const { graph, lookupFor } = analyse(ir)
  const placed = (special: Parameters<typeof lookupFor>[0]): Place => ({
    lookup: lookupFor(special),
    goes,
    ids: graph.ids,
    index: graph.index,
    under,
    taking
  })
  const places = { plain: placed([]), item: placed(["item", "index"]), round: placed(["output", "round"]) }
  const waits = waitsOf(ir, goes, taking)
  const tasks = ir.tasks.flatMap((task, i) =>
    goes[i] ? [] : [inside(ordered(rewritten(task, places), waits[i]!), under, taking)]
  )
  return { ...ir, tasks, ...(ir.output === undefined ? {} : { output: put(ir.output, places.plain) }) }
}

/** For each task that stays, the tasks that it waits for now because one between them is gone. */
const waitsOf = (
  ir: WorkflowIR,
  goes: ReadonlyArray<boolean>,
  taking: Taking
): ReadonlyArray<ReadonlyArray<string>> => {
  const { graph } = analyse(ir)
  const none: ReadonlySet<number> = new Set()
  const through = new Array<ReadonlySet<number>>(graph.size).fill(none)
  for (const task of goes.includes(true) ? topologicalOrder(graph) : []) {
    const before = graph.predecessors.subarray(graph.predecessorStart[task]!, graph.predecessorStart[task + 1]!)
    if (!goes[task] && !before.some((one) => goes[one])) continue
    const found = new Set<number>()
    for (const one of before) {
      if (!goes[one]) {
        if (goes[task]) found.add(one)
      } else for (const further of through[one]!) found.add(further)
    }
    // what it waits for anyway is not said again
    if (!goes[task]) for (const one of before) found.delete(one)
    through[task] = found
    taking.edges += found.size
    if (taking.edges > edgesMost) {
      taking.why ||= `more than ${edgesMost.toLocaleString("en")} edges would take its place`
      break
    }
  }
  return through.map((found) => [...found].map((one) => graph.ids[one]!))
}

const ordered = (task: TaskIR, waits: ReadonlyArray<string>): TaskIR =>
  waits.length === 0 ? task : { ...task, after: [...(task.after ?? []), ...waits] }

/** Tasks of a workflow that stands in a task and runs once there have a value each. */
const inside = (task: TaskIR, under: string, taking: Taking): TaskIR => {
  if (kindOf(task) !== "use") return task
  const { workflow } = task as { workflow: string | WorkflowIR }
  const path = `${under}${task.id}/`
  if (typeof workflow === "string" || !taking.inner.some((one) => one.startsWith(path))) return task
  return { ...task, workflow: rest(workflow, path, taking) } as TaskIR
}

// ── what is read ─────────────────────────────────────────────────────────────────────────────────────

/** Where references stand, and what they mean there. */
interface Place {
  readonly lookup: Lookup
  readonly goes: ReadonlyArray<boolean>
  readonly ids: ReadonlyArray<string>
  readonly index: ReadonlyMap<string, number>
  readonly under: string
  readonly taking: Taking
}

interface Places {
  readonly plain: Place
  readonly item: Place
  readonly round: Place
}

/** A task that stays: every place that may read others. The same places as in `model/analysis.ts`. */
const rewritten = (task: TaskIR, { plain, item, round }: Places): TaskIR => {
  const { goes, index } = plain
  const all = task as unknown as AnyTask
  const changed: Record<string, unknown> = {}
  const change = (key: string, how: (value: never) => unknown) => {
    if (all[key] !== undefined) changed[key] = how(all[key] as never)
  }
  change("after", (after: ReadonlyArray<string>) => after.filter((id) => !goes[index.get(id)!]))
  for (const key of ["sameAgentAs", "differentAgentFrom", "excludes"])
    change(key, (ids: ReadonlyArray<string>) => ids.filter((id) => !goes[index.get(id)!]))
  Object.assign(changed, input(all, plain))
  change("when", (one: Condition) => ask(one, plain))
  Object.assign(changed, work(all, plain))
  switch (kindOf(task)) {
    case "map":
      change("over", (one: Mapping) => put(one, plain))
      change("each", (one: Each) => ({ ...one, ...input(one, item), ...work(one, item) }))
      break
    case "branch":
      change("on", (one: Mapping) => put(one, plain))
      break
    case "repeat":
      change("until", (one: Condition) => ask(one, round))
      break
    case "gate":
      change("show", (one: Mapping) => put(one, plain))
      change("otherwise", (one: "fail" | { readonly value: Mapping }) =>
        one === "fail" ? one : { value: put(one.value, plain) }
      )
      break
    case "sleep":
      change("durationMs", (one: number | Reference) => plainly(one, "number", plain))
  }
  return { ...task, ...changed } as TaskIR
}

type AnyTask = { readonly [key: string]: unknown }

const input = ({ input: given }: { readonly input?: Mapping }, place: Place) =>
  given === undefined ? {} : { input: put(given, place) }

/** The references that only some kinds of work have. */
const work = (one: object, place: Place): AnyTask => {
  const { cache, kind } = one as { cache?: { readonly key?: Mapping }; kind?: string }
  const key = cache?.key === undefined ? {} : { cache: { ...cache, key: put(cache.key, place) } }
  if (kind !== "shell" && kind !== "http") return key
  const { url, headers, ...others } = workSettings(one) as {
    readonly url?: string | Reference
    readonly headers?: { readonly [name: string]: string | Reference }
    readonly [setting: string]: Mapping | undefined
  }
  const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, plainly(text, "string", place)])
  return {
    ...key,
    ...Object.fromEntries(Object.entries(others).map(([name, setting]) => [name, put(setting as Mapping, place)])),
    ...(url === undefined ? {} : { url: plainly(url, "string", place) }),
    ...(headers === undefined ? {} : { headers: Object.fromEntries(texts) })
  }
}

/** A mapping with literals where it read what is gone. */
const put = (mapping: Mapping, place: Place): Mapping => {
  if (typeof mapping !== "object" || mapping === null || isLiteral(mapping)) return mapping
  if (Array.isArray(mapping)) return mapping.map((one) => put(one, place))
  if (!isReference(mapping))
    return Object.fromEntries(Object.entries(mapping).map(([key, one]) => [key, put(one as Mapping, place)]))
  const found = standsFor(mapping, place)
  if (found === undefined) return mapping
  if ("mapping" in found) return found.mapping
  if (found.value !== undefined) return literal(found.value)
  place.taking.why ||= `what it gave has no '${segments(mapping.$).join(".")}'`
  return mapping
}

const ask = (condition: Condition, place: Place): Condition => {
  if (typeof condition === "boolean") return condition
  // alone, and in `exists`, a reference asks about itself: no literal can stand there, the answer can
  if (isReference(condition)) return answered(condition, condition, place, Boolean)
  const [name, operand] = Object.entries(condition)[0]! as [string, unknown]
  switch (name) {
    case "and":
    case "or":
      return { [name]: (operand as ReadonlyArray<Condition>).map((one) => ask(one, place)) } as unknown as Condition
    case "not":
      return { not: ask(operand as Condition, place) }
    case "exists":
      return answered(operand as Reference, condition, place, (value) => value !== undefined)
    default:
      return { [name]: put(operand as Mapping, place) } as unknown as Condition
  }
}

const answered = (
  reference: Reference,
  whole: Condition,
  place: Place,
  answer: (value: Json | undefined) => boolean
): Condition => {
  const found = standsFor(reference, place)
  if (found === undefined) return whole
  // put together of several results, it is an object whatever is in it
  return "mapping" in found ? true : answer(found.value)
}

/** A setting that takes a reference or a plain value of one type, and no literal. */
const plainly = (
  setting: string | number | Reference,
  type: "string" | "number",
  place: Place
): string | number | Reference => {
  if (!isReference(setting)) return setting
  const found = standsFor(setting, place)
  if (found === undefined) return setting
  const value = "mapping" in found ? undefined : found.value
  if (typeof value === type) return value as string | number
  place.taking.why ||= `'${segments(setting.$).join(".")}' is read where only a ${type} can stand`
  return setting
}

const literal = (value: Json): Json | Literal =>
  typeof value === "object" && value !== null ? { $literal: value } : value

/** What a reference to something that is gone stands for; undefined when all that it reads stays. */
const standsFor = (
  { $, default: fallback }: Reference,
  place: Place
): { readonly value: Json | undefined } | { readonly mapping: Mapping } | undefined => {
  const { root, path } = place.lookup(segments($))
  if (root.at === "task") {
    if (!place.goes[root.index]) return undefined
    const value = read(gaveOf(root.index, place), path, "", true)
    // null is a value
    return { value: value === undefined ? fallback : value }
  }
  if (root.at !== "data" || !root.parts.some(({ index }) => place.goes[index])) return undefined
  return parts(root.parts, segments($).slice(1), place)
}

const gaveOf = (index: number, { ids, under, taking }: Place): Json => {
  const path = under + ids[index]!
  taking.read.add(path)
  return taking.gave.get(path)!
}

/** Data that several tasks write: what is left of them writes on, the rest is put in its place. */
const parts = (
  all: ReadonlyArray<DataPart>,
  above: ReadonlyArray<string>,
  place: Place
): { readonly value: Json } | { readonly mapping: Mapping } => {
  const result: Record<string, unknown> = {}
  const isWhole = all.every(({ index }) => place.goes[index])
  for (const { into, index, path } of all) {
    const gone = place.goes[index] ? read(gaveOf(index, place), path, "", true) : undefined
    if (place.goes[index] && gone === undefined) continue
    const value = gone === undefined ? { $: ["data", ...above, ...into] } : isWhole ? gone : literal(gone)
    let at = result
    for (const key of into.slice(0, -1)) {
      if (!isPlainRecord(at[key])) at[key] = {}
      at = at[key] as Record<string, unknown>
    }
    at[into.at(-1)!] = value
  }
  return isWhole ? { value: result as Json } : { mapping: result as Mapping }
}
