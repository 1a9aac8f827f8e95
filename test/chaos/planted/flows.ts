// The workflows that planted defects are looked for in: each has what one group of promises is about, and little else.
import { type Agent, type Json, task, type, type Workflow, workflow } from "troupe"
import type { WorldOptions } from "troupe/chaos"
import { ten } from "../flows.ts"

/** A workflow, and the world it is put into. */
export interface Scene {
  readonly workflow: Workflow<any, any>
  readonly options: WorldOptions<any, any>
}

const size = (input: unknown): number => JSON.stringify(input ?? null).length

/** Answers at once, so that the world decides how long it takes. */
const step = task("step", {
  in: type<Json>(),
  out: type<number>(),
  retry: { attempts: 3, backoff: "fixed", base: "10ms", jitter: 0 },
  run: size
})
const brief = task("brief", {
  in: type<Json>(),
  out: type<number>(),
  timeout: "100ms",
  retry: { attempts: 3, backoff: "fixed", base: "20ms", jitter: 0 },
  run: size
})
const patient = task("patient", {
  in: type<Json>(),
  out: type<number>(),
  retry: { attempts: 3, base: "1h", jitter: 0.5 },
  run: size
})

/** Tasks with a timeout of their own, one behind the other. */
const timed = workflow("timed", type<number>())
  .task("a", brief, ($) => $.input)
  .task("b", brief, ($) => $.a)
  .returns(($) => [$.a, $.b])

/** Tasks that have only so long: as a whole, or for their attempts. One failure ends nothing but what needs it. */
const hurried = workflow("hurried", type<number>(), { onFailure: "continue" })
  .task("a", step, ($) => $.input, {
    timeout: "2s",
    within: "5s",
    retry: { attempts: 9, backoff: "fixed", base: "500ms", jitter: 0 }
  })
  .task("b", step, ($) => $.input, {
    timeout: "2s",
    retry: { attempts: 9, backoff: "fixed", base: "500ms", jitter: "equal", within: "3s" }
  })
  .task("c", step, ($) => [$.a], { heartbeat: "1s" })
  .returns(($) => [$.b, $.c])

/** Waits of an hour and of a month, and pauses between attempts that outlive a process. */
const waits = workflow("waits", type<number>())
  .task("a", patient, ($) => $.input)
  .sleep("hour", "1h")
  .sleep("month", "30d")
  .task("b", step, ($) => [$.a], { after: ["hour"] })
  .task("c", step, ($) => [$.b], { after: ["month"] })
  .returns(($) => [$.a, $.b, $.c])

/** A gate that people answer, and one that a signal answers too. */
const people = workflow("people", type<number>())
  .task("a", step, ($) => $.input)
  .gate("first", type<string>(), { within: "forever", show: ($) => $.a })
  .task("b", step, ($) => [$.first])
  .gate("second", type<string>(), { within: "forever", signal: "go", show: ($) => $.b })
  .task("c", step, ($) => [$.second])
  .returns(($) => [$.first, $.second, $.c])

const inner = workflow("inner", type<number>())
  .task("x", step, ($) => $.input)
  .task("y", step, ($) => [$.x])
  .returns(($) => $.y)
const other = workflow("other", type<number>())
  .task("z", step, ($) => $.input)
  .returns(($) => $.z)
const double = task("double", { in: type<number>(), out: type<number>(), run: (n) => n * 2 })
const round = workflow("round", type<number>())
  .task("more", double, ($) => $.input)
  .returns(($) => $.more)

/** Tasks that have tasks below them. */
const family = workflow("family", type<number>())
  .map("items", double, () => [1, 2, 3, 4], { concurrency: 2 })
  .use("child", inner, ($) => $.input)
  .repeat("loop", round, ($) => $.input, { until: (n) => ({ gt: [n, 100] }) as never, max: 3, onMax: "return" })
  .branch(
    "way",
    ($) => $.input,
    { "1": inner, "2": other },
    ($) => $.input as never
  )
  .task("end", step, ($) => [$.items, $.child, $.loop, $.way] as never)
  .returns(($) => ({ items: $.items, loop: $.loop, end: $.end }))

/** Two at a time, and a failure ends nothing but what needs it. */
const narrow = workflow("narrow", type<number>(), { concurrency: 2, onFailure: "continue" })
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => $.input)
  .task("c", step, ($) => [$.a])
  .task("d", step, ($) => [$.c])
  .task("e", step, ($) => [$.b])
  .task("f", step, ($) => $.input)
  .returns(($) => [$.d, $.e, $.f])

/** Two tasks beside each other. */
const pair = workflow("pair", type<number>())
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => [$.input])
  .returns(($) => [$.a, $.b])

/** One at a time, and a failure ends nothing. */
const single = workflow("single", type<number>(), { concurrency: 1, onFailure: "continue" })
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => [$.input])
  .task("c", step, ($) => [$.input, 1])
  .returns(($) => [$.a, $.b, $.c])

