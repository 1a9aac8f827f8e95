// One run as one value: out of one store, into another, and on from where it was.
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import { Orchestrator, type RunExport, task, type, workflow } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"

const durable = () => memoryJournal({ isDurable: true })

/** A workflow whose second task waits until it is let go; notes every call. */
const orders = () => {
  const calls: Array<{ readonly task: string; readonly key: string; readonly delivery: number }> = []
  let open: (() => void) | undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const price = task("price", { in: type<number>(), out: type<number>(), run: (n) => n * 10 })
  const ship = task("ship", {
    in: type<number>(),
    out: type<string>(),
    run: async (n, { task: path, key, delivery }) => {
      calls.push({ task: path, key, delivery })
      await gate
      return `shipped ${n}`
    }
  })
  const flow = workflow("order", type<number>())
    .task("cost", price, ($) => $.input)
    .task("out", ship, ($) => $.cost)
    .returns(($) => $.out)
  return { flow, calls, open: () => open!() }
}

const reached = async (calls: ReadonlyArray<unknown>, count: number) => {
  for (let i = 0; i < 400 && calls.length < count; i++) await sleep(5)
  expect(calls.length).toBe(count)
}

/** The export of a run that waits in its second task; `restarts` is how often the process died meanwhile. */
const exported = async (restarts = 0): Promise<RunExport> => {
  const journal = durable()
  const { flow, calls } = orders()
  for (let life = 0; ; life++) {
    const orchestrator = await Orchestrator.open({ store: journal, workflows: [flow] })
    await orchestrator.submit(flow, 4, { id: "o-1" })
    await reached(calls, life + 1)
    const content = await orchestrator.exportRun("o-1")
    await orchestrator.close()
    if (life === restarts) return content
  }
}

const copy = (content: RunExport): any => JSON.parse(JSON.stringify(content))

describe("a run that is exported and imported", () => {
  test.each([0, 2])(
    "unfinished, after %i restarts: goes on; nothing is done twice, what was out comes as a later delivery",
    async (restarts) => {
      const content = copy(await exported(restarts))
      const { flow, calls, open } = orders()
      const journal = durable()
      let there = await Orchestrator.open({ store: journal, workflows: [flow] })
      const run = await there.importRun(content, { who: "ann", why: "the machine moves" })
      await reached(calls, 1)
      // the process dies here as well: deliveries only rise
      await there.close()
      there = await Orchestrator.open({ store: journal, workflows: [flow] })
      await reached(calls, 2)
      open()
      expect(await (await there.get(run.id)).result()).toBe("shipped 40")
      expect(calls).toEqual([1, 2].map((i) => ({ task: "out", key: "o-1/out", delivery: 1 + restarts + i })))
      const history = await (await there.get(run.id)).history()
      expect(history.map(({ type }) => type)).toEqual([
        "run.submitted",
        "attempt.succeeded",
        "run.imported",
        "attempt.succeeded"
      ])
      expect(history[2]).toMatchObject({ deliveries: { out: 1 + restarts }, who: "ann", why: "the machine moves" })
      await there.close()
    }
  )

  test("with a snapshot of it taken in between: deliveries only rise", async () => {
    const deliveries: Array<number> = []
    const held = task("held", {
      in: type<null>(),
      out: type<null>(),
      run: (_, { delivery }) => {
        deliveries.push(delivery)
        return new Promise<null>(() => {})
      }
    })
    const quick = task("quick", { in: type<null>(), out: type<number>(), run: () => sleep(20, 1) })
    const flow = workflow("two", type<null>())
      .task("held", held, ($) => $.input)
      .task("quick", quick, ($) => $.input)
      .returns(($) => [$.held, $.quick])
    await using here = await Orchestrator.open({ store: durable() })
    await here.submit(flow, null, { id: "two" })
    await reached(deliveries, 1)
    const content = copy(await here.exportRun("two"))
    const journal = durable()
    for (let life = 2; life <= 4; life++) {
      const there = await Orchestrator.open({ store: journal, workflows: [flow], snapshotEvery: 1 })
      if (life === 2) await there.importRun(content)
      await reached(deliveries, life)
      for (let i = 0; i < 200 && (await there.status("two")).tasks.completed === 0; i++) await sleep(5)
      await sleep(5)
      await there.close()
    }
    expect((await Effect.runPromise(journal.snapshot("two")))?.seq).toBeGreaterThan(2)
    expect(deliveries).toEqual([1, 2, 3, 4])
  })

  test("finished: is kept as it ended, with its history, and submitting it again is the same run", async () => {
    const { flow, open, calls } = orders()
    open()
    await using here = await Orchestrator.open()
    expect(await here.execute(flow, 4, { id: "o-2" })).toBe("shipped 40")
    const content = copy(await here.exportRun("o-2"))
    await using there = await Orchestrator.open({ store: durable() })
    const run = await there.importRun(content)
    expect(await run.result()).toBe("shipped 40")
    expect(await run.status()).toMatchObject({ status: "succeeded", messages: 3 })
    expect(await there.execute(flow, 4, { id: "o-2" })).toBe("shipped 40")
    expect(calls).toHaveLength(1)
  })

  test("left alone for what it did: stays alone until somebody lets it go on", async () => {
    const { sealed } = await import("../../src/model/run-export.ts")
    const { checksum: _, ...rest } = copy(await exported())
    const error = { task: "out", code: "POISON", message: "it kills" }
    const content = sealed({ ...rest, status: "quarantined", error })
    const { flow, calls, open } = orders()
    open()
    await using there = await Orchestrator.open({ store: durable(), workflows: [flow] })
    const run = await there.importRun(copy(content))
    expect((await run.status()).status).toBe("quarantined")
    await expect(run.result()).rejects.toMatchObject({ code: "POISON", task: "out" })
    expect(calls).toEqual([])
    expect(await run.resume({ who: "ann" })).toBe(true)
    expect(await run.result()).toBe("shipped 40")
  })

  test("compacted: is not taken out alone, and what to do instead is said", async () => {
    const { flow, open } = orders()
    open()
    const journal = durable()
    await using here = await Orchestrator.open({ store: journal, workflows: [flow], snapshotEvery: 1, keepMessages: 0 })
    await here.execute(flow, 4, { id: "o-3" })
    const { first } = await Effect.runPromise(journal.read("o-3"))
    expect(first).toBeGreaterThan(0)
    await expect(here.exportRun("o-3")).rejects.toMatchObject({ _tag: "RunCompacted", first })
  })

  test("large values come along", async () => {
    const echo = workflow("echo", type<string>())
      .derive(
        "same",
        ($) => $.input,
        (text) => text
      )
      .returns(($) => $.same)
    const large = "é".repeat(500_000)
    await using here = await Orchestrator.open({ store: durable() })
    await here.execute(echo, large, { id: "big" })
    await using there = await Orchestrator.open({ store: durable() })
    expect(await (await there.importRun(copy(await here.exportRun("big")))).result()).toBe(large)
  })
})

