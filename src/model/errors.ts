/**
 * Every error a user can meet, in one place. Each has a `_tag` to match on, a stable `code`, its facts as fields,
 * and a message that says what is wrong, where, and what to do next.
 */
import type { Json } from "./json.ts"
import { limits } from "./limits.ts"

/** Base of all errors of this package: `error instanceof TroupeError`, then `switch (error._tag)`. */
export abstract class TroupeError extends Error {
  abstract readonly _tag: string
  abstract readonly code: string
  override get name() {
    return this._tag
  }
  /** The facts of the error, as they are journalled and printed with `--json`. */
  toJSON() {
    return { ...this, _tag: this._tag, code: this.code, message: this.message }
  }
}

/** One thing wrong with a workflow, with the place (a JSON pointer) and a way out. */
export interface Problem {
  readonly code: ProblemCode
  readonly severity: "error" | "warning"
  /** JSON pointer into the document, "" for the whole. */
  readonly path: string
  readonly message: string
  readonly hint: string
}

export type ProblemCode =
  | "SHAPE"
  | "KEY_UNKNOWN"
  | "ID_INVALID"
  | "ID_DUPLICATE"
  | "DEP_UNKNOWN"
  | "GRAPH_CYCLE"
  | "REF_UNKNOWN"
  | "REF_SCOPE"
  | "PATH_RESERVED_SEGMENT"
  | "DATA_CONFLICT"
  | "EXPR_SYNTAX"
  | "REGEX_NOT_ALLOWED"
  | "TASK_UNKNOWN"
  | "TASK_SOURCE"
  | "WORKFLOW_UNKNOWN"
  | "WORKFLOW_RECURSION"
  | "LIMIT_TASKS"
  | "LIMIT_FANOUT"
  | "LIMIT_DEPTH"
  | "LIMIT_NESTING"
  | "LIMIT_DOCUMENT"
  | "LIMIT_REPEAT"
  | "POLICY_INVALID"
  | "POLICY_TOO_LONG"
  | "RESOURCE_UNKNOWN"
  | "RESOURCE_INFEASIBLE"
  | "CONSTRAINTS_CONFLICT"
  | "KIND_NOT_ALLOWED"
  | "NO_AGENT"
  | "TASKS_EMPTY"
  | "GATE_NOT_AWAITED"
  | "GATE_UNHEARD"
  | "TRIGGER_NEVER"
  | "UNDO_MISSING"
  | "PIVOT_REPEATED"
  | "BREAKER_MISSING"
  | "DEADLINE_NEVER"
  | "ROLLBACK_NOTHING"
  | "TASK_UNUSED"
  | "JSON_SYNTAX"
  | "YAML_SYNTAX"
  | "YAML_ALIAS"
  | "YAML_TAG"

const place = (problem: Problem) => (problem.path === "" ? "" : ` at ${problem.path}`)
/** A problem as one line of text. */
export const describe = (problem: Problem): string =>
  `${problem.code}${place(problem)}: ${problem.message}${problem.hint === "" ? "" : ` (${problem.hint})`}`

/** The workflow cannot be used; `problems` lists everything that is wrong with it, not just the first. */
export class InvalidWorkflow extends TroupeError {
  readonly _tag = "InvalidWorkflow"
  readonly workflow: string
  readonly problems: ReadonlyArray<Problem>
  constructor({ workflow, problems }: { workflow: string; problems: ReadonlyArray<Problem> }) {
    const shown = problems.slice(0, 10).map((problem) => `\n  ${describe(problem)}`)
    const rest = problems.length > 10 ? `\n  … and ${problems.length - 10} more in .problems` : ""
    super(
      `workflow '${workflow}' has ${problems.length} problem${problems.length === 1 ? "" : "s"}:${shown.join("")}${rest}`
    )
    this.workflow = workflow
    this.problems = problems
  }
  get code() {
    return this.problems[0]?.code ?? "SHAPE"
  }
}

/** One thing that a task asks of a plan. */
export interface ConstraintOfTask {
  readonly task: string
  /** Its name in the document, like `deadlineMs` or `sameAgentAs`. */
  readonly constraint: string
  /** The other task, where it is about two. */
  readonly other?: string
  readonly value?: number
}

/**
 * No plan can keep to all that its tasks ask for. `conflict` lists constraints that cannot hold together; where `isProven`, they can
 * without any one of them. Where it is not, no plan was found that keeps them, and nobody knows whether there is one.
 */
export class ConstraintsConflict extends TroupeError {
  readonly _tag = "ConstraintsConflict"
  readonly code = "CONSTRAINTS_CONFLICT"
  readonly workflow: string
  readonly conflict: ReadonlyArray<ConstraintOfTask>
  readonly isProven: boolean
  constructor({
    workflow,
    conflict,
    isProven
  }: {
    workflow: string
    conflict: ReadonlyArray<ConstraintOfTask>
    isProven: boolean
  }) {
    const shown = conflict.slice(0, 10).map(constraintText).join(", ")
    const rest = conflict.length > 10 ? ` and ${conflict.length - 10} more` : ""
    super(
      isProven
        ? `workflow '${workflow}' cannot be planned: ${conflict.length === 1 ? "this can never hold" : "these cannot hold together"}: ${shown}${rest}; loosen one of them, or give it more resources`
        : `no plan of workflow '${workflow}' was found that keeps ${shown}${rest}: try more effort, or loosen one of them`
    )
    this.workflow = workflow
    this.conflict = conflict
    this.isProven = isProven
  }
}

