import { fc, test } from "@fast-check/vitest"
import { gt, load, not, Orchestrator, task, type, workflow } from "troupe"
import { describe, expect } from "vitest"
import { z } from "zod"
import { canonical, toJson } from "../src/model/json.ts"

const add = task("add", { in: type<Array<number>>(), out: type<number>(), run: (xs) => xs.reduce((a, b) => a + b, 0) })
const inner = workflow("inner", type<number>())
  .task("i", add, ($) => [$.input, 1])
  .returns(($) => $.i)

const Answer = z.number()

/** One verb of the builder, with numbers that choose what it reads. */
const verbs = fc.array(
  fc.record({
    verb: fc.constantFrom("task", "map", "derive", "use", "branch", "repeat", "when", "items", "gate"),
    a: fc.nat(50),
    b: fc.nat(50),
    priority: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined })
  }),
  { minLength: 1, maxLength: 10 }
)

const build = (steps: ReadonlyArray<{ verb: string; a: number; b: number; priority: number | undefined }>) => {
  let draft: any = workflow("generated", type<number>())
  const number: Array<string> = []
  const pick = ($: any, n: number) => (number.length === 0 ? $.input : $[number[n % number.length]!])
  steps.forEach(({ verb, a, b, priority }, i) => {
    const key = `k${i}`
    const options = priority === undefined ? {} : { priority }
    switch (verb) {
      case "task":
        draft = draft.task(key, add, ($: any) => [pick($, a), b], options)
        break
      case "when":
        // what may be skipped is not read by others
        draft = draft.task(key, add, ($: any) => [pick($, a), pick($, b)], {
          ...options,
          when: ($: any) => not(gt(pick($, a), b))
        })
        return
      case "map":
        draft = draft
          .map(`${key}list`, inner, ($: any) => [pick($, a), pick($, b)], options)
          .derive(
            key,
            ($: any) => $[`${key}list`],
            (xs: Array<number>) => xs.length
          )
        break
      case "items":
        draft = draft
          .map(`${key}list`, add, () => 3, { ...options, input: ($: any) => [$.index, $.item, pick($, a)] })
          .task(key, add, ($: any) => $[`${key}list`])
        break
      case "derive":
        draft = draft.derive(
          key,
          ($: any) => ({ x: pick($, a), y: [pick($, b)] }),
          ({ x, y }: { x: number; y: Array<number> }) => x - y[0]!
        )
        break
      case "use":
        draft = draft.use(key, inner, ($: any) => pick($, a), options)
        break
      case "branch":
        draft = draft.branch(
          key,
          ($: any) => pick($, a),
          { "1": inner, otherwise: inner },
          ($: any) => pick($, b),
          options
        )
        break
      case "gate":
        // what nobody answers takes its default
        draft = draft.gate(key, a % 2 === 0 ? Answer : type<number>(), {
          show: ($: any) => ({ a: pick($, a) }),
          within: 1,
          otherwise: a % 3 === 0 ? b : ($: any) => pick($, b),
          ...(b % 2 === 0 ? { signal: key } : {})
        })
        break
      case "repeat":
        draft = draft.repeat(key, inner, ($: any) => pick($, a), {
          until: (out: any) => gt(out, b),
          max: 3,
          onMax: "return",
          ...options
        })
    }
    number.push(key)
  })
  return draft.returns(($: any) => ({ all: number.map((key) => $[key]), input: $.input }))
}

describe("builder → IR → JSON → IR", () => {
  test.prop([verbs, fc.nat(20)], { numRuns: 150 })(
    "is the identity, has the same hash, and runs to the same result",
    async (steps, input) => {
      const flow = build(steps)
      const text = JSON.stringify(flow.ir)
      const back = await load(JSON.parse(text), Object.fromEntries(flow.code))

      expect(back.ir).toEqual(flow.ir)
      expect(JSON.stringify(back.ir)).toBe(text)
      expect(back.hash).toBe(flow.hash)
      expect(flow.problems.filter(({ code }: { code: string }) => code !== "GATE_NOT_AWAITED")).toEqual([])
      await using orchestrator = await Orchestrator.open()
      expect(await orchestrator.execute(back, input)).toEqual(await orchestrator.execute(flow, input))
    }
  )
})

describe("JSON values", () => {
  test.prop([fc.jsonValue({ maxDepth: 8 })], { numRuns: 500 })(
    "toJson is the identity on JSON, and gives a copy",
    (value) => {
      const copy = toJson(value)
      expect(JSON.stringify(copy)).toBe(JSON.stringify(value))
      if (typeof value === "object" && value !== null && !Object.isFrozen(value)) expect(copy).not.toBe(value)
    }
  )
  test.prop(
    [
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSparseArray: true,
        withNullPrototype: true,
        maxDepth: 4
      })
    ],
    { numRuns: 1_000 }
  )("whatever it is given, it gives JSON or a typed refusal", (value) => {
    let text: unknown
    try {
      text = JSON.stringify(toJson(value))
    } catch (error) {
      text = (error as { _tag?: string })._tag
      expect(["NotJson", "LimitExceeded"]).toContain(text)
    }
    expect(typeof text).toBe("string")
    expect(Object.keys(Object.prototype)).toEqual([])
  })
  test.prop([fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }))], { numRuns: 300 })(
    "canonical text does not depend on the order of keys",
    (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse())
      expect(canonical(toJson(reversed))).toBe(canonical(toJson(object)))
    }
  )
})
