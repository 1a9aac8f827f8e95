import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { type JsonObject, load, Orchestrator, type Run, task, type, validate, workflow } from "troupe"
import * as T from "troupe/effect"
import { afterAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { memoryJournal } from "../../src/storage/memory.ts"
import { StandingClock, settle } from "../clock.ts"

const day = 24 * 3_600_000
const num = task("num", { in: type<number>(), out: type<number>(), run: async (n) => n + 1 })
const folder = mkdtempSync(join(tmpdir(), "troupe-gates-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A gate alone, as a document: what tests do not say is as plain as it can be. */
const asking = (gate: JsonObject = {}, more: JsonObject = {}) =>
  load({ ir: 1, name: "asking", tasks: [{ id: "ok", kind: "gate", ...gate }], output: { $: "ok" }, ...more })
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error) => error.code as string
  )
const typesOf = async (run: Run) => (await run.history()).map(({ type: name }) => name)

describe("J09 a gate waits for somebody", () => {
  const flow = workflow("trip", type<number>())
    .task("total", num, ($) => $.input)
    .gate("approved", z.object({ yes: z.boolean(), by: z.string().trim() }), {
      show: ($) => ({ total: $.total, of: "trip" }),
      within: "24h",
      otherwise: "fail",
      signal: "desk"
    })
    .task("paid", num, ($) => $.total, { when: ($) => $.approved.yes, after: ["approved"] })
    .returns(($) => ({ paid: $.paid, by: $.approved.by }))

  test("status says what is asked, until when; the answer is the result that others read", async () => {
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const run = await orchestrator.submit(flow, 1)
    await settle()
    const { status, current, waiting, gates, eta } = await run.status()
    expect({ status, current, waiting, gates, eta }).toEqual({
      status: "waiting",
      current: [],
      waiting: ["approved"],
      gates: [{ gate: "approved", show: { total: 2, of: "trip" }, dueAt: new Date(clock.now + day), signal: "desk" }],
      eta: undefined
    })
    await run.answer("approved", { yes: true, by: " ada " }, { who: "ada", why: "cheap enough" })
    // what the schema makes of the answer is what is written
    expect(await run.result()).toEqual({ paid: 3, by: "ada" })
    expect((await run.history())[2]).toEqual({
      type: "gate.answered",
      at: clock.now,
      task: "approved",
      value: { yes: true, by: "ada" },
      who: "ada",
      why: "cheap enough"
    })
    expect((await run.status()).gates).toEqual([])
    await orchestrator.close()
  })

  test("a wrong value is refused with SchemaMismatch, and nothing is written", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(flow, 1)
    await settle()
    const before = await run.history()
    await expect(run.answer("approved", { yes: "sure" } as never)).rejects.toMatchObject({
      _tag: "SchemaMismatch",
      subject: "the answer to gate 'approved'"
    })
    const slow = z.number().refine(async (n) => n > 3, "too small")
    const other = await orchestrator.submit(
      workflow("slow", type<null>())
        .gate("n", slow, { within: "forever" })
        .returns(($) => $.n),
      null
    )
    expect(await codeOf(other.answer("n", 3))).toBe("SCHEMA_MISMATCH")
    const third = await orchestrator.submit(await asking({ out: { type: "boolean" } }), null)
    expect(await codeOf(third.answer("ok", "yes"))).toBe("SCHEMA_MISMATCH")
    expect(await codeOf(third.answer("ok", undefined))).toBe("SCHEMA_MISMATCH")
    expect(await codeOf(third.answer("ok", 1n))).toBe("NOT_JSON")
    expect(await codeOf(run.answer("approved", { yes: true, by: "x".repeat(3_000_000) }))).toBe("LIMIT_PAYLOAD")
    expect([await run.history(), await typesOf(other), await typesOf(third)]).toEqual([
      before,
      ["run.submitted"],
      ["run.submitted"]
    ])
    await other.answer("n", 4)
    expect(await other.result()).toBe(4)
  })

  test("a gate that is not there is refused with what was meant; nothing is written", async () => {
    await using orchestrator = await Orchestrator.open()
    const run: Run = await orchestrator.submit(flow, 1)
    await settle()
    const before = await run.history()
    await expect(run.answer("aproved", true)).rejects.toMatchObject({
      _tag: "GateUnknown",
      message: expect.stringContaining("did you mean 'approved'?"),
      known: ["approved"]
    })
    for (const gate of [
      "total",
      "approved/x",
      "approved[0]",
      "",
      "/",
      "__proto__",
      "approved@tasks",
      "x".repeat(5_000)
    ])
      expect([gate, await codeOf(run.reject(gate, "no"))]).toEqual([gate, "GATE_UNKNOWN"])
    expect(await codeOf(run.answer(7 as never, true))).toBe("GATE_UNKNOWN")
    expect(await run.history()).toEqual(before)
    const plain: Run = await orchestrator.submit(num, 1)
    await expect(plain.answer("ok", 1)).rejects.toThrow(/run '.*' has no gate "ok": there are none; add one/)
  })

  test("rejected: the task fails with GATE_REJECTED and the reason, and is not tried again", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(flow, 1)
    await settle()
    expect(await codeOf(run.reject("approved", 5 as never))).toBe("OPTION_INVALID")
    await run.reject("approved", "too expensive", { who: "ada" })
    await expect(run.result()).rejects.toMatchObject({
      task: "approved",
      failure: {
        tag: "GateRejected",
        code: "GATE_REJECTED",
        message: "gate 'approved' was rejected by ada: too expensive",
        data: { reason: "too expensive", who: "ada" },
        retryable: false
      }
    })
    const going = await orchestrator.submit(
      await asking(
        {},
        {
          config: { onFailure: "continue" },
          tasks: [
            { id: "ok", kind: "gate" },
            { id: "n", kind: "noop" },
            { id: "after", kind: "noop", after: ["ok"] }
          ]
        }
      ),
      null
    )
    await going.reject("ok", "")
    expect(await going.outcome()).toMatchObject({
      status: "failed",
      error: { failure: { message: "gate 'ok' was rejected" } }
    })
    expect(await going.tasks()).toEqual({ ok: "failed", n: "succeeded", after: "skipped" })
  })

  test("G04 the first answer stays: a second one, and two at the same time, hear GateClosed", async () => {
    for (const journal of [memoryJournal(), memoryJournal({ isDurable: true })]) {
      await using orchestrator = await Orchestrator.open({ store: journal })
      const run = await orchestrator.submit(
        await asking(
          {},
          {
            tasks: [
              { id: "ok", kind: "gate" },
              { id: "open", kind: "gate" }
            ]
          }
        ),
        null,
        { id: "r" }
      )
      const said = await Promise.all([
        codeOf(run.answer("ok", 1)),
        codeOf(run.answer("ok", 2)),
        codeOf(run.reject("ok", "no"))
      ])
      expect(said).toEqual(["done", "GATE_CLOSED", "GATE_CLOSED"])
      const before = (await run.history()).length
      await expect(run.answer("ok", 3)).rejects.toMatchObject({ _tag: "GateClosed", gate: "ok", became: "answered" })
      expect((await run.history()).length).toBe(before)
      await run.answer("open", true)
      expect(await run.result()).toBe(1)
      await expect(run.answer("ok", 3)).rejects.toMatchObject({ became: "answered" })
      await expect(run.signal("x", 3)).rejects.toMatchObject({ _tag: "GateUnknown" })
      const last = await orchestrator.submit(await asking({ signal: "go" }), null)
      expect(await Promise.all([codeOf(last.answer("ok", 1)), codeOf(last.signal("go", 2))])).toEqual([
        "done",
        "GATE_CLOSED"
      ])
    }
  })

  test("a gate that was skipped, or never reached, takes no answer", async () => {
    await using orchestrator = await Orchestrator.open()
    const doc = {
      ir: 1,
      name: "skips",
      tasks: [
        { id: "open", kind: "gate" },
        { id: "never", kind: "gate", when: false },
        { id: "sub", kind: "use", workflow: "inner", when: false },
        { id: "way", kind: "branch", on: "a", cases: { a: "inner", b: "other" } },
        { id: "later", kind: "gate", when: { $: "open" }, after: ["open"] }
      ],
      workflows: {
        inner: { ir: 1, name: "inner", tasks: [{ id: "ok", kind: "gate" }] },
        other: { ir: 1, name: "other", tasks: [{ id: "else", kind: "gate" }] }
      }
    }
    const run: Run = await orchestrator.submit(await load(doc), null)
    await expect(run.answer("never", 1)).rejects.toMatchObject({ became: "skipped" })
    await expect(run.answer("sub/ok", 1)).rejects.toMatchObject({ became: "skipped" })
    await expect(run.answer("way/else", 1)).rejects.toMatchObject({ _tag: "GateUnknown" })
    // said before it was known that nobody would ask
    const [, later] = await Promise.all([run.answer("open", false), codeOf(run.answer("later", 1))])
    expect(later).toBe("GATE_CLOSED")
    await expect(run.answer("later", 1)).rejects.toMatchObject({ became: "skipped" })
    await run.answer("way/ok", 1)
    expect((await run.outcome()).status).toBe("succeeded")
    await expect(run.answer("later", 1)).rejects.toMatchObject({ became: "ended" })
  })

  test("cancelled while it waits, or by force: the run ends, and the gate takes no answer", async () => {
    await using orchestrator = await Orchestrator.open()
    for (const force of [false, true]) {
      const run = await orchestrator.submit(await asking({ withinMs: 5_000, otherwise: "fail" }), null)
      await run.cancel({ force })
      expect((await run.outcome()).status).toBe("cancelled")
      expect(await codeOf(run.answer("ok", 1))).toBe("GATE_CLOSED")
      expect(await codeOf(run.reject("ok", ""))).toBe("GATE_CLOSED")
    }
  })

  test("how long people take is no measure of how long tasks do", async () => {
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const run = await orchestrator.submit(flow, 1)
    await clock.advance(day / 2)
    await run.answer("approved", { yes: true, by: "" })
    await run.result()
    expect((await run.status()).meanTaskMs).toBe(0)
    await orchestrator.close()
  })

  test("G13 an answer while paused is taken; what comes after it starts with resume", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(flow, 1)
    await settle()
    await run.pause()
    await run.answer("approved", { yes: true, by: "" })
    await settle()
    expect(await run.tasks()).toMatchObject({ approved: "succeeded", paid: "ready" })
    await run.resume()
    expect(await run.result()).toEqual({ paid: 3, by: "" })
  })

  test("on a closed orchestrator every verb says so at once", async () => {
    const orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(await asking(), null)
    await orchestrator.close()
    for (const verb of [run.answer("ok", 1), run.reject("ok", ""), run.pause(), run.cancel()])
      await expect(verb).rejects.toMatchObject({ _tag: "OrchestratorClosed" })
  })
})

