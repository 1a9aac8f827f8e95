/**
 * The life of whatever has tasks below it: a workflow, a fan-out, a loop. Which tasks start when is not decided here;
 * the chart hears that one failed, that all are settled, that nothing runs any more, and what people ask for.
 *
 *     running ⇄ paused            running ─settled─► succeeded | failed
 *        │ └─task.failed, timer─► failing ─idle─► failed
 *        └─cancel─► cancelling ─idle─► cancelled
 *
 * One that has a time to begin at waits for it first, and nothing of it is there yet:
 *
 *     scheduled ⇄ scheduledPaused ─timer, once it is not paused─► running
 *        └─cancel─► cancelled
 *
 * Where something is to be undone, it is, before the end:
 *
 *     failing, cancelling ─idle─► undoing ─settled─► failed | cancelled
 *                                 ⇅ undoPaused
 *                                   └─task.failed─► stuck: an undo has failed for good, and somebody has to decide
 *
 * And where the run goes back instead of ending, what was done since is undone first:
 *
 *     running, paused ─rewind─► rewinding ─idle─► undoing ─► rewound: the engine writes that it is back
 *     failing ─idle, where it recovers──────────────┘
 */
import type { Failure } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Outcome } from "../model/messages.ts"
import { assign, command, setup } from "./machine.ts"

export interface WorkflowInput {
  /** Path in the run; "" for the run itself. */
  readonly task: string
  readonly onFailure: "stop" | "continue"
  /** When the whole must have ended. */
  readonly dueAt: number | undefined
  /** When it begins, where that is still to come; then it has so long. */
  readonly startsAt?: number | undefined
  readonly withinMs?: number | undefined
}

export interface WorkflowContext extends WorkflowInput {
  /** The first failure, and the task it came from. */
  readonly failure: { readonly task: string; readonly failure: Failure } | undefined
  readonly reason: string
  /** Somebody cancelled it, whatever happened before. */
  readonly isCancelled: boolean
  /** Somebody paused it: nothing begins, no undo either. */
  readonly isPaused: boolean
  /** The message after which the run goes on again, once what was done since is undone; -1: all of it stays. */
  readonly rewindTo: number | undefined
  /** Nobody asked for that: it recovers by itself. */
  readonly isRecovery: boolean
  /** The undo that has failed for good. */
  readonly undoFailure: { readonly task: string; readonly failure: Failure } | undefined
  readonly outcome: Outcome | undefined
}

export type WorkflowEvent =
  | { readonly type: "task.failed"; readonly task: string; readonly failure: Failure }
  /** `undoes`: something is left that has to be undone first. */
  | { readonly type: "settled"; readonly value: Json; readonly undoes?: boolean }
  /** `recoverTo`: it goes back there instead of ending. */
  | { readonly type: "idle"; readonly undoes?: boolean; readonly recoverTo?: number }
  | { readonly type: "rewind"; readonly to: number }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "cancel"; readonly reason?: string; readonly force?: boolean }
  | { readonly type: "timer.fired"; readonly at?: number }
  /** Somebody has decided about an undo that had failed for good. */
  | { readonly type: "again" }

type TaskFailed = Extract<WorkflowEvent, { type: "task.failed" }>
type Idle = Extract<WorkflowEvent, { type: "idle" }>
type Cancel = Extract<WorkflowEvent, { type: "cancel" }>

/** Something is left that has to be undone first. */
const undoes = (event: WorkflowEvent): boolean => (event as Idle).undoes === true