/** A task, and a wait beside it in which the run leaves memory. */
const sleeper = workflow("sleeper", type<number>())
  .task("a", step, ($) => $.input)
  .sleep("hour", "1h")
  .returns(($) => $.a)

const spare = task("spare", { in: type<Json>(), out: type<number>(), run: size })
const frail = task("frail", { in: type<Json>(), out: type<number>(), run: size })

/** Tasks that may fail, or have something that stands in for them, and those that start because of it. */
const forgiving = workflow("forgiving", type<number>(), { onFailure: "continue" })
  .task("a", frail, ($) => $.input, { fallback: [{ task: spare }, { value: 0 }] })
  .task("b", frail, ($) => [$.input], { onFailed: "continue" })
  .task("c", frail, ($) => [$.input, 1])
  .task("most", step, () => 1, {
    after: [
      { task: "a", on: "succeeded" },
      { task: "b", on: "succeeded" },
      { task: "c", on: "succeeded" }
    ],
    join: { atLeast: 2 }
  })
  .task("sorry", step, () => 2, { after: [{ task: "c", on: "failed" }] })
  .task("d", step, ($) => [$.c])
  .task("e", step, () => 3, { after: ["d"] })
  .task("end", step, () => 4, { after: [{ task: "most", on: "done" }, "sorry"] })
  .returns(($) => [$.a, $.most])

const asked = (can: string) =>
  task(can, {
    in: type<Json>(),
    out: type<number>(),
    needs: can,
    timeout: "100ms",
    retry: { attempts: 3, backoff: "fixed", base: "20ms", jitter: 0 }
  })
const agent = (id: string, can: ReadonlyArray<string>): Agent => ({ id, can, run: size })

/** Work for agents, each with a mailbox and one pair of hands. */
const crew = workflow("crew", type<number>())
  .task("a", asked("read"), ($) => $.input)
  .task("b", asked("read"), ($) => [$.input])
  .task("c", asked("write"), ($) => [$.a])
  .task("d", asked("write"), ($) => [$.b])
  .returns(($) => [$.c, $.d])

/** So many calls at once, so many in a time: side by side, in a fan-out, and for each of two keys. */
const limited = workflow("limited", type<number>())
  .map("items", brief, () => [1, 2, 3], { bulkhead: "bank", bulkheadKey: ($) => $.index as never })
  .task("a", brief, ($) => $.input, { bulkhead: "bank" })
  .task("b", brief, ($) => $.input, { bulkhead: "bank", rate: "often" })
  .task("c", brief, ($) => [$.input], { rate: "often" })
  .task("d", brief, ($) => [$.input], { rate: "often" })
  .returns(($) => [$.items, $.a, $.b, $.c, $.d])

const tried = (options: object) =>
  task("tried", {
    in: type<Json>(),
    out: type<number>(),
    needs: "read",
    timeout: "100ms",
    retry: { attempts: 4, backoff: "fixed", base: "20ms", jitter: 0 },
    ...options
  })
/** Work that several agents can do: the next one after a failure, and a second one where the first takes long. */
const others = workflow("others", type<number>())
  .task("a", tried({}), ($) => $.input)
  .task("b", tried({ hedge: { after: "5ms", most: 3 } }), ($) => [$.input])
  .task("c", tried({ hedge: { after: "2ms" } }), ($) => [$.a])
  .returns(($) => [$.b, $.c])
const readers = ["anna", "bert", "carl"].map((id) => agent(id, ["read"]))

const held = task("held", {
  in: type<Json>(),
  out: type<number>(),
  timeout: "1s",
  retry: { attempts: 2, backoff: "fixed", base: "20ms", jitter: 0 },
  run: size,
  undo: { run: () => {}, retry: { attempts: 2, backoff: "fixed", base: "20ms", jitter: 0 } }
})
const refused = task("refused", {
  in: type<Json>(),
  out: type<number>(),
  run: (given) => {
    if (Array.isArray(given) && given[0] === true)
      throw Object.assign(new TypeError("there are no seats"), { retryable: false })
    return 1
  }
})
const passed = task("passed", { in: type<Json>(), out: type<number>(), timeout: "1s", run: size, pivot: true })

/** What has effects, side by side, in a fan-out and one after the other, before something that fails when it is told to. */
const trip = workflow("trip", type<boolean>())
  .task("hotel", held, ($) => $.input)
  .map("flights", held, ($) => [$.hotel, $.hotel])
  .task("car", held, ($) => $.input)
  .task("seats", refused, ($) => [$.input, $.flights])
  .task("train", held, ($) => $.car)
  .returns(($) => [$.seats, $.train])

/** With a point of no return in the middle. */
const paid = workflow("paid", type<boolean>())
  .task("hotel", held, ($) => $.input)
  .task("pay", passed, ($) => $.hotel)
  .task("seats", held, ($) => $.pay)
  .task("gone", refused, ($) => [$.input, $.seats])
  .returns(($) => $.gone)
