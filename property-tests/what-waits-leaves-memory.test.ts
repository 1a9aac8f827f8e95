// Of a run that only waits an id and a time stay in memory, whatever people and restarts do; and it still comes to its end.
import { fc, test } from "@fast-check/vitest"
import { load, type Run, task, type } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect } from "vitest"
import { StandingClock } from "../test/clock.ts"
import { seed } from "./seed.ts"

const hour = 3_600_000
/** Runs whose next wait ends sooner stay in memory; one that somebody looked at stays for a moment. */
const momentMs = 6_000

type Act =
  | { readonly type: "submit"; readonly ms: number; readonly gate: boolean; readonly count: number }
  | { readonly type: "look" | "pause" | "resume" | "wait" | "signal"; readonly pick: number }
  | { readonly type: "crash" }
  | { readonly type: "pass"; readonly ms: number }
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("submit" as const),
      ms: fc.constantFrom(1_000, 60_000, hour, 24 * hour, 30 * 24 * hour),
      gate: fc.boolean(),
      count: fc.constantFrom(1, 3, 20)
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom("look" as const, "pause" as const, "resume" as const, "wait" as const, "signal" as const),
      pick: fc.nat(40)
    })
  },
  { weight: 1, arbitrary: fc.constant({ type: "crash" as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.constantFrom(10, 10_000, hour) }) }
)

describe("G31 runs that only wait", () => {
  test.prop([fc.array(act, { maxLength: 14 })], { numRuns: 120, seed })(
    "are no actors, no timers of their own and no results in memory, a moment after whatever woke them, and come to their ends",
    async (acts) => {
      const store = memoryJournal({ isDurable: true })
      const clock = new StandingClock()
      const done = task("done", { in: type<number>(), out: type<number>(), run: (n) => n })
      const flowOf = (durationMs: number, gate: boolean) =>
        load(
          {
            ir: 1,
            name: "nap",
            tasks: [
              gate
                ? { id: "z", kind: "gate", signal: "go", withinMs: durationMs, otherwise: { value: 0 } }
                : { id: "z", kind: "sleep", durationMs },
              { id: "e", task: "done", input: { $: "input" }, after: ["z"] }
            ],
            output: { $: "e" }
          },
          { done }
        )
      const retention = { olderThan: 3_650 * 24 * hour }
      let life = await clock.open({ store, retention })
      const runs: Array<{ readonly id: string; readonly n: number; readonly dueAt: number; readonly ms: number }> = []
      const told: Array<Promise<unknown>> = []
      const some = async (pick: number): Promise<Run | undefined> =>
        runs.length === 0 ? undefined : life.orchestrator.get(runs[pick % runs.length]!.id)
      for (const one of acts) {
        if (one.type === "submit") {
          const flow = await flowOf(one.ms, one.gate)
          for (let i = 0; i < one.count; i++) {
            const n = runs.length
            runs.push({ id: `r${n}`, n, dueAt: clock.now + one.ms, ms: one.ms })
            await life.orchestrator.submit(flow, n, { id: `r${n}` })
          }
        } else if (one.type === "pass") await clock.advance(one.ms)
        else if (one.type === "crash") {
          await life.kill()
          const workflows = await Promise.all(
            [...new Set(runs.map(({ ms }) => ms))].flatMap((ms) => [flowOf(ms, true), flowOf(ms, false)])
          )
          life = await clock.open({ store, retention, workflows })
        } else {
          const run = await some(one.pick)
          if (one.type === "look") await run?.status()
          else if (one.type === "pause") await run?.pause()
          else if (one.type === "resume") await run?.resume()
          else if (one.type === "signal") await run?.signal("go", one.pick).catch(() => {})
          else if (run !== undefined) told.push(run.outcome().catch(() => {}))
        }
        await clock.advance(momentMs)
        const awake = [...life.engine.runs.values()].filter(({ outcome }) => outcome === undefined)
        // who is still here has something to do within a moment, or may not go on: nobody waits in here
        expect(
          awake.filter(({ timers }) => [...timers.values()].some(({ dueAt }) => dueAt > clock.now + momentMs))
        ).toEqual([])
        expect(life.engine.root.getSnapshot().size).toBe(1 + awake.length)
        // one timer for each that waits, and three of the house: what is too old, how long this life lasts, who is on a visit
        expect(life.engine.timers.size).toBeLessThanOrEqual(life.engine.live + 3)
      }
      for (const { id } of runs) await life.orchestrator.resume(id)
      await clock.advance(31 * 24 * hour)
      for (const { id, n } of runs)
        expect(await (await life.orchestrator.get(id)).outcome()).toMatchObject({ status: "succeeded", output: n })
      expect([life.orchestrator.live, life.engine.timers.size <= 2]).toEqual([0, true])
      await life.orchestrator.close()
      await Promise.all(told)
    }
  )
})
