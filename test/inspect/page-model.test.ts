// What the page works out before it draws anything: the moment, the axis of the slider, rows, filters, differences, forms, layouts.
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { enablePatches, produceWithPatches } from "immer"
import { describe, expect, test } from "vitest"
import { breakerActs, definitionOf, runActs, taskActs } from "../../inspector/acts.ts"
import { Axis, binsMost, pressed } from "../../inspector/axis.ts"
import { bundled, quickLayout } from "../../inspector/chart/layout.ts"
import { difference, tally } from "../../inspector/diff.ts"
import { fakeIr, fakeRun, fakeShared, fakeStart } from "../../inspector/fake.ts"
import { Found, matcher, noFilter, placeOf } from "../../inspector/filter.ts"
import { fieldsOf, parsed, valueOf } from "../../inspector/form.ts"
import { brief, length, plain, since } from "../../inspector/format.ts"
import { shown } from "../../inspector/pan.ts"
import { drawn, reveal, scrollOf, tall, topMost, topOf } from "../../inspector/rows.ts"
import { about, kinds, said } from "../../inspector/said.ts"
import { sequenceOf } from "../../inspector/sequence/rows.ts"
import { makeState, type Wire } from "../../inspector/state.ts"
import { Stream } from "../../inspector/stream.ts"
import { ancestors, openMost, treeRows } from "../../inspector/tree.ts"
import { patched } from "../../src/inspect/patched.ts"
import type { Hello, Patch, SeenEvent } from "../../src/inspect/protocol.ts"
import { shapeOf } from "../../src/inspect/shape.ts"
import { Timeline } from "../../src/inspect/view.ts"
import { breakerMachine, taskMachine, workflowMachine } from "../../src/machines/index.ts"
import type { Json } from "../../src/model/json.ts"

enablePatches()

const run = fakeRun()
const streamOf = (events: ReadonlyArray<SeenEvent>) => {
  const stream = new Stream("run:trip-1")
  stream.push(events)
  return stream
}

