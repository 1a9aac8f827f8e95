// Troupe with its default store settings: every task is an actor, every message waits for the disk, full history kept.
import { join as path } from "node:path"
import { Orchestrator, task, type, workflow } from "troupe"
import { join, root, work } from "../../workloads.mjs"

const rootTask = task("root", { in: type(), out: type(), run: () => root() })
const workTask = task("work", { in: type(), out: type(), run: ({ seed, i }) => work(seed, i) })
const joinTask = task("join", { in: type(), out: type(), run: (values) => join(values) })
const fan = workflow("fan", type())
  .task("root", rootTask, () => null)
  .map("items", workTask, ($) => $.input, { input: ($) => ({ seed: $.root, i: $.index }) })
  .task("join", joinTask, ($) => $.items)
  .returns(($) => $.join)

export const open = async ({ dir, body, finished }) => {
  const step = task("step", { in: type(), out: type(), run: ({ id, i, x }) => body(id, i, x) })
  let flow = workflow("flow", type())
  for (let i = 0; i < 5; i++)
    flow = flow.task(`s${i}`, step, ($) => ({ id: $.input.id, i, x: i === 0 ? $.input.x : $[`s${i - 1}`] }))
  flow = flow.returns(($) => $.s4)
  const orchestrator = await Orchestrator.open({ store: `sqlite:${path(dir, "troupe.db")}`, workflows: [flow, fan] })
  const given = (id) => [flow, { id, x: id % 1_000 }, { id: `f${id}` }]
  return {
    run: (id) => orchestrator.execute(...given(id)),
    submit: (id) => orchestrator.submit(...given(id)),
    fan: (n, key) => orchestrator.execute(fan, n, { id: key }),
    // runs that were killed go on by themselves; then every result is read
    resume: async (count) => {
      while (orchestrator.live > 0) await new Promise((resolve) => setTimeout(resolve, 1))
      finished()
      const values = await Promise.all(
        Array.from({ length: count }, async (_, id) => (await orchestrator.get(`f${id}`)).result())
      )
      return values.reduce((sum, value) => (sum + value) % 1_000_003, 0)
    },
    close: () => orchestrator.close()
  }
}
