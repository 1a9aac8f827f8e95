/**
 * What a failure means: what stands in for a result (`fallback`), what is left of a task that has none (`onFailed`), which ends
 * of others a task starts after (`after … on`, `join`), and how many items a fan-out needs (`accept`). The words as the engine
 * uses them, and what can be wrong with them. Decides nothing: that is the board's and the directors'.
 */
import type { Problem } from "./errors.ts"
import {
  type Accept,
  type Fallback,
  type Join,
  kindOf,
  type OnFailed,
  type TaskIR,
  type Trigger,
  type WorkflowIR
} from "./ir.ts"

/** What a dependency may have come to, for whoever waits for it. */
export const ends = ["succeeded", "skipped", "allowed", "failed", "unreached"] as const
/**
 * `allowed`: failed, and may. `unreached`: never came to run, because something before it failed. A task that was cancelled as
 * one that nobody needs any more counts as skipped.
 */
export type EndOf = (typeof ends)[number]

export const triggers = ["notFailed", "succeeded", "failed", "done"] as const satisfies ReadonlyArray<Trigger>

/** Whether that end lets somebody start who waits for it. */
export const lets: Record<Trigger, Record<EndOf, boolean>> = {
  notFailed: { succeeded: true, skipped: true, allowed: true, failed: false, unreached: false },
  succeeded: { succeeded: true, skipped: false, allowed: false, failed: false, unreached: false },
  failed: { succeeded: false, skipped: false, allowed: true, failed: true, unreached: true },
  done: { succeeded: true, skipped: true, allowed: true, failed: true, unreached: true }
}

/** The fallbacks of a task, in the order in which they are tried. */
export const fallbacksOf = (fallback: Fallback | ReadonlyArray<Fallback> | undefined): ReadonlyArray<Fallback> =>
  fallback === undefined ? [] : Array.isArray(fallback) ? fallback : [fallback as Fallback]

/** The fallbacks that are there for the whole task, and for each of its items, with where they stand. */
export const fallbackPlaces = (task: TaskIR): ReadonlyArray<readonly [Fallback, string, isItem: boolean]> => {
  const each = "each" in task && "fallback" in task.each ? task.each.fallback : undefined
  return [...numbered(task.fallback, "/fallback", false), ...numbered(each, "/each/fallback", true)]
}
const numbered = (given: TaskIR["fallback"], path: string, isItem: boolean) =>
  fallbacksOf(given).map((one, i) => [one, Array.isArray(given) ? `${path}/${i}` : path, isItem] as const)

/** How many dependencies must let a task start; 0 for all of them. */
export const neededOf = (join: Join | undefined): number =>
  join === undefined || join === "all" ? 0 : join === "any" ? 1 : join.atLeast

/** How many items must be good; all of them when undefined, any number with `settled`. */
export const acceptedOf = (accept: Accept | undefined): number | undefined =>
  accept === undefined || accept === "all"
    ? undefined
    : accept === "any"
      ? 1
      : accept === "settled"
        ? 0
        : accept.atLeast

/** Whether the end of a task that has failed is left to a person. */
export const waitsForPeople = (onFailed: OnFailed | undefined): boolean =>
  onFailed === "wait" || typeof onFailed === "object"

/** What follows the path of a task where a fallback of it works, or where it waits for a person. */
export const standIn = (path: string, step: number): string => `${path}~${step}`
export const waitPath = (path: string): string => `${path}~wait`
/** The task that a path belongs to, without what stands in for it. */
export const ownPath = (path: string): string => (path.includes("~") ? path.slice(0, path.lastIndexOf("~")) : path)

