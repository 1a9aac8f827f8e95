/**
 * What is to be scheduled: tasks with lengths and order, resources that they share, agents of which each takes some, and what else
 * must hold. Times are numbers without a unit, from 0 on. One model for all kinds of problems; how it is searched depends on its shape.
 */

export interface PlanningProblem {
  readonly tasks: ReadonlyArray<PlanningTask>
  /** Amounts that all tasks share. */
  readonly resources?: Amounts
  readonly agents?: ReadonlyArray<PlanningAgent>
}

export interface PlanningTask {
  readonly id: string
  readonly duration: number
  /** Ids of tasks that must have ended. */
  readonly after?: ReadonlyArray<string>
  /** What it takes of the shared amounts, for its whole length. */
  readonly needs?: Amounts
  /** It starts no earlier. */
  readonly release?: number
  /** It must have ended by then. */
  readonly deadline?: number
  /** It should have ended by then: where any task has one, the weighted lateness is made small, not the length of the whole. */
  readonly due?: number
  /** What a unit of lateness costs; default 1. */
  readonly weight?: number
  /** One of these does it, each in its own time. */
  readonly agents?: ReadonlyArray<PlanningOption>
  /** Who could do it, were it not for `agents` or `skills`: what a conflict is looked for with. */
  readonly anyAgent?: ReadonlyArray<PlanningOption>
  /** So many agents with each skill do it together. */
  readonly skills?: { readonly [skill: string]: number }
  /** Whoever does those does this one as well. */
  readonly sameAgentAs?: ReadonlyArray<string>
  /** Nobody who does one of those does this one. */
  readonly differentAgentFrom?: ReadonlyArray<string>
  /** Never at the same time as one of those. */
  readonly excludes?: ReadonlyArray<string>
}

export interface PlanningOption {
  readonly agent: string
  readonly duration: number
  /** What it takes of the agent's own amounts. */
  readonly takes?: Amounts
}

/** Does one task at a time, unless it has amounts of its own. */
export interface PlanningAgent {
  readonly id: string
  readonly skills?: ReadonlyArray<string>
  readonly has?: Amounts
}

export interface Amounts {
  readonly [resource: string]: number
}

export interface PlannedTask {
  readonly id: string
  readonly start: number
  readonly end: number
  readonly agent?: string
  /** Who does it together, where it asks for skills. */
  readonly team?: ReadonlyArray<{ readonly agent: string; readonly skill: string }>
}

export interface PlannedSchedule {
  readonly tasks: ReadonlyArray<PlannedTask>
  /** End of the last task. */
  readonly length: number
  /** Sum of weight times lateness over the tasks that have a due time. */
  readonly lateness: number
  /** By how much deadlines are missed, all together; infinite where a task finds nobody. */
  readonly missed: number
  /** No schedule can be shorter. */
  readonly lowerBound: number
  /** Schedules that were generated for it. */
  readonly generated: number
}
