import { gt, load, lt, Orchestrator, RunFailed, task, type, workflow } from "troupe"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { InspectionEvent } from "xstate"

const num = task("num", { in: type<number>(), out: type<number>(), run: async (n) => n + 1 })
const fails = task("fails", {
  in: type<number>(),
  out: type<number>(),
  run: () => {
    throw new Error("kaputt")
  }
})
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

let orchestrator: Orchestrator
beforeEach(async () => {
  orchestrator = await Orchestrator.open({ graceMs: 50 })
})
afterEach(() => orchestrator.close())

describe("a workflow from definition to result", () => {
  test("I01 tasks in sequence hand on their results", async () => {
    const flow = workflow("seq", type<number>())
      .task("a", num, ($) => $.input)
      .task("b", num, ($) => $.a)
      .task("c", num, ($) => $.b)
      .returns(($) => ({ c: $.c, a: $.a }))
    expect(await orchestrator.execute(flow, 1)).toEqual({ c: 4, a: 2 })
  })
  test("I02, Z02 independent tasks run side by side, and those behind them run too", async () => {
    const order: Array<string> = []
    const wait = task("wait", {
      in: type<{ id: string; ms: number }>(),
      out: type<string>(),
      run: async ({ id, ms }) => {
        order.push(`+${id}`)
        await later(ms)
        order.push(`-${id}`)
        return id
      }
    })
    const flow = workflow("par", type<null>())
      .task("a", wait, () => ({ id: "a", ms: 20 }))
      .task("b", wait, () => ({ id: "b", ms: 5 }))
      .task("c", wait, (_$) => ({ id: "c", ms: 1 }), { after: ["a", "b"] })
      .returns(($) => [$.a, $.b, $.c])
    expect(await orchestrator.execute(flow, null)).toEqual(["a", "b", "c"])
    expect(order).toEqual(["+a", "+b", "-b", "-a", "+c", "-c"])
  })
  test("B10, Z16 a fast branch does not wait for its slow sibling's level", async () => {
    const order: Array<string> = []
    const wait = task("wait", {
      in: type<{ id: string; ms: number }>(),
      out: type<string>(),
      run: async ({ id, ms }) => {
        await later(ms)
        order.push(id)
        return id
      }
    })
    const flow = workflow("levels", type<null>())
      .task("slow", wait, () => ({ id: "slow", ms: 60 }))
      .task("fast", wait, () => ({ id: "fast", ms: 1 }))
      .task("next", wait, () => ({ id: "next", ms: 1 }), { after: ["fast"] })
      .task("last", wait, () => ({ id: "last", ms: 1 }), { after: ["next"] })
      .returns(($) => $.last)
    await orchestrator.execute(flow, null)
    expect(order).toEqual(["fast", "next", "last", "slow"])
  })
  test("when: a task whose condition does not hold is skipped, and what follows runs with undefined", async () => {
    const seen = task("seen", {
      in: type<{ x?: number | undefined }>(),
      out: type<string>(),
      run: (input) => JSON.stringify(input)
    })
    const flow = workflow("when", type<number>())
      .task("a", num, ($) => $.input, { when: ($) => gt($.input, 5) })
      .task("b", seen, ($) => ({ x: $.a }))
      .returns(($) => $.b)
    expect([await orchestrator.execute(flow, 1), await orchestrator.execute(flow, 9)]).toEqual(["{}", '{"x":10}'])
  })
  test("a chain of 20,000 skipped tasks overflows nothing", async () => {
    const tasks = Array.from({ length: 20_000 }, (_, i) => ({
      id: `t${i}`,
      kind: "noop",
      when: false,
      ...(i === 0 ? {} : { after: [`t${i - 1}`] })
    }))
    const run = await orchestrator.submit(await load({ ir: 1, name: "skips", tasks, output: 1 }), null)
    expect((await run.outcome()).status).toBe("succeeded")
    expect((await run.status()).tasks).toMatchObject({ total: 20_000, skipped: 20_000 })
  })
  test("map keeps the order of items, whatever finishes first, within its concurrency", async () => {
    let now = 0
    let most = 0
    const wait = task("wait", {
      in: type<number>(),
      out: type<number>(),
      run: async (ms) => {
        most = Math.max(most, ++now)
        await later(ms)
        now--
        return ms
      }
    })
    const flow = workflow("map", type<Array<number>>())
      .map("m", wait, ($) => $.input, { concurrency: 3 })
      .returns(($) => $.m)
    expect(await orchestrator.execute(flow, [20, 1, 10, 5, 2])).toEqual([20, 1, 10, 5, 2])
    expect(most).toBe(3)
    expect(await orchestrator.execute(flow, [])).toEqual([])
  })
  test("map wires items with other data; failed items become null where partial results are accepted", async () => {
    const odd = task("odd", {
      in: type<{ n: number; i: number; base: number }>(),
      out: type<number>(),
      run: ({ n, i, base }) => {
        if (n % 2 === 0) throw new Error("even")
        return base + n * 10 + i
      }
    })
    const flow = workflow("items", type<number>())
      .task("base", num, ($) => $.input)
      .map("m", odd, () => [1, 2, 3], { partial: true, input: ($) => ({ n: $.item, i: $.index, base: $.base }) })
      .returns(($) => $.m)
    expect(await orchestrator.execute(flow, 99)).toEqual([110, null, 132])
  })
  test("V-09 a fan-out over 10,000,000 items is refused before anything is made of it", async () => {
    const flow = await load({
      ir: 1,
      name: "wide",
      tasks: [{ id: "m", kind: "map", over: 10_000_000, each: { kind: "noop" } }]
    })
    const before = process.memoryUsage().heapUsed
    await expect(orchestrator.execute(flow, null)).rejects.toMatchObject({
      task: "m",
      failure: { code: "LIMIT_FANOUT" }
    })
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20e6)
  })
  test("I03 sub-workflows, nested twice, inside a fan-out", async () => {
    const inner = workflow("inner", type<number>())
      .task("i", num, ($) => $.input)
      .returns(($) => ({ got: $.i }))
    const middle = workflow("middle", type<number>())
      .use("u", inner, ($) => $.input)
      .task("n", num, ($) => $.u.got)
      .returns(($) => $.n)
    const flow = workflow("outer", type<Array<number>>())
      .map("all", middle, ($) => $.input)
      .returns(($) => $.all)
    expect(await orchestrator.execute(flow, [1, 2, 3])).toEqual([3, 4, 5])
  })
  test("branch takes the case that is named, else otherwise, else says which there are", async () => {
    const plus = workflow("plus", type<number>())
      .task("p", num, ($) => $.input)
      .returns(($) => $.p)
    const same = workflow("same", type<number>()).returns(($) => $.input)
    const flow = workflow("branch", type<{ kind: string; n: number }>())
      .branch(
        "b",
        ($) => $.input.kind,
        { plus, otherwise: same },
        ($) => $.input.n
      )
      .returns(($) => $.b)
    const strict = workflow("strict", type<{ kind: string; n: number }>())
      .branch(
        "b",
        ($) => $.input.kind,
        { plus },
        ($) => $.input.n
      )
      .returns(($) => $.b)
    expect([
      await orchestrator.execute(flow, { kind: "plus", n: 1 }),
      await orchestrator.execute(flow, { kind: "x", n: 1 })
    ]).toEqual([2, 1])
    await expect(orchestrator.execute(strict, { kind: "x", n: 1 })).rejects.toThrow(/one of the cases \(plus\)/)
  })
  test("repeat goes on until its condition holds; its bound fails it, or ends it where that was wanted", async () => {
    const round = workflow("round", type<number>())
      .task("r", num, ($) => $.input)
      .returns(($) => $.r)
    const loop = (max: number, onMax: "fail" | "return") =>
      workflow("loop", type<number>())
        .repeat("l", round, ($) => $.input, { until: (out) => gt(out, 9), max, onMax, delay: "1ms" })
        .returns(($) => $.l)
    expect(await orchestrator.execute(loop(20, "fail"), 1)).toBe(10)
    expect(await orchestrator.execute(loop(3, "return"), 1)).toBe(4)
    await expect(orchestrator.execute(loop(3, "fail"), 1)).rejects.toMatchObject({ failure: { code: "LIMIT_ROUNDS" } })
  })
  test("sleep waits, by a number or by data, scaled where asked", async () => {
    const fast = await Orchestrator.open({ timeScale: 100 })
    const flow = workflow("nap", type<{ ms: number }>())
      .sleep("a", "1s")
      .sleep("b", ($) => $.input.ms, { after: ["a"] })
      .returns(($) => $.b)
    const start = performance.now()
    await fast.execute(flow, { ms: 1_000 })
    const took = performance.now() - start
    expect(took).toBeGreaterThanOrEqual(18)
    expect(took).toBeLessThan(500)
    await fast.close()
  })
  test("I07 the light path: a task alone is submitted like a workflow", async () => {
    expect(await orchestrator.execute(num, 41)).toBe(42)
  })
  test("H06, H02 named values between tasks: data written by one, read by another, whole or in part", async () => {
    const flow = await load({
      ir: 1,
      name: "data",
      tasks: [
        {
          id: "a",
          kind: "echo",
          input: { x: { y: [1, 2] }, z: "q" },
          data: { "one.list": { $: "result.x.y" }, two: { $: "result.z" } }
        },
        { id: "b", kind: "echo", input: { first: { $: "data.one.list.0" }, all: { $: "data" } } }
      ],
      output: { $: "b" }
    })
    expect(await orchestrator.execute(flow, null)).toEqual({ first: 1, all: { one: { list: [1, 2] }, two: "q" } })
  })
  test("H07 tasks cannot change what others read", async () => {
    const sort = task("sort", { in: type<Array<number>>(), out: type<Array<number>>(), run: (list) => list.sort() })
    const input = [3, 1, 2]
    const flow = workflow("iso", type<Array<number>>())
      .task("s", sort, ($) => $.input)
      .returns(($) => $.s)
    await expect(orchestrator.execute(flow, input)).rejects.toThrow(/read only/)
    const copy = workflow("copy", type<Array<number>>())
      .derive(
        "d",
        ($) => $.input,
        (list) => [...list].sort()
      )
      .returns(($) => ({ d: $.d, i: $.input }))
    const result = await orchestrator.execute(copy, input)
    input.push(9)
    expect(result).toEqual({ d: [1, 2, 3], i: [3, 1, 2] })
  })
  test("without output a workflow gives the results of its last tasks", async () => {
    const flow = await load({
      ir: 1,
      name: "sinks",
      tasks: [
        { id: "a", kind: "echo", input: 1 },
        { id: "b", kind: "echo", input: 2, after: ["a"] },
        { id: "c", kind: "echo", input: 3 }
      ]
    })
    expect(await orchestrator.execute(flow, null)).toEqual({ b: 2, c: 3 })
  })
  test("a workflow without tasks ends at once", async () => {
    expect(
      await orchestrator.execute(
        workflow("none", type<number>()).returns(($) => $.input),
        5
      )
    ).toBe(5)
  })
})

