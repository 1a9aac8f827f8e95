// Fan out over a list, retry what fails, accept partial results, and bring everything together again.
import { Orchestrator, task, workflow } from "troupe"
import { z } from "zod"

const Quote = z.object({ leg: z.string(), price: z.number().positive() })

// the first attempt for each leg fails, as networks do
const quote = task("quote", {
  in: z.string(),
  out: Quote,
  timeout: "2s",
  retry: { attempts: 3, base: "10ms" },
  run: async (leg, { attempt }) => {
    if (leg === "XXX-YYY") throw Object.assign(new Error(`nobody flies ${leg}`), { retryable: false })
    if (attempt === 1) throw new Error("connection reset")
    return { leg, price: leg.length * 42 }
  }
})

const trip = workflow("trip", z.object({ legs: z.array(z.string()) }))
  .map("quotes", quote, ($) => $.input.legs, { concurrency: 3, partial: true })
  .derive(
    "total",
    ($) => $.quotes,
    (quotes) => quotes.reduce((sum, one) => sum + (one?.price ?? 0), 0)
  )
  .returns(($) => ({ total: $.total, quotes: $.quotes }))

await using orchestrator = await Orchestrator.open()
const run = await orchestrator.submit(trip, { legs: ["OSL-CDG", "CDG-NRT", "XXX-YYY"] })
const { total, quotes } = await run.result()
for (const one of quotes) console.log(one === null ? "no quote" : `${one.leg}: ${one.price}`)
console.log(`total ${total} after ${(await run.status()).attempts} attempts`)
