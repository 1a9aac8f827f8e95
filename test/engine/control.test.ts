import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Orchestrator, task, type, workflow } from "troupe"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openEngine } from "../../src/engine/orchestrator.ts"
import { JournalBroken } from "../../src/storage/errors.ts"
import { memoryJournal } from "../../src/storage/memory.ts"
import { StandingClock, settle } from "../clock.ts"

const num = task("num", { in: type<number>(), out: type<number>(), run: async (n) => n + 1 })
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** A task that ends when it is told to, or when it is aborted. */
const held = () => {
  const out: Array<{ readonly id: string; readonly end: (value?: string) => void; aborted: boolean }> = []
  const def = task("held", {
    in: type<string>(),
    out: type<string>(),
    run: (id, { signal }) =>
      new Promise((resolve, reject) => {
        const entry = { id, end: (value = id) => resolve(value), aborted: false }
        out.push(entry)
        signal.addEventListener("abort", () => {
          entry.aborted = true
          reject(signal.reason)
        })
      })
  })
  return { def, out }
}

let orchestrator: Orchestrator
beforeEach(async () => {
  orchestrator = await Orchestrator.open({ graceMs: 40 })
})
afterEach(() => orchestrator.close())

describe("F03 cancel", () => {
  test("running tasks get their signal; nothing starts any more; the result rejects with the reason", async () => {
    const { def, out } = held()
    const flow = workflow("c", type<null>())
      .task("a", def, () => "a")
      .task("b", def, ($) => $.a)
      .returns(($) => $.b)
    const run = await orchestrator.submit(flow, null)
    expect(await run.cancel({ who: "ada", why: "enough" })).toBe(true)
    expect(await run.outcome()).toMatchObject({
      status: "cancelled",
      error: { _tag: "RunCancelled", reason: "enough" }
    })
    expect(out.map(({ id, aborted }) => [id, aborted])).toEqual([["a", true]])
    expect(await run.tasks()).toEqual({ a: "cancelled", b: "cancelled" })
    expect((await run.history()).at(1)).toMatchObject({
      type: "run.cancelled",
      who: "ada",
      why: "enough",
      force: false
    })
    expect(await run.cancel()).toBe(false)
  })
  test("a body that does not listen is abandoned after the grace period; its late answer changes nothing", async () => {
    let end: (n: number) => void = () => {}
    const deaf = task("deaf", {
      in: type<null>(),
      out: type<number>(),
      run: () =>
        new Promise<number>((resolve) => {
          end = resolve
        })
    })
    const run = await orchestrator.submit(deaf, null)
    const start = performance.now()
    await run.cancel()
    await run.outcome()
    expect(performance.now() - start).toBeGreaterThanOrEqual(35)
    end(5)
    await later(5)
    expect((await run.status()).status).toBe("cancelled")
  })
  test("force waits for nobody", async () => {
    const patient = await Orchestrator.open({ graceMs: 60_000 })
    const deaf = task("deaf", { in: type<null>(), out: type<number>(), run: () => new Promise<number>(() => {}) })
    const run = await patient.submit(
      workflow("f", type<null>())
        .task("d", deaf, () => null)
        .sleep("z", "9d")
        .returns(($) => $.d),
      null
    )
    const start = performance.now()
    await run.cancel({ force: true })
    expect((await run.outcome()).status).toBe("cancelled")
    expect(performance.now() - start).toBeLessThan(500)
    expect(await run.tasks()).toEqual({ d: "cancelled", z: "cancelled" })
    await patient.close()
  })
  test("force leaves no actor behind", async () => {
    const actors: Array<any> = []
    const watched = await Orchestrator.open({
      inspect: (event) => event.type === "@xstate.actor" && actors.push(event.actorRef)
    })
    const { def } = held()
    const inner = workflow("inner", type<null>())
      .task("h", def, () => "h")
      .returns(($) => $.h)
    const run = await watched.submit(
      workflow("f", type<null>())
        .use("u", inner, () => null)
        .sleep("z", "1h")
        .returns(($) => $.u),
      null,
      { id: "forced" }
    )
    await run.cancel({ force: true })
    await run.outcome()
    expect(actors.map((actor) => [actor.id, actor.getSnapshot().status])).toEqual(
      [
        ["orchestrator", "active"],
        ["@registry", "active"],
        ["forced", "done"],
        ["z", "stopped"],
        ["u", "stopped"],
        ["h", "stopped"]
      ].sort(byOrderOf(actors))
    )
    await watched.close()
  })
  const byOrderOf = (actors: ReadonlyArray<{ id: string }>) => (a: Array<string>, b: Array<string>) =>
    actors.findIndex(({ id }) => id === a[0]) - actors.findIndex(({ id }) => id === b[0])
  test("force also ends a cancel that waits for its grace period", async () => {
    const patient = await Orchestrator.open({ graceMs: 60_000 })
    const deaf = task("deaf", { in: type<null>(), out: type<number>(), run: () => new Promise<number>(() => {}) })
    const run = await patient.submit(deaf, null)
    await run.cancel()
    expect((await run.status()).status).toBe("running")
    await run.cancel({ force: true })
    expect((await run.outcome()).status).toBe("cancelled")
    await patient.close()
  })
  test("waits and pauses between attempts end at once", async () => {
    const flaky = task("flaky", {
      in: type<null>(),
      out: type<number>(),
      retry: { attempts: 9, base: "1h" },
      run: () => {
        throw new Error("no")
      }
    })
    const flow = workflow("w", type<null>())
      .sleep("z", "25d")
      .task("x", flaky, () => null)
      .returns(($) => $.x)
    const run = await orchestrator.submit(flow, null)
    await later(5)
    expect((await run.status()).waiting).toEqual(["z", "x"])
    await run.cancel()
    expect((await run.outcome()).status).toBe("cancelled")
  })
  test("nested workflows, fan-outs and loops are cancelled with it", async () => {
    const { def, out } = held()
    const inner = workflow("inner", type<string>())
      .task("h", def, ($) => $.input)
      .returns(($) => $.h)
    const flow = workflow("outer", type<null>())
      .map("m", inner, () => ["1", "2"])
      .repeat("l", inner, () => "3", { until: () => true, max: 5 })
      .use("u", inner, () => "4")
      .returns(($) => $.u)
    const run = await orchestrator.submit(flow, null)
    expect(out.length).toBe(4)
    await run.cancel()
    expect((await run.outcome()).status).toBe("cancelled")
    expect(out.every(({ aborted }) => aborted)).toBe(true)
  })
  test("cancelling and finishing at once give one terminal state", async () => {
    for (let i = 0; i < 50; i++) {
      const run = await orchestrator.submit(num, i)
      const [, outcome] = await Promise.all([run.cancel(), run.outcome()])
      expect(["succeeded", "cancelled"]).toContain(outcome.status)
      expect((await run.status()).status).toBe(outcome.status)
    }
  })
})

