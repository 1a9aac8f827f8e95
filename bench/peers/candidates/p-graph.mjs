// p-graph: a dependency graph of promises; it carries no data, so results go by closure.
import { PGraph } from "p-graph"
import { join, node, root, step, total, work } from "../../workloads.mjs"

export const kind = "library"
const ready = (tasks, edges, result) => ({
  run: async () => {
    await new PGraph(new Map(tasks.map(([id, run]) => [id, { run }])), edges).run()
    return result()
  }
})

export const chain = async (n) => {
  const values = []
  const tasks = Array.from({ length: n }, (_, i) => [
    `${i}`,
    async () => {
      values[i] = await step(i === 0 ? 1 : values[i - 1], i)
    }
  ])
  return ready(
    tasks,
    Array.from({ length: n - 1 }, (_, i) => [`${i}`, `${i + 1}`]),
    () => values[n - 1]
  )
}

export const fan = async (n) => {
  const values = new Array(n)
  let seed
  let sum
  const items = Array.from({ length: n }, (_, i) => [
    `${i}`,
    async () => {
      values[i] = await work(seed, i)
    }
  ])
  const ends = [
    [
      "root",
      async () => {
        seed = await root()
      }
    ],
    [
      "join",
      async () => {
        sum = await join(values)
      }
    ]
  ]
  return ready(
    [...ends, ...items],
    items.flatMap(([id]) => [
      ["root", id],
      [id, "join"]
    ]),
    () => sum
  )
}

export const dag = async ({ deps }) => {
  const values = []
  const tasks = deps.map((list, i) => [
    `${i}`,
    async () => {
      values[i] = await node(
        i,
        list.map((j) => values[j])
      )
    }
  ])
  return ready(
    tasks,
    deps.flatMap((list, i) => list.map((j) => [`${j}`, `${i}`])),
    () => total(values)
  )
}
