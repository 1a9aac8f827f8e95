import { fc } from "@fast-check/vitest"
import { eq, fromJson, type Json, Orchestrator, task, type, type Workflow, workflow } from "troupe"
import {
  Counterexample,
  calm,
  chaosCapability,
  follow,
  type ProveOptions,
  prove,
  simulate,
  type World
} from "troupe/chaos"
import { afterEach, describe, expect, test } from "vitest"

const echo = task("echo", { in: type<Json>(), out: type<Json>(), run: (input) => input })
const patient = task("patient", {
  in: type<Json>(),
  out: type<Json>(),
  retry: { attempts: 2 },
  run: async (input) => input
})

/** A bank that was told about the key, or not. */
const bank = ({ isCareful }: { readonly isCareful: boolean }) => {
  const charges: Array<string> = []
  const charge = task("charge", {
    in: type<Json>(),
    out: type<string>(),
    retry: { attempts: 2 },
    run: async (_, { key }) => {
      if (!isCareful || !charges.includes(key)) charges.push(key)
      return "paid"
    }
  })
  return { charge, charges, reset: () => charges.splice(0) }
}

/** Eight quotes, somebody approves, and two tasks with effects. */
const purchase = (charge: ReturnType<typeof bank>["charge"]): Workflow<number, string> =>
  workflow("purchase", type<number>())
    .map("quotes", patient, () => [0, 1, 2, 3, 4, 5, 6, 7])
    .gate("approved", type<boolean>(), { within: "1d", otherwise: "fail", show: ($) => $.quotes })
    .task("paid", charge, ($) => [$.quotes, $.approved])
    .task("shipped", patient, ($) => [$.paid])
    .returns(($) => $.paid)

describe("what is proved", () => {
  test("eight quotes, a gate and two tasks with effects, any two faults anywhere, within 2 s of a processor", async () => {
    const { charge, charges, reset } = bank({ isCareful: true })
    const since = process.cpuUsage()

    const proof = await prove(purchase(charge), {
      input: 1,
      faults: 2,
      reset,
      always: () => charges.length <= 1,
      eventually: ({ status }: World) => status !== "succeeded" || charges.length === 1
    })

    const { user, system } = process.cpuUsage(since)
    expect(proof.summary).toMatch(/^proved for k = 2: /)
    expect(proof).toMatchObject({ complete: true, faults: 2, sampled: 0, symmetric: true })
    expect(proof.ends).toEqual(["GATE_TIMEOUT", "PLANNED", "TIMEOUT", "succeeded"])
    expect(proof.states).toBeGreaterThan(1_000)
    expect((user + system) / 1_000).toBeLessThan(2_000)
  })

  test("a charge without its key is found within a second: one crash, and the shortest story there is", async () => {
    const { charge, charges, reset } = bank({ isCareful: false })
    const order = workflow("order", type<string>())
      .task("paid", charge, ($) => $.input)
      .returns(($) => $.paid)
    const world = { input: "books", reset, always: () => charges.length <= 1 }
    const since = performance.now()

    const failure = await prove(order, { ...world, faults: 2, kinds: ["crash"] }).catch((error) => error)

    expect(performance.now() - since).toBeLessThan(1_000)
    expect(failure).toBeInstanceOf(Counterexample)
    expect(failure).toMatchObject({ faults: 1, depth: 3, isSampled: false, violations: [{ promise: "always" }] })
    expect(failure.schedule).toEqual([
      { step: "acts", task: "paid", attempt: 1 },
      { step: "crash" },
      { step: "ends", task: "paid", attempt: 1 }
    ])
    expect(failure.message).toContain("FAULT the process dies and begins anew")
    const again = await follow(order, failure.schedule, world)
    expect(again.violations).toMatchObject([{ promise: "always" }])
    expect(again.outcome?.status).toBe("succeeded")
  })

  test("the same charge at the end of a long workflow is found within a second as well", async () => {
    const { charge, charges, reset } = bank({ isCareful: false })
    const failure = await prove(purchase(charge), {
      input: 1,
      faults: 1,
      reset,
      eventually: () => charges.length <= 1
    }).catch((error) => error)

    expect(failure).toMatchObject({ _tag: "Counterexample", faults: 1, violations: [{ promise: "eventually" }] })
  })

  test("an effect that comes too late for its answer counts as done", async () => {
    const { charge, charges, reset } = bank({ isCareful: false })
    const order = workflow("order", type<string>())
      .task("paid", charge, ($) => $.input)
      .returns(($) => $.paid)
    const world = { input: "books", reset, eventually: () => charges.length <= 1 }

    const failure = await prove(order, { ...world, kinds: ["late"] }).catch((error) => error)

    expect(failure.schedule.map(({ step }: { step: string }) => step)).toEqual(["late", "fires", "ends"])
    await expect(prove(order, { ...world, kinds: ["throw", "permanent"] })).resolves.toMatchObject({ complete: true })
  })

  test("without invariants: no run gets stuck, crashes change no outcome, a run is what its messages say", async () => {
    const nested = workflow("nested", type<Json>())
      .task("x", patient, ($) => $.input)
      .sleep("nap", "1h", { after: ["x"] })
      .returns(($) => $.x)
    const all = workflow("all", type<Json>())
      .map("items", nested, () => [1, 2], { partial: true, concurrency: 1 })
      .gate("either", type<boolean>(), { within: "1d", otherwise: false })
      .branch(
        "way",
        ($) => $.either,
        { true: nested, otherwise: nested },
        ($) => $.input
      )
      .returns(($) => [$.items, $.way])

    const proof = await prove(all, { input: 1, faults: 1 })

    expect(proof).toMatchObject({ complete: true })
    expect(proof.states).toBeGreaterThan(100)
  })

  test("a gate that nobody answers is a run that does not end", async () => {
    const waits = workflow("waits", type<null>())
      .gate("ok", type<boolean>(), { within: "forever" })
      .returns(($) => $.ok)

    const failure = await prove(waits, { input: null, answers: {} }).catch((error) => error)

    expect(failure).toMatchObject({ _tag: "Counterexample", violations: [{ promise: "G01 end" }], schedule: [] })
    await expect(prove(waits, { input: null, answers: { ok: true } })).resolves.toMatchObject({ complete: true })
  })

  test("agents do the work of tasks with needs", async () => {
    const work = task("work", { in: type<number>(), out: type<number>(), needs: "math", retry: { attempts: 2 } })
    const flow = workflow("flow", type<number>())
      .task("a", work, ($) => $.input)
      .task("b", work, ($) => $.input)
      .returns(($) => [$.a, $.b])
    const done: Array<number> = []
    const agents = [{ id: "one", can: ["math"], run: async (n: number) => done.push(n) * 0 + n }]

    const proof = await prove(flow, { input: 4, agents, faults: 1, eventually: (world) => world.done("a") <= 2 })

    expect(proof).toMatchObject({ complete: true })
    expect(done.length).toBeGreaterThan(0)
  })
})

