/**
 * What limits calls, against what is called: never more at once in one life than a bulkhead has places, never more in a time than a
 * rate allows, a further attempt at the agent that has failed the task least often, a hedge at another one. Looks at calls and
 * messages, never at the counts of the engine.
 */
import type { BulkheadOptions } from "../model/bulkhead.ts"
import type { CompiledWork } from "../model/compile.ts"
import type { Work, WorkflowIR } from "../model/ir.ts"
import type { AttemptFailed } from "../model/messages.ts"
import type { PlacesMetrics } from "../model/places.ts"
import { type RateOptions, ratePolicy, rateRule } from "../model/rate.ts"
import type { Incarnation, Setup } from "./execution.ts"
import { forEachTask, workOf } from "./stand-ins.ts"
import type { Call } from "./story.ts"

export type Bulkheads = { readonly [name: string]: BulkheadOptions }
export type Rates = { readonly [name: string]: RateOptions }

/** Limits that nobody brought: tight, so that they are felt. */
export const standInLimits = (ir: WorkflowIR): { readonly bulkheads: Bulkheads; readonly rates: Rates } => {
  const bulkheads: Record<string, BulkheadOptions> = {}
  const rates: Record<string, RateOptions> = {}
  forEachTask(ir, (one) => {
    const { bulkhead, rate } = (workOf(one) ?? {}) as Partial<Work>
    if (bulkhead !== undefined) bulkheads[bulkhead] = { concurrent: 1 }
    if (rate !== undefined) rates[rate] = { perSecond: 100, burst: 1 }
  })
  return { bulkheads, rates }
}

/** What an orchestrator of the world is opened with. */
export type WithLimits = Pick<Setup, "bulkheads" | "rates" | "agents">

/** How long a call may be on its way from its token to its body: messages and mailboxes take some turns. */
const slackMs = 1

export class LimitsAudit {
  readonly #setup: WithLimits
  readonly #broken: (promise: string, what: string) => void
  /** Bodies at work, by life and name of the bulkhead. */
  readonly #inside = new Map<string, number>()
  /** When calls were made in all lives, by name of the rate: a new one begins with nothing. */
  readonly #made = new Map<string, Array<number>>()
  /** How often each agent has failed each task: what is written. */
  readonly #failed = new Map<string, Map<string, number>>()
  /** Agents that were called for one delivery of an attempt. */
  readonly #called = new Map<string, Array<string>>()
  /** A life stood still in between: what it was let do before, it does after. */
  isBent = false

  constructor(setup: WithLimits, broken: (promise: string, what: string) => void) {
    this.#setup = setup
    this.#broken = broken
  }

  /** A person has decided about the past. */
  decided(): void {
    this.#failed.clear()
  }

  failed({ task, agent }: AttemptFailed): void {
    if (agent === undefined) return
    const counts = this.#failed.get(task) ?? new Map<string, number>()
    counts.set(agent, (counts.get(agent) ?? 0) + 1)
    this.#failed.set(task, counts)
  }

  /** A body is called; gives what to do when it has come to its end. */
  called(call: Call, work: CompiledWork, life: Incarnation, isDecided: boolean): () => void {
    const { bulkheads, rates } = this.#setup
    const { agent } = call
    const names = [...work.needs.map((need) => `needs:${need}`), ...(agent === undefined ? [] : [`agent:${agent}`])]
    const rooms = [work.ir.bulkhead, ...names].filter((name) => name !== undefined && Object.hasOwn(bulkheads, name))
    for (const name of rooms as ReadonlyArray<string>) this.#enters(call, name, life)
    for (const name of [work.ir.rate, ...names])
      if (name !== undefined && Object.hasOwn(rates, name)) this.#takes(call, name)
    if (agent !== undefined) this.#goesTo(call, agent, work, isDecided)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      for (const name of rooms) {
        const id = `${life.number} ${name}`
        this.#inside.set(id, this.#inside.get(id)! - 1)
      }
    }
  }

  /** The run is over, and whoever could end has: places are taken by bodies at work, and nobody waits for one. */
  ended(life: number, counted: ReadonlyArray<PlacesMetrics>): void {
    for (const { name, running, queued } of counted) {
      const inside = this.#inside.get(`${life} ${name}`) ?? 0
      if (running > inside || queued > 0)
        this.#broken(
          "G34",
          `bulkhead '${name}' counts ${running} calls and ${queued} that wait, and ${inside} are at work`
        )
    }
  }

  #enters({ task, attempt }: Call, name: string, life: Incarnation): void {
    const id = `${life.number} ${name}`
    const inside = (this.#inside.get(id) ?? 0) + 1
    this.#inside.set(id, inside)
    const { concurrent } = this.#setup.bulkheads[name]!
    if (inside > concurrent)
      this.#broken(
        "G34",
        `${task}#${attempt} is the ${inside}th call at once in bulkhead '${name}', which has ${concurrent}`
      )
  }

  #takes({ task, attempt, at }: Call, name: string): void {
    const made = [...(this.#made.get(name) ?? []), at]
    this.#made.set(name, made)
    const { of } = rateRule(ratePolicy(this.#setup.rates[name]!))
    if (this.isBent) return
    for (let from = 0; from < made.length; from++) {
      const ms = at - made[from]! + slackMs
      const most = "limit" in of ? of.limit * (Math.floor(ms / of.windowMs) + 2) : of.burst + ms / of.intervalMs
      if (made.length - from > most)
        this.#broken(
          "G34",
          `${task}#${attempt} is the ${made.length - from}th call of rate '${name}' within ${ms - slackMs} ms`
        )
    }
  }

  #goesTo(
    { task, attempt, delivery, key }: Call,
    agent: string,
    { needs, ir }: CompiledWork,
    isDecided: boolean
  ): void {
    const id = `${key}#${attempt} ${delivery}`
    const before = this.#called.get(id) ?? []
    this.#called.set(id, [...before, agent])
    const { most = 2 } = ir.hedge ?? { most: 1 }
    if (before.includes(agent)) this.#broken("G33 next", `${task}#${attempt} is given to '${agent}' twice`)
    if (before.length >= most)
      this.#broken("G33 next", `${task}#${attempt} is given to ${before.length + 1} agents, ${most} are allowed`)
    if (isDecided) return
    const counts = this.#failed.get(task)
    const able = this.#setup.agents.filter(
      ({ id: one, can }) => !before.includes(one) && needs.every((need) => can.includes(need))
    )
    // of a hedged attempt others may have been asked before, who have not begun
    const known = able.map(({ id: one }) => counts?.get(one) ?? 0).sort((a, b) => a - b)
    const least = known[Math.min(most - 1 - before.length, known.length - 1)] ?? 0
    const has = counts?.get(agent) ?? 0
    if (has > least)
      this.#broken(
        "G33 next",
        `${task}#${attempt} is given to '${agent}', who has failed it ${has} times, and another one ${least}`
      )
  }
}