const constraintText = ({ task, constraint, other, value }: ConstraintOfTask): string =>
  `${constraint}${value === undefined ? "" : ` ${value}`} of '${task}'${other === undefined ? "" : ` with '${other}'`}`

/** A name that cannot be an id. */
export class InvalidId extends TroupeError {
  readonly _tag = "InvalidId"
  readonly code = "ID_INVALID"
  readonly what: string
  readonly id: string
  constructor({ what, id }: { what: string; id: string }) {
    super(
      `${what} id ${JSON.stringify(id.slice(0, 140))} is not allowed: start with a letter or digit, then letters, digits, '.', '_', '+' or '-', ` +
        `at most 128 characters, no '..'`
    )
    this.what = what
    this.id = id
  }
}

/** A bound was reached, before anything was written or started. */
export class LimitExceeded extends TroupeError {
  readonly _tag = "LimitExceeded"
  readonly limit: string
  readonly allowed: number
  readonly actual: number
  readonly unit: string
  constructor({ limit, allowed, actual, unit }: { limit: string; allowed: number; actual: number; unit: string }) {
    super(
      `the limit '${limit}' is ${allowed.toLocaleString("en")} ${unit} and this needs ${actual.toLocaleString("en")}: make it smaller or split it`
    )
    this.limit = limit
    this.allowed = allowed
    this.actual = actual
    this.unit = unit
  }
  get code() {
    return `LIMIT_${this.limit.toUpperCase()}`
  }
}

/** A value that JSON cannot say, where JSON is needed: inputs, results, signals. */
export class NotJson extends TroupeError {
  readonly _tag = "NotJson"
  readonly code = "NOT_JSON"
  readonly path: string
  readonly found: string
  constructor({ path, found }: { path: string; found: string }) {
    super(
      `the value${path === "" ? "" : ` at '${path}'`} is ${found}, which JSON cannot hold: return plain data (text, numbers, booleans, null, arrays, objects)`
    )
    this.path = path
    this.found = found
  }
}

/** A value did not match the schema that was declared for it. */
export class SchemaMismatch extends TroupeError {
  readonly _tag = "SchemaMismatch"
  readonly code = "SCHEMA_MISMATCH"
  readonly subject: string
  readonly issues: ReadonlyArray<{ readonly path: string; readonly message: string }>
  constructor({ subject, issues }: { subject: string; issues: ReadonlyArray<{ path: string; message: string }> }) {
    super(
      `${subject} does not match its schema: ${issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ")}`
    )
    this.subject = subject
    this.issues = issues
  }
}

/** A mapping reads a key that is not there. */
export class PathMissing extends TroupeError {
  readonly _tag = "PathMissing"
  readonly code = "PATH_MISSING"
  readonly path: string
  readonly missing: string
  constructor({ path, missing }: { path: string; missing: string }) {
    super(`'${path}' has no '${missing}': correct the path, or give the reference a "default"`)
    this.path = path
    this.missing = missing
  }
}

/** A setting outside its allowed range. */
export class InvalidOption extends TroupeError {
  readonly _tag = "InvalidOption"
  readonly code = "OPTION_INVALID"
  readonly option: string
  readonly value: unknown
  readonly allowed: string
  constructor({ option, value, allowed }: { option: string; value: unknown; allowed: string }) {
    super(`${option} cannot be ${typeof value === "string" ? JSON.stringify(value) : String(value)}: give ${allowed}`)
    this.option = option
    this.value = value
    this.allowed = allowed
  }
}

/** There is no run of that id (any more: finished runs are kept up to the retention of the store). */
export class RunNotFound extends TroupeError {
  readonly _tag = "RunNotFound"
  readonly code = "RUN_NOT_FOUND"
  readonly run: string
  constructor({ run }: { run: string }) {
    super(`there is no run '${run}': it was never submitted here, or has been removed by retention`)
    this.run = run
  }
}

/** The same run id was submitted before with another workflow or input; nothing was written. */
export class IdempotencyMismatch extends TroupeError {
  readonly _tag = "IdempotencyMismatch"
  readonly code = "IDEMPOTENCY_MISMATCH"
  readonly run: string
  constructor({ run }: { run: string }) {
    super(
      `run '${run}' exists already with another workflow or input: choose a new id, or submit exactly the same again to get the same run`
    )
    this.run = run
  }
}

