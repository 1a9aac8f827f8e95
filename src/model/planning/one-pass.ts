/**
 * The schedule that is made without effort: a few rules, each looked at from both ends, and the order of declaration beside them. The
 * best is kept, so it is never worse than first come, first served.
 */
import type { Compiled } from "./compiled.ts"
import { emptyDraft } from "./draft.ts"
import type { Generator } from "./generator.ts"
import { listBy } from "./lists.ts"
import { asDeclared, beforeDeadlines, latestStart, workBehind } from "./rules.ts"
import { apparentCost } from "./sequence.ts"

export const onePass = (generator: Generator): void => {
  const { compiled, mirror } = generator
  const { project } = compiled
  const draft = emptyDraft(project.size)
  if (compiled.deadlines !== undefined) {
    const keys = beforeDeadlines(project, compiled.deadlines)
    generator.serial(listBy(project, keys), draft)
    generator.parallel(keys, draft)
  }
  if (compiled.dues !== undefined) {
    for (const keys of [...dueRules(compiled), asDeclared(project)]) {
      generator.serial(listBy(project, keys), draft)
      if (!generator.isDone) generator.parallel(keys, draft)
      if (generator.isDone) return
    }
    return
  }
  const steps: ReadonlyArray<() => number> = [
    () => generator.parallel(asDeclared(project), draft),
    () => generator.parallel(workBehind(project), draft),
    () => generator.serial(listBy(project, latestStart(project)), draft),
    () => generator.parallelFromTheEnd(workBehind(mirror), draft),
    () => generator.fromTheEnd(listBy(mirror, latestStart(mirror)), draft)
  ]
  for (const step of steps) {
    step()
    if (generator.isDone) return
  }
}

/** How many mean lengths ahead a due time is felt: the whole range in which that rule is any good. */
const patiences = [0.5, 1, 2, 4]

/** Keys for weighted lateness: what must come before something urgent is as urgent. */
export const dueRules = ({ project, shortest, dues, weights }: Compiled): ReadonlyArray<Float64Array> => {
  const { size, order, graph } = project
  const { successorStart, successors } = graph
  const due = dues!.slice()
  const weight = weights.map((own, task) => (dues![task]! === Number.POSITIVE_INFINITY ? 0 : own))
  for (let i = order.length - 1; i >= 0; i--) {
    const task = order[i]!
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const after = successors[k]!
      due[task] = Math.min(due[task]!, due[after]! - shortest[after]!)
      weight[task] = Math.max(weight[task]!, weight[after]!)
    }
  }
  // a task that nothing late waits for has no cost of its own: it goes last
  const finite = due.map((one) => (one === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : one))
  const queue = { durations: shortest, dues: finite, weights: weight }
  const ranked = patiences.map((patience) => {
    const keys = new Float64Array(size)
    apparentCost(queue, patience).forEach((task, place) => {
      keys[task] = place
    })
    return keys
  })
  return [...ranked, finite, Float64Array.from(shortest, (length, task) => length / Math.max(weight[task]!, 1e-9))]
}
