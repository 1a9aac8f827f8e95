// A process that copies its store; somebody kills it on the way.
import { Orchestrator, type, workflow } from "../../src/index.ts"

const [path, copy] = process.argv.slice(2) as [string, string]
const flow = workflow("large", type<string>())
  .derive(
    "same",
    ($) => $.input,
    (text) => text
  )
  .returns(($) => $.same)
const orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
if ((await orchestrator.list({ limit: 1 })).runs.length === 0)
  await Promise.all(
    Array.from({ length: 400 }, (_, i) => orchestrator.execute(flow, `${i}`.repeat(30_000), { id: `r${i}` }))
  )
console.log("now")
await orchestrator.backup(copy)
setInterval(() => {}, 1_000)
