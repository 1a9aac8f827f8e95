/** What no schedule can be better than: chains of tasks, and the work that what there is has to carry. */
import type { Compiled } from "./compiled.ts"
import { timesOf } from "./project.ts"

export const lowerBoundOf = (compiled: Compiled): number => {
  const { project, shortest, crew, isWhole } = compiled
  const times = timesOf({ ...project, durations: shortest })
  const heads = times.earliestStart
  const tails = times.latestFinish.map((finish) => times.length - finish)
  let bound = times.length
  const load = (amountOf: (task: number) => number, capacity: number) => {
    bound = Math.max(bound, loadBound(heads, tails, shortest, amountOf, capacity))
  }
  for (let resource = 0; resource < project.capacity.length; resource++) {
    const amounts = new Float64Array(project.size)
    project.demands.forEach(({ resources, amounts: own }, task) => {
      const k = resources.indexOf(resource)
      if (k !== -1) amounts[task] = own[k]!
    })
    load((task) => amounts[task]!, project.capacity[resource]!)
  }
  if (crew !== undefined) {
    for (const skills of skillSets(crew.skills.length)) {
      const able = crew.can.filter((can) => skills.some((skill) => can.has(skill))).length
      load((task) => {
        const need = crew.teams[task]
        if (need === undefined) return 0
        return need.skills.reduce((sum, skill, k) => (skills.includes(skill) ? sum + need.counts[k]! : sum), 0)
      }, able)
    }
    if (crew.amounts.every((amounts) => amounts === undefined)) {
      load((task) => (crew.options[task]!.length > 0 ? 1 : (crew.teams[task]?.total ?? 0)), crew.size)
      for (let agent = 0; agent < crew.size; agent++)
        load(
          (task) => (crew.options[task]!.length > 0 && crew.options[task]!.every((one) => one.agent === agent) ? 1 : 0),
          1
        )
    }
  }
  return isWhole ? Math.ceil(bound - 1e-6) : bound
}

/** Each skill, and each two of them. */
const skillSets = (count: number): ReadonlyArray<ReadonlyArray<number>> => {
  const sets: Array<ReadonlyArray<number>> = []
  for (let a = 0; a < count; a++) {
    sets.push([a])
    for (let b = a + 1; b < count && count <= 16; b++) sets.push([a, b])
  }
  return sets
}

/** Of the tasks that start late enough, or end early enough: the earliest start, their work on all that there is, the least tail. */
const loadBound = (
  heads: Float64Array,
  tails: Float64Array,
  lengths: Float64Array,
  amountOf: (task: number) => number,
  capacity: number
): number => {
  const tasks: Array<number> = []
  for (let task = 0; task < heads.length; task++) if (amountOf(task) > 0 && lengths[task]! > 0) tasks.push(task)
  if (tasks.length === 0) return 0
  let bound = 0
  for (const [first, other] of [
    [heads, tails],
    [tails, heads]
  ] as const) {
    tasks.sort((a, b) => first[b]! - first[a]!)
    let work = 0
    let least = Number.POSITIVE_INFINITY
    for (const task of tasks) {
      work += amountOf(task) * lengths[task]!
      least = Math.min(least, other[task]!)
      bound = Math.max(bound, first[task]! + work / capacity + least)
    }
  }
  return bound
}