describe("F05 pause and resume", () => {
  test("after pause nothing begins: no successor, no retry, no timer's successor; what is out may finish and is kept", async () => {
    // on a busy machine five milliseconds are over before anybody can pause
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const { def, out } = held()
    const started: Array<string> = []
    const note = task("note", {
      in: type<string>(),
      out: type<string>(),
      run: (id) => {
        started.push(id)
        return id
      }
    })
    let tries = 0
    const flaky = task("flaky", {
      in: type<null>(),
      out: type<number>(),
      retry: { attempts: 2, base: "5ms" },
      run: () => {
        if (++tries < 2) throw new Error("no")
        return tries
      }
    })
    const flow = workflow("p", type<null>())
      .task("a", def, () => "a")
      .task("after-a", note, ($) => $.a)
      .sleep("z", "5ms")
      .task("after-z", note, () => "z", { after: ["z"] })
      .task("f", flaky, () => null)
      .returns(($) => [$["after-a"], $["after-z"], $.f])
    const run = await orchestrator.submit(flow, null)
    await settle()
    expect(await run.pause({ why: "lunch" })).toBe(true)
    expect((await run.status()).status).toBe("paused")
    out[0]!.end("kept")
    await clock.advance(30)
    expect([started, tries]).toEqual([[], 1])
    expect((await run.tasks()).a).toBe("succeeded")
    expect(await Promise.all([run.resume(), run.resume()])).toEqual([true, true])
    await clock.advance(30)
    expect(await run.result()).toEqual(["kept", "z", 2])
    await orchestrator.close()
  })
  test("a paused run whose last task ends is over", async () => {
    const { def, out } = held()
    const run = await orchestrator.submit(
      workflow("p", type<null>())
        .task("a", def, () => "a")
        .returns(($) => $.a),
      null
    )
    await run.pause()
    out[0]!.end()
    expect(await run.result()).toBe("a")
    expect([await run.pause(), await run.resume()]).toEqual([false, false])
  })
  test("a paused run can be cancelled", async () => {
    const run = await orchestrator.submit(
      workflow("p", type<null>())
        .sleep("z", "1h")
        .returns(($) => $.z),
      null
    )
    await run.pause()
    await run.cancel()
    expect((await run.outcome()).status).toBe("cancelled")
  })
})

