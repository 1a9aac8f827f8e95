/**
 * What goes wrong, as data. Every fault has a logical address (which attempt of which task, which write to the journal), so that
 * taking one away, or changing the code, does not move the others.
 */

/** How an attempt of a task goes wrong. */
export const taskFaults = [
  /** It fails, and may be tried again. */
  "throw",
  /** It fails, and must not be tried again. */
  "permanent",
  /** It throws something that is no error. */
  "notAnError",
  /** It never answers. */
  "hang",
  /** It answers after `ms`. */
  "slow",
  /** Its effect happens, and its answer comes after its timeout. */
  "late",
  /** Its effect happens, and its answer never comes. */
  "lost",
  /** It answers with something that is no JSON. */
  "garbage",
  /** It answers with something that contains itself. */
  "cyclic",
  /** It ends the process, `times` times. */
  "exit",
  /** It fails, and says to come back after `ms`. */
  "later"
] as const

/** How a write to the journal goes wrong. */
export const storageFaults = [
  /** Nothing is written, and an error is reported. */
  "io",
  /** No space: nothing is written. */
  "full",
  /** Somebody else has the file locked: nothing is written. */
  "busy",
  /** It is written after `ms`. */
  "slow",
  /** It is written, and an error is reported. */
  "unsure"
] as const

/** The moment of a write at which the process dies. */
export const crashMoments = [
  /** Nothing of it is written. */
  "before",
  /** It is written and not synced: the `tail` may be lost or kept. */
  "written",
  /** It is written and synced, and nobody has heard. */
  "synced",
  /** Those who waited for it have heard, and have gone on in the same turn. */
  "acked"
] as const

/** What people and other programs do. */
export const operations = [
  "pause",
  "resume",
  "cancel",
  /** Cancels without waiting for running attempts. */
  "force",
  /** Submits the same again. */
  "again",
  /** Submits something else under the same id. */
  "other",
  "retry",
  "skip",
  "rollback",
  /** Answers a gate, whether it is open or not. */
  "answer",
  /** Sends the signal of a gate. */
  "signal"
] as const

export type TaskFault = {
  readonly on: "task"
  readonly task: string
  readonly attempt: number
  readonly how: (typeof taskFaults)[number]
  readonly ms?: number
  /** Of `exit`: on how many deliveries of the attempt; default 1. */
  readonly times?: number
}
export type StorageFault = {
  readonly on: "storage"
  /** Number of the write to the journal, over all lives, from 0. */
  readonly write: number
  readonly how: (typeof storageFaults)[number]
  /** How long it takes, or how long the trouble lasts. */
  readonly ms?: number
}
export type ReadFault = { readonly on: "read"; readonly read: number }
export type Crash = {
  readonly on: "crash"
  readonly write: number
  readonly when: (typeof crashMoments)[number]
  readonly tail?: "lost" | "kept"
  /** How long until the next life begins. */
  readonly downMs?: number
}
export type OwnersFault = {
  readonly on: "owners"
  readonly write: number
  /** The process stands still for `ms`; with `second` another one takes the journal over meanwhile. */
  readonly how: "freeze" | "second"
  readonly ms: number
}
export type ClockFault = { readonly on: "clock"; readonly write: number; readonly ms: number }
export type OperatorFault = {
  readonly on: "operator"
  readonly write: number
  readonly how: (typeof operations)[number]
  /** How long after that write. */
  readonly ms?: number
}
export type AgentFault = {
  readonly on: "agent"
  readonly agent: string
  readonly how: "down" | "errors" | "slow"
  /** Calls from this one on, up to and without that one, from 0. */
  readonly from: number
  readonly to: number
  readonly ms?: number
}
export type CodeFault = {
  readonly on: "code"
  /** The life in which the code of the workflow is not known at first, from 1. */
  readonly life: number
  readonly ms: number
}
export type ObserverFault = { readonly on: "observer"; readonly event: number }
export type NetworkFault = {
  readonly on: "network"
  /** Number of the call of `fetch`, from 0. */
  readonly call: number
  readonly how: "refused" | "reset" | "slow" | "lostReply"
  readonly ms?: number
}

export type Fault =
  | TaskFault
  | StorageFault
  | ReadFault
  | Crash
  | OwnersFault
  | ClockFault
  | OperatorFault
  | AgentFault
  | CodeFault
  | ObserverFault
  | NetworkFault

/** Kinds of faults that can be asked for by name. */
export const families = [
  "task",
  "storage",
  "crash",
  "owners",
  "clock",
  "operator",
  "agent",
  "code",
  "observer",
  "network"
] as const
export type Family = (typeof families)[number]

/** One execution: with the same workflow, input and plan it is the same, message for message. */
export interface Plan {
  readonly v: 1
  /** Decides the order of what is due at the same time, and how long things take. */
  readonly seed: number
  readonly faults: ReadonlyArray<Fault>
}

/** Nothing goes wrong. */
export const calm: Plan = { v: 1, seed: 0, faults: [] }