describe("G11 deadlines of gates", () => {
  test.each([
    ["a second", 1_000],
    ["25 days", 25 * day],
    ["10 years", 3_652 * day]
  ])("%s: not a moment early; then it fails with GATE_TIMEOUT, or takes the default", async (_, withinMs) => {
    const clock = new StandingClock()
    for (const store of [memoryJournal(), memoryJournal({ isDurable: true })]) {
      const { orchestrator } = await clock.open({ store })
      const failing = await orchestrator.submit(await asking({ withinMs, otherwise: "fail" }), null)
      const giving = await orchestrator.submit(
        await asking({ withinMs, otherwise: { value: { n: { $: "input" } } } }),
        5
      )
      await clock.advance(withinMs - 1)
      expect([(await failing.status()).status, (await giving.status()).status]).toEqual(["waiting", "waiting"])
      await clock.advance(1)
      expect(await failing.outcome()).toMatchObject({
        status: "failed",
        failedTask: "ok",
        error: { failure: { tag: "GateTimedOut", code: "GATE_TIMEOUT", retryable: false } }
      })
      expect(await giving.result()).toEqual({ n: 5 })
      await expect(failing.answer("ok", 1)).rejects.toMatchObject({ became: "timed out" })
      await expect(giving.answer("ok", 1)).rejects.toMatchObject({ became: "timed out" })
      await orchestrator.close()
    }
  })

  test("the deadline counts on while nobody is there; one that has passed fires at once", async () => {
    const clock = new StandingClock()
    const store = memoryJournal({ isDurable: true })
    const workflows = [await asking({ withinMs: 10 * day, otherwise: { value: "default" } })]
    const first = await clock.open({ store, workflows })
    await first.orchestrator.submit(workflows[0]!, null, { id: "r" })
    await clock.advance(3 * day)
    await first.kill()
    await clock.advance(2 * day)
    const second = await clock.open({ store, workflows })
    const run = await second.orchestrator.get("r")
    expect((await run.status()).gates[0]?.dueAt).toEqual(new Date(1_700_000_000_000 + 10 * day))
    await clock.advance(5 * day - 1)
    expect((await run.status()).status).toBe("waiting")
    await second.kill()
    await clock.advance(day)
    const third = await clock.open({ store, workflows })
    await clock.advance(0)
    expect(await (await third.orchestrator.get("r")).result()).toBe("default")
    await third.orchestrator.close()
  })

  test("a default is put together when the gate opens; one that is no answer fails then, not after the deadline", async () => {
    await using orchestrator = await Orchestrator.open()
    const gate = { out: { type: "number" }, withinMs: 9 * day, otherwise: { value: { $: "input" } } }
    const run = await orchestrator.submit(await asking(gate), "text")
    expect(await run.outcome()).toMatchObject({ status: "failed", error: { failure: { code: "SCHEMA_MISMATCH" } } })
    const lambda = workflow("l", type<number>())
      .gate("n", z.number(), { within: 1, otherwise: ($) => $.input })
      .gate("text", z.string(), { within: 1, otherwise: () => "fail" })
      .returns(($) => [$.n, $.text])
    expect(await orchestrator.execute(lambda, 4)).toEqual([4, "fail"])
  })
})

