// Found by the chaos kit in this engine; each stays, with its plan.
import { type Plan, replay } from "troupe/chaos"
import { expect, test } from "vitest"
import { scenes } from "./planted/flows.ts"

const broken = async (name: keyof typeof scenes, faults: Plan["faults"], seed = 0) => {
  const { workflow, options } = scenes[name]
  return (await replay(workflow, { v: 1, seed, faults }, options)).violations
}

test("G24 an owner that was taken over while its run only waits hears of it, and does not knock for ever", async () => {
  expect(await broken("waits", [{ on: "owners", write: 3, how: "second", ms: 0 }], 1)).toEqual([])
})
