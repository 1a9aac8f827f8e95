/**
 * What a gate shows to whoever answers, worked out from its definition and from what is known of the run. A reference that cannot be
 * followed here (an item of a fan-out, a value that was not told) stays as it is written.
 */
import type { RunView, View } from "../src/inspect/view.ts"
import type { Mapping } from "../src/model/ir.ts"
import type { Json } from "../src/model/json.ts"

export interface Known {
  readonly view: Pick<View, "actors">
  readonly run: RunView
  /** Path of the gate: names of tasks are those beside it. */
  readonly path: string
  readonly actorOf: (task: string) => string | undefined
}

/** Deepest mapping that is followed. */
const depthMost = 32

export const shownBy = (show: Mapping | undefined, known: Known): Json | undefined =>
  show === undefined ? undefined : resolved(show, known, 0)

const resolved = (mapping: Mapping, known: Known, depth: number): Json => {
  if (mapping === null || typeof mapping !== "object" || depth > depthMost) return mapping as Json
  if (Array.isArray(mapping)) return mapping.map((one) => resolved(one as Mapping, known, depth + 1))
  if (Object.hasOwn(mapping, "$literal")) return (mapping as { readonly $literal: Json }).$literal
  if (Object.hasOwn(mapping, "$")) {
    const { $, default: otherwise } = mapping as { readonly $: unknown; readonly default?: Json }
    const parts = typeof $ === "string" ? $.split(".") : Array.isArray($) ? $.map(String) : []
    const found = parts.length === 0 ? undefined : within(rootOf(parts[0]!, known), parts.slice(1))
    return found ?? otherwise ?? (mapping as Json)
  }
  return Object.fromEntries(
    Object.entries(mapping).map(([key, value]) => [key, resolved(value as Mapping, known, depth + 1)])
  )
}

const rootOf = (name: string, { view, run, path, actorOf }: Known): Json | undefined => {
  const beside = path.slice(0, path.lastIndexOf("/") + 1)
  if (name === "input") return beside === "" ? run.input : undefined
  const task = `${beside}${name}`
  const value = run.tasks.get(task)?.value
  if (value !== undefined) return value
  // what is no attempt (a fan-out, a sub-workflow, a gate) has its result in its actor
  const key = actorOf(task)
  const context = key === undefined ? undefined : view.actors.get(key)?.context
  return within(context, ["outcome", "value"])
}

const within = (value: Json | undefined, path: ReadonlyArray<string>): Json | undefined => {
  let at = value
  for (const key of path) {
    if (at === null || typeof at !== "object" || !Object.hasOwn(at, key)) return undefined
    at = (at as { readonly [key: string]: Json })[key]
  }
  return at
}