/** What stays of an error thrown by a task: JSON, so that it can be journalled and shown. */
export interface Failure {
  readonly tag: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly data?: Json
  /** False when the error said of itself that trying again is useless. */
  readonly retryable: boolean
  /** How long the error said to wait before the next attempt. */
  readonly retryAfterMs?: number
  /** Why it was not tried again although it might have been: retries were too many (`budget`), or it was too late (`time`). */
  readonly givenUp?: "budget" | "time"
}

/** A run ended as `failed`; `result()` rejects with this. `results` holds what was finished until then. */
export class RunFailed extends TroupeError {
  readonly _tag = "RunFailed"
  readonly code = "RUN_FAILED"
  readonly run: string
  /** Path of the task that failed first, or "" when no task did (a deadlock, for one). */
  readonly task: string
  readonly failure: Failure
  constructor({ run, task, failure }: { run: string; task: string; failure: Failure }) {
    super(`run '${run}' failed${task === "" ? "" : ` in task '${task}'`}: ${failure.message}`)
    this.run = run
    this.task = task
    this.failure = failure
  }
}

/** How a gate ended that takes no answer any more. */
export type GateEnd = "answered" | "rejected" | "timed out" | "cancelled" | "skipped" | "ended"

const gateEnds: Record<GateEnd, string> = {
  answered: "it has its answer",
  rejected: "it was rejected",
  "timed out": "nobody answered in time",
  cancelled: "it was cancelled with what it stands in",
  skipped: "it, or what it stands in, was skipped",
  ended: "what it stands in has ended"
}

/** A fan-out was given fewer items than must be good: it could never have had enough. */
export class TooFewItems extends TroupeError {
  readonly _tag = "TooFewItems"
  readonly code = "TOO_FEW_ITEMS"
  readonly retryable = false
  readonly task: string
  readonly needed: number
  readonly items: number
  constructor({ task, needed, items }: { task: string; needed: number; items: number }) {
    super(
      `'${task}' needs ${needed} good ${needed === 1 ? "item" : "items"} and was given ${items}; ask for fewer in 'accept', or give it a fallback`
    )
    this.task = task
    this.needed = needed
    this.items = items
  }
}

/** A task has failed, and no result of it for this input is remembered that is young enough to stand in. */
export class NothingRemembered extends TroupeError {
  readonly _tag = "NothingRemembered"
  readonly code = "NOTHING_REMEMBERED"
  readonly retryable = false
  readonly task: string
  readonly maxAgeMs: number
  constructor({ task, maxAgeMs }: { task: string; maxAgeMs: number }) {
    super(
      `there is no good result of '${task}' for this input from the last ${maxAgeMs} ms; let a value or another task follow in 'fallback'`
    )
    this.task = task
    this.maxAgeMs = maxAgeMs
  }
}

/** A gate takes no answer any more, or a signal reaches nobody: `became` says why. The first answer stays what it was. */
export class GateClosed extends TroupeError {
  readonly _tag = "GateClosed"
  readonly code = "GATE_CLOSED"
  readonly run: string
  /** Path of the gate, or the name of the signal. */
  readonly gate: string
  readonly became: GateEnd
  constructor({ run, gate, became }: { run: string; gate: string; became: GateEnd }) {
    super(
      `'${gate}' of run '${run}' takes no answer any more: ${gateEnds[became]}; see what became of the run with status() or "troupe show ${run}"`
    )
    this.run = run
    this.gate = gate
    this.became = became
  }
}

/** The workflow of a run has no gate of that path, or none that listens to a signal of that name; nothing was written. */
export class GateUnknown extends TroupeError {
  readonly _tag = "GateUnknown"
  readonly code = "GATE_UNKNOWN"
  readonly run: string
  /** Path of the gate, or name of the signal, as it was given. */
  readonly gate: string
  readonly known: ReadonlyArray<string>
  constructor({
    run,
    gate,
    what,
    known,
    near
  }: {
    run: string
    gate: string
    what: "gate" | "signal"
    known: ReadonlyArray<string>
    /** "did you mean 'x'?", or "". */
    near: string
  }) {
    const asked = JSON.stringify(gate.slice(0, 200))
    super(
      `${what === "gate" ? `run '${run}' has no gate ${asked}` : `no gate of run '${run}' listens to the signal ${asked}`}: ${
        near !== ""
          ? near
          : known.length === 0
            ? `there are none; add one with .gate(name, schema, ${what === "gate" ? "{ within, … }" : "{ signal, … }"})`
            : `there are: ${known.slice(0, 10).join(", ")}`
      }`
    )
    this.run = run
    this.gate = gate
    this.known = known
  }
}

/** A run was cancelled; `result()` rejects with this. */
export class RunCancelled extends TroupeError {
  readonly _tag = "RunCancelled"
  readonly code = "RUN_CANCELLED"
  readonly run: string
  readonly reason: string
  constructor({ run, reason }: { run: string; reason: string }) {
    super(`run '${run}' was cancelled${reason === "" ? "" : `: ${reason}`}`)
    this.run = run
    this.reason = reason
  }
}

