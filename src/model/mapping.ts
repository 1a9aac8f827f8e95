/**
 * Mappings: how the input of a task is put together from the run's data.
 * `scan` finds what a mapping reads (the edges of the graph); `resolver` compiles it once into a function.
 * Paths are arrays of own keys; nothing here can reach a prototype or run code.
 */
import { PathMissing } from "./errors.ts"
import { reservedSegments, segments } from "./ids.ts"
import type { Literal, Mapping, Reference } from "./ir.ts"
import type { Json } from "./json.ts"

/** What references can see while a task's input is put together. */
export interface Frame {
  readonly input: Json | undefined
  /** Results by task index; `undefined` for tasks that were skipped. */
  readonly values: ReadonlyArray<Json | undefined>
  readonly item?: Json | undefined
  readonly index?: number | undefined
  readonly output?: Json | undefined
  readonly round?: number | undefined
  readonly result?: Json | undefined
}

export type Missing = "error" | "omit"
export type Resolver = (frame: Frame) => Json | undefined

/** Where the first segment of a reference leads. */
export type Root =
  | { readonly at: "input" | "item" | "index" | "output" | "round" | "result" }
  | { readonly at: "task"; readonly index: number }
  /** Parts of several results, put together under their paths. */
  | { readonly at: "data"; readonly parts: ReadonlyArray<DataPart> }

export interface DataPart {
  readonly into: ReadonlyArray<string>
  readonly index: number
  readonly path: ReadonlyArray<string>
}

/** A reference after its root was looked up: the root, and the keys below it. */
export interface Resolved {
  readonly root: Root
  readonly path: ReadonlyArray<string>
}

export type Lookup = (parts: ReadonlyArray<string>) => Resolved

export const isReference = (mapping: unknown): mapping is Reference =>
  typeof mapping === "object" && mapping !== null && Object.hasOwn(mapping, "$")

export const isLiteral = (mapping: unknown): mapping is Literal =>
  typeof mapping === "object" && mapping !== null && Object.hasOwn(mapping, "$literal")

/** Calls `found` for each reference in a mapping, with its place below `path`. */
export const scan = (
  mapping: Mapping | undefined,
  found: (reference: Reference, path: string) => void,
  path = ""
): void => {
  if (typeof mapping !== "object" || mapping === null || isLiteral(mapping)) return
  if (isReference(mapping)) return found(mapping, path)
  if (Array.isArray(mapping)) {
    for (let i = 0; i < mapping.length; i++) scan(mapping[i], found, `${path}/${i}`)
    return
  }
  for (const [key, value] of Object.entries(mapping)) scan(value as Mapping, found, `${path}/${escapePointer(key)}`)
}

/** Calls `found` for each reference in a mapping; where it stands does not matter. */
export const scanReferences = (mapping: Mapping | undefined, found: (reference: Reference) => void): void => {
  if (typeof mapping !== "object" || mapping === null) return
  if (isReference(mapping)) return found(mapping)
  if (Array.isArray(mapping)) {
    for (let i = 0; i < mapping.length; i++) scanReferences(mapping[i], found)
    return
  }
  if (isLiteral(mapping)) return
  for (const key in mapping) scanReferences((mapping as Record<string, Mapping>)[key], found)
}

/** A key as a segment of a JSON pointer (RFC 6901). */
export const escapePointer = (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1")

/** The first reserved segment of a path, if it has one. */
export const reservedIn = (parts: ReadonlyArray<string>): string | undefined =>
  parts.find((part) => reservedSegments.has(part))

/** Compiles a mapping: `lookup` tells where each reference leads. The result of the function is shared, frozen data. */
export const resolver = (mapping: Mapping | undefined, lookup: Lookup, missing: Missing): Resolver => {
  if (mapping === undefined) return nothing
  if (typeof mapping !== "object" || mapping === null) return () => mapping
  if (isReference(mapping)) return referenceResolver(mapping, lookup, missing)
  if (isLiteral(mapping)) return () => mapping.$literal
  if (!hasReference(mapping)) return () => mapping as Json
  if (Array.isArray(mapping)) {
    const items = mapping.map((item: Mapping) => resolver(item, lookup, missing))
    return (frame) => {
      const result = new Array<Json>(items.length)
      for (let i = 0; i < items.length; i++) result[i] = items[i]!(frame) ?? null
      return Object.freeze(result)
    }
  }
  const keys = Object.keys(mapping)
  const values = keys.map((key) => resolver((mapping as Record<string, Mapping>)[key], lookup, missing))
  return (frame) => {
    const result: Record<string, Json> = {}
    for (let i = 0; i < keys.length; i++) {
      const value = values[i]!(frame)
      if (value !== undefined) put(result, keys[i]!, value)
    }
    return Object.freeze(result)
  }
}

/** Sets own data, even under the key `__proto__`. */
const put = (record: Record<string, Json>, key: string, value: Json) => {
  if (key === "__proto__") Object.defineProperty(record, key, { value, enumerable: true })
  else record[key] = value
}

const nothing: Resolver = () => undefined

/** Whether anything in a mapping must be resolved. */
const hasReference = (mapping: Mapping): boolean => {
  if (typeof mapping !== "object" || mapping === null) return false
  if (isReference(mapping) || isLiteral(mapping)) return true
  for (const key in mapping) if (hasReference((mapping as Record<string, Mapping>)[key]!)) return true
  return false
}

const referenceResolver = (reference: Reference, lookup: Lookup, missing: Missing): Resolver => {
  const parts = segments(reference.$)
  const { root, path } = lookup(parts)
  const start = rootReader(root)
  const whole = parts.join(".")
  const fallback = reference.default
  const lenient = missing === "omit" || fallback !== undefined
  if (path.length === 0) return fallback === undefined ? start : (frame) => start(frame) ?? fallback
  return (frame) => {
    const from = start(frame)
    // a skipped task has no result: what is read from it is absent, not wrong
    const value = from === undefined && root.at === "task" ? undefined : read(from, path, whole, lenient)
    return value === undefined ? fallback : value
  }
}

const rootReader = (root: Root): Resolver => {
  switch (root.at) {
    case "task": {
      const { index } = root
      return (frame) => frame.values[index]
    }
    case "data":
      return dataReader(root.parts)
    case "input":
      return (frame) => frame.input
    case "item":
      return (frame) => frame.item
    case "index":
      return (frame) => frame.index
    case "output":
      return (frame) => frame.output
    case "round":
      return (frame) => frame.round
    case "result":
      return (frame) => frame.result
  }
}

const dataReader =
  (parts: ReadonlyArray<DataPart>): Resolver =>
  (frame) => {
    const single = parts.length === 1 ? parts[0]! : undefined
    if (single !== undefined && single.into.length === 0)
      return read(frame.values[single.index], single.path, "data", true)
    const result: Record<string, unknown> = {}
    for (const { into, index, path } of parts) {
      const value = read(frame.values[index], path, "data", true)
      if (value === undefined) continue
      let at = result
      for (const key of into.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>
      at[into.at(-1)!] = value
    }
    return result as Json
  }

/** Follows own keys only. Missing: `undefined` when lenient, else a `PathMissing` error. */
export const read = (
  value: Json | undefined,
  path: ReadonlyArray<string>,
  whole: string,
  lenient: boolean
): Json | undefined => {
  let at: unknown = value
  for (let i = 0; i < path.length; i++) {
    const key = path[i]!
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) {
      if (lenient) return undefined
      throw new PathMissing({ path: whole, missing: key })
    }
    at = (at as Record<string, unknown>)[key]
  }
  return at as Json
}
