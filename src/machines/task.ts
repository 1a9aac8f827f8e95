/**
 * The life of one task: attempts, pauses between them, one outcome. Never reads a clock: times come with the events.
 *
 *     ready ─start─► attempting ─succeeded─► succeeded
 *       ▲                │ │ └──failed────► failed
 *       ├─fired─ backingOff│
 *       │               cancel ─► aborting ─► cancelled
 *       │                   └───► finishing: what can be undone comes to its end, so that it is known whether it must be
 *       └─requeue─ shelved: somebody decided that its failure does not count
 *
 * A task whose time is limited (`limits`) has one timer, always set to what comes first: the end of its pause, or that of its
 * time. Whichever fires says only how late it is; what that means is asked of the times. One that fired too early (it was on its
 * way when another was set) is set anew.
 */
import type { Failures } from "../model/agents.ts"
import { pauseAfter, type Retry } from "../model/backoff.ts"
import { doneBy, startBy, type TimeLimits, type Times, tryBy } from "../model/deadlines.ts"
import { type Failure, StartTimedOut, TaskTimedOut, toFailure } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { AttemptAborted, AttemptFailed, AttemptSucceeded, Outcome, TimerFired } from "../model/messages.ts"
import { isRetried } from "../model/retrying.ts"
import { assign, command, setup } from "./machine.ts"

export interface TaskInput {
  /** Path of the task in its run. */
  readonly path: string
  readonly retry: Retry
  /** An attempt that is under way when it is cancelled is not cut off: its effect would have to be undone. */
  readonly finishes: boolean
  /** What chance is derived from. */
  readonly seed: string
  readonly limits: TimeLimits | undefined
}

export interface TaskContext extends TaskInput {
  /** Attempts started so far. */
  readonly attempt: number
  /** Why the last attempt failed. */
  readonly failure: Failure | undefined
  /** How often each agent failed it: a further attempt goes to another one. */
  readonly failedBy: Failures | undefined
  /** How far the last attempt was that said so and failed. */
  readonly heard: Heard | undefined
  /** When what happened, of a task whose time is limited. */
  readonly times: Times | undefined
  /** How the task ended, once it has. */
  readonly outcome: Outcome | undefined
}

/** How far an attempt said it was. */
export interface Heard {
  readonly attempt: number
  readonly progress: Json
}

export type TaskEvent =
  | AttemptSucceeded
  | AttemptFailed
  | AttemptAborted
  | TimerFired
  /** Its time begins, before there is a slot for it. */
  | { readonly type: "queue"; readonly at: number }
  /** A slot was granted. */
  | { readonly type: "start"; readonly at: number }
  | { readonly type: "cancel" }
  /** The end of its attempt, which somebody later decided not to count. */
  | { readonly type: "shelve" }
  /** That decision: it begins anew. */
  | { readonly type: "requeue"; readonly at: number }
  /** Or its result is given by hand. */
  | { readonly type: "complete"; readonly value: Json }

type Timed = { readonly at: number }
type Facts = Pick<TaskContext, "retry" | "seed" | "limits" | "times" | "attempt" | "failure">

const never = Number.POSITIVE_INFINITY
/** When the whole must be done. */
const doneAt = ({ limits, times }: Facts): number =>
  limits === undefined || times === undefined ? never : doneBy(limits, times)
/** When the last attempt may begin. */
const triesUntil = ({ limits, times, attempt }: Facts): number =>
  limits === undefined || times === undefined ? never : tryBy(limits, times, attempt)
/** When its present attempt must begin. */
const beginsBy = ({ limits, times }: Facts): number =>
  limits === undefined || times === undefined ? never : startBy(limits, times)
/** How long it may stay ready. */
const readyUntil = (context: Facts): number => Math.min(beginsBy(context), doneAt(context), triesUntil(context))
const pauseUntil = ({ retry, attempt, seed }: Facts, { at, failure }: AttemptFailed): number =>
  at + pauseAfter(retry, attempt, seed, failure.retryAfterMs)
/** Whether a further attempt could begin before it is too late for one, or for all. */
const isInTime = (context: Facts, event: AttemptFailed): boolean =>
  context.limits === undefined || pauseUntil(context, event) <= triesUntil(context)

