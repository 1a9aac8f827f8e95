// Restate, a single node with its defaults (telemetry off, room for 20,000 invocations): a workflow service, ctx.run per step.
import * as restate from "@restatedev/restate-sdk"
import * as clients from "@restatedev/restate-sdk-clients"
import { join, root, work } from "../../workloads.mjs"

export const open = async ({ restate: ports, body }) => {
  const flow = restate.workflow({
    name: "flow",
    handlers: {
      run: async (ctx, { id }) => {
        let x = id % 1_000
        for (let i = 0; i < 5; i++) {
          const before = x
          x = await ctx.run(`s${i}`, () => body(id, i, before))
        }
        return x
      }
    }
  })
  const fan = restate.workflow({
    name: "fan",
    handlers: {
      run: async (ctx, { n }) => {
        const seed = await ctx.run("root", root)
        const values = await restate.RestatePromise.all(
          Array.from({ length: n }, (_, i) => ctx.run(`w${i}`, () => work(seed, i)))
        )
        return ctx.run("join", () => join(values))
      }
    }
  })
  await restate.serve({ services: [flow, fan], port: ports.service, defaultServiceOptions: {}, logger: () => {} })
  const registered = await fetch(`http://127.0.0.1:${ports.admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${ports.service}`, force: true })
  })
  if (!registered.ok) throw new Error(`not registered: ${registered.status} ${await registered.text()}`)
  const client = clients.connect({ url: `http://127.0.0.1:${ports.ingress}` })
  const one = (id) => client.workflowClient(flow, `${id}`)
  return {
    run: (id) => one(id).run({ id }),
    submit: async (id) => void (await one(id).workflowSubmit({ id })),
    fan: (n, key) => client.workflowClient(fan, key).run({ n }),
    resume: async (count) => {
      let next = 0
      let sum = 0
      const lane = async () => {
        while (next < count) {
          const value = await one(next++).workflowAttach()
          sum = (sum + value) % 1_000_003
        }
      }
      await Promise.all(Array.from({ length: 200 }, lane))
      return sum
    }
  }
}
