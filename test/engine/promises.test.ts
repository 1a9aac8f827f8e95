// Promises that need no random events to be attacked: what a restart, another version or a bad neighbour does to a run.
import * as Effect from "effect/Effect"
import { load, task, type, type Workflow, workflow } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { open, StandingClock, settle } from "../clock.ts"

const day = 86_400_000

/** A task whose end the test decides. */
const held = () => {
  const out: Array<(value: number) => void> = []
  const starts: Array<number> = []
  const def = task("held", {
    in: type<number>(),
    out: type<number>(),
    run: (n) =>
      new Promise<number>((resolve) => {
        starts.push(n)
        out.push(resolve)
      })
  })
  return { def, out, starts }
}

const two = (def: ReturnType<typeof held>["def"], name = "two", version?: string): Workflow =>
  workflow(name, type<number>(), version === undefined ? {} : { version })
    .task("a", def, ($) => $.input)
    .task("b", def, ($) => $.a)
    .returns(($) => $.b)

describe("G22 versions", () => {
  test("a run whose code is missing is parked, says so, and goes on as soon as the code is known", async () => {
    const store = memoryJournal({ isDurable: true })
    const { def, out, starts } = held()
    const flow = two(def)
    const first = await open({ store })
    await first.orchestrator.submit(flow, 1, { id: "r" })
    await settle()
    await first.kill()

    const second = await open({ store })
    const parked = await second.orchestrator.get("r")
    expect(await parked.status()).toMatchObject({
      status: "parked",
      error: { failure: { code: "VERSION_UNAVAILABLE", message: expect.stringContaining("'held'") } }
    })
    expect((await second.orchestrator.list({ status: "parked" })).runs.map(({ run }) => run)).toEqual(["r"])
    expect(starts).toEqual([1])
    second.orchestrator.register(flow)
    await settle()
    expect(starts).toEqual([1, 1])
    out[1]!(2)
    await settle()
    out[2]!(3)
    expect(await parked.result()).toBe(3)
    await second.orchestrator.close()
  })
  test("a changed definition does not change a run: it goes on along the graph it was submitted with", async () => {
    const store = memoryJournal({ isDurable: true })
    const { def, out, starts } = held()
    const first = await open({ store })
    await first.orchestrator.submit(two(def), 1, { id: "r" })
    await settle()
    out[0]!(2)
    await settle()
    await first.kill()
    // the next release has one task less, and the same code
    const shorter = workflow("two", type<number>())
      .task("a", def, ($) => $.input)
      .returns(($) => $.a)
    const second = await open({ store, workflows: [shorter] })
    await settle()
    expect(starts).toEqual([1, 2, 2])
    out.at(-1)!(9)
    expect(await (await second.orchestrator.get("r")).result()).toBe(9)
    await second.orchestrator.close()
  })
  test("another version's code is not taken for it", async () => {
    const store = memoryJournal({ isDurable: true })
    const { def, starts } = held()
    const first = await open({ store })
    await first.orchestrator.submit(two(def, "two", "1"), 1, { id: "r" })
    await settle()
    await first.kill()
    const shorter = workflow("two", type<number>(), { version: "2" })
      .task("a", def, ($) => $.input)
      .returns(($) => $.a)
    const second = await open({ store, workflows: [shorter] })
    expect((await second.orchestrator.status("r")).status).toBe("parked")
    expect(starts).toEqual([1])
    await (await second.orchestrator.get("r")).cancel()
    expect((await (await second.orchestrator.get("r")).outcome()).status).toBe("cancelled")
    await second.orchestrator.close()
  })
  test("a history that the definition cannot have written parks the run before any effect", async () => {
    const good = memoryJournal({ isDurable: true })
    const { def, out, starts } = held()
    const flow = two(def)
    const first = await open({ store: good })
    await first.orchestrator.submit(flow, 1, { id: "r" })
    await settle()
    out[0]!(2)
    await settle()
    await first.kill()
    const begun = starts.length
    const other: JournalService = {
      ...good,
      read: (...given) =>
        Effect.map(good.read(...given), (history) => ({
          ...history,
          messages: history.messages.map((one) => (one.type === "attempt.succeeded" ? { ...one, task: "b" } : one))
        }))
    }
    const second = await open({ store: other, workflows: [flow] })
    expect(await second.orchestrator.status("r")).toMatchObject({
      status: "parked",
      error: { failure: { code: "NONDETERMINISM" } }
    })
    expect(starts.length).toBe(begun)
    await second.orchestrator.close()
  })
  test("a document without code of its own needs nothing from whoever opens the store", async () => {
    const store = memoryJournal({ isDurable: true })
    const tasks = [
      { id: "z", kind: "sleep", durationMs: 10 },
      { id: "e", kind: "echo", input: { $: "input" }, after: ["z"] }
    ]
    const first = await open({ store })
    await first.orchestrator.submit(await load({ ir: 1, name: "doc", tasks, output: { $: "e" } }), 7, { id: "r" })
    await first.kill()
    const second = await open({ store })
    expect(await (await second.orchestrator.get("r")).result()).toBe(7)
    await second.orchestrator.close()
  })
})

