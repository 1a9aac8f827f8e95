/** A wait of a known length. The wait is a durable timer of the engine; the chart only knows when it is due. */
import type { Outcome, TimerFired } from "../model/messages.ts"
import { assign, command, setup } from "./machine.ts"

export interface SleepInput {
  readonly dueAt: number
}

export interface SleepContext extends SleepInput {
  readonly outcome: Outcome | undefined
}

export const sleepMachine = setup({
  types: {
    context: {} as SleepContext,
    events: {} as TimerFired | { readonly type: "start" } | { readonly type: "cancel" },
    input: {} as SleepInput,
    output: {} as Outcome
  },
  actions: {
    wake: assign({ outcome: { status: "succeeded", value: null } }),
    giveUp: assign({ outcome: { status: "cancelled", reason: "" } }),
    "timer.start": command<{ dueAt: number }>(),
    "timer.stop": command()
  }
}).createMachine({
  id: "sleep",
  context: ({ input }) => ({ dueAt: input.dueAt, outcome: undefined }),
  initial: "sleeping",
  states: {
    sleeping: {
      entry: { type: "timer.start", params: ({ context }) => ({ dueAt: context.dueAt }) },
      on: {
        "timer.fired": { target: "awake", actions: "wake" },
        cancel: { target: "cancelled", actions: ["giveUp", "timer.stop"] }
      }
    },
    awake: { type: "final" },
    cancelled: { type: "final" }
  },
  output: ({ context }) => context.outcome!
})
