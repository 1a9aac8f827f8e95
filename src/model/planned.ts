/**
 * The schedule of a plan. Small workflows get the best of a few rules, and a search where there is effort for it; large ones one pass by
 * critical path, and one in the order of declaration. Where constraints cannot hold together, it says which.
 */
import { asksForAgents } from "./constraints.ts"
import type { DependencyGraph } from "./dependencies.ts"
import { type ConstraintOfTask, ConstraintsConflict, type Problem } from "./errors.ts"
import { Heap } from "./heap.ts"
import type { Constraints, Inventory, WorkflowIR } from "./ir.ts"
import { problemOf, type WorkflowProblem } from "./plan-problem.ts"
import { type Conflict, conflictOf } from "./planning/conflicts.ts"
import type { PlannedSchedule } from "./planning/problem.ts"
import { solve } from "./planning/solve.ts"
import { listSchedule, type ScheduledTask, type SchedulingPolicy } from "./schedule.ts"

/** Most schedules that one plan may generate. */
export const effortMost = 1_000_000
/** Above this many tasks a plan without effort is two passes: the rules look at all that stands behind each task. */
const rulesMost = 3_000
/** Above this many tasks no effort is spent, and constraints are refused: schedules would take too long to generate. */
const searchMost = 10_000

export interface Planned {
  readonly schedule: ReadonlyArray<ScheduledTask>
  readonly makespanMs: number
  readonly lowerBoundMs: number
  readonly latenessMs?: number
  readonly problems: ReadonlyArray<Problem>
  readonly conflict?: ConstraintsConflict
}

export interface ToPlan {
  readonly ir: WorkflowIR
  readonly graph: DependencyGraph
  readonly durations: Float64Array
  readonly inventory: Inventory | undefined
  readonly options: { readonly policy?: SchedulingPolicy; readonly effort?: number; readonly seed?: number }
}

export const planned = (given: ToPlan): Planned => {
  const { ir, graph, options } = given
  const { policy, effort = 0 } = options
  const isConstrained =
    ir.tasks.some(isAsking) || given.inventory?.workers?.some(({ can }) => can !== undefined) === true
  if (graph.size > searchMost) {
    if (isConstrained) return refused([tooLarge("error", graph.size, "constraints are kept in")])
    return {
      ...listed(given, policy),
      problems: effort === 0 ? [] : [tooLarge("warning", graph.size, "effort is spent on")]
    }
  }
  if (!isConstrained && effort === 0 && (policy !== undefined || graph.size > rulesMost))
    return { ...listed(given, policy), problems: [] }
  return searched(given)
}

const isAsking = (task: Constraints): boolean =>
  asksForAgents(task) ||
  task.releaseMs !== undefined ||
  task.deadlineMs !== undefined ||
  task.dueMs !== undefined ||
  task.excludes !== undefined

const tooLarge = (severity: "error" | "warning", size: number, what: string): Problem => ({
  code: "LIMIT_TASKS",
  severity,
  path: "/tasks",
  message: `${what} plans of at most ${searchMost.toLocaleString("en")} tasks, and this has ${size.toLocaleString("en")}`,
  hint: "plan its parts"
})

const refused = (problems: ReadonlyArray<Problem>, conflict?: ConstraintsConflict): Planned => ({
  schedule: [],
  makespanMs: 0,
  lowerBoundMs: 0,
  problems,
  ...(conflict === undefined ? {} : { conflict })
})

/** One pass with a rule; without one, the better of critical path and declaration. */
const listed = ({ ir, graph, durations, inventory }: ToPlan, policy: SchedulingPolicy | undefined) => {
  const requirements = ir.tasks.map((task) => task.resources)
  const priorities = ir.tasks.map((task) => task.priority ?? 50)
  const pass = (by: SchedulingPolicy) =>
    listSchedule({ graph, durations, requirements, priorities, inventory, policy: by })
  const shown = ({ tasks, makespanMs, lowerBoundMs }: ReturnType<typeof pass>) => ({
    schedule: tasks,
    makespanMs,
    lowerBoundMs
  })
  if (policy !== undefined) return shown(pass(policy))
  const first = shown(pass("critical-path"))
  if (first.makespanMs <= first.lowerBoundMs) return first
  const second = shown(pass("fifo"))
  return second.makespanMs < first.makespanMs ? second : first
}