describe("G02 submission by id, over restarts", () => {
  test("the same id, workflow and input is the same run; anything else is refused and writes nothing", async () => {
    const store = memoryJournal({ isDurable: true })
    const { def, out } = held()
    const flow = two(def)
    const first = await open({ store })
    const many = await Promise.all(Array.from({ length: 100 }, () => first.orchestrator.submit(flow, 1, { id: "r" })))
    expect(new Set(many.map(({ id }) => id)).size).toBe(1)
    await first.kill()
    const second = await open({ store, workflows: [flow] })
    const again = await Promise.all(Array.from({ length: 100 }, () => second.orchestrator.submit(flow, 1, { id: "r" })))
    await expect(second.orchestrator.submit(flow, 2, { id: "r" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_MISMATCH"
    })
    await expect(second.orchestrator.submit(two(def, "other"), 1, { id: "r" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_MISMATCH"
    })
    expect((await second.orchestrator.list()).runs.length).toBe(1)
    await settle()
    out.at(-1)!(5)
    await settle()
    out.at(-1)!(6)
    expect(await again[99]!.result()).toBe(6)
    await second.orchestrator.close()
    const third = await open({ store, workflows: [flow] })
    expect(await (await third.orchestrator.submit(flow, 1, { id: "r" })).result()).toBe(6)
    await third.orchestrator.close()
  })
})

describe("G18 workflows inside workflows, over restarts", () => {
  test("a child is one child however often the process dies, and hears when its parent is cancelled", async () => {
    const store = memoryJournal({ isDurable: true })
    const { def, out, starts } = held()
    const flow = workflow("outer", type<number>())
      .use("inner", two(def, "inner"), ($) => $.input)
      .task("c", def, ($) => $.inner)
      .returns(($) => $.c)
    let life = await open({ store, workflows: [flow] })
    await life.orchestrator.submit(flow, 1, { id: "r" })
    for (let value = 2; value <= 3; value++) {
      await settle()
      await life.kill()
      life = await open({ store, workflows: [flow] })
      await settle()
      out.at(-1)!(value)
      await settle()
    }
    // a twice, b twice, c once: each started again once, none a third time
    expect(starts).toEqual([1, 1, 2, 2, 3])
    const done = (await (await life.orchestrator.get("r")).history()).flatMap((one) =>
      one.type === "attempt.succeeded" ? [one.task] : []
    )
    expect(done).toEqual(["inner/a", "inner/b"])
    await (await life.orchestrator.get("r")).cancel({ force: true })
    expect((await (await life.orchestrator.get("r")).outcome()).status).toBe("cancelled")
    await life.orchestrator.close()
  })
})

describe("G08 dependencies, over restarts", () => {
  test("what waits for a task starts only when its result is written, also when the writing fails for a while", async () => {
    const good = memoryJournal({ isDurable: true })
    const { def, out, starts } = held()
    let isFull = false
    const { JournalFull } = await import("troupe/storage")
    const store: JournalService = {
      ...good,
      append: (...given) => (isFull && given[0].length > 0 ? Effect.fail(new JournalFull()) : good.append(...given))
    }
    const { orchestrator } = await open({ store })
    const run = await orchestrator.submit(two(def), 1)
    await settle()
    isFull = true
    out[0]!(2)
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(starts).toEqual([1])
    await expect(orchestrator.submit(two(def), 5)).rejects.toMatchObject({ code: "STORAGE_FULL" })
    isFull = false
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(starts).toEqual([1, 2])
    out[1]!(3)
    expect(await run.result()).toBe(3)
    await orchestrator.close()
  })
})

describe("G11, G19 time", () => {
  test.each([25 * day, 3_650 * day])("a wait of %i ms is kept over restarts, and ends once, not early", async (ms) => {
    const store = memoryJournal({ isDurable: true })
    const clock = new StandingClock()
    const nap = await load({ ir: 1, name: "nap", tasks: [{ id: "z", kind: "sleep", durationMs: ms }] })
    const options = { store, workflows: [nap], retention: { olderThan: 3_660 * day } }
    let life = await clock.open(options)
    await life.orchestrator.submit(nap, null, { id: "r" })
    const due = clock.now + ms
    for (const share of [0.3, 0.6]) {
      await clock.advance(Math.floor(ms * share) - (clock.now - (due - ms)))
      await life.kill()
      life = await clock.open(options)
    }
    await clock.advance(due - clock.now - 1)
    expect((await life.orchestrator.status("r")).status).toBe("waiting")
    await clock.advance(1)
    expect(await (await life.orchestrator.get("r")).outcome()).toMatchObject({ status: "succeeded" })
    await clock.advance(ms)
    const fired = (await (await life.orchestrator.get("r")).history()).filter((one) => one.type === "timer.fired")
    expect(fired.map((one) => one.at)).toEqual([due])
    await life.orchestrator.close()
  })
})

/** Runs that sleep for a day and have left memory. */
const sleepers = async (count: number) => {
  const good = memoryJournal({ isDurable: true })
  let reads = 0
  const store: JournalService = {
    ...good,
    read: (...given) => {
      reads++
      return good.read(...given)
    }
  }
  const clock = new StandingClock()
  const nap = await load({
    ir: 1,
    name: "nap",
    tasks: [
      { id: "z", kind: "sleep", durationMs: day },
      { id: "e", kind: "echo", input: { $: "input" }, after: ["z"] }
    ],
    output: { $: "e" }
  })
  const life = await clock.open({ store, workflows: [nap] })
  const runs = await Promise.all(Array.from({ length: count }, (_, i) => life.orchestrator.submit(nap, i)))
  await clock.advance(100)
  expect(life.engine.runs.size).toBe(0)
  return { life, clock, runs, inMemory: () => life.engine.runs.size, reads: () => reads }
}

describe("G31 what waits leaves memory", () => {
  test("whoever holds on to a run that waits does not hold on to its actors and results", async () => {
    const { def, out } = held()
    const flow = workflow("flow", type<number>())
      .task("a", def, ($) => $.input)
      .sleep("z", "1d", { after: ["a"] })
      .returns(($) => $.a)
    const { orchestrator, engine } = await open({ store: memoryJournal({ isDurable: true }) })
    await orchestrator.submit(flow, 1, { id: "r" })
    await settle()
    const awake = engine.find("r")
    expect(awake.room.board).toBeDefined()
    out[0]!(2)
    await settle()
    expect([awake.isGone, awake.room.board, awake.room.root]).toEqual([true, undefined, undefined])
    expect((await orchestrator.status("r")).waiting).toEqual(["z"])
    await orchestrator.close()
  })
  test("runs that somebody looked at while they wait leave memory again after a moment, and still end", async () => {
    const { life, clock, runs, inMemory } = await sleepers(200)
    for (const run of runs) expect((await run.status()).status).toBe("waiting")
    expect(inMemory()).toBe(200)
    await clock.advance(5_000)
    expect([inMemory(), life.engine.root.getSnapshot().size, life.orchestrator.live]).toEqual([0, 1, 200])
    const results = Promise.all(runs.map((run) => run.result()))
    expect((await runs[7]!.status()).waiting).toEqual(["z"])
    await clock.advance(day)
    expect(await results).toEqual(runs.map((_, i) => i))
    await life.orchestrator.close()
  })
  test("however many are looked at in a moment, a thousand of them stay in memory at most", async () => {
    const { life, clock, runs, inMemory } = await sleepers(2_500)
    const states = await Promise.all(runs.map((run) => run.status()))
    expect(new Set(states.map(({ status }) => status))).toEqual(new Set(["waiting"]))
    await settle()
    expect(inMemory()).toBe(1_000)
    await clock.advance(5_000)
    expect([inMemory(), life.orchestrator.live]).toEqual([0, 2_500])
    await life.orchestrator.close()
  })
  test("whoever watches a waiting run reads it once in a while, not at every look", async () => {
    const { life, clock, runs, reads } = await sleepers(1)
    const before = reads()
    for (let i = 0; i < 200; i++) {
      expect((await runs[0]!.status()).status).toBe("waiting")
      await clock.advance(100)
    }
    // twenty seconds of looks
    expect(reads() - before).toBeLessThanOrEqual(5)
    await life.orchestrator.close()
  })
  test("a thousand sleeping runs are a thousand ids; they wake when they are due, or when somebody asks", async () => {
    const store = memoryJournal({ isDurable: true })
    const clock = new StandingClock()
    const nap = await load({
      ir: 1,
      name: "nap",
      tasks: [
        { id: "z", kind: "sleep", durationMs: day },
        { id: "e", kind: "echo", input: { $: "input" }, after: ["z"] }
      ],
      output: { $: "e" }
    })
    const life = await clock.open({ store, workflows: [nap] })
    const runs = await Promise.all(Array.from({ length: 1_000 }, (_, i) => life.orchestrator.submit(nap, i)))
    await clock.advance(100)
    expect(life.engine.runs.size).toBe(0)
    expect(life.engine.root.getSnapshot().size).toBe(1)
    expect(life.orchestrator.live).toBe(1_000)
    const results = Promise.all(runs.map((run) => run.result()))
    expect((await runs[7]!.status()).status).toBe("waiting")
    await clock.advance(day)
    expect(await results).toEqual(runs.map((_, i) => i))
    expect(life.orchestrator.live).toBe(0)
    await life.orchestrator.close()
  })
})