describe("an import is refused, and nothing is written,", () => {
  const nothing = async (journal: JournalService) =>
    expect((await Effect.runPromise(journal.list({}))).runs.filter(({ run }) => run !== "taken")).toEqual([])

  const wrong: ReadonlyArray<readonly [string, (content: any) => unknown, string]> = [
    ["for something else", () => [1, 2], "IMPORT_SHAPE"],
    ["for a newer format", (content) => ({ ...content, format: 2 }), "IMPORT_NEWER"],
    [
      "when a value was changed",
      (content) => change(content, (one) => (one.messages[1].value = 41)),
      "IMPORT_CHECKSUM"
    ],
    ["when the epoch was changed", (content) => ({ ...content, epoch: 9 }), "IMPORT_CHECKSUM"],
    [
      "when a message is missing",
      (content) => ({ ...content, messages: content.messages.slice(0, 1) }),
      "IMPORT_SHAPE"
    ],
    ["without a checksum", ({ checksum: _, ...content }) => content, "IMPORT_CHECKSUM"]
  ]
  const change = (content: any, how: (content: any) => unknown) => {
    how(content)
    return content
  }
  test.each(wrong)("%s", async (_, how, code) => {
    const journal = durable()
    await using there = await Orchestrator.open({ store: journal })
    await expect(there.importRun(how(copy(await exported())) as RunExport)).rejects.toMatchObject({ code })
    await nothing(journal)
  })

  // whoever changes a file can also work out its checksum anew: the checksum is against accidents
  const forged: ReadonlyArray<readonly [string, (content: any) => void, string]> = [
    ["an id that is none", (one) => (one.run = "../x"), "IMPORT_SHAPE"],
    ["a message of an unknown kind", (one) => (one.messages[1].type = "run.hacked"), "IMPORT_SHAPE"],
    ["a message with more in it than belongs there", (one) => (one.messages[1].more = 1), "IMPORT_SHAPE"],
    ["a message without its task", (one) => delete one.messages[1].task, "IMPORT_SHAPE"],
    ["a second submission", (one) => (one.messages[1] = one.messages[0]), "IMPORT_SHAPE"],
    ["an end of a task that nobody had started", (one) => (one.messages[1].task = "out"), "IMPORT_DIVERGED"],
    ["a task that is not there", (one) => (one.messages[1].task = "none"), "IMPORT_DIVERGED"],
    ["a definition with a cycle", (one) => (one.definition.tasks[0].after = ["out"]), "IMPORT_SHAPE"],
    ["another definition", (one) => (one.definition.tasks[1].estimateMs = 5), "IMPORT_CHECKSUM"],
    ["a definition by another name", (one) => (one.messages[0].workflow = "other"), "IMPORT_SHAPE"]
  ]
  test.each(forged)("for %s, with whatever checksum", async (_, how, code) => {
    const { sealed } = await import("../../src/model/run-export.ts")
    const { checksum: _1, ...content } = copy(await exported())
    how(content)
    const journal = durable()
    await using there = await Orchestrator.open({ store: journal })
    await expect(there.importRun(sealed(content))).rejects.toMatchObject({ _tag: "ImportRefused", code })
    await nothing(journal)
  })

  test("when there is a run of that id, finished or not", async () => {
    const { flow } = orders()
    const content = copy(await exported())
    const journal = durable()
    await using there = await Orchestrator.open({ store: journal, workflows: [flow] })
    const run = await there.importRun(content)
    await expect(there.importRun(content)).rejects.toMatchObject({ code: "IMPORT_EXISTS", run: "o-1" })
    await run.cancel({ force: true })
    await expect(there.importRun(content)).rejects.toMatchObject({ code: "IMPORT_EXISTS" })
    expect(await run.history()).toHaveLength(4)
  })

  test("when there are as many unfinished runs as there may be", async () => {
    const journal = durable()
    await using there = await Orchestrator.open({ store: journal, runsMax: 0 })
    await expect(there.importRun(copy(await exported()))).rejects.toMatchObject({ code: "LIMIT_RUNS" })
    await nothing(journal)
  })
})
