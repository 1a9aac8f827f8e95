/**
 * The workflows that are killed, and what each of their runs must come to. What a run is given follows from its id alone, so
 * whoever only has the id knows the input and the one right output.
 */
import { setTimeout as wait } from "node:timers/promises"
import { gte, type Json, type TaskContext, task, type, type Workflow, workflow } from "../../src/index.ts"
import { dice } from "./chance.ts"
import { type Payment, paymentOf, refusals } from "./payments.ts"
import { type Agency, type Leg, noAgency, type Trip, tripOf } from "./trips.ts"

/** What the bodies tell of themselves: that they were called, and that they have done what cannot be taken back. */
export interface Witness {
  /** `isGuarded`: through the breaker. */
  readonly called: (context: TaskContext, isGuarded?: true) => void
  readonly done: (context: TaskContext) => void
  /** A guarded body has come to its end. */
  readonly over: (context: TaskContext) => void
  readonly agency: Agency
}
export const nobody: Witness = { called: () => {}, done: () => {}, over: () => {}, agency: noAgency }

interface Work {
  readonly value: number
  readonly ms: number
  /** Attempts that fail before one succeeds. */
  readonly failures?: number
}

/** How a run must end if nobody cancels it; `timeout`, or a failure with one of these codes, may happen to it instead. */
export interface Expected {
  readonly status: "succeeded" | "failed"
  readonly output?: Json
  readonly orTimeout?: boolean
  readonly orFailure?: ReadonlySet<string>
}

export interface Sample {
  readonly workflow: string
  readonly input: Json
  readonly expected: Expected
}

/** Most attempts that a task of this load has. */
export const attemptsMax = 5

const backoff = { attempts: attemptsMax, base: "4ms", cap: "30ms" } as const

export const workflows = (witness: Witness): { readonly [name: string]: Workflow } => {
  const { called, done } = witness
  const step = task("step", {
    in: type<Work>(),
    out: type<number>(),
    retry: backoff,
    run: async ({ value, ms, failures = 0 }, context) => {
      called(context)
      if (ms > 0) await wait(ms, undefined, { signal: context.signal })
      if (context.attempt <= failures) throw new TypeError(`attempt ${context.attempt} fails`)
      done(context)
      return value + 1
    }
  })
  const endless = task("endless", {
    in: type<null>(),
    out: type<null>(),
    run: async (_, context) => {
      called(context)
      await wait(2 ** 31 - 1, undefined, { signal: context.signal })
      return null
    }
  })

  const chain = workflow("chain", type<{ value: number; ms: number }>())
    .task("a", step, ($) => ({ value: $.input.value, ms: $.input.ms }))
    .task("b", step, ($) => ({ value: $.a, ms: 0 }))
    .task("c", step, ($) => ({ value: $.b, ms: $.input.ms }))
    .returns(($) => $.c)
  const fan = workflow("fan", type<{ items: ReadonlyArray<Work> }>())
    .map("each", step, ($) => $.input.items as never, { concurrency: 4 })
    .derive(
      "sum",
      ($) => $.each,
      (values) => values.reduce((sum, one) => sum + one, 0)
    )
    .returns(($) => $.sum)
  const nap = workflow("nap", type<{ value: number; ms: number; napMs: number }>())
    .task("before", step, ($) => ({ value: $.input.value, ms: 0 }))
    .sleep("nap", ($) => $.input.napMs, { after: ["before"] })
    .task("after", step, ($) => ({ value: $.before, ms: $.input.ms }), { after: ["nap"] })
    .returns(($) => $.after)
  const stubborn = workflow("stubborn", type<Work>())
    .task("tries", step, ($) => $.input)
    .task("last", step, ($) => ({ value: $.tries, ms: 0 }))
    .returns(($) => $.last)
  const nested = workflow("nested", type<{ value: number; ms: number }>())
    .use("first", chain, ($) => $.input)
    .map("both", chain, ($) => [
      { value: $.first, ms: 0 },
      { value: $.input.value, ms: $.input.ms }
    ])
    .returns(($) => $.both)
  const round = workflow("round", type<number>())
    .task("more", step, ($) => ({ value: $.input, ms: 1 }))
    .returns(($) => $.more)
  const loop = workflow("loop", type<{ from: number }>())
    .repeat("rounds", round, ($) => $.input.from, {
      until: (_, nth) => gte(nth, 3),
      max: 3,
      onMax: "return",
      delay: "3ms"
    })
    .returns(($) => $.rounds)
  const hurried = workflow("hurried", type<{ value: number; ms: number }>(), { timeout: "40ms" })
    .task("a", step, ($) => ({ value: $.input.value, ms: $.input.ms }))
    .sleep("pause", "5ms", { after: ["a"] })
    .task("b", step, ($) => ({ value: $.a, ms: $.input.ms }), { after: ["pause"] })
    .returns(($) => $.b)
  const busy = workflow("busy", type<null>())
    .task("endless", endless, () => null)
    .returns(($) => $.endless)
  const asleep = workflow("asleep", type<null>())
    .sleep("long", "1h")
    .returns(() => null)
  const trip = tripOf(witness, backoff)
  const payment = paymentOf(witness, attemptsMax)
  return { chain, fan, nap, stubborn, nested, loop, hurried, busy, asleep, trip, payment }
}

