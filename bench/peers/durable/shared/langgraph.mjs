// LangGraph's Graph API with a checkpointer and durability "sync": each step's checkpoint is written before the next begins.
// Which threads to resume the application must know by itself.
import { Annotation, END, Send, START, StateGraph } from "@langchain/langgraph"
import { join, root, work } from "../../../workloads.mjs"

export const openOn = async (checkpointer, { body }, close) => {
  const graph = new StateGraph(Annotation.Root({ id: Annotation(), x: Annotation() }))
  for (let i = 0; i < 5; i++) graph.addNode(`n${i}`, async ({ id, x }) => ({ x: await body(id, i, x) }))
  graph.addEdge(START, "n0")
  for (let i = 1; i < 5; i++) graph.addEdge(`n${i - 1}`, `n${i}`)
  graph.addEdge("n4", END)
  const app = graph.compile({ checkpointer })
  const thread = (id) => ({ configurable: { thread_id: `${id}` }, durability: "sync" })

  const fan = new StateGraph(
    Annotation.Root({
      n: Annotation(),
      seed: Annotation(),
      i: Annotation(),
      values: Annotation({ reducer: (a, b) => a.concat(b), default: () => [] }),
      sum: Annotation()
    })
  )
    .addNode("root", async () => ({ seed: await root() }))
    .addNode("work", async ({ seed, i }) => ({ values: [await work(seed, i)] }))
    .addNode("join", async ({ values }) => ({ sum: await join(values) }))
    .addEdge(START, "root")
    .addConditionalEdges("root", ({ seed, n }) => Array.from({ length: n }, (_, i) => new Send("work", { seed, i })), [
      "work"
    ])
    .addEdge("work", "join")
    .addEdge("join", END)
    .compile({ checkpointer })
  return {
    run: async (id) => (await app.invoke({ id, x: id % 1_000 }, thread(id))).x,
    submit: async (id) => void app.invoke({ id, x: id % 1_000 }, thread(id)).catch(() => {}),
    fan: async (n, key) => (await fan.invoke({ n }, { ...thread(key), recursionLimit: 10 })).sum,
    resume: async (count) => {
      let next = 0
      let sum = 0
      const lane = async () => {
        while (next < count) {
          const { x } = await app.invoke(null, thread(next++))
          sum = (sum + x) % 1_000_003
        }
      }
      await Promise.all(Array.from({ length: 200 }, lane))
      return sum
    },
    close
  }
}
