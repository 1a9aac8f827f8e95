/**
 * Whether a problem can be shown to have no schedule that keeps its constraints: nobody who may do a task, chains that are too long,
 * more work than fits a span, and for few tasks by trying everything. "No" means that it was not shown, not that there is one.
 */
import { type Compiled, compile } from "./compiled.ts"
import { triedOut } from "./exhaustive.ts"
import type { PlanningProblem } from "./problem.ts"
import { canAllBeBound, groupsOf } from "./same-agent.ts"
import { TeamBuilder } from "./team.ts"
import { type Windows, windowsOf } from "./windows.ts"

/** Most ways to give agents to tasks that are tried. */
const bindingsMost = 20_000
/** Most different deadlines, and most different starts, that spans are made of. */
const spansMost = 60

export const isImpossible = (problem: PlanningProblem): boolean => {
  const compiled = compile(problem)
  if (!canBeStaffed(compiled)) return true
  const windows = windowsOf(compiled)
  if (windows === undefined) return false
  const { earliest, latest } = windows
  const { shortest } = compiled
  for (let task = 0; task < shortest.length; task++)
    if (earliest[task]! + shortest[task]! > latest[task]! + 1e-6) return true
  return isOverloaded(compiled, windows) || triedOut(compiled, windows) === false
}

/** Whether every task finds somebody, time aside. */
const canBeStaffed = ({ crew, project }: Compiled): boolean => {
  if (crew === undefined) return true
  const everybody = Array.from({ length: crew.size }, (_, agent) => agent)
  const builder = new TeamBuilder(crew.can)
  if (crew.teams.some((need) => need !== undefined && need.total > 0 && builder.build(need, everybody) === undefined))
    return false
  const groups = groupsOf(crew)
  if (groups.some((group) => crew.allowed[group]!.length === 0)) return false
  const bound = new Int32Array(project.size).fill(-1)
  return (
    canAllBeBound(
      crew,
      bound,
      groups.filter((group) => crew.apart[group]!.length > 0),
      bindingsMost
    ) !== false
  )
}

/** Whether the tasks that must lie in some span need more than there is of something in it. */
const isOverloaded = (compiled: Compiled, { earliest, latest }: Windows): boolean => {
  const { project, shortest, crew } = compiled
  const begins = spread([...new Set(earliest)].sort((a, b) => a - b))
  const ends = spread([...new Set(latest)].filter(Number.isFinite).sort((a, b) => a - b))
  const loads: Array<{ readonly of: (task: number) => number; readonly capacity: number }> = []
  project.capacity.forEach((capacity, resource) => {
    loads.push({
      capacity,
      of: (task) => {
        const { resources, amounts } = project.demands[task]!
        const k = resources.indexOf(resource)
        return k === -1 ? 0 : amounts[k]!
      }
    })
  })
  if (crew?.amounts.every((amounts) => amounts === undefined)) {
    loads.push({
      capacity: crew.size,
      of: (task) => (crew.options[task]!.length > 0 ? 1 : (crew.teams[task]?.total ?? 0))
    })
    for (let agent = 0; agent < crew.size; agent++)
      loads.push({
        capacity: 1,
        of: (task) =>
          crew.options[task]!.length > 0 && crew.options[task]!.every((one) => one.agent === agent) ? 1 : 0
      })
    for (const group of groupsOf(crew))
      loads.push({
        capacity: 1,
        of: (task) => (crew.options[task]!.length > 0 && crew.groupOf[task] === group ? 1 : 0)
      })
    crew.skills.forEach((_, skill) => {
      loads.push({
        capacity: crew.can.filter((can) => can.has(skill)).length,
        of: (task) => {
          const k = crew.teams[task]?.skills.indexOf(skill) ?? -1
          return k === -1 ? 0 : crew.teams[task]!.counts[k]!
        }
      })
    })
  }
  for (const { of, capacity } of loads) {
    const tasks: Array<number> = []
    for (let task = 0; task < shortest.length; task++)
      if (Number.isFinite(latest[task]!) && of(task) > 0 && shortest[task]! > 0) tasks.push(task)
    for (const begin of begins)
      for (const end of ends) {
        if (end <= begin) continue
        let work = 0
        for (const task of tasks)
          if (earliest[task]! >= begin && latest[task]! <= end) work += of(task) * shortest[task]!
        if (work > capacity * (end - begin) + 1e-6) return true
      }
  }
  return false
}

/** At most so many of a sorted list, evenly. */
const spread = (sorted: ReadonlyArray<number>): ReadonlyArray<number> =>
  sorted.length <= spansMost
    ? sorted
    : Array.from({ length: spansMost }, (_, i) => sorted[Math.floor((i * (sorted.length - 1)) / (spansMost - 1))]!)