const searched = (given: ToPlan): Planned => {
  const { ir, graph, durations, inventory, options } = given
  const asked = problemOf(ir, graph, durations, inventory)
  const nobody = asked.problem.tasks.findIndex(({ agents }) => agents?.length === 0)
  if (nobody !== -1 && ir.tasks[nobody]!.agents === undefined) return refused([noAgent(ir, nobody)])
  const keys = options.policy === undefined ? undefined : keysOf(options.policy, given)
  const made = solve(asked.problem, {
    ...(options.effort === undefined ? {} : { effort: options.effort }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(keys === undefined ? {} : { keys })
  })
  if (made.missed > 0) {
    const conflict = new ConstraintsConflict({ workflow: ir.name, ...inDocument(conflictOf(asked.problem, made), ir) })
    return refused(conflictProblems(conflict, ir), conflict)
  }
  return {
    schedule: rows(asked, made, inventory),
    makespanMs: made.length,
    lowerBoundMs: made.lowerBound,
    ...(ir.tasks.some(({ dueMs }) => dueMs !== undefined) ? { latenessMs: made.lateness } : {}),
    problems: []
  }
}

const keysOf = (policy: SchedulingPolicy, { ir, durations }: ToPlan): ArrayLike<number> | "critical-path" => {
  switch (policy) {
    case "critical-path":
      return "critical-path"
    case "priority":
      return ir.tasks.map(({ priority = 50 }) => -priority)
    case "shortest":
      return durations
    case "longest":
      return durations.map((duration) => -duration)
    case "fifo":
      return new Float64Array(durations.length)
  }
}

const noAgent = (ir: WorkflowIR, task: number): Problem => ({
  code: "NO_AGENT",
  severity: "error",
  path: `/tasks/${task}`,
  message: `no worker has all that '${ir.tasks[task]!.id}' needs`,
  hint: "give one worker all of it, or ask for less"
})

const rows = (
  { problem, areWorkersAlike, allocation }: WorkflowProblem,
  made: PlannedSchedule,
  inventory: Inventory | undefined
): ReadonlyArray<ScheduledTask> => {
  const workers = inventory?.workers ?? []
  const alike = areWorkersAlike && workers.length > 0 ? shares(made, workers.length) : undefined
  return problem.tasks.map(({ id }, i) => {
    const { start, end, agent, team } = made.tasks[i]!
    const worker = alike === undefined ? agent : workers[alike[i]!]!.id
    const taken = allocation(i, worker)
    return {
      task: id,
      startMs: start,
      endMs: end,
      ...(worker === undefined ? {} : { worker }),
      ...(team === undefined ? {} : { team: team.map((one) => ({ worker: one.agent, skill: one.skill })) }),
      ...(Object.keys(taken).length === 0 ? {} : { allocation: taken })
    }
  })
}

/** Which of so many workers, all alike, does each task: whoever is free, the first of them. */
const shares = ({ tasks }: PlannedSchedule, workers: number): Int32Array => {
  const given = new Int32Array(tasks.length)
  const order = tasks
    .map((_, i) => i)
    .sort((a, b) => tasks[a]!.start - tasks[b]!.start || tasks[a]!.end - tasks[b]!.end)
  const idle = new Heap<number>((a, b) => a < b)
  const busy = new Heap<number>((a, b) => tasks[a]!.end < tasks[b]!.end)
  for (let worker = 0; worker < workers; worker++) idle.push(worker)
  for (const task of order) {
    while (busy.size > 0 && tasks[busy.peek()!]!.end <= tasks[task]!.start + 1e-9) idle.push(given[busy.pop()!]!)
    if (tasks[task]!.end > tasks[task]!.start) {
      given[task] = idle.pop()!
      busy.push(task)
    } else given[task] = idle.peek() ?? 0
  }
  return given
}

const fieldOf: Record<Conflict["constraints"][number]["kind"], string> = {
  release: "releaseMs",
  deadline: "deadlineMs",
  agents: "agents",
  skills: "skills",
  sameAgentAs: "sameAgentAs",
  differentAgentFrom: "differentAgentFrom",
  excludes: "excludes"
}

const inDocument = ({ constraints, isProven }: Conflict, ir: WorkflowIR) => ({
  isProven,
  conflict: constraints.map(
    ({ kind, task, other, value }): ConstraintOfTask => ({
      task: ir.tasks[task]!.id,
      constraint: fieldOf[kind],
      ...(other === undefined ? {} : { other: ir.tasks[other]!.id }),
      ...(value === undefined ? {} : { value })
    })
  )
})

const conflictProblems = (conflict: ConstraintsConflict, ir: WorkflowIR): ReadonlyArray<Problem> => {
  const first = conflict.conflict[0]
  const at = first === undefined ? -1 : ir.tasks.findIndex(({ id }) => id === first.task)
  return [
    {
      code: "CONSTRAINTS_CONFLICT",
      severity: "error",
      path: at === -1 ? "/tasks" : `/tasks/${at}/${first!.constraint}`,
      message: conflict.message,
      hint: ""
    }
  ]
}
