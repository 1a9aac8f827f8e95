/**
 * A workflow that does nothing outside: every kind of work that would, and code that is not there, is replaced by a body that
 * gives an example of what the work gives. What comes after what, and every policy, stays as it is.
 */
import {
  type BranchTask,
  type Each,
  type GateTask,
  type JsonSchema,
  kindOf,
  type Mapping,
  type TaskIR,
  type Work,
  type WorkflowIR
} from "../../model/ir.ts"
import { deepFreeze, type Json } from "../../model/json.ts"
import { type } from "../../model/schemas.ts"
import type { TaskDef } from "../../model/task.ts"
import { type Code, makeWorkflow, type Workflow } from "../../model/workflow.ts"
import { exampleOf } from "../example.ts"

export interface Harmless {
  readonly workflow: Workflow
  /** Answers to its gates, by their id. */
  readonly answers: (gate: string) => Json
  /** Ids of tasks whose work is replaced. */
  readonly replaced: ReadonlyArray<string>
}

/** With `hasAgents` the work of agents is done by them. */
export const harmless = ({ ir, code, input }: Workflow, hasAgents = false): Harmless => {
  const replacing = new Replacing(code, hasAgents)
  const { agents, ...others } = replacing.workflow(ir)
  const replacedIR = deepFreeze(hasAgents && agents !== undefined ? { ...others, agents } : others)
  return {
    workflow: makeWorkflow(replacedIR, replacing.code, input),
    answers: (gate) => replacing.answers.get(gate.slice(gate.lastIndexOf("/") + 1)) ?? true,
    replaced: replacing.replaced
  }
}

/** Settings of work that reaches outside; what they refer to is still waited for. */
const settings = ["argv", "env", "outputMaxBytes", "method", "url", "headers", "body"] as const
const words = [...settings, "kind", "task", "needs", "module"] as const

class Replacing {
  readonly code: Map<string, Code extends ReadonlyMap<string, infer V> ? V : never>
  readonly answers = new Map<string, Json>()
  readonly replaced: Array<string> = []
  readonly #known: Code
  readonly #hasAgents: boolean

  constructor(code: Code, hasAgents: boolean) {
    this.#known = code
    this.#hasAgents = hasAgents
    this.code = new Map(code)
  }

  workflow(ir: WorkflowIR): WorkflowIR {
    const { workflows } = ir
    return {
      ...ir,
      ...(workflows === undefined ? {} : { workflows: mapped(workflows, (inner) => this.workflow(inner)) }),
      tasks: ir.tasks.map((task) => this.#task(task))
    }
  }

  #nested(inner: string | WorkflowIR): string | WorkflowIR {
    return typeof inner === "string" ? inner : this.workflow(inner)
  }

  #task(task: TaskIR): TaskIR {
    const kind = kindOf(task)
    switch (kind) {
      case "gate":
        return this.#gate(task as GateTask)
      case "use":
      case "repeat": {
        const { workflow } = task as { readonly workflow: string | WorkflowIR }
        return { ...task, workflow: this.#nested(workflow) } as TaskIR
      }
      case "branch": {
        const { cases, otherwise } = task as BranchTask
        return {
          ...task,
          cases: mapped(cases, (inner) => this.#nested(inner)),
          ...(otherwise === undefined ? {} : { otherwise: this.#nested(otherwise) })
        } as TaskIR
      }
      case "map": {
        const { each } = task as { readonly each: Each }
        const replaced =
          "workflow" in each ? { ...each, workflow: this.#nested(each.workflow) } : this.#work(each, task.id, false)
        return { ...task, each: replaced } as TaskIR
      }
      case "derive":
        return this.#known.has((task as { readonly task?: string }).task ?? task.id)
          ? task
          : (this.#work(task as never, task.id, false) as unknown as TaskIR)
      case "sleep":
        return task
      default:
        return this.#work(task as never, task.id, kind === "expand") as unknown as TaskIR
    }
  }

  #gate(task: GateTask): TaskIR {
    if (task.out !== undefined) this.answers.set(task.id, exampleOf(task.out))
    if (task.check === undefined || this.#known.has(task.check)) return task
    const { check: _, ...rest } = task
    return rest
  }

  /** Work that reaches outside, or whose code is not there, as work that does nothing. */
  #work<W extends Work & { readonly input?: Mapping; readonly out?: JsonSchema; readonly in?: JsonSchema }>(
    work: W,
    id: string,
    isPlanner: boolean
  ): W {
    if ("kind" in work && !outside.has(work.kind)) return work
    if ("task" in work && this.#known.has(work.task)) return work
    if ("needs" in work && this.#hasAgents) return work
    this.replaced.push(id)
    const name = `simulated-${this.replaced.length}`
    const rest = Object.fromEntries(
      Object.entries(work).filter(([key]) => !(words as ReadonlyArray<string>).includes(key))
    )
    const set = Object.entries(work).filter(([key]) => (settings as ReadonlyArray<string>).includes(key))
    const value = isPlanner ? { tasks: [] } : valueOf(work)
    this.code.set(name, bodyOf(name, value))
    if (set.length === 0) return { ...rest, task: name } as unknown as W
    // its input is another one now: what it was checked against does not fit
    const { in: _, input, ...others } = rest as { in?: JsonSchema; input?: Mapping }
    return {
      ...others,
      task: name,
      input: { ...Object.fromEntries(set), ...(input === undefined ? {} : { input }) }
    } as unknown as W
  }
}

const outside: ReadonlySet<string> = new Set(["shell", "http", "module", "derive"])

const mapped = <A, B>(record: { readonly [key: string]: A }, f: (value: A) => B): { readonly [key: string]: B } =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))

const valueOf = (work: Work): Json => {
  if (work.out !== undefined) return exampleOf(work.out)
  if (!("kind" in work)) return null
  if (work.kind === "shell") return { code: 0, stdout: "", stderr: "" }
  return work.kind === "http" ? { status: 200, headers: {}, body: null } : null
}

const bodyOf = (name: string, value: Json): TaskDef => ({
  name,
  in: type<unknown>(),
  out: type<unknown>(),
  run: () => value,
  needs: [],
  options: {}
})
