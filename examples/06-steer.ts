// Steering a run: how far it is, pause, resume, cancel, and what its history says afterwards.
import { setTimeout as sleep } from "node:timers/promises"
import { Orchestrator, task, type, workflow } from "troupe"

const page = task("page", {
  in: type<number>(),
  out: type<number>(),
  estimate: "20ms",
  run: (n, { signal }) => sleep(20, n, { signal })
})
const book = workflow("book", type<null>())
  .map("pages", page, () => 40, { concurrency: 2, input: ($) => $.index })
  .returns(($) => $.pages.length)

await using orchestrator = await Orchestrator.open()
const run = await orchestrator.submit(book, null, { id: "book-1" })
await sleep(120)
await run.pause({ who: "ada", why: "out of paper" })
const paused = await run.status()
console.log(`${paused.status} at ${paused.percent > 0 && paused.percent < 100 ? "some" : "no"} percent`)
await orchestrator.resume("book-1", { who: "ada" })
console.log(`all ${await run.result()} pages`)

const second = await orchestrator.submit(book, null, { id: "book-2" })
await orchestrator.cancel("book-2", { why: "nobody reads it" })
console.log((await second.outcome()).error?.message)
const told = (await run.history()).flatMap((message) => (message.type.startsWith("run.") ? [message.type] : []))
console.log(told.join(", "))
