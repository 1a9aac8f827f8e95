/** A workflow as a value: its IR, frozen, and the code that its tasks name. */
import { createHash } from "node:crypto"
import type { Problem } from "./errors.ts"
import type { WorkflowIR } from "./ir.ts"
import { canonical, type Json } from "./json.ts"
import { type ExecutionPlan, type PlanOptions, plan } from "./plan.ts"
import type { AnySchema } from "./schemas.ts"
import type { TaskDef } from "./task.ts"
import { validate } from "./validate.ts"

/** Code by the names that the IR uses: tasks, the pure functions of `derive`, and the schemas of gates. */
export type Code = ReadonlyMap<string, TaskDef | PureFunction | AnySchema>
export type PureFunction = (input: any) => unknown

/**
 * A workflow definition with its types: `I` goes in, `O` comes out, `D` are the results by task, `G` the answers by gate.
 * It is frozen; the same value can be run any number of times, by any number of orchestrators.
 */
export interface Workflow<I = any, O = any, D = any, G = any> {
  readonly name: string
  /** The whole definition as frozen JSON. */
  readonly ir: WorkflowIR
  /** The code that `ir` names. */
  readonly code: Code
  /** Checks the input; undefined when everything is accepted, or when `ir.input` does it. */
  readonly input: AnySchema | undefined
  /** SHA-256 of the IR: two workflows with the same hash are the same, however their files are laid out. */
  readonly hash: string
  /** All problems; without errors it can run. */
  readonly problems: ReadonlyArray<Problem>
  /** Stages, critical path, resources and schedule, without running anything. */
  plan(options?: PlanOptions): ExecutionPlan
  /** Types only; never there at run time. */
  readonly _types?: { readonly input: I; readonly output: O; readonly tasks: D; readonly gates: G }
}

class WorkflowValue implements Workflow {
  readonly ir: WorkflowIR
  readonly code: Code
  readonly input: AnySchema | undefined
  #hash: string | undefined
  constructor(ir: WorkflowIR, code: Code, input: AnySchema | undefined) {
    this.ir = ir
    this.code = code
    this.input = input
    Object.freeze(this)
  }
  get name() {
    return this.ir.name
  }
  get hash() {
    this.#hash ??= hashOf(this.ir)
    return this.#hash
  }
  get problems() {
    return validate(this.ir)
  }
  plan(options?: PlanOptions) {
    return plan(this.ir, options)
  }
}

/** Puts a workflow together; `ir` must be frozen. */
export const makeWorkflow = (ir: WorkflowIR, code: Code, input: AnySchema | undefined): Workflow =>
  new WorkflowValue(ir, code, input)

/** Whether a value is a workflow (of this or another copy of the package). */
export const isWorkflow = (value: unknown): value is Workflow => {
  const { ir, code, plan: planOf } = (value ?? {}) as Partial<Workflow>
  return typeof ir === "object" && ir?.ir === 1 && code instanceof Map && typeof planOf === "function"
}

/** SHA-256 over the canonical text of an IR, in hex. `$schema` is about the file, not the workflow, and does not count. */
export const hashOf = ({ $schema: _, ...ir }: WorkflowIR): string =>
  createHash("sha256")
    .update(canonical(ir as unknown as Json))
    .digest("hex")
