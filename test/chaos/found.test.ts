// Found by this kit in this engine while its outer faces were made; each stays.
import { task, type, workflow } from "troupe"
import { type Plan, replay } from "troupe/chaos"
import { expect, test } from "vitest"

const charge = task("charge", { in: type<string>(), out: type<string>(), run: async (order) => order })
const sleeper = workflow("sleeper", type<string>())
  .gate("approved", type<boolean>(), { within: "1h", otherwise: "fail" })
  .sleep("cooled", "10s", { after: ["approved"] })
  .task("paid", charge, ($) => $.input, { after: ["cooled"] })
  .returns(($) => $.paid)

// found with seed 3: the run left memory, was due, could not be read once, and slept until the next restart
test("G01, G26 a sleeping run that cannot be read when it is due is read again later", async () => {
  for (let read = 0; read < 30; read++) {
    for (const more of [[], [{ on: "crash", write: 1, when: "synced", downMs: 5 }] satisfies Plan["faults"]]) {
      const faults: Plan["faults"] = [{ on: "read", read }, { on: "read", read: read + 1 }, ...more]
      const { violations, outcome } = await replay(sleeper, { v: 1, seed: 1, faults }, { input: "books" })
      expect(violations).toEqual([])
      expect(outcome).toEqual({ status: "succeeded", value: "books" })
    }
  }
})