describe("the number of states is what it must be", () => {
  const calmly = { input: null, faults: 0 } as const

  test("three tasks side by side: each may be done or not", async () => {
    const three = workflow("three", type<null>())
      .task("a", echo, () => 1)
      .task("b", echo, () => 2)
      .task("c", echo, () => 3)
      .returns(($) => [$.a, $.b, $.c])

    expect(await prove(three, calmly)).toMatchObject({ states: 8, transitions: 12, depth: 3 })
    // 1 + 3 + 3·2 + 3·2·1 ways to go
    expect(await prove(three, { ...calmly, merge: false })).toMatchObject({ states: 16, transitions: 15 })
  })

  test("five items that are alike: how many are done", async () => {
    const five = workflow("five", type<null>())
      .map("items", echo, () => [1, 2, 3, 4, 5])
      .returns(($) => $.items)

    expect(await prove(five, calmly)).toMatchObject({ states: 6, transitions: 5, symmetric: true })
    expect(await prove(five, { ...calmly, symmetry: false })).toMatchObject({ states: 32, transitions: 80 })
  })

  test("one task and one fault: nine states, counted by hand", async () => {
    const one = workflow("one", type<null>())
      .task("a", echo, () => 1)
      .returns(($) => $.a)

    // at work; ended; failed; late; about to die with its work done; at work again, with its work done before or not; ended
    // again, with its work done once or twice
    expect(await prove(one, { input: null, faults: 1 })).toMatchObject({ states: 9, transitions: 8 })
    // crashes alone: without `failed` and `late`
    expect(await prove(one, { input: null, faults: 1, kinds: ["crash"] })).toMatchObject({ states: 7, transitions: 6 })
  })

  test("two items that are alike and one crash: twelve states and fourteen steps, counted by hand", async () => {
    const two = workflow("two", type<null>())
      .map("items", echo, () => [1, 2])
      .returns(($) => $.items)

    // before the crash: 3 with none, one or both done, and 2 with one about to be lost; after it: 3 with nothing lost; and, of
    // the one that did its work twice or will, and the other: 2 · 2
    expect(await prove(two, { input: null, faults: 1, kinds: ["crash"] })).toMatchObject({
      states: 12,
      transitions: 14
    })
  })

  test("waits come in the order of their lengths, where they began in that order", async () => {
    const naps = workflow("naps", type<null>())
      .sleep("short", "1m")
      .sleep("long", "1h")
      .returns(() => null)
    expect(await prove(naps, calmly)).toMatchObject({ states: 3, transitions: 2 })
  })
})

