/**
 * The recording proxy: `$ => ({ trip: $.input.id })` runs once, while the workflow is built, and what it touches becomes data.
 * A reference is never a live value: using one as a number or text is an error that says so.
 */

import { InvalidOption, InvalidWorkflow } from "./errors.ts"
import { pathOf, reservedSegments, suggest } from "./ids.ts"
import type { Condition, Mapping } from "./ir.ts"
import { type Json, toJson } from "./json.ts"
import { isReference } from "./mapping.ts"

declare const refType: unique symbol

/** A recorded path into run data, never a live value. */
export type Ref<T> = { readonly [refType]: T } & RefKeys<NonNullable<T>>
type RefKeys<T> = [T] extends [ReadonlyArray<infer U>]
  ? { readonly [index: number]: Ref<U>; readonly length: Ref<number> }
  : [T] extends [object]
    ? { readonly [K in keyof T]-?: Ref<T[K]> }
    : {}

/** What an input of type T may be built from: references, plain values, and arrays and objects of both. */
export type Wire<T> =
  | Ref<T>
  | T
  | (T extends ReadonlyArray<infer U>
      ? ReadonlyArray<Wire<U>>
      : T extends object
        ? { readonly [K in keyof T]: Wire<T[K]> }
        : never)

/** The value behind a wiring. */
export type Unwire<W> = W extends { readonly [refType]: infer T }
  ? T
  : W extends ReadonlyArray<unknown>
    ? { readonly [K in keyof W]: Unwire<W[K]> }
    : W extends object
      ? { readonly [K in keyof W]: Unwire<W[K]> }
      : W

/** What `when` and `until` may ask: a reference (is it there, and not null, false, 0 or ""?) or a comparison. */
export type When = AnyRef | Comparison | boolean
/** A reference to anything: `Ref<any>` would ask for the keys of a list. */
interface AnyRef {
  readonly [refType]: unknown
}
declare const comparisonType: unique symbol
export interface Comparison {
  readonly [comparisonType]: true
}

const comparison = (condition: unknown) => condition as Comparison
/** Equal, as JSON. */
export const eq = <T>(a: Ref<T> | T, b: Ref<NoInfer<T>> | NoInfer<T>): Comparison => comparison({ eq: [a, b] })
/** Not equal, as JSON. */
export const ne = <T>(a: Ref<T> | T, b: Ref<NoInfer<T>> | NoInfer<T>): Comparison => comparison({ ne: [a, b] })
/** Less than: two numbers, or two texts. */
export const lt = <T extends number | string>(a: Ref<T>, b: Ref<NoInfer<T>> | NoInfer<T>): Comparison =>
  comparison({ lt: [a, b] })
/** Less than or equal. */
export const lte = <T extends number | string>(a: Ref<T>, b: Ref<NoInfer<T>> | NoInfer<T>): Comparison =>
  comparison({ lte: [a, b] })
/** Greater than. */
export const gt = <T extends number | string>(a: Ref<T>, b: Ref<NoInfer<T>> | NoInfer<T>): Comparison =>
  comparison({ gt: [a, b] })
/** Greater than or equal. */
export const gte = <T extends number | string>(a: Ref<T>, b: Ref<NoInfer<T>> | NoInfer<T>): Comparison =>
  comparison({ gte: [a, b] })
/** One of a list. */
export const oneOf = <T>(a: Ref<T>, list: Ref<ReadonlyArray<NoInfer<T>>> | ReadonlyArray<NoInfer<T>>): Comparison =>
  comparison({ in: [a, list] })
/** There at all, null included. */
export const exists = (a: AnyRef): Comparison => comparison({ exists: a })
/** All of these. */
export const and = (...all: ReadonlyArray<When>): Comparison => comparison({ and: all })
/** At least one of these. */
export const or = (...any: ReadonlyArray<When>): Comparison => comparison({ or: any })
/** The opposite. */
export const not = (condition: When): Comparison => comparison({ not: condition })

/** A reference that gives `value` when its path is not there. */
export const orElse = <T>(reference: Ref<T>, value: NonNullable<T>): Ref<NonNullable<T>> => {
  const path = recorded(reference)
  if (path === undefined)
    throw new InvalidOption({ option: "orElse", value: reference, allowed: "a reference like $.input.limit" })
  return proxyFor(path, toJson(value)) as Ref<NonNullable<T>>
}