describe("what is said before anybody waits for it", () => {
  const late = workflow("late", type<null>())
    .sleep("first", "1h")
    .gate("a", z.number(), { within: "1h", otherwise: "fail", signal: "paid", after: ["first"] })
    .gate("b", z.number(), { within: "forever", signal: "paid", after: ["a"] })
    .returns(($) => [$.a, $.b])

  test.each([1_000, 1])(
    "an early answer is kept, over a restart too, and answers the gate when it opens (a snapshot every %i)",
    async (snapshotEvery) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const first = await clock.open({ store, workflows: [late], snapshotEvery })
      const run = await first.orchestrator.submit(late, null, { id: "r" })
      await run.answer("b", 2)
      await expect(run.answer("b", 3)).rejects.toMatchObject({ _tag: "GateClosed", became: "answered" })
      expect((await run.status()).gates).toEqual([])
      await first.kill()
      const second = await clock.open({ store, workflows: [late], snapshotEvery })
      await second.orchestrator.answer("r", "a", 1)
      await second.kill()
      const third = await clock.open({ store, workflows: [late], snapshotEvery })
      await clock.advance(3_600_000)
      expect(await (await third.orchestrator.get("r")).result()).toEqual([1, 2])
      await third.orchestrator.close()
    }
  )

  test("an early no is a no", async () => {
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const run = await orchestrator.submit(late, null)
    await run.reject("a", "not today")
    await clock.advance(3_600_000)
    expect(await run.outcome()).toMatchObject({ failedTask: "a", error: { failure: { code: "GATE_REJECTED" } } })
    await orchestrator.close()
  })

  test("signals are kept in order, and each answers one gate; an answer of its own comes first", async () => {
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const run = await orchestrator.submit(late, null)
    await run.signal("paid", 10, { who: "bank" })
    await run.signal("paid", 20)
    expect(await codeOf(run.signal("paid", "much"))).toBe("SCHEMA_MISMATCH")
    await clock.advance(3_600_000)
    expect(await run.result()).toEqual([10, 20])
    expect((await run.history())[1]).toEqual({
      type: "signal.received",
      at: 1_700_000_000_000,
      name: "paid",
      value: 10,
      who: "bank"
    })
    const other = await orchestrator.submit(late, null)
    await other.signal("paid", 10)
    await other.answer("a", 1)
    await clock.advance(3_600_000)
    expect(await other.result()).toEqual([1, 10])
    await expect(other.signal("paid", 1)).rejects.toMatchObject({ _tag: "GateClosed", gate: "paid" })
    await orchestrator.close()
  })

  test("every open gate that listens hears a signal, and no other", async () => {
    await using orchestrator = await Orchestrator.open()
    const gates = ["a", "b", "c", "d"].map((id) => ({
      id,
      kind: "gate",
      ...(id === "d" ? {} : { signal: id === "c" ? "other" : "go" })
    }))
    const run = await orchestrator.submit(await load({ ir: 1, name: "many", tasks: gates }), null)
    await run.signal("go")
    expect(await run.tasks()).toEqual({ a: "succeeded", b: "succeeded", c: "waiting", d: "waiting" })
    await expect(run.signal("got", 1)).rejects.toMatchObject({
      _tag: "GateUnknown",
      message: expect.stringContaining("listens to the signal \"got\": did you mean 'go'?")
    })
    await run.signal("other", { x: 1 })
    await run.answer("d", 0)
    expect(await run.result()).toEqual({ a: null, b: null, c: { x: 1 }, d: 0 })
  })

  test("G23 a run keeps a thousand; one more is refused before anything is written, however many come at once", async () => {
    const clock = new StandingClock()
    for (const store of [memoryJournal(), memoryJournal({ isDurable: true })]) {
      const { orchestrator } = await clock.open({ store })
      const run = await orchestrator.submit(late, null)
      const said = await Promise.all(
        Array.from({ length: 1_200 }, (_, i) =>
          codeOf(i % 2 === 0 ? run.signal("paid", i) : i === 1 ? run.answer("b", i) : run.signal("paid", i))
        )
      )
      expect(said.filter((code) => code === "done").length).toBe(1_000)
      expect(said.filter((code) => code === "LIMIT_SIGNALS").length).toBe(200)
      expect((await run.history()).length).toBe(1_001)
      // an open gate is answered however much waits
      await clock.advance(3_600_000)
      expect(await run.result()).toEqual([0, 1])
      await orchestrator.close()
    }
  })
})

