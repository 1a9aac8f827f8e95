/**
 * What can be wrong with how a task is tried again and how long it may take: said once, for the builder, which refuses while a
 * workflow is built, and for documents, which list everything. Durations are in milliseconds here.
 */
import { retryOf, shortestPause } from "./backoff.ts"
import { breakerRule, requireBreakerName } from "./breaker.ts"
import { bulkheadRule } from "./bulkhead.ts"
import { InvalidId, InvalidOption, type Problem } from "./errors.ts"
import { isId } from "./ids.ts"
import type { TaskIR, WorkflowConfig, WorkflowIR, WorkPolicy } from "./ir.ts"
import { limits } from "./limits.ts"
import { escapePointer } from "./mapping.ts"
import { rateRule } from "./rate.ts"

/** A setting that cannot be, and what it could be. */
export interface Fault {
  /** Where it stands in the document: `retry/capMs`. */
  readonly field: string
  readonly value: unknown
  readonly allowed: string
}

/** Who calls `heartbeat()`: code, and agents. */
const mayBeat = (work: object): boolean =>
  "task" in work || "needs" in work || (work as { kind?: string }).kind === "module"

/** Settings that cannot be, or that contradict each other. */
export const policyFaults = (work: WorkPolicy): ReadonlyArray<Fault> => [
  ...retryFaults(work),
  ...timeFaults(work),
  ...(work.breaker === undefined || isId(work.breaker)
    ? []
    : [fault("breaker", work.breaker, "the name of a breaker: an id like 'bank'")]),
  ...(work.heartbeatMs !== undefined && !mayBeat(work)
    ? [fault("heartbeatMs", work.heartbeatMs, "none: only code and agents can call heartbeat()")]
    : []),
  ...limitFaults(work)
]

/** What the second one needs. */
export const hedgedWork = "none: only tasks with 'needs' have a second agent"
/** Most agents at work on one attempt. */
const hedgesMost = 10

const limitFaults = (work: WorkPolicy): ReadonlyArray<Fault> => {
  const found: Array<Fault> = []
  const { bulkhead, bulkheadKey, rate, hedge, timeoutMs } = work
  const isCalled = !["noop", "echo"].includes((work as { kind?: string }).kind ?? "")
  for (const [field, name] of [
    ["bulkhead", bulkhead],
    ["rate", rate]
  ] as const)
    if (name !== undefined && !(typeof name === "string" && name !== "" && name.length <= limits.id))
      found.push(
        fault(field, name, `a name of 1 to ${limits.id} characters that the orchestrator has under '${field}s'`)
      )
    else if (name !== undefined && !isCalled) found.push(fault(field, name, "none: nothing is called"))
  if (bulkheadKey !== undefined && !isCalled) found.push(fault("bulkheadKey", bulkheadKey, "none: nothing is called"))
  if (hedge === undefined) return found
  const { afterMs, most = 2 } = hedge
  // who executes is not known where options are looked at alone
  if (!("needs" in work) && !("task" in work && work.task === "")) found.push(fault("hedge", hedge, hedgedWork))
  if (!isWithin(afterMs, 1, limits.durationMs))
    found.push(fault("hedge/afterMs", afterMs, "1 to ten years, in milliseconds"))
  else if (afterMs >= (timeoutMs ?? hourMs))
    found.push(fault("hedge/afterMs", afterMs, `less than what the attempt may take, ${timeoutMs ?? hourMs} ms`))
  if (!(Number.isInteger(most) && most >= 2 && most <= hedgesMost))
    found.push(fault("hedge/most", most, `a whole number from 2 to ${hedgesMost}`))
  return found
}

/** What a document says of policies that all runs share. */
const shared = {
  breakers: (name: string, policy: any) => breakerRule(policy, `breaker '${requireBreakerName(name)}'`),
  bulkheads: (name: string, policy: any) => bulkheadRule(policy, `bulkhead '${requireName("bulkhead", name)}'`),
  rates: (name: string, policy: any) => rateRule(policy, `rate '${requireName("rate", name)}'`)
} as const

const requireName = (what: string, name: string): string => {
  if (name !== "" && name.length <= limits.id) return name
  throw new InvalidOption({ option: `name of ${what}`, value: name, allowed: `1 to ${limits.id} characters` })
}

/** Policies of breakers, bulkheads and rates that cannot be, each with where it stands in the document. */
export const sharedProblems = (ir: WorkflowIR): ReadonlyArray<Problem> =>
  (Object.keys(shared) as ReadonlyArray<keyof typeof shared>).flatMap((kind) => problemsOf(kind, ir[kind] ?? {}))

