/**
 * Stand-ins for what a workflow has outside: programs, requests, files beside it, agents that nobody brought, code that a
 * document only names. They answer with an example of what the task is said to give, and never reach outside.
 */
import type { Agent } from "../engine/router.ts"
import type { ProblemCode } from "../model/errors.ts"
import {
  type AgentIR,
  type Each,
  type GateTask,
  type JsonSchema,
  kindOf,
  type TaskIR,
  type WorkflowIR,
  type WorkTask
} from "../model/ir.ts"
import { deepFreeze, type Json } from "../model/json.ts"
import { codeNameOf } from "../model/load.ts"
import { definition, nestedOf, resolveNested } from "../model/nested.ts"
import { type } from "../model/schemas.ts"
import { type TaskContext, type TaskDef, task } from "../model/task.ts"
import { type Code, makeWorkflow, type Workflow } from "../model/workflow.ts"
import { exampleOf } from "./example.ts"
import { plainPath } from "./story.ts"

/** Work as it stands in a task, or in the items of a fan-out. */
type AnyWork = { readonly [key: string]: any }

/** What does the work instead; undefined leaves it as it is. */
export type Replace = (work: AnyWork) => ((input: any, context: TaskContext) => unknown) | undefined

/** Kinds that reach outside, and what each gives when nothing more is said about it. */
const outside: { readonly [kind: string]: Json } = {
  shell: { code: 0, stdout: "", stderr: "" },
  http: { status: 200, headers: {}, body: null },
  module: null
}

/** What a workflow may lack: it has a stand-in. */
export const stoodInFor: ReadonlySet<ProblemCode> = new Set(["TASK_UNKNOWN", "NO_AGENT", "KIND_NOT_ALLOWED"])

/** What a planner gives that has nothing to add. */
const nothingPlanned: Json = { tasks: [] }

export interface StoodIn {
  readonly workflow: Workflow
  /** What is not really called, for people: `fetch (http)`, `charge (code)`. */
  readonly names: ReadonlyArray<string>
}

/** The workflow with stand-ins for programs, requests, modules, and for code that nobody bound. */
export const stoodIn = (workflow: Workflow): StoodIn => {
  const { ir, code } = workflow
  const names: Array<string> = []
  const missing = new Map<string, Code extends ReadonlyMap<string, infer V> ? V : never>()
  forEachTask(ir, (one, path) => {
    const work = workOf(one)
    const undo: AnyWork | undefined = work?.["undo"]
    for (const [some, at] of [
      [work, path],
      [undo, `${path}~undo`],
      [undo?.["verify"], `${path}~verify`]
    ] as const) {
      if (some !== undefined && Object.hasOwn(outside, some["kind"] ?? "")) names.push(`${at} (${some["kind"]})`)
      const bound: string | undefined = some === work ? undefined : some?.["task"]
      if (bound === undefined || code.has(bound) || missing.has(bound)) continue
      names.push(`${bound} (code)`)
      missing.set(
        bound,
        bodyOf(bound, () => null)
      )
    }
    const name = codeNameOf(one)
    if (name === undefined || code.has(name) || missing.has(name)) return
    names.push(`${name} (code)`)
    if (kindOf(one) === "derive") missing.set(name, () => null)
    else if (kindOf(one) === "gate") missing.set(name, type())
    else {
      const given = "expand" in one ? nothingPlanned : exampleOf(work?.["out"])
      missing.set(
        name,
        bodyOf(name, () => given)
      )
    }
  })
  if (names.length === 0) return { workflow, names }
  const replaced = replaceWork(workflow, (work) => {
    const { kind, out } = work
    if (!Object.hasOwn(outside, kind ?? "")) return undefined
    const given = "expand" in work ? nothingPlanned : out === undefined ? outside[kind]! : exampleOf(out)
    return () => given
  })
  // examples are not all that the tasks behind them ask for
  const lenient = lenientOf(replaced.ir)
  return { workflow: makeWorkflow(deepFreeze(lenient), new Map([...replaced.code, ...missing]), workflow.input), names }
}

/** Agents for the work that a workflow gives away: those that it declares, and one for each need that none of them has. */
export const standInAgents = (ir: WorkflowIR): ReadonlyArray<Agent> => {
  const outs = new Map<string, JsonSchema | undefined>()
  const agents: Array<AgentIR> = [...(ir.agents ?? [])]
  forEachTask(ir, (one, path) => {
    const work = workOf(one)
    if (work?.["needs"] === undefined) return
    outs.set(path, work["out"])
    const needs: ReadonlyArray<string> = typeof work["needs"] === "string" ? [work["needs"]] : work["needs"]
    if (!agents.some(({ can }) => needs.every((need) => can.includes(need))))
      agents.push({ id: `stand-in-${agents.length + 1}`, can: needs, capacity: 100 })
  })
  return outs.size === 0
    ? []
    : agents.map(({ does: _, ...facts }) => ({
        ...facts,
        run: (_input: unknown, { task: path }: TaskContext) =>
          path.endsWith("@plan") ? nothingPlanned : exampleOf(outs.get(plainPath(path)))
      }))
}

