// OpenWorkflow: step.run for each step, as many workflows at a time as are in flight. Its handle polls for the result; the
// workflow's own return is taken instead, in its favour.
import { OpenWorkflow } from "openworkflow"
import { join, root, work } from "../../../workloads.mjs"

export const openOn = async (backend, { body, inflight, count }) => {
  const engine = new OpenWorkflow({ backend })
  const waiting = new Map()
  const flow = engine.defineWorkflow({ name: "flow" }, async ({ input: { id }, step }) => {
    let x = id % 1_000
    for (let i = 0; i < 5; i++) {
      const before = x
      x = await step.run({ name: `s${i}` }, () => body(id, i, before))
    }
    waiting.get(id)?.(x)
    return x
  })
  const fan = engine.defineWorkflow({ name: "fan" }, async ({ input: { n }, step }) => {
    const seed = await step.run({ name: "root" }, root)
    const values = await Promise.all(
      Array.from({ length: n }, (_, i) => step.run({ name: `w${i}` }, () => work(seed, i)))
    )
    return step.run({ name: "join" }, () => join(values))
  })
  const worker = engine.newWorker({ concurrency: Math.max(inflight, count ?? 0) })
  await worker.start()
  return {
    run: async (id) => {
      const ended = new Promise((resolve) => waiting.set(id, resolve))
      await flow.run({ id })
      const value = await ended
      waiting.delete(id)
      return value
    },
    submit: async (id) => void (await flow.run({ id })),
    fan: async (n) => (await fan.run({ n })).result(),
    resume: async (all) => {
      for (;;) {
        const { completed, succeeded = 0 } = await backend.countWorkflowRuns()
        if (completed + succeeded >= all) break
        await new Promise((resolve) => setTimeout(resolve, 300))
      }
      let seen = 0
      let sum = 0
      let after
      do {
        const { data, pagination } = await backend.listWorkflowRuns({ limit: 1_000, after })
        seen += data.length
        for (const { output } of data) sum = (sum + output) % 1_000_003
        after = pagination?.next
      } while (after)
      return seen === all ? sum : -1
    },
    close: async () => {
      await worker.stop()
      await backend.stop()
    }
  }
}
