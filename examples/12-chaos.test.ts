// What happens to an order when the process dies, the disk is full, the bank does not answer, somebody pauses it? One line asks.
// `npx vitest run examples/12-chaos.test.ts`
import "troupe/chaos/vitest"
import { task, type, workflow } from "troupe"
import { expect, test } from "vitest"

/** The bank, as far as the order sees it: it knows each charge by its key. */
let ledger = new Map<string, string>()

const order = (hasKey: boolean) => {
  const charge = task("charge", {
    in: type<string>(),
    out: type<string>(),
    retry: { attempts: 3 },
    run: async (what, { key }) => {
      await new Promise((resolve) => setTimeout(resolve, 200)) // simulated: an hour takes no longer
      ledger.set(hasKey ? key : crypto.randomUUID(), what)
      return `paid for ${what}`
    }
  })
  return workflow("order", type<string>())
    .gate("approved", type<boolean>(), { within: "1d", otherwise: "fail" })
    .task("paid", charge, ($) => $.input, { after: ["approved"] })
    .returns(($) => $.paid)
}

const world = {
  input: "three books",
  reset: () => void (ledger = new Map()),
  // what people take back and do again is charged again: so nobody does
  faults: ["task", "storage", "crash", "owners", "clock", "code"],
  finally: () => ledger.size <= 1
} as const

test("an order is charged once, whatever happens", async () => {
  await expect(order(true)).toSurvive(world)
})

test("it comes to its end under every fault there is", async () => {
  await expect(order(true)).toFinish({ input: "three books", reset: world.reset })
})

test("without the key it is charged twice, and a story of one fault says how", async () => {
  await expect(expect(order(false)).toSurvive({ ...world, seed: 1 })).rejects.toThrow(/your invariant at the end/)
})