describe("nothing is said that was not done", () => {
  test("a budget that is used up is told, and what was sampled is no proof", async () => {
    const { charge } = bank({ isCareful: true })
    const proof = await prove(purchase(charge), { input: 1, faults: 2, statesMost: 100, samples: 20 })

    expect(proof).toMatchObject({ complete: false, sampled: 20 })
    expect(proof.summary).toMatch(/^explored \d+ % of the 1\d\d states it came to know, then sampled 20 executions/)
    expect(proof.summary).not.toContain("proved for")
  })

  test("what is broken beyond the budget is found by sampling, and said to be no shortest story", async () => {
    const { charge, charges, reset } = bank({ isCareful: false })
    const failure = await prove(purchase(charge), {
      input: 1,
      faults: 2,
      statesMost: 20,
      samples: 2_000,
      reset,
      eventually: () => charges.length <= 1
    }).catch((error) => error)

    expect(failure).toMatchObject({ _tag: "Counterexample", isSampled: true })
    expect(failure.message).toContain("there may be a shorter one")
  })

  test("items whose bodies end in different ways are told apart", async () => {
    const picky = task("picky", {
      in: type<number>(),
      out: type<number>(),
      run: (n) => {
        if (n === 2) throw new TypeError("not two")
        return n
      }
    })
    const flow = workflow("flow", type<null>())
      .map("items", picky, () => [1, 2, 3], { partial: true })
      .returns(($) => $.items)

    const proof = await prove(flow, { input: null, faults: 0 })

    expect(proof).toMatchObject({ complete: true, symmetric: false, states: 8 })
  })

  test("items are told apart where something below them goes by a value", async () => {
    const choosy = workflow("choosy", type<number>())
      .task("x", echo, ($) => $.input)
      .task("y", echo, ($) => $.x, { when: ($) => eq($.x, 2) })
      .returns(($) => $.x)
    const flow = workflow("flow", type<null>())
      .map("items", choosy, () => [1, 2])
      .returns(($) => $.items)

    // the first is done or not; the second has two steps, or one and a rest
    expect(await prove(flow, { input: null, faults: 0 })).toMatchObject({ symmetric: false, states: 6, transitions: 7 })
    // taken for each other, it is always the first item that goes first
    expect(await prove(flow, { input: null, faults: 0, symmetry: true })).toMatchObject({ symmetric: true, states: 4 })
  })

  test("how often something is called matters where an invariant asks, whenever that is", async () => {
    const flow = workflow("flow", type<null>())
      .map("items", echo, () => [1, 2, 3])
      .task("last", echo, ($) => $.items)
      .returns(($) => $.last)
    const world = { input: null, faults: 1, kinds: ["crash"] } as const

    const { states } = await prove(flow, world)
    const more = await prove(flow, { ...world, eventually: (seen) => seen.calls("items") <= 6 })
    const failure = await prove(flow, { ...world, eventually: (seen) => seen.calls("items") <= 5 }).catch((e) => e)

    expect(more.states).toBeGreaterThan(states)
    expect(failure).toMatchObject({ _tag: "Counterexample", depth: 5 })
  })

  test("what is kept outside tells moments apart, if it is shown", async () => {
    let last = ""
    const note = (name: string) =>
      task(name, {
        in: type<null>(),
        out: type<null>(),
        run: () => {
          last = name
          return null
        }
      })
    const flow = workflow("flow", type<null>())
      .task("a", note("a"), () => null)
      .task("b", note("b"), () => null)
      .task("c", note("c"), ($) => $.a)
      .returns(() => null)
    const reset = () => {
      last = ""
    }

    const blind = await prove(flow, { input: null, faults: 0, reset })
    const seen = await prove(flow, { input: null, faults: 0, reset, outside: () => last })

    expect(blind.states).toBe(6)
    expect(seen.states).toBe(8)
  })
})

