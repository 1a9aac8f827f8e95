// A promise that was never put to the test at a place says nothing about that place.
import { task, type, workflow } from "troupe"
import { type Coverage, chaos } from "troupe/chaos"
import { expect, test } from "vitest"

const charge = task("charge", {
  in: type<string>(),
  out: type<string>(),
  retry: { attempts: 3, base: 100 },
  run: async (order) => order
})
const order = workflow("order", type<string>())
  .gate("approved", type<boolean>(), { within: "1h", otherwise: "fail" })
  .task("charge", charge, ($) => $.input, { after: ["approved"] })
  .sleep("cooled", "10s", { after: ["charge"] })
  .map("mails", charge, ($) => [$.charge, $.charge], { after: ["cooled"] })
  .returns(($) => $.mails)
const world = { input: "books", seed: 3 }
const cell = ({ rows }: Coverage, task: string, state: string) =>
  rows.find((row) => row.task === task && row.state === state)

test("every place of a workflow is counted against every family of faults", async () => {
  const { coverage, executions } = await chaos(order, { ...world, runs: 4_000, coverage: true })
  expect(coverage!.rows.map(({ text }) => text)).toEqual(
    expect.arrayContaining([
      "the run: is not written yet",
      "the run: is paused",
      "approved: is open",
      "charge: runs",
      "charge: waits for its next attempt",
      "cooled: sleeps",
      "mails: runs"
    ])
  )
  expect(cell(coverage!, "charge", "attempting")!.seen).toBeGreaterThan(executions / 2)
  expect(cell(coverage!, "charge", "attempting")!.seen).toBeLessThanOrEqual(executions)
  expect(cell(coverage!, "charge", "backingOff")!.hits.crash).toBeGreaterThan(0)
  expect(cell(coverage!, "", "unwritten")!.hits.crash).toBeGreaterThan(0)
  // one place for all items of a fan-out
  expect(coverage!.rows.every(({ task }) => !task.includes("["))).toBe(true)
  expect(coverage!.tried).toBeLessThanOrEqual(coverage!.cells)
  expect(coverage!.never).toHaveLength(coverage!.cells - coverage!.tried)
})

test("what was never tried is said in a sentence", async () => {
  const { coverage } = await chaos(order, { ...world, runs: 200, faults: ["crash"], coverage: true })
  expect(coverage!.families).toEqual(["crash"])
  // without failing attempts there is no second one to wait for
  expect(cell(coverage!, "charge", "backingOff")).toMatchObject({ seen: 0, hits: { crash: 0 } })
  expect(coverage!.never.map(({ text }) => text)).toContain("a crash while 'charge' waits for its next attempt")
  expect(coverage!.text).toContain("  a crash while 'charge' waits for its next attempt")
  expect(coverage!.text).toMatch(/^failure coverage of order: \d+ of \d+ places × families\n/)
})

test("it is there only when it is asked for", async () => {
  expect((await chaos(order, { ...world, runs: 10 })).coverage).toBeUndefined()
})
