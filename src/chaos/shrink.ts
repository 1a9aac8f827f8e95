/**
 * A failure made smaller, after fast-check has done what it can with numbers: fewer faults, milder ones, rounder times, the first
 * seed, and then a smaller workflow. What stays breaks the same promise.
 */
import type { Json } from "../model/json.ts"
import type { Theatre } from "./chaos.ts"
import type { Execution } from "./execution.ts"
import { fewerTasks, type Smaller, taskBudget } from "./fewer-tasks.ts"
import type { Fault, Plan } from "./plan.ts"

/** Most executions that are spent on faults. */
const triesMost = 2_000
/** Most steps of these executions together: what goes round in circles takes very many to show it. */
const stepsMost = 3_000_000
/** As long as tasks have not been taken out of a large workflow its executions are slow: faults can wait until they are quick. */
const stepsFirst = 100_000
/** Most rounds of fewer faults and fewer tasks: one makes way for the other. */
const roundsMost = 3

export interface Smallest extends Smaller {
  /** What breaks the promise in the whole workflow. */
  readonly wholePlan: Plan
  readonly tries: number
}

/** Fewer faults make executions quick and tasks superfluous; fewer tasks make faults so. */
export const smallest = async (world: Theatre, input: Json, found: Execution): Promise<Smallest> => {
  const first = await minimise(world, input, found, stepsFirst)
  const budget = taskBudget()
  let best: Smaller = { world, execution: first.execution, without: {} }
  let { tries } = first
  for (let round = 0; round < roundsMost; round++) {
    const fewer = await fewerTasks(world, input, best, budget)
    if (round > 0 && fewer === best) break
    const milder = await minimise(fewer.world, input, fewer.execution, stepsMost)
    tries += milder.tries
    if (fewer === best && milder.execution === best.execution) break
    best = { ...fewer, execution: milder.execution }
  }
  return { ...best, tries: tries + budget.tries, wholePlan: first.execution.plan }
}

const minimise = async (
  world: Theatre,
  input: Json,
  found: Execution,
  stepsMost: number
): Promise<{ readonly execution: Execution; readonly tries: number }> => {
  const promise = found.violations[0]!.promise
  let best = found
  let tries = 0
  let steps = 0
  const { control } = await world.control(input)
  const isStill = async (plan: Plan): Promise<boolean> => {
    if (tries++ >= triesMost || steps >= stepsMost) return false
    const execution = await world.judged(input, plan, control, promise === "determinism")
    steps += execution.steps
    if (!execution.violations.some((one) => one.promise === promise)) return false
    best = execution
    return true
  }
  for (let isBetter = true; isBetter && tries < triesMost; ) {
    isBetter = false
    // one fault less
    for (let i = best.plan.faults.length - 1; i >= 0; i--)
      if (await isStill({ ...best.plan, faults: best.plan.faults.filter((_, at) => at !== i) })) isBetter = true
    // a milder one
    for (let i = 0; i < best.plan.faults.length; i++)
      for (const milder of mildened(best.plan.faults[i]!))
        if (await isStill({ ...best.plan, faults: best.plan.faults.with(i, milder) })) {
          isBetter = true
          break
        }
    for (const seed of [0, 1]) {
      if (best.plan.seed <= seed) break
      if (await isStill({ ...best.plan, seed })) {
        isBetter = true
        break
      }
    }
  }
  return { execution: best, tries }
}

const round = [0, 1, 10, 100, 1_000, 10_000] as const

/** The same fault, a little simpler. */
const mildened = (fault: Fault): ReadonlyArray<Fault> => {
  const milder: Array<Fault> = []
  if ("write" in fault) for (let write = 0; write < fault.write && write < 4; write++) milder.push({ ...fault, write })
  if (fault.on === "crash") {
    const { downMs, ...rest } = fault
    if (downMs !== undefined) milder.push(rest)
    if (fault.when !== "before") milder.push({ on: "crash", write: fault.write, when: "before" })
  }
  if ("ms" in fault && fault.ms !== undefined)
    for (const ms of round) if (ms < fault.ms) milder.push({ ...fault, ms } as Fault)
  if (fault.on === "task" && fault.attempt > 1) milder.push({ ...fault, attempt: 1 })
  return milder
}
