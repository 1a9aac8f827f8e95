// Every line marked @ts-expect-error must fail to compile: `npm run check` fails when one of them does not.
// test/types.test.ts looks at what the compiler says, so that the messages stay readable.
import { eq, gt, load, lt, Orchestrator, oneOf, orElse, type Run, task, type, workflow } from "troupe"
import { z } from "zod"

const num = task("num", { in: z.number(), out: z.number(), run: (x) => x + 1 })
const text = task("text", { in: z.string(), out: z.string(), run: (x) => x })
const pair = task("pair", { in: z.object({ a: z.number(), b: z.string() }), out: z.object({ sum: z.number(), list: z.array(z.number()) }), run: ({ a }) => ({ sum: a, list: [a] }) })
const maybe = task("maybe", { in: z.number().optional(), out: z.number(), run: (x) => x ?? 0 })

const b = workflow("b", z.object({ s: z.string(), n: z.number(), opt: z.number().optional(), deep: z.object({ k: z.array(z.number()) }) }))
const trip = b.task("p", pair, ($) => ({ a: $.input.n, b: $.input.s })).returns(($) => $.p.sum)

// ── the misuse cases of the design ──────────────────────────────────────────────
const t = await Orchestrator.open({})
const run = await t.submit(trip, { s: "x", n: 1, deep: { k: [1] } })
// @ts-expect-error 01 wrong input of a workflow
await t.submit(trip, { s: 1, n: 1, deep: { k: [1] } })
// @ts-expect-error 02 result is a number
const wrong: string = await run.result()
b.task("a", num, ($) => $.input.n).task("c", num, ($) => $.a)
// @ts-expect-error 03 string wired to number
b.task("a", num, ($) => $.input.s)
// @ts-expect-error 04 path does not exist
b.task("a", num, ($) => $.input.zzz)
// @ts-expect-error 05 reads a task that is not upstream
b.task("a", num, ($) => $.later)
b.map("m", num, ($) => $.input.deep.k).derive("sum", ($) => $.m, (xs) => xs.length).returns(($) => $.sum)
// @ts-expect-error 06 order after an unknown node
b.task("a", num, ($) => $.input.n, { after: ["zzz"] })