/** An attempt took longer than its `timeout`. */
export class AttemptTimedOut extends TroupeError {
  readonly _tag = "AttemptTimedOut"
  readonly code = "TIMEOUT"
  readonly task: string
  readonly timeoutMs: number
  constructor({ task, timeoutMs }: { task: string; timeoutMs: number }) {
    super(`task '${task}' gave no answer within ${timeoutMs} ms`)
    this.task = task
    this.timeoutMs = timeoutMs
  }
}

/** Somebody wanted to see a task fail: `Run.inject`. */
export class InjectedFailure extends TroupeError {
  readonly _tag = "InjectedFailure"
  readonly code = "INJECTED"
  readonly task: string
  constructor({ task, who, why }: { task: string; who?: string; why?: string }) {
    super(`${who ?? "somebody"} made task '${task}' fail here on purpose${why === undefined ? "" : `: ${why}`}`)
    this.task = task
  }
}

const faultRefusals = {
  closed: () => "faults are for development: open the orchestrator with { faults: true }",
  task: (detail: string) => detail,
  kind: (detail: string) => `there is no fault '${detail}': a task can throw, be slow, or hang`,
  ms: (detail: string) => `'ms' cannot be ${detail}: give whole milliseconds from 1 to 86,400,000`
} as const

/** A fault that was not injected; nothing was written. */
export class FaultRefused extends TroupeError {
  readonly _tag = "FaultRefused"
  readonly code = "FAULT_REFUSED"
  readonly reason: keyof typeof faultRefusals
  constructor({ reason, detail = "" }: { reason: keyof typeof faultRefusals; detail?: string }) {
    super(faultRefusals[reason](detail))
    this.reason = reason
  }
}

/** A call behind a `timeout` gave no answer in time. */
export class CallTimedOut extends TroupeError {
  readonly _tag = "CallTimedOut"
  readonly code = "TIMEOUT"
  readonly timeout: string
  readonly timeoutMs: number
  constructor({ timeout, timeoutMs }: { timeout: string; timeoutMs: number }) {
    super(`timeout '${timeout}' had no answer within ${timeoutMs} ms: try again (retry), or allow more`)
    this.timeout = timeout
    this.timeoutMs = timeoutMs
  }
}

/** A task was ready, and nobody had begun with it within its `startWithin`. Another attempt would only join the same queue. */
export class StartTimedOut extends TroupeError {
  readonly _tag = "StartTimedOut"
  readonly code = "START_TIMEOUT"
  readonly retryable = false
  readonly task: string
  readonly startWithinMs: number
  constructor({ task, startWithinMs }: { task: string; startWithinMs: number }) {
    super(
      `nobody has begun with task '${task}' within ${startWithinMs} ms: give the workflow more concurrency, or its agents more capacity`
    )
    this.task = task
    this.startWithinMs = startWithinMs
  }
}

/** The body of a task was silent for longer than its `heartbeat`. */
export class HeartbeatMissed extends TroupeError {
  readonly _tag = "HeartbeatMissed"
  readonly code = "HEARTBEAT_TIMEOUT"
  readonly task: string
  readonly heartbeatMs: number
  constructor({ task, heartbeatMs }: { task: string; heartbeatMs: number }) {
    super(
      `task '${task}' was silent for ${heartbeatMs} ms: call heartbeat() more often, or give it a longer 'heartbeat'`
    )
    this.task = task
    this.heartbeatMs = heartbeatMs
  }
}

/** A task was not done `within` its time, with all its attempts and the pauses between them. */
export class TaskTimedOut extends TroupeError {
  readonly _tag = "TaskTimedOut"
  readonly code = "TASK_TIMEOUT"
  readonly retryable = false
  readonly task: string
  readonly withinMs: number
  constructor({ task, withinMs }: { task: string; withinMs: number }) {
    super(`task '${task}' was not done within ${withinMs} ms, all attempts and pauses included`)
    this.task = task
    this.withinMs = withinMs
  }
}

/** Throw it where another attempt cannot mend what is wrong: `throw new Permanent("the card was stolen")`. */
export class Permanent extends TroupeError {
  readonly _tag = "Permanent"
  readonly code: string
  readonly retryable = false
  readonly data: Json | undefined
  constructor(
    message: string,
    { code = "PERMANENT", data, cause }: { readonly code?: string; readonly data?: Json; readonly cause?: unknown } = {}
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.data = data
  }
}

/** No registered agent has what the task needs. */
export class NoAgent extends TroupeError {
  readonly _tag = "NoAgent"
  readonly code = "NO_AGENT"
  readonly needs: ReadonlyArray<string>
  readonly known: ReadonlyArray<string>
  constructor({ needs, known }: { needs: ReadonlyArray<string>; known: ReadonlyArray<string> }) {
    super(
      `no agent can do ${needs.map((need) => `'${need}'`).join(" and ")}: register one in Orchestrator.open({ agents })` +
        (known.length === 0 ? "" : ` (known capabilities: ${known.join(", ")})`)
    )
    this.needs = needs
    this.known = known
  }
}

