/**
 * Messages: all that ever happens to a run, in order. A run is the list of its messages; everything else follows from it.
 * Messages are plain JSON with a time; commands are what machines ask for in answer.
 */
import type { Failure } from "./errors.ts"
import type { Json } from "./json.ts"

/** Who asked for something, and why; kept in the history. */
export interface Cause {
  readonly who?: string
  readonly why?: string
}

/** What was said of it, and nothing else. */
export const said = ({ who, why }: { readonly [part in keyof Cause]: string | undefined }): Cause => ({
  ...(who === undefined ? {} : { who }),
  ...(why === undefined ? {} : { why })
})

/** The first message of every run. */
export interface RunSubmitted {
  readonly type: "run.submitted"
  readonly at: number
  readonly workflow: string
  readonly version?: string
  /** Content hash of the IR that the run is pinned to; absent in journals that do not outlive the process. */
  readonly hash?: string
  readonly input: Json
  /** When it begins, if that was to come. */
  readonly scheduledAt?: number
}

export interface AttemptSucceeded {
  readonly type: "attempt.succeeded"
  readonly at: number
  /** Path of the task. */
  readonly task: string
  readonly attempt: number
  readonly value: Json
  readonly agent?: string
  /** The value was remembered from an earlier attempt with the same key; nobody was called. */
  readonly cached?: true
}

export interface AttemptFailed {
  readonly type: "attempt.failed"
  readonly at: number
  readonly task: string
  readonly attempt: number
  readonly failure: Failure
  readonly agent?: string
  /** It is not tried again, whatever its policy says: there were too many retries of its kind already. */
  readonly refused?: "budget"
  /** How far its body said it was, where it did. */
  readonly progress?: Json
}

/** A cancelled attempt has come to its end. */
export interface AttemptAborted {
  readonly type: "attempt.aborted"
  readonly at: number
  readonly task: string
  readonly attempt: number
}

/** What came of an attempt after nobody waited for it any more: kept for people, it changes nothing. */
export interface AttemptLate {
  readonly type: "attempt.late"
  readonly at: number
  readonly task: string
  readonly attempt: number
  readonly outcome: "succeeded" | "failed" | "aborted"
  readonly value?: Json
  readonly failure?: Failure
}

export interface TimerFired {
  readonly type: "timer.fired"
  readonly at: number
  /** Path of the task that waits; "" for the run itself. */
  readonly task: string
}

/** Somebody, or something, answered a gate. */
export interface GateAnswered extends Cause {
  readonly type: "gate.answered"
  readonly at: number
  /** Path of the gate. */
  readonly task: string
  readonly value: Json
}

/** Somebody said no at a gate. */
export interface GateRejected extends Cause {
  readonly type: "gate.rejected"
  readonly at: number
  readonly task: string
  readonly reason: string
}

/** Something happened outside that gates of the run may wait for. */
export interface SignalReceived extends Cause {
  readonly type: "signal.received"
  readonly at: number
  readonly name: string
  readonly value: Json
}

export interface RunPaused extends Cause {
  readonly type: "run.paused"
  readonly at: number
}
export interface RunResumed extends Cause {
  readonly type: "run.resumed"
  readonly at: number
}
export interface RunCancelled extends Cause {
  readonly type: "run.cancelled"
  readonly at: number
  /** Do not wait for running attempts. */
  readonly force: boolean
}

/** Somebody decided that failures do not count, or gave results by hand. */
export interface RunAmended extends Cause {
  readonly type: "run.amended"
  readonly at: number
  /** Numbers of the messages that do not count any more: failures, and what was stopped because of them. */
  readonly forget: ReadonlyArray<number>
  /** Results given by hand, by the path of the task; the others begin anew. */
  readonly give: { readonly [task: string]: Json }
  /** Path of an undo that had failed for good and is tried again. */
  readonly again?: string
  /** Nobody decided it: the run recovers by itself, for the so-manieth time. */
  readonly recoveries?: number
}

/** Back to where the run was after message `to`: what was written since stays in the history and counts no more. */
export interface RunRolledBack extends Cause {
  readonly type: "run.rolledBack"
  readonly at: number
  readonly to: number
  /** Nobody decided it: the run recovers by itself, for the so-manieth time. */
  readonly recoveries?: number
}

/** The run is to go back to where it was after message `to`; what was done since is undone first. */
export interface RunRewinding extends Cause {
  readonly type: "run.rewinding"
  readonly at: number
  readonly to: number
}

/** Somebody lets one more attempt of a paused run begin: the one whose turn it is. */
export interface RunStepped extends Cause {
  readonly type: "run.stepped"
  readonly at: number
}

/** How a task goes wrong that somebody wants to see go wrong: it fails, takes longer, or does not answer. */
export type InjectedFault = "throw" | "slow" | "hang"
export const injectedFaults = ["throw", "slow", "hang"] as const satisfies ReadonlyArray<InjectedFault>

/** Somebody wants the next attempt of a task to go wrong, in a development run. */
export interface FaultInjected extends Cause {
  readonly type: "fault.injected"
  readonly at: number
  /** Path of the task. */
  readonly task: string
  readonly fault: InjectedFault
  /** How much longer it takes, for `slow`. */
  readonly ms?: number
}

/** The run came here from another store. What was at work there may have begun, so it comes again as a later delivery. */
export interface RunImported extends Cause {
  readonly type: "run.imported"
  readonly at: number
  /** How often each attempt that was out had been delivered there, by the path of its task. */
  readonly deliveries: { readonly [task: string]: number }
}

export type Message =
  | RunSubmitted
  | AttemptSucceeded
  | AttemptFailed
  | AttemptAborted
  | AttemptLate
  | TimerFired
  | GateAnswered
  | GateRejected
  | SignalReceived
  | RunPaused
  | RunResumed
  | RunCancelled
  | RunAmended
  | RunRolledBack
  | RunRewinding
  | RunStepped
  | FaultInjected
  | RunImported
export type MessageType = Message["type"]

/** How a task, or a run, ended. */
export type Outcome =
  | { readonly status: "succeeded"; readonly value: Json }
  | { readonly status: "failed"; readonly failure: Failure; readonly task: string }
  | { readonly status: "cancelled"; readonly reason: string }

/** What a task gave instead of its result: a value, the result of other work, its last good one, or nothing. */
export type Instead = "value" | "task" | "lastGood" | "nothing"

/** A task that failed in a run that succeeded all the same. */
export interface Degraded {
  /** Path of the task. */
  readonly task: string
  readonly instead: Instead
  /** Why it failed. */
  readonly because: string
}

/**
 * The state of a run as people see it. `parked`: it cannot go on here (its code is missing, for one) and says why;
 * `quarantined`: it is left alone until somebody decides, because it kills the process, or because its journal is damaged.
 */
export type RunStatus =
  | "running"
  | "paused"
  | "waiting"
  | "parked"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "quarantined"
/** The state of a task as people see it. */
export type TaskStatus = "pending" | "ready" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled"

export const runStatuses = [
  "running",
  "paused",
  "waiting",
  "parked",
  "succeeded",
  "failed",
  "cancelled",
  "quarantined"
] as const satisfies ReadonlyArray<RunStatus>

/** Whether nothing happens any more unless somebody asks for it. */
export const isTerminal = (status: RunStatus): boolean =>
  status === "succeeded" || status === "failed" || status === "cancelled" || status === "quarantined"
