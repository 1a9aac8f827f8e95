// What a bulkhead does, alone and in an orchestrator, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { BulkheadFull, limits, type OrchestratorOptions, type Run, type RunFailed, task, type, workflow } from "troupe"
import { type BulkheadSettings, bulkhead, type LineOptions } from "troupe/machines"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { StandingClock, settle } from "../clock.ts"
import { handTime } from "./time.ts"

/** Calls that are out until they are told how to end, behind a bulkhead whose time stands still. */
const world = (settings: BulkheadSettings) => {
  const time = handTime()
  const made = bulkhead({ name: "bank", time, ...settings })
  const begun: Array<string> = []
  const ends = new Map<string, (error?: unknown) => void>()
  const call = (name: string, options?: LineOptions) =>
    made
      .execute(
        () =>
          new Promise<string>((resolve, reject) => {
            begun.push(name)
            ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)))
          }),
        options
      )
      .catch((error) => error)
  return {
    bulkhead: made,
    time,
    begun,
    call,
    end: async (name: string, error?: unknown) => {
      ends.get(name)!(error)
      await settle(2)
    },
    counts: () => {
      const { running, queued, refused } = made.metrics()
      return [running, queued, refused]
    }
  }
}

/** An orchestrator on a standing clock, and a task of which each call waits until it is told to end. */
const house = async (options: OrchestratorOptions = {}) => {
  const clock = new StandingClock()
  const store = options.store ?? memoryJournal({ isDurable: true })
  const begun: Array<string> = []
  const ends = new Map<string, (value?: string) => void>()
  const work = task("work", {
    in: type<string>(),
    out: type<string>(),
    run: (name) =>
      new Promise<string>((resolve) => {
        begun.push(name)
        ends.set(name, (value = name) => resolve(value))
      })
  })
  return {
    clock,
    work,
    begun,
    open: () => clock.open({ ...options, store }),
    end: async (name: string) => {
      ends.get(name)!()
      await settle()
    }
  }
}
const failureOf = async (run: Run) => ((await run.outcome()).error as RunFailed).failure

