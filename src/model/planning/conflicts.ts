/**
 * Why a problem has no schedule: constraints that cannot hold together, of which none can be left out. Found by leaving out one after the
 * other (deletion filter, Chinneck & Dravnieks 1991), halves first, as long as what is left is proven to be impossible.
 */
import { isImpossible } from "./impossible.ts"
import type { PlannedSchedule, PlanningProblem, PlanningTask } from "./problem.ts"

export interface Constraint {
  readonly kind: "release" | "deadline" | "agents" | "skills" | "sameAgentAs" | "differentAgentFrom" | "excludes"
  readonly task: number
  readonly other?: number
  readonly value?: number
}

export interface Conflict {
  readonly constraints: ReadonlyArray<Constraint>
  /** It was shown that these cannot hold together; otherwise they are what the best schedule misses. */
  readonly isProven: boolean
}

/** With more constraints than this, one order of leaving out is tried, not several. */
const ordersMost = 60

export const conflictOf = (problem: PlanningProblem, best: PlannedSchedule): Conflict => {
  const all = constraintsOf(problem)
  const rest = (kept: ReadonlyArray<Constraint>) => isImpossible(onlyWith(problem, kept))
  if (!rest(all)) return { constraints: missedIn(problem, best), isProven: false }
  const orders = all.length > ordersMost ? [all] : [all, [...all].reverse(), [...all].sort(byKind)]
  const found = orders.map((order) => filtered(order, rest))
  return { constraints: found.reduce((a, b) => (b.length < a.length ? b : a)), isProven: true }
}

const kinds: ReadonlyArray<Constraint["kind"]> = [
  "agents",
  "skills",
  "sameAgentAs",
  "differentAgentFrom",
  "excludes",
  "release",
  "deadline"
]
const byKind = (a: Constraint, b: Constraint) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || a.task - b.task

/** Leaves out whatever is not needed for it to be impossible. */
const filtered = (
  order: ReadonlyArray<Constraint>,
  isStillImpossible: (kept: ReadonlyArray<Constraint>) => boolean
): ReadonlyArray<Constraint> => {
  let kept = order
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (isStillImpossible(without)) kept = without
      else at += size
    }
  return kept
}

const constraintsOf = ({ tasks }: PlanningProblem): ReadonlyArray<Constraint> => {
  const index = new Map(tasks.map(({ id }, i) => [id, i]))
  return tasks.flatMap(
    (task, i): ReadonlyArray<Constraint> => [
      ...(task.release === undefined || task.release === 0
        ? []
        : [{ kind: "release" as const, task: i, value: task.release }]),
      ...(task.deadline === undefined ? [] : [{ kind: "deadline" as const, task: i, value: task.deadline }]),
      ...(task.agents === undefined || task.anyAgent === undefined ? [] : [{ kind: "agents" as const, task: i }]),
      ...(task.skills === undefined ? [] : [{ kind: "skills" as const, task: i }]),
      ...(["sameAgentAs", "differentAgentFrom", "excludes"] as const).flatMap((kind) =>
        (task[kind] ?? []).map((id) => ({ kind, task: i, other: index.get(id)! }))
      )
    ]
  )
}

/** The problem with some of its constraints. */
const onlyWith = (problem: PlanningProblem, kept: ReadonlyArray<Constraint>): PlanningProblem => {
  const of = new Map<number, Array<Constraint>>()
  for (const one of kept) of.set(one.task, [...(of.get(one.task) ?? []), one])
  return { ...problem, tasks: problem.tasks.map((task, i) => stripped(problem, task, of.get(i) ?? [])) }
}

const stripped = ({ tasks }: PlanningProblem, task: PlanningTask, kept: ReadonlyArray<Constraint>): PlanningTask => {
  const has = (kind: Constraint["kind"]) => kept.some((one) => one.kind === kind)
  const others = (kind: Constraint["kind"]) =>
    kept.filter((one) => one.kind === kind).map(({ other }) => tasks[other!]!.id)
  const { release, deadline, skills, agents: _, anyAgent: __, ...plain } = task
  return {
    ...plain,
    ...(has("release") ? { release: release! } : {}),
    ...(has("deadline") ? { deadline: deadline! } : {}),
    ...(has("skills") ? { skills: skills! } : {}),
    ...agentsOf(task, has("agents"), has("skills")),
    sameAgentAs: others("sameAgentAs"),
    differentAgentFrom: others("differentAgentFrom"),
    excludes: others("excludes")
  }
}

const agentsOf = (
  { agents, anyAgent, skills }: PlanningTask,
  isChosen: boolean,
  isTeam: boolean
): Pick<PlanningTask, "agents"> => {
  if (skills !== undefined) return isTeam || anyAgent === undefined ? {} : { agents: anyAgent }
  if (agents === undefined) return {}
  return { agents: isChosen || anyAgent === undefined ? agents : atTheirBest(agents, anyAgent) }
}

/** Whoever could do it: those that it names in the time that they have there. */
const atTheirBest = (
  agents: NonNullable<PlanningTask["agents"]>,
  anyAgent: NonNullable<PlanningTask["anyAgent"]>
): NonNullable<PlanningTask["agents"]> => [
  ...agents,
  ...anyAgent.filter(({ agent }) => agents.every((one) => one.agent !== agent))
]

const missedIn = ({ tasks }: PlanningProblem, best: PlannedSchedule): ReadonlyArray<Constraint> =>
  tasks.flatMap(({ deadline }, task): ReadonlyArray<Constraint> => {
    const { end } = best.tasks[task]!
    if (end === Number.POSITIVE_INFINITY) return [{ kind: "agents", task }]
    return deadline !== undefined && end > deadline + 1e-6 ? [{ kind: "deadline", task, value: deadline }] : []
  })