describe("what is wrong with what was given is named", () => {
  const one = workflow("one", type<number>())
    .task("a", echo, ($) => $.input)
    .returns(($) => $.a)
  const refused = async (options: unknown, what: string, why: RegExp) => {
    const error = await prove(one, options as ProveOptions).catch((caught) => caught)
    expect(error).toMatchObject({ _tag: "ChaosMisused", what })
    expect(error.message).toMatch(why)
  }

  test("options that are not there, or out of range", async () => {
    await refused({ input: 1, fault: 2 }, "option", /there is no option 'fault'.*did you mean 'faults'/)
    await refused({ input: 1, faults: 1.5 }, "option", /'faults' is 1.5/)
    await refused({ input: 1, faults: 1_000 }, "option", /from 0 to 10/)
    await refused({ input: 1, statesMost: 0 }, "option", /from 1 to/)
    await refused({ input: 1, kinds: ["meteor"] }, "option", /no kind of fault 'meteor'/)
    await refused({ input: fc.integer() }, "option", /arbitrary/)
    await refused({ input: 1, always: true }, "option", /'always' is no function/)
    await refused({ input: new Map() }, "option", /no JSON/)
  })

  test("an invariant that throws, or that promises", async () => {
    const broken = () => (undefined as never as { no: number }).no
    await refused({ input: 1, always: broken }, "invariant", /'always' does not work/)
    await refused({ input: 1, eventually: broken }, "invariant", /'eventually' does not work/)
    await refused({ input: 1, always: async () => true }, "invariant", /gives a promise/)
  })

  test("a reset that does not put everything back, and one that throws", async () => {
    let count = 0
    const counts = workflow("counts", type<null>())
      .task("a", task("a", { in: type<null>(), out: type<number>(), run: () => count++ }), () => null)
      .task("b", echo, ($) => $.a)
      .returns(($) => $.b)
    const error = await prove(counts, { input: null, reset: () => {}, always: () => true }).catch((caught) => caught)
    expect(error).toMatchObject({ _tag: "ChaosMisused", what: "workflow" })
    expect(error.message).toMatch(/'reset' must put back/)
    await refused({ input: 1, reset: broken }, "option", /'reset' throws/)
  })
  const broken = () => {
    throw new TypeError("oh")
  }

  test("a body that waits for something real, and work that would be done for real", async () => {
    const hangs = workflow("hangs", type<null>())
      .task("a", task("a", { in: type<null>(), out: type<null>(), run: () => new Promise<null>(() => {}) }), () => null)
      .returns(() => null)
    await expect(prove(hangs, { input: null })).rejects.toMatchObject({ _tag: "ChaosMisused", what: "escaped" })
    const shell = await fromJson('{"ir":1,"name":"shell","tasks":[{"id":"a","kind":"shell","argv":["touch","x"]}]}')
    await expect(prove(shell)).rejects.toMatchObject({ _tag: "ChaosMisused", what: "workflow" })
  })

  test("a workflow that cannot run, an input that it does not take, an answer that its gate refuses", async () => {
    await expect(prove("one" as never)).rejects.toMatchObject({ _tag: "ChaosMisused", what: "workflow" })
    const strict = await fromJson(
      JSON.stringify({
        ir: 1,
        name: "strict",
        input: { type: "number" },
        tasks: [{ id: "ok", kind: "gate", out: { type: "number" } }]
      })
    )
    await expect(prove(strict, { input: "text" })).rejects.toMatchObject({ _tag: "ChaosMisused", what: "option" })
    await expect(prove(strict, { input: 1, answers: { ok: "yes" } })).rejects.toMatchObject({
      _tag: "ChaosMisused",
      what: "option"
    })
    await expect(prove(strict, { input: 1, answers: { ok: 3 } })).resolves.toMatchObject({ complete: true })
  })

  test("a schedule that is none, or that does not fit any more", async () => {
    for (const schedule of ["{", "{}", '[{"step":"moon"}]', '[{"step":"ends","task":1}]', '[{"step":"crash","x":1}]'])
      await expect(follow(one, schedule, { input: 1 })).rejects.toMatchObject({ _tag: "ChaosMisused", what: "plan" })
    const error = await follow(one, [{ step: "ends", task: "z", attempt: 1 }], { input: 1 }).catch((caught) => caught)
    expect(error.message).toMatch(/step 1 .* is not possible any more: .*"task":"a"/)
  })
})

describe("the world stays as it was", () => {
  const before = process.env["NODE_ENV"]
  afterEach(() => {
    process.env["NODE_ENV"] = before
  })

  test("in production it is refused, unless somebody gave it the right to run", async () => {
    const one = workflow("one", type<number>())
      .task("a", echo, ($) => $.input)
      .returns(($) => $.a)
    process.env["NODE_ENV"] = "production"
    await expect(prove(one, { input: 1 })).rejects.toMatchObject({ _tag: "ChaosRefused" })
    await expect(follow(one, [], { input: 1 })).rejects.toMatchObject({ _tag: "ChaosRefused" })
    const capability = chaosCapability({ reason: "a drill" })
    await expect(prove(one, { input: 1, capability })).resolves.toMatchObject({ complete: true })
  })

  test("the workflow that was proved still runs, here and in the other kit", async () => {
    const { charge } = bank({ isCareful: true })
    const flow = purchase(charge)
    await prove(flow, { input: 1, faults: 0 })
    expect((await simulate(flow, { input: 1, plan: calm })).outcome?.status).toBe("succeeded")
    const orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(flow, 1)
    await run.answer("approved", true)
    expect(await run.result()).toBe("paid")
    await orchestrator.close()
  })
})
