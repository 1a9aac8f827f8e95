// Effect fibers: sequence, forEach, and a Deferred per dependency; no states, no history.
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { join, node, root, step, total, work } from "../workloads.mjs"

export const kind = "library"
const lift = (body) => Effect.promise(body)
const ready = (program) => ({ run: () => Effect.runPromise(program) })
const line = (start, steps) =>
  Effect.gen(function* () {
    let x = start
    for (let i = 0; i < steps; i++) {
      const previous = x
      x = yield* lift(() => step(previous, i))
    }
    return x
  })

export const chain = async (n) => ready(line(1, n))

export const fan = async (n) =>
  ready(
    Effect.gen(function* () {
      const seed = yield* lift(root)
      const values = yield* Effect.forEach(
        Array.from({ length: n }, (_, i) => i),
        (i) => lift(() => work(seed, i)),
        { concurrency: "unbounded" }
      )
      return yield* lift(() => join(values))
    })
  )

export const dag = async ({ deps }) =>
  ready(
    Effect.gen(function* () {
      const cells = deps.map(() => Deferred.makeUnsafe())
      const one = (list, i) =>
        Effect.gen(function* () {
          const values = []
          for (const j of list) values.push(yield* Deferred.await(cells[j]))
          const value = yield* lift(() => node(i, values))
          yield* Deferred.succeed(cells[i], value)
          return value
        })
      return total(yield* Effect.forEach(deps, one, { concurrency: "unbounded" }))
    })
  )

export const many = async (count, steps, width) => {
  const ids = Array.from({ length: count }, (_, id) => id)
  return ready(
    Effect.map(
      Effect.forEach(ids, (id) => line(id % 1000, steps), { concurrency: width }),
      total
    )
  )
}
