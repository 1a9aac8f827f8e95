// Troupe, through its public face: every task is an actor under its run, every run one under the orchestrator.
import { Orchestrator, task, type, workflow } from "troupe"
import { join, node, root, step, total, work } from "../workloads.mjs"
import { lanes } from "./plain.mjs"

export const kind = "engine"
const stepTask = task("step", { in: type(), out: type(), run: ({ previous, i }) => step(previous, i) })
const rootTask = task("root", { in: type(), out: type(), run: () => root() })
const workTask = task("work", { in: type(), out: type(), run: ({ seed, i }) => work(seed, i) })
const joinTask = task("join", { in: type(), out: type(), run: (values) => join(values) })
const nodeTask = task("node", { in: type(), out: type(), run: ({ i, values }) => node(i, values) })

const line = (name, n) => {
  let flow = workflow(name, type())
  for (let i = 0; i < n; i++)
    flow = flow.task(`s${i}`, stepTask, ($) => ({ previous: i === 0 ? $.input : $[`s${i - 1}`], i }))
  return flow.returns(($) => $[`s${n - 1}`])
}

const ready = async (flow, input) => {
  const orchestrator = await Orchestrator.open()
  return { run: () => orchestrator.execute(flow, input), close: () => orchestrator.close() }
}

export const chain = async (n) => ready(line("chain", n), 1)

export const fan = async (n) =>
  ready(
    workflow("fan", type())
      .task("root", rootTask, () => null)
      .map("items", workTask, () => n, { input: ($) => ({ seed: $.root, i: $.index }) })
      .task("join", joinTask, ($) => $.items)
      .returns(($) => $.join),
    null
  )

export const dag = async ({ deps }) => {
  let flow = workflow("dag", type())
  deps.forEach((list, i) => {
    flow = flow.task(`n${i}`, nodeTask, ($) => ({ i, values: list.map((j) => $[`n${j}`]) }))
  })
  const { run, close } = await ready(
    flow.returns(($) => deps.map((_, i) => $[`n${i}`])),
    null
  )
  return { close, run: async () => total(await run()) }
}

export const many = async (count, steps, width) => {
  const flow = line("many", steps)
  const orchestrator = await Orchestrator.open()
  return {
    close: () => orchestrator.close(),
    run: () => lanes(count, width, (id) => orchestrator.execute(flow, id % 1000))
  }
}