describe("the moment", () => {
  test("going to any moment shows what going there step by step shows", () => {
    const stream = streamOf(run)
    const slow = new Timeline()
    slow.push(run)
    const look = (view: {
      readonly actors: unknown
      readonly runs: unknown
      readonly t: number
      readonly seq: number
    }) => structuredClone([view.seq, view.t, view.actors, view.runs])
    fc.assert(
      fc.property(fc.array(fc.nat(run.length), { minLength: 1, maxLength: 12 }), (moments) => {
        for (const at of moments) expect(look(stream.view(at))).toEqual(look(slow.at(at)))
      }),
      { numRuns: 40 }
    )
  })

  test("events that come twice are taken once, and a hole is noticed", () => {
    const stream = new Stream("x")
    expect(stream.push(run.slice(0, 10))).toBe(true)
    expect(stream.push(run.slice(5, 15))).toBe(true)
    expect(stream.length).toBe(15)
    expect(stream.push(run.slice(20))).toBe(false)
    expect(stream.length).toBe(15)
    expect(stream.events.map(({ seq }) => seq)).toEqual([...Array(15).keys()])
  })

  test("a moment that somebody chose stays while events come; live goes on with them", () => {
    const state = showing(run.slice(0, 100))
    expect([state.moment.value, state.seq.value]).toEqual(["live", 100])
    state.goTo(40)
    const before = state.view.value
    state.receive("run:trip-1", run.slice(100, 200))
    state.apply(1_000)
    expect(state.seq.value).toBe(40)
    expect(state.view.value).toBe(before)
    state.live()
    expect(state.seq.value).toBe(200)
    expect(state.event.value?.seq).toBe(199)
  })

  test("what an actor gave, and why it ended, stays to be seen when it has gone", () => {
    const at = run.findIndex((event) => event.kind === "gone" && event.actor === "trip-1/market")
    expect(streamOf(run).view(at).actors.get("trip-1/market")?.output).toBeUndefined()
    expect(
      streamOf(run)
        .view(at + 1)
        .actors.get("trip-1/market")
    ).toMatchObject({
      status: "done",
      output: { status: "succeeded", value: { places: 20, currency: "EUR" } }
    })
  })

  test("steps go by events, and by messages of the journal", () => {
    const state = showing(run)
    state.goTo(100)
    state.stepBy(1)
    expect(state.seq.value).toBe(101)
    state.stepJournal(1)
    expect(state.event.value?.kind).toBe("journal")
    const first = state.seq.value
    state.stepJournal(1)
    expect(state.event.value?.kind).toBe("journal")
    state.stepJournal(-1)
    expect(state.seq.value).toBe(first)
    state.goTo(-5)
    expect(state.seq.value).toBe(0)
    expect(state.event.value).toBeUndefined()
  })

  test("breakers and agents that all runs share are those of the same time", () => {
    const state = showing(run)
    state.followShared()
    state.receive("orchestrator", fakeShared())
    state.apply(1_000)
    expect(state.shared.value.agents.size).toBe(3)
    expect(state.shared.value.breakers.get("maps")?.state).toBe("forcedOpen")
    state.goTo(run.findIndex(({ t }) => t > fakeStart + 500))
    const [, anna] = [...state.shared.value.agents].find(([id]) => id === "anna")!
    const last = fakeShared().findLast(
      (event) => event.kind === "agent" && event.id === "anna" && event.t <= state.view.value!.t
    )
    expect(anna).toEqual(last)
  })

  test("what waits is applied a part at a time, and nothing is lost", () => {
    const state = showing([])
    for (let at = 0; at < run.length; at += 7) state.receive("run:trip-1", run.slice(at, at + 7))
    expect(state.received()).toBe(run.length)
    let rounds = 0
    while (state.apply(0)) rounds++
    expect(rounds).toBeGreaterThan(10)
    expect(state.length.value).toBe(run.length)
    expect(state.received()).toBe(0)
  })

  test("an event that breaks the view is told as a problem, and the page goes on", () => {
    const state = showing(run.slice(0, 50))
    state.receive("run:trip-1", [{ kind: "definition", seq: 50, t: 0 } as unknown as SeenEvent])
    state.receive("run:trip-1", [
      { kind: "actor", seq: 51, t: 0 } as unknown as SeenEvent,
      null as unknown as SeenEvent
    ])
    expect(() => state.apply(1_000)).not.toThrow()
    expect(state.problem.value?.code).toBe("EVENTS_BROKEN")
  })

  test("another process begins anew, with nothing left of the one before", () => {
    const state = showing(run)
    state.selectTask("charge")
    state.forget()
    expect([state.stream.value, state.length.value, state.selection.value, state.moment.value]).toEqual([
      undefined,
      0,
      {},
      "live"
    ])
  })
})

describe("the axis of the slider", () => {
  test("it never goes back, and every event can be found where it stands", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(0), fc.nat(50), fc.nat(90_000_000)), {
          minLength: 1,
          maxLength: 300,
          size: "max"
        }),
        (gaps) => {
          const axis = new Axis()
          let t = 1_000
          for (const gap of gaps) axis.add((t += gap), undefined)
          for (let i = 0; i < gaps.length; i++) {
            expect(axis.before(axis.at(i))).toBe(i + 1)
            if (i > 0) expect(axis.at(i)).toBeGreaterThan(axis.at(i - 1))
          }
          const bins = new Uint32Array(binsMost)
          for (let i = 0; i < gaps.length; i++) bins[Math.floor(axis.at(i) / axis.binWidth)]!++
          expect(axis.density).toEqual(bins)
          expect(axis.total / axis.binWidth).toBeLessThanOrEqual(binsMost)
        }
      ),
      { numRuns: 60 }
    )
  })

  test("four hours in which nothing happens take less than a minute of it, and longer gaps still take more", () => {
    expect(pressed(800)).toBe(800)
    expect(pressed(4 * 3_600_000)).toBeLessThan(5_000)
    expect(pressed(8 * 3_600_000)).toBeGreaterThan(pressed(4 * 3_600_000))
  })

  test("failures, faults, attempts and decisions are marked", () => {
    const { marks } = streamOf(run).axis
    const count = (bins: Uint32Array) => bins.reduce((sum, n) => sum + n, 0)
    expect(count(marks.fault)).toBe(1)
    expect(count(marks.attempt)).toBe(run.filter(({ kind }) => kind === "attempt").length)
    expect(count(marks.decision)).toBe(3)
    expect(count(marks.failure)).toBeGreaterThanOrEqual(6)
  })
})

