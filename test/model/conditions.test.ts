import { describe, expect, test } from "vitest"
import { test as compileCondition, conditionProblems } from "../../src/model/condition.ts"
import type { Condition, Mapping } from "../../src/model/ir.ts"
import { type Frame, type Lookup, resolver } from "../../src/model/mapping.ts"

const lookup: Lookup = (parts) => ({ root: { at: "input" }, path: parts.slice(1) })
const frame = (input: unknown): Frame => ({ input: input as never, values: [] })
const holds = (condition: Condition, input: unknown) => compileCondition(condition, lookup)(frame(input))
const x = { $: "input.x" }

describe("conditions are data", () => {
  test.each<[Condition, unknown, boolean]>([
    [x, { x: 1 }, true],
    [x, { x: 0 }, false],
    [x, {}, false],
    [{ exists: x }, { x: null }, true],
    [{ exists: x }, {}, false],
    [{ eq: [x, { a: [1, 2] }] }, { x: { a: [1, 2] } }, true],
    [{ eq: [{ $: "input" }, { b: 1, a: 2 }] }, { a: 2, b: 1 }, true],
    [{ ne: [x, 1] }, { x: "1" }, true],
    [{ lt: [x, 2] }, { x: 1 }, true],
    [{ lt: [x, 2] }, { x: "1" }, false],
    [{ gte: [x, "b"] }, { x: "c" }, true],
    [{ in: [x, ["a", "b"]] }, { x: "b" }, true],
    [{ and: [x, { not: { eq: [x, 2] } }] }, { x: 1 }, true],
    [{ or: [false, { gt: [x, 5] }] }, { x: 1 }, false]
  ])("%j on %j is %s", (condition, input, expected) => {
    expect(holds(condition, input)).toBe(expected)
  })

  test.each([
    ["V-16", 'this.constructor.constructor("return process")()', "EXPR_SYNTAX"],
    ["V-15", { matches: ["^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"] }, "REGEX_NOT_ALLOWED"],
    ["two operators", { eq: [1, 1], ne: [1, 2] }, "EXPR_SYNTAX"],
    ["unknown operator", { equals: [1, 1] }, "EXPR_SYNTAX"],
    ["three operands", { eq: [1, 2, 3] }, "EXPR_SYNTAX"],
    ["nested", { and: [true, { or: [{ regex: ["a", "b"] }] }] }, "REGEX_NOT_ALLOWED"],
    ["null", null, "EXPR_SYNTAX"]
  ])("%s is refused at build", (_, condition, code) => {
    expect(conditionProblems(condition, "/tasks/0/when")[0]).toMatchObject({ code, severity: "error" })
  })
  test("an operator almost right gets a did-you-mean", () => {
    expect(conditionProblems({ gtee: [1, 2] }, "")[0]?.hint).toBe("did you mean 'gte'?")
  })
})

describe("mappings", () => {
  const resolve = (mapping: Mapping, input: unknown, missing: "error" | "omit" = "error") =>
    resolver(mapping, lookup, missing)(frame(input))
  test("Z10 nested keys are read, own keys only", () => {
    expect(resolve({ $: "input.user.profile.name" }, { user: { profile: { name: "Ada" } } })).toBe("Ada")
    expect(() => resolve({ $: "input.toString" }, {})).toThrow(
      expect.objectContaining({ code: "PATH_MISSING", missing: "toString" })
    )
  })
  test("a missing key is an error that names path and key, or left out, or a default", () => {
    expect(() => resolve({ $: "input.a.b" }, { a: {} })).toThrow("'input.a.b' has no 'b'")
    expect(resolve({ k: { $: "input.a.b" } }, {}, "omit")).toEqual({})
    expect(resolve({ $: "input.a.b", default: 7 }, {})).toBe(7)
  })
  test("V-17 templates of other languages are literal text", () => {
    for (const text of ["{{ $env.SECRET }}", "${process.env.X}", "<%= x %>"])
      expect(resolve({ t: text }, {})).toEqual({ t: text })
  })
  test("null is a value, not an absence: it is read as null and takes no default", () => {
    expect(resolve({ a: { $: "input.x" } }, { x: null })).toEqual({ a: null })
    expect(resolve({ $: "input.x", default: 7 }, { x: null })).toBe(null)
  })
  test("literals protect a key that looks like a reference", () => {
    expect(resolve({ a: { $literal: { $: "input.x" } } }, {})).toEqual({ a: { $: "input.x" } })
  })
  test("what comes out is frozen", () => {
    expect(Object.isFrozen(resolve({ a: x, l: [x] }, { x: 1 }))).toBe(true)
  })
})