describe("B04 expand: a planner injects tasks and edges", () => {
  const planner = (fragment: unknown) => task("planner", { in: type<unknown>(), out: type<any>(), run: () => fragment })
  const expanding = (fragment: unknown) =>
    workflow("ex", type<number>())
      .expand("plan", planner(fragment), ($) => $.input, { out: type<any>(), tasks: [num] })
      .returns(($) => $.plan)
  test("R11 the fragment runs with its own data and gives its output", async () => {
    const fragment = {
      tasks: [
        { id: "x", task: "num", input: { $: "input" } },
        { id: "y", task: "num", input: { $: "x" } }
      ],
      output: { y: { $: "y" } }
    }
    expect(await orchestrator.execute(expanding(fragment), 5)).toEqual({ y: 7 })
  })
  test.each<[string, unknown, string]>([
    ["a cycle", { tasks: [{ id: "x", kind: "noop", after: ["x"] }] }, "GRAPH_CYCLE"],
    ["an unknown kind", { tasks: [{ id: "x", kind: "nope" }] }, "SHAPE"],
    ["unbound code", { tasks: [{ id: "x", task: "unknown" }] }, "TASK_UNKNOWN"],
    ["an unknown key", { tasks: [], taks: [] }, "KEY_UNKNOWN"],
    ["no fragment", 7, "SHAPE"],
    ["an edge to nowhere", { tasks: [{ id: "x", kind: "noop" }], edges: [{ from: "plan", to: "zz" }] }, "DEP_UNKNOWN"]
  ])("%s is refused whole: nothing of it starts", async (_, fragment, code) => {
    const run = await orchestrator.submit(expanding(fragment), 1)
    const outcome = await run.outcome()
    expect(outcome).toMatchObject({ status: "failed", error: { failure: { tag: "FragmentRefused" } } })
    expect(outcome.error?.message).toContain(code)
    expect((await run.history()).filter(({ type }) => type === "attempt.succeeded").length).toBeLessThanOrEqual(1)
  })
  test("edges hold back tasks of the surrounding workflow", async () => {
    const order: Array<string> = []
    const note = task("note", {
      in: type<string>(),
      out: type<string>(),
      run: async (name) => {
        await later(name === "slow" ? 30 : 1)
        order.push(name)
        return name
      }
    })
    const flow = workflow("edges", type<null>())
      .expand(
        "plan",
        planner({ tasks: [{ id: "x", kind: "noop" }], edges: [{ from: "slow", to: "held" }] }),
        () => null,
        { out: type<any>() }
      )
      .task("slow", note, () => "slow")
      .task("gate", note, () => "gate", { after: ["plan"] })
      .task("held", note, () => "held", { after: ["gate"] })
      .returns(($) => $.held)
    await orchestrator.execute(flow, null)
    expect(order).toEqual(["gate", "slow", "held"])
  })
  test("V-10 fragments inside fragments end at 32 levels", async () => {
    const endless = task("endless", {
      in: type<unknown>(),
      out: type<any>(),
      run: () => ({ tasks: [{ id: "p", task: "endless", expand: true }] })
    })
    const flow = workflow("deep", type<null>())
      .expand("p", endless, () => null, { out: type<any>() })
      .returns(($) => $.p)
    await expect(orchestrator.execute(flow, null)).rejects.toMatchObject({ failure: { code: "LIMIT_DEPTH" } })
  })
})

