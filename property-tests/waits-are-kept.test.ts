// Waits of any length, over restarts, with clocks that somebody sets: each ends once, when its time on the wall has come.
import { fc, test } from "@fast-check/vitest"
import { task, type, workflow } from "troupe"
import { chaos, type Fault, replay } from "troupe/chaos"
import { describe, test as example, expect } from "vitest"
import { seed } from "./seed.ts"

const hour = 3_600_000
const day = 24 * hour
const year = 365 * day

const quick = task("quick", { in: type<null>(), out: type<number>(), retry: { attempts: 2, base: "1h" }, run: () => 1 })
/** One wait after another: the second one is 25 days, more than a timer of Node can hold. */
const flowOf = (ms: number) =>
  workflow(`waits-${ms}`, type<null>())
    .task("a", quick, () => null)
    .sleep("long", ms, { after: ["a"] })
    .sleep("month", "25d", { after: ["long"] })
    .gate("asked", type<boolean>(), { within: "2d", otherwise: () => true, after: ["month"] })
    .task("b", quick, () => null, { after: ["asked"] })
    .returns(($) => $.b)
const lengths = [1_000, day, 400 * day, 3_650 * day] as const
const flows = new Map(lengths.map((ms) => [ms, flowOf(ms)]))

const write = fc.nat(8)
const crash: fc.Arbitrary<Fault> = fc.record({
  on: fc.constant("crash"),
  write,
  when: fc.constantFrom("before", "written", "synced", "acked"),
  downMs: fc.constantFrom(0, 10, hour, 30 * day, 2 * year)
})
const jump: fc.Arbitrary<Fault> = fc.record({
  on: fc.constant("clock"),
  write,
  ms: fc.constantFrom(hour, -hour, day, -day, year, -year, 10 * year)
})
const broken: fc.Arbitrary<Fault> = fc.record({ on: fc.constant("read"), read: fc.nat(30) })

describe("G11, G19 what waits", () => {
  test.prop(
    [fc.constantFrom(...lengths), fc.array(fc.oneof(crash, crash, jump, broken), { maxLength: 5 }), fc.nat(1_000)],
    { numRuns: 80, seed }
  )(
    "ends once, and not before its time, however long it is, whoever dies, and whoever sets the clock",
    async (ms, faults, chance) => {
      const plan = { v: 1, seed: chance, faults } as const
      const { outcome, violations, messages } = await replay(flows.get(ms)!, plan, { answers: () => undefined })
      expect([violations, outcome]).toEqual([[], { status: "succeeded", value: 1 }])
      const fired = messages.flatMap((one) => (one.type === "timer.fired" ? [one] : []))
      expect(fired.map(({ task: of }) => of)).toEqual(["long", "month", "asked"])
      const begun = messages.find((one) => one.type === "attempt.succeeded")!.at
      for (const [i, least] of [ms, 25 * day, 2 * day].entries())
        expect(fired[i]!.at).toBeGreaterThanOrEqual((i === 0 ? begun : fired[i - 1]!.at) + least)
      if (!faults.some(({ on }) => on === "clock")) {
        // nothing began anew: only what passed while nobody was there comes on top
        const down = faults.reduce(
          (sum, fault) => sum + (fault.on === "crash" ? (fault.downMs ?? 0) + 1_000 : 3_000),
          0
        )
        expect(fired.at(-1)!.at).toBeLessThanOrEqual(begun + ms + 27 * day + down)
      }
    }
  )

  example(`G11 deadlines of runs, gates and pauses are kept in any world (seed ${seed})`, async () => {
    const slow = task("slow", {
      in: type<null>(),
      out: type<number>(),
      timeout: "1h",
      run: () => new Promise<number>(() => {})
    })
    const flow = workflow("deadlines", type<null>(), { timeout: "30d", onFailure: "continue" })
      .task("slow", slow, () => null)
      .gate("asked", type<number>(), { within: "20d", otherwise: () => 1 })
      .returns(($) => $.asked)
    const { crashes } = await chaos(flow, {
      seed,
      runs: 300,
      answers: () => undefined,
      faults: ["crash", "storage", "owners"],
      finally: ({ messages }) => {
        const submitted = messages[0]!.at
        const failed = messages.filter((one) => one.type === "attempt.failed")
        const fired = messages.filter((one) => one.type === "timer.fired")
        return (
          failed.length === 1 &&
          failed[0]!.at >= submitted + hour &&
          fired.every(({ at, task: of }) => at >= submitted + (of === "" ? 30 * day : 20 * day)) &&
          new Set(fired.map(({ task: of }) => of)).size === fired.length
        )
      }
    })
    expect(crashes).toBeGreaterThan(20)
  })
})
