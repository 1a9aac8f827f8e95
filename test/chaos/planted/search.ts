/** Looks for one planted defect with one seed: after how many executions it is found, and what is left of the faults. */
import type { ChaosFailure } from "troupe/chaos"
import type { Defect } from "./defects.ts"
import { plant } from "./plant.ts"

export interface Found {
  readonly seed: number
  readonly executions: number
  readonly shrinks: number
  readonly faults: number
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
    const { executions, shrinks, plan, violations } = error as ChaosFailure
    const { promise, what } = violations[0]!
    return { seed, executions, shrinks, faults: plan.faults.length, promise, what, plan }
  }
}