describe("failures", () => {
  test("F09, B11 the result names the failed task and keeps what was done; what waited is skipped", async () => {
    const flow = workflow("f", type<number>())
      .task("ok", num, ($) => $.input)
      .task("bad", fails, ($) => $.ok)
      .task("never", num, ($) => $.bad)
      .returns(($) => $.never)
    const run = await orchestrator.submit(flow, 1)
    expect(await run.outcome()).toMatchObject({ status: "failed", failedTask: "bad", results: { ok: 2 } })
    expect(await run.tasks()).toEqual({ ok: "succeeded", bad: "failed", never: "skipped" })
    expect(await run.report()).toMatchObject([
      { task: "ok", status: "succeeded", value: 2 },
      { task: "bad", status: "failed", failure: { message: "kaputt" } },
      { task: "never", status: "skipped" }
    ])
    await expect(run.result()).rejects.toThrow(RunFailed)
    await expect(run.result()).rejects.toThrow("failed in task 'bad': kaputt")
  })
  test("Z03 a run whose tasks all failed has failed, whatever the policy", async () => {
    for (const onFailure of ["stop", "continue"] as const) {
      const flow = workflow("all", type<number>(), { onFailure })
        .task("a", fails, ($) => $.input)
        .task("b", fails, ($) => $.input)
        .returns(($) => [$.a, $.b])
      expect((await (await orchestrator.submit(flow, 1)).outcome()).status).toBe("failed")
    }
  })
  test("F10 stop aborts what runs; continue lets everything that can still run come to its end", async () => {
    const aborted: Array<string> = []
    const slow = task("slow", {
      in: type<string>(),
      out: type<string>(),
      run: (id, { signal }) =>
        new Promise((resolve, reject) => {
          const t = setTimeout(() => resolve(id), 40)
          signal.addEventListener("abort", () => {
            clearTimeout(t)
            aborted.push(id)
            reject(signal.reason)
          })
        })
    })
    const flow = (onFailure: "stop" | "continue") =>
      workflow("pol", type<null>(), { onFailure })
        .task("bad", fails, () => 1)
        .task("behind", num, ($) => $.bad)
        .task("s", slow, () => "s")
        .task("t", slow, ($) => $.s)
        .returns(($) => $.t)
    const stopped = await orchestrator.submit(flow("stop"), null)
    await stopped.outcome()
    expect(await stopped.tasks()).toEqual({ bad: "failed", behind: "skipped", s: "cancelled", t: "skipped" })
    expect(aborted).toEqual(["s"])
    const continued = await orchestrator.submit(flow("continue"), null)
    expect((await continued.outcome()).failedTask).toBe("bad")
    expect(await continued.tasks()).toEqual({ bad: "failed", behind: "skipped", s: "succeeded", t: "succeeded" })
  })
  test("F10 what waits for a failure is known to be skipped while the rest goes on", async () => {
    const slow = task("slow", {
      in: type<number>(),
      out: type<number>(),
      run: async (n) => {
        await later(20)
        return n
      }
    })
    const flow = workflow("mid", type<null>(), { onFailure: "continue" })
      .task("bad", fails, () => 1)
      .task("x", num, ($) => $.bad)
      .task("y", num, ($) => $.x)
      .task("s", slow, () => 1)
      .returns(($) => $.s)
    const run = await orchestrator.submit(flow, null)
    await later(5)
    expect(await run.tasks()).toEqual({ bad: "failed", x: "skipped", y: "skipped", s: "running" })
    expect((await run.outcome()).error).toMatchObject({ task: "bad", failure: { message: "kaputt" } })
  })
  test("J01, J02 retries with growing pauses; the last error is the one reported", async () => {
    const at: Array<number> = []
    const flaky = task("flaky", {
      in: type<number>(),
      out: type<string>(),
      retry: { attempts: 3, base: "20ms", jitter: 0 },
      run: (_, { attempt, key }) => {
        at.push(performance.now())
        if (attempt < 3) throw new Error(`no ${attempt}`)
        return `${attempt} ${key.split("/")[1]}`
      }
    })
    expect(
      await orchestrator.execute(
        workflow("r", type<number>())
          .task("x", flaky, ($) => $.input)
          .returns(($) => $.x),
        1
      )
    ).toBe("3 x")
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(19)
    expect(at[2]! - at[1]!).toBeGreaterThanOrEqual(39)
    const spent = task("spent", {
      in: type<number>(),
      out: type<number>(),
      retry: { attempts: 2, base: 1 },
      run: (_, { attempt }) => {
        throw new Error(`attempt ${attempt}`)
      }
    })
    await expect(orchestrator.execute(spent, 1)).rejects.toThrow("attempt 2")
  })
  test("errors that say they are permanent are not retried", async () => {
    let calls = 0
    const never = task("never", {
      in: type<number>(),
      out: type<number>(),
      retry: { attempts: 5, base: 1 },
      run: () => {
        calls++
        throw Object.assign(new Error("no"), { retryable: false })
      }
    })
    await expect(orchestrator.execute(never, 1)).rejects.toThrow("no")
    expect(calls).toBe(1)
  })
  test("Z19, J03 timeouts are enforced, and tell the body", async () => {
    let told: unknown
    const stuck = task("stuck", {
      in: type<number>(),
      out: type<number>(),
      timeout: "20ms",
      run: (_, { signal }) =>
        new Promise<number>(() =>
          signal.addEventListener("abort", () => {
            told = signal.reason
          })
        )
    })
    const start = performance.now()
    await expect(orchestrator.execute(stuck, 1)).rejects.toMatchObject({
      failure: { tag: "AttemptTimedOut", code: "TIMEOUT" }
    })
    expect(performance.now() - start).toBeLessThan(1_000)
    expect(told).toMatchObject({ _tag: "AttemptTimedOut" })
  })
  test("a workflow has a timeout too", async () => {
    const flow = workflow("t", type<null>(), { timeout: "30ms" })
      .sleep("long", "10d")
      .returns(($) => $.long)
    await expect(orchestrator.execute(flow, null)).rejects.toMatchObject({ failure: { tag: "RunTimedOut" } })
    const inner = workflow("outer", type<null>())
      .use("u", flow, () => null)
      .returns(($) => $.u)
    await expect(orchestrator.execute(inner, null)).rejects.toMatchObject({ task: "", failure: { tag: "RunTimedOut" } })
  })
  test("a missing key is a failed attempt that names path and key", async () => {
    const flow = await load({
      ir: 1,
      name: "miss",
      tasks: [
        { id: "a", kind: "echo", input: { x: 1 } },
        { id: "b", kind: "echo", input: { $: "a.y.z" } }
      ]
    })
    await expect(orchestrator.execute(flow, null)).rejects.toMatchObject({
      task: "b",
      failure: { code: "PATH_MISSING", message: expect.stringContaining("'a.y.z' has no 'y'") }
    })
  })
  test("an output that cannot be put together fails the run, not the process", async () => {
    const flow = await load({
      ir: 1,
      name: "out",
      tasks: [{ id: "a", kind: "echo", input: 1 }],
      output: { $: "a.nope" }
    })
    await expect(orchestrator.execute(flow, null)).rejects.toMatchObject({ failure: { code: "PATH_MISSING" } })
  })
})

