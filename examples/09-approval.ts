// A run that waits for a person: it leaves memory, outlives the process, and goes on with the answer.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Orchestrator, task, type, workflow } from "troupe"
import { z } from "zod"

const quote = task("quote", { in: type<string>(), out: type<number>(), run: async (leg) => leg.length * 60 })
const charge = task("charge", { in: type<number>(), out: type<string>(), run: async (total) => `receipt for ${total}` })

const trip = workflow("trip", type<{ legs: Array<string> }>())
  .map("quotes", quote, ($) => $.input.legs)
  .derive(
    "total",
    ($) => $.quotes,
    (prices) => prices.reduce((a, b) => a + b, 0)
  )
  // whoever approves sees the total; without an answer within a day the run fails
  .gate("approved", z.object({ by: z.string() }), {
    show: ($) => ({ total: $.total }),
    within: "24h",
    otherwise: "fail"
  })
  // data decides order: nothing of the gate is read here, so the order is said
  .task("receipt", charge, ($) => $.total, { after: ["approved"] })
  .returns(($) => ({ receipt: $.receipt, approvedBy: $.approved.by }))

const folder = await mkdtemp(join(tmpdir(), "troupe-approval-"))
/** What the run asks, once it does. */
const question = async (orchestrator: Orchestrator) => {
  for (;;) {
    const [gate] = (await orchestrator.status("t1")).gates
    if (gate !== undefined) return gate
    await sleep(5)
  }
}
const open = () => Orchestrator.open({ store: `sqlite:${folder}/trips.db`, workflows: [trip] })

const before = await open()
await before.submit(trip, { legs: ["OSL-CDG", "CDG-NRT"] }, { id: "t1" })
await question(before)
await before.close()

// another process, another day
const after = await open()
const { gate, show } = await question(after)
console.log(`${gate}? ${JSON.stringify(show)}`)
const wrong = await after.answer("t1", "approved", "yes").catch((error) => error.code)
console.log(`an answer of the wrong shape: ${wrong}`)
await after.answer("t1", "approved", { by: "ada" }, { who: "ada", why: "cheap enough" })
const { receipt, approvedBy } = await (await after.get("t1")).result()
await after.close()
await rm(folder, { recursive: true })
console.log(`${receipt}, approved by ${approvedBy}`)