describe("long lists", () => {
  test("every row of a list of any length can be scrolled to, and the browser never gets a taller element than it can", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000_000 }),
        fc.integer({ min: 20, max: 900 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (count, height, share) => {
          const size = { count, height, rowHeight: 22 }
          // Firefox gives no element more than 17 million pixels
          expect(tall(size)).toBeLessThan(17_000_000)
          const row = Math.floor(share * (count - 1))
          const top = reveal(size, -1_000, row) ?? 0
          const { from, to, y } = drawn(size, top)
          expect(from).toBeLessThanOrEqual(row)
          expect(to).toBeGreaterThan(row)
          expect(to - from).toBeLessThan(height / 22 + 20)
          expect(scrollOf(size, top)).toBeLessThanOrEqual(Math.max(0, tall(size) - height) + 1)
          // where the row stands, seen from the top of what is seen
          const place = y + (row - from) * 22 - scrollOf(size, top)
          expect(place).toBeGreaterThanOrEqual(-22)
          expect(place).toBeLessThanOrEqual(height)
        }
      ),
      { numRuns: 200 }
    )
  })

  test("the end of a million rows is where the scroll bar ends", () => {
    const size = { count: 1_000_000, rowHeight: 22, height: 180 }
    expect(topOf(size, tall(size) - 180)).toBe(topMost(size))
    expect(topOf(size, 0)).toBe(0)
    expect(reveal(size, topMost(size), 999_999)).toBeUndefined()
  })
})

describe("the log", () => {
  test("every kind of event says something", () => {
    for (const event of [...run, ...fakeShared()]) {
      expect(said(event), event.kind).not.toBe("")
      expect(kinds).toContain(event.kind)
      expect(about(event), event.kind).not.toBe("")
    }
  })

  test("words, kinds and the selection narrow it down together", () => {
    const is = (filter: Partial<typeof noFilter>) => run.filter(matcher({ ...noFilter, ...filter }))
    expect(is({ kinds: new Set(["journal"]) }).every(({ kind }) => kind === "journal")).toBe(true)
    expect(is({ text: "ENOSPC kind:journal" })).toHaveLength(2)
    expect(is({ text: "econnreset RECEIPT" })).toHaveLength(0)
    const own = is({ only: { task: "charge", actor: "trip-1/charge" } })
    expect(own.length).toBeGreaterThan(20)
    expect(own.length).toBeLessThan(70)
    expect(own.every((event) => JSON.stringify(event).includes("charge"))).toBe(true)
    expect(is({ only: { task: "charge", actor: undefined }, text: "task:charge kind:attempt" })).toHaveLength(4)
  })

  test("looking for words takes its time in pieces, and finds the same", () => {
    const found = new Found({ ...noFilter, text: "quotes" })
    const many = Array.from({ length: 20 }, (_, i) =>
      run.map((event) => ({ ...event, seq: i * run.length + event.seq }))
    ).flat()
    let pieces = 0
    while (!found.look(many, 0, () => 1)) pieces++
    expect(pieces).toBeGreaterThan(10)
    expect(found.rows).toEqual(many.filter(matcher({ ...noFilter, text: "quotes" })).map(({ seq }) => seq))
  })

  test("the moment stands at the last row that has happened", () => {
    expect(placeOf([2, 5, 9], 5)).toBe(1)
    expect(placeOf([2, 5, 9], 8)).toBe(1)
    expect(placeOf([2, 5, 9], 1)).toBe(-1)
    expect(placeOf([], 4)).toBe(-1)
  })
})

