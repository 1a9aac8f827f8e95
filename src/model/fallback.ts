/**
 * What a task says about its failures, as code says it: `fallback: { task: other }`, `onFailed: "continue"`. Makes the fields of
 * the IR of it; `failing.ts` checks them.
 */
import { type Duration, milliseconds } from "./duration.ts"
import { InvalidOption } from "./errors.ts"
import { acceptedOf, triggers } from "./failing.ts"
import type { Accept, After, Fallback, Join, Mapping, OnFailed } from "./ir.ts"
import { limits } from "./limits.ts"
import { toMapping } from "./recorder.ts"
import type { TaskDef } from "./task.ts"

/** What stands in for the result of a task: a value, its last good result for the same input, or another task. */
export type FallbackOption<TI, TO, Value = never> =
  | { readonly value: TO | Value }
  | { readonly lastGood: Duration }
  | { readonly task: TaskDef<any, TI, TO> }

/** One of them, or several that are tried in order. */
export type Fallbacks<TI, TO, Value = never> =
  | FallbackOption<TI, TO, Value>
  | ReadonlyArray<FallbackOption<TI, TO, Value>>

/** What is left of a task that has failed: `wait` for a person, for ever or for so long. */
export type OnFailedOption =
  | "fail"
  | "continue"
  | "wait"
  | { readonly wait: { readonly within: Duration; readonly otherwise: "fail" | "continue" } }

/** What a task may say about its failures where it is defined. */
export interface FailingOptions<TI, TO> {
  /** What stands in for its result when it has failed for good. */
  readonly fallback?: Fallbacks<TI, TO>
  /** What is left of it when nothing did; default `fail`. */
  readonly onFailed?: OnFailedOption
}

type Given = FallbackOption<any, any, any>

/** The tasks that stand in, whose code must be bound too. */
export const fallbackTasks = (given: unknown): ReadonlyArray<TaskDef> =>
  listOf(given).flatMap((one) => ("task" in one ? [one.task] : []))

const listOf = (given: unknown): ReadonlyArray<Given> =>
  given === undefined ? [] : Array.isArray(given) ? given : [given as Given]

/** The fallbacks as the IR says them. `env` is what a function for a value reads from; `work` makes the fields of a task. */
export const fallbackFields = (
  given: unknown,
  subject: string,
  env: () => unknown,
  work: (def: TaskDef) => object
): { readonly fallback?: Fallback | ReadonlyArray<Fallback> } => {
  if (given === undefined) return {}
  const option = `fallback of ${subject}`
  const one = (each: Given): Fallback => {
    if (typeof each !== "object" || each === null) throw new InvalidOption({ option, value: each, allowed })
    if ("value" in each) {
      const { value } = each
      return { value: toMapping(typeof value === "function" ? value(env()) : value) as Mapping }
    }
    if ("lastGood" in each) return { lastGoodMs: positive(each.lastGood, `${option}.lastGood`) }
    if (typeof each.task !== "object") throw new InvalidOption({ option, value: each, allowed })
    return work(each.task) as Fallback
  }
  return { fallback: Array.isArray(given) ? given.map(one) : one(given as Given) }
}
const allowed = "{ value }, { lastGood: a duration }, { task }, or a list of these"

const positive = (given: Duration, option: string): number => {
  const ms = milliseconds(given, option)
  if (ms < 1) throw new InvalidOption({ option, value: given, allowed: "at least 1 ms" })
  return ms
}

export const onFailedField = (given: OnFailedOption | undefined, subject: string): { readonly onFailed?: OnFailed } => {
  const option = `onFailed of ${subject}`
  if (given === undefined) return {}
  if (given === "fail" || given === "continue" || given === "wait") return { onFailed: given }
  const { wait } = (given ?? {}) as Extract<OnFailedOption, object>
  if (typeof wait !== "object" || wait === null)
    throw new InvalidOption({
      option,
      value: given,
      allowed: '"fail", "continue", "wait", or { wait: { within, otherwise } }'
    })
  const { within, otherwise } = wait
  if (otherwise !== "fail" && otherwise !== "continue")
    throw new InvalidOption({ option: `${option}.wait.otherwise`, value: otherwise, allowed: '"fail" or "continue"' })
  return { onFailed: { wait: { withinMs: positive(within, `${option}.wait.within`), otherwise } } }
}

/** Triggers in `after`, and what is joined. */
export const joinFields = (
  {
    after,
    join,
    cancelRest
  }: {
    readonly after?: ReadonlyArray<After> | undefined
    readonly join?: Join | undefined
    readonly cancelRest?: boolean | undefined
  },
  subject: string
): { readonly after?: ReadonlyArray<After>; readonly join?: Join; readonly cancelRest?: boolean } => {
  for (const one of after ?? [])
    if (typeof one !== "string" && !(triggers as ReadonlyArray<string>).includes(one.on))
      throw new InvalidOption({ option: `after of ${subject}`, value: one.on, allowed: triggers.join(", ") })
  if (join !== undefined && join !== "all" && join !== "any")
    wholeWithin(join.atLeast, limits.tasks, `join.atLeast of ${subject}`)
  return {
    ...(after === undefined || after.length === 0 ? {} : { after: [...after] }),
    ...(join === undefined ? {} : { join }),
    ...(cancelRest === undefined ? {} : { cancelRest })
  }
}

export const acceptField = (accept: Accept | undefined, subject: string): { readonly accept?: Accept } => {
  if (accept === undefined) return {}
  if (typeof accept === "object") wholeWithin(acceptedOf(accept)!, limits.fanout, `accept.atLeast of ${subject}`)
  else if (!["all", "any", "settled"].includes(accept))
    throw new InvalidOption({
      option: `accept of ${subject}`,
      value: accept,
      allowed: '"all", "any", "settled", or { atLeast: n }'
    })
  return { accept }
}

const wholeWithin = (value: number, most: number, option: string): void => {
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    throw new InvalidOption({ option, value, allowed: `a whole number from 1 to ${most}` })
}
