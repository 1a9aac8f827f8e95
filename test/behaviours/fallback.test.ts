// What stands in for a task that has failed for good.
import { type Json, Orchestrator, type TaskIR } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test, vi } from "vitest"
import { StandingClock, settle } from "../clock.ts"
import { troubled } from "../engine/failing.ts"

const quote: TaskIR = { id: "quote", task: "work", input: "q" }
const next: TaskIR = { id: "next", task: "work", input: { was: { $: "quote" } } }

describe("Fallbacks, joins and people", () => {
  describe("a fallback", () => {
    test("a value stands in for the result; those behind read it, and the run says that it is degraded (G16)", async () => {
      const there = troubled()
      there.fails.add("quote")
      const { status, output, degraded, states } = await there.outcome([
        { ...quote, fallback: { value: { price: 0 } } },
        next
      ])
      expect([status, output]).toEqual(["succeeded", { next: 'work({"was":{"price":0}})' }])
      expect(degraded).toEqual([{ task: "quote", instead: "value", because: "quote is down" }])
      expect(states).toEqual({ quote: "succeeded", next: "succeeded" })
    })
    test("without a failure it is never looked at, and the run is not degraded", async () => {
      const there = troubled()
      const { status, degraded } = await there.outcome([{ ...quote, fallback: { task: "other" } }, next])
      expect([status, degraded, there.paths()]).toEqual(["succeeded", [], ["quote", "next"]])
    })
    test("a value may be made of what is known; one that cannot be made is none", async () => {
      const there = troubled()
      there.fails.add("quote")
      const before: TaskIR = { id: "before", task: "work", input: 1 }
      expect(
        await there.outcome([before, { ...quote, fallback: { value: [{ $: "before" }] } }], { output: { $: "quote" } })
      ).toMatchObject({ output: ["work(1)"] })
      expect(await there.outcome([before, { ...quote, fallback: { value: { $: "before.no.such" } } }])).toMatchObject({
        status: "failed",
        failedTask: "quote"
      })
    })
    test("a value that does not fit the result of the task is none", async () => {
      const there = troubled()
      there.fails.add("quote")
      expect(
        await there.outcome([{ ...quote, out: { type: "number" }, fallback: { value: "many" } } as TaskIR])
      ).toMatchObject({ status: "failed", failedTask: "quote" })
    })
    test("other work comes after the last attempt, with the same input, attempts and a key of its own", async () => {
      const there = troubled()
      there.fails.add("quote")
      const retry = { attempts: 2, baseMs: 0, jitter: 0 }
      const { output, degraded, history } = await there.outcome([
        { ...quote, retry, fallback: { task: "other" } } as TaskIR
      ])
      expect(output).toEqual({ quote: 'other("q")' })
      expect(degraded).toEqual([{ task: "quote", instead: "task", because: "quote is down" }])
      expect(there.calls.map(({ path, attempt, input }) => [path, attempt, input])).toEqual([
        ["quote", 1, "q"],
        ["quote", 2, "q"],
        ["quote~1", 1, "q"]
      ])
      expect(there.calls[2]!.key).not.toBe(there.calls[0]!.key)
      expect(history.at(-1)).toMatchObject({ type: "attempt.succeeded", task: "quote~1" })
    })
    test("other work may have an input and a retry policy of its own", async () => {
      const there = troubled()
      there.fails.add("quote")
      there.fails.add("quote~1")
      const fallback = { task: "other", input: { of: { $: "input" } }, retry: { attempts: 3, baseMs: 0, jitter: 0 } }
      const { status } = await there.outcome([{ ...quote, fallback }])
      expect([status, there.paths()]).toEqual(["failed", ["quote", "quote~1", "quote~1", "quote~1"]])
      expect(there.calls[1]!.input).toEqual({ of: null })
    })
    test("several are tried in order, and the first that gives something counts", async () => {
      const there = troubled()
      there.fails.add("quote")
      there.fails.add("quote~1")
      const { output, degraded } = await there.outcome([
        { ...quote, fallback: [{ task: "other" }, { task: "third" }, { value: 0 }] }
      ])
      expect(output).toEqual({ quote: 'third("q")' })
      expect(degraded).toEqual([{ task: "quote", instead: "task", because: "quote is down" }])
      expect(there.paths()).toEqual(["quote", "quote~1", "quote~2"])
    })
    test("when all fail too, the failure of the task itself is told", async () => {
      const there = troubled()
      there.fails.add("quote")
      there.fails.add("quote~1")
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await there.flow([{ ...quote, fallback: { task: "other" } }]), null)
      await expect(run.result()).rejects.toMatchObject({
        task: "quote",
        message: expect.stringContaining("quote is down")
      })
      expect((await run.status()).error).toMatchObject({ task: "quote", failure: { message: "quote is down" } })
    })
    test("a failure that may not be tried again falls back at once; a cancelled task never does", async () => {
      const there = troubled()
      there.hangs.set("quote", () => {})
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await there.flow([{ ...quote, fallback: { task: "other" } }]), null)
      await vi.waitFor(() => expect(there.calls.length).toBe(1))
      await run.cancel()
      expect((await run.outcome()).status).toBe("cancelled")
      expect(there.paths()).toEqual(["quote"])
    })
    test("an attempt that takes too long falls back, and its late answer changes nothing (G10)", async () => {
      const there = troubled()
      there.hangs.set("quote", () => {})
      const { output, degraded } = await there.outcome([
        { ...quote, timeoutMs: 20, fallback: { value: "in time" } } as TaskIR
      ])
      expect([output, degraded[0]?.instead]).toEqual([{ quote: "in time" }, "value"])
    })
    test("a whole workflow, a fan-out, a branch without a case and a plan may have one", async () => {
      const there = troubled()
      for (const path of ["ship/a", "all[1]", "plan@plan"]) there.fails.add(path)
      const inner = { ir: 1, name: "inner", tasks: [{ id: "a", task: "work" }] } as const
      const fallback = { task: "third", input: 1 }
      const { output, degraded, status } = await there.outcome([
        { id: "ship", kind: "use", workflow: inner, fallback },
        { id: "all", kind: "map", over: 2, each: { task: "work" }, fallback },
        { id: "way", kind: "branch", on: "x", cases: { y: inner }, fallback },
        { id: "plan", task: "work", expand: true, fallback }
      ])
      expect(status).toBe("succeeded")
      expect(output).toEqual({ ship: "third(1)", all: "third(1)", way: "third(1)", plan: "third(1)" })
      expect(degraded.map(({ task }) => task).sort()).toEqual(["all", "plan", "ship", "way"])
    })
    test("an item of a fan-out has its own", async () => {
      const there = troubled()
      there.fails.add("all[1]")
      there.fails.add("all[2]")
      there.fails.add("all[2]~1")
      const { output, degraded } = await there.outcome([
        {
          id: "all",
          kind: "map",
          over: ["a", "b", "c"],
          each: { task: "work", fallback: [{ task: "other" }, { value: { nth: { $: "index" } } }] }
        }
      ])
      expect(output).toEqual({ all: ['work("a")', 'other("b")', { nth: 2 }] })
      expect(degraded).toEqual([
        { task: "all[1]", instead: "task", because: "all[1] is down" },
        { task: "all[2]", instead: "value", because: "all[2] is down" }
      ])
    })
    test("pause holds a fallback back as it does an attempt (G13)", async () => {
      const there = troubled()
      there.hangs.set("quote", () => {})
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(
        await there.flow([{ ...quote, timeoutMs: 30, fallback: { task: "other" } } as TaskIR]),
        null
      )
      await vi.waitFor(() => expect(there.calls.length).toBe(1))
      await run.pause()
      await new Promise((resolve) => setTimeout(resolve, 60))
      expect(there.paths()).toEqual(["quote"])
      await run.resume()
      expect(await run.result()).toEqual({ quote: 'other("q")' })
    })
  })

  describe("the last good result", () => {
    const kept: TaskIR = { ...quote, fallback: [{ lastGoodMs: 60_000 }, { value: "none" }] }
    const world = async () => {
      const there = troubled()
      const time = new StandingClock()
      const journal = memoryJournal({ isDurable: true })
      const flow = await there.flow([{ ...kept, input: { $: "input" } } as TaskIR], { output: { $: "quote" } })
      const { orchestrator } = await time.open({ store: journal, workflows: [flow] })
      const run = async (input: Json) => {
        const one = await orchestrator.submit(flow, input)
        await settle(40)
        return { status: await one.status(), history: await one.history() }
      }
      return { there, time, run, close: () => orchestrator.close() }
    }
    test("for equal input stands in, as long as it is young enough; what was found is in the history", async () => {
      const { there, time, run, close } = await world()
      expect((await run("a")).status.output).toBe('work("a")')
      there.fails.add("quote")
      await time.advance(59_000)
      const { status, history } = await run("a")
      expect([status.output, status.degraded]).toEqual([
        'work("a")',
        [{ task: "quote", instead: "lastGood", because: "quote is down" }]
      ])
      expect(history.at(-1)).toMatchObject({
        type: "attempt.succeeded",
        task: "quote~1",
        value: 'work("a")',
        cached: true
      })
      expect((await run("b")).status.output).toBe("none")
      await time.advance(2_000)
      expect((await run("a")).status.output).toBe("none")
      await close()
    })
    test("it never spares the work: a task without a cache is called each time", async () => {
      const { there, run, close } = await world()
      await run("a")
      await run("a")
      expect(there.paths()).toEqual(["quote", "quote"])
      await close()
    })
    test("a cache beside it gives for its own time only, and stands in for longer", async () => {
      const there = troubled()
      const time = new StandingClock()
      const journal = memoryJournal({ isDurable: true })
      const flow = await there.flow(
        [{ ...quote, cache: { ttlMs: 1_000 }, fallback: { lastGoodMs: 60_000 } } as TaskIR],
        {
          output: { $: "quote" }
        }
      )
      const { orchestrator } = await time.open({ store: journal, workflows: [flow] })
      const once = async () => {
        const one = await orchestrator.submit(flow, null)
        await settle(40)
        return (await one.status()).degraded.length
      }
      expect([await once(), await once(), there.calls.length]).toEqual([0, 0, 1])
      await time.advance(1_500)
      expect([await once(), there.calls.length]).toEqual([0, 2])
      there.fails.add("quote")
      await time.advance(1_500)
      expect([await once(), there.calls.length]).toEqual([1, 3])
      await orchestrator.close()
    })
  })
})