export const workflowMachine = setup({
  types: {
    context: {} as WorkflowContext,
    events: {} as WorkflowEvent,
    input: {} as WorkflowInput,
    output: {} as Outcome,
    tags: {} as "draining" | "undoing" | "stuck" | "scheduled"
  },
  guards: {
    stopsAtFailure: ({ context }) => context.onFailure === "stop",
    hasFailed: ({ context }) => context.failure !== undefined,
    undoes: ({ event }) => undoes(event),
    hasFailedAndUndoes: ({ context, event }) => context.failure !== undefined && undoes(event),
    recovers: ({ event }) => (event as Idle).recoverTo !== undefined,
    recoversAndUndoes: ({ event }) => (event as Idle).recoverTo !== undefined && undoes(event),
    isRewinding: ({ context }) => context.rewindTo !== undefined,
    isCancelled: ({ context }) => context.isCancelled,
    isPaused: ({ context }) => context.isPaused,
    isForced: ({ event }) => (event as Cancel).force === true,
    isScheduled: ({ context }) => context.startsAt !== undefined,
    isDue: ({ context }) => context.dueAt !== undefined
  },
  actions: {
    noteFailure: assign({
      failure: ({ context, event }) =>
        context.failure ?? { task: (event as TaskFailed).task, failure: (event as TaskFailed).failure }
    }),
    noteUndoFailure: assign({
      undoFailure: ({ event }) => ({ task: (event as TaskFailed).task, failure: (event as TaskFailed).failure })
    }),
    noteTimeout: assign({ failure: ({ context }) => context.failure ?? { task: "", failure: timedOut } }),
    noteBegin: assign({
      startsAt: undefined,
      dueAt: ({ context, event }) =>
        context.withinMs === undefined ? undefined : (event as { at: number }).at + context.withinMs
    }),
    noteReason: assign({
      reason: ({ event }) => (event as Cancel).reason ?? "",
      isCancelled: true,
      isPaused: false,
      rewindTo: undefined
    }),
    noteRewind: assign({ rewindTo: ({ event }) => (event as { to: number }).to, isRecovery: false }),
    noteRecovery: assign({
      rewindTo: ({ event }) => (event as Idle).recoverTo,
      isRecovery: true
    }),
    notePause: assign({ isPaused: true }),
    noteResume: assign({ isPaused: false }),
    succeed: assign({
      outcome: ({ event }) => ({
        status: "succeeded",
        value: (event as Extract<WorkflowEvent, { type: "settled" }>).value
      })
    }),
    fail: assign({ outcome: ({ context }) => ({ status: "failed", ...context.failure! }) }),
    giveUp: assign({ outcome: ({ context }) => ({ status: "cancelled", reason: context.reason }) }),
    "tasks.cancel": command(),
    "slots.hold": command(),
    "slots.open": command(),
    "timer.start": command<{ dueAt: number | undefined }>(),
    "timer.stop": command()
  }
}).createMachine({
  id: "workflow",
  context: ({ input }) => ({
    ...input,
    failure: undefined,
    reason: "",
    isCancelled: false,
    isPaused: false,
    rewindTo: undefined,
    isRecovery: false,
    undoFailure: undefined,
    outcome: undefined
  }),
  initial: "starting",
  states: {
    starting: {
      always: [
        {
          guard: "isScheduled",
          target: "scheduled",
          actions: { type: "timer.start", params: ({ context }) => ({ dueAt: context.startsAt }) }
        },
        {
          guard: "isDue",
          target: "running",
          actions: { type: "timer.start", params: ({ context }) => ({ dueAt: context.dueAt }) }
        },
        { target: "running" }
      ]
    },
    scheduled: {
      tags: "scheduled",
      on: {
        "timer.fired": { target: "starting", actions: "noteBegin" },
        pause: { target: "scheduledPaused", actions: "notePause" },
        cancel: { target: "cancelled", actions: ["noteReason", "giveUp"] }
      }
    },
    scheduledPaused: {
      tags: "scheduled",
      entry: "slots.hold",
      exit: "slots.open",
      on: {
        "timer.fired": { actions: "noteBegin" },
        resume: [
          { guard: "isScheduled", target: "scheduled", actions: "noteResume" },
          { target: "starting", actions: "noteResume" }
        ],
        cancel: { target: "cancelled", actions: ["noteReason", "giveUp"] }
      }
    },
    running: {
      on: {
        "task.failed": [
          { guard: "stopsAtFailure", target: "failing", actions: "noteFailure" },
          { actions: "noteFailure" }
        ],
        settled: [
          { guard: "hasFailedAndUndoes", target: "undoing" },
          { guard: "hasFailed", target: "failed", actions: "fail" },
          { target: "succeeded", actions: "succeed" }
        ],
        "timer.fired": { target: "failing", actions: "noteTimeout" },
        pause: { target: "paused", actions: "notePause" },
        rewind: { target: "rewinding", actions: "noteRewind" },
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { target: "cancelling", actions: "noteReason" }
        ]
      }
    },
    paused: {
      entry: "slots.hold",
      exit: "slots.open",
      on: {
        "task.failed": [
          { guard: "stopsAtFailure", target: "failing", actions: "noteFailure" },
          { actions: "noteFailure" }
        ],
        settled: [
          { guard: "hasFailedAndUndoes", target: "undoing" },
          { guard: "hasFailed", target: "failed", actions: "fail" },
          { target: "succeeded", actions: "succeed" }
        ],
        "timer.fired": { target: "failing", actions: "noteTimeout" },
        resume: { target: "running", actions: "noteResume" },
        rewind: { target: "rewinding", actions: "noteRewind" },
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { target: "cancelling", actions: "noteReason" }
        ]
      }
    },
    failing: {
      tags: "draining",
      entry: "tasks.cancel",
      on: {
        pause: { actions: "notePause" },
        resume: { actions: "noteResume" },
        idle: [
          { guard: "recoversAndUndoes", target: "undoing", actions: "noteRecovery" },
          { guard: "recovers", target: "rewound", actions: "noteRecovery" },
          { guard: "undoes", target: "undoing" },
          { target: "failed", actions: "fail" }
        ],
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { target: "cancelling", actions: "noteReason" }
        ]
      }
    },
    cancelling: {
      tags: "draining",
      entry: "tasks.cancel",
      on: {
        pause: { actions: "notePause" },
        resume: { actions: "noteResume" },
        idle: [
          { guard: "undoes", target: "undoing" },
          { target: "cancelled", actions: "giveUp" }
        ],
        cancel: { guard: "isForced", target: "cancelled", actions: "giveUp" }
      }
    },
    rewinding: {
      tags: "draining",
      entry: "tasks.cancel",
      on: {
        pause: { actions: "notePause" },
        resume: { actions: "noteResume" },
        idle: [{ guard: "undoes", target: "undoing" }, { target: "rewound" }],
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { target: "cancelling", actions: "noteReason" }
        ]
      }
    },
    rewound: {
      tags: "stuck",
      on: {
        pause: { actions: "notePause" },
        resume: { actions: "noteResume" },
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { target: "cancelling", actions: "noteReason" }
        ]
      }
    },
    undoing: {
      tags: "undoing",
      always: { guard: "isPaused", target: "undoPaused" },
      on: {
        settled: [
          { guard: "isRewinding", target: "rewound" },
          { guard: "isCancelled", target: "cancelled", actions: "giveUp" },
          { target: "failed", actions: "fail" }
        ],
        "task.failed": { target: "stuck", actions: "noteUndoFailure" },
        pause: { target: "undoPaused", actions: "notePause" },
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          // then all of it is undone, not only what came since
          { guard: "isRewinding", actions: "noteReason" }
        ]
      }
    },
    undoPaused: {
      tags: "undoing",
      entry: "slots.hold",
      exit: "slots.open",
      on: {
        settled: [
          { guard: "isRewinding", target: "rewound" },
          { guard: "isCancelled", target: "cancelled", actions: "giveUp" },
          { target: "failed", actions: "fail" }
        ],
        "task.failed": { target: "stuck", actions: "noteUndoFailure" },
        resume: { target: "undoing", actions: "noteResume" },
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { guard: "isRewinding", target: "undoing", actions: "noteReason" }
        ]
      }
    },
    stuck: {
      tags: "stuck",
      on: {
        pause: { actions: "notePause" },
        resume: { actions: "noteResume" },
        again: "undoing",
        cancel: [
          { guard: "isForced", target: "cancelled", actions: ["noteReason", "giveUp"] },
          { guard: "isRewinding", actions: "noteReason" }
        ]
      }
    },
    succeeded: { type: "final", entry: "timer.stop" },
    failed: { type: "final", entry: "timer.stop" },
    cancelled: { type: "final", entry: "timer.stop" }
  },
  output: ({ context }) => context.outcome!
})

const timedOut: Failure = {
  tag: "RunTimedOut",
  code: "TIMEOUT",
  message: "the workflow took longer than its timeout",
  retryable: false
}