describe("names of others", () => {
  test("nothing in a name is invisible, or turns the direction of what follows", () => {
    expect(plain("a\u202Eb\u2028c\u0000d\u200B")).toBe("a\\u202eb\\u2028c\\u0000d\\u200b")
    expect(plain("line\none")).toBe("line⏎one")
    expect(plain("x".repeat(500))).toHaveLength(201)
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(plain(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/)
      })
    )
  })

  test("a short line of a value is short, however large the value is", () => {
    const large = { list: Array.from({ length: 100_000 }, (_, i) => ({ i, text: "x".repeat(100) })) }
    expect(brief(large, 80).length).toBeLessThanOrEqual(81)
    expect(brief({ a: 1, b: [true, null], c: { d: { e: { f: 1 } } } })).toBe(
      "{a: 1, b: [true, null], c: {d: {e: {…}}}}"
    )
  })

  test("times that are close together can be told apart, and lengths read as people say them", () => {
    expect(since(1_412, 1_000)).toBe("+0.412 s")
    expect(since(4 * 3_600_000 + 61_007, 0)).toBe("+4:01:01.007")
    expect([0, 12, 1_234, 59_960, 61_000, 3_600_000, 90_000_000].map(length)).toEqual([
      "0 ms",
      "12 ms",
      "1.23 s",
      "1 min",
      "1 min 1 s",
      "1 h",
      "1 d 1 h"
    ])
  })
})

describe("differences", () => {
  test("what was added, removed and changed is found, and what is shared is not looked into", () => {
    const shared = { deep: [1, 2, 3] }
    const whole = difference({ a: 1, b: shared, c: "x" }, { a: 2, b: shared, d: null })
    expect(tally(whole)).toEqual({ added: 1, removed: 1, changed: 1 })
    expect(whole.children.find(({ key }) => key === "b")).toMatchObject({ change: "same", children: [] })
    expect(tally(difference([1, 2], [1, 2, 3]))).toEqual({ added: 1, removed: 0, changed: 0 })
    expect(difference({ a: 1 }, { a: 1 }).change).toBe("same")
    expect(difference({ a: 1 }, [1]).change).toBe("changed")
  })

  const json = fc.letrec<{ readonly value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom("a", "b", null, true),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("k", "l", "m", "__proto__", "length"), tie("value"), { maxKeys: 4 })
    ) as fc.Arbitrary<Json>
  })).value

  /** Makes one value of the other where they differ, so that there are patches deep inside. */
  const become = (draft: any, wanted: any): void => {
    if (Array.isArray(draft)) {
      draft.length = Math.min(draft.length, wanted.length)
      wanted.forEach((value: any, i: number) => {
        if (i < draft.length && isSame(draft[i], value)) become(draft[i], value)
        else draft[i] = value
      })
      return
    }
    for (const key of Object.keys(draft)) if (!Object.hasOwn(wanted, key)) delete draft[key]
    for (const [key, value] of Object.entries(wanted))
      if (Object.hasOwn(draft, key) && isSame(draft[key], value)) become(draft[key], value)
      else draft[key] = value
  }
  const isSame = (a: any, b: any) =>
    a !== null && b !== null && typeof a === "object" && typeof b === "object" && Array.isArray(a) === Array.isArray(b)

  test("patches that immer writes lead from the value before to the value after", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const a = JSON.parse(JSON.stringify({ in: before }).replaceAll("__proto__", "p"))
        const b = JSON.parse(JSON.stringify({ in: after }).replaceAll("__proto__", "p"))
        const [, patches] = (produceWithPatches as any)(a, (draft: any) => become(draft, b))
        expect(patched(a, patches as unknown as ReadonlyArray<Patch>)).toEqual(b)
      }),
      { numRuns: 1_000 }
    )
  })

  test("parts of a list are added, replaced and removed where a patch says", () => {
    const list = { in: [1, 2, 3, 4] }
    expect(patched(list, [{ op: "remove", path: ["in", 1] }])).toEqual({ in: [1, 3, 4] })
    expect(patched(list, [{ op: "add", path: ["in", 1], value: 9 }])).toEqual({ in: [1, 9, 2, 3, 4] })
    expect(patched(list, [{ op: "replace", path: ["in", "length"], value: 2 }])).toEqual({ in: [1, 2] })
    expect(patched(list, [{ op: "remove", path: ["in"] }])).toEqual({})
  })

  test("patches that do not fit what is there change nothing, and reach no prototype", () => {
    const hostile: ReadonlyArray<Patch> = [
      { op: "add", path: ["__proto__", "polluted"], value: true },
      { op: "add", path: ["constructor", "prototype", "polluted"], value: true },
      { op: "replace", path: ["list", 4_000_000_000], value: 1 },
      { op: "replace", path: ["list", "length"], value: 4_000_000_000 },
      { op: "remove", path: ["nothing", "here"] }
    ]
    const before = { list: [1] }
    const after = patched(before, hostile) as { readonly [key: string]: Json }
    expect(after["list"]).toEqual([1])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(before).toEqual({ list: [1] })
  })
})