// ── and more ────────────────────────────────────────────────────────────────────
// @ts-expect-error 07 a key of an object input is missing
b.task("a", pair, ($) => ({ a: $.input.n }))
// @ts-expect-error 08 a key of an object input has the wrong type
b.task("a", pair, ($) => ({ a: $.input.s, b: $.input.s }))
// @ts-expect-error 09 a literal of the wrong type
b.task("a", num, () => "one")
// @ts-expect-error 10 what may be missing is wired to what must be there
b.task("a", num, ($) => $.input.opt)
b.task("a", maybe, ($) => $.input.opt).task("c", num, ($) => orElse($.input.opt, 3))
// @ts-expect-error 11 the result of a task with a condition may be missing
b.task("a", num, ($) => $.input.n, { when: ($) => gt($.input.n, 1) }).task("c", num, ($) => $.a)
// @ts-expect-error 12 a key is taken
b.task("a", num, ($) => $.input.n).task("a", num, ($) => $.input.n)
// @ts-expect-error 13 'input' is no key of a task
b.task("input", num, ($) => $.input.n)
// @ts-expect-error 14 a fan-out over something that is no list
b.map("m", num, ($) => $.input.n)
// @ts-expect-error 15 items of the wrong type
b.map("m", text, ($) => $.input.deep.k)
// @ts-expect-error 16 partial results may be null
b.map("m", num, ($) => $.input.deep.k, { partial: true }).derive("d", ($) => $.m, (xs) => xs[0].toFixed())
// @ts-expect-error 17 a pure step reads what is not there
b.derive("d", ($) => ({ n: $.input.n }), ({ m }) => m)
// @ts-expect-error 18 a sub-workflow with the wrong input
b.use("u", trip, ($) => $.input.n)
// @ts-expect-error 19 a duration without unit
b.task("a", num, ($) => $.input.n, { timeout: "5" })
// @ts-expect-error 20 an unknown option
b.task("a", num, ($) => $.input.n, { timout: "5s" })
// @ts-expect-error 21 a loop without bound
b.repeat("l", workflow("l", type<number>()).returns(($) => $.input), ($) => $.input.n, { until: () => true })
// @ts-expect-error 22 a loop whose workflow gives something else than it takes
b.repeat("l", workflow("l", type<number>()).returns(() => "x"), ($) => $.input.n, { until: () => true, max: 3 })
// @ts-expect-error 23 comparing a number with text
b.task("a", num, ($) => $.input.n, { when: ($) => eq($.input.n, "x") })
// @ts-expect-error 24 order between things that have none
b.task("a", num, ($) => $.input.n, { when: ($) => lt($.input.deep, 3) })
// @ts-expect-error 25 a list of the wrong type
b.task("a", num, ($) => $.input.n, { when: ($) => oneOf($.input.s, [1, 2]) })
// @ts-expect-error 26 a body that gives the wrong type
task("bad", { in: z.number(), out: z.string(), run: (n) => n })
// @ts-expect-error 27 a body that wants another input
task("bad", { in: z.number(), out: z.number(), run: (n: string) => n.length })
// @ts-expect-error 28 a task without schemas
task("bad", { run: () => 1 })
// @ts-expect-error 29 retry without attempts
task("bad", { in: z.number(), out: z.number(), run: (n) => n, retry: { backoff: "fixed" } })
// @ts-expect-error 30 using a reference as a value
b.derive("d", ($) => $.input.n + 1, (n) => n)
// @ts-expect-error 31 an unknown balance
await Orchestrator.open({ balance: "magic" })
// @ts-expect-error 32 an agent without capabilities
await Orchestrator.open({ agents: [{ id: "a", run: () => 1 }] })
// @ts-expect-error 33 executing what is no workflow
await t.execute({ name: "x" }, 1)

const asked = b
  .gate("approved", z.literal(true), { show: ($) => $.input.deep, within: "24h", otherwise: "fail" })
  .gate("price", z.object({ n: z.coerce.number() }), { within: "forever", signal: "priced" })
  .returns(($) => ({ ok: $.approved, n: $.price.n }))
const above = b
  .use("sub", asked, ($) => $.input)
  .map("many", asked, ($) => [$.input])
  .repeat("loop", workflow("l", type<number>()).gate("more", type<number>(), { within: "forever" }).returns(($) => $.more), ($) => $.input.n, { until: () => true, max: 3 })
  .returns(($) => $.sub.n)
const asking = await t.submit(asked, { s: "x", n: 1, deep: { k: [1] } })
const asksBelow = await t.submit(above, { s: "x", n: 1, deep: { k: [1] } })
// @ts-expect-error 34 a gate that is not there
await asking.answer("aproved", true)
// @ts-expect-error 35 an answer of the wrong type
await asking.answer("approved", false)
// @ts-expect-error 36 an answer of a gate below has the type of that gate
await asksBelow.answer("sub/approved", "yes")
// @ts-expect-error 37 a gate below that is not there
await asksBelow.answer("sub/aproved", true)
// @ts-expect-error 38 saying no at a gate that is not there
await asking.reject("price/n", "no")
// @ts-expect-error 39 a workflow without gates
await run.answer("approved", true)
// @ts-expect-error 40 a gate that does not say how long it waits
b.gate("g", z.number(), {})
// @ts-expect-error 41 a deadline without an answer for it
b.gate("g", z.number(), { within: "24h" })
// @ts-expect-error 42 a default that is no answer
b.gate("g", z.number(), { within: "24h", otherwise: "yes" })
// @ts-expect-error 43 for ever has no "otherwise"
b.gate("g", z.number(), { within: "forever", otherwise: "fail" })
// @ts-expect-error 44 a deadline without unit
b.gate("g", z.number(), { within: "24", otherwise: "fail" })
// @ts-expect-error 45 the answer of a gate wired to what wants something else
b.gate("g", z.string(), { within: "forever" }).task("a", num, ($) => $.g)
// @ts-expect-error 46 showing what is not there
b.gate("g", z.string(), { within: "forever", show: ($) => $.inputt })
// @ts-expect-error 47 a default made of what has another type
b.gate("g", z.string(), { within: 5, otherwise: ($) => $.input.n })