describe("gates below: the path says which", () => {
  const inner = workflow("inner", type<number>())
    .gate("ok", z.number(), { show: ($) => $.input, within: "forever" })
    .returns(($) => $.ok)

  test("sub-workflows, items, rounds, branches; early too, and typed by name", async () => {
    await using orchestrator = await Orchestrator.open()
    const again = workflow("again", type<number>())
      .gate("next", z.number(), { within: "forever" })
      .returns(($) => $.next)
    const outer = workflow("outer", type<number>())
      .use("one", inner, ($) => $.input)
      .map("many", inner, ($) => [$.one, 5], { concurrency: 1 })
      .repeat("loop", again, ($) => $.one, { until: (out) => out as never, max: 3 })
      .branch(
        "way",
        () => "x" as never,
        { x: inner, otherwise: again },
        ($) => $.one
      )
      .returns(($) => [$.one, $.many, $.loop, $.way])
    const run = await orchestrator.submit(outer, 3)
    await run.answer("many[1]/ok", 11)
    await run.answer("loop#2/next", 22)
    await run.answer("way/ok", 33)
    expect((await run.status()).gates).toMatchObject([{ gate: "one/ok", show: 3 }])
    await run.answer("one/ok", 1)
    await settle()
    expect((await run.status()).gates.map(({ gate }) => gate).sort()).toEqual(["loop#1/next", "many[0]/ok"])
    expect(await codeOf(run.answer("many[2]/ok", 1))).toBe("GATE_UNKNOWN")
    expect(await codeOf(run.answer("loop#4/next", 1))).toBe("GATE_UNKNOWN")
    expect(await codeOf(run.answer("many/ok" as never, 1 as never))).toBe("GATE_UNKNOWN")
    expect(await codeOf(run.answer("many[1]/ok", 1))).toBe("GATE_CLOSED")
    await run.answer("loop#1/next", 0)
    await run.answer("many[0]/ok", 10)
    expect(await run.result()).toEqual([1, [10, 11], 22, 33])
    expect(await codeOf(run.answer("many[0]/ok", 1))).toBe("GATE_CLOSED")
  })

  test("before a branch is taken, an answer must suit every gate that the path may mean", async () => {
    await using orchestrator = await Orchestrator.open()
    const gate = (out: JsonObject) => ({ ir: 1, name: "g", tasks: [{ id: "ok", kind: "gate", out }] })
    const run: Run = await orchestrator.submit(
      await load({
        ir: 1,
        name: "ways",
        tasks: [
          { id: "first", kind: "gate" },
          {
            id: "way",
            kind: "branch",
            on: { $: "first" },
            cases: { a: gate({ type: "number" }), b: gate({ type: "integer" }) }
          }
        ]
      }),
      null
    )
    expect(await codeOf(run.answer("way/ok", 1.5))).toBe("SCHEMA_MISMATCH")
    await run.answer("way/ok", 2)
    await run.answer("first", "a")
    expect(await run.result()).toEqual({ way: { ok: 2 } })
  })

  test.each([1_000, 1])(
    "gates that a planner brings: once they are there; a signal for them is kept (a snapshot every %i)",
    async (snapshotEvery) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const planner = task("planner", {
        in: type<null>(),
        out: type<any>(),
        run: async () => ({
          tasks: [
            { id: "ok", kind: "gate", out: { type: "boolean" } },
            { id: "sig", kind: "gate", signal: "go", out: { type: "number" }, after: ["ok"] }
          ]
        })
      })
      const flow = workflow("planned", type<null>())
        .gate("plan", type<null>(), { within: "forever" })
        .expand("ex", planner, ($) => $.plan, { out: type<any>(), after: ["plan"] })
        .returns(($) => $.ex)
      const { orchestrator, kill } = await clock.open({ store, workflows: [flow], snapshotEvery })
      const run = await orchestrator.submit(flow, null, { id: "r" })
      expect(await codeOf(run.answer("ex@tasks/ok", true))).toBe("GATE_UNKNOWN")
      await run.signal("go", "not a number")
      await run.signal("go", 7)
      await run.answer("plan", null)
      await settle()
      await kill()
      const next = await clock.open({ store, workflows: [flow], snapshotEvery })
      const again = await next.orchestrator.get("r")
      expect(await codeOf(again.answer("ex@tasks/ok", "yes"))).toBe("SCHEMA_MISMATCH")
      await again.answer("ex@tasks/ok", true)
      expect(await again.result()).toEqual({ sig: 7 })
      expect(await codeOf(again.answer("ex@tasks/ok", true))).toBe("GATE_CLOSED")
      await next.orchestrator.close()
    }
  )
})