describe("the tree of actors", () => {
  const wide = (children: number) => {
    const timeline = new Timeline()
    const seen = (actor: string, parent: string | undefined, seq: number): SeenEvent => ({
      kind: "actor",
      actor,
      id: actor,
      logic: "task",
      ...(parent === undefined ? {} : { parent }),
      seq,
      t: 0
    })
    timeline.push([
      seen("a", undefined, 0),
      seen("a/b", "a", 1),
      ...Array.from({ length: children }, (_, i) => seen(`a/b/${i}`, "a/b", i + 2))
    ])
    return timeline.latest
  }

  test("what has few children is open, what has many is closed until somebody opens it", () => {
    expect(treeRows(wide(openMost), new Map()).length).toBe(2 + openMost)
    expect(treeRows(wide(openMost + 1), new Map()).length).toBe(2)
    const rows = treeRows(wide(10_000), new Map([["a/b", true]]))
    expect(rows.length).toBe(10_002)
    expect(rows.at(-1)).toMatchObject({ level: 3, place: 10_000, siblings: 10_000 })
  })

  test("the parents of an actor are known, so that it can be shown", () => {
    expect(ancestors(wide(3), "a/b/1")).toEqual(["a/b", "a"])
    expect(ancestors(wide(3), "nobody")).toEqual([])
  })
})

