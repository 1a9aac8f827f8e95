/**
 * Which policies a task has, in the order in which they apply: what is passed on the way to a call, what watches over the call, and
 * what follows when it fails. The engine has this order by how it is built; here it is said.
 */
import { fallbacksOf } from "./failing.ts"
import type { Fallback, TaskIR, WorkPolicy } from "./ir.ts"

/** Names of policies in the order in which they apply to a task. */
export const policyOrder = [
  // on the way to the call
  "startWithin",
  "cache",
  "bulkhead",
  "rate",
  "breaker",
  // while it is made
  "timeout",
  "heartbeat",
  "hedge",
  // when it fails
  "retry",
  "within",
  "fallback",
  "onFailed",
  // when the run does
  "undo",
  "pivot"
] as const
export type PolicyName = (typeof policyOrder)[number]

/**
 * The policies that a task declares, or those of the items of a fan-out, in the order in which they apply.
 *
 * ```ts check
 * policiesOf({ id: "pay", task: "pay", undo: { task: "refund" }, retry: { attempts: 3 }, bulkhead: "bank" }) // => ["bulkhead","retry","undo"]
 * policiesOf({ id: "a", kind: "noop" }) // => []
 * ```
 */
export const policiesOf = (task: TaskIR): ReadonlyArray<PolicyName> => {
  const declared = declaredBy(task)
  return policyOrder.filter((name) => declared[name])
}

const declaredBy = (task: TaskIR): { readonly [name in PolicyName]: boolean } => {
  const work = ("each" in task ? task.each : task) as WorkPolicy & { readonly fallback?: Fallback }
  return {
    startWithin: work.startWithinMs !== undefined,
    cache: work.cache !== undefined,
    bulkhead: work.bulkhead !== undefined,
    rate: work.rate !== undefined,
    breaker: work.breaker !== undefined,
    timeout: work.timeoutMs !== undefined,
    heartbeat: work.heartbeatMs !== undefined,
    hedge: work.hedge !== undefined,
    retry: (work.retry?.attempts ?? 1) > 1,
    within: work.withinMs !== undefined,
    fallback: fallbacksOf(task.fallback).length + fallbacksOf(work.fallback).length > 0,
    onFailed: task.onFailed !== undefined && task.onFailed !== "fail",
    undo: work.undo !== undefined,
    pivot: work.pivot === true
  }
}
