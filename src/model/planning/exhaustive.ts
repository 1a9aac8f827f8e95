/**
 * Whether there is a schedule at all, by trying everything: tasks are put on the time line in the order in which they start, each as
 * early as it can there. Every schedule that has no needless pause is one of these, so when none of them is left, there is none.
 */
import type { Compiled, Option } from "./compiled.ts"
import { mayTake } from "./same-agent.ts"
import type { Windows } from "./windows.ts"

/** Most tasks with an end that are looked at, and most steps that are tried. */
const tasksMost = 16
const stepsMost = 40_000

export interface Placed {
  readonly task: number
  readonly start: number
  readonly end: number
  readonly option: Option | undefined
}

/**
 * Tasks in the order in which they start, each with whom it has; false when there is no such schedule, undefined when that was not found
 * out within the bound. Only tasks that must end by some time are looked at: all others can wait.
 */
export const triedOut = (
  compiled: Compiled,
  { earliest, latest }: Windows
): ReadonlyArray<Placed> | false | undefined => {
  const { project, crew, shortest } = compiled
  const { predecessorStart, predecessors } = project.graph
  const open = new Set<number>()
  for (let task = 0; task < project.size; task++) if (Number.isFinite(latest[task]!)) open.add(task)
  if (open.size > tasksMost || (crew !== undefined && [...open].some((task) => crew.teams[task] !== undefined)))
    return undefined
  const placed: Array<Placed> = []
  const ends = new Map<number, number>()
  const bound = new Int32Array(project.size).fill(-1)
  let steps = 0

  const fits = (task: number, option: Option | undefined, start: number, duration: number): boolean => {
    const { resources, least } = project.demands[task]!
    const moments = [start, ...placed.map((one) => one.start).filter((at) => at > start && at < start + duration)]
    return moments.every((at) => {
      const running = placed.filter((one) => one.start <= at && at < one.end)
      const isShared = resources.every((resource, k) => {
        let free = project.capacity[resource]!
        for (const one of running) {
          const own = project.demands[one.task]!
          const j = own.resources.indexOf(resource)
          if (j !== -1) free -= own.amounts[j]!
        }
        return free >= least[k]!
      })
      return isShared && (option === undefined || isFree(option, running))
    })
  }
  const isFree = ({ agent, demand }: Option, running: ReadonlyArray<Placed>): boolean => {
    const amounts = crew!.amounts[agent] ?? [1]
    return demand.resources.every((resource, k) => {
      let free = amounts[resource]!
      for (const { option } of running) {
        if (option?.agent !== agent) continue
        const j = option.demand.resources.indexOf(resource)
        if (j !== -1) free -= option.demand.amounts[j]!
      }
      return free >= demand.least[k]!
    })
  }
  const startOf = (task: number, option: Option | undefined, from: number): number => {
    const duration = option?.duration ?? shortest[task]!
    if (duration === 0) return from
    const moments = [from, ...placed.map(({ end }) => end).filter((end) => end > from)].sort((a, b) => a - b)
    return moments.find((at) => fits(task, option, at, duration))!
  }
  const go = (last: number): ReadonlyArray<Placed> | false | undefined => {
    if (open.size === 0) return [...placed]
    for (const task of open) if (Math.max(last, earliest[task]!) + shortest[task]! > latest[task]! + 1e-6) return false
    for (const task of [...open]) {
      let from = Math.max(last, earliest[task]!)
      let isReady = true
      for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) {
        const end = ends.get(predecessors[k]!)
        if (end === undefined) isReady = false
        else from = Math.max(from, end)
      }
      if (!isReady) continue
      const options = crew === undefined || crew.options[task]!.length === 0 ? [undefined] : crew.options[task]!
      const group = crew?.groupOf[task] ?? task
      for (const option of options) {
        if (++steps > stepsMost) return undefined
        if (option !== undefined && !mayTake(crew!, bound, group, option.agent)) continue
        const start = startOf(task, option, from)
        const end = start + (option?.duration ?? shortest[task]!)
        if (end > latest[task]! + 1e-6) continue
        const before = bound[group]!
        if (option !== undefined) bound[group] = option.agent
        open.delete(task)
        ends.set(task, end)
        placed.push({ task, start, end, option })
        const answer = go(start)
        placed.pop()
        ends.delete(task)
        open.add(task)
        bound[group] = before
        if (answer !== false) return answer
      }
    }
    return false
  }
  return go(0)
}