interface Recorded {
  readonly path: ReadonlyArray<string>
  readonly fallback: Json | undefined
}

/** Asks a reference for what it recorded; nothing else answers to it. */
const recordKey: unique symbol = Symbol("troupe.recorded")
const recordOf = (value: object): Recorded | undefined => (value as { [recordKey]?: Recorded })[recordKey]
const recorded = (value: unknown): ReadonlyArray<string> | undefined =>
  typeof value === "object" && value !== null ? recordOf(value)?.path : undefined

/** A reference that records the keys read from it. */
export const reference = (path: ReadonlyArray<string>): any => proxyFor(path, undefined)

const proxyFor = (path: ReadonlyArray<string>, fallback: Json | undefined): object =>
  new Proxy<Recorded>({ path, fallback }, recorder)

const recorder: ProxyHandler<Recorded> = {
  get: (target, key) => {
    if (key === recordKey) return target
    if (typeof key === "symbol") return symbolOf(key, target.path)
    return key === "then" ? undefined : reference([...target.path, checked(key, target.path)])
  },
  has: () => true,
  ownKeys: () => [],
  getOwnPropertyDescriptor: () => undefined,
  set: ({ path }) => {
    throw notALiveValue(path, "written to")
  }
}

const checked = (key: string, path: ReadonlyArray<string>): string => {
  if (!reservedSegments.has(key)) return key
  const problem = {
    code: "PATH_RESERVED_SEGMENT",
    severity: "error",
    path: "",
    message: `the path '${[...path, key].join(".")}' leads out of the data`,
    hint: "rename the key"
  } as const
  throw new InvalidWorkflow({ workflow: "", problems: [problem] })
}

const symbolOf = (key: symbol, path: ReadonlyArray<string>): unknown => {
  if (key === Symbol.toPrimitive) {
    return () => {
      throw notALiveValue(path, "used as a value")
    }
  }
  if (key === Symbol.iterator) throw notALiveValue(path, "iterated over")
  return undefined
}

const notALiveValue = (path: ReadonlyArray<string>, how: string) =>
  new InvalidOption({
    option: `the reference $.${path.join(".")}`,
    value: how,
    allowed: "it to a task as input: inside these functions data is only named; compute in a task, or with derive()"
  })

/** The environment `$` of a builder: `input`, the tasks declared so far, and what only this place knows (`item`, `index`). */
export const environment = (names: EnvironmentNames): any => new Proxy(names, environmentHandler)

export interface EnvironmentNames {
  readonly workflow: string
  readonly has: (key: string) => boolean
  readonly known: () => Iterable<string>
  readonly special: ReadonlyArray<string>
}

const environmentHandler: ProxyHandler<EnvironmentNames> = {
  get: ({ workflow, has, known, special }, key) => {
    if (typeof key === "symbol" || key === "then") return undefined
    if (key === "input" || has(key) || special.includes(key)) return reference([key])
    throw new InvalidWorkflow({
      workflow,
      problems: [
        {
          code: "REF_UNKNOWN",
          severity: "error",
          path: "",
          message: `there is no task '${key}' above this one`,
          hint: suggest(key, known()) || "declare it first"
        }
      ]
    })
  }
}

/** What a function of `$` gave, as a frozen mapping: references as data, everything else as literal JSON. */
export const toMapping = (value: unknown): Mapping => {
  if (typeof value !== "object" || value === null) return toJson(value)
  const record = recordOf(value)
  if (record !== undefined)
    return Object.freeze(
      record.fallback === undefined ? { $: pathOf(record.path) } : { $: pathOf(record.path), default: record.fallback }
    )
  if (Array.isArray(value)) return Object.freeze(value.map(toMapping))
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return toJson(value)
  if ("$" in value || "$literal" in value) return Object.freeze({ $literal: toJson(value) })
  const mapping: Record<string, Mapping> = {}
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key]
    if (item === undefined || typeof item === "function") continue
    if (key === "__proto__") Object.defineProperty(mapping, key, { value: toMapping(item), enumerable: true })
    else mapping[key] = toMapping(item)
  }
  return Object.freeze(mapping)
}

/** What a function gave as a condition. */
export const toCondition = (value: When): Condition => {
  if (typeof value === "boolean") return value
  const mapping = toMapping(value)
  return isReference(mapping) ? mapping : (mapping as Condition)
}