/** What is wrong with what a task says about failures. `dependencies` is how many tasks it waits for. */
export const failingProblems = (task: TaskIR, path: string, dependencies: number): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const say = (at: string, message: string, hint: string) =>
    problems.push({ code: "POLICY_INVALID", severity: "error", path: `${path}${at}`, message, hint })
  const { id, fallback, onFailed, join } = task
  const kind = kindOf(task)
  if (kind === "gate" || kind === "sleep") {
    if (fallback !== undefined)
      say(
        "/fallback",
        `a ${kind} has no fallback`,
        kind === "gate" ? "'otherwise' says what happens when nobody answers" : "a wait does not fail"
      )
    if (waitsForPeople(onFailed))
      say("/onFailed", `a ${kind} cannot wait for a person when it fails`, '"fail" or "continue"')
  }
  if (Array.isArray(fallback) && fallback.length === 0)
    say("/fallback", `'${id}' has an empty list of fallbacks`, "leave it out, or give at least one")
  const all = fallbackPlaces(task)
  all.forEach(([one, at, isItem], i) => {
    const isLast = all[i + 1]?.[2] !== isItem
    if ("value" in one && !isLast)
      say(at, `the fallbacks of '${id}' behind a value are never tried`, "put the value last")
    if ("lastGoodMs" in one && !isItem && !hasWork(task))
      say(at, `'${id}' does no work of its own whose last good result could be kept`, "give a value, or a task")
  })
  if (join !== undefined && join !== "all") {
    const least = neededOf(join)
    if (dependencies === 0) say("/join", `'${id}' waits for nothing, so there is nothing to join`, "leave it out")
    else if (!(Number.isInteger(least) && least >= 1 && least <= dependencies))
      say(
        join === "any" ? "/join" : "/join/atLeast",
        `'${id}' waits for ${dependencies} tasks, and ${least} of them can never be enough`,
        `a whole number from 1 to ${dependencies}`
      )
  }
  if (task.cancelRest !== undefined && (join === undefined || join === "all"))
    say("/cancelRest", `'${id}' waits for all it depends on, so nothing is left to cancel`, 'add "join": "any"')
  if (kind === "map") problems.push(...acceptProblems(task as Extract<TaskIR, { kind: "map" }>, path))
  return problems
}

const hasWork = (task: TaskIR): boolean => {
  const kind = kindOf(task)
  return !["map", "use", "branch", "repeat", "sleep", "gate", "expand", "derive"].includes(kind)
}

const acceptProblems = (task: Extract<TaskIR, { kind: "map" }>, path: string): ReadonlyArray<Problem> => {
  const { accept, partial, over } = task
  const say = (at: string, message: string, hint: string): ReadonlyArray<Problem> => [
    { code: "POLICY_INVALID", severity: "error", path: `${path}${at}`, message, hint }
  ]
  if (accept === undefined) return []
  if (partial !== undefined)
    return say("/partial", `'accept' says already what failed items of '${task.id}' mean`, "keep one of the two")
  const size = Array.isArray(over) ? over.length : typeof over === "number" ? over : undefined
  const least = acceptedOf(accept)
  if (size !== undefined && least !== undefined && least > size)
    return say(
      typeof accept === "object" ? "/accept/atLeast" : "/accept",
      `'${task.id}' has ${size} items, and ${least} good ones can never be reached`,
      `at most ${size}`
    )
  return []
}

/** What the settings of `after` say about each dependency that has an edge of its own; wrong names are reported elsewhere. */
export const triggersOf = (task: TaskIR): ReadonlyMap<string, Trigger> => {
  const found = new Map<string, Trigger>()
  for (const one of task.after ?? []) if (typeof one !== "string") found.set(one.task, one.on)
  return found
}

/** Where the first failure ends the run, nobody can start because of it: a word about each task that waits for that. */
export const neverTriggered = (
  { tasks, config }: WorkflowIR,
  index: ReadonlyMap<string, number>
): ReadonlyArray<Problem> =>
  config?.onFailure === "continue"
    ? []
    : tasks.flatMap(({ id, after = [] }, i) =>
        after.flatMap((one, k): ReadonlyArray<Problem> => {
          if (typeof one === "string" || one.on !== "failed") return []
          const source = tasks[index.get(one.task) ?? -1]
          if (source === undefined || mayFail(source.onFailed)) return []
          return [
            {
              code: "TRIGGER_NEVER",
              severity: "warning",
              path: `/tasks/${i}/after/${k}`,
              message: `'${id}' starts when '${one.task}' has failed, but the first failure ends the run: it never starts`,
              hint: `say "onFailed": "continue" on '${one.task}', or "onFailure": "continue" in config`
            }
          ]
        })
      )

const mayFail = (onFailed: OnFailed | undefined): boolean =>
  onFailed === "continue" || (typeof onFailed === "object" && onFailed.wait.otherwise === "continue")