/** A task names a bulkhead, a rate or a breaker that this orchestrator does not have. Nothing was called. */
export class PolicyUnknown extends TroupeError {
  readonly _tag = "PolicyUnknown"
  readonly code = "POLICY_UNKNOWN"
  readonly retryable = false
  readonly kind: string
  readonly policy: string
  constructor({ kind, policy, known }: { kind: string; policy: string; known: ReadonlyArray<string> }) {
    super(
      `there is no ${kind} '${policy}' here: give it to the orchestrator, or to the workflow, as ${kind}s: { ${JSON.stringify(policy)}: … }${known.length === 0 ? "" : `; there are ${known.join(", ")}`}`
    )
    this.kind = kind
    this.policy = policy
  }
}

/** A bulkhead has no place for a call, and none in its queue, or none came in time. Nothing was called. */
export class BulkheadFull extends TroupeError {
  readonly _tag = "BulkheadFull"
  readonly code = "BULKHEAD_FULL"
  readonly bulkhead: string
  /** `queue`: too many wait; `key`: too many of its own key do; `wait`: it has waited as long as it may. */
  readonly why: "queue" | "key" | "wait"
  constructor({
    bulkhead,
    why,
    concurrent,
    queue,
    waitMs
  }: Pick<BulkheadFull, "bulkhead" | "why"> & { concurrent: number; queue: number; waitMs: number }) {
    const full = {
      queue: `is full: ${concurrent} calls are being made and ${queue} wait`,
      key: `is full for this key, of which ${queue} calls wait`,
      wait: `had no place for a call within ${waitMs} ms`
    }
    super(`bulkhead '${bulkhead}' ${full[why]}: try again later (retry), send less, or give it more`)
    this.bulkhead = bulkhead
    this.why = why
  }
}

/** More calls than a rate allows, and no place in its queue, or no turn in time. Nothing was called. */
export class RateLimited extends TroupeError {
  readonly _tag = "RateLimited"
  readonly code = "RATE_LIMITED"
  readonly rate: string
  /** `queue`: too many wait; `wait`: its turn would come, or has come, too late. */
  readonly why: "queue" | "wait"
  /** When there may be room, from now. */
  readonly retryAfterMs: number
  constructor({
    rate,
    why,
    queue,
    waitMs,
    retryAfterMs
  }: Pick<RateLimited, "rate" | "why" | "retryAfterMs"> & { queue: number; waitMs: number }) {
    const full = { queue: `has ${queue} calls that wait`, wait: `has no turn for a call within ${waitMs} ms` }
    super(`rate '${rate}' ${full[why]}: try again in ${retryAfterMs} ms (a retry does), send less, or allow more`)
    this.rate = rate
    this.why = why
    this.retryAfterMs = retryAfterMs
  }
}

/** An attempt still waited to be let through, or for an agent, when nobody wanted it any more. Nothing was called. */
export class NotBegun extends TroupeError {
  readonly _tag = "NotBegun"
  readonly code = "NOT_BEGUN"
  readonly retryable = false
  readonly task: string
  constructor({ task }: { task: string }) {
    super(
      `task '${task}' waited for its turn when its run was stopped: nothing was called, and nothing is to be undone`
    )
    this.task = task
  }
}

/** A recipient has as many messages waiting as it was allowed; nothing was enqueued. */
export class MailboxFull extends TroupeError {
  readonly _tag = "MailboxFull"
  readonly code = "MAILBOX_FULL"
  readonly recipient: string
  readonly capacity: number
  constructor({ recipient, capacity }: { recipient: string; capacity: number }) {
    super(`the mailbox of '${recipient}' is full (${capacity} messages): send later, or give it more capacity`)
    this.recipient = recipient
    this.capacity = capacity
  }
}

/** A message went to an address where nobody lives. */
export class NoRecipient extends TroupeError {
  readonly _tag = "NoRecipient"
  readonly code = "NO_RECIPIENT"
  readonly recipient: string
  constructor({ recipient }: { recipient: string }) {
    super(`nobody is registered under '${recipient}': register the agent first, or correct the address`)
    this.recipient = recipient
  }
}

/** The orchestrator is closed, or closing, and takes no new work. */
export class OrchestratorClosed extends TroupeError {
  readonly _tag = "OrchestratorClosed"
  readonly code = "CLOSED"
  constructor() {
    super("the orchestrator is closed: open a new one with Orchestrator.open()")
  }
}

/** An injected fragment (`expand`) was refused whole; nothing of it was started. */
export class FragmentRefused extends TroupeError {
  readonly _tag = "FragmentRefused"
  readonly code = "FRAGMENT_REFUSED"
  readonly problems: ReadonlyArray<Problem>
  constructor({ problems }: { problems: ReadonlyArray<Problem> }) {
    super(`the fragment was refused: ${problems.slice(0, 5).map(describe).join("; ")}`)
    this.problems = problems
  }
}

