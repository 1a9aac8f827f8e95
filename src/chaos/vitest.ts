/**
 * Chaos as matchers of vitest: `await expect(order).toSurvive({ input })`. Importing this file adds them; a failing one shows the
 * smallest story that was found.
 */
import { expect } from "vitest"
import type { Workflow } from "../model/workflow.ts"
import { type ChaosOptions, chaos } from "./chaos.ts"
import { ChaosFailure } from "./errors.ts"
import { families } from "./plan.ts"
import { forEachTask, workOf } from "./stand-ins.ts"
import type { World } from "./world.ts"

type InputOf<W> = W extends Workflow<infer I, any, any, any> ? I : any
type OutputOf<W> = W extends Workflow<any, infer O, any, any> ? O : any

/** How a run may end. */
export type End = "succeeded" | "failed" | "cancelled"

export type SurviveOptions<I = any, O = any> = ChaosOptions<I, O>
export type HoldOptions<I = any, O = any> = Omit<ChaosOptions<I, O>, "always">
export interface FinishOptions<I = any, O = any> extends Omit<ChaosOptions<I, O>, "always" | "finally"> {
  /** The ends that are good; any by default. */
  readonly as?: End | ReadonlyArray<End>
}

export interface CompensateOptions<I = any, O = any> extends Omit<ChaosOptions<I, O>, "finally"> {
  /** Tasks whose effects must be undone; by default all that say how, where no pivot makes any final. */
  readonly tasks?: ReadonlyArray<string>
}

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** Keeps every promise, and yours, in many worlds in which things go wrong. */
    toSurvive(options?: SurviveOptions<InputOf<T>, OutputOf<T>>): Promise<void>
    /** Comes to an end in all of them; with `as`, to this one. */
    toFinish(options?: FinishOptions<InputOf<T>, OutputOf<T>>): Promise<void>
    /**
     * Undoes all that it has done whenever it does not succeed, and nothing when it does. People do not interfere unless `faults`
     * says so. Fails also if no run had anything to undo: then nothing was tried.
     */
    toCompensate(options?: CompensateOptions<InputOf<T>, OutputOf<T>>): Promise<void>
    /** Keeps what you say after every step of all of them. */
    toHold(
      always: (world: World<InputOf<T>, OutputOf<T>>) => unknown,
      options?: HoldOptions<InputOf<T>, OutputOf<T>>
    ): Promise<void>
  }
}

interface Verdict {
  readonly pass: boolean
  readonly message: () => string
}

const judged = async (workflow: Workflow, options: ChaosOptions, verb: string): Promise<Verdict> => {
  try {
    const { workflow: name, runs, crashes, faults, seed } = await chaos(workflow, options)
    const told = `${runs.toLocaleString("en")} executions with ${faults.toLocaleString("en")} faults, ${crashes.toLocaleString("en")} of them crashes; seed ${seed}`
    return { pass: true, message: () => `${name} was not expected to ${verb}, and did: ${told}` }
  } catch (error) {
    // whatever does not work is no verdict about the workflow
    if (!(error instanceof ChaosFailure)) throw error
    return { pass: false, message: () => error.message }
  }
}

/** Fails as an assertion does, with the reason. */
class EndAssertion extends Error {
  override readonly name = "AssertionError"
}

const endsAs =
  (as: End | ReadonlyArray<End>) =>
  ({ status, error }: World): void => {
    const good: ReadonlyArray<string> = typeof as === "string" ? [as] : as
    if (good.includes(status)) return
    throw new EndAssertion(
      `the run ends as ${status}${error === undefined ? "" : ` (${error})`}, and not as ${good.join(" or ")}`
    )
  }

/** What people decide (a skip, a rollback, an end by force) they take on themselves. */
const nobodyDecides = families.filter((family) => family !== "operator" && family !== "agent" && family !== "network")

const compensates = async (
  workflow: Workflow,
  { tasks = undoable(workflow), faults = nobodyDecides, ...options }: CompensateOptions
): Promise<Verdict> => {
  let undone = 0
  const verdict = await judged(
    workflow,
    {
      ...options,
      faults,
      finally: (world) => {
        for (const task of tasks) {
          undone += world.undone(task)
          const due = world.status === "succeeded" ? 0 : world.effects(task)
          if (world.undone(task) !== due)
            throw new EndAssertion(
              `the run ends as ${world.status}, '${task}' was done ${world.effects(task)} times and undone ${world.undone(task)} times`
            )
        }
      }
    },
    "compensate"
  )
  if (undone > 0 || !verdict.pass) return verdict
  const message = () =>
    `${workflow.name}: no run had anything to undo, so nothing was tried: give it an input with which it fails, or a task with 'undo'`
  return { pass: false, message }
}

/** The tasks that say how they are undone; none where a pivot may make them final. */
const undoable = ({ ir }: Workflow): ReadonlyArray<string> => {
  const found: Array<string> = []
  let hasPivot = false
  forEachTask(ir, (one, path) => {
    const work = workOf(one)
    if (work?.["undo"] !== undefined) found.push(path)
    hasPivot ||= work?.["pivot"] === true
  })
  return hasPivot ? [] : found
}

/** The matchers, for an `expect` of your own. */
export const matchers = {
  toSurvive: (workflow: Workflow, options: SurviveOptions = {}) => judged(workflow, options, "survive"),
  toFinish: (workflow: Workflow, { as, ...options }: FinishOptions = {}) =>
    judged(workflow, as === undefined ? options : { ...options, finally: endsAs(as) }, "finish"),
  toCompensate: (workflow: Workflow, options: CompensateOptions = {}) => compensates(workflow, options),
  toHold: (workflow: Workflow, always: (world: World) => unknown, options: HoldOptions = {}) =>
    judged(workflow, { ...options, always }, "hold")
}

expect.extend(matchers)
