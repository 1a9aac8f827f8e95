import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { load, Orchestrator, task, type } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test as plain } from "vitest"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"
import { settle, standing } from "../test/clock.ts"

interface Life {
  /** Lengths of the steps of each innocent run. */
  readonly innocents: ReadonlyArray<ReadonlyArray<number>>
  /** How long after its start each culprit strikes. */
  readonly culprits: ReadonlyArray<number>
}

/** Processes that live one after the other, on a clock of ours. */
const lives = async ({ innocents, culprits }: Life) => {
  const journal = memoryJournal({ isDurable: true })
  const time = standing()
  const defects: Array<unknown> = []
  let opened: Opened
  let isDead = false
  let boots = 0
  const die = () => {
    opened.engine.abandon()
    isDead = true
  }
  const step = task("step", {
    in: type<number>(),
    out: type<number>(),
    run: ((ms: number) => Effect.as(Effect.sleep(ms), ms)) as never
  })
  const strike = task("strike", {
    in: type<number>(),
    out: type<number>(),
    run: ((ms: number) => Effect.andThen(Effect.sleep(ms), Effect.andThen(Effect.sync(die), Effect.never))) as never
  })
  const flow = await load(
    {
      ir: 1,
      name: "innocent",
      tasks: [
        { id: "all", kind: "map", over: { $: "input" }, concurrency: 1, each: { task: "step", input: { $: "item" } } }
      ],
      output: { $: "all" }
    },
    { step }
  )
  const poison = await load(
    { ir: 1, name: "culprit", tasks: [{ id: "boom", task: "strike", input: { $: "input" } }], output: { $: "boom" } },
    { strike }
  )
  const boot = async () => {
    boots++
    isDead = false
    opened = await Effect.runPromise(
      openEngine(
        {
          store: journal,
          workflows: [flow, poison],
          onDefect: (error) => defects.push(error),
          retention: { olderThan: "3650d" }
        },
        time.context
      )
    )
    await settle()
  }
  await boot()
  const orchestrator = () => new Orchestrator(opened)
  const ids: Array<string> = []
  const submit = async (kind: typeof flow, id: string, input: ReadonlyArray<number> | number) => {
    ids.push(id)
    // the process may die meanwhile
    for (;;) {
      if (isDead) await boot()
      const isIn = await orchestrator()
        .submit(kind, input, { id })
        .then(
          () => true,
          () => false
        )
      if (isIn) return
    }
  }
  for (const [i, steps] of innocents.entries()) await submit(flow, `i${i}`, steps)
  for (const [i, ms] of culprits.entries()) await submit(poison, `c${i}`, ms)
  const statusOf = async (id: string) => (await Effect.runPromise(journal.find(id)))?.status
  const there = {
    journal,
    defects,
    statusOf,
    get boots() {
      return boots
    },
    /** Lives on for a while; false if the process died in it. */
    live: async (ms: number): Promise<boolean> => {
      const until = time.now() + ms
      while (!isDead && time.now() < until) await time.move(Math.min(25, until - time.now()), settle)
      return !isDead
    },
    kill: async () => {
      if (!isDead) die()
      await boot()
    },
    /** Lives until every run has ended, or is left alone. */
    finish: async () => {
      const open = new Set(ids)
      for (let i = 0; i < 400 && open.size > 0; i++) {
        if (!(await there.live(5_000))) await boot()
        for (const id of open) if (isOver(await statusOf(id))) open.delete(id)
      }
      await orchestrator().close()
      return Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await statusOf(id)] as const)))
    },
    /** Whoever is left alone. */
    alone: async () => {
      const found: Array<string> = []
      for (const id of ids) if ((await statusOf(id)) === "quarantined") found.push(id)
      return found
    }
  }
  await settle()
  return there
}

const isOver = (status: string | undefined) => status === "succeeded" || status === "quarantined" || status === "failed"

const steps = fc.array(fc.oneof(fc.integer({ min: 5, max: 300 }), fc.integer({ min: 300, max: 20_000 })), {
  minLength: 1,
  maxLength: 3
})
const many = (max: number) => fc.array(steps, { minLength: 1, maxLength: max })
const expected = (innocents: ReadonlyArray<unknown>, culprits: ReadonlyArray<unknown>) => ({
  ...Object.fromEntries(innocents.map((_, i) => [`i${i}`, "succeeded"])),
  ...Object.fromEntries(culprits.map((_, i) => [`c${i}`, "quarantined"]))
})

