// Flowcraft: a graph of function nodes, its in-memory runtime, a silent logger.
import { createFlow, FlowRuntime } from "flowcraft"
import { lanes } from "../../candidates/plain.mjs"
import { join, node, root, step, total, work } from "../../workloads.mjs"

export const kind = "engine"
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const read = (context, id) => context[id] ?? context[`_outputs.${id}`]
const get = async (context, id) => (await context.get(`_outputs.${id}`)) ?? context.get(id)
const start = async (flow, runtime, input) => {
  const { status, errors, context } = await flow.run(runtime, input)
  if (status !== "completed") throw new Error(`${status} ${JSON.stringify(errors).slice(0, 200)}`)
  return context
}
const once = (flow, result) => {
  const runtime = new FlowRuntime({ logger: silent })
  return { run: async () => result(await start(flow, runtime, {})) }
}

export const chain = async (n) => {
  let flow = createFlow("chain")
  for (let i = 0; i < n; i++)
    flow = flow.node(`n${i}`, async ({ input }) => ({ output: await step(i === 0 ? 1 : input, i) }))
  for (let i = 1; i < n; i++) flow = flow.edge(`n${i - 1}`, `n${i}`)
  return once(flow, (context) => read(context, `n${n - 1}`))
}

export const fan = async (n) => {
  let flow = createFlow("fan").node("root", async () => ({ output: await root() }))
  for (let i = 0; i < n; i++)
    flow = flow.node(`w${i}`, async ({ input }) => ({ output: await work(input, i) })).edge("root", `w${i}`)
  flow = flow.node("join", async ({ context }) => {
    const values = []
    for (let i = 0; i < n; i++) values.push(await get(context, `w${i}`))
    return { output: await join(values) }
  })
  for (let i = 0; i < n; i++) flow = flow.edge(`w${i}`, "join")
  return once(flow, (context) => read(context, "join"))
}

export const dag = async ({ deps }) => {
  let flow = createFlow("dag")
  deps.forEach((list, i) => {
    flow = flow.node(`n${i}`, async ({ context }) => {
      const values = []
      for (const j of list) values.push(await get(context, `n${j}`))
      return { output: await node(i, values) }
    })
  })
  deps.forEach((list, i) => {
    for (const j of list) flow = flow.edge(`n${j}`, `n${i}`)
  })
  return once(flow, (context) => total(deps.map((_, i) => read(context, `n${i}`))))
}

export const many = async (count, steps, width) => {
  let flow = createFlow("many").node("n0", async ({ context }) => ({
    output: await step((await context.get("x")) % 1000, 0)
  }))
  for (let i = 1; i < steps; i++) flow = flow.node(`n${i}`, async ({ input }) => ({ output: await step(input, i) }))
  for (let i = 1; i < steps; i++) flow = flow.edge(`n${i - 1}`, `n${i}`)
  const runtime = new FlowRuntime({ logger: silent })
  return { run: () => lanes(count, width, async (x) => read(await start(flow, runtime, { x }), `n${steps - 1}`)) }
}
