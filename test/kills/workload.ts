/**
 * The workflows that are killed, and what each of their runs must come to. What a run is given follows from its id alone, so
 * whoever only has the id knows the input and the one right output.
 */
import { setTimeout as wait } from "node:timers/promises"
import { gte, type Json, type TaskContext, task, type, type Workflow, workflow } from "../../src/index.ts"
import { dice } from "./chance.ts"

/** What the bodies tell of themselves: that they were called, and that they have done what cannot be taken back. */
export interface Witness {
  readonly called: (context: TaskContext) => void
  readonly done: (context: TaskContext) => void
}
export const nobody: Witness = { called: () => {}, done: () => {} }

interface Work {
  readonly value: number
  readonly ms: number
  /** Attempts that fail before one succeeds. */
  readonly failures?: number
}

/** How a run must end if nobody cancels it; `timeout` may happen to it instead. */
export interface Expected {
  readonly status: "succeeded" | "failed"
  readonly output?: Json
  readonly orTimeout?: boolean
}

export interface Sample {
  readonly workflow: string
  readonly input: Json
  readonly expected: Expected
}

/** Most attempts that a task of this load has. */
export const attemptsMax = 5

const backoff = { attempts: attemptsMax, base: "4ms", cap: "30ms" } as const

export const workflows = ({ called, done }: Witness): { readonly [name: string]: Workflow } => {
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
  return { chain, fan, nap, stubborn, nested, loop, hurried, busy, asleep }
}

/** Workflows whose runs end only when somebody cancels them. */
export const endless: ReadonlySet<string> = new Set(["busy", "asleep"])

/** Workflows that have one task under way at a time. */
export const inSequence = ["chain", "nap", "stubborn", "loop"] as const

const shapes = ["chain", "chain", "fan", "fan", "nap", "nap", "stubborn", "nested", "loop", "hurried"] as const

/** The run that an id stands for: `<workflow>-<anything>` is one of that workflow, everything else one of any. */
export const sampleOf = (id: string): Sample => {
  const { whole, pick, next } = dice(id)
  const named = id.slice(0, id.indexOf("-"))
  const name = endless.has(named) || shapes.some((shape) => shape === named) ? named : pick(shapes)
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
    case "busy":
    case "asleep":
      return sample(null, "succeeded", null)
    default:
      return sample({ value, ms }, "succeeded", value + 3)
  }
}