/** Workflows whose runs end only when somebody cancels them. */
export const endless: ReadonlySet<string> = new Set(["busy", "asleep"])

/** Workflows that have one task under way at a time. */
export const inSequence = ["chain", "nap", "stubborn", "loop"] as const

/** Workflows that only stories of their own tell of. */
const apart: ReadonlySet<string> = new Set(["trip", "payment"])

const shapes = ["chain", "chain", "fan", "fan", "nap", "nap", "stubborn", "nested", "loop", "hurried"] as const

/** The run that an id stands for: `<workflow>-<anything>` is one of that workflow, everything else one of any. */
export const sampleOf = (id: string): Sample => {
  const { whole, pick, next } = dice(id)
  const named = id.slice(0, id.indexOf("-"))
  const isNamed = endless.has(named) || apart.has(named) || shapes.some((shape) => shape === named)
  const name = isNamed ? named : pick(shapes)
  const value = whole(0, 1_000)
  const ms = next() < 0.4 ? 0 : next() < 0.8 ? whole(1, 9) : whole(20, 90)
  const sample = (input: Json, status: Expected["status"], output: Json, orTimeout = false): Sample => ({
    workflow: name,
    input,
    expected: status === "succeeded" ? { status, output, orTimeout } : { status, orTimeout }
  })
  switch (name) {
    case "fan": {
      const items = Array.from({ length: whole(1, 12) }, (_, i) => ({ value: value + i, ms: whole(0, 4) }))
      return sample(
        { items },
        "succeeded",
        items.reduce((sum, one) => sum + one.value + 1, 0)
      )
    }
    case "nap":
      return sample({ value, ms, napMs: next() < 0.7 ? whole(0, 60) : whole(150, 600) }, "succeeded", value + 2)
    case "stubborn": {
      const failures = whole(1, attemptsMax)
      return failures === attemptsMax
        ? sample({ value, ms, failures }, "failed", null)
        : sample({ value, ms, failures }, "succeeded", value + 2)
    }
    case "nested":
      return sample({ value, ms }, "succeeded", [value + 6, value + 3])
    case "loop":
      return sample({ from: value }, "succeeded", value + 3)
    case "hurried":
      return sample({ value, ms: whole(5, 25) }, "succeeded", value + 2, true)
    case "trip": {
      const leg = (from: number): Leg => ({
        value: from,
        ms: whole(0, 6),
        answerMs: next() < 0.5 ? 0 : whole(1, 25),
        failures: next() < 0.2 ? whole(1, 2) : 0,
        undoFailures: next() < 0.3 ? whole(1, attemptsMax - 1) : 0
      })
      const legs = Array.from({ length: whole(0, 4) }, (_, i) => leg(value + i))
      const trip: Trip = { first: leg(value), legs, last: leg(value), hasSeats: next() < 0.15 }
      return sample(trip as unknown as Json, trip.hasSeats ? "succeeded" : "failed", value + 1)
    }
    case "payment": {
      const input: Payment = { value, ms: next() < 0.5 ? whole(0, 12) : whole(15, 50) }
      const { expected, ...rest } = sample(input as unknown as Json, "succeeded", value + 1)
      return { ...rest, expected: { ...expected, orFailure: refusals } }
    }
    case "busy":
    case "asleep":
      return sample(null, "succeeded", null)
    default:
      return sample({ value, ms }, "succeeded", value + 3)
  }
}
