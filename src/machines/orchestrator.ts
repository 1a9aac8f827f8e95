/** The life of an orchestrator: it takes work, then only finishes what it has, then it is closed. */
import { assign, command, setup } from "./machine.ts"

export interface OrchestratorContext {
  /** Runs that are alive. */
  readonly runs: number
}

export type OrchestratorEvent =
  | { readonly type: "run.opened" }
  | { readonly type: "run.ended" }
  /** Take no new work, let what runs come to its end. */
  | { readonly type: "drain" }
  /** End now. */
  | { readonly type: "close" }

export const orchestratorMachine = setup({
  types: { context: {} as OrchestratorContext, events: {} as OrchestratorEvent },
  guards: { isLast: ({ context }) => context.runs <= 1, isEmpty: ({ context }) => context.runs === 0 },
  actions: {
    countUp: assign({ runs: ({ context }) => context.runs + 1 }),
    countDown: assign({ runs: ({ context }) => Math.max(0, context.runs - 1) }),
    "runs.stop": command(),
    "orchestrator.closed": command()
  }
}).createMachine({
  id: "orchestrator",
  context: { runs: 0 },
  initial: "accepting",
  states: {
    accepting: {
      on: {
        "run.opened": { actions: "countUp" },
        "run.ended": { actions: "countDown" },
        drain: [{ guard: "isEmpty", target: "closed" }, { target: "draining" }],
        close: { target: "closed", actions: "runs.stop" }
      }
    },
    draining: {
      on: {
        "run.ended": [{ guard: "isLast", target: "closed", actions: "countDown" }, { actions: "countDown" }],
        close: { target: "closed", actions: "runs.stop" }
      }
    },
    closed: { type: "final", entry: "orchestrator.closed" }
  }
})
