// G20 schedules over lives that end at any write: what is due begins one run or is passed over, by the policy, and never both.
import { fc, test as property } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { type ScheduleOptions, task, type, workflow } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { JournalFull } from "../src/storage/errors.ts"
import { type Owner, StandingClock, settle } from "../test/clock.ts"

const minute = 60_000
/** Where the standing clock stands, and how long these stories are. */
const start = Date.UTC(2023, 10, 14, 22, 13, 20)
const length = 120 * minute

/** What goes wrong with a write: the process dies before it, or right after it, and nobody hears; or there is no room for it. */
type Trouble = "before" | "after" | "full"

/** A journal that outlives its owners, and in which writes go wrong. */
const troubled = (troubles: ReadonlyMap<number, Trouble>) => {
  const disk = memoryJournal({ isDurable: true })
  let writes = 0
  let isDead = false
  const write =
    <A extends ReadonlyArray<unknown>>(apply: (...given: A) => Effect.Effect<void, any>) =>
    (...given: A): Effect.Effect<void, any> => {
      if (isDead) return Effect.never
      const trouble = troubles.get(writes++)
      if (trouble === "full") return Effect.fail(new JournalFull())
      if (trouble === undefined) return apply(...given)
      isDead = true
      if (trouble === "before") return Effect.never
      return Effect.andThen(apply(...given), Effect.never)
    }
  const append = write(disk.append)
  const journal: JournalService = {
    ...disk,
    append: (batch, notes, epoch) =>
      batch.length === 0 ? disk.append(batch, notes, epoch) : append(batch, notes, epoch),
    keepShared: write(disk.keepShared)
  }
  return {
    disk,
    journal,
    get isDead() {
      return isDead
    },
    get writes() {
      return writes
    },
    revive: () => {
      isDead = false
    }
  }
}

interface Story {
  readonly when: ScheduleOptions
  readonly troubles: ReadonlyMap<number, Trouble>
  /** How long nobody is there after each death. */
  readonly downMs: number
  /** How long each run takes. */
  readonly workMs: number
}

const play = async ({ when, troubles, downMs, workMs }: Story) => {
  const clock = new StandingClock()
  const there = troubled(troubles)
  const work = task("work", {
    in: type<unknown>(),
    out: type<number>(),
    run: async (_, { signal }) => {
      signal.throwIfAborted()
      return 1
    }
  })
  const flow = workflow("flow", type<unknown>())
    .sleep("wait", workMs)
    .task("work", work, ($) => $.input, { after: ["wait"] })
    .returns(($) => $.work)
  let owner: Owner | undefined
  const live = async () => {
    owner = await clock.open({ store: there.journal, workflows: [flow] })
  }
  // somebody sets it once; whoever dies doing that sets it again
  const set = () => void owner!.orchestrator.schedule("s", flow, 1, { ...when, revision: 0 }).catch(() => {})
  await live()
  set()
  await settle()
  let mostAtOnce = 0
  const runs = async () => {
    const found: Array<{ readonly run: string; readonly status: string }> = []
    for (let cursor: string | undefined; ; ) {
      const page = await Effect.runPromise(there.disk.list({ limit: 1_000, cursor }))
      found.push(...page.runs.map(({ run, status }) => ({ run, status })))
      cursor = page.cursor
      if (cursor === undefined) return found
    }
  }
  /** Time passes; whoever dies meanwhile is followed by somebody else, after a while. */
  const pass = async (ms: number) => {
    await clock.advance(ms)
    if (!there.isDead) return
    await owner!.kill()
    await clock.advance(downMs)
    there.revive()
    await live()
    if (owner!.orchestrator.schedules().length === 0) set()
    await settle()
  }
  while (clock.now < start + length + 40 * minute) {
    await pass(minute)
    const { runs } = await Effect.runPromise(there.disk.list({ hasEnded: false, limit: 1_000 }))
    mostAtOnce = Math.max(mostAtOnce, runs.length)
  }
  for (let i = 0; i < 24; i++) await pass(60 * minute)
  const [status] = owner!.orchestrator.schedules()
  await owner!.orchestrator.close()
  const all = await runs()
  return {
    status: status!,
    mostAtOnce,
    begun: all.map(({ run }) => run).sort(),
    ends: [...new Set(all.map((one) => one.status))],
    writes: there.writes
  }
}

