// Kill it at any moment (`kill -9`, Ctrl-C, the power switch) and start it again: it goes on where it was, and no step that was
// done is done twice. `npx node examples/11-order.ts [store file]`; delete the file to begin a new order.
import { Orchestrator, task, type, workflow } from "troupe"

const step = (name: string, ms: number) =>
  task(name, {
    in: type<string>(),
    out: type<string>(),
    run: async (order, { key, delivery }) => {
      console.log(`${name}: ${order}${delivery > 1 ? " (once more: nobody knows how far the last try came)" : ""}`)
      await new Promise((resolve) => setTimeout(resolve, ms)) // the shop, the bank, the carrier: give them `key`
      return `${name} ${key}`
    }
  })

const order = workflow("order", type<string>())
  .task("reserved", step("reserve", 600), ($) => $.input)
  .task("paid", step("charge", 900), ($) => $.input, { after: ["reserved"] })
  .sleep("cooled", "1s", { after: ["paid"] })
  .task("packed", step("pack", 600), ($) => $.input, { after: ["cooled"] })
  .task("shipped", step("ship", 900), ($) => $.input, { after: ["packed"] })
  .returns(($) => [$.reserved, $.paid, $.packed, $.shipped])

await using orchestrator = await Orchestrator.open({ store: `sqlite:${process.argv[2] ?? "orders.db"}` })
const run = await orchestrator.submit(order, "three books", { id: "order-1" }) // the same id is the same run
console.log(`done: ${(await run.result()).map((done) => done.split(" ")[0]).join(", ")}`)
