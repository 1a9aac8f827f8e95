/** The life of an agent: how many attempts it works on, and whether it takes more. */
import { assign, command, setup } from "./machine.ts"

export interface AgentContext {
  readonly agent: string
  readonly capacity: number
  readonly busy: number
}

export type AgentEvent =
  | { readonly type: "assigned" }
  | { readonly type: "released" }
  | { readonly type: "drain" }
  | { readonly type: "leave" }

export const agentMachine = setup({
  types: {
    context: {} as AgentContext,
    events: {} as AgentEvent,
    input: {} as { readonly agent: string; readonly capacity: number }
  },
  guards: {
    takesLastSeat: ({ context }) => context.busy + 1 >= context.capacity,
    isLast: ({ context }) => context.busy <= 1,
    isIdle: ({ context }) => context.busy === 0
  },
  actions: {
    seat: assign({ busy: ({ context }) => context.busy + 1 }),
    // never below zero: a second release of the same attempt would invent capacity (Z06)
    unseat: assign({ busy: ({ context }) => Math.max(0, context.busy - 1) }),
    "agent.gone": command()
  }
}).createMachine({
  id: "agent",
  context: ({ input }) => ({ ...input, busy: 0 }),
  initial: "available",
  states: {
    available: {
      on: {
        assigned: [{ guard: "takesLastSeat", target: "saturated", actions: "seat" }, { actions: "seat" }],
        released: { actions: "unseat" },
        drain: [{ guard: "isIdle", target: "gone" }, { target: "draining" }],
        leave: "gone"
      }
    },
    saturated: { on: { released: { target: "available", actions: "unseat" }, drain: "draining", leave: "gone" } },
    draining: {
      on: { released: [{ guard: "isLast", target: "gone", actions: "unseat" }, { actions: "unseat" }], leave: "gone" }
    },
    gone: { type: "final", entry: "agent.gone" }
  }
})