describe("what can be done", () => {
  const hello = { mayControl: true, source: "live" } as Hello
  const where = (events: ReadonlyArray<SeenEvent>, task?: string, seq = events.length, greeting = hello) => {
    const stream = streamOf(events)
    const view = stream.view(seq)
    const shownRun = [...view.runs.values()][0]!
    const key = task === undefined ? undefined : stream.actorOf(shownRun.run, task)
    return {
      hello: greeting,
      isConnected: true,
      isLive: seq === events.length,
      view,
      run: shownRun,
      task: task === undefined ? undefined : shownRun.tasks.get(task),
      actor: key === undefined ? undefined : view.actors.get(key),
      stream,
      seq
    }
  }
  const by = (acts: ReturnType<typeof runActs>, id: string) => acts.find((act) => act.id === id)!

  test("a gate is answered with a form made from its schema, and shows what it shows", () => {
    const acts = taskActs(where(fakeRun({ until: "gate" }), "approved"))
    expect(acts.map(({ verb }) => verb)).toEqual(["answer", "reject"])
    expect(acts[0]).toMatchObject({ fields: { gate: "approved" }, show: { price: 177, hotel: "Hotel 10" } })
    expect(acts[0]!.whyNot).toBeUndefined()
    const [question] = acts[0]!.asks
    expect(question?.kind === "schema" && fieldsOf(question.schema)?.map(({ kind }) => kind)).toEqual([
      "flag",
      "number",
      "choice",
      "text"
    ])
  })

  test("what cannot be done says why", () => {
    const done = where(run, "charge")
    expect(by(taskActs(done), "retry").whyNot).toContain("succeeded")
    expect(by(runActs(done), "cancel").whyNot).toContain("failed")
    const reading = where(run, "ledger", run.length, { ...hello, mayControl: false })
    for (const act of [...taskActs(reading), ...runActs(reading), ...breakerActs(reading, "bank", "open")])
      expect(act.whyNot).toContain("--control")
    const recorded = where(run, "ledger", run.length, { ...hello, source: "recording" })
    for (const act of taskActs(recorded)) expect(act.whyNot).toContain("recording")
  })

  test("a failed task begins anew as it was seen; from here goes back to before it began", () => {
    const failed = where(run, "ledger")
    expect(by(taskActs(failed), "retry")).toMatchObject({
      verb: "retry",
      fields: { task: "ledger", seen: failed.run.messages }
    })
    const back = by(taskActs(failed), "retry-from")
    const began = run.find((event) => event.kind === "attempt" && event.task === "ledger")!
    const message = run[began.cause!]
    expect(back.verb).toBe("rollback")
    expect(message?.kind === "journal" && back.fields["to"]).toBe(message?.kind === "journal" && message.n)
  })

  test("a roll back goes to the message at the moment, and is not offered at the end", () => {
    const journal = run.filter((event) => event.kind === "journal")
    const at = journal[5]!
    expect(by(runActs(where(run, undefined, at.seq + 1)), "rollback")).toMatchObject({
      fields: { to: at.kind === "journal" ? at.n : -1 }
    })
    expect(by(runActs(where(run)), "rollback").whyNot).toContain("earlier moment")
  })

  test("a step, and a fault, are offered only where the server offers them", () => {
    expect(by(runActs(where(run)), "step")).toBeUndefined()
    const offering = { ...hello, offers: ["step", "fault"] }
    const paused = run.findIndex((event) => event.kind === "status" && event.status === "paused") + 1
    const acts = runActs(where(run, undefined, paused, offering))
    expect(by(acts, "step").whyNot).toBeUndefined()
    expect(by(acts, "fault").whyNot).toBeUndefined()
    expect(by(acts, "resume").verb).toBe("resume")
  })

  test("the definition of a task is found through sub-workflows, fan-outs and undos", () => {
    const ir = fakeIr()
    expect(definitionOf(ir, "ship/label")?.id).toBe("label")
    expect(definitionOf(ir, "quotes[3]")?.id).toBe("quotes")
    expect(definitionOf(ir, "charge~undo")?.id).toBe("charge")
    expect(definitionOf(ir, "nobody/knows")).toBeUndefined()
  })
})

describe("the form of an answer", () => {
  const schema = {
    type: "object",
    properties: {
      ok: { type: "boolean" },
      n: { type: "integer", minimum: 1 },
      c: { enum: ["x", 2] },
      t: { type: "string" }
    },
    required: ["n", "c"]
  }
  const fields = fieldsOf(schema)!

  test("what was written becomes the value that the schema asks for", () => {
    expect(valueOf(fields, { ok: true, n: "3", c: "1", t: "" })).toEqual({ value: { ok: true, n: 3, c: 2 } })
  })

  test("what is missing or out of range is said before anything is asked", () => {
    expect(valueOf(fields, { n: "", c: "0" })).toEqual({ wrong: "n is needed" })
    expect(valueOf(fields, { n: "0", c: "0" })).toEqual({ wrong: "n is at least 1" })
    expect(valueOf(fields, { n: "1.5", c: "0" })).toEqual({ wrong: "n is not a whole number" })
    expect(parsed("{a")).toHaveProperty("wrong")
  })

  test("a schema that is more than plain fields gets an editor instead of half a form", () => {
    expect(fieldsOf({ type: "array", items: {} })).toBeUndefined()
    expect(fieldsOf({ type: "object", properties: { deep: { type: "object", properties: {} } } })).toBeUndefined()
    expect(fieldsOf(true)).toBeUndefined()
  })
})

