/**
 * A wait for an answer from outside: a person, a signal, a callback. One outcome, whatever comes first; what comes later means
 * nothing here. The deadline is a durable timer of the engine.
 *
 *     waiting ─answered, signal─► answered        waiting ─timer─► timedOut | defaulted
 *      ▲ │ └─────rejected───────► rejected           └────cancel─► cancelled
 *      └─requeue─ shelved: somebody decided that its bad end does not count
 */
import type { Failure, GateEnd } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { GateAnswered, GateRejected, Outcome, SignalReceived, TimerFired } from "../model/messages.ts"
import { assign, command, setup } from "./machine.ts"

export interface GateInput {
  /** Path of the gate in its run. */
  readonly path: string
  /** When it waits no longer; Infinity when it waits for ever. */
  readonly dueAt: number
  /** How long it waits, each time that it opens. */
  readonly waitMs: number
  /** The answer when nobody gives one in time; undefined fails the gate. */
  readonly otherwise: Json | undefined
}

export interface GateContext extends GateInput {
  readonly outcome: Outcome | undefined
}

export type GateEvent =
  | GateAnswered
  | GateRejected
  | SignalReceived
  | TimerFired
  | { readonly type: "start" }
  | { readonly type: "cancel" }
  /** Its bad end, which somebody later decided not to count. */
  | { readonly type: "shelve" }
  /** That decision: it waits anew. */
  | { readonly type: "requeue"; readonly at: number }
  /** Or its answer is given by hand. */
  | { readonly type: "complete"; readonly value: Json }

export const gateMachine = setup({
  types: {
    context: {} as GateContext,
    events: {} as GateEvent,
    input: {} as GateInput,
    output: {} as Outcome
  },
  guards: {
    hasDeadline: ({ context }) => Number.isFinite(context.dueAt),
    hasDefault: ({ context }) => context.otherwise !== undefined
  },
  actions: {
    takeAnswer: assign({
      outcome: ({ event }) => ({ status: "succeeded", value: (event as Extract<GateEvent, { value: Json }>).value })
    }),
    takeDefault: assign({ outcome: ({ context }) => ({ status: "succeeded", value: context.otherwise! }) }),
    noteRejection: assign({
      outcome: ({ context, event }) => failed(context.path, rejected(context.path, event as GateRejected))
    }),
    noteTimeout: assign({ outcome: ({ context }) => failed(context.path, timedOut(context.path)) }),
    beginAnew: assign({
      dueAt: ({ context, event }) => (event as Extract<GateEvent, { type: "requeue" }>).at + context.waitMs
    }),
    giveUp: assign({ outcome: { status: "cancelled", reason: "" } }),
    "gate.open": command<{ dueAt: number }>(),
    "gate.close": command<{ became: GateEnd }>(),
    "timer.start": command<{ dueAt: number }>(),
    "timer.stop": command()
  }
}).createMachine({
  id: "gate",
  context: ({ input }) => ({
    path: input.path,
    dueAt: input.dueAt,
    waitMs: input.waitMs,
    otherwise: input.otherwise,
    outcome: undefined
  }),
  initial: "starting",
  states: {
    starting: {
      always: [
        {
          guard: "hasDeadline",
          target: "waiting",
          actions: { type: "timer.start", params: ({ context }) => ({ dueAt: context.dueAt }) }
        },
        { target: "waiting" }
      ]
    },
    waiting: {
      entry: { type: "gate.open", params: ({ context }) => ({ dueAt: context.dueAt }) },
      on: {
        "gate.answered": { target: "answered", actions: ["takeAnswer", "timer.stop"] },
        "signal.received": { target: "answered", actions: ["takeAnswer", "timer.stop"] },
        "gate.rejected": { target: "rejected", actions: ["noteRejection", "timer.stop"] },
        "timer.fired": [
          { guard: "hasDefault", target: "defaulted", actions: "takeDefault" },
          { target: "timedOut", actions: "noteTimeout" }
        ],
        shelve: { target: "shelved", actions: "timer.stop" },
        cancel: { target: "cancelled", actions: ["giveUp", "timer.stop"] }
      }
    },
    shelved: {
      entry: { type: "gate.close", params: { became: "rejected" } },
      on: {
        requeue: [
          {
            guard: "hasDeadline",
            target: "waiting",
            actions: ["beginAnew", { type: "timer.start", params: ({ context }) => ({ dueAt: context.dueAt }) }]
          },
          { target: "waiting" }
        ],
        complete: { target: "answered", actions: "takeAnswer" },
        cancel: { target: "cancelled", actions: "giveUp" }
      }
    },
    answered: { type: "final", entry: { type: "gate.close", params: { became: "answered" } } },
    rejected: { type: "final", entry: { type: "gate.close", params: { became: "rejected" } } },
    timedOut: { type: "final", entry: { type: "gate.close", params: { became: "timed out" } } },
    defaulted: { type: "final", entry: { type: "gate.close", params: { became: "timed out" } } },
    cancelled: { type: "final", entry: { type: "gate.close", params: { became: "cancelled" } } }
  },
  output: ({ context }) => context.outcome!
})

const failed = (task: string, failure: Failure): Outcome => ({ status: "failed", task, failure })

const rejected = (path: string, { reason, who }: GateRejected): Failure => ({
  tag: "GateRejected",
  code: "GATE_REJECTED",
  message: `gate '${path}' was rejected${who === undefined ? "" : ` by ${who}`}${reason === "" ? "" : `: ${reason}`}`,
  data: who === undefined ? { reason } : { reason, who },
  retryable: false
})

const timedOut = (path: string): Failure => ({
  tag: "GateTimedOut",
  code: "GATE_TIMEOUT",
  message: `nobody answered gate '${path}' in time`,
  retryable: false
})
