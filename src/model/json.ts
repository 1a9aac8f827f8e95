/**
 * JSON values: what crosses every border of a run (inputs, results, messages).
 * `toJson` checks, copies and freezes in one walk, so that no task can change what another one reads.
 */
import { LimitExceeded, NotJson } from "./errors.ts"
import { limits } from "./limits.ts"

export type JsonPrimitive = string | number | boolean | null
export type Json = JsonPrimitive | ReadonlyArray<Json> | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

export interface JsonLimits {
  /** Most levels of nesting; default 64. */
  readonly depthMax?: number
  /** Most bytes of text, roughly as JSON would need; default 2 MiB. */
  readonly bytesMax?: number
}

/**
 * A deep, frozen copy of `value` as plain JSON. Objects with `toJSON` (dates, for one) are asked for it;
 * keys whose value is `undefined` or a function are left out, as `JSON.stringify` does. Everything that JSON cannot say
 * (bigint, NaN, Infinity, symbols, cycles, promises) is refused with `NotJson`, naming the path;
 * more than `depthMax` levels or `bytesMax` bytes with `LimitExceeded`.
 *
 * ```ts check
 * toJson({ a: [1, undefined, new Date(0)], b: undefined }) // => { a: [1, null, "1970-01-01T00:00:00.000Z"] }
 * toJson("plain") // => "plain"
 * ```
 */
export const toJson = (
  value: unknown,
  { depthMax = limits.depth, bytesMax = limits.payloadBytes }: JsonLimits = {}
): Json => {
  switch (typeof value) {
    case "number":
      if (Number.isFinite(value)) return value
      break
    case "boolean":
      return value
    case "string":
      if (value.length <= bytesMax) return value
      break
    case "object":
      if (value === null) return null
  }
  const walk: Walk = { bytes: 0, bytesMax, depthMax, path: [], open: [] }
  const json = copy(value, walk)
  return json === undefined ? null : json
}

/**
 * The text of a value with the keys of all objects sorted: equal values give equal text, whatever order they were written in.
 *
 * ```ts check
 * canonical({ b: 1, a: [2, { d: 3, c: 4 }] }) // => '{"a":[2,{"c":4,"d":3}],"b":1}'
 * ```
 */
export const canonical = (value: Json): string => {
  if (value === null || typeof value !== "object") return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  const object = value as JsonObject
  const keys = Object.keys(object).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(object[key]!)}`).join(",")}}`
}

/** Freezes a value that is already plain JSON, all the way down, and returns it. What is frozen already is taken to be so throughout. */
export const deepFreeze = <T>(value: T): T => {
  const queue: Array<unknown> = [value]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next === null || typeof next !== "object" || Object.isFrozen(next)) continue
    Object.freeze(next)
    if (Array.isArray(next)) {
      for (let i = 0; i < next.length; i++) if (typeof next[i] === "object") queue.push(next[i])
    } else {
      for (const key in next) {
        const child = (next as Record<string, unknown>)[key]
        if (typeof child === "object") queue.push(child)
      }
    }
  }
  return value
}

interface Walk {
  bytes: number
  readonly bytesMax: number
  readonly depthMax: number
  readonly path: Array<string | number>
  /** The objects we are inside of: meeting one again is a cycle. */
  readonly open: Array<object>
}

const spend = (walk: Walk, bytes: number) => {
  walk.bytes += bytes
  if (walk.bytes > walk.bytesMax)
    throw new LimitExceeded({ limit: "payload", allowed: walk.bytesMax, actual: walk.bytes, unit: "bytes" })
}

const refuse = (walk: Walk, found: string): never => {
  throw new NotJson({ path: walk.path.join("."), found })
}

const copy = (value: unknown, walk: Walk): Json | undefined => {
  switch (typeof value) {
    case "string":
      spend(walk, value.length + 2)
      return value
    case "number":
      spend(walk, 8)
      return Number.isFinite(value) ? value : refuse(walk, String(value))
    case "boolean":
      spend(walk, 5)
      return value
    case "undefined":
    case "function":
      return undefined
    case "bigint":
      return refuse(walk, `the bigint ${value}n`)
    case "symbol":
      return refuse(walk, "a symbol")
  }
  if (value === null) {
    spend(walk, 4)
    return null
  }
  return copyObject(value as object, walk)
}

const copyObject = (given: object, walk: Walk): Json => {
  const { toJSON } = given as { toJSON?: unknown }
  const value: unknown = typeof toJSON === "function" ? toJSON.call(given, walk.path.at(-1) ?? "") : given
  if (value === null || typeof value !== "object") return copy(value, walk) ?? null
  if (walk.open.includes(value)) return refuse(walk, "a cycle")
  if (walk.open.length >= walk.depthMax)
    throw new LimitExceeded({ limit: "depth", allowed: walk.depthMax, actual: walk.depthMax + 1, unit: "levels" })
  if (typeof (value as { then?: unknown }).then === "function")
    return refuse(walk, "a promise or thenable inside a value")
  walk.open.push(value)
  const result = Array.isArray(value) ? copyArray(value, walk) : copyRecord(value, walk)
  walk.open.pop()
  return Object.freeze(result)
}

const copyArray = (value: ReadonlyArray<unknown>, walk: Walk): ReadonlyArray<Json> => {
  spend(walk, value.length + 2)
  const result = new Array<Json>(value.length)
  for (let i = 0; i < value.length; i++) {
    walk.path.push(i)
    result[i] = copy(value[i], walk) ?? null
    walk.path.pop()
  }
  return result
}

const copyRecord = (value: object, walk: Walk): JsonObject => {
  if (value instanceof Map || value instanceof Set)
    return refuse(walk, `a ${value.constructor.name}; give an array or a plain object`)
  const result: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    walk.path.push(key)
    const json = copy((value as Record<string, unknown>)[key], walk)
    walk.path.pop()
    if (json === undefined) continue
    spend(walk, key.length + 4)
    // `__proto__` as own data stays data: defineProperty never calls the setter that would change the prototype
    if (key === "__proto__") Object.defineProperty(result, key, { value: json, enumerable: true })
    else result[key] = json
  }
  return result
}

/** An object that is neither null nor a list. */
export const isPlainRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
