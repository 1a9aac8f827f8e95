/**
 * Task code in a simulated world: the user's own functions, called inside a scope, with their faults around them. Answers come
 * through the kernel, so that every order of answers is one that the seed can choose.
 */

import type { Agent } from "../engine/router.ts"
import { TroupeError } from "../model/errors.ts"
import { toJson } from "../model/json.ts"
import type { TaskContext, TaskDef } from "../model/task.ts"
import { type Code, isWorkflow, makeWorkflow, type Workflow } from "../model/workflow.ts"

/** Who calls bodies at the moment: executions come one after the other. */
export interface Caller {
  call(name: string, agent: string | undefined, body: () => unknown, input: unknown, context: TaskContext): unknown
}

let caller: Caller | undefined

/** From now on bodies are called by this execution; nobody when undefined. */
export const callBy = (next: Caller | undefined): void => {
  caller = next
}

/** A workflow whose code is called by the execution that is under way. */
export const simulated = (workflow: Workflow): Workflow => {
  const code = new Map<string, Code extends ReadonlyMap<string, infer V> ? V : never>()
  for (const [name, one] of workflow.code) code.set(name, isTask(one) ? routed(one) : one)
  return makeWorkflow(workflow.ir, code, workflow.input)
}

const isTask = (one: unknown): one is TaskDef =>
  typeof one === "object" && one !== null && "run" in one && "needs" in one && !isWorkflow(one)

const routed = (def: TaskDef): TaskDef => {
  const { run, name } = def
  if (run === undefined) return def
  return {
    ...def,
    run: (input, context) =>
      caller === undefined
        ? run(input, context)
        : caller.call(name, undefined, () => run(input, context), input, context)
  }
}

/** An agent whose work is done by the execution that is under way. */
export const simulatedAgent = (agent: Agent): Agent => ({
  ...agent,
  run: (input, context) =>
    caller === undefined
      ? agent.run(input, context)
      : caller.call(agent.id, agent.id, () => agent.run(input, context), input, context)
})

type Heard = (value: any) => unknown

/** An answer that is heard in the very turn in which it is given: no promise would be. */
export class Reply implements PromiseLike<unknown> {
  #state: "open" | "given" | "failed" = "open"
  #value: unknown = undefined
  readonly #waiting: Array<() => void> = []

  get isSettled(): boolean {
    return this.#state !== "open"
  }
  give(value: unknown): void {
    this.#settle("given", value)
  }
  fail(error: unknown): void {
    this.#settle("failed", error)
  }
  then(given?: Heard | null, failed?: Heard | null): any {
    const next = new Reply()
    const hear = () => {
      const heard = this.#state === "given" ? given : failed
      if (typeof heard !== "function") next.#settle(this.#state, this.#value)
      else
        try {
          const value = heard(this.#value)
          if (value instanceof Object && typeof (value as PromiseLike<unknown>).then === "function")
            (value as PromiseLike<unknown>).then(
              (one) => next.give(one),
              (error) => next.fail(error)
            )
          else next.give(value)
        } catch (error) {
          next.fail(error)
        }
    }
    if (this.#state === "open") this.#waiting.push(hear)
    else hear()
    return next
  }
  #settle(state: "open" | "given" | "failed", value: unknown): void {
    if (this.#state !== "open") return
    this.#state = state
    this.#value = value
    for (const hear of this.#waiting.splice(0)) hear()
  }
}

/** What a value is on paper; undefined where it cannot be written down. */
export const jsonOf = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(toJson(value))
  } catch {
    return undefined
  }
}

/** A failure that the plan asked for. */
export class Planned extends TroupeError {
  readonly _tag = "Planned"
  readonly code = "PLANNED"
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  constructor(retryable: boolean, retryAfterMs?: number) {
    super(retryable ? "planned by the chaos kit" : "planned by the chaos kit, for good")
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
  }
}
