/** A schedule in the making: arrays that are written again and again. */
import type { Compiled } from "./compiled.ts"
import type { Member } from "./team.ts"

export interface Draft {
  readonly starts: Float64Array
  readonly ends: Float64Array
  /** Who does each task; -1 for nobody, or a team. */
  readonly agent: Int32Array
  readonly teams: Array<ReadonlyArray<Member> | undefined>
}

export const emptyDraft = (size: number): Draft => ({
  starts: new Float64Array(size),
  ends: new Float64Array(size),
  agent: new Int32Array(size).fill(-1),
  teams: []
})

export const copyOf = ({ starts, ends, agent, teams }: Draft): Draft => ({
  starts: starts.slice(),
  ends: ends.slice(),
  agent: agent.slice(),
  teams: [...teams]
})

export const lengthOf = ({ ends }: Draft): number => {
  let length = 0
  for (let task = 0; task < ends.length; task++) if (ends[task]! > length) length = ends[task]!
  return length
}

export const latenessOf = ({ ends }: Draft, { dues, weights }: Compiled): number => {
  let sum = 0
  if (dues !== undefined)
    for (let task = 0; task < ends.length; task++)
      if (ends[task]! > dues[task]!) sum += weights[task]! * (ends[task]! - dues[task]!)
  return sum
}

/** By how much deadlines are missed, all together. */
export const missedBy = (draft: Draft, { deadlines }: Compiled): number => {
  const { ends } = draft
  if (lengthOf(draft) === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  let sum = 0
  if (deadlines !== undefined)
    for (let task = 0; task < ends.length; task++)
      if (ends[task]! > deadlines[task]! + 1e-6) sum += ends[task]! - deadlines[task]!
  return sum
}

/** What is made small: lateness or length, and first of all what deadlines are missed by. Infinite where somebody is missing. */
export const costOf = (draft: Draft, compiled: Compiled): number => {
  const { dues, deadlines } = compiled
  const own = dues === undefined ? lengthOf(draft) : latenessOf(draft, compiled)
  if (lengthOf(draft) === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  if (deadlines === undefined) return own
  return own + 1_000 * missedBy(draft, compiled) * (dues === undefined ? 1 : 1 + weightOf(compiled))
}
const weightOf = ({ weights }: Compiled) => weights.reduce((sum, weight) => sum + weight, 0)
