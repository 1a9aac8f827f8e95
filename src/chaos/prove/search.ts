/**
 * The search itself: breadth first, so that what it finds first is shortest. Moments that are the same are one; of steps that
 * an exchange of items would exchange, one is taken. When the budget is used up, the rest is sampled.
 */
import { hash } from "node:crypto"
import { drawAt } from "../dice.ts"
import type { Violation } from "../story.ts"
import { faultsOf, isDying, type Node, stepsFrom, tallyOf } from "./node.ts"
import type { Stage, Taken } from "./stage.ts"
import { type Facts, outcomeText, Picture, unlabelled } from "./state.ts"
import { isFault, type ProveFault, type Step } from "./steps.ts"

export interface SearchOptions {
  readonly stage: Stage
  readonly faults: number
  readonly kinds: ReadonlySet<ProveFault>
  readonly isSymmetric: boolean
  /** Whether moments that are the same are taken for one; without it every order is gone through. */
  readonly isMerging: boolean
  readonly statesMost: number
  readonly samples: number
  readonly seed: number
}

/** A moment in which a promise is broken. */
export interface Found {
  readonly node: Node
  readonly violations: ReadonlyArray<Violation>
  readonly isSampled: boolean
}

const forgotten: Facts = new Map()

export class Search {
  /** Moments that are known, and those from which every step was taken. */
  states = 0
  explored = 0
  transitions = 0
  depth = 0
  sampled = 0
  isComplete = false
  /** Moments at which the run has ended. */
  readonly ends: Array<Node> = []
  readonly #options: SearchOptions

  constructor(options: SearchOptions) {
    this.#options = options
  }

  async run(): Promise<Found | undefined> {
    const { stage, statesMost } = this.#options
    const seen = new Set<string>()
    const begin = await stage.begin()
    let found = this.#broken(begin, false)
    const queue: Array<Node> = []
    const arrive = (taken: Taken): void => {
      const { node } = taken
      // two different moments with one digest of 256 bits are nothing that happens
      const key = this.#options.isMerging ? hash("sha256", this.#picture(taken).key, "base64") : ""
      if (this.#options.isMerging && seen.has(key)) return
      seen.add(key)
      this.states++
      this.depth = Math.max(this.depth, node.depth)
      if (node.outcome === undefined) queue.push(node)
      else {
        this.ends.push(node)
        this.explored++
        node.facts = forgotten
      }
    }
    if (found !== undefined) return found
    arrive(begin)
    // moments stay reachable from those behind them, so the queue itself need keep nothing
    for (let at = 0; at < queue.length; at++) {
      if (this.states >= statesMost) return this.#sample(begin)
      const node = queue[at]!
      queue[at] = undefined as never
      for (const step of this.#stepsFrom(node)) {
        const taken = await stage.take(node, step)
        this.transitions++
        found = this.#broken(taken, false)
        if (found !== undefined) return found
        arrive(taken)
      }
      this.explored++
      node.facts = forgotten
    }
    this.isComplete = true
    return this.#changed()
  }

  /** What can happen next; of steps that are alike, the first. */
  #stepsFrom(node: Node): ReadonlyArray<Step> {
    const { faults, kinds, isSymmetric, isMerging } = this.#options
    const steps = stepsFrom(node, faults, kinds)
    if (!isSymmetric || !isMerging || !steps.some(({ task }) => task?.includes("["))) return steps
    const picture = this.#picture({ node, outside: undefined })
    const orbits = new Set<string>()
    return steps.filter(({ step, task, attempt }) => {
      const orbit = `${step} ${attempt ?? ""} ${task === undefined ? "" : picture.orbitOf(task)}`
      if (orbits.has(orbit)) return false
      orbits.add(orbit)
      return true
    })
  }

  #picture({ node, outside }: Pick<Taken, "node" | "outside">): Picture {
    return new Picture([node.facts, tallyOf(node, outside, this.#options.stage.asked)], this.#options.isSymmetric)
  }

  #broken({ node, violations }: Taken, isSampled: boolean): Found | undefined {
    if (violations.length > 0) return { node, violations, isSampled }
    if (node.outcome !== undefined || isDying(node)) return undefined
    if (this.#stepsFrom(node).some((step) => !isFault(step))) return undefined
    const open = node.outs.length === 0 ? "" : `; ${node.outs.map(({ deed }) => deed.task).join(", ")} is out`
    return {
      node,
      violations: [
        { promise: "G01 end", what: `the run does not come to its end: nothing is due and nobody answers${open}` }
      ],
      isSampled
    }
  }

  /** Crashes may change when, never what: every end with crashes is one that there is without. */
  #changed(): Found | undefined {
    if (!this.#options.stage.isFunction) return undefined
    const known = new Map<number, Set<string>>()
    const others = (node: Node) => known.get(node.others) ?? new Set()
    for (const node of this.ends) if (node.life === 1) known.set(node.others, others(node).add(this.#endOf(node)))
    for (const node of this.ends) {
      if (node.life === 1 || others(node).has(this.#endOf(node))) continue
      const what = `the run comes to an end that it does not come to without a crash: ${this.#endOf(node).slice(0, 200)}`
      return { node, violations: [{ promise: "G16", what }], isSampled: false }
    }
    return undefined
  }

  /** How a run ended; where it does not matter which item it was, results with holes are not held against each other. */
  #endOf({ outcome, others, calls }: Node): string {
    const { isSymmetric } = this.#options
    if (outcome?.status === "succeeded" && isSymmetric && others > 0 && calls.some(({ task }) => task.includes("[")))
      return "succeeded"
    return unlabelled(outcomeText(outcome!, isSymmetric))
  }

  /** Executions by chance, from the beginning to an end. */
  async #sample(begin: Taken): Promise<Found | undefined> {
    const { stage, samples, seed, faults } = this.#options
    let draws = 0
    const next = (bound: number) => drawAt(seed, draws++) % bound
    for (; this.sampled < samples; this.sampled++) {
      let { node } = begin
      while (node.outcome === undefined) {
        const steps = this.#stepsFrom(node)
        const wrong = steps.filter(isFault)
        const right = steps.filter((step) => !isFault(step))
        // faults anywhere on the way, not all of them at its beginning
        const isWrong = isDying(node) || (wrong.length > 0 && faultsOf(node) < faults && next(5) === 0)
        const among = isWrong || right.length === 0 ? wrong : right
        const taken = await stage.take(node, among[next(among.length)]!)
        this.transitions++
        const found = this.#broken(taken, true)
        if (found !== undefined) return found
        node = taken.node
      }
    }
    return undefined
  }
}