/** What people answer at the gates of a workflow when nobody says more: something that fits. */
export const standInAnswers = (ir: WorkflowIR): ((gate: string) => Json) => {
  const outs = new Map<string, Json>()
  forEachTask(ir, (one, path) => {
    const { out } = one as GateTask
    if (kindOf(one) === "gate" && out !== undefined) outs.set(path, exampleOf(out))
  })
  return (gate) => outs.get(plainPath(gate)) ?? true
}

/** The work of a task, if it is one that works. */
export const workOf = (one: TaskIR): AnyWork | undefined => {
  if ("each" in one) return "workflow" in one.each ? undefined : one.each
  return "task" in one || "needs" in one || ("kind" in one && Object.hasOwn(builtin, one.kind)) ? one : undefined
}
const builtin = { noop: 0, echo: 0, fail: 0, shell: 0, http: 0, module: 0 }

/** Most tasks that are looked at: names may lead round in circles. */
const visitsMost = 20_000

/** Calls `visit` for each task, with its path without the numbers of items and rounds. */
export const forEachTask = (ir: WorkflowIR, visit: (one: TaskIR, path: string) => void): void => {
  const open = [{ at: definition(ir), under: "", depth: 0 }]
  let visits = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { at, under, depth } = next
    for (const one of at.ir.tasks) {
      if (visits++ > visitsMost) return
      visit(one, under + one.id)
      if (depth >= 16) continue
      for (const [nested] of nestedOf(one)) {
        const inner = resolveNested(at, nested)
        if (inner !== undefined) open.push({ at: inner, under: `${under}${one.id}/`, depth: depth + 1 })
      }
    }
  }
}

/** The workflow with other bodies in some places. What its work was told is the input of the body that stands there now. */
export const replaceWork = ({ ir, code, input }: Workflow, replace: Replace): Workflow => {
  const bodies = new Map<string, Code extends ReadonlyMap<string, infer V> ? V : never>(code)
  const other = (whole: AnyWork): AnyWork => {
    const work = whole["undo"] === undefined ? whole : { ...whole, undo: otherUndo(whole["undo"]) }
    const run = replace(work)
    if (run === undefined) return work
    let name = `${work["kind"] ?? "work"}-${bodies.size}`
    while (bodies.has(name)) name = `${name}-`
    bodies.set(name, bodyOf(name, run))
    const {
      kind,
      needs: _,
      argv,
      env: __,
      outputMaxBytes: ___,
      method,
      url,
      headers,
      body,
      module: ____,
      ...rest
    } = work
    if (kind !== "shell" && kind !== "http") return { ...rest, task: name }
    const { in: _____, ...policy } = rest
    const settings = Object.entries({ argv, method, url, headers, body, input: rest["input"] })
    return {
      ...policy,
      task: name,
      input: Object.fromEntries(settings.filter(([, value]) => value !== undefined))
    }
  }
  const otherUndo = (undo: AnyWork): AnyWork => {
    const { onUnknown, verify, ...work } = undo
    return {
      ...other(work),
      ...(onUnknown === undefined ? {} : { onUnknown }),
      ...(verify === undefined ? {} : { verify: other(verify) })
    }
  }
  return makeWorkflow(deepFreeze(rewritten(ir, other)), bodies, input)
}

const bodyOf = (name: string, run: (input: any, context: TaskContext) => unknown): TaskDef =>
  task(name, { in: type<any>(), out: type<any>(), run })

const rewritten = (ir: WorkflowIR, other: (work: AnyWork) => AnyWork): WorkflowIR => {
  const nested = (one: string | WorkflowIR) => (typeof one === "string" ? one : rewritten(one, other))
  const all = (table: { readonly [name: string]: string | WorkflowIR }) =>
    Object.fromEntries(Object.entries(table).map(([name, one]) => [name, nested(one)]))
  const taskOf = (one: TaskIR): TaskIR => {
    switch (kindOf(one)) {
      case "use":
      case "repeat":
        return { ...one, workflow: nested((one as { workflow: string | WorkflowIR }).workflow) } as TaskIR
      case "branch": {
        const { cases, otherwise } = one as { cases: Record<string, string | WorkflowIR>; otherwise?: WorkflowIR }
        return {
          ...one,
          cases: all(cases),
          ...(otherwise === undefined ? {} : { otherwise: nested(otherwise) })
        } as TaskIR
      }
      case "map": {
        const { each } = one as { each: Each }
        return {
          ...one,
          each: "workflow" in each ? { ...each, workflow: nested(each.workflow) } : other(each)
        } as TaskIR
      }
      default:
        return workOf(one) === undefined ? one : (other(one) as WorkTask)
    }
  }
  return {
    ...ir,
    ...(ir.workflows === undefined ? {} : { workflows: all(ir.workflows) as { [name: string]: WorkflowIR } }),
    tasks: ir.tasks.map(taskOf)
  }
}

/** Nothing is wrong with a workflow because an example lacks a key. */
const lenientOf = (ir: WorkflowIR): WorkflowIR => ({ ...ir, config: { missing: "omit", ...ir.config } })
