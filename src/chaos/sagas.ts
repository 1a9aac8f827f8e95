/**
 * What was undone, held against what was done: worked out from the bodies that came to their end and from the messages, never from
 * what the engine believes (G14).
 */
import { compileWorkflow } from "../model/compile.ts"
import type { Json } from "../model/json.ts"
import type { Message, Outcome, RunAmended } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { isOfUndo, undoing, verifying } from "../model/saga.ts"
import type { Workflow } from "../model/workflow.ts"
import { counting, spotOf } from "./model.ts"
import type { Call } from "./story.ts"

/** Whether anything in a workflow can be undone. */
export const undoes = (workflow: Workflow): boolean => {
  let known = undoable.get(workflow)
  if (known === undefined) {
    known = /"(?:undo|pivot)":/.test(JSON.stringify(workflow.ir))
    undoable.set(workflow, known)
  }
  return known
}
const undoable = new WeakMap<Workflow, boolean>()

/** What somebody knows who sees what the bodies did: null, or the result that one has given. */
export const truthOf = (calls: ReadonlyArray<Call>, key: unknown): Json => {
  const done = calls.findLast((call) => call.key === key && call.isDone)
  return done === undefined ? null : { result: done.value === undefined ? null : JSON.parse(done.value) }
}

/** The keys of the effects that were taken back. */
export const keysUndone = (calls: ReadonlyArray<Call>): ReadonlyArray<string> =>
  calls.flatMap(({ task, isDone, input }) =>
    isDone && task.endsWith(undoing) ? [String((input as { readonly key?: Json }).key)] : []
  )

/** Why what was undone is not what had to be; undefined when it is. */
export const undoneWrongly = (
  workflow: Workflow,
  messages: ReadonlyArray<Message>,
  calls: ReadonlyArray<Call>,
  outcome: Outcome
): string | undefined => {
  if (!undoes(workflow)) return undefined
  // whoever takes the end by force, or decides about the past, takes on what was done
  if (messages.some((message) => isDecision(message))) return undefined
  const undone = keysUndone(calls)
  if (outcome.status === "succeeded")
    return undone.length === 0 ? undefined : `the run succeeded, and the effect under ${undone[0]} was undone`
  const known = knownEffects(workflow, messages)
  // somebody may have done it by hand
  const byHand = new Set(messages.flatMap((message) => (message.type === "run.amended" ? givenTo(message) : [])))
  const order = messages.flatMap((message) =>
    message.type === "attempt.succeeded" && message.task.endsWith(undoing)
      ? [message.task.slice(0, -undoing.length)]
      : message.type === "run.amended"
        ? givenTo(message)
        : []
  )
  const expected = [...known.done].reverse()
  const found = order.filter((task) => known.done.includes(task))
  if (expected.join() !== found.join())
    return `what was done is ${known.done.join(", ") || "nothing"}, and what was undone is ${found.join(", ") || "nothing"}`
  const final = order.find((task) => known.final.includes(task))
  if (final !== undefined) return `'${final}' was undone, and a pivot had made it final`
  const left = calls.find(
    ({ task, isDone, key }) =>
      isDone && isUndoable(workflow, task) && !known.final.includes(task) && !undone.includes(key) && !byHand.has(task)
  )
  return left === undefined ? undefined : `'${left.task}' was done under ${left.key}, and was not undone`
}

const givenTo = ({ give }: RunAmended): ReadonlyArray<string> =>
  Object.keys(give).flatMap((task) => (task.endsWith(undoing) ? [task.slice(0, -undoing.length)] : []))

const isDecision = (message: Message): boolean =>
  message.type === "run.rolledBack" ||
  (message.type === "run.cancelled" && message.force) ||
  (message.type === "run.amended" && Object.keys(message.give).some((task) => !isOfUndo(task))) ||
  (message.type === "run.amended" && message.forget.length > 0)

/** Effects that are known by their messages, in order; and those that a pivot has made final. */
const knownEffects = (workflow: Workflow, messages: ReadonlyArray<Message>) => {
  const compiled = compileWorkflow(definition(workflow.ir))
  let done: Array<string> = []
  const final: Array<string> = []
  for (const message of counting(messages)) {
    if (message.type === "gate.answered" && message.value !== null && message.task.endsWith(verifying)) {
      const asked = message.task.slice(0, -verifying.length)
      if (spotOf(compiled, asked)?.task.work?.isPivot !== true) continue
      final.push(...done)
      done = []
    }
    if (message.type !== "attempt.succeeded" || message.cached === true) continue
    const work = spotOf(compiled, message.task)?.task.work
    if (work?.isPivot === true) {
      final.push(...done)
      done = []
    } else if (work?.undo !== undefined) done.push(message.task)
  }
  return { done, final }
}

const isUndoable = (workflow: Workflow, task: string): boolean =>
  spotOf(compileWorkflow(definition(workflow.ir)), task)?.task.work?.undo !== undefined