describe("G21 a run that kills the process", () => {
  test.prop([many(8), fc.integer({ min: 0, max: 5_000 })], { numRuns: 40 })(
    "is found within four boots, whenever it strikes, and everybody else comes to the end",
    async (innocents, strikesAfter) => {
      const there = await lives({ innocents, culprits: [strikesAfter] })
      expect(await there.finish()).toEqual(expected(innocents, [0]))
      expect(there.boots).toBeLessThanOrEqual(4)
      expect(there.defects).toEqual([])
    }
  )

  test.prop([many(5), fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 2, maxLength: 4 })], { numRuns: 25 })(
    "is found beside others of its kind, with at most two boots more for each",
    async (innocents, culprits) => {
      const there = await lives({ innocents, culprits })
      expect(await there.finish()).toEqual(expected(innocents, culprits))
      expect(there.boots).toBeLessThanOrEqual(3 + 2 * culprits.length)
    }
  )

  test.prop([fc.integer({ min: 0, max: 199 })], { numRuns: 3 })(
    "is found among 200 suspects within five boots",
    async (before) => {
      // the culprit is the first to strike, so that nobody gets anywhere; long steps, so that only it shows itself
      const there = await lives({ innocents: Array(before).fill([8_000]), culprits: [0] })
      expect(Object.values(await there.finish()).filter((status) => status === "quarantined")).toHaveLength(1)
      expect(there.boots).toBeLessThanOrEqual(5)
    }
  )
})

describe("G21 ordinary ends of the process", () => {
  const storm = fc.oneof(
    // each life shorter than the shortest time for which suspects are held back
    fc.array(fc.integer({ min: 1, max: 1_900 }), { minLength: 1, maxLength: 25 }),
    // lives of any length, none more than four times as long as another
    fc
      .integer({ min: 400, max: 15_000 })
      .chain((least) => fc.array(fc.integer({ min: least, max: 4 * least }), { minLength: 1, maxLength: 12 }))
  )
  test.prop([many(8), storm], { numRuns: 60 })(
    "never make a run suspicious for good: all come to the end, however often the process is killed",
    async (innocents, kills) => {
      const there = await lives({ innocents, culprits: [] })
      for (const ms of kills) {
        await there.live(ms)
        await there.kill()
        expect(await there.alone()).toEqual([])
      }
      expect(await there.finish()).toEqual(expected(innocents, []))
      expect(there.defects).toEqual([])
    }
  )

  test.prop([many(6), fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 3, maxLength: 15 })], { numRuns: 40 })(
    "whatever their rhythm, nobody is left alone without three of them since its last message",
    async (innocents, kills) => {
      const there = await lives({ innocents, culprits: [] })
      const known = new Set<string>()
      for (const ms of kills) {
        await there.live(ms)
        await there.kill()
        for (const id of await there.alone()) {
          if (known.has(id)) continue
          known.add(id)
          const { epochs } = await Effect.runPromise(there.journal.read(id))
          expect(epochs.at(-1)).toBeLessThanOrEqual(there.boots - 3)
        }
      }
    }
  )

  plain("a run that was held back in vain goes on in the next life, however often the process is killed", async () => {
    const there = await lives({ innocents: [[1_500]], culprits: [] })
    for (const ms of [1_000, 1_000, 1_900, 1_900]) {
      await there.live(ms)
      await there.kill()
    }
    expect(await there.statusOf("i0")).toBe("succeeded")
  })

  plain("an end from outside while suspects are held back only puts off that the culprit is found", async () => {
    const there = await lives({ innocents: [[300, 9_000]], culprits: [50] })
    while (there.boots < 3) if (!(await there.live(1_000))) await there.kill()
    expect(await there.live(500)).toBe(true)
    await there.kill()
    expect(await there.finish()).toEqual({ i0: "succeeded", c0: "quarantined" })
    expect(there.boots).toBeLessThanOrEqual(4 + 3)
  })

  plain("a message speaks for a run, even if the process is killed in the moment after it", async () => {
    const there = await lives({ innocents: [[1_010, 60_000]], culprits: [] })
    for (const ms of [500, 500]) {
      await there.live(ms)
      await there.kill()
    }
    // held back for 3.2 s, then a second at work; nobody has looked yet
    await there.live(3_200 + 1_010 + 5)
    const { messages } = await Effect.runPromise(there.journal.read("i0"))
    expect(messages).toHaveLength(2)
    await there.kill()
    expect(await there.alone()).toEqual([])
    expect(await there.finish()).toEqual({ i0: "succeeded" })
  })
})