/** Nothing can start and nothing is running, yet tasks remain: a promise of ours is broken. */
export class Deadlock extends TroupeError {
  readonly _tag = "Deadlock"
  readonly code = "DEADLOCK"
  readonly blocked: ReadonlyArray<string>
  constructor({ blocked }: { blocked: ReadonlyArray<string> }) {
    super(
      `nothing is running and nothing can start, but ${blocked.length} task(s) wait: ${blocked.slice(0, 10).join(", ")}`
    )
    this.blocked = blocked
  }
}

/** The run is not any more as it was when somebody decided; nothing was written. */
export class StateChanged extends TroupeError {
  readonly _tag = "StateChanged"
  readonly code = "STATE_CHANGED"
  readonly run: string
  /** Messages that the run had when it was looked at. */
  readonly expected: number
  readonly actual: number
  constructor({ run, expected, actual }: { run: string; expected: number; actual: number }) {
    super(`run '${run}' has ${actual} messages by now, not ${expected}: look at it again, then decide`)
    this.run = run
    this.expected = expected
    this.actual = actual
  }
}

/** There is no schedule of that name. */
export class ScheduleUnknown extends TroupeError {
  readonly _tag = "ScheduleUnknown"
  readonly code = "SCHEDULE_UNKNOWN"
  readonly schedule: string
  constructor({ schedule, known }: { schedule: string; known: ReadonlyArray<string> }) {
    const names = known.slice(0, 10).join(", ")
    super(
      `there is no schedule '${schedule}'${known.length === 0 ? ": none has been made here" : `; there are ${names}`}`
    )
    this.schedule = schedule
  }
}

/** The schedule is not any more as it was when somebody decided; nothing was written. */
export class ScheduleChanged extends TroupeError {
  readonly _tag = "ScheduleChanged"
  readonly code = "SCHEDULE_CHANGED"
  readonly schedule: string
  /** The revision that was seen; 0 where there was no such schedule. */
  readonly expected: number
  readonly actual: number
  constructor({ schedule, expected, actual }: { schedule: string; expected: number; actual: number }) {
    super(
      `schedule '${schedule}' is at revision ${actual}${actual === 0 ? " (there is none)" : ""}, not at ${expected}: look at it again, then decide`
    )
    this.schedule = schedule
    this.expected = expected
    this.actual = actual
  }
}

/** What somebody wants to undo or do again cannot be; nothing was written. */
export class AmendmentRefused extends TroupeError {
  readonly _tag = "AmendmentRefused"
  readonly code = "AMENDMENT_REFUSED"
  readonly run: string
  readonly reason: string
  constructor({ run, reason }: { run: string; reason: string }) {
    super(`run '${run}' stays as it is: ${reason}`)
    this.run = run
    this.reason = reason
  }
}

/** What was written about a run cannot have come from its definition as it is here: the run is parked before anything happens. */
export class JournalDiverged extends TroupeError {
  readonly _tag = "JournalDiverged"
  readonly code = "NONDETERMINISM"
  readonly run: string
  /** Number of the message that does not fit. */
  readonly seq: number
  readonly found: string
  readonly task: string
  constructor({ run, seq, found, task }: { run: string; seq: number; found: string; task: string }) {
    super(
      `message ${seq} of run '${run}' is '${found}' of task '${task}', which nothing was waiting for: the run was written by another version of the engine or of a chart; go back to that version, or cancel the run`
    )
    this.run = run
    this.seq = seq
    this.found = found
    this.task = task
  }
}

/** A run of which only the later messages are left cannot be told from its beginning. */
export class RunCompacted extends TroupeError {
  readonly _tag = "RunCompacted"
  readonly code = "RUN_COMPACTED"
  readonly run: string
  /** Number of the first message that is still there, after message 0. */
  readonly first: number
  constructor({ run, first }: { run: string; first: number }) {
    super(
      `run '${run}' was compacted: its messages before ${first} are gone, so it cannot be taken elsewhere alone; copy the whole store with "troupe backup"`
    )
    this.run = run
    this.first = first
  }
}

/** A run was not taken in; nothing was written. */
export class ImportRefused extends TroupeError {
  readonly _tag = "ImportRefused"
  readonly run: string
  readonly reason: "shape" | "newer" | "checksum" | "exists" | "diverged"
  readonly detail: string
  constructor({ run = "", reason, detail }: { run?: string; reason: ImportRefused["reason"]; detail: string }) {
    const next = {
      shape: "export it again",
      newer: "update troupe",
      checksum: "take another copy of the file, or export it again",
      exists: "nothing was changed",
      diverged: "import it with the version of troupe that wrote it"
    }[reason]
    super(`${run === "" ? "what was given" : `run '${run}'`} was not imported: ${detail}; ${next}`)
    this.run = run
    this.reason = reason
    this.detail = detail
  }
  get code() {
    return `IMPORT_${this.reason.toUpperCase()}`
  }
}

