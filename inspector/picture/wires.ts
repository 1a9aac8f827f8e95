/**
 * Who waits for whom in a workflow, for pictures: data, order, and which end lets the next one start. The reading of `model/analysis.ts`
 * without its opinions, so that a page need not carry them; a test holds the two against each other.
 */
import { scanCondition } from "../../src/model/condition.ts"
import { type DependencyGraph, dependencyGraph } from "../../src/model/dependencies.ts"
import { fallbackPlaces } from "../../src/model/failing.ts"
import { segments } from "../../src/model/ids.ts"
import type { Condition, Mapping, Reference, TaskIR, Trigger, WorkflowIR } from "../../src/model/ir.ts"
import { scanReferences } from "../../src/model/mapping.ts"
import { workSettings } from "../../src/model/work-settings.ts"
import type { Wire } from "./structure.ts"

export interface Wires {
  readonly wires: ReadonlyArray<Wire>
  readonly graph: DependencyGraph
}

const known = new WeakMap<WorkflowIR, Wires>()

/** The wires of a workflow; remembered as long as it lives. */
export const wiresOf = (ir: WorkflowIR): Wires => {
  const before = known.get(ir)
  if (before !== undefined) return before
  const made = read(ir)
  known.set(ir, made)
  return made
}

const read = (ir: WorkflowIR): Wires => {
  const index = new Map<string, number>()
  ir.tasks.forEach(({ id }, i) => index.has(id) || index.set(id, i))
  const writers = ir.tasks.flatMap((task, i) =>
    Object.keys(task.data ?? {}).map((path) => ({ index: i, into: segments(path) }))
  )
  const wires: Array<Wire> = []
  const lists = ir.tasks.map((task, to) => {
    const data = new Set<number>()
    const find = (reference: Reference, special: ReadonlyArray<string>): void => {
      if (typeof reference.$ !== "string" && !Array.isArray(reference.$)) return
      const [first, ...rest] = segments(reference.$)
      if (first === undefined || first === "input" || special.includes(first)) return
      const found = index.get(first)
      if (found !== undefined) data.add(found)
      else if (first === "data") for (const writer of writersOf(writers, rest)) data.add(writer)
    }
    forEachReference(task, find)
    const order = new Map<number, Trigger | undefined>()
    for (const after of task.after ?? []) {
      const from = index.get(typeof after === "string" ? after : after.task)
      if (from !== undefined) order.set(from, typeof after === "string" ? undefined : after.on)
    }
    for (const from of new Set([...order.keys(), ...data]))
      wires.push({ from, to, trigger: order.get(from), isOrder: !data.has(from) })
    return [...order.keys(), ...data]
  })
  return {
    wires,
    graph: dependencyGraph(
      ir.tasks.map(({ id }) => id),
      index,
      lists
    )
  }
}

/** Who writes a part of the run's data: the one that writes all of it, or those that write parts of it. */
const writersOf = (
  writers: ReadonlyArray<{ readonly index: number; readonly into: ReadonlyArray<string> }>,
  path: ReadonlyArray<string>
): ReadonlyArray<number> => {
  const whole = writers.find(({ into }) => startsWith(path, into))
  if (whole !== undefined) return [whole.index]
  return writers.filter(({ into }) => startsWith(into, path)).map(({ index }) => index)
}

const startsWith = (parts: ReadonlyArray<string>, start: ReadonlyArray<string>): boolean =>
  start.length <= parts.length && start.every((part, i) => parts[i] === part)

type Find = (reference: Reference, special: ReadonlyArray<string>) => void
const ofItems: ReadonlyArray<string> = ["item", "index"]
const ofRounds: ReadonlyArray<string> = ["output", "round"]
const nothing: ReadonlyArray<string> = []

/** All references of a task that make it wait, with the names that mean something else where they stand. */
const forEachReference = (task: TaskIR, find: Find): void => {
  const look = (mapping: Mapping | undefined, special = nothing) =>
    scanReferences(mapping, (reference) => find(reference, special))
  const ask = (condition: Condition | undefined, special = nothing) =>
    scanCondition(condition, (reference) => find(reference, special))
  const work = (from: object, special = nothing) => {
    const { input, cache, bulkheadKey, kind } = from as {
      readonly input?: Mapping
      readonly cache?: { readonly key?: Mapping }
      readonly bulkheadKey?: Mapping
      readonly kind?: string
    }
    look(input, special)
    look(cache?.key, special)
    look(bulkheadKey, special)
    if (kind === "shell" || kind === "http") look(workSettings(from), special)
  }
  work(task)
  ask(task.when)
  for (const [one, , isItem] of fallbackPlaces(task))
    if ("value" in one) look(one.value, isItem ? ofItems : nothing)
    else if (!("lastGoodMs" in one)) work(one, isItem ? ofItems : nothing)
  if (!("kind" in task)) return
  switch (task.kind) {
    case "map":
      look(task.over)
      return work(task.each, ofItems)
    case "branch":
      return look(task.on)
    case "repeat":
      return ask(task.until, ofRounds)
    case "gate":
      look(task.show)
      if (typeof task.otherwise === "object") look(task.otherwise.value)
      return
    case "sleep":
      return look(task.durationMs as Mapping)
  }
}
