// XState with as little as it can be: one actor per task, the work done outside and its result sent in as an event.
import { assign, createActor, setup } from "xstate"
import { over } from "./xstate.mjs"

export const kind = "library"
const machine = setup({}).createMachine({
  context: { value: undefined },
  initial: "running",
  states: {
    running: { on: { done: { target: "done", actions: assign({ value: ({ event }) => event.value }) } } },
    done: { type: "final" }
  },
  output: ({ context }) => context.value
})

export const { chain, fan, dag, many } = over(async (body) => {
  const actor = createActor(machine).start()
  actor.send({ type: "done", value: await body() })
  return actor.getSnapshot().output
})
