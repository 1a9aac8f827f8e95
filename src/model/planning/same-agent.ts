/** Who may still take a group of tasks, where some want the same agent and some another one. */
import type { Crew } from "./compiled.ts"

/** Most places that are tried to see whether all groups still find somebody; beyond it the answer is yes, and may turn out wrong. */
const triesMost = 2_000

/** Whether an agent may do the tasks of a group: nobody it must differ from has it, and the others still find somebody. */
export const mayTake = (crew: Crew, bound: Int32Array, group: number, agent: number): boolean => {
  if (!crew.isBound) return true
  if (bound[group] !== -1) return bound[group] === agent
  if (!crew.allowed[group]!.includes(agent)) return false
  if (crew.apart[group]!.some((other) => bound[other] === agent)) return false
  if (crew.apart[group]!.length === 0) return true
  bound[group] = agent
  const answer = canAllBeBound(crew, bound, relatives(crew, group))
  bound[group] = -1
  return answer !== false
}

/** Everybody who is held back by a group, directly or through others. */
const relatives = (crew: Crew, group: number): ReadonlyArray<number> => {
  const found = new Set([group])
  for (const one of found) for (const other of crew.apart[one]!) found.add(other)
  return [...found]
}

/** Whether each of some groups can have an agent; undefined when that was not found out within the bound. */
export const canAllBeBound = (
  crew: Crew,
  bound: Int32Array,
  groups: ReadonlyArray<number>,
  most = triesMost
): boolean | undefined => {
  const open = groups.filter((group) => bound[group] === -1)
  let tries = 0
  const place = (count: number): boolean | undefined => {
    if (count === open.length) return true
    // the one with the fewest left first
    let least = -1
    let leastChoices: ReadonlyArray<number> = []
    for (const group of open) {
      if (bound[group] !== -1) continue
      const choices = crew.allowed[group]!.filter(
        (agent) => !crew.apart[group]!.some((other) => bound[other] === agent)
      )
      if (least === -1 || choices.length < leastChoices.length) {
        least = group
        leastChoices = choices
      }
    }
    for (const agent of leastChoices) {
      if (++tries > most) return undefined
      bound[least] = agent
      const answer = place(count + 1)
      bound[least] = -1
      if (answer !== false) return answer
    }
    return false
  }
  return place(0)
}

/** All groups that have tasks which want an agent. */
export const groupsOf = (crew: Crew): ReadonlyArray<number> => [
  ...new Set(crew.groupOf.filter((_, task) => crew.options[task]!.length > 0))
]