describe("by id, and the register of runs", () => {
  test("G02 the same id is the same run; with another input or workflow it is a mismatch and nothing is written", async () => {
    const first = await orchestrator.submit(num, 1, { id: "order-1" })
    const again = await Promise.all(Array.from({ length: 100 }, () => orchestrator.submit(num, 1, { id: "order-1" })))
    expect(new Set(again.map(({ id }) => id))).toEqual(new Set(["order-1"]))
    await expect(orchestrator.submit(num, 2, { id: "order-1" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_MISMATCH",
      run: "order-1"
    })
    await expect(
      orchestrator.submit(
        workflow("other", type<number>()).returns(($) => $.input),
        1,
        { id: "order-1" }
      )
    ).rejects.toMatchObject({ code: "IDEMPOTENCY_MISMATCH" })
    expect(await first.result()).toBe(2)
    expect((await first.status()).attempts).toBe(1)
  })
  test("F07 an unknown id is answered with RunNotFound, everywhere", async () => {
    for (const ask of [
      () => orchestrator.status("nope"),
      () => orchestrator.cancel("nope"),
      () => orchestrator.pause("nope"),
      () => orchestrator.resume("nope"),
      () => orchestrator.get("nope")
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: "RUN_NOT_FOUND", run: "nope" })
    }
  })
  test.each(["../../etc/passwd", "a/b", "", "x\ny", "__proto__"])(
    "V-22 %j is no id of a run, in any call",
    async (id) => {
      await expect(orchestrator.submit(num, 1, { id })).rejects.toMatchObject({ code: "ID_INVALID" })
      for (const ask of [() => orchestrator.status(id), () => orchestrator.cancel(id), () => orchestrator.get(id)])
        await expect(ask()).rejects.toMatchObject({ code: "ID_INVALID" })
      expect(orchestrator.live).toBe(0)
    }
  )
  test("list pages through runs, newest first, by state and workflow", async () => {
    for (let i = 0; i < 5; i++) await orchestrator.execute(num, i, { id: `n${i}` })
    const waiting = await orchestrator.submit(
      workflow("nap", type<null>())
        .sleep("z", "1h")
        .returns(($) => $.z),
      null,
      { id: "w" }
    )
    const ids = async (options: Parameters<Orchestrator["list"]>[0]) => {
      const page = await orchestrator.list(options)
      return [page.runs.map(({ run }) => run), page.cursor] as const
    }
    expect(await ids({ limit: 2 })).toEqual([["w", "n4"], "4"])
    expect(await ids({ limit: 3, cursor: "4" })).toEqual([["n3", "n2", "n1"], "1"])
    expect(await ids({ status: "waiting" })).toEqual([["w"], undefined])
    expect(await ids({ status: "succeeded" })).toEqual([["n4", "n3", "n2", "n1", "n0"], undefined])
    expect(await ids({ workflow: "num", limit: 5 })).toEqual([["n4", "n3", "n2", "n1", "n0"], undefined])
    await expect(orchestrator.list({ limit: 0 })).rejects.toMatchObject({ code: "OPTION_INVALID" })
    await waiting.cancel()
  })
  test("finished runs are remembered up to the retention, and a held handle still answers", async () => {
    const small = await Orchestrator.open({ retainRuns: 2 })
    const runs = await Promise.all([1, 2, 3, 4].map((n) => small.submit(num, n, { id: `r${n}` })))
    await Promise.all(runs.map((run) => run.result()))
    expect((await small.list()).runs.map(({ run }) => run)).toEqual(["r4", "r3"])
    await expect(small.status("r1")).rejects.toMatchObject({ code: "RUN_NOT_FOUND" })
    expect(await runs[0]!.result()).toBe(2)
    await small.close()
  })
})

