/** The execution plan: what a workflow will take, before it runs. Derived from the IR, never stored. */
import { analyse } from "./analysis.ts"
import { criticalPath, type DependencyGraph, levels, topologicalOrder } from "./dependencies.ts"
import { type ConstraintsConflict, InvalidOption, type Problem } from "./errors.ts"
import { neededOf, triggersOf } from "./failing.ts"
import { type Inventory, kindOf, type TaskIR, type WorkflowIR } from "./ir.ts"
import { joinRules } from "./joins.ts"
import { type Definition, definition, nestedOf, resolveNested } from "./nested.ts"
import { agentProblems } from "./plan-problem.ts"
import { effortMost, planned } from "./planned.ts"
import { policiesOf } from "./policy-order.ts"
import { aggregate, requirementProblems } from "./resources.ts"
import { type ScheduledTask, type SchedulingPolicy, schedulingPolicies, seats } from "./schedule.ts"
import { requireWhole } from "./settings.ts"
import { validate } from "./validate.ts"

/** Tasks that could run side by side. Stages are for reading: the engine waits for tasks, never for stages. */
export interface ExecutionStage {
  /** From 1. */
  readonly stage: number
  readonly tasks: ReadonlyArray<string>
  /** Most tasks of this stage that what there is can carry at the same time. */
  readonly maxParallelism: number
  /** Length of its longest task, in milliseconds. */
  readonly estimatedMs: number
}

export interface ExecutionPlan {
  readonly workflow: string
  readonly tasks: number
  readonly stages: ReadonlyArray<ExecutionStage>
  /** Ids of the tasks that decide how long the whole takes, first to last. */
  readonly criticalPath: ReadonlyArray<string>
  readonly criticalPathMs: number
  /** How much later each task could start without making the whole longer, where that is more than nothing. */
  readonly slackMs: { readonly [task: string]: number }
  /** Expected length: that of the schedule. */
  readonly estimatedMs: number
  /** Work divided by expected length: how many tasks run side by side on average. */
  readonly parallelism: number
  /** Sum and largest single amount of each resource that tasks ask for. */
  readonly resources: {
    readonly total: { readonly [name: string]: number }
    readonly largest: { readonly [name: string]: number }
  }
  readonly schedule: ReadonlyArray<ScheduledTask>
  readonly makespanMs: number
  /** No schedule can be shorter. */
  readonly lowerBoundMs: number
  /** Sum of weight times lateness, where tasks say when they are due. */
  readonly latenessMs?: number
  readonly problems: ReadonlyArray<Problem>
  /** Why there is no schedule, where constraints cannot hold together: an error to throw, or to read. */
  readonly conflict?: ConstraintsConflict
}

export interface PlanOptions {
  /** What there is; the document's own inventory when absent. Without any, nothing ever waits for resources. */
  readonly resources?: Inventory
  /** Which ready task goes first; the best of a few rules when absent, which is never longer than `fifo`. */
  readonly policy?: SchedulingPolicy
  /** Schedules to generate in search of a shorter one: 0 … 1,000,000; default 0, the rules alone. */
  readonly effort?: number
  /** The same seed finds the same schedule; default 1. */
  readonly seed?: number
}

/** Expected length of a task that does not say, in milliseconds. */
export const defaultEstimateMs = 1_000

/**
 * The plan of a workflow: stages, critical path with slack, resources, and a schedule for what there is.
 * Never throws for a bad workflow: then `problems` says what is wrong and the rest is empty.
 *
 * ```ts check
 * plan({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop", estimateMs: 5 }, { id: "b", kind: "noop", after: ["a"], estimateMs: 2 }] }).criticalPathMs // => 7
 * ```
 */
export const plan = (ir: WorkflowIR, options: PlanOptions = {}): ExecutionPlan => {
  requireOptions(options)
  const inventory = options.resources ?? ir.resources
  const problems = [
    ...validate(ir),
    ...(options.resources === undefined ? [] : inventoryProblems(ir, options.resources)),
    ...agentProblems(ir, inventory)
  ]
  if (problems.some(({ severity }) => severity === "error")) return emptyPlan(ir, problems)
  const { graph } = analyse(ir)
  const durations = durationsOf(definition(ir))
  for (const task of unlikely(ir, graph)) durations[task] = 0
  const { path, length, slack } = criticalPath(graph, durations)
  const requirements = ir.tasks.map((task) => task.resources)
  const made = planned({ ir, graph, durations, inventory, options })
  if (made.problems.some(({ severity }) => severity === "error"))
    return {
      ...emptyPlan(ir, [...problems, ...made.problems]),
      ...(made.conflict === undefined ? {} : { conflict: made.conflict })
    }
  const { makespanMs, latenessMs } = made
  const work = durations.reduce((sum, duration) => sum + duration, 0)
  return {
    workflow: ir.name,
    tasks: graph.size,
    stages: stages(graph.ids, levels(graph), durations, (tasks) =>
      seats(
        tasks.map((task) => requirements[task]),
        inventory
      )
    ),
    criticalPath: path,
    criticalPathMs: length,
    slackMs: Object.fromEntries(graph.ids.flatMap((id, task) => (slack[task]! > 1e-9 ? [[id, slack[task]!]] : []))),
    estimatedMs: makespanMs,
    parallelism: makespanMs === 0 ? Math.min(1, graph.size) : work / makespanMs,
    resources: aggregate(requirements),
    schedule: made.schedule.map((one, i) => withPolicies(one, ir.tasks[i]!)),
    makespanMs,
    lowerBoundMs: made.lowerBoundMs,
    ...(latenessMs === undefined ? {} : { latenessMs }),
    problems: [...problems, ...made.problems]
  }
}