/** A run that kills the process: it is left alone until somebody lets it try again. */
export class RunPoisoned extends TroupeError {
  readonly _tag = "RunPoisoned"
  readonly code = "POISON"
  readonly run: string
  /** Path of a task that was at work; "" where it is not known. */
  readonly task: string
  constructor({ run, task }: { run: string; task: string }) {
    super(
      `run '${run}' was at work${task === "" ? "" : ` in task '${task}'`} each of the last 3 times that the process died, the last time as the only one under suspicion, and got no further in between: it is left alone; mend the task, then let it try again with run.resume({ who, why }) or "troupe resume ${run}"`
    )
    this.run = run
    this.task = task
  }
}

/** What a run has done could not be taken back: it is parked until somebody decides. */
export class CompensationFailed extends TroupeError {
  readonly _tag = "CompensationFailed"
  readonly code = "COMPENSATION_FAILED"
  readonly run: string
  /** Path of the undo that failed, like `charge~undo`. */
  readonly task: string
  readonly failure: Failure
  /** Tasks that are still to be undone, in the order in which they will be; the first is the one that failed. */
  readonly left: ReadonlyArray<string>
  constructor({
    run,
    task,
    failure,
    left
  }: {
    run: string
    task: string
    failure: Failure
    left: ReadonlyArray<string>
  }) {
    super(
      `run '${run}' could not undo what it has done: '${task}' failed for good (${failure.message}), and ${left.length === 1 ? "nothing else is" : `${left.length - 1} more ${left.length === 2 ? "is" : "are"}`} left to undo after it; mend the cause and let it try again with run.retry('${task}') or "troupe retry ${run} ${task}", or take it back by hand and say so with run.skip('${task}', null)`
    )
    this.run = run
    this.task = task
    this.failure = failure
    this.left = left
  }
}

/** The code of a run is not here: the run is parked, and goes on when it is. */
export class VersionUnavailable extends TroupeError {
  readonly _tag = "VersionUnavailable"
  readonly code = "VERSION_UNAVAILABLE"
  readonly run: string
  readonly workflow: string
  readonly hash: string
  readonly missing: ReadonlyArray<string>
  constructor({
    run,
    workflow,
    hash,
    missing
  }: {
    run: string
    workflow: string
    hash: string
    missing: ReadonlyArray<string>
  }) {
    super(
      `run '${run}' waits for workflow '${workflow}' (${hash.slice(0, 12)}): nothing here has the code of ${missing
        .slice(0, 5)
        .map((name) => `'${name}'`)
        .join(", ")}; give that workflow to Orchestrator.open({ workflows }), or call register()`
    )
    this.run = run
    this.workflow = workflow
    this.hash = hash
    this.missing = missing
  }
}

/** `ctx.tx` or `orchestrator.transaction` was used where runs are not written to a SQLite file. */
export class TransactionsUnsupported extends TroupeError {
  readonly _tag = "TransactionsUnsupported"
  readonly code = "TRANSACTIONS_UNSUPPORTED"
  readonly retryable = false
  constructor() {
    super(
      'transactions need runs that are written to a SQLite file, and this is none: Orchestrator.open({ store: "sqlite:path/to/file.db" })'
    )
  }
}

const misuses = {
  misplaced: "what tx() gives was not returned as it is by the attempt that asked for it: return ctx.tx(…) itself",
  async:
    "a promise or an Effect came up inside a transaction: wait before it begins; the function, and the checks of results and inputs inside, must answer at once",
  over: "the transaction is over: use what tx() hands to its function only until that function returns",
  ended:
    "a statement ended the transaction by itself (ON CONFLICT ROLLBACK in a table, or RAISE(ROLLBACK) in a trigger): nothing of it was written; use ABORT there",
  open: "the store was asked for something else in the middle of a transaction: do that before or after it",
  planner:
    "a task that plans further tasks (expand) cannot give its plan out of a transaction: write in a task of its own"
} as const

/** A transaction was used in a way that cannot work; nothing of it was written. */
export class TransactionMisused extends TroupeError {
  readonly _tag = "TransactionMisused"
  readonly code = "TRANSACTION_MISUSED"
  readonly retryable = false
  readonly how: keyof typeof misuses
  constructor({ how }: { how: keyof typeof misuses }) {
    super(misuses[how])
    this.how = how
  }
}

const refusals = {
  ours: (word: string) =>
    `'${word}' belongs to Troupe, whose names begin with 'troupe_': read runs through the orchestrator, call tables of your own something else, and bind values instead of writing them into the text`,
  control: (word: string) =>
    `${word} would end the transaction or change the connection, which belong to Troupe: leave it out (throw to undo everything; a column of that name can stand in double quotes)`,
  several: () =>
    "there is more than one statement in the text: call run() for each, or exec() for statements without values"
} as const

/** A statement that is not allowed in a transaction; it was not executed. */
export class StatementRefused extends TroupeError {
  readonly _tag = "StatementRefused"
  readonly code = "STATEMENT_REFUSED"
  readonly retryable = false
  readonly why: keyof typeof refusals
  /** The word that it was refused for. */
  readonly word: string
  readonly sql: string
  constructor({ why, word, sql }: { why: keyof typeof refusals; word: string; sql: string }) {
    super(`the statement ${JSON.stringify(sql.slice(0, 80))} was refused: ${refusals[why](word)}`)
    this.why = why
    this.word = word
    this.sql = sql.slice(0, 1_000)
  }
}

