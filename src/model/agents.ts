/** Who can do what, and who gets the next piece of work: pure questions over the registry. */

import { chance } from "./backoff.ts"
import type { AgentIR } from "./ir.ts"

/** An agent as the registry keeps it. */
export interface AgentRecord extends AgentIR {
  readonly capacity: number
  /** Pieces of work it has in hand. */
  readonly busy: number
  /** Pieces of work that wait in its mailbox. */
  readonly waiting: number
  /** Pieces of work it was ever given. */
  readonly assigned: number
  /** Whether it takes new work. */
  readonly isOpen: boolean
}

export type Registry = { readonly [id: string]: AgentRecord }

/** How an agent is chosen among those that can. */
export type Balance = "least-loaded" | "round-robin" | "random"
export const balances: ReadonlyArray<Balance> = ["least-loaded", "round-robin", "random"]

/**
 * The agents that have all the capabilities and take work, in the order they joined. An agent without one of them is never
 * among them, whatever else is busy.
 */
export const candidates = (registry: Registry, needs: ReadonlyArray<string>): ReadonlyArray<AgentRecord> =>
  Object.values(registry).filter(({ can, isOpen }) => isOpen && needs.every((need) => can.includes(need)))

/**
 * One of the candidates: the one with the least work for its capacity, the one that was given least so far, or any (derived from `seed`).
 * Undefined when there are none.
 *
 * ```ts check
 * choose([{ id: "a", capacity: 2, busy: 1, waiting: 0, assigned: 9 }, { id: "b", capacity: 1, busy: 1, waiting: 0, assigned: 0 }], "least-loaded", "").id // => "a"
 * choose([], "least-loaded", "") // => undefined
 * ```
 */
export const choose = (among: ReadonlyArray<AgentRecord>, balance: Balance, seed: string): AgentRecord | undefined => {
  switch (balance) {
    case "least-loaded":
      return least(among, ({ busy, waiting, capacity }) => (busy + waiting) / capacity)
    case "round-robin":
      return least(among, ({ assigned }) => assigned)
    case "random":
      return among[Math.floor(chance(seed) * among.length)]
  }
}

const least = (among: ReadonlyArray<AgentRecord>, load: (agent: AgentRecord) => number): AgentRecord | undefined => {
  let best: AgentRecord | undefined
  for (const agent of among) if (best === undefined || load(agent) < load(best)) best = agent
  return best
}

/** How often agents have failed one task, by their ids. */
export type Failures = { readonly [agent: string]: number }

/**
 * Those that have failed a task least often: so each attempt goes to the next one, and round again when all have failed.
 *
 * ```ts check
 * leastFailed([{ id: "a" }, { id: "b" }, { id: "c" }], { a: 1, b: 2 }).map(({ id }) => id) // => ["c"]
 * leastFailed([{ id: "a" }, { id: "b" }], { a: 1, b: 1 }).length // => 2
 * ```
 */
export const leastFailed = <A extends { readonly id: string }>(
  among: ReadonlyArray<A>,
  failedBy: Failures
): ReadonlyArray<A> => {
  if (among.every(({ id }) => failedBy[id] === undefined)) return among
  const least = Math.min(...among.map(({ id }) => failedBy[id] ?? 0))
  return among.filter(({ id }) => (failedBy[id] ?? 0) === least)
}

/**
 * The one that may be called again first; those of which nobody knows when come last.
 *
 * ```ts check
 * soonest([{ id: "a" }, { id: "b" }, { id: "c" }], (id) => ({ a: null, b: 9, c: 5 })[id]).id // => "c"
 * soonest([], () => null) // => undefined
 * ```
 */
export const soonest = <A extends { readonly id: string }>(
  among: ReadonlyArray<A>,
  retryAt: (id: string) => number | null
): A | undefined => {
  let best: A | undefined
  let bestAt = Number.POSITIVE_INFINITY
  for (const agent of among) {
    const at = retryAt(agent.id) ?? Number.POSITIVE_INFINITY
    if (best !== undefined && at >= bestAt) continue
    best = agent
    bestAt = at
  }
  return best
}

/** All capabilities that some agent has. */
export const capabilities = (registry: Registry): ReadonlyArray<string> =>
  [...new Set(Object.values(registry).flatMap(({ can }) => can))].sort()
