/** What invariants of users see of an execution: what was called, what was done, and how far the run is. */
import type { Json } from "../model/json.ts"
import type { Message, Outcome } from "../model/messages.ts"
import { keysUndone } from "./sagas.ts"
import { type Call, plainPath } from "./story.ts"

export interface World<I = Json, O = Json> {
  readonly input: I
  /** How the run ended, as its caller was told; `running` before. */
  readonly status: "running" | "succeeded" | "failed" | "cancelled"
  readonly output: O | undefined
  /** Code of the failure. */
  readonly error: string | undefined
  /** How often the body of a task was called, over all lives; by path, or by the last part of it. */
  calls(task: string): number
  /** How often the body of a task came to its end: what it does outside, it has done that often. */
  done(task: string): number
  /** Under how many keys that was: what a receiver sees that deduplicates. */
  effects(task: string): number
  /** How many effects of a task were taken back: under how many keys its `undo` came to its end. */
  undone(task: string): number
  /** Lives that the program had. */
  readonly lives: number
  /** What is written so far. */
  readonly messages: ReadonlyArray<Message>
}

export interface Seen {
  readonly input: Json
  readonly outcome: Outcome | undefined
  readonly calls: ReadonlyArray<Call>
  readonly lives: number
  readonly messages: ReadonlyArray<Message>
}

/** An execution as invariants see it, now and from now on. */
export const worldOf = (seen: () => Seen): World<any, any> => {
  const of = (task: string) => seen().calls.filter((call) => isOf(call, task))
  return {
    get input() {
      return seen().input
    },
    get status() {
      return seen().outcome?.status ?? "running"
    },
    get output() {
      const { outcome } = seen()
      return outcome?.status === "succeeded" ? outcome.value : undefined
    },
    get error() {
      const { outcome } = seen()
      return outcome?.status === "failed" ? (outcome.failure.code ?? outcome.failure.tag) : undefined
    },
    calls: (task) => of(task).length,
    done: (task) => of(task).filter(({ isDone }) => isDone).length,
    effects: (task) => new Set(of(task).flatMap(({ isDone, key }) => (isDone ? [key] : []))).size,
    undone: (task) => new Set(keysUndone(of(`${task}~undo`))).size,
    get lives() {
      return seen().lives
    },
    get messages() {
      return seen().messages
    }
  }
}

/** Whether a call is of a task: by its whole path, by the path without numbers, or by the last part of that. */
export const isOf = ({ task }: Call, name: string): boolean => {
  if (task === name) return true
  const plain = plainPath(task)
  return plain === name || plain.endsWith(`/${name}`)
}
