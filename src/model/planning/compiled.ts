/** A problem as arrays, made once: names become numbers, what excludes each other shares a resource that there is one of. */
import { dependencyGraph, topologicalOrder } from "../dependencies.ts"
import type { Amounts, PlanningProblem, PlanningTask } from "./problem.ts"
import { type Demand, demandOf } from "./profile.ts"
import type { Project } from "./project.ts"
import type { SkillNeed } from "./team.ts"

/** One way to do a task. */
export interface Option {
  readonly agent: number
  readonly duration: number
  /** Of the agent's own amounts. */
  readonly demand: Demand
}

/** Agents, and who of them may do what. */
export interface Crew {
  readonly size: number
  /** Amounts of each agent; undefined for one that does one thing at a time. */
  readonly amounts: ReadonlyArray<Float64Array | undefined>
  /** For each task; none where it needs no agent, or a team. */
  readonly options: ReadonlyArray<ReadonlyArray<Option>>
  readonly teams: ReadonlyArray<SkillNeed | undefined>
  readonly can: ReadonlyArray<ReadonlySet<number>>
  readonly skills: ReadonlyArray<string>
  /** Tasks of one group are done by the same agent. */
  readonly groupOf: Int32Array
  /** Groups whose agents differ from that of a group. */
  readonly apart: ReadonlyArray<ReadonlyArray<number>>
  /** Agents that may do all tasks of a group. */
  readonly allowed: ReadonlyArray<ReadonlyArray<number>>
  readonly isBound: boolean
}

export interface Compiled {
  readonly problem: PlanningProblem
  /** Lengths are means where agents differ. */
  readonly project: Project
  /** The shortest that each task can take. */
  readonly shortest: Float64Array
  readonly crew: Crew | undefined
  readonly deadlines: Float64Array | undefined
  readonly dues: Float64Array | undefined
  readonly weights: Float64Array
  /** All times of schedules are whole numbers. */
  readonly isWhole: boolean
}

export const compile = (problem: PlanningProblem): Compiled => {
  const { tasks } = problem
  const ids = tasks.map(({ id }) => id)
  const index = new Map(ids.map((id, i) => [id, i]))
  const graph = dependencyGraph(
    ids,
    index,
    tasks.map(({ after = [] }) => after.map((id) => index.get(id)!))
  )
  const crew = crewOf(problem, index)
  const mean = (task: PlanningTask) =>
    task.agents === undefined || task.agents.length === 0
      ? task.duration
      : task.agents.reduce((sum, { duration }) => sum + duration, 0) / task.agents.length
  const shortest = Float64Array.from(tasks, ({ agents, duration }) =>
    agents === undefined || agents.length === 0 ? duration : Math.min(...agents.map((option) => option.duration))
  )
  const { demands, capacity } = sharedOf(problem, index)
  const releases = Float64Array.from(tasks, ({ release = 0 }) => release)
  const project: Project = {
    size: tasks.length,
    graph,
    order: topologicalOrder(graph),
    durations: Float64Array.from(tasks, mean),
    demands,
    capacity,
    releases
  }
  const some = (field: "deadline" | "due") =>
    tasks.some((task) => task[field] !== undefined)
      ? Float64Array.from(tasks, (task) => task[field] ?? Number.POSITIVE_INFINITY)
      : undefined
  return {
    problem,
    project,
    shortest,
    crew,
    deadlines: some("deadline"),
    dues: some("due"),
    weights: Float64Array.from(tasks, ({ weight = 1 }) => weight),
    isWhole: tasks.every(
      ({ duration, release = 0, agents = [] }) =>
        Number.isInteger(duration) &&
        Number.isInteger(release) &&
        agents.every((option) => Number.isInteger(option.duration))
    )
  }
}

/** Shared amounts, and one more of amount 1 for every set of tasks that exclude each other. */
const sharedOf = ({ tasks, resources = {} }: PlanningProblem, index: ReadonlyMap<string, number>) => {
  const names = Object.keys(resources)
  const number = new Map(names.map((name, i) => [name, i]))
  const capacity = names.map((name) => resources[name]!)
  const entries = tasks.map(({ needs = {} }) => entriesOf(needs, number))
  for (const [task, other] of exclusions(tasks, index)) {
    entries[task]!.push([capacity.length, 1])
    entries[other]!.push([capacity.length, 1])
    capacity.push(1)
  }
  return { demands: entries.map(demandOf), capacity: Float64Array.from(capacity) }
}