const requireOptions = ({ policy, effort, seed }: PlanOptions): void => {
  if (policy !== undefined && !schedulingPolicies.includes(policy))
    throw new InvalidOption({ option: "policy", value: policy, allowed: schedulingPolicies.join(", ") })
  if (effort !== undefined) requireWhole(effort, 0, effortMost, "effort")
  if (seed !== undefined) requireWhole(seed, 0, 0xffff_ffff, "seed")
}

const withPolicies = (one: ScheduledTask, task: TaskIR): ScheduledTask => {
  const policies = policiesOf(task)
  return policies.length === 0 ? one : { ...one, policies }
}

/** Tasks that start only when another has failed, and those that only follow from them: a plan does not count on failures. */
const unlikely = (ir: WorkflowIR, graph: DependencyGraph): ReadonlyArray<number> => {
  if (joinRules(ir, graph) === undefined) return []
  const found = new Set<number>()
  for (const task of topologicalOrder(graph)) {
    const { predecessorStart, predecessors } = graph
    const own = triggersOf(ir.tasks[task]!)
    const edges = [...predecessors.slice(predecessorStart[task]!, predecessorStart[task + 1]!)]
    const never = edges.filter((before) => {
      const trigger = own.get(graph.ids[before]!) ?? "notFailed"
      return trigger === "failed" || (trigger === "succeeded" && found.has(before))
    })
    const needed = neededOf(ir.tasks[task]!.join) || edges.length
    if (edges.length - never.length < needed) found.add(task)
  }
  return [...found]
}

/** An inventory that is given from outside is held against each task; the document's own was checked with it. */
const inventoryProblems = (ir: WorkflowIR, inventory: Inventory): ReadonlyArray<Problem> =>
  ir.tasks.flatMap((task, i) =>
    task.resources === undefined ? [] : requirementProblems(task.resources, inventory, `/tasks/${i}/resources`)
  )

const emptyPlan = (ir: WorkflowIR, problems: ReadonlyArray<Problem>): ExecutionPlan => ({
  workflow: ir.name,
  tasks: ir.tasks.length,
  stages: [],
  criticalPath: [],
  criticalPathMs: 0,
  slackMs: {},
  estimatedMs: 0,
  parallelism: 0,
  resources: { total: {}, largest: {} },
  schedule: [],
  makespanMs: 0,
  lowerBoundMs: 0,
  problems
})

/** Expected length of every task; one that contains a workflow is as long as that, unless it says otherwise. */
export const durationsOf = (given: Definition): Float64Array =>
  Float64Array.from(given.ir.tasks, (task) => durationOf(given, task))

const durationOf = (given: Definition, task: TaskIR): number => {
  if (task.estimateMs !== undefined) return task.estimateMs
  if (kindOf(task) === "sleep" && typeof (task as { durationMs: unknown }).durationMs === "number")
    return (task as { durationMs: number }).durationMs
  const inner = nestedOf(task).flatMap(([nested]) => resolveNested(given, nested) ?? [])
  return inner.length === 0 ? defaultEstimateMs : Math.max(...inner.map(lengthOf))
}

const lengthOf = (nested: Definition): number => {
  const { graph } = analyse(nested.ir)
  return topologicalOrder(graph).length < graph.size ? 0 : criticalPath(graph, durationsOf(nested)).length
}

const stages = (
  ids: ReadonlyArray<string>,
  level: Int32Array,
  durations: Float64Array,
  seatsFor: (tasks: ReadonlyArray<number>) => number
): ReadonlyArray<ExecutionStage> => {
  const grouped: Array<Array<number>> = []
  level.forEach((stage, task) => {
    ;(grouped[stage] ??= []).push(task)
  })
  return grouped.map((tasks, i) => ({
    stage: i + 1,
    tasks: tasks.map((task) => ids[task]!),
    maxParallelism: seatsFor(tasks),
    estimatedMs: tasks.reduce((longest, task) => Math.max(longest, durations[task]!), 0)
  }))
}
