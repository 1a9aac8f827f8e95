/** A moment of a search: how a run got there, what it has out, and what can happen next. */
import type { Json } from "../../model/json.ts"
import type { Message, Outcome } from "../../model/messages.ts"
import type { Call } from "../story.ts"
import { isOf } from "../world.ts"
import type { Deed } from "./bodies.ts"
import { attemptId } from "./fork.ts"
import type { Facts } from "./state.ts"
import type { ProveFault, Schedule, Step } from "./steps.ts"

/** An attempt that is out. */
export interface Out {
  readonly deed: Deed
  readonly isStopping: boolean
  /** Whether a failure of it could be tried again. */
  readonly mayTryAgain: boolean
}

/** Something that is due at some time. */
export interface Due {
  readonly path: string
  readonly dueAt: number
  /** The shortest and the longest that it may have been set for: pauses between attempts are spread. */
  readonly leastMs: number
  readonly mostMs: number
  /** The end of a whole workflow, rather than a wait. */
  readonly isDeadline: boolean
}

export interface Node {
  readonly before: Node | undefined
  /** What led here. */
  readonly step: Step | undefined
  readonly depth: number
  /** What was written by that step. */
  readonly wrote: ReadonlyArray<Message>
  readonly epochs: ReadonlyArray<number>
  /** Lives that the program had, and what else went wrong. */
  readonly life: number
  readonly others: number
  /** Ends that were lost with a crash, besides the first of each: every further one is a fault of its own. */
  readonly lost: number
  /** Attempts that have done their work in a life that is about to end, and whose ends will not be written. */
  readonly acted: ReadonlyArray<string>
  /** What that step did outside, and what came of it. */
  readonly did: { readonly deed: Deed; readonly came: string } | undefined
  readonly calls: ReadonlyArray<Call>
  /** In the order in which they began. */
  readonly outs: ReadonlyArray<Out>
  readonly dues: ReadonlyArray<Due>
  /** Gates that are open and will be answered. */
  readonly gates: ReadonlyArray<string>
  readonly outcome: Outcome | undefined
  /** What is the case then; let go once every step was taken from here. */
  facts: Facts
}

export const isDying = ({ acted }: Node): boolean => acted.length > 0

/** Faults so far; a process that is about to die has been counted. */
export const faultsOf = (node: Node): number => node.life - 1 + node.others + node.lost + (isDying(node) ? 1 : 0)

export const pathTo = (node: Node): ReadonlyArray<Node> => {
  const path: Array<Node> = []
  for (let at: Node | undefined = node; at !== undefined; at = at.before) path.push(at)
  return path.reverse()
}

export const scheduleOf = (node: Node): Schedule =>
  pathTo(node).flatMap(({ step }) => (step === undefined ? [] : [step]))

/** All that can happen next. */
export const stepsFrom = (node: Node, faults: number, kinds: ReadonlySet<ProveFault>): ReadonlyArray<Step> => {
  if (node.outcome !== undefined) return []
  const mayFail = faultsOf(node) < faults
  if (isDying(node)) return [...(mayFail ? actsFrom(node) : []), { step: "crash" }]
  const steps: Array<Step> = []
  for (const { deed, isStopping } of node.outs) {
    const { task, attempt } = deed
    steps.push({ step: "ends", task, attempt })
    if (isStopping) steps.push({ step: "stops", task, attempt })
  }
  for (const due of node.dues)
    if (!due.isDeadline && !isBlocked(due, node.dues)) steps.push({ step: "fires", task: due.path })
  for (const task of node.gates) steps.push({ step: "answers", task })
  if (!mayFail) return steps
  for (const { deed, isStopping, mayTryAgain } of node.outs) {
    const { task, attempt } = deed
    if (!isStopping && kinds.has("throw")) steps.push({ step: "throw", task, attempt })
    // where it would not be tried again anyway, it is the same
    if (!isStopping && (mayTryAgain || !kinds.has("throw")) && kinds.has("permanent"))
      steps.push({ step: "permanent", task, attempt })
    if (kinds.has("late")) steps.push({ step: "late", task, attempt })
  }
  if (kinds.has("deadline"))
    for (const due of node.dues) if (due.isDeadline) steps.push({ step: "deadline", task: due.path })
  if (kinds.has("crash")) steps.push(...actsFrom(node), { step: "crash" })
  return steps
}

/** In the order in which they began: which of them do their work before the process dies matters, not in what order. */
const actsFrom = ({ outs, acted }: Node): ReadonlyArray<Step> => {
  const last = acted.at(-1)
  const from = last === undefined ? -1 : outs.findIndex(({ deed }) => attemptId(deed.task, deed.attempt) === last)
  return outs.slice(from + 1).map(({ deed: { task, attempt } }) => ({ step: "acts", task, attempt }))
}

/** Something that was set earlier, and for no longer, comes first. */
const isBlocked = (due: Due, dues: ReadonlyArray<Due>): boolean =>
  dues.slice(0, dues.indexOf(due)).some((other) => !other.isDeadline && other.mostMs <= due.leastMs)

/** Whether the order in which timers were set says what may happen. */
export const isOrdered = (dues: ReadonlyArray<Due>): boolean => dues.some((due) => isBlocked(due, dues))

/**
 * What of a moment is not in its run: what was done outside, what went wrong, and how often what was called whose calls
 * invariants ask for.
 */
export const tallyOf = (node: Node, outside: Json | undefined, asked: ReadonlySet<string>): Facts => {
  const counts = new Map<string, { called: number; did: number; threw: number }>()
  for (const call of node.calls) {
    const { task, isDone, value } = call
    let count = counts.get(task)
    if (count === undefined) counts.set(task, (count = { called: 0, did: 0, threw: 0 }))
    if (asked.size > 0 && [...asked].some((name) => isOf(call, name))) count.called++
    if (isDone) count.did++
    else if (value !== undefined) count.threw++
  }
  const facts = new Map<string, string>()
  for (const [path, { called, did, threw }] of counts)
    if (called + did + threw > 0) facts.set(path, `${called} ${did} ${threw}`)
  const note = (path: string, fact: string) => facts.set(path, `${facts.get(path) ?? ""} ${fact}`)
  for (const id of node.acted) note(id.slice(0, id.lastIndexOf("#")), "acted")
  if (isOrdered(node.dues)) node.dues.forEach(({ path }, at) => note(path, `due ${at}`))
  note("", `${node.life} ${node.others} ${node.lost} ${outside === undefined ? "" : JSON.stringify(outside)}`)
  return facts
}
