/** What one execution says about another: the same plan gives the same story, and what only disturbs changes no outcome. */
import { canonical, type Json } from "../model/json.ts"
import type { Outcome } from "../model/messages.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Execution } from "./execution.ts"
import type { Fault, Plan } from "./plan.ts"
import type { Violation } from "./story.ts"

type Perform = (plan: Plan) => Promise<Execution>

export const compared = async (
  workflow: Workflow,
  execution: Execution,
  control: Execution,
  perform: Perform,
  twice: boolean
): Promise<ReadonlyArray<Violation>> => {
  const violations: Array<Violation> = []
  if (twice) {
    const at = firstDifference(execution, await perform(execution.plan))
    if (at !== undefined) violations.push({ promise: "determinism", what: at })
  }
  const changed = await transparent(workflow, execution, control, perform)
  return changed === undefined ? violations : [...violations, changed]
}

const line = ({ at, life, what, text }: Execution["story"][number]) => `${at} ${life} ${what} ${text}`

/** Where two stories part. */
export const firstDifference = (one: Execution, other: Execution): string | undefined => {
  const length = Math.max(one.story.length, other.story.length)
  for (let i = 0; i < length; i++) {
    const a = one.story[i]
    const b = other.story[i]
    if (a === undefined || b === undefined || line(a) !== line(b))
      return `line ${i} is '${a === undefined ? "" : line(a)}' and then '${b === undefined ? "" : line(b)}': something from outside has its say`
  }
  return canonical(one.messages as unknown as Json) === canonical(other.messages as unknown as Json)
    ? undefined
    : "the same story gave other messages"
}

/** Faults of bodies are functions of the attempt: with and without crashes they do the same. */
const isOfBodies = ({ on }: Fault) => on === "task" || on === "agent" || on === "network"
const isCounted = ({ on }: Fault) => on === "agent" || on === "network"
/** What people decide changes what comes out. */
const isDecision = (fault: Fault) =>
  fault.on === "operator" && !["pause", "resume", "again", "other", "answer", "signal"].includes(fault.how)
/** It ends a life, like a crash. */
const isExit = (fault: Fault) => fault.on === "task" && fault.how === "exit"

/** Crashes, disks, owners and clocks may change when, never what. */
const transparent = async (
  workflow: Workflow,
  execution: Execution,
  control: Execution,
  perform: Perform
): Promise<Violation | undefined> => {
  const { plan, outcome, calls } = execution
  if (outcome === undefined || plan.faults.some(isDecision)) return undefined
  if (isSame(outcome, control.outcome)) return undefined
  // these are counted over all tasks: what else goes wrong decides whom they meet
  if (plan.faults.some(isCounted) && !plan.faults.every(isOfBodies)) return undefined
  // time may pass where nobody can help it, and somebody else may be first; what a breaker has counted depends on it too
  if (dependsOnTime(workflow)) return undefined
  // a body that gives something else each time cannot be held to what it gave
  if (!isFunction([...calls, ...control.calls])) return undefined
  const bodies = plan.faults.filter((fault) => isOfBodies(fault) && !isExit(fault))
  const expected =
    bodies.length === 0
      ? control
      : bodies.length === plan.faults.length
        ? execution
        : await perform({ ...plan, faults: bodies })
  if (isSame(outcome, expected.outcome)) return undefined
  // what a planner gives may have timeouts of its own, which the definition does not tell
  if (plans(workflow) && (hasTimedOut(outcome) || hasTimedOut(expected.outcome))) return undefined
  return {
    promise: "G16",
    what: `the run ${told(outcome)}, and without ${plan.faults
      .filter((fault) => !isOfBodies(fault))
      .map(({ on }) => on)
      .join(", ")} it ${told(expected.outcome)}`
  }
}

const isSame = (one: Outcome, other: Outcome | undefined): boolean =>
  one.status === other?.status &&
  (one.status !== "succeeded" ||
    other.status !== "succeeded" ||
    one.value === other.value ||
    canonical(one.value) === canonical(other.value))

const told = (outcome: Outcome | undefined): string =>
  outcome === undefined
    ? "does not end"
    : outcome.status === "succeeded"
      ? `gives ${JSON.stringify(outcome.value).slice(0, 120)}`
      : outcome.status === "failed"
        ? `fails at '${outcome.task}' (${outcome.failure.code ?? outcome.failure.tag})`
        : "is cancelled"

const hasTimedOut = (outcome: Outcome | undefined): boolean =>
  outcome?.status === "failed" && /TIMEOUT$/.test(outcome.failure.code ?? "")

const planning = new WeakMap<Workflow, boolean>()
/** Whether tasks of a workflow give further tasks. */
const plans = (workflow: Workflow): boolean => {
  let known = planning.get(workflow)
  if (known === undefined) {
    known = /"expand":true/.test(JSON.stringify(workflow.ir))
    planning.set(workflow, known)
  }
  return known
}

const isFunction = (calls: Execution["calls"]): boolean => {
  const values = new Map<string, string>()
  for (const { key, attempt, value } of calls) {
    if (value === undefined) continue
    const before = values.get(`${key}#${attempt}`)
    if (before !== undefined && before !== value) return false
    values.set(`${key}#${attempt}`, value)
  }
  return true
}

const timely = new WeakMap<Workflow, boolean>()
/** Deadlines, and races: items and tasks of which the first ones are enough. */
const dependsOnTime = (workflow: Workflow): boolean => {
  let known = timely.get(workflow)
  if (known === undefined) {
    known =
      /"(?:timeoutMs|withinMs|startWithinMs|heartbeatMs|atLeast|breaker|bulkhead|rate)":|"(?:accept|join)":"any"/.test(
        JSON.stringify(workflow.ir)
      )
    timely.set(workflow, known)
  }
  return known
}