const banking = task("banking", {
  in: type<Json>(),
  out: type<number>(),
  timeout: "400ms",
  breaker: "bank",
  retry: { attempts: 6, backoff: "fixed", base: "15ms", jitter: 0 },
  run: size
})
/** Tasks beside and behind each other that share a breaker which opens soon, and tries again soon. */
const bank = workflow("bank", type<number>(), {
  onFailure: "continue",
  breakers: { bank: { failures: 2, reset: "100ms", factor: 1 } }
})
  .task("a", banking, ($) => $.input)
  .task("b", banking, ($) => [$.input])
  .task("c", banking, ($) => [$.input, 1])
  .task("d", banking, ($) => [$.a])
  .task("e", banking, ($) => [$.b])
  .task("f", banking, ($) => [$.c, 2])
  .task("g", banking, ($) => [$.d, $.e])
  .returns(($) => [$.f, $.g])

/** Goes back to what it had agreed on when something fails for good, twice; then it undoes all of it. */
const back = workflow("back", type<boolean>(), { recovery: { strategy: "rollback", to: "agreed", times: 2 } })
  .task("hotel", held, ($) => $.input)
  .checkpoint("agreed")
  .task("car", held, ($) => $.hotel, { after: ["agreed"] })
  .task("seats", refused, ($) => [$.input, $.car])
  .returns(($) => $.seats)

const scene = (one: Workflow<any, any>, options: WorldOptions<any, any> = {}): Scene => ({
  workflow: one,
  options: { input: 1, ...options }
})
/** A run that outlives the times of a schedule, and leaves room for what was missed. */
const beside = (days: number) =>
  workflow("beside", type<number>())
    .task("a", step, ($) => $.input)
    .sleep("long", `${days}d`)
    .task("b", step, ($) => [$.a], { after: ["long"] })
    .returns(($) => $.b)
/** When worlds begin. */
const begin = Date.UTC(2030, 0, 1)
const minutes = 60_000

const answers = { first: "yes", second: "go on" }

export const scenes = {
  ten: scene(ten),
  timed: scene(timed),
  hurried: scene(hurried),
  waits: scene(waits),
  people: scene(people, { answers }),
  family: scene(family),
  narrow: scene(narrow),
  pair: scene(pair),
  single: scene(single),
  sleeper: scene(sleeper),
  forgiving: scene(forgiving),
  bank: scene(bank),
  bankKept: scene(bank, { snapshotEvery: 1, keepMessages: 0 }),
  /** Every ten minutes for two hours. */
  ticks: scene(beside(4), { schedule: { every: "10m", from: begin + 10 * minutes, until: begin + 120 * minutes } }),
  /** In the hour that comes twice when summer ends in Oslo, and in the one that is left out half a year before. */
  summer: scene(beside(305), {
    schedule: {
      cron: "15,45 2 * * *",
      zone: "Europe/Oslo",
      from: Date.UTC(2030, 9, 26),
      until: Date.UTC(2030, 9, 28)
    }
  }),
  spring: scene(beside(95), {
    schedule: {
      cron: "15,45 2 * * *",
      zone: "Europe/Oslo",
      from: Date.UTC(2030, 2, 30),
      until: Date.UTC(2030, 3, 1)
    }
  }),
  crew: scene(crew, {
    agents: [agent("reader", ["read"]), agent("writer", ["write"])]
  }),
  limited: scene(limited, {
    bulkheads: { bank: { concurrent: 2, queue: 3 } },
    rates: { often: { perSecond: 50, burst: 2 } }
  }),
  others: scene(others, {
    agents: readers,
    bulkheads: { "needs:read": { concurrent: 2 }, "agent:anna": { concurrent: 1 } }
  }),
  othersKept: scene(others, { agents: readers, snapshotEvery: 1, keepMessages: 0 }),
  trip: scene(trip, { input: true }),
  tripFine: scene(trip, { input: false }),
  paid: scene(paid, { input: true }),
  back: scene(back, { input: true }),
  backFine: scene(back, { input: false }),
  backKept: scene(back, { input: true, snapshotEvery: 1, keepMessages: 0 }),
  tripKept: scene(trip, { input: true, snapshotEvery: 1, keepMessages: 0 }),
  /** The same with a snapshot after every message, and nothing else to go on from. */
  tenKept: scene(ten, { snapshotEvery: 1, keepMessages: 0 }),
  hurriedKept: scene(hurried, { snapshotEvery: 1, keepMessages: 0 }),
  waitsKept: scene(waits, { snapshotEvery: 1, keepMessages: 0 }),
  peopleKept: scene(people, { answers, snapshotEvery: 1, keepMessages: 0 }),
  familyKept: scene(family, { snapshotEvery: 1, keepMessages: 0 }),
  forgivingKept: scene(forgiving, { snapshotEvery: 1, keepMessages: 0 }),
  narrowKept: scene(narrow, { snapshotEvery: 1, keepMessages: 0 })
} satisfies Record<string, Scene>
