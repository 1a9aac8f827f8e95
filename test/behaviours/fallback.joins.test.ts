// When a task starts that does not simply wait for all it depends on, and what is left of one that may fail.
import { Orchestrator, type TaskIR } from "troupe"
import { describe, expect, test, vi } from "vitest"
import { troubled } from "../engine/failing.ts"

const leaf = (id: string, more: Partial<TaskIR> = {}): TaskIR => ({ id, task: "work", ...more }) as TaskIR
/** Its input is missing where the result is. */
const reads = (id: string, of: string): TaskIR => leaf(id, { input: { was: { $: of } } })

describe("Fallbacks, joins and people", () => {
  describe("an allowed failure", () => {
    test("leaves no result; those behind it go on without, and the run says so (G16)", async () => {
      const there = troubled()
      there.fails.add("a")
      const { status, output, degraded, states } = await there.outcome([
        leaf("a", { onFailed: "continue" }),
        reads("b", "a")
      ])
      expect([status, output]).toEqual(["succeeded", { b: "work({})" }])
      expect(degraded).toEqual([{ task: "a", instead: "nothing", because: "a is down" }])
      expect(states).toEqual({ a: "failed", b: "succeeded" })
    })
    test("comes after the fallbacks, and only when they fail too", async () => {
      const there = troubled()
      there.fails.add("a")
      const a = leaf("a", { onFailed: "continue", fallback: { task: "other" } })
      expect((await there.outcome([a])).degraded).toMatchObject([{ instead: "task" }])
      there.fails.add("a~1")
      expect((await there.outcome([a])).degraded).toMatchObject([{ instead: "nothing" }])
    })
    test("of a sub-workflow, a fan-out or a derived value lets the workflow around it go on", async () => {
      const there = troubled()
      for (const path of ["ship/x", "all[0]"]) there.fails.add(path)
      const { status, degraded } = await there.outcome([
        { id: "ship", kind: "use", workflow: { ir: 1, name: "in", tasks: [leaf("x")] }, onFailed: "continue" },
        { id: "all", kind: "map", over: 2, each: { task: "work" }, onFailed: "continue" }
      ])
      expect(status).toBe("succeeded")
      expect(degraded.map(({ task }) => task).sort()).toEqual(["all", "ship"])
    })
  })

  describe("a join", () => {
    const three = (more: Partial<TaskIR>) => [
      leaf("a", { onFailed: "continue" }),
      leaf("b", { onFailed: "continue" }),
      leaf("c", { onFailed: "continue" }),
      leaf("z", {
        after: ["a", "b", "c"].map((task) => ({ task, on: "succeeded" as const })),
        input: { a: { $: "a" }, b: { $: "b" }, c: { $: "c" } },
        ...more
      })
    ]
    test("any: starts with the first that lets it, reads what is there then, and the others go on", async () => {
      const there = troubled()
      there.hangs.set("a", () => {})
      there.hangs.set("c", () => {})
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await there.flow(three({ join: "any" })), null)
      await vi.waitFor(() => expect(there.paths()).toContain("z"))
      expect(there.calls.find(({ path }) => path === "z")!.input).toEqual({ b: "work()" })
      expect(await run.tasks()).toMatchObject({ a: "running", b: "succeeded", c: "running" })
      there.hangs.get("a")!()
      there.hangs.get("c")!()
      expect((await run.outcome()).status).toBe("succeeded")
      expect(await run.tasks()).toEqual({ a: "succeeded", b: "succeeded", c: "succeeded", z: "succeeded" })
    })
    test("any with cancelRest: those that were not needed are told to stop, or never begin", async () => {
      const there = troubled()
      there.hangs.set("a", () => {})
      const tasks = three({ join: "any", cancelRest: true })
      tasks.splice(2, 1, leaf("c", { after: ["late"] }))
      tasks.unshift({ id: "late", kind: "sleep", durationMs: 40 })
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await there.flow(tasks), null)
      expect((await run.outcome()).status).toBe("succeeded")
      expect(await run.tasks()).toEqual({
        late: "succeeded",
        a: "cancelled",
        b: "succeeded",
        c: "cancelled",
        z: "succeeded"
      })
      expect(there.paths()).not.toContain("c")
      expect((await run.status()).degraded).toEqual([])
    })
    test("cancelRest leaves alone what somebody else waits for", async () => {
      const there = troubled()
      there.hangs.set("a", () => {})
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(
        await there.flow([...three({ join: "any", cancelRest: true }), reads("needsA", "a")]),
        null
      )
      await vi.waitFor(() => expect(there.paths()).toContain("z"))
      there.hangs.get("a")!()
      expect((await run.outcome()).status).toBe("succeeded")
      expect(await run.tasks()).toMatchObject({ a: "succeeded", needsA: "succeeded" })
    })
    test("atLeast: waits for so many, and is skipped when they can never be", async () => {
      const there = troubled()
      there.fails.add("a")
      expect((await there.outcome(three({ join: { atLeast: 2 } }))).output).toEqual({
        z: 'work({"b":"work()","c":"work()"})'
      })
      there.fails.add("b")
      const { status, states } = await there.outcome(three({ join: { atLeast: 2 } }))
      expect([status, states["z"]]).toEqual(["succeeded", "skipped"])
    })
    test("each attempt of a task that did not wait for all reads the same, also after what it did not wait for has ended", async () => {
      const there = troubled()
      there.hangs.set("a", () => {})
      there.fails.add("z")
      const tasks = three({
        join: "any",
        retry: { attempts: 2, baseMs: 60, backoff: "fixed", jitter: 0 }
      } as Partial<TaskIR>)
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await there.flow(tasks), null)
      await vi.waitFor(() => expect(there.paths()).toContain("z"))
      there.hangs.get("a")!()
      there.fails.delete("z")
      await run.outcome()
      const inputs = there.calls.filter(({ path }) => path === "z").map(({ input }) => input)
      expect(inputs.length).toBe(2)
      expect(inputs[1]).toEqual(inputs[0])
    })
  })

  describe("a fan-out that accepts", () => {
    const all = (accept: unknown, more: object = {}): TaskIR =>
      ({ id: "all", kind: "map", over: ["a", "b", "c"], each: { task: "work" }, accept, ...more }) as TaskIR
    test("any: the first good item is the result, and the rest is told to stop", async () => {
      const there = troubled()
      there.fails.add("all[0]")
      there.hangs.set("all[2]", () => {})
      const { output, status, degraded } = await there.outcome([all("any")])
      expect([status, output]).toEqual(["succeeded", { all: 'work("b")' }])
      expect(degraded).toEqual([{ task: "all[0]", instead: "nothing", because: "all[0] is down" }])
    })
    test("any: items that still wait for their turn never begin", async () => {
      const there = troubled()
      const { output } = await there.outcome([all("any"), leaf("after", { after: ["all"] })], {
        config: { concurrency: 1 }
      })
      expect(output).toEqual({ after: "work()" })
      expect(there.paths()).toEqual(["all[0]", "after"])
    })
    test("any: fails with the last failure when none is good", async () => {
      const there = troubled()
      for (const i of [0, 1, 2]) there.fails.add(`all[${i}]`)
      expect(await there.outcome([all("any")])).toMatchObject({ status: "failed", failedTask: "all[2]" })
    })
    test("atLeast: a list as soon as so many are good, with null for the others", async () => {
      const there = troubled()
      there.hangs.set("all[1]", () => {})
      expect((await there.outcome([all({ atLeast: 2 })])).output).toEqual({ all: ['work("a")', null, 'work("c")'] })
    })
    test("atLeast: fails as soon as there can never be enough", async () => {
      const there = troubled()
      there.fails.add("all[0]")
      there.fails.add("all[1]")
      there.hangs.set("all[2]", () => {})
      expect(await there.outcome([all({ atLeast: 2 })])).toMatchObject({ status: "failed", failedTask: "all[1]" })
    })
    test("settled: what became of each, in order", async () => {
      const there = troubled()
      there.fails.add("all[1]")
      const { output, degraded } = await there.outcome([all("settled")])
      expect(output).toEqual({
        all: [
          { status: "succeeded", value: 'work("a")' },
          { status: "failed", error: { code: "Error", message: "all[1] is down" } },
          { status: "succeeded", value: 'work("c")' }
        ]
      })
      expect(degraded).toEqual([{ task: "all[1]", instead: "nothing", because: "all[1] is down" }])
    })
    test("more than it is given: fails and says how many there were", async () => {
      const there = troubled()
      const inputs = { over: { $: "input" } }
      await using orchestrator = await Orchestrator.open()
      const flow = await there.flow([all({ atLeast: 2 }, inputs)])
      await expect(orchestrator.execute(flow, ["only"])).rejects.toMatchObject({
        message: expect.stringContaining("'all' needs 2 good items and was given 1")
      })
    })
    test("partial items are missing from a result that says so", async () => {
      const there = troubled()
      there.fails.add("all[1]")
      const { accept: _, ...partial } = all("all", { partial: true }) as TaskIR & { accept: unknown }
      expect((await there.outcome([partial as TaskIR])).degraded).toEqual([
        { task: "all[1]", instead: "nothing", because: "all[1] is down" }
      ])
    })
  })
})
