/**
 * What was undone, held against what was done: worked out from the bodies that came to their end and from the messages, never from
 * what the engine believes (G14).
 */
import { type CompiledWork, type CompiledWorkflow, compileWorkflow } from "../model/compile.ts"
import { fragmentIR } from "../model/fragment.ts"
import type { Fragment } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { AttemptSucceeded, Message, Outcome, RunAmended } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { isOfUndo, undoing, verifying } from "../model/saga.ts"
import type { Workflow } from "../model/workflow.ts"
import { counting, spotOf } from "./model.ts"
import type { Call } from "./story.ts"

/** Whether anything in a workflow can be undone; what a planner gives may. */
export const undoes = (workflow: Workflow): boolean => {
  let known = undoable.get(workflow)
  if (known === undefined) {
    known = /"(?:undo|pivot)":|"expand":true/.test(JSON.stringify(workflow.ir))
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
  const workAt = worksIn(workflow, messages)
  const known = knownEffects(messages, workAt)
  // somebody may have done it by hand, or have said, rightly or not, that there is nothing to undo
  const byHand = new Set(
    messages.flatMap((message) =>
      message.type === "run.amended" ? [...givenTo(message), ...givenTo(message, verifying)] : []
    )
  )
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
      isDone &&
      workAt(task)?.undo !== undefined &&
      !known.final.includes(task) &&
      !known.mayBeFinal(task) &&
      !undone.includes(key) &&
      !byHand.has(task)
  )
  return left === undefined ? undefined : `'${left.task}' was done under ${left.key}, and was not undone`
}

const givenTo = ({ give }: RunAmended, what = undoing): ReadonlyArray<string> =>
  Object.keys(give).flatMap((task) => (task.endsWith(what) ? [task.slice(0, -what.length)] : []))

const isDecision = (message: Message): boolean =>
  message.type === "run.rolledBack" ||
  (message.type === "run.cancelled" && message.force) ||
  (message.type === "run.amended" && Object.keys(message.give).some((task) => !isOfUndo(task))) ||
  (message.type === "run.amended" && message.forget.length > 0)

/** The work at each path, of what planners gave too. */
const worksIn = (
  workflow: Workflow,
  messages: ReadonlyArray<Message>
): ((path: string) => CompiledWork | undefined) => {
  const root = compileWorkflow(definition(workflow.ir))
  const planned = new Map<string, CompiledWorkflow>()
  const within = (compiled: CompiledWorkflow, prefix: string, path: string): CompiledWork | undefined => {
    const at = path.indexOf(injected)
    if (at === -1) return spotOf(compiled, path)?.task.work
    const planner = path.slice(0, at)
    const given = prefix + planner
    let inner = planned.get(given)
    if (inner === undefined) {
      const spot = spotOf(compiled, planner)
      const fragment = messages.find((one) => one.type === "attempt.succeeded" && one.task === `${given}@plan`)
      if (spot === undefined || fragment === undefined) return undefined
      const { ir, definition: around } = spot.scope
      const nested = fragmentIR((fragment as AttemptSucceeded).value as unknown as Fragment, spot.task.id, ir)
      inner = compileWorkflow(definition(nested, around.table))
      planned.set(given, inner)
    }
    return within(inner, given + injected, path.slice(at + injected.length))
  }
  return (path) => within(root, "", path)
}
const injected = "@tasks/"

/**
 * Effects that are known by their messages, in order; those that a pivot has made final; and of those of which nobody knew, whether a
 * pivot may have made them final, which came after all that is written of them.
 */
const knownEffects = (messages: ReadonlyArray<Message>, workAt: ReturnType<typeof worksIn>) => {
  let done: Array<string> = []
  const final: Array<string> = []
  const undone = new Set<string>()
  const lastOf = new Map<string, number>()
  let passedAt = -1
  counting(messages).forEach((message, seq) => {
    if (message.type === "gate.answered" && message.value !== null && message.task.endsWith(verifying)) {
      const asked = message.task.slice(0, -verifying.length)
      if (workAt(asked)?.isPivot !== true) return
      // what came after it is undone by now
      final.push(...done.filter((task) => !undone.has(task)))
      done = done.filter((task) => undone.has(task))
      passedAt = seq
    }
    if (message.type === "attempt.failed" || message.type === "attempt.aborted") lastOf.set(message.task, seq)
    if (message.type !== "attempt.succeeded" || message.cached === true) return
    if (message.task.endsWith(undoing)) undone.add(message.task.slice(0, -undoing.length))
    const work = workAt(message.task)
    if (work?.isPivot === true) {
      final.push(...done)
      done = []
      passedAt = seq
    } else if (work?.undo !== undefined) done.push(message.task)
  })
  const mayBeFinal = (task: string) => !done.includes(task) && (lastOf.get(task) ?? passedAt) < passedAt
  return { done, final, mayBeFinal }
}