describe("pictures", () => {
  test.each([
    ["task", taskMachine],
    ["workflow", workflowMachine],
    ["breaker", breakerMachine]
  ])("no two states of the chart of a %s overlap, and every edge has its ends", (_, machine) => {
    const shape = shapeOf(machine)!
    const { boxes, wires, width, height } = quickLayout(shape)
    for (const [i, a] of boxes.entries())
      for (const b of boxes.slice(i + 1)) {
        const isInside = (inner: typeof a, outer: typeof a) => inner.state.parent === outer.id
        if (isInside(a, b) || isInside(b, a)) continue
        expect(
          a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y,
          `${a.id} ${b.id}`
        ).toBe(true)
      }
    for (const box of boxes) {
      expect(box.x).toBeGreaterThanOrEqual(0)
      expect(box.x + box.width).toBeLessThanOrEqual(width)
      expect(box.y + box.height).toBeLessThanOrEqual(height)
    }
    expect(wires).toHaveLength(bundled(shape).length)
    // labels cover no state, and no other label
    const leaves = boxes.filter(({ id }) => boxes.every(({ state }) => state.parent !== id))
    type Area = (typeof wires)[number]["label"]
    const isApart = (a: Area, b: Area) =>
      a.x + a.width <= b.x + 0.01 ||
      b.x + b.width <= a.x + 0.01 ||
      a.y + a.height <= b.y + 0.01 ||
      b.y + b.height <= a.y + 0.01
    for (const [i, { id, label }] of wires.entries()) {
      for (const box of leaves) expect(isApart(label, box), `label of ${id} on ${box.id}`).toBe(true)
      for (const other of wires.slice(i + 1))
        expect(isApart(label, other.label), `labels of ${id} and ${other.id}`).toBe(true)
    }
  })

  test("nested and parallel states stand inside their parent", () => {
    const state = (
      id: string,
      parent: string | undefined,
      type: "compound" | "parallel" | "atomic",
      isInitial = false
    ) => ({
      id,
      key: id.split(".").at(-1)!,
      type,
      ...(parent === undefined ? {} : { parent }),
      ...(isInitial ? { isInitial: true as const } : {})
    })
    const { boxes } = quickLayout({
      id: "m",
      states: [
        state("m", undefined, "compound"),
        state("m.a", "m", "parallel", true),
        state("m.a.x", "m.a", "compound"),
        state("m.a.y", "m.a", "atomic"),
        state("m.a.x.one", "m.a.x", "atomic", true),
        state("m.a.x.two", "m.a.x", "atomic"),
        state("m.b", "m", "atomic")
      ],
      edges: [
        { from: "m.a", to: "m.b", event: "go" },
        { from: "m.a.x.one", to: "m.a.x.two", event: "next" }
      ]
    })
    expect(boxes.map(({ id }) => id).sort()).toEqual(["m.a", "m.a.x", "m.a.x.one", "m.a.x.two", "m.a.y", "m.b"])
    const box = (id: string) => boxes.find((one) => one.id === id)!
    for (const one of boxes) {
      const outer = one.state.parent === "m" ? undefined : box(one.state.parent!)
      if (outer === undefined) continue
      expect(one.x).toBeGreaterThan(outer.x)
      expect(one.y).toBeGreaterThan(outer.y)
      expect(one.x + one.width).toBeLessThan(outer.x + outer.width)
      expect(one.y + one.height).toBeLessThan(outer.y + outer.height)
    }
    expect(box("m.b").y).toBeGreaterThan(box("m.a").y + box("m.a").height)
  })

  test("a picture that is too large to read is shown around what matters, never beyond its edge", () => {
    const box = { width: 600, height: 400 }
    expect(shown(300, 200, box, { x: 10, y: 10 }).scale).toBeGreaterThan(1)
    const corner = shown(3_000, 3_000, box, { x: 10, y: 10 })
    expect([corner.x, corner.y]).toEqual([0, 0])
    const end = shown(3_000, 3_000, box, { x: 2_990, y: 2_990 })
    expect(end.x + 3_000 * end.scale).toBeCloseTo(600)
  })

  test("messages around a moment stand between lifelines in their order, and the moment among them", () => {
    const next = run.findIndex((event) => event.kind === "message" && event.seq > 300)
    const { lifelines, rows, at } = sequenceOf(run, next, undefined)
    expect(lifelines[0]).toBe("")
    expect(lifelines.length).toBeLessThanOrEqual(32)
    expect(rows.map(({ event }) => event.seq)).toEqual([...rows.map(({ event }) => event.seq)].sort((a, b) => a - b))
    expect(rows[at]!.event.seq).toBeLessThan(next)
    expect(rows[at + 1]!.event.seq).toBe(next)
    const own = sequenceOf(run, 300, { task: "market", actor: "trip-1/market" })
    expect([...own.lifelines].sort()).toEqual(["", "trip-1", "trip-1/market"])
  })
})

