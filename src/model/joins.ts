/**
 * When a task starts that does not simply wait for all it depends on: counters per task of the dependencies that let it start,
 * and of those that do not. One end costs its successors. Only workflows that say `on` or `join` have these counters.
 */
import type { DependencyGraph } from "./dependencies.ts"
import { type EndOf, lets, neededOf, triggersOf } from "./failing.ts"
import type { Trigger, WorkflowIR } from "./ir.ts"

/** The rules of a workflow that has such; undefined for nearly all. */
export interface JoinRules {
  /** By place of the edge in `successors`. */
  readonly triggers: ReadonlyArray<Trigger>
  /** By task: how many edges must let it start; 0 for all of them. */
  readonly needed: Int32Array
}

export const joinRules = ({ tasks }: WorkflowIR, graph: DependencyGraph): JoinRules | undefined => {
  if (!tasks.some(isSpecial)) return undefined
  const own = tasks.map(triggersOf)
  const triggers: Array<Trigger> = new Array(graph.successors.length).fill("notFailed")
  for (let task = 0; task < graph.size; task++)
    for (let k = graph.successorStart[task]!; k < graph.successorStart[task + 1]!; k++)
      triggers[k] = own[graph.successors[k]!]!.get(graph.ids[task]!) ?? "notFailed"
  return { triggers, needed: Int32Array.from(tasks, ({ join }) => neededOf(join)) }
}

const isSpecial = ({ after, join }: WorkflowIR["tasks"][number]): boolean =>
  (join !== undefined && join !== "all") ||
  after?.some((one) => typeof one !== "string" && one.on !== "notFailed") === true

/** What the ends so far mean for a task: `start`; `skip` and `unreached`: it never will; `wait`: more must end. */
export type Verdict = "start" | "skip" | "unreached" | "wait"

export class Joins {
  readonly #graph: DependencyGraph
  readonly #rules: JoinRules
  /** Edges that let the task start, that do not, and of those how many because of a failure. */
  readonly #met: Int32Array
  readonly #missed: Int32Array
  readonly #spoiled: Int32Array
  /** Edges that were added while running. */
  readonly #added: Int32Array
  readonly #begun: Uint8Array

  constructor(graph: DependencyGraph, rules: JoinRules) {
    this.#graph = graph
    this.#rules = rules
    this.#met = new Int32Array(graph.size)
    this.#missed = new Int32Array(graph.size)
    this.#spoiled = new Int32Array(graph.size)
    this.#added = new Int32Array(graph.size)
    this.#begun = new Uint8Array(graph.size)
  }

  /** Whether a task starts before all that it depends on has ended. */
  isEager(task: number): boolean {
    return this.#rules.needed[task]! > 0
  }

  add(task: number): void {
    this.#added[task]!++
  }

  /** Whether it was told to start. */
  hasBegun(task: number): boolean {
    return this.#begun[task] === 1
  }

  /** Notes the end of one dependency of a task, over that edge (-1 for one that was added), and gives what follows for the task. */
  ended(task: number, edge: number, end: EndOf): Verdict {
    if (lets[edge === -1 ? "notFailed" : this.#rules.triggers[edge]!][end]) this.#met[task]!++
    else {
      this.#missed[task]!++
      if (end === "failed" || end === "unreached") this.#spoiled[task]!++
    }
    if (this.#begun[task] === 1) return "wait"
    const verdict = this.#verdict(task)
    if (verdict === "start") this.#begun[task] = 1
    return verdict
  }

  /** Whether it is a failure or a condition that keeps a task from starting does not depend on what ends first. */
  #verdict(task: number): Verdict {
    const { predecessorStart } = this.#graph
    const all = predecessorStart[task + 1]! - predecessorStart[task]! + this.#added[task]!
    const needed = this.#rules.needed[task]! === 0 ? all : this.#rules.needed[task]!
    if (this.#met[task]! >= needed) return "start"
    if (all - this.#missed[task]! >= needed) return "wait"
    if (this.#spoiled[task]! > 0) return "unreached"
    return this.#met[task]! + this.#missed[task]! === all ? "skip" : "wait"
  }
}
