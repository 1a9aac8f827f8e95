// LangGraph.js, Graph API: a node per task, edges for dependencies, Send for the fan; in memory, recursion limit raised.
import { Annotation, END, Send, START, StateGraph } from "@langchain/langgraph"
import { join, node, root, step, total, work } from "../../workloads.mjs"

export const kind = "engine"
const line = (n) => {
  const graph = new StateGraph(Annotation.Root({ x: Annotation() }))
  for (let i = 0; i < n; i++) graph.addNode(`n${i}`, async ({ x }) => ({ x: await step(x, i) }))
  graph.addEdge(START, "n0")
  for (let i = 1; i < n; i++) graph.addEdge(`n${i - 1}`, `n${i}`)
  graph.addEdge(`n${n - 1}`, END)
  return graph.compile()
}

export const chain = async (n) => {
  const app = line(n)
  return { run: async () => (await app.invoke({ x: 1 }, { recursionLimit: n + 10 })).x }
}

export const fan = async (n) => {
  const append = (all, more) => {
    for (const one of more) all.push(one)
    return all
  }
  const state = Annotation.Root({
    seed: Annotation(),
    i: Annotation(),
    sum: Annotation(),
    values: Annotation({ reducer: append, default: () => [] })
  })
  const app = new StateGraph(state)
    .addNode("root", async () => ({ seed: await root() }))
    .addNode("work", async ({ seed, i }) => ({ values: [await work(seed, i)] }))
    .addNode("join", async ({ values }) => ({ sum: await join(values) }))
    .addEdge(START, "root")
    .addConditionalEdges("root", ({ seed }) => Array.from({ length: n }, (_, i) => new Send("work", { seed, i })), [
      "work"
    ])
    .addEdge("work", "join")
    .addEdge("join", END)
    .compile()
  return { run: async () => (await app.invoke({}, { recursionLimit: 10 })).sum }
}

export const dag = async ({ deps, layers }) => {
  const graph = new StateGraph(
    Annotation.Root({ v: Annotation({ reducer: (a, b) => Object.assign(a, b), default: () => ({}) }) })
  )
  deps.forEach((list, i) => {
    graph.addNode(`n${i}`, async ({ v }) => ({
      v: {
        [i]: await node(
          i,
          list.map((j) => v[j])
        )
      }
    }))
  })
  const last = new Set(deps.keys())
  deps.forEach((list, i) => {
    graph.addEdge(list.length === 0 ? START : list.map((j) => `n${j}`), `n${i}`)
    for (const j of list) last.delete(j)
  })
  for (const i of last) graph.addEdge(`n${i}`, END)
  const app = graph.compile()
  return { run: async () => total(Object.values((await app.invoke({ v: {} }, { recursionLimit: layers + 10 })).v)) }
}

export const many = async (count, steps, width) => {
  const app = line(steps)
  const inputs = Array.from({ length: count }, (_, id) => ({ x: id % 1000 }))
  return { run: async () => total((await app.batch(inputs, { maxConcurrency: width })).map(({ x }) => x)) }
}