/** A circuit breaker let a call not through, to spare what has failed too often. Nothing was called. */
export class CircuitOpen extends TroupeError {
  readonly _tag = "CircuitOpen"
  readonly code = "CIRCUIT_OPEN"
  readonly breaker: string
  readonly state: "open" | "halfOpen" | "forcedOpen"
  /** When it lets a trial through, in milliseconds since 1970; null when that depends on an answer or on somebody. */
  readonly retryAt: number | null
  /** How long until then, where that is known: whoever tries again waits so long at least. */
  readonly retryAfterMs: number | undefined
  /** `cause`: the last failure that counted, where it is known. */
  constructor({ breaker, state, retryAt, retryAfterMs, cause }: CircuitOpenFacts) {
    super(`circuit breaker '${breaker}' ${refusalOf[state](retryAt)}`, cause === undefined ? undefined : { cause })
    this.breaker = breaker
    this.state = state
    this.retryAt = retryAt
    this.retryAfterMs = retryAfterMs
  }
}

export type CircuitOpenFacts = Pick<CircuitOpen, "breaker" | "state" | "retryAt" | "cause"> & {
  readonly retryAfterMs?: number | undefined
}

const refusalOf: Record<CircuitOpen["state"], (retryAt: number | null) => string> = {
  open: (retryAt) =>
    `is open${retryAt === null ? "" : ` until ${isoOf(retryAt)}`}: what it guards has failed too often; call again after that, or give a fallback`,
  halfOpen: () =>
    "is trying whether it works again, and has no place for another trial: call again in a moment, or give a fallback",
  forcedOpen: () => "is kept open by hand: release it, or give a fallback"
}

/** Years beyond those of a Date are no reason to fail. */
const isoOf = (at: number) => (Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : `${at} ms`)

/** A statechart uses a feature that compiled charts do not have. */
export class ChartUnsupported extends TroupeError {
  readonly _tag = "ChartUnsupported"
  readonly code = "CHART_UNSUPPORTED"
  readonly machine: string
  readonly feature: string
  constructor({ machine, feature }: { machine: string; feature: string }) {
    super(
      `machine '${machine}' uses ${feature}; compiled charts are flat and speak in named guards, assigns and commands only`
    )
    this.machine = machine
    this.feature = feature
  }
}

/** What any thrown value becomes: JSON facts, never an exception of its own. */
export const toFailure = (error: unknown): Failure => {
  try {
    if (error instanceof TroupeError && !(error instanceof Permanent))
      return {
        tag: error._tag,
        code: error.code,
        message: error.message,
        ...(error instanceof CircuitOpen ? { data: dataOf(error) } : {}),
        retryable: isRetryable(error, error._tag),
        ...retryAfterOf(error)
      }
    if (error instanceof Error) return failureOf(error)
    return { tag: "NonError", message: `the task threw ${preview(error)}, not an Error`, retryable: true }
  } catch {
    return { tag: "NonError", message: "the task threw a value that cannot even be read", retryable: true }
  }
}

/** Who refused, and until when. */
const dataOf = ({ breaker, state, retryAt }: CircuitOpen): Json => ({ breaker, state, retryAt })

const failureOf = (error: Error): Failure => {
  const { _tag, code, data } = error as Error & { _tag?: unknown; code?: unknown; data?: unknown }
  const tag = typeof _tag === "string" ? _tag : error.name
  return {
    tag,
    message: String(error.message).slice(0, 10_000),
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof error.stack === "string" ? { stack: error.stack.slice(0, 4_000) } : {}),
    ...(isPlainData(data) ? { data } : {}),
    retryable: isRetryable(error, tag),
    ...retryAfterOf(error)
  }
}

/** When the error said to come back, within reason. */
const retryAfterOf = (error: object): { readonly retryAfterMs?: number } => {
  const { retryAfterMs: ms } = error as { retryAfterMs?: unknown }
  return typeof ms === "number" && ms > 0 ? { retryAfterMs: Math.min(Math.ceil(ms), limits.retryAfterMs) } : {}
}

/** Errors that another attempt cannot mend, unless they say otherwise with `retryable`. */
const permanent = new Set([
  "SchemaMismatch",
  "NotJson",
  "LimitExceeded",
  "PathMissing",
  "NoAgent",
  "FragmentRefused",
  "InvalidWorkflow"
])
const isRetryable = (error: object, tag: string) => {
  const said = (error as { retryable?: unknown }).retryable
  return typeof said === "boolean" ? said : !permanent.has(tag)
}

const isPlainData = (data: unknown): data is Json => {
  if (data === undefined) return false
  try {
    return (JSON.stringify(data)?.length ?? Number.POSITIVE_INFINITY) <= 16_384
  } catch {
    return false
  }
}

const preview = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 200))
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object"
  return String(value)
}