describe("colours", () => {
  const css = readFileSync(fileURLToPath(new URL("../../inspector/style/theme.css", import.meta.url)), "utf8")
  const pairs = new Map(
    [...css.matchAll(/--([a-z-]+): light-dark\(\s*oklch\(([^)]*)\),\s*oklch\(([^)]*)\)\s*\)/g)].map(
      ([, name, light, dark]) => [name!, [light!, dark!] as const]
    )
  )
  const luminance = (oklch: string): number => {
    const [L, C, H = 0] = oklch.split(" ").map(Number) as [number, number, number]
    const [a, b] = [C * Math.cos((H * Math.PI) / 180), C * Math.sin((H * Math.PI) / 180)]
    const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
    const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
    const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3
    const clip = (value: number) => Math.max(0, Math.min(1, value))
    const red = clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s)
    const green = clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s)
    const blue = clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const contrast = (one: string, other: string, theme: 0 | 1) => {
    const [a, b] = [luminance(pairs.get(one)![theme]), luminance(pairs.get(other)![theme])]
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  }
  const statuses = [...pairs.keys()].filter((name) => /^status-[a-z]+$/.test(name))

  test.each(["light", "dark"] as const)(
    "words of every status can be read on their own ground and on that of the page: %s",
    (theme) => {
      const at = theme === "light" ? 0 : 1
      expect(statuses.length).toBeGreaterThan(14)
      for (const status of statuses)
        for (const ground of [`${status}-soft`, "surface", "ground", "raised", "hover"])
          expect(contrast(status, ground, at), `${status} on ${ground}`).toBeGreaterThanOrEqual(4.5)
      for (const text of ["text", "text-soft", "text-faint", "accent"])
        for (const ground of ["surface", "ground", "raised", "sunken", "hover"])
          expect(contrast(text, ground, at), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5)
      for (const text of ["text", "text-soft", "accent"])
        expect(contrast(text, "accent-soft", at), `${text} on accent`).toBeGreaterThanOrEqual(4.5)
      expect(contrast("on-accent", "accent", at)).toBeGreaterThanOrEqual(4.5)
      expect(contrast("control-line", "surface", at)).toBeGreaterThanOrEqual(3)
    }
  )
})

/** A state that shows these events, connected to nobody. */
function showing(events: ReadonlyArray<SeenEvent>) {
  const state = makeState()
  const nobody: Wire = { follow: () => {}, leave: () => {}, ask: async () => ({ ok: true }), again: () => {} }
  state.wire = nobody
  state.show("run:trip-1")
  state.receive("run:trip-1", events)
  state.apply(1_000)
  return state
}