describe("K01 gates and restarts", () => {
  test("a run that waits for people leaves memory, shows what it asks, and comes back with the answer", async () => {
    const path = join(folder, "people.db")
    const flow = await asking({ show: { big: "x".repeat(100) } })
    const clock = new StandingClock()
    const first = await clock.open({ store: `sqlite:${path}`, workflows: [flow] })
    const runs = await Promise.all(
      Array.from({ length: 20 }, (_, i) => first.orchestrator.submit(flow, null, { id: `r${i}` }))
    )
    await settle()
    expect([first.engine.runs.size, first.orchestrator.live]).toEqual([0, 20])
    expect((await first.orchestrator.list()).runs[0]).toMatchObject({ status: "waiting" })
    expect((await runs[3]!.status()).gates).toMatchObject([{ gate: "ok", show: { big: "x".repeat(100) } }])
    const ended = runs[4]!.result()
    await runs[4]!.answer("ok", "x".repeat(100_000))
    expect((await ended) as string).toHaveLength(100_000)
    await first.orchestrator.close()

    const second = await clock.open({ store: `sqlite:${path}`, workflows: [flow] })
    await clock.advance(0)
    expect([second.engine.runs.size, second.orchestrator.live]).toEqual([0, 19])
    await second.orchestrator.answer("r7", "ok", "seven", { who: "ada" })
    expect(await (await second.orchestrator.get("r7")).result()).toBe("seven")
    expect(await (await second.orchestrator.get("r4")).result()).toHaveLength(100_000)
    expect(await codeOf(second.orchestrator.answer("r4", "ok", 1))).toBe("GATE_CLOSED")
    expect(await codeOf(second.orchestrator.answer("nobody", "ok", 1))).toBe("RUN_NOT_FOUND")
    await second.orchestrator.close()
    expect(existsSync(path)).toBe(true)
  })

  test.each([1_000, 1])(
    "what became of gates, and how much is kept, is known after a restart (a snapshot every %i)",
    async (snapshotEvery) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const tasks = [
        { id: "ok", kind: "gate" },
        { id: "no", kind: "gate" },
        { id: "hold", kind: "gate" },
        { id: "last", kind: "gate", signal: "go", after: ["hold"] }
      ]
      const workflows = [await asking({}, { tasks, config: { onFailure: "continue" } })]
      const first = await clock.open({ store, workflows, snapshotEvery })
      const run: Run = await first.orchestrator.submit(workflows[0]!, null, { id: "r" })
      await run.answer("ok", 1)
      await run.reject("no", "")
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => run.signal("go", i)))
      await first.kill()
      const second = await clock.open({ store, workflows, snapshotEvery })
      const again: Run = await second.orchestrator.get("r")
      await expect(again.answer("ok", 2)).rejects.toMatchObject({ became: "answered" })
      await expect(again.answer("no", 2)).rejects.toMatchObject({ became: "rejected" })
      expect(await codeOf(again.signal("go", 7))).toBe("LIMIT_SIGNALS")
      await again.answer("hold", 3)
      expect(await again.outcome()).toMatchObject({ status: "failed", results: { ok: 1, hold: 3, last: 0 } })
      await second.orchestrator.close()
    }
  )

  test("a run whose note was lost with the process is looked at and leaves memory again", async () => {
    const flow = await asking()
    const store = memoryJournal({ isDurable: true })
    const clock = new StandingClock()
    const first = await clock.open({ store, workflows: [flow] })
    await first.orchestrator.submit(flow, null, { id: "r" })
    await first.kill()
    const second = await clock.open({ store, workflows: [flow] })
    await clock.advance(100)
    expect([second.engine.runs.size, second.engine.dormant.size]).toEqual([0, 1])
    await second.orchestrator.close()
  })

  test("K01 answered a moment after it left memory, then killed: it is not taken for asleep (seed 497514183)", async () => {
    const clock = new StandingClock()
    const store = memoryJournal({ isDurable: true })
    const tasks = [
      { id: "ok", kind: "gate" },
      { id: "nap", kind: "sleep", durationMs: 10, after: ["ok"] }
    ]
    const workflows = [await asking({}, { tasks })]
    const first = await clock.open({ store, workflows })
    const run: Run = await first.orchestrator.submit(workflows[0]!, null, { id: "r" })
    await settle()
    // its note, that it sleeps until somebody speaks to it, is still to be written
    expect(first.engine.runs.size).toBe(0)
    await run.answer("ok", 1)
    await first.kill()
    await clock.advance(1_000)
    const second = await clock.open({ store, workflows })
    await clock.advance(0)
    expect(await (await second.orchestrator.get("r")).result()).toBe(1)
    await second.orchestrator.close()
  })

  test.each([
    ["answer", 1_000],
    ["answer", 1],
    ["timer", 1_000],
    ["timer", 1]
  ])(
    "G07 answered in the moment its time ran out (%s first, a snapshot every %i): one outcome, and the journal folds to the same",
    async (order, snapshotEvery) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const flow = await asking(
        { withinMs: 3_000, otherwise: { value: "default" } },
        {
          tasks: [
            { id: "ok", kind: "gate", withinMs: 3_000, otherwise: { value: "default" } },
            { id: "hold", kind: "gate" }
          ]
        }
      )
      const first = await clock.open({ store, workflows: [flow], snapshotEvery })
      const run = await first.orchestrator.submit(flow, null, { id: "r" })
      await settle()
      if (order === "timer") clock.jump(3_000)
      const said = codeOf(run.answer("ok", "mine"))
      for (let i = 0; i < 20; i++) await Promise.resolve()
      if (order === "answer") clock.jump(3_000)
      expect(await said).toBe(order === "answer" ? "done" : "GATE_CLOSED")
      await settle()
      expect((await typesOf(run)).sort()).toEqual(["gate.answered", "run.submitted", "timer.fired"])
      await first.kill()
      const second = await clock.open({ store, workflows: [flow], snapshotEvery })
      const again = await second.orchestrator.get("r")
      expect((await again.status()).status).toBe("waiting")
      await again.answer("hold", 1)
      expect(await again.outcome()).toMatchObject({
        status: "succeeded",
        results: { ok: order === "answer" ? "mine" : "default" }
      })
      await second.orchestrator.close()
    }
  )

  test.each([1_000, 1])(
    "G07 a wait that fires in the moment it is stopped is no other journal: the run is not parked for it (a snapshot every %i)",
    async (snapshotEvery) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const deaf = task("deaf", { in: type<null>(), out: type<null>(), run: () => new Promise<null>(() => {}) })
      let fail = (): void => {}
      const failing = task("failing", {
        in: type<null>(),
        out: type<null>(),
        run: () =>
          new Promise<null>((_, reject) => {
            fail = () => reject(new TypeError("no"))
          })
      })
      const flow = workflow("stopped", type<null>())
        .task("deaf", deaf, () => null)
        .task("failing", failing, () => null)
        .sleep("nap", 1_000)
        .returns(($) => $.nap)
      const first = await clock.open({ store, workflows: [flow], graceMs: 60_000, snapshotEvery })
      const run = await first.orchestrator.submit(flow, null, { id: "r" })
      await settle()
      fail()
      for (let i = 0; i < 20; i++) await Promise.resolve()
      clock.jump(1_000)
      await settle()
      expect(await typesOf(run)).toEqual(["run.submitted", "attempt.failed", "timer.fired"])
      await first.kill()
      const second = await clock.open({ store, workflows: [flow] })
      const again = await second.orchestrator.get("r")
      // the attempt that was asked to stop is over with its process
      expect(await again.outcome()).toMatchObject({ status: "failed", failedTask: "failing" })
      await second.orchestrator.close()
    }
  )

  test("G22 where the schema of a gate is missing, no answer is taken on trust; it goes on when the code is there", async () => {
    const clock = new StandingClock()
    const store = memoryJournal({ isDurable: true })
    const flow = workflow("typed", type<null>())
      .gate("ok", z.number(), { within: "forever" })
      .gate("free", type<number>(), { within: "forever" })
      .returns(($) => [$.ok, $.free])
    const first = await clock.open({ store, workflows: [flow] })
    await first.orchestrator.submit(flow, null, { id: "r" })
    await first.kill()
    const second = await clock.open({ store })
    const run = await second.orchestrator.get("r")
    expect((await run.status()).status).toBe("parked")
    expect(await codeOf(run.answer("ok", 1))).toBe("VERSION_UNAVAILABLE")
    await run.answer("free", 2)
    second.orchestrator.register(flow)
    expect(await codeOf(run.answer("ok", "1"))).toBe("SCHEMA_MISMATCH")
    await run.answer("ok", 1)
    expect(await run.result()).toEqual([1, 2])
    await second.orchestrator.close()
  })
})

