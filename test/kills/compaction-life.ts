/** A life of the compaction test: brings its runs to their end, snapshotting and compacting all the time, until it is killed. */
import { gte, Orchestrator, task, type, workflow } from "../../src/index.ts"

const [store] = process.argv.slice(2)
const step = task("step", {
  in: type<number>(),
  out: type<number>(),
  run: async (n) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    return n + 1
  }
})
const round = workflow("round", type<number>())
  .task("n", step, ($) => $.input)
  .returns(($) => $.n)
const loop = workflow("loop", type<number>())
  .repeat("rounds", round, ($) => $.input, { until: (out) => gte(out, 300), max: 1_000 })
  .returns(($) => $.rounds)

const orchestrator = await Orchestrator.open({
  store: `sqlite:${store}`,
  workflows: [loop],
  snapshotEvery: 5,
  keepMessages: 3
})
const runs = await Promise.all([0, 1, 2, 3].map((i) => orchestrator.submit(loop, 0, { id: `loop-${i}` })))
process.send?.("open")
const results = await Promise.all(runs.map((run) => run.result()))
process.send?.(`done ${results.join()}`)
await orchestrator.close()
process.disconnect?.()