const readyAt = ({ times }: Facts, at: number): Times => ({
  since: times?.since ?? at,
  startedAt: times?.startedAt ?? 0,
  resumeAt: 0,
  readyAt: at
})
const startedAt = (context: Facts, at: number): Times => {
  const times = context.times ?? readyAt(context, at)
  return context.attempt === 0 ? { ...times, startedAt: at } : times
}

/** The failure with which it ends, and why nobody tries again, where that is not for the policy alone to say. */
const lastFailure = (context: Facts, event: AttemptFailed): Failure => {
  const { failure, attempt, refused } = event
  if (refused !== undefined) return { ...failure, givenUp: refused }
  return isRetried(context.retry, attempt, failure) ? { ...failure, givenUp: "time" } : failure
}

/** The timer of a task that waits for a slot; an infinite time stops it. */
const untilBegun = {
  type: "timer.start",
  params: ({ context }: { readonly context: TaskContext }) => ({ dueAt: readyUntil(context) })
} as const
/** The timer of a task that is at work. */
const untilDone = {
  type: "timer.start",
  params: ({ context }: { readonly context: TaskContext }) => ({ dueAt: doneAt(context) })
} as const

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent, input: {} as TaskInput, output: {} as Outcome },
  guards: {
    finishes: ({ context }) => context.finishes,
    isCurrent: ({ context, event }) => (event as AttemptFailed).attempt === context.attempt,
    isCurrentAndTimed: ({ context, event }) =>
      context.limits !== undefined && (event as AttemptFailed).attempt === context.attempt,
    mayTryAgain: ({ context, event }) => {
      const { attempt, failure, refused } = event as AttemptFailed
      return (
        attempt === context.attempt &&
        refused === undefined &&
        isRetried(context.retry, attempt, failure) &&
        isInTime(context, event as AttemptFailed)
      )
    },
    isUntimed: ({ context }) => context.limits === undefined,
    isTimed: ({ context }) => context.limits !== undefined,
    isTooLate: ({ context, event }) => (event as Timed).at > readyUntil(context),
    isOverdue: ({ context, event }) => (event as Timed).at >= doneAt(context),
    isNotBegun: ({ context, event }) => (event as Timed).at >= beginsBy(context),
    isOutOfTries: ({ context, event }) => (event as Timed).at >= triesUntil(context),
    mustNotResume: ({ context, event }) => (event as Timed).at > triesUntil(context),
    isEarly: ({ context, event }) => (event as Timed).at < context.times!.resumeAt
  },
  actions: {
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    succeed: assign({ outcome: ({ event }) => ({ status: "succeeded", value: (event as AttemptSucceeded).value }) }),
    noteFailure: assign({
      failure: ({ event }) => (event as AttemptFailed).failure,
      heard: ({ context, event }) => {
        const { attempt, progress } = event as AttemptFailed
        return progress === undefined ? context.heard : { attempt, progress }
      },
      failedBy: ({ context, event }) => {
        const { agent } = event as AttemptFailed
        return agent === undefined
          ? context.failedBy
          : { ...context.failedBy, [agent]: (context.failedBy?.[agent] ?? 0) + 1 }
      }
    }),
    noteReady: assign({ times: ({ context, event }) => readyAt(context, (event as Timed).at) }),
    noteStart: assign({ times: ({ context, event }) => startedAt(context, (event as Timed).at) }),
    notePause: assign({
      times: ({ context, event }) =>
        context.times === undefined
          ? undefined
          : { ...context.times, resumeAt: pauseUntil(context, event as AttemptFailed) }
    }),
    fail: assign({
      outcome: ({ context, event }) => ({
        status: "failed",
        failure: lastFailure(context, event as AttemptFailed),
        task: context.path
      })
    }),
    overrun: assign({
      outcome: ({ context }) => ({
        status: "failed",
        failure: toFailure(new TaskTimedOut({ task: context.path, withinMs: context.limits!.withinMs })),
        task: context.path
      })
    }),
    neverBegin: assign({
      outcome: ({ context }) => ({
        status: "failed",
        failure: toFailure(new StartTimedOut({ task: context.path, startWithinMs: context.limits!.startWithinMs })),
        task: context.path
      })
    }),
    runOut: assign({
      outcome: ({ context }) => ({
        status: "failed",
        failure: { ...context.failure!, givenUp: "time" },
        task: context.path
      })
    }),
    giveUp: assign({ outcome: { status: "cancelled", reason: "" } }),
    beginAnew: assign({ attempt: 0, failure: undefined, failedBy: undefined, heard: undefined, times: undefined }),
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
    seed: input.seed,
    limits: input.limits,
    attempt: 0,
    failure: undefined,
    failedBy: undefined,
    heard: undefined,
    times: undefined,
    outcome: undefined
  }),
  initial: "ready",
  states: {
    ready: {
      on: {
        queue: { actions: ["noteReady", "slot.request", untilBegun] },
        start: [
          { guard: "isUntimed", target: "attempting" },
          // the slot is for others: the timer that is due says what this one has come to
          { guard: "isTooLate", actions: "slot.release" },
          { target: "attempting", actions: ["noteStart", untilDone] }
        ],
        "timer.fired": [
          { guard: "isOverdue", target: "failed", actions: "overrun" },
          { guard: "isNotBegun", target: "failed", actions: "neverBegin" },
          { guard: "isOutOfTries", target: "failed", actions: "runOut" },
          { guard: "isTimed", actions: untilBegun }
        ],
        shelve: { target: "shelved", actions: "timer.stop" },
        complete: { target: "succeeded", actions: ["accept", "timer.stop"] },
        cancel: { target: "cancelled", actions: ["giveUp", "timer.stop"] }
      }
    },
    attempting: {
      entry: ["countAttempt", { type: "attempt.start", params: ({ context }) => ({ attempt: context.attempt }) }],
      on: {
        "attempt.succeeded": [
          { guard: "isCurrentAndTimed", target: "succeeded", actions: ["succeed", "slot.release", "timer.stop"] },
          { guard: "isCurrent", target: "succeeded", actions: ["succeed", "slot.release"] }
        ],
        "attempt.failed": [
          {
            guard: "mayTryAgain",
            target: "backingOff",
            actions: [
              "noteFailure",
              "notePause",
              "slot.release",
              {
                type: "timer.start",
                params: ({ context, event }) => ({
                  dueAt: Math.min(pauseUntil(context, event), doneAt(context))
                })
              }
            ]
          },
          {
            guard: "isCurrentAndTimed",
            target: "failed",
            actions: ["noteFailure", "fail", "slot.release", "timer.stop"]
          },
          { guard: "isCurrent", target: "failed", actions: ["noteFailure", "fail", "slot.release"] }
        ],
        "timer.fired": [
          { guard: "isOverdue", target: "failed", actions: ["overrun", "attempt.abort", "slot.release"] },
          { guard: "isTimed", actions: untilDone }
        ],
        shelve: { target: "shelved", actions: ["slot.release", "timer.stop"] },
        complete: { target: "succeeded", actions: ["accept", "attempt.abort", "slot.release", "timer.stop"] },
        cancel: [
          { guard: "finishes", target: "finishing", actions: "timer.stop" },
          { target: "aborting", actions: "timer.stop" }
        ]
      }
    },
    backingOff: {
      on: {
        "timer.fired": [
          { guard: "isUntimed", target: "ready", actions: "slot.request" },
          // another timer may have been set since this one was on its way
          { guard: "isOverdue", target: "failed", actions: ["overrun", "timer.stop"] },
          { guard: "mustNotResume", target: "failed", actions: ["runOut", "timer.stop"] },
          {
            guard: "isEarly",
            actions: {
              type: "timer.start",
              params: ({ context }) => ({ dueAt: Math.min(context.times!.resumeAt, doneAt(context)) })
            }
          },
          { target: "ready", actions: ["noteReady", "slot.request", untilBegun] }
        ],
        shelve: { target: "shelved", actions: "timer.stop" },
        complete: { target: "succeeded", actions: ["accept", "timer.stop"] },
        cancel: { target: "cancelled", actions: ["giveUp", "timer.stop"] }
      }
    },
    shelved: {
      on: {
        requeue: [
          { guard: "isUntimed", target: "ready", actions: ["beginAnew", "slot.request"] },
          { target: "ready", actions: ["beginAnew", "noteReady", "slot.request", untilBegun] }
        ],
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