describe("what people decide about a gate that ended badly", () => {
  const flow = () => asking({ withinMs: 10 * day, otherwise: "fail", signal: "go", out: { type: "number" } })
  const failing = {
    rejected: async (run: Run) => run.reject("ok", "no"),
    "timed out": async (_: Run, clock: StandingClock) => clock.advance(10 * day)
  }

  test.each(["rejected", "timed out"] as const)(
    "%s, then retried: it asks again, for as long as the first time, over a restart too",
    async (how) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const workflows = [await flow()]
      const first = await clock.open({ store, workflows })
      const run: Run = await first.orchestrator.submit(workflows[0]!, null, { id: "r" })
      await clock.advance(day)
      await failing[how](run, clock)
      expect(await run.outcome()).toMatchObject({ status: "failed", failedTask: "ok" })
      await run.retry("ok", { who: "ann" })
      const dueAt = new Date(clock.now + 10 * day)
      expect((await run.status()).gates).toMatchObject([{ gate: "ok", dueAt }])
      await settle()
      await first.kill()
      const second = await clock.open({ store, workflows })
      const again = await second.orchestrator.get("r")
      expect((await again.status()).gates).toMatchObject([{ gate: "ok", dueAt }])
      await clock.advance(10 * day - 1)
      expect((await again.status()).status).toBe("waiting")
      await again.answer("ok", 1)
      expect(await again.result()).toBe(1)
      await second.orchestrator.close()
    }
  )

  test("a signal that came while it was failed answers it when it asks again", async () => {
    await using orchestrator = await Orchestrator.open()
    const tasks = [
      { id: "ok", kind: "gate", signal: "go" },
      { id: "hold", kind: "gate" }
    ]
    const run: Run = await orchestrator.submit(await asking({}, { tasks, config: { onFailure: "continue" } }), null)
    await run.reject("ok", "no")
    await run.signal("go", 1)
    await run.retry("ok")
    await run.answer("hold", 2)
    expect(await run.result()).toBe(1)
  })

  test("G07 a wait that fired in the moment a failure stopped it is over when that failure is retried", async () => {
    const clock = new StandingClock()
    const store = memoryJournal({ isDurable: true })
    const tasks = [
      { id: "ok", kind: "gate" },
      { id: "nap", kind: "sleep", durationMs: 6_000 },
      { id: "asked", kind: "gate", withinMs: 6_000, otherwise: { value: "default" } }
    ]
    const workflows = [await asking({}, { tasks })]
    const first = await clock.open({ store, workflows })
    const run: Run = await first.orchestrator.submit(workflows[0]!, null, { id: "r" })
    await settle()
    const said = run.reject("ok", "no")
    for (let i = 0; i < 20; i++) await Promise.resolve()
    clock.jump(6_000)
    await said
    expect((await run.outcome()).status).toBe("failed")
    await run.retry()
    await first.kill()
    const second = await clock.open({ store, workflows })
    const again: Run = await second.orchestrator.get("r")
    await again.answer("ok", 1)
    await clock.advance(6_000)
    expect(await again.outcome()).toMatchObject({ status: "succeeded", results: { nap: null, asked: "default" } })
    await second.orchestrator.close()
  })

  test("a result given by hand, and a rollback to before the answer", async () => {
    await using orchestrator = await Orchestrator.open()
    const run: Run = await orchestrator.submit(await flow(), null)
    await run.reject("ok", "no")
    await run.skip("ok", 5)
    expect(await run.result()).toBe(5)
    await expect(run.answer("ok", 7)).rejects.toMatchObject({ became: "answered" })
    await run.rollback(0)
    expect((await run.status()).gates).toMatchObject([{ gate: "ok" }])
    await run.signal("go", 6)
    expect(await run.result()).toBe(6)
  })
})