describe("G23 bounds refuse before anything is written", () => {
  test("unfinished runs", async () => {
    const small = await Orchestrator.open({ runsMax: 1 })
    const run = await small.submit(
      workflow("nap", type<null>())
        .sleep("z", "1h")
        .returns(($) => $.z),
      null
    )
    await expect(small.submit(num, 1)).rejects.toMatchObject({ code: "LIMIT_RUNS", allowed: 1 })
    await run.cancel()
    await run.outcome()
    expect(await small.execute(num, 1)).toBe(2)
    await small.close()
  })
  test("a journal that is full refuses the run and keeps going for others", async () => {
    const small = await Orchestrator.open({ store: memoryJournal({ capacity: 3 }), retainRuns: 0 })
    const nap = workflow("nap", type<null>())
      .sleep("z", "1h")
      .returns(($) => $.z)
    const held = await Promise.all([small.submit(nap, null), small.submit(nap, null), small.submit(nap, null)])
    await expect(small.submit(num, 1)).rejects.toMatchObject({ code: "STORAGE_FULL" })
    expect(small.live).toBe(3)
    expect(held.length).toBe(3)
    await small.close()
  })
  test("a journal that breaks fails the run that it could not write, and is told about", async () => {
    const good = memoryJournal()
    let breaks = false
    const wrapped = await Orchestrator.open({
      store: {
        ...good,
        append: (...given) =>
          breaks ? Effect.fail(new JournalBroken({ cause: new Error("EIO") })) : good.append(...given)
      }
    })
    const { def, out } = held()
    const submitted = await wrapped.submit(def, "x")
    breaks = true
    out[0]!.end()
    expect(await submitted.outcome()).toMatchObject({
      status: "failed",
      error: { failure: { code: "STORAGE_BROKEN" } }
    })
    await expect(wrapped.submit(def, "y")).rejects.toMatchObject({ code: "STORAGE_BROKEN" })
    breaks = false
    expect(await wrapped.execute(num, 1)).toBe(2)
    await wrapped.close()
  })
  test("attempts of a run stay within its concurrency", async () => {
    let now = 0
    let most = 0
    const busy = task("busy", {
      in: type<number>(),
      out: type<number>(),
      run: async (n) => {
        most = Math.max(most, ++now)
        await later(2)
        now--
        return n
      }
    })
    let flow: any = workflow("wide", type<null>(), { concurrency: 4 })
    for (let i = 0; i < 20; i++) flow = flow.task(`t${i}`, busy, () => i)
    await orchestrator.execute(
      flow.returns(() => 1),
      null
    )
    expect(most).toBe(4)
  })
  test("higher priorities start first", async () => {
    const order: Array<string> = []
    const note = task("note", {
      in: type<string>(),
      out: type<string>(),
      run: async (id) => {
        order.push(id)
        return id
      }
    })
    const flow = workflow("prio", type<null>(), { concurrency: 1 })
      .task("low", note, () => "low", { priority: 0 })
      .task("mid", note, () => "mid")
      .task("high", note, () => "high", { priority: 100 })
      .returns(() => 1)
    await orchestrator.execute(flow, null)
    expect(order).toEqual(["high", "mid", "low"])
  })
})

describe("nothing stays behind", () => {
  test("after close: no timer, no attempt, no actor; results that were waited for reject", async () => {
    const { def, out } = held()
    const opened = await Effect.runPromise(openEngine({}, Context.empty()))
    const { engine } = opened
    const closing = new Orchestrator(opened)
    const flow = workflow("x", type<null>())
      .task("h", def, () => "h")
      .sleep("z", "1h")
      .returns(($) => $.h)
    const run = await closing.submit(flow, null)
    const result = run.result()
    await closing.close()
    await expect(result).rejects.toMatchObject({ code: "CLOSED" })
    expect(out[0]!.aborted).toBe(true)
    expect(engine.timers.size).toBe(0)
    expect(engine.root.getSnapshot().status).not.toBe("active")
    expect(engine.root.getSnapshot().size).toBe(0)
    await expect(closing.submit(flow, null)).rejects.toMatchObject({ code: "CLOSED" })
    await closing.close()
  })
  test("close with drain lets runs come to their end", async () => {
    const draining = await Orchestrator.open()
    const run = await draining.submit(
      workflow("d", type<null>())
        .sleep("z", "20ms")
        .returns(($) => $.z),
      null
    )
    await draining.close({ drain: true })
    expect(await run.result()).toBe(null)
  })
  test("after a run has ended, its timers and attempts are gone", async () => {
    const opened = await Effect.runPromise(openEngine({ graceMs: 0 }, Context.empty()))
    const { engine } = opened
    const own = new Orchestrator(opened)
    const race = workflow("race", type<null>())
      .sleep("z", "1h")
      .task(
        "bad",
        task("bad", {
          in: type<null>(),
          out: type<null>(),
          run: () => {
            throw new Error("no")
          }
        }),
        () => null
      )
      .returns(() => 1)
    await (await own.submit(race, null)).outcome()
    await own.execute(num, 1)
    expect(engine.timers.size).toBe(0)
    expect(engine.root.getSnapshot().size).toBe(1)
    await own.close()
  })
})
