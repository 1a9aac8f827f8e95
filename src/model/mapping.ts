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
  readonly request?: Json | undefined
  readonly key?: Json | undefined
  readonly isUnknown?: Json | undefined
}

/** The names that mean something special at the start of a reference, in the places where they do. */
export type SpecialRoot = "item" | "index" | "output" | "round" | "result" | "request" | "key" | "isUnknown"

export type Missing = "error" | "omit"
export type Resolver = (frame: Frame) => Json | undefined

/** Where the first segment of a reference leads. */
export type Root =
  | { readonly at: "input" | SpecialRoot }
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

/**
 * A mapping as a function: `lookup` tells where each reference leads. The result is shared, frozen data. The mapping is read
 * anew each time: most tasks run once, and compiling closures for them cost more than it saved.
 */
export const resolver = (mapping: Mapping | undefined, lookup: Lookup, missing: Missing): Resolver => {
  if (mapping === undefined) return nothing
  if (typeof mapping !== "object" || mapping === null) return () => mapping
  return (frame) => resolve(mapping, frame, lookup, missing)
}
const nothing: Resolver = () => undefined

const resolve = (mapping: Mapping, frame: Frame, lookup: Lookup, missing: Missing): Json | undefined => {
  if (typeof mapping !== "object" || mapping === null) return mapping
  if (Array.isArray(mapping)) {
    const result = new Array<Json>(mapping.length)
    for (let i = 0; i < mapping.length; i++) result[i] = resolve(mapping[i], frame, lookup, missing) ?? null
    return Object.freeze(result)
  }
  if (isReference(mapping)) return follow(mapping, frame, lookup, missing)
  if (isLiteral(mapping)) return mapping.$literal
  const result: Record<string, Json> = {}
  for (const key in mapping) {
    const value = resolve((mapping as Record<string, Mapping>)[key]!, frame, lookup, missing)
    if (value === undefined) continue
    // `__proto__` as own data stays data
    if (key === "__proto__") Object.defineProperty(result, key, { value, enumerable: true })
    else result[key] = value
  }
  return Object.freeze(result)
}

const follow = (reference: Reference, frame: Frame, lookup: Lookup, missing: Missing): Json | undefined => {
  const parts = segments(reference.$)
  const { root, path } = lookup(parts)
  const start = readRoot(root, frame)
  const fallback = reference.default
  // null is a value: only what is not there takes the default
  if (path.length === 0) return start === undefined ? fallback : start
  // a skipped task has no result: what is read from it is absent, not wrong
  if (start === undefined && root.at === "task") return fallback
  const value = read(start, path, parts.join("."), missing === "omit" || fallback !== undefined)
  return value === undefined ? fallback : value
}

const readRoot = (root: Root, frame: Frame): Json | undefined => {
  switch (root.at) {
    case "task":
      return frame.values[root.index]
    case "data":
      return readData(root.parts, frame)
    default:
      return frame[root.at]
  }
}

const readData = (parts: ReadonlyArray<DataPart>, frame: Frame): Json | undefined => {
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
