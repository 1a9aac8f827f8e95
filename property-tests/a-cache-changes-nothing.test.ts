import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test as propertyTest } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { type CacheOptions, type Json, Orchestrator, task, type, type Workflow, workflow } from "troupe"
import { type JournalService, memoryJournal, sqliteJournal } from "troupe/storage"
import { afterAll, describe, expect, test } from "vitest"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"
import { settle, standing } from "../test/clock.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-cache-"))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

interface Asked {
  readonly city: number
  readonly unit: string
}
type Act =
  | { readonly type: "ask"; readonly asked: Asked }
  | { readonly type: "tick"; readonly ms: number }
  | { readonly type: "restart" }

const ttlMs = 10_000
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("ask" as const),
      asked: fc.record({ city: fc.nat(3), unit: fc.constantFrom("C", "F") })
    })
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("tick" as const), ms: fc.integer({ min: 0, max: 15_000 }) }) },
  { weight: 1, arbitrary: fc.constant({ type: "restart" as const }) }
)

const answerOf = ({ city, unit }: Asked): Json => ({ text: `${city} ${unit}`, list: [city] })
/** City 3 cannot be asked. */
const isBad = ({ city }: Asked) => city === 3

/** An orchestrator on a standing clock, and how often its task was called for what. */
const station = async (journal: JournalService) => {
  const time = standing()
  const calls: Array<Asked> = []
  const look = task("look", {
    in: type<Asked>(),
    out: type<Json>(),
    run: (asked) => {
      calls.push(asked)
      if (isBad(asked)) throw new TypeError("no such city")
      return answerOf(asked)
    }
  })
  const flow = (name: string, cache?: CacheOptions & { readonly key?: ($: any) => unknown }): Workflow<Asked, Json> =>
    workflow(name, type<Asked>())
      .task("a", look, ($) => $.input, cache === undefined ? {} : { cache })
      .returns(($) => $.a)
  const flows = {
    plain: flow("plain"),
    whole: flow("whole", { ttl: ttlMs }),
    byCity: flow("byCity", { ttl: ttlMs, key: ($) => ["city", $.input.city] })
  }
  let opened: Opened
  const live = async () => {
    opened = await Effect.runPromise(openEngine({ store: journal, onDefect: () => {} }, time.context))
  }
  await live()
  return {
    calls,
    flows,
    now: time.now,
    tick: (ms: number) => time.move(ms, () => settle(1)),
    restart: async () => {
      await new Orchestrator(opened).close()
      await live()
    },
    ask: async (workflow: Workflow<Asked, Json>, asked: Asked) => {
      const run = await new Orchestrator(opened).submit(workflow, asked)
      const { status, output } = await run.outcome()
      const last = (await run.history()).at(-1)!
      return { status, output, isCached: last.type === "attempt.succeeded" && last.cached === true }
    },
    close: () => new Orchestrator(opened).close()
  }
}

const journals: Record<string, () => Promise<JournalService>> = {
  memory: async () => memoryJournal({ isDurable: true }),
  file: () => sqliteJournal({ path: join(folder, `${files++}.db`), synchronous: "normal" })
}

describe("H08 results that are remembered", () => {
  propertyTest.prop(
    [
      fc.constantFrom("memory", "file"),
      fc.constantFrom("whole" as const, "byCity" as const),
      fc.array(act, { maxLength: 25 })
    ],
    { numRuns: 80 }
  )(
    "are those that the task would give; it is called once for each key within the time to live, and never for a failure less",
    async (kind, how, acts) => {
      const there = await station(await journals[kind]!())
      const until = new Map<string, number>()
      for (const one of acts) {
        if (one.type === "tick") await there.tick(one.ms)
        if (one.type === "restart") await there.restart()
        if (one.type !== "ask") continue
        // the unit says nothing about the weather, only about its answer: asked by city, the first unit is given again
        const asked = how === "byCity" ? { ...one.asked, unit: "C" } : one.asked
        const key = how === "byCity" ? `${asked.city}` : JSON.stringify(asked)
        const isKnown = (until.get(key) ?? 0) > there.now()
        const before = there.calls.length
        const answer = await there.ask(there.flows[how], asked)
        expect(answer).toEqual(
          isBad(asked)
            ? { status: "failed", output: undefined, isCached: false }
            : { status: "succeeded", output: answerOf(asked), isCached: isKnown }
        )
        expect(there.calls.length - before).toBe(isKnown ? 0 : 1)
        if (!isKnown && !isBad(asked)) until.set(key, there.now() + ttlMs)
        // without a cache the same is asked, and the same comes out
        const plain = await there.ask(there.flows.plain, asked)
        expect(plain).toEqual({ ...answer, isCached: false })
      }
      await there.close()
    }
  )

  test("a key is what the result depends on: other data with the same key is the same question", async () => {
    const there = await station(memoryJournal())
    const first = await there.ask(there.flows.byCity, { city: 1, unit: "C" })
    expect(await there.ask(there.flows.byCity, { city: 1, unit: "F" })).toEqual({ ...first, isCached: true })
    expect((await there.ask(there.flows.whole, { city: 1, unit: "F" })).isCached).toBe(false)
    expect(there.calls.length).toBe(2)
    await there.close()
  })
})