const problemsOf = (kind: keyof typeof shared, policies: { readonly [name: string]: object }) =>
  Object.entries(policies).flatMap(([name, policy]): ReadonlyArray<Problem> => {
    const path = `/${kind}/${escapePointer(name)}`
    if (/^(?:needs|agent):/.test(name))
      return [
        {
          code: "POLICY_INVALID",
          severity: "error",
          path,
          message: `'${name}' is for all work of a kind, whatever workflow it comes from: only the orchestrator gives it a policy`,
          hint: `put it into Orchestrator.open({ ${kind} }), or give the tasks a ${kind.slice(0, -1)} by name`
        }
      ]
    try {
      shared[kind](name, policy)
      return []
    } catch (error) {
      if (!(error instanceof InvalidOption || error instanceof InvalidId)) throw error
      return [{ code: "POLICY_INVALID", severity: "error", path, message: error.message, hint: "" }]
    }
  })

const retryFaults = ({ retry, withinMs: wholeMs }: WorkPolicy): ReadonlyArray<Fault> => {
  if (retry === undefined) return []
  const found: Array<Fault> = []
  const { attempts, backoff = "exponential", baseMs = 1_000, capMs, factor, jitter, on, notOn, withinMs } = retry
  const say = (field: string, value: unknown, allowed: string) => found.push(fault(`retry/${field}`, value, allowed))
  if (!(Number.isInteger(attempts) && attempts >= 1 && attempts <= limits.attempts))
    say("attempts", attempts, `a number from 1 to ${limits.attempts}`)
  if (!isWithin(baseMs, 0, limits.durationMs)) say("baseMs", baseMs, "0 to ten years, in milliseconds")
  // the cap that is there for all cuts a longer base without a word
  if (capMs !== undefined && !isWithin(capMs, 0, limits.durationMs))
    say("capMs", capMs, "0 to ten years, in milliseconds")
  else if (capMs !== undefined && capMs < baseMs) say("capMs", capMs, `at least the base, ${baseMs} ms`)
  if (backoff === "decorrelated" && baseMs === 0) say("baseMs", baseMs, "at least 1 ms: pauses grow from it")
  if (factor !== undefined) {
    if (backoff === "fixed") say("factor", factor, "none: pauses that are fixed do not grow")
    else if (!isWithin(factor, 1, factorMost)) say("factor", factor, `a number from 1 to ${factorMost}`)
  }
  if (jitter !== undefined && backoff === "decorrelated")
    say("jitter", jitter, "none: decorrelated pauses are spread already")
  else if (typeof jitter === "number" ? !isWithin(jitter, 0, 1) : jitter !== undefined && !jitters.has(jitter))
    say("jitter", jitter, 'a number from 0 to 1, "full", "equal" or "none"')
  for (const [field, names] of [
    ["on", on],
    ["notOn", notOn]
  ] as const)
    if (names !== undefined && !(names.length > 0 && names.every((name) => typeof name === "string" && name !== "")))
      say(field, names, "at least one code or tag of a failure")
  const both = on?.find((name) => notOn?.includes(name))
  if (both !== undefined) say("notOn", both, `a name that does not stand in 'on' too`)
  if (withinMs !== undefined) {
    if (!isWithin(withinMs, 1, limits.durationMs)) say("withinMs", withinMs, "1 to ten years, in milliseconds")
    else if (withinMs < Math.min(baseMs, capMs ?? baseMs))
      say("withinMs", withinMs, `at least the base, ${baseMs} ms: no second attempt fits in it`)
    else if (wholeMs !== undefined && withinMs > wholeMs)
      say("withinMs", withinMs, `at most the time of the whole task, ${wholeMs} ms`)
  }
  return found
}

