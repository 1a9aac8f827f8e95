// Effect's durable workflows: ClusterWorkflowEngine over SingleRunner with storage in SQL; each step an Activity with a schema.

import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { Activity, Workflow } from "effect/workflow"
import { join, root, work } from "../../../workloads.mjs"

const activity = (name, body) => Activity.make({ name, success: Schema.Number, execute: Effect.promise(body) })

export const openOn = async (sql, { body }) => {
  const Flow = Workflow.make("flow", {
    payload: { id: Schema.Number },
    success: Schema.Number,
    idempotencyKey: ({ id }) => `${id}`
  })
  const Fan = Workflow.make("fan", {
    payload: { n: Schema.Number, key: Schema.String },
    success: Schema.Number,
    idempotencyKey: ({ key }) => key
  })
  const flow = Flow.toLayer(
    Effect.fnUntraced(function* ({ id }) {
      let x = id % 1_000
      for (let i = 0; i < 5; i++) {
        const before = x
        x = yield* activity(`s${i}`, () => body(id, i, before))
      }
      return x
    })
  )
  const fan = Fan.toLayer(
    Effect.fnUntraced(function* ({ n }) {
      const seed = yield* activity("root", root)
      const values = yield* Effect.forEach(
        Array.from({ length: n }, (_, i) => i),
        (i) => activity(`w${i}`, () => work(seed, i)),
        { concurrency: "unbounded" }
      )
      return yield* activity("join", () => join(values))
    })
  )
  const engine = ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(SingleRunner.layer({ runnerStorage: "memory" })),
    Layer.provideMerge(sql),
    Layer.provideMerge(Digest.layerWebCrypto)
  )
  const runtime = ManagedRuntime.make(
    Layer.mergeAll(flow, fan).pipe(Layer.provideMerge(engine), Layer.provide(Logger.layer([])))
  )
  await runtime.runPromise(Effect.void)
  return {
    run: (id) => runtime.runPromise(Flow.execute({ id })),
    submit: (id) => runtime.runPromise(Flow.execute({ id }, { discard: true })),
    fan: (n, key) => runtime.runPromise(Fan.execute({ n, key })),
    resume: async (count) => {
      const ids = Array.from({ length: count }, (_, id) => id)
      const values = await runtime.runPromise(Effect.forEach(ids, (id) => Flow.execute({ id }), { concurrency: 1_000 }))
      return values.reduce((sum, value) => (sum + value) % 1_000_003, 0)
    },
    close: () => runtime.dispose()
  }
}
