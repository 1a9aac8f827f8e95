/**
 * Task code as the search calls it: an attempt that the engine starts is only noted, and its body is called when its step is
 * taken. Who stands behind a name is kept apart from the engine, so that what was done can be done again from the start.
 */
import * as Effect from "effect/Effect"
import type { Agent } from "../../engine/router.ts"
import type { TaskContext, TaskDef } from "../../model/task.ts"
import { InTransaction } from "../../model/transaction.ts"
import { type Code, isWorkflow, makeWorkflow, type Workflow } from "../../model/workflow.ts"
import { Planned, Reply } from "../bodies.ts"
import { draw, fractions } from "../dice.ts"
import { ChaosMisused } from "../errors.ts"
import { type Scope, within } from "../globals.ts"
import { Kernel, Life } from "../kernel.ts"

/** Whose code it is: of a task, or of an agent. */
export type Who = string
type Run = (input: any, context: TaskContext) => unknown

/** An attempt whose body the engine has called. */
export interface Called {
  readonly who: Who
  readonly name: string
  readonly agent: string | undefined
  readonly input: unknown
  readonly context: TaskContext
  readonly reply: Reply
}

/** A call without anything of the engine that made it. */
export interface Deed extends Omit<TaskContext, "signal" | "heartbeat" | "lastHeartbeat" | "tx"> {
  readonly who: Who
  readonly name: string
  readonly input: unknown
}

export type Ended =
  | { readonly isDone: true; readonly value: unknown }
  | { readonly isDone: false; readonly error: unknown }

/** Virtual time at the beginning of every body: midnight, a Tuesday in winter. */
export const start = Date.UTC(2030, 0, 1)
const years = 365 * 24 * 3_600_000

export class Bodies {
  readonly workflow: Workflow
  readonly agents: ReadonlyArray<Agent>
  /** Hears of every attempt that begins; one engine at a time. */
  heard: (called: Called) => void = () => {}
  readonly #runs = new Map<Who, Run>()
  readonly #fetch: ((url: string, init: unknown) => unknown) | undefined

  constructor(
    workflow: Workflow,
    agents: ReadonlyArray<Agent>,
    fetch: ((url: string, init: unknown) => unknown) | undefined
  ) {
    const code = new Map<string, Code extends ReadonlyMap<string, infer V> ? V : never>()
    for (const [name, one] of workflow.code)
      code.set(name, isTask(one) && one.run !== undefined ? this.#task(name, one, one.run) : one)
    this.workflow = makeWorkflow(workflow.ir, code, workflow.input)
    this.agents = agents.map((agent) => this.#agent(agent))
    this.#fetch = fetch
  }

  #task(code: string, def: TaskDef, run: Run): TaskDef {
    const who = `task ${code}`
    this.#runs.set(who, run)
    return { ...def, run: (input, context) => this.#called(who, def.name, undefined, input, context) }
  }

  /** In what order agents take up their letters is nothing that an order of steps should hide: all at once. */
  #agent(agent: Agent): Agent {
    const who = `agent ${agent.id}`
    this.#runs.set(who, agent.run)
    return {
      ...agent,
      capacity: 1_000_000,
      run: (input, context) => this.#called(who, agent.id, agent.id, input, context)
    }
  }

  #called(who: Who, name: string, agent: string | undefined, input: unknown, context: TaskContext): Reply {
    const reply = new Reply()
    this.heard({ who, name, agent, input, context, reply })
    return reply
  }

  /** Calls a body, in a world of its own time and chance, to its end. */
  perform(deed: Deed, context: TaskContext = contextOf(deed)): Ended | Promise<Ended> {
    const scope = new BodyScope(deed, this.#fetch)
    let result: unknown
    try {
      result = within(scope, () => this.#runs.get(deed.who)!(deed.input, context))
    } catch (error) {
      return failed(scope, error)
    }
    if (Effect.isEffect(result)) {
      const effect = result as Effect.Effect<unknown, unknown>
      result = within(scope, () => Effect.runPromiseWith(scope.life.context)(effect))
    }
    if (!(result instanceof Object) || typeof (result as PromiseLike<unknown>).then !== "function")
      return done(scope, result)
    return settled(scope, result as PromiseLike<unknown>)
  }
}

const isTask = (one: unknown): one is TaskDef =>
  typeof one === "object" && one !== null && "run" in one && "needs" in one && !isWorkflow(one)

export const deedOf = ({ who, name, agent, input, context }: Called): Deed => {
  const { run, task, attempt, delivery, key, fencingToken, deadlineAt } = context
  return { who, name, agent, input, run, task, attempt, delivery, key, fencingToken, deadlineAt }
}

const contextOf = (deed: Deed): TaskContext => {
  let signal: AbortSignal | undefined
  const context: TaskContext = {
    ...deed,
    get signal() {
      signal ??= new AbortController().signal
      return signal
    },
    heartbeat: () => {},
    lastHeartbeat: undefined,
    tx: (work) => new InTransaction(context, work)
  }
  return context
}

/** What a body sees of the world; its clock is made when it is first looked at. */
class BodyScope implements Scope {
  readonly name: string
  pending = 0
  isOver = false
  readonly chance: () => number
  readonly fetch: Scope["fetch"]
  #life: Life | undefined

  constructor({ key, attempt, task }: Deed, fetch: ((url: string, init: unknown) => unknown) | undefined) {
    this.name = task
    // the same for every delivery of an attempt: what it answers is a function of its name
    this.chance = fractions(draw(0, `${key}#${attempt}`))
    this.fetch = async (input, init) => {
      if (fetch === undefined) throw new TypeError(`task '${task}' calls fetch: give prove a 'fetch' that answers`)
      return fetch(String(input instanceof Request ? input.url : input), init)
    }
  }

  get life(): Life {
    this.#life ??= new Life(1, new Kernel({ seed: 0, start, stepsMax: 100_000 }))
    return this.#life
  }

  exit(): never {
    throw new Planned(false)
  }
}

const done = (scope: BodyScope, value: unknown): Ended => {
  scope.isOver = true
  return { isDone: true, value }
}
const failed = (scope: BodyScope, error: unknown): Ended => {
  scope.isOver = true
  return { isDone: false, error }
}

/** Waits for a promise, with time passing as the body asks for it. */
const settled = async (scope: BodyScope, result: PromiseLike<unknown>): Promise<Ended> => {
  let end: Ended | undefined
  result.then(
    (value) => {
      end = done(scope, value)
    },
    (error) => {
      end = failed(scope, error)
    }
  )
  const { kernel } = scope.life
  kernel.stir()
  const stop = await kernel.run(
    () => end !== undefined,
    () => true,
    start + 50 * years
  )
  if (end !== undefined) return end
  throw new ChaosMisused({
    what: "escaped",
    why: `task '${scope.name}' does not settle (${stop}): it waits for something that is not simulated, or for ever`
  })
}
