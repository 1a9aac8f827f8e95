/** Looks for one planted defect with one seed: after how many executions it is found, and what is left of the faults and the tasks. */
import type { ChaosFailure } from "troupe/chaos"
import { countTasks } from "../../../src/model/nested.ts"
import type { Defect } from "./defects.ts"
import { plant } from "./plant.ts"

export interface Found {
  readonly seed: number
  readonly executions: number
  readonly shrinks: number
  readonly faults: number
  /** Tasks of the workflow, and those that are left of it. */
  readonly tasks: number
  readonly tasksLeft: number
  /** The promise that was seen to be broken. */
  readonly promise: string
  readonly what: string
  readonly plan: unknown
}

/** Undefined when it was not found. */
export const search = async (
  defect: Defect,
  seed: number,
  budget: number,
  shrink: boolean
): Promise<Found | undefined> => {
  const { chaos, scenes } = await plant(defect)
  const { workflow, options } = scenes[defect.scene]
  const { faults } = defect
  try {
    await chaos(workflow, { ...options, seed, runs: budget, shrink, ...(faults === undefined ? {} : { faults }) })
    return undefined
  } catch (error) {
    if ((error as { _tag?: string })._tag !== "ChaosFailure") throw error
    const { executions, shrinks, plan, violations, workflow: left } = error as ChaosFailure
    const { promise, what } = violations[0]!
    const [tasks, tasksLeft] = [countTasks(workflow.ir), countTasks(left.ir)]
    return { seed, executions, shrinks, faults: plan.faults.length, tasks, tasksLeft, promise, what, plan }
  }
}
