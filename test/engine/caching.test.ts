// Equal work is not done again for a while: what equal means, where it is kept, what it never does.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { type Json, load, Orchestrator, type TaskContext, task, type, type WorkflowIR, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { afterAll, afterEach, describe, expect, test } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "troupe-cached-"))
afterAll(() => rmSync(folder, { recursive: true }))
const open: Array<Orchestrator> = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
const start = async (...options: Parameters<typeof Orchestrator.open>) => {
  const orchestrator = await Orchestrator.open(...options)
  open.push(orchestrator)
  return orchestrator
}
const counting = (run: (input: any, context: TaskContext) => unknown = (n) => n, more: object = {}) => {
  const calls: Array<Json> = []
  const work = task("work", {
    in: type<any>(),
    out: type<any>(),
    cache: { ttl: "1h" },
    run: (input, context) => {
      calls.push(input)
      return run(input, context) as never
    },
    ...more
  })
  return { calls, work }
}

describe("H08 a task with a cache", () => {
  test("is not called for an input that it answered before, in whatever order its keys stand, and in any workflow", async () => {
    const { calls, work } = counting()
    const orchestrator = await start()
    const flow = workflow("other", type<Json>())
      .task("a", work, ($) => $.input)
      .returns(($) => $.a)
    expect(await orchestrator.execute(work, { a: 1, b: 2 })).toEqual({ a: 1, b: 2 })
    expect(await orchestrator.execute(work, { b: 2, a: 1 })).toEqual({ a: 1, b: 2 })
    expect(await orchestrator.execute(flow, { b: 2, a: 1 })).toEqual({ a: 1, b: 2 })
    expect(calls.length).toBe(1)
    const run = await orchestrator.submit(work, { a: 1, b: 2 })
    await run.result()
    expect((await run.history()).at(-1)).toMatchObject({ type: "attempt.succeeded", attempt: 1, cached: true })
  })

  test("is called again after a failure, and by other tasks of the same input", async () => {
    let fails = 1
    const { calls, work } = counting((n) => {
      if (fails-- > 0) throw new TypeError("not now")
      return n
    })
    const orchestrator = await start()
    await expect(orchestrator.execute(work, 1)).rejects.toThrow("not now")
    expect(await orchestrator.execute(work, 1)).toBe(1)
    expect(await orchestrator.execute(work, 1)).toBe(1)
    expect(calls.length).toBe(2)
    const named = task("other", { in: type<number>(), out: type<number>(), cache: { ttl: 1_000 }, run: (n) => n * 2 })
    expect(await orchestrator.execute(named, 1)).toBe(2)
  })

  test("keeps its results in the file: the next process has them; what was changed there is as good as gone", async () => {
    const path = join(folder, "kept.db")
    const { calls, work } = counting()
    const first = await start({ store: `sqlite:${path}` })
    await first.execute(work, "é")
    await first.close()
    const second = await start({ store: `sqlite:${path}` })
    expect(await second.execute(work, "é")).toBe("é")
    expect(calls.length).toBe(1)
    const other = new DatabaseSync(path)
    expect(other.exec("UPDATE troupe_cache SET value = replace(value, 'é', 'e')")).toBe(undefined)
    other.close()
    expect(await second.execute(work, "é")).toBe("é")
    expect(calls.length).toBe(2)
  })

  test("sweeps what has expired in passing", async () => {
    const path = join(folder, "swept.db")
    const { work } = counting(undefined, { cache: { ttl: 1 } })
    const orchestrator = await start({ store: `sqlite:${path}` })
    for (let i = 0; i < 5; i++) {
      await orchestrator.execute(work, i)
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    const other = new DatabaseSync(path, { readOnly: true })
    expect(other.prepare("SELECT count(*) AS n FROM troupe_cache").get()).toEqual({ n: 1 })
    other.close()
  })

  test("in memory keeps as many as it may, the oldest go first", async () => {
    const { calls, work } = counting()
    const orchestrator = await start({ store: memoryJournal({ cacheMax: 2 }) })
    for (const n of [1, 2, 1, 3, 1, 2]) await orchestrator.execute(work, n)
    // 3 drove out 1, which was remembered first; then 1 drove out 2, and 2 drove out 3
    expect(calls).toEqual([1, 2, 3, 1, 2])
  })

  test("with an agent or a built-in kind is remembered by what it needs, or by its settings", async () => {
    let calls = 0
    const agent = { id: "a", can: ["count", "recount"], run: () => ++calls }
    const orchestrator = await start({ agents: [agent], allow: { shell: true } })
    const ir = (argv: ReadonlyArray<string>): WorkflowIR => ({
      ir: 1,
      name: "w",
      tasks: [
        { id: "count", needs: "count", cache: { ttlMs: 60_000 } },
        { id: "said", kind: "shell", argv, cache: { ttlMs: 60_000 }, after: ["count"] }
      ],
      output: [{ $: "count" }, { $: "said.stdout" }]
    })
    const cached = async (argv: ReadonlyArray<string>) => {
      const run = await orchestrator.submit(await load(ir(argv)), null)
      return [await run.result(), (await run.history()).map((one) => "cached" in one)]
    }
    expect(await cached(["echo", "one"])).toEqual([
      [1, "one\n"],
      [false, false, false]
    ])
    expect(await cached(["echo", "one"])).toEqual([
      [1, "one\n"],
      [false, true, true]
    ])
    expect(await cached(["echo", "two"])).toEqual([
      [1, "two\n"],
      [false, true, false]
    ])
    const recount = task("recount", { in: type<null>(), out: type<number>(), needs: "recount", cache: { ttl: "1m" } })
    expect(await orchestrator.execute(recount, null)).toBe(2)
  })

  test("in a fan-out has a key for each item; a key makes the tasks that it reads from come first", async () => {
    const { calls, work } = counting(({ n }) => n * 10)
    const flow = workflow("keys", type<ReadonlyArray<number>>())
      .derive(
        "mod",
        ($) => $.input.length,
        () => 2
      )
      .map("all", work, ($) => $.input, {
        concurrency: 1,
        input: ($) => ({ n: $.item }),
        cache: { ttl: "1m", key: ($) => [$.mod, $.item] }
      })
      .returns(($) => $.all)
    const { ir } = flow
    expect(ir.tasks[1]).toMatchObject({ each: { cache: { ttlMs: 60_000, key: [{ $: "mod" }, { $: "item" }] } } })
    const orchestrator = await start()
    expect(await orchestrator.execute(flow, [1, 2, 1, 2, 3])).toEqual([10, 20, 10, 20, 30])
    expect(calls.length).toBe(3)
    const after: WorkflowIR = {
      ir: 1,
      name: "after",
      tasks: [
        { id: "b", kind: "echo", cache: { ttlMs: 1, key: { $: "a.x" } } },
        { id: "a", kind: "echo" }
      ]
    }
    expect((await load(after)).plan().stages.map(({ tasks }) => tasks)).toEqual([["a"], ["b"]])
    const wrong = { ...after, tasks: [{ id: "b", kind: "echo", cache: { ttlMs: 0, key: { $: "c" } } }] }
    await expect(load(wrong as WorkflowIR)).rejects.toThrow(/cache\/ttlMs/)
    const unknown = { ...after, tasks: [{ id: "b", kind: "echo", cache: { ttlMs: 1, key: { $: "c" } } }] }
    await expect(load(unknown as WorkflowIR)).rejects.toThrow(/REF_UNKNOWN at \/tasks\/0\/cache\/key/)
  })

  test("whose result is a transaction is never remembered: its rows belong to it", async () => {
    const { calls, work } = counting((n, { tx }) =>
      tx((db) => {
        db.exec("CREATE TABLE IF NOT EXISTS app (n)")
        return db.run("INSERT INTO app VALUES (?)", n).changes
      })
    )
    const orchestrator = await start({ store: `sqlite:${join(folder, "tx.db")}` })
    await orchestrator.execute(work, 1)
    await orchestrator.execute(work, 1)
    expect(calls.length).toBe(2)
  })

  test("is done when the store cannot say what it remembers", async () => {
    const { calls, work } = counting()
    const journal = { ...memoryJournal(), cached: () => Effect.fail(new TypeError("gone") as never) }
    const orchestrator = await start({ store: journal })
    expect([await orchestrator.execute(work, 1), await orchestrator.execute(work, 1)]).toEqual([1, 1])
    expect(calls.length).toBe(2)
  })

  test("a planner's plan is looked at again when it is remembered", async () => {
    const { calls, work } = counting(() => ({ tasks: [{ id: "x", kind: "echo", input: 5 }], output: { $: "x" } }))
    const flow = workflow("flow", type<null>())
      .expand("plan", work, ($) => $.input, { out: type<number>() })
      .returns(($) => $.plan)
    const orchestrator = await start()
    expect([await orchestrator.execute(flow, null), await orchestrator.execute(flow, null)]).toEqual([5, 5])
    expect(calls.length).toBe(1)
  })

  test("a time to live out of range is refused where it is written", () => {
    const make = (ttl: never) => task("work", { in: type(), out: type(), run: () => 1, cache: { ttl } })
    expect(() => make("0s" as never)).toThrow(/cache.ttl of task 'work' cannot be "0s": give at least 1 ms/)
    expect(() => make("20y" as never)).toThrow(/cache.ttl of task 'work'/)
  })
})