const due = (everyMs: number): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = start + everyMs; at <= start + length; at += everyMs) found.push(`s@${new Date(at).toISOString()}`)
  return found
}

const times = { every: 10 * minute, from: start + 10 * minute, until: start + length } as const

describe("G20 firings are exactly once", () => {
  test("G20 a crash before or after any write, with nobody there for an hour, neither doubles nor loses a firing", async () => {
    const when = { ...times, missed: "all", overlap: "queue", maxActive: 2, lateAfter: 1 } as const
    const { writes, begun } = await play({ when, troubles: new Map(), downMs: 0, workMs: 3 * minute })
    expect(begun).toEqual(due(10 * minute))
    expect(writes).toBeGreaterThan(30)
    for (let write = 0; write < writes; write++)
      for (const trouble of ["before", "after"] as const) {
        const { begun, ends, status, mostAtOnce } = await play({
          when,
          troubles: new Map([[write, trouble]]),
          downMs: 61 * minute,
          workMs: 3 * minute
        })
        // who dies before it was told that there is a schedule has none until somebody sets it again
        const expected = due(10 * minute).filter((id) => write > 0 || Date.parse(id.slice(2)) > start + 62 * minute)
        expect([
          write,
          trouble,
          trouble === "after" ? begun : begun.filter((id) => expected.includes(id)),
          ends
        ]).toEqual([write, trouble, trouble === "after" ? due(10 * minute) : expected, ["succeeded"]])
        expect(mostAtOnce).toBeLessThanOrEqual(2)
        expect([status.active, status.waiting, status.state]).toEqual([[], [], "ended"])
      }
  })

  const policies: fc.Arbitrary<ScheduleOptions> = fc
    .record({
      missed: fc.constantFrom("skip" as const, "last" as const, "all" as const),
      overlap: fc.constantFrom("skip" as const, "queue" as const, "replace" as const, "allow" as const),
      maxActive: fc.integer({ min: 1, max: 3 }),
      jitter: fc.constantFrom(0, 4 * minute)
    })
    .map(({ maxActive, ...rest }) => ({
      ...times,
      ...rest,
      ...(rest.overlap === "allow" ? {} : { maxActive })
    }))

  property.prop(
    [
      policies,
      // the first write makes the schedule
      fc.uniqueArray(
        fc.tuple(
          fc.integer({ min: 1, max: 90 }),
          fc.constantFrom("before" as const, "after" as const, "full" as const)
        ),
        {
          maxLength: 6,
          selector: ([write]) => write
        }
      ),
      fc.integer({ min: 0, max: 90 * minute }),
      fc.integer({ min: 1, max: 45 * minute })
    ],
    { numRuns: 60 }
  )(
    "G20 under any policy each begins or is passed over, whoever dies and whatever is full",
    async (when, troubles, downMs, workMs) => {
      const { status, begun, mostAtOnce, ends } = await play({ when, troubles: new Map(troubles), downMs, workMs })
      expect(new Set(begun).size).toBe(begun.length)
      expect(begun.every((id) => due(10 * minute).includes(id))).toBe(true)
      expect(status.counts.begun).toBe(begun.length)
      expect(status.counts.begun + status.counts.passed).toBe(due(10 * minute).length)
      expect(mostAtOnce).toBeLessThanOrEqual(when.maxActive ?? 100)
      expect([status.active, status.waiting, status.deferred, status.state]).toEqual([[], [], [], "ended"])
      if (when.overlap !== "replace") expect(ends.filter((end) => end !== "succeeded")).toEqual([])
      // nothing is passed over but what the policy passes over
      if (when.missed === "all" && (when.overlap === "queue" || when.overlap === "allow"))
        expect(begun).toEqual(due(10 * minute))
    }
  )
})
