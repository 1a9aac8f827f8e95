// Troupe itself, through its public face: every task is an actor under its run, which is an actor under the orchestrator.
export const kind = "engine"

import { Orchestrator, task, type, workflow } from "troupe"
import { join, node, root, step, total, work } from "../workloads.mjs"

const steps = task("step", { in: type(), out: type(), run: ({ previous, i }) => step(previous, i) })
const roots = task("root", { in: type(), out: type(), run: () => root() })
const works = task("work", { in: type(), out: type(), run: ({ seed, i }) => work(seed, i) })
const joins = task("join", { in: type(), out: type(), run: (values) => join(values) })
const nodes = task("node", { in: type(), out: type(), run: ({ i, values }) => node(i, values) })

const chainOf = (name, n) => {
  let flow = workflow(name, type())
  for (let i = 0; i < n; i++)
    flow = flow.task(`s${i}`, steps, ($) => ({ previous: i === 0 ? $.input : $[`s${i - 1}`], i }))
  return flow.returns(($) => $[`s${n - 1}`])
}

const once = async (flow, input) => {
  const orchestrator = await Orchestrator.open()
  return { run: () => orchestrator.execute(flow, input), close: () => orchestrator.close() }
}

export const chain = async (n) => once(chainOf("chain", n), 1)

export const fan = async (n) => {
  const items = Array.from({ length: n }, (_, i) => i)
  const one = workflow("fan", type())
    .task("root", roots, () => null)
    .map("items", works, () => n, { input: ($) => ({ seed: $.root, i: $.index }), after: ["root"] })
    .task("join", joins, ($) => $.items)
    .returns(($) => $.join)
  return once(one, items.length)
}

export const dag = async (d) => {
  let flow = workflow("dag", type())
  for (let i = 0; i < d.tasks; i++)
    flow = flow.task(`n${i}`, nodes, ($) => ({ i, values: d.deps[i].map((j) => $[`n${j}`]) }))
  const all = await once(
    flow.returns(($) => Array.from({ length: d.tasks }, (_, i) => $[`n${i}`])),
    null
  )
  return { ...all, run: async () => total(await all.run()) }
}

export const many = async (count, length, limit) => {
  const flow = chainOf("many", length)
  const orchestrator = await Orchestrator.open()
  return {
    close: () => orchestrator.close(),
    run: async () => {
      let next = 0
      let sum = 0
      const lane = async () => {
        while (next < count) {
          const value = await orchestrator.execute(flow, next++ % 1000)
          sum = (sum + value) % 1_000_003
        }
      }
      await Promise.all(Array.from({ length: limit }, lane))
      return sum
    }
  }
}
