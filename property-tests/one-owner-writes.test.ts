// Owners of one store, one after the other or at the same time: only the last one writes, and whoever was told something was told the truth.
import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { type TroupeError, task, type, workflow } from "troupe"
import { chaos } from "troupe/chaos"
import { memoryJournal } from "troupe/storage"
import { describe, test as example, expect } from "vitest"
import { type Owner, open, settle } from "../test/clock.ts"
import { seed } from "./seed.ts"

/** Tasks that end when the test says so; each knows the epoch that called it. */
const held = () => {
  const out: Array<{ readonly epoch: number; readonly end: () => void }> = []
  const step = task("step", {
    in: type<number>(),
    out: type<number>(),
    run: (n, { fencingToken: epoch }) =>
      new Promise<number>((resolve) => out.push({ epoch, end: () => resolve(n + 1) }))
  })
  return { step, out }
}

type Act =
  | { readonly type: "open" | "turn" }
  | { readonly type: "end" | "submit" | "cancel" | "pause" | "resume"; readonly pick: number }
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("open" as const, "turn" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "end" as const,
        "end" as const,
        "submit" as const,
        "cancel" as const,
        "pause" as const,
        "resume" as const
      ),
      pick: fc.nat(20)
    })
  }
)

describe("G04, G24 of many owners", () => {
  test.prop([fc.array(act, { maxLength: 30 })], { numRuns: 200, seed })(
    "none writes a message once the next one has the store, and what any of them acknowledged is there",
    async (acts) => {
      const store = memoryJournal({ isDurable: true })
      const { step, out } = held()
      const flow = workflow("two", type<number>())
        .task("a", step, ($) => $.input)
        .task("b", step, ($) => $.a)
        .returns(($) => $.b)
      const options = { store, workflows: [flow], onDefect: () => {} }
      const owners: Array<Owner> = [await open(options)]
      const acknowledged = new Map<string, Set<string>>()
      const wrong: Array<string> = []
      const hear = (asked: Promise<unknown>, run: string, what: string) =>
        void asked.then(
          () => acknowledged.set(run, (acknowledged.get(run) ?? new Set()).add(what)),
          ({ code }: TroupeError) => {
            if (!["STALE_OWNER", "CLOSED", "RUN_NOT_FOUND"].includes(code)) wrong.push(`${what}: ${code}`)
          }
        )
      let submitted = 0
      for (const one of acts) {
        if (one.type === "open") owners.push(await open(options))
        else if (one.type === "turn") await settle(1)
        else if ("pick" in one) {
          const { orchestrator } = owners[one.pick % owners.length]!
          const run = `r${one.pick % (submitted + 1)}`
          if (one.type === "submit")
            hear(orchestrator.submit(flow, 1, { id: `r${submitted++}` }), `r${submitted - 1}`, "run.submitted")
          else if (one.type === "end" && out.length > 0) out.splice(one.pick % out.length, 1)[0]!.end()
          else if (one.type === "pause") hear(orchestrator.pause(run), run, "")
          else if (one.type === "resume") hear(orchestrator.resume(run), run, "")
          else if (one.type === "cancel") hear(orchestrator.cancel(run), run, "")
        }
      }
      await settle()
      const last = await open(options)
      for (let i = 0; i < submitted; i++)
        for (const { orchestrator } of [last, ...owners]) await orchestrator.resume(`r${i}`).catch(() => {})
      for (let i = 0; i < 6 * submitted + 6; i++) {
        // zombies answer as well
        for (const { end } of out.splice(0)) end()
        await settle(2)
      }
      expect(wrong).toEqual([])
      for (let i = 0; i < submitted; i++) {
        const run = `r${i}`
        const { messages, epochs } = await Effect.runPromise(store.read(run))
        // epochs only rise: nobody wrote after the next one had begun
        expect(epochs).toEqual([...epochs].sort((a, b) => a - b))
        for (const what of acknowledged.get(run) ?? [])
          if (what !== "") expect(messages.map(({ type: of }) => of)).toContain(what)
        if (messages.length === 0) continue
        const done = messages.flatMap((one) => (one.type === "attempt.succeeded" ? [one.task] : []))
        expect(new Set(done).size).toBe(done.length)
        const outcome = await (await last.orchestrator.get(run)).outcome()
        expect([outcome.status, outcome.output]).toEqual(
          messages.some(({ type: of }) => of === "run.cancelled") ? [outcome.status, outcome.output] : ["succeeded", 3]
        )
      }
      for (const owner of owners) await owner.kill()
      await last.orchestrator.close()
    }
  )

  example(
    `G05 frozen, woken and replaced in any world, what comes out is what one alone would give (seed ${seed})`,
    async () => {
      const step = task("step", { in: type<number>(), out: type<number>(), run: async (n) => n + 1 })
      const flow = workflow("row", type<number>())
        .task("a", step, ($) => $.input)
        .sleep("rest", "1m", { after: ["a"] })
        .map("items", step, () => [1, 2, 3, 4], { after: ["rest"] })
        .task("b", step, ($) => $.a, { after: ["items"] })
        .returns(($) => [$.b, $.items])
      const { lives } = await chaos(flow, {
        input: 1,
        seed,
        runs: 500,
        faults: ["owners", "crash", "storage"],
        finally: ({ status, output, messages, ...world }) =>
          status === "succeeded" &&
          JSON.stringify(output) === "[3,[2,3,4,5]]" &&
          messages.filter(({ type: of }) => of === "attempt.succeeded").length === 6 &&
          ["a", "b"].every((name) => world.effects(name) === 1)
      })
      expect(lives).toBeGreaterThan(600)
    }
  )
})
