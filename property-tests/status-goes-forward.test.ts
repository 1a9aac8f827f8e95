// What people were shown stays true: it is on the disk, and later looks show no less.
import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { load, Orchestrator, type RunState, task, type } from "troupe"
import { JournalBroken, JournalFull, type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect } from "vitest"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"
import { settle, standing, trust } from "../test/clock.ts"
import { seed } from "./seed.ts"
import { flowOf, shapes, valueOf } from "./shapes.ts"

/** Full and broken disks write nothing; a slow one does later; nobody can tell what an unsure one did, or a doubtful one did not. */
type Trouble = "none" | "full" | "broken" | "slow" | "unsure" | "doubtful"
type Act =
  | { readonly type: "end"; readonly pick: number }
  | { readonly type: "tick"; readonly ms: number }
  | { readonly type: "crash" | "pause" | "resume" | "cancel" | "takeover" }
  | { readonly type: "trouble"; readonly how: Trouble }
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("end" as const), pick: fc.nat(50) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("tick" as const), ms: fc.constantFrom(10, 200, 3_000, 60_000) })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "crash" as const,
        "takeover" as const,
        "pause" as const,
        "resume" as const,
        "cancel" as const
      )
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("trouble" as const),
      how: fc.constantFrom<Trouble>("none", "none", "full", "broken", "slow", "slow", "unsure", "doubtful")
    })
  }
)

const ended = ["succeeded", "failed", "cancelled"]

describe("G37 what status shows", () => {
  test.prop([shapes(5), fc.array(act, { maxLength: 25 })], { numRuns: 400, seed })(
    "is durable and never goes back, while disks fail and lie, owners die or are replaced, and people pause and cancel",
    async (shape, acts) => {
      const good = memoryJournal({ isDurable: true })
      let trouble: Trouble = "none"
      // somebody who was not told that it is written tries again, and is never told a lie about it
      const append: JournalService["append"] = (batch, notes, epoch) =>
        Effect.suspend(() => {
          const fresh = batch.filter(({ run, seq }) => seq >= Effect.runSync(good.read(run)).messages.length)
          return good.append(fresh, notes, epoch)
        })
      const isThere = ({ run, seq }: { readonly run: string; readonly seq: number }) =>
        seq < Effect.runSync(good.read(run)).messages.length
      const broken = (isUnsure: boolean) => Effect.fail(new JournalBroken({ cause: new Error("EIO"), isUnsure }))
      const store: JournalService = {
        ...good,
        append: (batch, notes, epoch) => {
          switch (batch.length === 0 && trouble === "unsure" ? "none" : trouble) {
            case "none":
              return append(batch, notes, epoch)
            case "slow":
              return Effect.delay(append(batch, notes, epoch), 50)
            case "unsure":
              return Effect.andThen(append(batch, notes, epoch), broken(true))
            case "doubtful":
              return broken(true)
            default:
              return batch.some(isThere)
                ? broken(true)
                : trouble === "full"
                  ? Effect.fail(new JournalFull())
                  : broken(false)
          }
        }
      }
      const time = standing()
      let out: Array<() => void> = []
      const step = task("step", {
        in: type<any>(),
        out: type<number>(),
        run: (input) => new Promise<number>((resolve) => out.push(() => resolve(valueOf(input))))
      })
      const plan = task("plan", {
        in: type<any>(),
        out: type<any>(),
        run: () => ({ tasks: [{ id: "p", task: "step", input: [1] }] })
      })
      const flow = await load(flowOf(shape), { step, plan })
      const live = async (): Promise<Opened> => {
        const opened = await Effect.runPromise(
          openEngine({ store, workflows: [flow], onDefect: () => {} }, time.context)
        )
        await trust(opened)
        await settle()
        return opened
      }
      let life = await live()
      await new Orchestrator(life).submit(flow, null, { id: "r" })
      let seen: RunState | undefined
      const look = async (one: Opened) => {
        const now = await new Orchestrator(one).status("r").catch(() => undefined)
        if (now === undefined) return
        const { messages } = await Effect.runPromise(good.read("r"))
        // nothing is shown that a crash could take back
        expect(now.messages).toBeLessThanOrEqual(messages.length)
        const done = messages.filter(({ type: of }) => of === "attempt.succeeded").length
        expect(now.attempts).toBeGreaterThanOrEqual(Math.min(done, now.attempts))
        if (now.status === "cancelled") expect(messages.map(({ type: of }) => of)).toContain("run.cancelled")
        if (seen !== undefined) {
          expect(now.messages).toBeGreaterThanOrEqual(seen.messages)
          expect(now.tasks.completed).toBeGreaterThanOrEqual(seen.tasks.completed)
          if (ended.includes(seen.status)) expect([now.status, now.endedAt]).toEqual([seen.status, seen.endedAt])
        }
        seen = now
      }
      await look(life)
      for (const one of acts) {
        const orchestrator = new Orchestrator(life)
        const ask = (asked: Promise<unknown>) => asked.catch(() => {})
        if (one.type === "end" && out.length > 0) out.splice(one.pick % out.length, 1)[0]!()
        else if (one.type === "tick") await time.move(one.ms)
        else if (one.type === "trouble") trouble = one.how
        else if (one.type === "crash") {
          life.engine.abandon()
          out = []
          trouble = "none"
          life = await live()
        } else if (one.type === "takeover") {
          // the old one does not know yet
          trouble = "none"
          life = await live()
        } else if (one.type === "pause") void ask(orchestrator.pause("r"))
        else if (one.type === "resume") void ask(orchestrator.resume("r"))
        else if (one.type === "cancel") void ask(orchestrator.cancel("r"))
        await look(life)
        await settle()
        await look(life)
      }
      life.engine.abandon()
    }
  )
})
