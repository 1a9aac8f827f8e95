/** The workflows that this process knows: a run that comes back from the journal finds its code here. */

import type { WorkflowIR } from "../model/ir.ts"
import { bindingProblems } from "../model/load.ts"
import { makeWorkflow, type Workflow } from "../model/workflow.ts"

/** A run's definition, as far as this process can bring it to life. */
export interface Bound {
  readonly workflow: Workflow
  /** Names of code that nobody here has; with any of them the run cannot go on. */
  readonly missing: ReadonlyArray<string>
}

export class Library {
  readonly #byHash = new Map<string, Workflow>()
  readonly #byName = new Map<string, Array<Workflow>>()
  readonly #bound = new Map<string, Bound>()

  /** Makes a workflow known; gives whether it was not before. */
  add(workflow: Workflow): boolean {
    const { hash, name } = workflow
    if (this.#byHash.has(hash)) return false
    this.#byHash.set(hash, workflow)
    const same = this.#byName.get(name) ?? []
    this.#byName.set(name, [...same, workflow])
    this.#bound.clear()
    return true
  }

  /** What `bind` found before, without looking at the definition again. */
  known(hash: string): Bound | undefined {
    const workflow = this.#byHash.get(hash)
    return workflow === undefined ? this.#bound.get(hash) : { workflow, missing: nothing }
  }

  /**
   * The definition that a run is pinned to, with code. Of another definition with the same name only that code is taken that
   * belongs to the same version and has all names: the run goes on along its own graph.
   */
  bind(hash: string, ir: WorkflowIR): Bound {
    const before = this.known(hash)
    if (before !== undefined) return before
    const bound = this.#find(ir)
    if (this.#bound.size >= boundMax) this.#bound.clear()
    this.#bound.set(hash, bound)
    return bound
  }

  #find(ir: WorkflowIR): Bound {
    const own = missingFrom(ir, none)
    if (own.length === 0) return { workflow: makeWorkflow(ir, none, undefined), missing: nothing }
    for (const other of this.#byName.get(ir.name) ?? []) {
      if (other.ir.version !== ir.version || missingFrom(ir, other.code).length > 0) continue
      return { workflow: makeWorkflow(ir, other.code, other.input), missing: nothing }
    }
    return { workflow: makeWorkflow(ir, none, undefined), missing: own }
  }
}

const none: Workflow["code"] = new Map()
const nothing: ReadonlyArray<string> = []
/** Definitions without a workflow of their own that are remembered. */
const boundMax = 1_000

const missingFrom = (ir: WorkflowIR, code: Workflow["code"]): ReadonlyArray<string> => [
  ...new Set(bindingProblems(ir, code).map(({ message }) => message.slice(message.indexOf("'") + 1, -1)))
]