// ── what must compile ───────────────────────────────────────────────────────────
const number: number = await run.result()
const other: Run<number> = await t.submit(num, 1)
const loaded = await load({})
const anything: unknown = await t.execute(loaded, null)
const named = b
  .branch("br", ($) => $.input.s, { one: workflow("one", type<number>()).returns(($) => $.input), otherwise: workflow("two", type<number>()).returns(() => "x") }, ($) => $.input.n)
  .returns(($) => $.br)
const either: string | number = await t.execute(named, { s: "", n: 1, deep: { k: [] } })
// @ts-expect-error 48 a transaction with a result of another type
task("saved", { in: z.string(), out: z.number(), run: (x, { tx }) => tx((db) => db.get("SELECT 1") === undefined) })
// @ts-expect-error 49 a transaction inside another value
task("nested", { in: z.string(), out: z.object({ n: z.number() }), run: (x, { tx }) => ({ n: tx(() => 1) }) })
// @ts-expect-error 50 a cache without a time to live
task("kept", { in: z.string(), out: z.string(), cache: {}, run: (x) => x })
// @ts-expect-error 51 a fallback of another type
b.task("a", num, ($) => $.input.n, { fallback: { value: "none" } })
// @ts-expect-error 52 a fallback made of what has another type
b.task("a", num, ($) => $.input.n, { fallback: { value: ($) => $.input.s } })
// @ts-expect-error 53 another task that gives something else
b.task("a", num, ($) => $.input.n, { fallback: { task: pair } })
// @ts-expect-error 54 a last good result without an age
b.task("a", num, ($) => $.input.n, { fallback: { lastGood: "soon" } })
// @ts-expect-error 55 one of several fallbacks of another type
b.task("a", num, ($) => $.input.n, { fallback: [{ lastGood: "1h" }, { value: "none" }] })
// @ts-expect-error 56 a gate has no fallback
b.gate("g", z.number(), { within: "forever", fallback: { value: 1 } })
// @ts-expect-error 57 an unknown end of a task
b.task("a", num, ($) => $.input.n).task("c", num, ($) => $.input.n, { after: [{ task: "a", on: "broken" }] })
// @ts-expect-error 58 a trigger on what is not there
b.task("a", num, ($) => $.input.n, { after: [{ task: "zzz", on: "done" }] })
// @ts-expect-error 59 the result of what may fail may be missing
b.task("a", num, ($) => $.input.n, { onFailed: "continue" }).task("c", num, ($) => $.a)
// @ts-expect-error 60 the result of what starts only after a failure may be missing
b.task("a", num, ($) => $.input.n).task("c", num, ($) => $.input.n, { after: [{ task: "a", on: "failed" }] }).task("d", num, ($) => $.c)
// @ts-expect-error 61 a wait for a person without what follows its deadline
b.task("a", num, ($) => $.input.n, { onFailed: { wait: { within: "1h" } } })
// @ts-expect-error 62 the first good item is no list
b.map("m", num, ($) => $.input.deep.k, { accept: "any" }).derive("d", ($) => $.m, (xs) => xs.map(String))
// @ts-expect-error 63 what settled has to be looked at
b.map("m", num, ($) => $.input.deep.k, { accept: "settled" }).derive("d", ($) => $.m, (xs) => xs[0].value.toFixed())
// @ts-expect-error 64 a task whose fallback has another type
task("bad", { in: z.number(), out: z.number(), run: (n) => n, fallback: { value: "none" } })
const safe = task("safe", { in: z.number(), out: z.number(), run: (n) => n, fallback: [{ task: num }, { value: 0 }], onFailed: "wait" })
b.task("a", safe, ($) => $.input.n, { fallback: [{ lastGood: "1h" }, { task: num }, { value: ($) => $.input.n }] })
  .task("c", num, ($) => $.a, { after: [{ task: "a", on: "notFailed" }], join: "all", onFailed: { wait: { within: "1h", otherwise: "fail" } } })
  .task("d", num, ($) => $.c)
  .map("m", num, ($) => $.input.deep.k, { accept: { atLeast: 2 }, fallback: { value: 0 } })
  .derive("e", ($) => $.m, (xs) => xs.map((x) => (x ?? 0) + 1))
