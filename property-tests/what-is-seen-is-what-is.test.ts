// The inspector shows what is so: whatever happens to a run, each of its moments is shown as whoever looks at the store finds it.
import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { look } from "../src/engine/look.ts"
import { Follower } from "../src/inspect/follow.ts"
import type { SeenEvent } from "../src/inspect/protocol.ts"
import { Timeline, View } from "../src/inspect/view.ts"
import type { Json } from "../src/model/json.ts"
import { seed } from "./seed.ts"
import { flowOf, shapes } from "./shapes.ts"
import { world } from "./world.ts"

type Act =
  | { readonly type: "end"; readonly pick: number }
  | { readonly type: "tick"; readonly ms: number }
  | { readonly type: "crash" | "pause" | "resume" | "cancel" | "retry" }
  | { readonly type: "rollback"; readonly share: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("end" as const), pick: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("tick" as const), ms: fc.integer({ min: 1, max: 9_000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom("crash" as const, "pause" as const, "resume" as const, "retry" as const)
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("rollback" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) })
  },
  { weight: 1, arbitrary: fc.constant({ type: "cancel" as const }) }
)

/** Some tasks fail once or twice, and some for good. */
const failuresOf = (salt: number) => (path: string) => {
  let hash = salt
  for (const char of path) hash = (hash * 33 + char.charCodeAt(0)) % 1_009
  return hash % 7 === 0 ? 9 : hash % 3 === 0 ? 1 : 0
}

const plain = (value: unknown): Json => (value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json))

const played = async (shape: Parameters<typeof flowOf>[0], acts: ReadonlyArray<Act>, salt: number) => {
  const there = await world(flowOf(shape, { config: { concurrency: 2, onFailure: "continue" } }), failuresOf(salt), {
    listens: true
  })
  await there.orchestrator.submit(there.flow, null, { id: "r" })
  await there.settle()
  for (const one of acts) {
    const run = await there.orchestrator.get("r")
    if (one.type === "end") {
      if (there.out > 0) await there.endOne(one.pick)
    } else if (one.type === "tick") await there.tick(one.ms)
    else if (one.type === "crash") await there.crash()
    else if (one.type === "rollback") {
      const { messages } = await run.status()
      await run.rollback(Math.floor(one.share * (messages - 1))).catch(() => {})
    } else if (one.type === "retry") await run.retry().catch(() => {})
    else await run[one.type]()
    await there.settle()
  }
  await there.close()
  return there
}

describe("G37 what the inspector shows", () => {
  test.prop([shapes(5), fc.array(act, { maxLength: 30 }), fc.nat(1_000)], { numRuns: 200, seed })(
    "is every moment of a run as it was, and any moment can be gone to as if it had never been further",
    async (shape, acts, salt) => {
      const { journal, flow } = await played(shape, acts, salt)
      const { messages, epochs } = await Effect.runPromise(journal.read("r"))
      const head = { run: "r", hash: flow.hash, ir: flow.ir, first: messages[0]! }
      const follower = new Follower(journal, head, plain)
      const timeline = new Timeline()
      timeline.push(follower.begin())
      const moments: Array<number> = []
      for (const [n, message] of messages.entries()) {
        timeline.push(follower.push(message, epochs[n]!))
        moments.push(timeline.events.length)
        const run = timeline.latest.runs.get("r")!
        const { tasks, state } = await Effect.runPromise(look(journal, "r", n))
        const shown = Object.fromEntries(Object.keys(tasks).map((id) => [id, run.tasks.get(id)?.status ?? "pending"]))
        expect(shown, `after message ${n}: ${message.type}`).toEqual(coarse(tasks, shown))
        if (state.endedAt !== undefined) expect(run.status).toBe(state.status)
        // whoever is at work is shown at work, and nobody else
        for (const path of state.current) {
          const { attempts, status } = run.tasks.get(path)!
          // one that has tried before and waits for a slot counts as at work
          if (status !== "ready") expect(attempts.at(-1), path).toMatchObject({ endedAt: undefined })
        }
        const out = [...run.tasks.values()].filter(({ attempts }) => attempts.at(-1)?.endedAt === undefined)
        for (const { path, attempts } of out)
          if (attempts.length > 0) expect(state.current.includes(path), path).toBe(true)
      }
      follower.close()
      for (const seq of moments) {
        const fresh = new View()
        for (const event of timeline.events.slice(0, seq)) fresh.apply(event)
        expect(timeline.at(seq)).toEqual(fresh)
      }
      expect(increasing(timeline.events)).toBe(true)
    },
    120_000
  )
})

/** A board says of a task between two attempts that it runs; who looks closer sees that it waits, or is ready again. */
const coarse = (tasks: { readonly [task: string]: string }, shown: { readonly [task: string]: string }) =>
  Object.fromEntries(
    Object.entries(tasks).map(([id, status]) => [
      id,
      status === "running" && (shown[id] === "waiting" || shown[id] === "ready") ? shown[id] : status
    ])
  )

const increasing = (events: ReadonlyArray<SeenEvent>): boolean =>
  events.every(({ seq, t, cause }, i) => seq === i && t >= (events[i - 1]?.t ?? 0) && (cause ?? -1) < seq)
