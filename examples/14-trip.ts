// A trip is booked; there are no seats, so what was booked is taken back. Kill it in the middle of that (it takes its time) and run
// it again: nothing is taken back twice, nothing is forgotten. `npx node examples/14-trip.ts trip.db`
import { setTimeout } from "node:timers/promises"
import { Orchestrator, task, type, workflow } from "troupe"

const say = (text: string) => setTimeout(200, text).then((it) => console.log(it) ?? it)
const facts = { in: type<unknown>(), out: type<string>() }
const book = (what: string) =>
  task(what, { ...facts, run: () => say(`book ${what}`), undo: () => say(`cancel ${what}`) })
const seats = task("seats", { ...facts, run: () => Promise.reject(new Error("none left")) })
const trip = workflow("trip", type<string>())
  .task("hotel", book("hotel"), ($) => $.input)
  .task("car", book("car"), ($) => $.hotel)
  .task("flight", book("flight"), ($) => $.car)
  .task("seats", seats, ($) => $.flight)
  .returns(($) => $.seats)

await using orchestrator = await Orchestrator.open({ store: `sqlite:${process.argv[2]}`, workflows: [trip] })
const run = await orchestrator.submit(trip, "Oslo", { id: "oslo" })
await run.result().catch(({ message }) => console.log(message))
console.log((await run.status()).undo.done.join(", "), "taken back")