const entriesOf = (amounts: Amounts, number: ReadonlyMap<string, number>): Array<readonly [number, number]> =>
  Object.entries(amounts).map(([name, amount]) => [number.get(name)!, amount] as const)

/** Pairs that exclude each other, each once. */
const exclusions = (tasks: ReadonlyArray<PlanningTask>, index: ReadonlyMap<string, number>) => {
  const found = new Map<string, readonly [number, number]>()
  tasks.forEach(({ excludes = [] }, task) => {
    for (const id of excludes) {
      const other = index.get(id)!
      if (other !== task) found.set(`${Math.min(task, other)} ${Math.max(task, other)}`, [task, other])
    }
  })
  return found.values()
}

const crewOf = ({ tasks, agents = [] }: PlanningProblem, index: ReadonlyMap<string, number>): Crew | undefined => {
  const isNeeded = tasks.some(({ agents: options, skills }) => options !== undefined || skills !== undefined)
  if (!isNeeded) return undefined
  const number = new Map(agents.map(({ id }, i) => [id, i]))
  const names = agents.map(({ has }) => new Map(Object.keys(has ?? {}).map((name, i) => [name, i])))
  const skills = [
    ...new Set([
      ...agents.flatMap(({ skills: can = [] }) => can),
      ...tasks.flatMap((task) => Object.keys(task.skills ?? {}))
    ])
  ]
  const skillNumber = new Map(skills.map((name, i) => [name, i]))
  const one = demandOf([[0, 1]])
  const options = tasks.map(({ agents: given = [] }) =>
    given.map(({ agent, duration, takes }): Option => {
      const at = number.get(agent)!
      return {
        agent: at,
        duration,
        demand: agents[at]!.has === undefined ? one : demandOf(entriesOf(takes ?? {}, names[at]!))
      }
    })
  )
  const groupOf = groups(tasks, index)
  const apart: Array<Array<number>> = tasks.map(() => [])
  let isBound = groupOf.some((group, task) => group !== task)
  tasks.forEach(({ differentAgentFrom = [] }, task) => {
    for (const id of differentAgentFrom) {
      const a = groupOf[task]!
      const b = groupOf[index.get(id)!]!
      isBound = true
      if (!apart[a]!.includes(b)) apart[a]!.push(b)
      if (!apart[b]!.includes(a)) apart[b]!.push(a)
    }
  })
  const allowed: Array<Array<number>> = tasks.map(() => [])
  options.forEach((given, task) => {
    const group = groupOf[task]!
    const own = given.map(({ agent }) => agent)
    allowed[group] = group === task ? own : allowed[group]!.filter((agent) => own.includes(agent))
  })
  // whoever is to differ from himself does not exist
  apart.forEach((others, group) => {
    if (others.includes(group)) allowed[group] = []
  })
  return {
    size: agents.length,
    amounts: agents.map(({ has }) => (has === undefined ? undefined : Float64Array.from(Object.values(has)))),
    options,
    teams: tasks.map(({ skills: need }) => (need === undefined ? undefined : needOf(need, skillNumber))),
    can: agents.map(({ skills: can = [] }) => new Set(can.map((name) => skillNumber.get(name)!))),
    skills,
    groupOf,
    apart,
    allowed,
    isBound
  }
}

const needOf = (skills: { readonly [skill: string]: number }, number: ReadonlyMap<string, number>): SkillNeed => {
  const taken = Object.entries(skills).filter(([, count]) => count > 0)
  return {
    skills: Int32Array.from(taken, ([name]) => number.get(name)!),
    counts: Int32Array.from(taken, ([, count]) => count),
    total: taken.reduce((sum, [, count]) => sum + count, 0)
  }
}

/** The first task of those that have the same agent, for each task. */
const groups = (tasks: ReadonlyArray<PlanningTask>, index: ReadonlyMap<string, number>): Int32Array => {
  const group = Int32Array.from(tasks, (_, task) => task)
  const find = (task: number): number => {
    let at = task
    while (group[at] !== at) at = group[at]!
    return at
  }
  tasks.forEach(({ sameAgentAs = [] }, task) => {
    for (const id of sameAgentAs) {
      const a = find(task)
      const b = find(index.get(id)!)
      group[Math.max(a, b)] = Math.min(a, b)
    }
  })
  return group.map((_, task) => find(task))
}
