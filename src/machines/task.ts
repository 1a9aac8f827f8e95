/**
 * The life of one task: attempts, pauses between them, one outcome. Never reads a clock: times come with the events.
 *
 *     ready ─start─► attempting ─succeeded─► succeeded
 *       ▲                │ │ └──failed────► failed
 *       ├─fired─ backingOff│
 *       │               cancel ─► aborting ─► cancelled
 *       │                   └───► finishing: what can be undone comes to its end, so that it is known whether it must be
 *       └─requeue─ shelved: somebody decided that its failure does not count
 */
import { pauseAfter, type Retry } from "../model/backoff.ts"
import type { Failure } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { AttemptAborted, AttemptFailed, AttemptSucceeded, Outcome, TimerFired } from "../model/messages.ts"
import { assign, command, setup } from "./machine.ts"

export interface TaskInput {
  /** Path of the task in its run. */
  readonly path: string
  readonly retry: Retry
  /** An attempt that is under way when it is cancelled is not cut off: its effect would have to be undone. */
  readonly finishes: boolean
}

export interface TaskContext extends TaskInput {
  /** Attempts started so far. */
  readonly attempt: number
  /** Why the last attempt failed. */
  readonly failure: Failure | undefined
  /** How the task ended, once it has. */
  readonly outcome: Outcome | undefined
}

export type TaskEvent =
  | AttemptSucceeded
  | AttemptFailed
  | AttemptAborted
  | TimerFired
  | { readonly type: "start" }
  | { readonly type: "cancel" }
  /** The end of its attempt, which somebody later decided not to count. */
  | { readonly type: "shelve" }
  /** That decision: it begins anew. */
  | { readonly type: "requeue" }
  /** Or its result is given by hand. */
  | { readonly type: "complete"; readonly value: Json }

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent, input: {} as TaskInput, output: {} as Outcome },
  guards: {
    finishes: ({ context }) => context.finishes,
    isCurrent: ({ context, event }) => (event as AttemptFailed).attempt === context.attempt,
    mayTryAgain: ({ context, event }) => {
      const { attempt, failure } = event as AttemptFailed
      return attempt === context.attempt && failure.retryable && context.attempt < context.retry.attempts
    }
  },
  actions: {
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    succeed: assign({ outcome: ({ event }) => ({ status: "succeeded", value: (event as AttemptSucceeded).value }) }),
    noteFailure: assign({ failure: ({ event }) => (event as AttemptFailed).failure }),
    fail: assign({
      outcome: ({ context, event }) => ({
        status: "failed",
        failure: (event as AttemptFailed).failure,
        task: context.path
      })
    }),
    giveUp: assign({ outcome: { status: "cancelled", reason: "" } }),
    beginAnew: assign({ attempt: 0, failure: undefined }),
    accept: assign({
      outcome: ({ event }) => ({
        status: "succeeded",
        value: (event as Extract<TaskEvent, { type: "complete" }>).value
      })
    }),
    "attempt.start": command<{ attempt: number }>(),
    "attempt.abort": command(),
    "attempt.finish": command(),
    "timer.start": command<{ dueAt: number }>(),
    "timer.stop": command(),
    "slot.request": command(),
    "slot.release": command()
  }
}).createMachine({
  id: "task",
  context: ({ input }) => ({
    path: input.path,
    retry: input.retry,
    finishes: input.finishes,
    attempt: 0,
    failure: undefined,
    outcome: undefined
  }),
  initial: "ready",
  states: {
    ready: { on: { start: "attempting", cancel: { target: "cancelled", actions: "giveUp" } } },
    attempting: {
      entry: ["countAttempt", { type: "attempt.start", params: ({ context }) => ({ attempt: context.attempt }) }],
      on: {
        "attempt.succeeded": { guard: "isCurrent", target: "succeeded", actions: ["succeed", "slot.release"] },
        "attempt.failed": [
          {
            guard: "mayTryAgain",
            target: "backingOff",
            actions: [
              "noteFailure",
              "slot.release",
              {
                type: "timer.start",
                params: ({ context, event }) => ({
                  dueAt: event.at + pauseAfter(context.retry, context.attempt, context.path)
                })
              }
            ]
          },
          { guard: "isCurrent", target: "failed", actions: ["noteFailure", "fail", "slot.release"] }
        ],
        shelve: { target: "shelved", actions: "slot.release" },
        complete: { target: "succeeded", actions: ["accept", "attempt.abort", "slot.release"] },
        cancel: [{ guard: "finishes", target: "finishing" }, { target: "aborting" }]
      }
    },
    backingOff: {
      on: {
        "timer.fired": { target: "ready", actions: "slot.request" },
        complete: { target: "succeeded", actions: ["accept", "timer.stop"] },
        cancel: { target: "cancelled", actions: ["giveUp", "timer.stop"] }
      }
    },
    shelved: {
      on: {
        requeue: { target: "ready", actions: ["beginAnew", "slot.request"] },
        complete: { target: "succeeded", actions: "accept" },
        cancel: { target: "cancelled", actions: "giveUp" }
      }
    },
    aborting: {
      entry: "attempt.abort",
      on: {
        shelve: { target: "cancelled", actions: ["giveUp", "slot.release"] },
        "attempt.succeeded": { guard: "isCurrent", target: "succeeded", actions: ["succeed", "slot.release"] },
        "attempt.failed": { guard: "isCurrent", target: "cancelled", actions: ["giveUp", "slot.release"] },
        "attempt.aborted": { guard: "isCurrent", target: "cancelled", actions: ["giveUp", "slot.release"] }
      }
    },
    finishing: {
      entry: "attempt.finish",
      on: {
        shelve: { target: "cancelled", actions: ["giveUp", "slot.release"] },
        complete: { target: "succeeded", actions: ["accept", "attempt.abort", "slot.release"] },
        "attempt.succeeded": { guard: "isCurrent", target: "succeeded", actions: ["succeed", "slot.release"] },
        "attempt.failed": { guard: "isCurrent", target: "cancelled", actions: ["giveUp", "slot.release"] },
        "attempt.aborted": { guard: "isCurrent", target: "cancelled", actions: ["giveUp", "slot.release"] }
      }
    },
    succeeded: { type: "final" },
    failed: { type: "final" },
    cancelled: { type: "final" }
  },
  output: ({ context }) => context.outcome!
})