describe("what tasks may throw or return: an ordinary failed attempt, never a broken process", () => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  test.each<[string, () => unknown, RegExp]>([
    [
      "throws null",
      () => {
        throw null
      },
      /threw null, not an Error/
    ],
    [
      "throws undefined",
      () => {
        throw undefined
      },
      /threw undefined/
    ],
    [
      "throws text",
      () => {
        throw "text"
      },
      /threw "text"/
    ],
    [
      "throws an object without prototype",
      () => {
        throw Object.create(null)
      },
      /threw an object/
    ],
    [
      "throws an error whose message throws",
      () => {
        throw new (class extends Error {
          override get message(): string {
            throw new Error("x")
          }
        })()
      },
      /cannot even be read/
    ],
    ["rejects with nothing", () => Promise.reject(), /threw undefined/],
    ["returns a cycle", () => cyclic, /a cycle/],
    ["returns a bigint", () => ({ n: 1n }), /bigint/],
    ["returns 64 MB", () => "x".repeat(64 * 1024 * 1024), /limit 'payload'/],
    [
      "returns a deep value",
      () => Array.from({ length: 1_000 }).reduce<unknown>((inner) => [inner], 1),
      /limit 'depth'/
    ],
    [
      "returns an object whose getter throws",
      () => ({
        get x() {
          throw new Error("getter")
        }
      }),
      /getter/
    ],
    [
      "returns a thenable that throws",
      () => ({
        then: () => {
          throw new Error("thenable")
        }
      }),
      /thenable/
    ],
    [
      "returns a thenable that rejects",
      () => ({ then: (_: unknown, no: (e: unknown) => void) => no(new Error("thenable")) }),
      /thenable/
    ]
  ])("%s", async (_, run, message) => {
    const bad = task("bad", { in: type<unknown>(), out: type<unknown>(), run: run as never })
    const submitted = await orchestrator.submit(bad, null)
    const outcome = await submitted.outcome()
    expect(outcome.status).toBe("failed")
    expect(outcome.error?.message).toMatch(message)
    expect(await orchestrator.execute(num, 1)).toBe(2)
    expect(Object.keys(Object.prototype)).toEqual([])
  })
  test("a thenable that answers is awaited; V-03 a polluting result pollutes nothing", async () => {
    const thenable = task("thenable", {
      in: type<unknown>(),
      out: type<number>(),
      run: () => ({ then: (yes: (n: number) => void) => yes(5) }) as never
    })
    expect(await orchestrator.execute(thenable, null)).toBe(5)
    const polluter = task("polluter", {
      in: type<unknown>(),
      out: type<any>(),
      run: () => JSON.parse('{"__proto__":{"isAdmin":true},"a":1}')
    })
    const look = task("look", {
      in: type<any>(),
      out: type<any>(),
      run: (input) => [input.isAdmin ?? "clean", input.a]
    })
    expect(
      await orchestrator.execute(
        workflow("p", type<null>())
          .task("a", polluter, () => null)
          .task("b", look, ($) => $.a)
          .returns(($) => $.b),
        null
      )
    ).toEqual(["clean", 1])
  })
})

