import { describe, expect, test } from "vitest"
import { canonical, deepFreeze, toJson } from "../../src/model/json.ts"

describe("toJson gives plain, frozen data, or says why it cannot", () => {
  test("copies deeply, so the original can change without harm", () => {
    const original = { list: [1, { a: "x" }] }
    const copy = toJson(original) as typeof original
    ;(original.list[1] as { a: string }).a = "changed"

    expect(copy).toEqual({ list: [1, { a: "x" }] })
    expect(Object.isFrozen(copy) && Object.isFrozen(copy.list) && Object.isFrozen(copy.list[1])).toBe(true)
  })

  test("asks objects with toJSON once, and leaves out what JSON leaves out", () => {
    const self = { toJSON: () => self, a: 1 }

    expect(toJson({ at: new Date(0), f: () => 1, u: undefined, list: [undefined] })).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      list: [null]
    })
    expect(toJson(self)).toEqual({ a: 1 })
    expect(toJson(undefined)).toBe(null)
  })

  const cyclic: Record<string, unknown> = {}
  cyclic.self = { back: cyclic }
  const deep = Array.from({ length: 70 }).reduce<unknown>((inner) => [inner], 1)
  test.each([
    ["a bigint", { n: 1n }, "NOT_JSON", "n"],
    ["NaN", [Number.NaN], "NOT_JSON", "0"],
    ["Infinity", Number.POSITIVE_INFINITY, "NOT_JSON", ""],
    ["a symbol", { s: Symbol("x") }, "NOT_JSON", "s"],
    ["a cycle", cyclic, "NOT_JSON", "self.back"],
    ["a Map", { m: new Map() }, "NOT_JSON", "m"],
    ["a promise inside", { p: Promise.resolve(1) }, "NOT_JSON", "p"]
  ])("refuses %s, naming the place", (_, value, code, path) => {
    expect(() => toJson(value)).toThrow(expect.objectContaining({ code, path }))
  })

  test("refuses more than 64 levels and more than 2 MiB", () => {
    expect(() => toJson(deep)).toThrow(expect.objectContaining({ code: "LIMIT_DEPTH", allowed: 64 }))
    expect(() => toJson("x".repeat(3_000_000))).toThrow(expect.objectContaining({ code: "LIMIT_PAYLOAD" }))
    expect(() => toJson(Array.from({ length: 300_000 }, () => 1.5))).toThrow(
      expect.objectContaining({ code: "LIMIT_PAYLOAD" })
    )
  })

  test("V-03 a key __proto__ stays data and pollutes nothing", () => {
    const copy = toJson(JSON.parse('{"__proto__":{"isAdmin":true},"a":1}')) as Record<string, unknown>

    expect(copy.isAdmin).toBeUndefined()
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"isAdmin":true},"a":1}')
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

test("canonical text is the same for any order of keys", () => {
  expect(canonical({ b: [{ y: 1, x: null }], a: "é" })).toBe('{"a":"é","b":[{"x":null,"y":1}]}')
})

test("deepFreeze freezes all levels without recursion", () => {
  const deep = Array.from({ length: 50_000 }).reduce<unknown>((inner) => ({ inner }), {}) as { inner: unknown }

  expect(Object.isFrozen(deepFreeze(deep).inner)).toBe(true)
})