describe("gates in documents", () => {
  const problemsOf = (gate: JsonObject, ...more: ReadonlyArray<JsonObject>) =>
    validate({ ir: 1, name: "w", tasks: [{ id: "ok", kind: "gate", ...gate }, ...more] } as never)

  test.each([
    [{ withinMs: 5 }, "POLICY_INVALID", "/tasks/0/withinMs"],
    [{ otherwise: "fail" }, "POLICY_INVALID", "/tasks/0/otherwise"],
    [{ withinMs: 5, otherwise: { value: "x" }, out: { type: "number" } }, "POLICY_INVALID", "/tasks/0/otherwise/value"],
    [{ signal: "no spaces" }, "ID_INVALID", "/tasks/0/signal"],
    [{ show: { a: { $: "nobody" } } }, "REF_UNKNOWN", "/tasks/0/show/a"],
    [{ withinMs: 5, otherwise: { value: { $: "nobody" } } }, "REF_UNKNOWN", "/tasks/0/otherwise/value"],
    [{ show: { $: "ok" } }, "GRAPH_CYCLE", "/tasks/0"],
    [{ out: { pattern: "x" } }, "REGEX_NOT_ALLOWED", "/tasks/0/out/pattern"]
  ])("%j is %s", (gate, code, path) => {
    expect(problemsOf(gate as JsonObject).map((problem) => [problem.code, problem.path])).toEqual([[code, path]])
  })

  test.each([
    [{ withinMs: 0 }, "/tasks/0/withinMs"],
    [{ withinMs: "24h" }, "/tasks/0/withinMs"],
    [{ otherwise: "maybe", withinMs: 5 }, "/tasks/0/otherwise"],
    [{ within: 5 }, "/tasks/0/within"],
    [{ otherwise: { valu: 1 }, withinMs: 5 }, "/tasks/0/otherwise"]
  ])("the shape %j is refused", async (gate, path) => {
    const error = await load({ ir: 1, name: "w", tasks: [{ id: "ok", kind: "gate", ...gate }] }).catch((e) => e)
    expect(error.problems.map((problem: { path: string }) => problem.path)[0]).toContain(path)
  })

  test("what a gate shows is what it waits for", async () => {
    const flow = await load({
      ir: 1,
      name: "w",
      tasks: [
        { id: "ok", kind: "gate", show: [{ $: "a" }], withinMs: 5, otherwise: { value: { $: "b" } } },
        { id: "a", kind: "noop" },
        { id: "b", kind: "noop" }
      ]
    })
    expect(flow.plan().stages.map(({ tasks }) => tasks)).toEqual([["a", "b"], ["ok"]])
  })

  test("a word about each task with effects below a gate that it does not wait for, and about no other", () => {
    const work = (id: string, more: JsonObject = {}) => ({ id, task: "pay", ...more })
    const said = (...tasks: ReadonlyArray<JsonObject>) =>
      validate({ ir: 1, name: "w", tasks } as never).map(({ code, severity, path }) => [code, severity, path])
    const gate = (id: string, more: JsonObject = {}) => ({ id, kind: "gate", name: id, ...more })
    expect(said(work("a"), gate("ok"), work("b"))).toEqual([["GATE_NOT_AWAITED", "warning", "/tasks/2"]])
    expect(
      said(gate("ok"), work("b", { after: ["ok"] }), work("c", { input: { $: "b" } }), work("d", { when: { $: "ok" } }))
    ).toEqual([])
    expect(said(gate("ok"), { id: "n", kind: "noop" }, { id: "z", kind: "sleep", durationMs: 1 }, gate("two"))).toEqual(
      []
    )
    // what the gate itself waits for may stand anywhere
    expect(said(gate("ok", { show: { $: "b" } }), work("b"))).toEqual([])
    expect(said(gate("ok"), gate("two", { after: ["ok"] }), work("b", { after: ["ok"] }))).toEqual([
      ["GATE_NOT_AWAITED", "warning", "/tasks/2"]
    ])
    expect(said(gate("ok"), { id: "m", kind: "map", over: [1], each: { task: "pay" } })).toEqual([
      ["GATE_NOT_AWAITED", "warning", "/tasks/1"]
    ])
    expect(said(gate("ok"), { id: "m", kind: "map", over: [1], each: { kind: "echo" } })).toEqual([])
  })

  test("bounds of the builder: a deadline needs an answer for it, and a length", () => {
    const b = workflow("b", type<null>())
    const make = (options: object) => () => b.gate("ok", z.number(), options as never)
    expect(make({ within: "2h" })).toThrow(/otherwise of 'ok' cannot be undefined/)
    expect(make({})).toThrow(/within of 'ok'/)
    expect(make({ within: 0, otherwise: "fail" })).toThrow(/within of 'ok' cannot be 0/)
    expect(make({ within: "11000d", otherwise: "fail" })).toThrow(/ten years/)
    expect(() => b.gate("ok", z.number(), { within: "forever", signal: "a b" }).returns(($) => $.ok)).toThrow(
      /ID_INVALID/
    )
  })
})

test("the Effect face has the same verbs, with their errors in the type", async () => {
  const flow = workflow("e", type<null>())
    .gate("ok", z.literal(true), { within: "forever" })
    .gate("go", z.number(), { within: "forever", signal: "go" })
    .returns(($) => [$.ok, $.go])
  const program = Effect.gen(function* () {
    const run = yield* T.submit(flow, null)
    const wrong = yield* Effect.flip(run.answer("ok", false as never))
    yield* run.answer("ok", true)
    const closed = yield* Effect.flip(run.reject("ok", "late"))
    yield* run.signal("go", 3)
    return [wrong._tag, closed._tag, yield* run.result] as const
  })
  expect(await Effect.runPromise(Effect.provide(program, T.layer()))).toEqual([
    "SchemaMismatch",
    "GateClosed",
    [true, 3]
  ])
})