describe("schemas on both sides", () => {
  test("zod, valibot and arktype check inputs and results, and say where", async () => {
    const { z } = await import("zod")
    const v = await import("valibot")
    const { type: ark } = await import("arktype")
    const inOut = [
      [z.object({ n: z.number() }), z.number().max(5)],
      [v.object({ n: v.number() }), v.pipe(v.number(), v.maxValue(5))],
      [ark({ n: "number" }), ark("number <= 5")]
    ] as const
    for (const [given, result] of inOut) {
      const plain = task("plain", {
        in: given as never,
        out: result as never,
        run: (({ n }: { n: number }) => n) as never
      })
      expect(await orchestrator.execute(plain as never, { n: 3 } as never)).toBe(3)
      await expect(orchestrator.execute(plain as never, { n: 9 } as never)).rejects.toThrow(
        /the result of task 'plain' does not match its schema/
      )
      await expect(orchestrator.submit(plain as never, { n: "x" } as never)).rejects.toThrow(
        /the input of workflow 'plain' does not match its schema: n: /
      )
    }
  })
  test("what a schema makes of a value is what the body gets", async () => {
    const { z } = await import("zod")
    const coerced = task("coerced", {
      in: z.object({ n: z.coerce.number().default(3) }),
      out: z.string().transform((s) => s.length),
      run: ({ n }) => "x".repeat(n)
    })
    expect(await orchestrator.execute(coerced, { n: "7" } as never)).toBe(7)
  })
  test("JSON Schemas of documents check the input of a run, and of tasks", async () => {
    const flow = await load({
      ir: 1,
      name: "s",
      input: { type: "object", required: ["n"], properties: { n: { type: "integer" } } },
      tasks: [{ id: "a", kind: "echo", input: { $: "input.n" }, out: { maximum: 5 } }],
      output: { $: "a" }
    })
    expect(await orchestrator.execute(flow, { n: 3 })).toBe(3)
    await expect(orchestrator.submit(flow, { n: 1.5 })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" })
    await expect(orchestrator.execute(flow, { n: 9 })).rejects.toMatchObject({ task: "a" })
  })
  test("V-11 an input nested 100,000 levels deep is refused with nothing started", async () => {
    const deep = JSON.parse(`${"[".repeat(5_000)}${"]".repeat(5_000)}`)
    await expect(
      orchestrator.submit(
        workflow("d", type<unknown>()).returns(() => 1),
        deep
      )
    ).rejects.toMatchObject({ code: "LIMIT_DEPTH" })
    expect(orchestrator.live).toBe(0)
  })
})

describe("visible to an ordinary observer", () => {
  test("Q01 every run and task is a machine with its true parent and root", async () => {
    const events: Array<InspectionEvent> = []
    const watched = await Orchestrator.open({ inspect: (event) => events.push(event) })
    const inner = workflow("inner", type<number>())
      .task("i", num, ($) => $.input)
      .returns(($) => $.i)
    const flow = workflow("seen", type<number>())
      .task("a", num, ($) => $.input)
      .map("m", inner, ($) => [$.a])
      .sleep("z", "1ms")
      .returns(($) => $.m)
    await watched.execute(flow, 1, { id: "r1" })
    const actors = new Map<string, string | undefined>()
    for (const { type, actorRef } of events)
      if (type === "@xstate.actor") actors.set((actorRef as any).id, (actorRef as any)._parent?.id)
    expect([...actors]).toEqual([
      ["orchestrator", undefined],
      ["@registry", "orchestrator"],
      ["r1", "orchestrator"],
      ["z", "r1"],
      ["a", "r1"],
      ["m", "r1"],
      ["[0]", "m"],
      ["i", "[0]"]
    ])
    expect(new Set(events.map(({ rootId }) => rootId)).size).toBe(1)
    const states = events.flatMap((event) =>
      event.type === "@xstate.snapshot" && (event.actorRef as any).id === "a" ? [(event.snapshot as any).value] : []
    )
    expect(states).toEqual(["ready", "attempting", "succeeded"])
    const machines = events.flatMap((event) =>
      event.type === "@xstate.snapshot" && "machine" in event.snapshot ? [(event.snapshot as any).machine?.id] : []
    )
    expect(new Set(machines)).toEqual(new Set(["task", "workflow", "sleep"]))
    const actions = events.flatMap((event) =>
      event.type === "@xstate.action" && (event.actorRef as any).id === "a" ? [event.action.type] : []
    )
    expect(actions).toEqual(["attempt.start", "slot.release"])
    expect(events.some((event) => event.type === "@xstate.microstep")).toBe(true)
    await watched.close()
  })
  test("G36 an observer that throws changes no outcome", async () => {
    const defects: Array<unknown> = []
    const watched = await Orchestrator.open({
      inspect: () => {
        throw new Error("observer")
      },
      onDefect: (error) => defects.push(error)
    })
    expect(await watched.execute(num, 1)).toBe(2)
    expect(defects.length).toBeGreaterThan(0)
    const stop = watched.inspect(() => {
      throw new Error("late")
    })
    expect(await watched.execute(num, 2)).toBe(3)
    stop()
    await watched.close()
  })
})

describe("Z14, M01 progress at any time", () => {
  test("Z14, Z15 counts, percent, what is at work, and an ETA along the longest path", async () => {
    const release: Array<() => void> = []
    const held = task("held", {
      in: type<number>(),
      out: type<number>(),
      estimate: "1s",
      run: (n) => new Promise((resolve) => release.push(() => resolve(n)))
    })
    const flow = workflow("p", type<null>())
      .task("a", held, () => 1)
      .task("b", held, ($) => $.a)
      .map("m", held, () => [1, 2], { after: ["b"] })
      .returns(($) => $.m)
    const run = await orchestrator.submit(flow, null)
    const first = await run.status()
    expect(first).toMatchObject({ status: "running", percent: 0, tasks: { total: 3, completed: 0 }, current: ["a"] })
    // Z15: three tasks of a second, one after the other
    expect(first.eta!.getTime() - Date.now()).toBeGreaterThan(2_500)
    release.shift()!()
    await later(5)
    release.shift()!()
    await later(5)
    release.shift()!()
    await later(5)
    expect(await run.status()).toMatchObject({ percent: 83.3, tasks: { completed: 2 }, current: ["m[1]"] })
    release.shift()!()
    await run.result()
    expect(await run.status()).toMatchObject({
      status: "succeeded",
      percent: 100,
      eta: undefined,
      output: [1, 2],
      tasks: { completed: 3 }
    })
  })
  test("a run that only waits for a timer says so", async () => {
    const run = await orchestrator.submit(
      workflow("w", type<null>())
        .sleep("z", "1h")
        .returns(($) => $.z),
      null
    )
    expect(await run.status()).toMatchObject({ status: "waiting", waiting: ["z"], current: [] })
  })
  test("a skipped ending still counts to 100", async () => {
    const flow = workflow("s", type<number>())
      .task("a", num, ($) => $.input)
      .task("b", num, ($) => $.a, { when: ($) => lt($.a, 0) })
      .returns(($) => $.a)
    const run = await orchestrator.submit(flow, 1)
    await run.result()
    expect(await run.status()).toMatchObject({ percent: 100, tasks: { completed: 1, skipped: 1 } })
  })
})