const two = b.task("a", num, ($) => $.input.n).task("z", num, ($) => $.input.n)
// @ts-expect-error 65 what may have failed may have no result: on a failure
two.task("c", num, ($) => $.a, { after: [{ task: "a", on: "failed" }] })
// @ts-expect-error 66 or whatever became of it
two.task("c", num, ($) => $.a, { after: [{ task: "a", on: "done" }], retry: { attempts: 2 } })
// @ts-expect-error 67 of those that any is enough of, each may be missing
two.task("c", num, ($) => $.z, { after: ["a", "z"], join: "any" })
// @ts-expect-error 68 or of which some are enough
two.derive("c", ($) => ({ a: $.a, z: $.z }), ({ a, z }) => a + z, { join: { atLeast: 1 } })
// @ts-expect-error 69 in a fan-out
two.map("c", num, ($) => [$.a], { after: [{ task: "a", on: "done" }] })
// @ts-expect-error 70 in what each item is given
two.map("c", num, ($) => $.input.deep.k, { after: [{ task: "a", on: "done" }], input: ($) => $.a })
// @ts-expect-error 71 in a workflow below
two.use("c", trip, ($) => ({ s: "x", n: $.a, deep: { k: [] } }), { join: "any" })
// @ts-expect-error 72 also where other options read from $
two.task("c", num, ($) => $.a, { when: ($) => gt($.input.n, 1), after: [{ task: "a", on: "done" }] })
// and the others are there; a condition beside it is still seen behind it
two.task("c", num, ($) => $.z, { after: [{ task: "a", on: "done" }] })
  .task("d", num, ($) => orElse($.a, 0), { after: [{ task: "a", on: "failed" }, "z"] })
  .task("e", num, ($) => $.a, { after: [{ task: "a", on: "succeeded" }, { task: "z", on: "notFailed" }], join: "all" })
  .task("f", maybe, ($) => $.a, { when: ($) => gt($.input.n, 1), after: [{ task: "a", on: "done" }] })
  .derive("g", ($) => ({ a: $.a, z: $.z }), ({ a, z }): number => (a ?? 0) + (z ?? 0), { join: { atLeast: 1 } })
  .task("h", num, ($) => orElse($.g, 0))
// @ts-expect-error 73 what is skipped by a condition may be missing, whatever it waits for
two.task("c", maybe, ($) => $.a, { when: ($) => gt($.input.n, 1), after: [{ task: "a", on: "done" }] }).task("d", num, ($) => $.c)
await asking.answer("approved", true, { who: "ada" })
await asking.answer("price", { n: "12" })
await asking.reject("price", "too much")
await asking.signal("priced", { n: 1 })
await asksBelow.answer("many[7]/price", { n: 1 })
await asksBelow.answer("loop#2/more", 3)
const open: Run = asking
await open.answer("anything", "goes")
await t.answer("id", "approved", true)
const asksAnything = await t.submit(loaded, null)
await asksAnything.answer("approved", true)
const answered: { readonly ok: true; readonly n: number } = await asking.result()
b.gate("g", z.boolean(), { within: "1h", otherwise: false }).task("a", num, ($) => $.input.n, { when: ($) => $.g })
export { answered, anything, either, number, other, wrong }
