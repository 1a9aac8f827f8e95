// XState alone: one root actor per task, the work an invoked promise; no orchestration at all.
import { assign, createActor, fromPromise, setup, toPromise } from "xstate"
import { join, node, root, step, total, work } from "../workloads.mjs"
import { lanes } from "./plain.mjs"

export const kind = "library"
const machine = setup({ actors: { body: fromPromise(({ input }) => input()) } }).createMachine({
  context: ({ input }) => ({ body: input, value: undefined }),
  initial: "running",
  states: {
    running: {
      invoke: {
        src: "body",
        input: ({ context }) => context.body,
        onDone: { target: "done", actions: assign({ value: ({ event }) => event.output }) }
      }
    },
    done: { type: "final" }
  },
  output: ({ context }) => context.value
})
const perform = (body) => toPromise(createActor(machine, { input: body }).start())

/** The workloads over any way to perform one task. */
export const over = (one) => ({
  chain: async (n) => ({
    run: async () => {
      let x = 1
      for (let i = 0; i < n; i++) {
        const previous = x
        x = await one(() => step(previous, i))
      }
      return x
    }
  }),
  fan: async (n) => ({
    run: async () => {
      const seed = await one(root)
      const values = await Promise.all(Array.from({ length: n }, (_, i) => one(() => work(seed, i))))
      return one(() => join(values))
    }
  }),
  dag: async ({ deps }) => ({
    run: async () => {
      const cells = []
      deps.forEach((list, i) =>
        cells.push(Promise.all(list.map((j) => cells[j])).then((values) => one(() => node(i, values))))
      )
      return total(await Promise.all(cells))
    }
  }),
  many: async (count, steps, width) => ({
    run: () =>
      lanes(count, width, async (id) => {
        let x = id % 1000
        for (let i = 0; i < steps; i++) {
          const previous = x
          x = await one(() => step(previous, i))
        }
        return x
      })
  })
})

export const { chain, fan, dag, many } = over(perform)
