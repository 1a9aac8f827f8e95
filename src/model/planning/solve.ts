/** A schedule for a problem: one pass of a few rules, and with effort the search that fits the shape of the problem. */
import { lowerBoundOf } from "./bounds.ts"
import { type Compiled, compile } from "./compiled.ts"
import { type Dice, diceOf } from "./dice.ts"
import { type Draft, emptyDraft, latenessOf, lengthOf, missedBy } from "./draft.ts"
import { triedOut } from "./exhaustive.ts"
import { Generator } from "./generator.ts"
import { breed } from "./genetic.ts"
import { listBy } from "./lists.ts"
import { AgentMoves, type Placements } from "./machines.ts"
import { onePass } from "./one-pass.ts"
import type { PlannedSchedule, PlannedTask, PlanningProblem } from "./problem.ts"
import { latestStart } from "./rules.ts"
import { apparentCost, improveOrder, lateness, type Queue } from "./sequence.ts"
import { windowsOf } from "./windows.ts"

export interface SolveOptions {
  /** Schedules to generate; the rules alone when absent. */
  readonly effort?: number
  /** The same seed, the same schedule; default 1. */
  readonly seed?: number
  /** What goes first, instead of the rules: the least key. */
  readonly keys?: ArrayLike<number> | "critical-path"
}

/** Schedules that are generated at least before somebody is told that a deadline cannot be kept. */
const deadlineEffort = 1_000

export const solve = (problem: PlanningProblem, { effort = 0, seed = 1, keys }: SolveOptions = {}): PlannedSchedule => {
  const compiled = compile(problem)
  const bound = lowerBoundOf(compiled)
  const generator = new Generator(compiled, compiled.dues === undefined ? bound : 0)
  if (keys === undefined) onePass(generator)
  else
    generator.parallel(
      keys === "critical-path" ? latestStart(compiled.project) : keys,
      emptyDraft(problem.tasks.length)
    )
  const isMissed = () => generator.best === undefined || missedBy(generator.best, compiled) > 0
  const least = isMissed() ? Math.max(effort, deadlineEffort) : effort
  if (least > generator.generated && !generator.isDone) search(generator, least, diceOf(seed))
  if (isMissed()) tryEverything(generator)
  return shown(generator, bound)
}

const search = (generator: Generator, effort: number, dice: Dice): void => {
  const { compiled } = generator
  const queue = asQueue(compiled)
  if (queue !== undefined) return searchQueue(generator, queue, effort, dice)
  const placements = asPlacements(compiled)
  if (placements !== undefined) return searchPlacements(generator, placements, effort, dice)
  breed(generator, effort, dice)
}

/** Few tasks that must end by some time: if there is a schedule that keeps their deadlines, it is found. */
const tryEverything = (generator: Generator): void => {
  const { compiled } = generator
  const windows = windowsOf(compiled)
  const placed = windows === undefined ? undefined : triedOut(compiled, windows)
  if (placed === undefined || placed === false) return
  const keys = new Float64Array(compiled.project.size).fill(placed.length)
  const fixed = emptyDraft(compiled.project.size)
  placed.forEach(({ task, option }, place) => {
    keys[task] = place
    fixed.agent[task] = option?.agent ?? -1
  })
  generator.serial(listBy(compiled.project, keys), emptyDraft(compiled.project.size), generator.taste, fixed)
}

/** Tasks of which no two fit side by side, in any order, with due times: only their order counts. */
const asQueue = ({ project, crew, dues, weights, deadlines, shortest }: Compiled): Queue | undefined => {
  if (dues === undefined || deadlines !== undefined || project.graph.successors.length > 0) return undefined
  if (project.releases.some((release) => release > 0)) return undefined
  const { demands, capacity } = project
  const isAlone =
    crew === undefined
      ? capacity.some((most, resource) =>
          demands.every(({ resources, amounts }) => amounts[resources.indexOf(resource)]! > most / 2)
        )
      : !crew.isBound &&
        crew.options.every((options) => options.length === 1 && options[0]!.agent === 0) &&
        crew.amounts[0] === undefined
  const finite = dues.map((due) => (due === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : due))
  return isAlone ? { durations: shortest, dues: finite, weights } : undefined
}

const searchQueue = (generator: Generator, queue: Queue, effort: number, dice: Dice): void => {
  const lists = [0.5, 1, 2, 4].map((patience) => apparentCost(queue, patience))
  const first = lists.reduce((a, b) => (lateness(queue, b) < lateness(queue, a) ? b : a))
  const left = effort - generator.generated - 1
  const order = improveOrder(queue, first, left, dice)
  generator.generated += left
  generator.serial(order, emptyDraft(order.length))
}

/** Tasks that each take one agent of several, alone, and nothing else. */
const asPlacements = ({ project, crew, dues, deadlines }: Compiled): Placements | undefined => {
  if (crew === undefined || dues !== undefined || deadlines !== undefined || crew.isBound) return undefined
  if (crew.amounts.some((amounts) => amounts !== undefined)) return undefined
  if (crew.options.some((options) => options.length === 0)) return undefined
  if (project.demands.some(({ resources }) => resources.length > 0)) return undefined
  return {
    graph: project.graph,
    releases: project.releases,
    agents: crew.size,
    agentsOf: crew.options.map((options) => Int32Array.from(options, ({ agent }) => agent)),
    lengthsOf: crew.options.map((options) => Float64Array.from(options, ({ duration }) => duration))
  }
}

const searchPlacements = (generator: Generator, placements: Placements, effort: number, dice: Dice): void => {
  const { agent, starts } = generator.best!
  const moves = new AgentMoves(placements, { agent, starts, length: lengthOf(generator.best!) })
  const left = effort - generator.generated
  const found = moves.search(left, generator.bound, dice)
  const draft = emptyDraft(starts.length)
  draft.starts.set(found.starts)
  draft.agent.set(found.agent)
  placements.agentsOf.forEach((agents, task) => {
    draft.ends[task] = found.starts[task]! + placements.lengthsOf[task]![agents.indexOf(found.agent[task]!)]!
  })
  generator.take(draft, left)
}

const shown = ({ best, compiled, generated }: Generator, lowerBound: number): PlannedSchedule => {
  const draft = best ?? nobodyDraft(compiled.project.size)
  return {
    tasks: compiled.problem.tasks.map((task, i) => plannedTask(compiled, draft, task.id, i)),
    length: lengthOf(draft),
    lateness: latenessOf(draft, compiled),
    missed: missedBy(draft, compiled),
    lowerBound,
    generated
  }
}

const plannedTask = ({ problem, crew }: Compiled, draft: Draft, id: string, i: number): PlannedTask => {
  const agents = problem.agents ?? []
  const team = crew?.teams[i] === undefined ? undefined : draft.teams[i]
  return {
    id,
    start: draft.starts[i]!,
    end: draft.ends[i]!,
    ...(crew === undefined || draft.agent[i] === -1 ? {} : { agent: agents[draft.agent[i]!]!.id }),
    ...(team === undefined
      ? {}
      : { team: team.map(({ agent, skill }) => ({ agent: agents[agent]!.id, skill: crew!.skills[skill]! })) })
  }
}

/** Nobody was found for some task, in any schedule. */
const nobodyDraft = (size: number): Draft => {
  const draft = emptyDraft(size)
  draft.starts.fill(Number.POSITIVE_INFINITY)
  draft.ends.fill(Number.POSITIVE_INFINITY)
  return draft
}
