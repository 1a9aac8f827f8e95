// Effect's own workflows with their in-memory engine: each step an Activity with a schema.

import * as Digest from "effect/crypto/Digest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import { join, node, root, step, total, work } from "../workloads.mjs"

export const kind = "engine"
let serial = 0
const activity = (name, body) => Activity.make({ name, success: Schema.Number, execute: Effect.promise(body) })
const define = (body) => {
  const flow = Workflow.make(`flow${serial++}`, {
    payload: { id: Schema.String, n: Schema.Number },
    success: Schema.Number,
    idempotencyKey: ({ id }) => id
  })
  const runtime = ManagedRuntime.make(
    flow.toLayer(body).pipe(Layer.provideMerge(WorkflowEngine.layerMemory), Layer.provideMerge(Digest.layerWebCrypto))
  )
  const execute = (n) => flow.execute({ id: `${serial++}`, n })
  return { runtime, execute, run: () => runtime.runPromise(execute(0)), close: () => runtime.dispose() }
}
const line = (start, steps) =>
  Effect.gen(function* () {
    let x = start
    for (let i = 0; i < steps; i++) {
      const previous = x
      x = yield* activity(`s${i}`, () => step(previous, i))
    }
    return x
  })

export const chain = async (n) => define(() => line(1, n))

export const fan = async (n) =>
  define(
    Effect.fnUntraced(function* () {
      const seed = yield* activity("root", root)
      const values = yield* Effect.forEach(
        Array.from({ length: n }, (_, i) => i),
        (i) => activity(`w${i}`, () => work(seed, i)),
        { concurrency: "unbounded" }
      )
      return yield* activity("join", () => join(values))
    })
  )

export const dag = async ({ deps }) =>
  define(
    Effect.fnUntraced(function* () {
      const cells = deps.map(() => Deferred.makeUnsafe())
      const one = Effect.fnUntraced(function* (list, i) {
        const values = []
        for (const j of list) values.push(yield* Deferred.await(cells[j]))
        const value = yield* activity(`n${i}`, () => node(i, values))
        yield* Deferred.succeed(cells[i], value)
        return value
      })
      return total(yield* Effect.forEach(deps, one, { concurrency: "unbounded" }))
    })
  )

export const many = async (count, steps, width) => {
  const { runtime, execute, close } = define(({ n }) => line(n % 1000, steps))
  const ids = Array.from({ length: count }, (_, id) => id)
  return {
    close,
    run: async () => total(await runtime.runPromise(Effect.forEach(ids, execute, { concurrency: width })))
  }
}