const timeFaults = ({ timeoutMs, startWithinMs, heartbeatMs, withinMs }: WorkPolicy): ReadonlyArray<Fault> => {
  const found: Array<Fault> = []
  const times = { timeoutMs, startWithinMs, heartbeatMs, withinMs }
  for (const [field, value] of Object.entries(times))
    if (value !== undefined && !isWithin(value, 1, limits.durationMs))
      found.push(fault(field, value, "1 to ten years, in milliseconds"))
  if (found.length > 0) return found
  if (heartbeatMs !== undefined && heartbeatMs >= Math.min(timeoutMs ?? hourMs, withinMs ?? Number.POSITIVE_INFINITY))
    found.push(
      fault(
        "heartbeatMs",
        heartbeatMs,
        `less than what the attempt may take, ${Math.min(timeoutMs ?? hourMs, withinMs ?? Number.POSITIVE_INFINITY)} ms`
      )
    )
  if (startWithinMs !== undefined && withinMs !== undefined && startWithinMs >= withinMs)
    found.push(fault("startWithinMs", startWithinMs, `less than the time of the whole task, ${withinMs} ms`))
  if (timeoutMs !== undefined && withinMs !== undefined && timeoutMs > withinMs)
    found.push(fault("timeoutMs", timeoutMs, `at most the time of the whole task, ${withinMs} ms`))
  return found
}

const jitters: ReadonlySet<string> = new Set(["full", "equal", "none"])
const factorMost = 1_000
/** What an attempt may take where nobody says otherwise. */
const hourMs = 3_600_000

const isWithin = (value: unknown, least: number, most: number): value is number =>
  typeof value === "number" && value >= least && value <= most
const fault = (field: string, value: unknown, allowed: string): Fault => ({ field, value, allowed })

/** Whether a task says anything that `policyProblems` looks at; nearly all say nothing. */
export const hasPolicy = (task: TaskIR): boolean => {
  const work = ("each" in task ? task.each : task) as WorkPolicy
  return (
    work.retry !== undefined ||
    work.breaker !== undefined ||
    work.timeoutMs !== undefined ||
    work.startWithinMs !== undefined ||
    work.heartbeatMs !== undefined ||
    work.withinMs !== undefined ||
    work.bulkhead !== undefined ||
    work.bulkheadKey !== undefined ||
    work.rate !== undefined ||
    work.hedge !== undefined
  )
}

/** What is wrong with the policies of one task of a document, and what is likely to be. */
export const policyProblems = (task: TaskIR, path: string, config: WorkflowConfig = {}): ReadonlyArray<Problem> => {
  const [work, at] = "each" in task ? [task.each, `${path}/each`] : [task, path]
  if (!("task" in work || "needs" in work || "kind" in work) || structural.has((work as { kind?: string }).kind ?? ""))
    return []
  const faults = policyFaults(work as WorkPolicy)
  if (faults.length > 0)
    return faults.map(({ field, value, allowed }) => ({
      code: "POLICY_INVALID",
      severity: "error",
      path: `${at}/${field}`,
      message: `${field.replace("/", ".")} of task '${task.id}' cannot be ${shown(value)}`,
      hint: `give ${allowed}`
    }))
  return lengthProblems(task.id, work as WorkPolicy, at, config)
}
const structural: ReadonlySet<string> = new Set(["sleep", "gate", "derive", "use", "branch", "repeat"])

/** Attempts that all take as long as they may, and the shortest pauses between them, against the deadline that is nearest. */
const lengthProblems = (
  id: string,
  { timeoutMs, withinMs, retry }: WorkPolicy,
  path: string,
  { timeoutMs: runMs }: WorkflowConfig
): ReadonlyArray<Problem> => {
  if (timeoutMs === undefined) return []
  const { attempts = 1 } = retry ?? {}
  const all = retryOf(retry)
  let pausesMs = 0
  for (let n = 1; n < attempts; n++) pausesMs += shortestPause(all, n)
  const deadlineMs = Math.min(withinMs ?? Number.POSITIVE_INFINITY, runMs ?? Number.POSITIVE_INFINITY)
  // with a time of their own the last attempt begins at its end
  const neededMs = Math.round(
    Math.min(attempts * timeoutMs + pausesMs, (retry?.withinMs ?? Number.POSITIVE_INFINITY) + timeoutMs)
  )
  if (neededMs <= deadlineMs) return []
  const deadline = deadlineMs === withinMs ? "its 'withinMs'" : "the timeout of the workflow"
  return [
    {
      code: "POLICY_TOO_LONG",
      severity: "warning",
      path: attempts === 1 ? `${path}/timeoutMs` : `${path}/retry`,
      message: `${attempts === 1 ? "one attempt" : `${attempts} attempts${pausesMs > 0 ? " with their pauses" : ""}`} of task '${id}' may take ${neededMs} ms, and ${deadline} is ${deadlineMs} ms`,
      hint: "allow less, or more time for the whole: attempts that do not fit are cut short or never made"
    }
  ]
}

const shown = (value: unknown): string => (typeof value === "number" ? String(value) : JSON.stringify(value))