describe("Bulkhead", () => {
  describe("calls at once", () => {
    test("calls pass, and their results and errors come back as they are", async () => {
      const made = bulkhead({ concurrent: 2 })
      expect(await made.execute(async () => 42)).toBe(42)
      expect(await made.execute(() => undefined)).toBe(undefined)
      const error = new TypeError("no")
      expect(await made.execute(async () => Promise.reject(error)).catch((seen) => seen)).toBe(error)
      expect(
        await made
          .execute(() => {
            throw error
          })
          .catch((seen) => seen)
      ).toBe(error)
      expect(made.metrics().running).toBe(0)
    })
    test("never more than allowed, the others wait and begin in order, as places become free", async () => {
      const { call, begun, end, counts } = world({ concurrent: 2 })
      for (const name of ["a", "b", "c", "d"]) call(name)
      await settle(2)
      expect([begun.join(""), counts()]).toEqual(["ab", [2, 2, 0]])
      await end("b")
      expect([begun.join(""), counts()]).toEqual(["abc", [2, 1, 0]])
      await end("a")
      await end("c")
      await end("d")
      expect([begun.join(""), counts()]).toEqual(["abcd", [0, 0, 0]])
    })
    test("a call that fails gives its place back like any other", async () => {
      const { call, end, counts, begun } = world({ concurrent: 1 })
      const failed = call("a")
      call("b")
      await settle(2)
      const error = new Error("down")
      await end("a", error)
      expect([await failed, begun.join(""), counts()]).toEqual([error, "ab", [1, 0, 0]])
    })
    test("a function behind a bulkhead takes the same arguments", async () => {
      expect(await bulkhead({ concurrent: 1 }).wrap(async (a: number, b: number) => a + b)(3, 4)).toBe(7)
    })
    test("ten thousand that wait and answer at once overflow nothing", async () => {
      const made = bulkhead({ concurrent: 1, queue: 10_000 })
      const all = Array.from({ length: 10_000 }, (_, n) => made.execute(() => n))
      expect((await Promise.all(all)).at(-1)).toBe(9_999)
    })
  })

  describe("the queue", () => {
    test("one more than it holds is refused at once, and nothing is called", async () => {
      const { call, begun, counts } = world({ concurrent: 1, queue: 1 })
      call("a")
      call("b")
      const refusal = await call("c")
      expect(refusal).toBeInstanceOf(BulkheadFull)
      expect(refusal).toMatchObject({
        code: "BULKHEAD_FULL",
        bulkhead: "bank",
        why: "queue",
        message:
          "bulkhead 'bank' is full: 1 calls are being made and 1 wait: try again later (retry), send less, or give it more"
      })
      expect([begun.join(""), counts()]).toEqual(["a", [1, 1, 1]])
    })
    test("without a queue nobody waits", async () => {
      const { call, end, begun } = world({ concurrent: 1, queue: 0 })
      call("a")
      expect(await call("b")).toBeInstanceOf(BulkheadFull)
      await settle(2)
      await end("a")
      call("c")
      await settle(2)
      expect(begun.join("")).toBe("ac")
    })
    test("the higher priority first, then first come first served", async () => {
      const { call, end, begun } = world({ concurrent: 1 })
      call("a")
      call("b")
      call("c", { priority: 90 })
      call("d", { priority: 10 })
      call("e", { priority: 90 })
      await settle(2)
      for (const name of ["a", "c", "e", "b", "d"]) await end(name)
      expect(begun.join("")).toBe("acebd")
    })
    test("who has waited as long as it may is refused", async () => {
      const { call, time, begun, counts } = world({ concurrent: 1, wait: "2s" })
      call("a")
      const waiting = call("b")
      await settle(2)
      time.move(1_999)
      expect(counts()).toEqual([1, 1, 0])
      time.move(1)
      expect(await waiting).toMatchObject({ code: "BULKHEAD_FULL", why: "wait" })
      expect([begun.join(""), counts(), time.timers()]).toEqual(["a", [1, 0, 1], 0])
    })
    test("who gives up leaves the queue, and takes no place later", async () => {
      const { call, end, begun, counts, time } = world({ concurrent: 1, queue: 1 })
      call("a")
      const controller = new AbortController()
      const waiting = call("b", { signal: controller.signal })
      await settle(2)
      controller.abort("changed my mind")
      expect(await waiting).toBe("changed my mind")
      call("c")
      await settle(2)
      await end("a")
      expect([begun.join(""), counts(), time.timers()]).toEqual(["ac", [1, 0, 0], 0])
    })
    test("what is given up before it asks takes nothing", async () => {
      const { call, begun, counts } = world({ concurrent: 1 })
      expect(await call("a", { signal: AbortSignal.abort("no") })).toBe("no")
      expect([begun, counts()]).toEqual([[], [0, 0, 0]])
    })
    test("a call that is being made keeps its place, also when its caller gave it up", async () => {
      const { call, end, counts } = world({ concurrent: 1 })
      const controller = new AbortController()
      call("a", { signal: controller.signal })
      await settle(2)
      controller.abort("enough")
      await settle(2)
      expect(counts()).toEqual([1, 0, 0])
      await end("a")
      expect(counts()).toEqual([0, 0, 0])
    })
  })

  describe("fair between keys", () => {
    test("keys take turns: who asks for much waits for itself, not the others for it", async () => {
      const { call, end, begun } = world({ concurrent: 1 })
      for (const name of ["x1", "x2", "x3", "x4"]) call(name, { key: "x" })
      call("y1", { key: "y" })
      call("z1", { key: "z" })
      call("y2", { key: "y" })
      await settle(2)
      for (const name of ["x1", "x2", "y1", "z1", "x3", "y2", "x4"]) await end(name)
      expect(begun).toEqual(["x1", "x2", "y1", "z1", "x3", "y2", "x4"])
    })
    test("a key may have a bound of its own, and the others go on past it", async () => {
      const { call, begun, end } = world({ concurrent: 3, perKey: { concurrent: 1 } })
      for (const name of ["x1", "x2", "x3"]) call(name, { key: "x" })
      call("y1", { key: "y" })
      await settle(2)
      expect(begun).toEqual(["x1", "y1"])
      await end("x1")
      expect(begun).toEqual(["x1", "y1", "x2"])
    })
    test("a key may not fill the queue for the others, where it has a bound there", async () => {
      const { call, counts } = world({ concurrent: 1, queue: 10, perKey: { queue: 1 } })
      call("x1", { key: "x" })
      call("x2", { key: "x" })
      expect(await call("x3", { key: "x" })).toMatchObject({ why: "key" })
      call("y1", { key: "y" })
      await settle(2)
      expect(counts()).toEqual([1, 2, 1])
    })
  })

  describe("bad policies", () => {
    test("an impossible one is refused when it is made, with the setting and what is allowed", () => {
      const wrong: ReadonlyArray<readonly [object, string]> = [
        [{ concurrent: 0 }, "concurrent of bulkhead 'bank'"],
        [{ concurrent: 1.5 }, "concurrent of bulkhead 'bank'"],
        [{ concurrent: Number.NaN }, "concurrent of bulkhead 'bank'"],
        [{ concurrent: limits.concurrent + 1 }, "concurrent of bulkhead 'bank'"],
        [{}, "concurrent of bulkhead 'bank'"],
        [{ concurrent: 1, queue: -1 }, "queue of bulkhead 'bank'"],
        [{ concurrent: 1, queue: Number.POSITIVE_INFINITY }, "queue of bulkhead 'bank'"],
        [{ concurrent: 1, wait: 0 }, "waitMs of bulkhead 'bank'"],
        [{ concurrent: 1, wait: "soon" }, "wait of bulkhead 'bank'"],
        [{ concurrent: 1, queues: 3 }, "the setting 'queues' of bulkhead 'bank'"],
        [{ concurrent: 2, perKey: { concurrent: 3 } }, "perKey.concurrent of bulkhead 'bank'"],
        [{ concurrent: 2, perKey: { queue: 5_000 } }, "perKey.queue of bulkhead 'bank'"]
      ]
      for (const [policy, option] of wrong)
        expect(() => bulkhead({ name: "bank", ...policy } as BulkheadSettings), JSON.stringify(policy)).toThrow(
          expect.objectContaining({ _tag: "InvalidOption", option })
        )
    })
    test("an orchestrator refuses it before it touches its store", async () => {
      const { open } = await house({ bulkheads: { bank: { concurrent: 0 } } })
      await expect(open()).rejects.toThrow("concurrent of bulkhead 'bank'")
    })
    test("a task may not name one where nothing is called", () => {
      expect(() => task("t", { in: type<null>(), out: type<null>(), run: () => null, bulkhead: "" })).toThrow(
        "bulkhead of task 't'"
      )
    })
  })

  describe("in an orchestrator", () => {
    test("calls of all runs that name it share its places, and wait in its queue", async () => {
      const { open, work, begun, end } = await house({ bulkheads: { bank: { concurrent: 2 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank" })
        .returns(($) => $.t)
      const runs = []
      for (const id of ["a", "b", "c"]) runs.push(await orchestrator.submit(flow, id, { id }))
      await settle()
      expect([begun.join(""), orchestrator.bulkheads()]).toEqual([
        "ab",
        [{ name: "bank", running: 2, queued: 1, refused: 0, concurrent: 2, queue: 1_000 }]
      ])
      await end("a")
      expect(begun.join("")).toBe("abc")
      await end("b")
      await end("c")
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual(["a", "b", "c"])
      expect(orchestrator.bulkheads()[0]).toMatchObject({ running: 0, queued: 0 })
    })
    test("a full queue is a failure like any other: written, tried again, and never asked again by a replay", async () => {
      const { open, work, clock, end, begun } = await house({ bulkheads: { bank: { concurrent: 1, queue: 0 } } })
      const owner = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank", retry: { attempts: 2, base: "1s", jitter: 0 } })
        .returns(($) => $.t)
      await owner.orchestrator.submit(flow, "a", { id: "a" })
      const second = await owner.orchestrator.submit(flow, "b", { id: "b" })
      await settle()
      expect((await second.history()).at(-1)).toMatchObject({
        type: "attempt.failed",
        attempt: 1,
        failure: { code: "BULKHEAD_FULL", retryable: true }
      })
      await end("a")
      await clock.advance(1_000)
      expect(begun.join("")).toBe("ab")
      await end("b")
      expect(await second.result()).toBe("b")
    })
    test("a fan-out passes through it item by item, in fair turns with others", async () => {
      const { open, work, begun, end } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<{ tenant: string; items: ReadonlyArray<string> }>())
        .map("all", work, ($) => $.input.items, { bulkhead: "bank", bulkheadKey: ($) => $.input.tenant })
        .returns(($) => $.all)
      const first = await orchestrator.submit(flow, { tenant: "x", items: ["x1", "x2", "x3"] })
      const second = await orchestrator.submit(flow, { tenant: "y", items: ["y1"] })
      await settle()
      for (const name of ["x1", "x2", "y1", "x3"]) await end(name)
      expect(begun).toEqual(["x1", "x2", "y1", "x3"])
      expect([await first.result(), await second.result()]).toEqual([["x1", "x2", "x3"], ["y1"]])
    })
    test("all that need a capability, and all calls of an agent, have one by its ready-made name", async () => {
      for (const name of ["needs:pay", "agent:anna"]) {
        const { open } = await house({
          bulkheads: { [name]: { concurrent: 1 } },
          agents: [{ id: "anna", can: ["pay"], capacity: 5, run: (given) => calls(given) }]
        })
        const begun: Array<string> = []
        const ends: Array<() => void> = []
        const calls = (given: string) =>
          new Promise<string>((resolve) => {
            begun.push(given)
            ends.push(() => resolve(given))
          })
        const { orchestrator } = await open()
        const pay = task("pay", { in: type<string>(), out: type<string>(), needs: "pay" })
        const runs = [await orchestrator.submit(pay, "a"), await orchestrator.submit(pay, "b")]
        await settle()
        expect(begun, name).toEqual(["a"])
        ends[0]!()
        await settle()
        expect(begun, name).toEqual(["a", "b"])
        ends[1]!()
        expect(await Promise.all(runs.map((run) => run.result()))).toEqual(["a", "b"])
        expect(orchestrator.bulkheads()[0]).toMatchObject({ running: 0, queued: 0 })
      }
    })
    test("the time of an attempt begins when it has its place; how long it may wait is said apart", async () => {
      const { open, work, clock, end, begun } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank", timeout: "10s" })
        .returns(($) => $.t)
      await orchestrator.submit(flow, "a")
      const second = await orchestrator.submit(flow, "b")
      await clock.advance(9_000)
      await end("a")
      await clock.advance(9_000)
      expect(begun.join("")).toBe("ab")
      await end("b")
      expect(await second.result()).toBe("b")
      const patient = workflow("patient", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank", startWithin: "5s" })
        .returns(($) => $.t)
      await orchestrator.submit(flow, "c")
      const third = await orchestrator.submit(patient, "d")
      await clock.advance(5_000)
      expect(await failureOf(third)).toMatchObject({ code: "START_TIMEOUT" })
      expect(orchestrator.bulkheads()[0]).toMatchObject({ running: 1, queued: 0 })
    })
    test("a body that goes on after its attempt was given up keeps its place until it ends", async () => {
      const { open, work, clock, end, begun } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank", timeout: "1s" })
        .returns(($) => $.t)
      const first = await orchestrator.submit(flow, "a")
      await settle()
      await orchestrator.submit(flow, "b")
      await clock.advance(1_000)
      expect(await failureOf(first)).toMatchObject({ code: "TIMEOUT" })
      expect([begun.join(""), orchestrator.bulkheads()[0]!.running]).toEqual(["a", 1])
      await end("a")
      expect([begun.join(""), orchestrator.bulkheads()[0]!.running]).toEqual(["ab", 1])
    })
    test("cancelling gives back the place, or the wait for one", async () => {
      const { open, work, begun } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank" })
        .returns(($) => $.t)
      await orchestrator.submit(flow, "a")
      const second = await orchestrator.submit(flow, "b")
      await settle()
      await second.cancel()
      expect((await second.outcome()).status).toBe("cancelled")
      expect([begun.join(""), orchestrator.bulkheads()[0]]).toEqual(["a", expect.objectContaining({ queued: 0 })])
    })
    test("a task that can be undone and still waits when its run is cancelled is not called, and not undone", async () => {
      for (const [bulkheads, capacity] of [
        [{ "needs:pay": { concurrent: 1 } }, 5],
        [{}, 1]
      ] as const) {
        const begun: Array<string> = []
        const { open } = await house({
          bulkheads,
          agents: [
            { id: "anna", can: ["pay"], capacity, run: (given) => new Promise(() => begun.push(given)) },
            { id: "undoer", can: ["take back"], run: (given) => begun.push(`undo ${given.request}`) }
          ]
        })
        const { orchestrator } = await open()
        const pay = task("pay", { in: type<string>(), out: type<string>(), needs: "pay", undo: { needs: "take back" } })
        const flow = workflow("flow", type<string>())
          .task("t", pay, ($) => $.input)
          .returns(($) => $.t)
        await orchestrator.submit(flow, "a")
        const second = await orchestrator.submit(flow, "b")
        await settle()
        await second.cancel()
        expect((await second.outcome()).status).toBe("cancelled")
        expect(begun).toEqual(["a"])
        expect((await second.history()).find(({ type }) => type === "attempt.failed")).toMatchObject({
          failure: { code: "NOT_BEGUN" }
        })
      }
    })
    test("a run that is paused while it waits begins nothing, and lets others pass, until it goes on", async () => {
      const { open, work, begun, end } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank" })
        .returns(($) => $.t)
      await orchestrator.submit(flow, "a")
      const second = await orchestrator.submit(flow, "b")
      await orchestrator.submit(flow, "c")
      await settle()
      await second.pause()
      await end("a")
      expect(begun.join("")).toBe("ac")
      await end("c")
      expect(begun.join("")).toBe("ac")
      await second.resume()
      await settle()
      expect(begun.join("")).toBe("acb")
      await end("b")
      expect(await second.result()).toBe("b")
    })
    test("after a crash the queue is made anew from what is owed, and the bound holds in the new life", async () => {
      const { open, work, begun, end } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank" })
        .returns(($) => $.t)
      const first = await open()
      for (const id of ["a", "b"]) await first.orchestrator.submit(flow, id, { id })
      await settle()
      await first.kill()
      const second = await open()
      second.orchestrator.register(flow)
      await settle()
      expect([begun.join(""), second.orchestrator.bulkheads()[0]]).toEqual([
        "aa",
        expect.objectContaining({ running: 1, queued: 1 })
      ])
      await end("a")
      await end("b")
      expect(await Promise.all(["a", "b"].map(async (id) => (await second.orchestrator.get(id)).result()))).toEqual([
        "a",
        "b"
      ])
    })
    test("a task that names one that is not there fails, and says what to do", async () => {
      const { open, work } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bink", retry: { attempts: 5 } })
        .returns(($) => $.t)
      expect(await failureOf(await orchestrator.submit(flow, "a"))).toMatchObject({
        code: "POLICY_UNKNOWN",
        message: `there is no bulkhead 'bink' here: give it to the orchestrator, or to the workflow, as bulkheads: { "bink": … }; there are bank`
      })
    })
    test("a workflow may bring its size along: it is the same room for all runs, and the first that says so counts", async () => {
      const { open, work, begun, end } = await house()
      const { orchestrator } = await open()
      const flow = (name: string, concurrent: number) =>
        workflow(name, type<string>(), { bulkheads: { bank: { concurrent } } })
          .task("t", work, ($) => $.input, { bulkhead: "bank" })
          .returns(($) => $.t)
      await orchestrator.submit(flow("small", 1), "a")
      await settle()
      await orchestrator.submit(flow("large", 9), "b")
      await settle()
      expect(begun).toEqual(["a"])
      expect(orchestrator.bulkheads()).toEqual([
        { name: "bank", running: 1, queued: 1, refused: 0, concurrent: 1, queue: 1_000 }
      ])
      await end("a")
      expect(begun).toEqual(["a", "b"])
      await end("b")
    })
    test("the size that the orchestrator gives counts before that of a workflow", async () => {
      const { open, work, begun, end } = await house({ bulkheads: { bank: { concurrent: 2 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>(), { bulkheads: { bank: { concurrent: 1 } } })
        .task("t", work, ($) => $.input, { bulkhead: "bank" })
        .returns(($) => $.t)
      await orchestrator.submit(flow, "a")
      await orchestrator.submit(flow, "b")
      await settle()
      expect(begun).toEqual(["a", "b"])
      await end("a")
      await end("b")
    })
    test("a result that is remembered passes no bulkhead", async () => {
      const { open, work, end } = await house({ bulkheads: { bank: { concurrent: 1 } } })
      const { orchestrator } = await open()
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, { bulkhead: "bank", cache: { ttl: "1h" } })
        .returns(($) => $.t)
      const first = await orchestrator.submit(flow, "a")
      await settle()
      await end("a")
      expect(await first.result()).toBe("a")
      await orchestrator.submit(flow, "b")
      await settle()
      expect(await orchestrator.execute(flow, "a")).toBe("a")
    })
  })
})
