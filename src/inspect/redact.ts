/**
 * What leaves the process is a copy without secrets, and of a size that can be looked at. Never throws, never changes what it is given,
 * and never calls `toString` of a stranger. What was left out is said where it was.
 */
import { isRedacted } from "effect/Redacted"
import type { Json } from "../model/json.ts"
import { hidden, type Secrecy, secrecy, withoutSecrets } from "./secrets.ts"

export type Redact = (value: unknown) => Json

export interface RedactOptions {
  /** Further names of fields whose values are secret. */
  readonly keys?: ReadonlyArray<string>
  /** Most characters of one text; default 10,000. */
  readonly text?: number
  /** Most items of one list; default 1,000. */
  readonly items?: number
  /** Most fields of one object; default 1,000. */
  readonly fields?: number
  /** Most levels; default 16. */
  readonly depth?: number
  /** Most values in all; default 50,000. */
  readonly values?: number
  /** Most characters in all; default 1,000,000. */
  readonly characters?: number
}

export const redactor = (options: RedactOptions = {}): Redact => {
  const { keys = [], values = 50_000, characters = 1_000_000 } = options
  const { text = 10_000, items = 1_000, fields = 1_000, depth = 16 } = options
  const secrecyOf = secrecy(keys)
  const bounds: Bounds = { secrecyOf, text, items, fields, depth, values, characters, isDefinition: false }
  const whole: Bounds = { secrecyOf, ...definitionMost, isDefinition: true }
  return (value) => {
    switch (typeof value) {
      case "number":
        // JSON has no -0: what is seen live and what was recorded are the same
        if (Number.isFinite(value)) return value + 0
        break
      case "boolean":
        return value
      case "object":
        if (value === null) return value
    }
    const { values, characters, ...rest } = isDefinition(value) ? whole : bounds
    const copy = copyOf(value, { ...rest, left: values, characters, open: [] }, "open") ?? null
    return copy
  }
}

/** Pictures are drawn from all of a definition: what it is made of stays, the values in it are hidden where they are secret. */
const definitionMost = {
  text: 100_000,
  items: 200_000,
  fields: 200_000,
  depth: 80,
  values: 5_000_000,
  characters: 64 * 1024 * 1024
} as const

const isDefinition = (value: unknown): boolean => {
  try {
    const { ir, name, tasks } = value as { readonly [key: string]: unknown }
    return ir === 1 && typeof name === "string" && Array.isArray(tasks)
  } catch {
    return false
  }
}

/**
 * A copy of any value with its secrets hidden and its size bounded.
 *
 * ```ts check
 * redact({ user: "ada", apiKey: "abc", note: "Authorization: Bearer abcdefgh" }) // => { user: "ada", apiKey: "[redacted]", note: "Authorization: [redacted]" }
 * redact({ promptTokens: 12 }) // => { promptTokens: 12 }
 * ```
 */
export const redact: Redact = redactor()

interface Bounds {
  readonly secrecyOf: (key: string) => Secrecy
  readonly text: number
  readonly items: number
  readonly fields: number
  readonly depth: number
  readonly values: number
  readonly characters: number
  readonly isDefinition: boolean
  /** What came out of here needs no second look. */
}

interface Walk extends Omit<Bounds, "values" | "characters"> {
  left: number
  characters: number
  /** The objects we are inside of: meeting one again is a cycle. */
  readonly open: Array<object>
}

/** How the value is to be seen: as it is; hidden; `flat`: a list in which names and values take turns; `schema`: only its examples are values. */
type Look = "open" | "hidden" | "flat" | "schema" | "names"

const copyOf = (value: unknown, walk: Walk, look: Look): Json | undefined => {
  walk.left--
  switch (typeof value) {
    case "string":
      return look === "hidden" ? hidden : textOf(value, walk)
    case "number":
      return look === "hidden" ? hidden : Number.isFinite(value) ? value + 0 : String(value)
    case "boolean":
      return value
    case "undefined":
      return undefined
    case "bigint":
      return look === "hidden" ? hidden : textOf(`${value}n`, walk)
    case "symbol":
      return look === "hidden" ? hidden : textOf(`Symbol(${value.description ?? ""})`, walk)
    case "function":
      return "[function]"
  }
  if (value === null) return null
  return within(value as object, walk, look)
}

const within = (value: object, walk: Walk, look: Look): Json => {
  if (walk.open.includes(value)) return "[the same again, further up]"
  if (walk.open.length >= walk.depth) return "… deeper levels"
  if (walk.left <= 0 || walk.characters <= 0) return more
  walk.open.push(value)
  try {
    return objectOf(value, walk, look)
  } catch (error) {
    return `[cannot be read: ${reasonOf(error, walk)}]`
  } finally {
    walk.open.pop()
  }
}

const more = "… more, which is not shown"

const objectOf = (value: object, walk: Walk, look: Look): Json => {
  if (isRedacted(value as unknown)) return hidden
  if (Array.isArray(value)) return listOf(value, walk, look)
  if (value instanceof Error) return errorOf(value, walk, look)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString()
  if (value instanceof RegExp || value instanceof URL) return textOf(String(value), walk)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `[${value.byteLength.toLocaleString("en")} bytes]`
  if (value instanceof Promise) return "[promise]"
  if (value instanceof Set) return listOf([...first(value, walk.items + 1)], walk, look)
  if (value instanceof Map || value instanceof Headers || value instanceof URLSearchParams)
    return recordOf(
      Object.fromEntries(first(value as Iterable<[unknown, unknown]>, walk.fields + 1, named)),
      walk,
      look
    )
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === "function") {
    const said: unknown = toJSON.call(value, "")
    if (said !== value) return copyOf(said, walk, look) ?? null
  }
  return recordOf(value, walk, look)
}

const named = ([key, value]: [unknown, unknown]): [string, unknown] => [
  typeof key === "string" ? key : `[${typeof key}]`,
  value
]

function* first<T, U = T>(from: Iterable<T>, most: number, map: (one: T) => U = (one) => one as unknown as U) {
  let n = 0
  for (const one of from) {
    if (n++ >= most) return
    yield map(one)
  }
}

/** Text as long as allowed. The cut comes after hiding, so that no half of a secret is left at the end. */
const textOf = (value: string, walk: Walk): string => {
  const most = Math.max(0, Math.min(walk.text, walk.characters))
  if (value.length <= most || isCut(value, most)) {
    walk.characters -= value.length
    return withoutSecrets(value)
  }
  walk.characters -= most
  const head = withoutSecrets(value.slice(0, most + 2_048)).slice(0, most)
  return `${whole(head)}… ${(value.length - most).toLocaleString("en")} more characters`
}

/** What was cut once is not cut again. */
const isCut = (value: string, most: number): boolean =>
  value.length <= most + 40 && /… [\d,]+ more characters$/.test(value.slice(-40))

/** No half of a character that takes two. */
const whole = (text: string): string => (/[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text)

const listOf = (list: ReadonlyArray<unknown>, walk: Walk, look: Look): Json => {
  const result: Array<Json> = []
  const length = list.length
  // a list that was cut before ends with a note of its own
  const most = length === walk.items + 1 && isNote(list[length - 1]) ? length : walk.items
  for (let i = 0; i < length; i++) {
    if (i >= most || walk.left <= 0 || walk.characters <= 0) {
      result.push(`… ${(length - i).toLocaleString("en")} more`)
      break
    }
    const before = look === "flat" && i > 0 ? nameBefore(list, i) : undefined
    result.push(
      copyOf(list[i], walk, before !== undefined && walk.secrecyOf(before) !== "open" ? "hidden" : look) ?? null
    )
  }
  return result
}

const isNote = (value: unknown): boolean => typeof value === "string" && /^… [\d,]+ more$/.test(value)

/** `["--token", "…"]`, `["Cookie", "…"]` */
const nameBefore = (list: ReadonlyArray<unknown>, i: number): string | undefined => {
  const name = list[i - 1]
  return typeof name === "string" && /^-{0,2}[\w-]{1,60}$/.test(name) ? name : undefined
}

/** Lists of names and values. */
const flat = new Set(["argv", "args", "execArgv", "headers", "rawHeaders", "rawTrailers", "command"])
/** Fields of a definition whose own fields are names that somebody gave. */
const namings = new Set(["workflows", "cases", "properties", "patternProperties", "$defs", "definitions"])
/** What a schema says without telling a value: `default`, `const`, `enum` and `examples` are not among it. */
const shapely = new Set(
  (
    "$ref type title description format pattern required items prefixItems properties patternProperties additionalProperties $defs " +
    "definitions anyOf oneOf allOf not minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems " +
    "maxItems uniqueItems minProperties maxProperties nullable readOnly writeOnly deprecated"
  ).split(" ")
)

const recordOf = (record: object, walk: Walk, look: Look): Json => {
  const result: Record<string, Json> = {}
  const keys = Object.keys(record)
  const most = keys.length === walk.fields + 1 && keys.at(-1) === "…" ? keys.length : walk.fields
  const said = look === "open" || look === "flat" ? nameIn(record) : undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (i >= most || walk.left <= 0 || walk.characters <= 0) {
      result["…"] = `${(keys.length - i).toLocaleString("en")} more fields`
      break
    }
    walk.characters -= key.length
    const shown = key.length > 200 ? `${whole(key.slice(0, 200))}…` : withoutSecrets(key)
    let value: unknown
    try {
      value = (record as { readonly [key: string]: unknown })[key]
    } catch (error) {
      put(result, shown, `[cannot be read: ${reasonOf(error, walk)}]`)
      continue
    }
    const found = copyField(key, value, walk, look, said)
    if (found !== undefined) put(result, shown, found)
  }
  return result
}

const copyField = (key: string, value: unknown, walk: Walk, look: Look, said: string | undefined): Json | undefined => {
  if (look === "hidden") {
    // what a value is taken from is no secret, and pictures are drawn from it
    if (walk.isDefinition && key === "$") return copyOf(value, walk, "open")
    return copyOf(value, walk, "hidden")
  }
  const names = walk.isDefinition && namings.has(key)
  if (look === "schema") return copyOf(value, walk, names ? "names" : shapely.has(key) ? "schema" : "hidden")
  const secret = said === key ? "all" : walk.secrecyOf(key)
  if (look === "names")
    return copyOf(value, walk, secret === "open" || isNested(value) ? "open" : isSchema(value) ? "schema" : "hidden")
  if (secret !== "open") {
    if (value === null || typeof value === "boolean" || typeof value === "function") return copyOf(value, walk, "open")
    if (secret === "text" && typeof value === "number") return copyOf(value, walk, "open")
    return value === undefined || walk.isDefinition ? copyOf(value, walk, "hidden") : hidden
  }
  return copyOf(value, walk, names ? "names" : flat.has(key) || look === "flat" ? "flat" : "open")
}

const has = (value: unknown, ...keys: ReadonlyArray<string>): boolean =>
  typeof value === "object" && value !== null && keys.some((key) => Object.hasOwn(value, key))
/** A workflow inside a workflow may be called `get-token`. */
const isNested = (value: unknown): boolean => has(value, "tasks")
const isSchema = (value: unknown): boolean =>
  has(value, "type", "$ref", "enum", "const", "anyOf", "oneOf", "allOf", "default")

/** `{ name: "Authorization", value: "…" }`: the field whose value it names. */
const nameIn = (record: object): string | undefined => {
  const { name, key, header, value } = record as { readonly [key: string]: unknown }
  if (value === undefined) return undefined
  const given = name ?? key ?? header
  return typeof given === "string" && isSecretName(given) ? "value" : undefined
}
const secretName = secrecy()
const isSecretName = (name: string): boolean => /^[\w-]{1,60}$/.test(name) && secretName(name) !== "open"

/** `__proto__` as own data stays data. */
const put = (record: Record<string, Json>, key: string, value: Json): void => {
  if (key === "__proto__") Object.defineProperty(record, key, { value, enumerable: true })
  else record[key] = value
}

/** An error with its causes: what it says, and its facts. */
const errorOf = (error: Error, walk: Walk, look: Look): Json => {
  const result: Record<string, Json> = {}
  const tell = (key: string, read: () => unknown) => {
    try {
      const value = read()
      if (value === undefined || value === "") return
      put(result, key, copyField(key, value, walk, look === "flat" ? "open" : look, undefined) ?? null)
    } catch {
      put(result, key, "[cannot be read]")
    }
  }
  tell("name", () => error.name)
  tell("message", () => error.message)
  const facts = Object.keys(error).filter((key) => !["name", "message", "stack", "cause", "errors"].includes(key))
  for (const key of facts.slice(0, walk.fields)) tell(key, () => (error as unknown as Record<string, unknown>)[key])
  tell("stack", () => (typeof error.stack === "string" ? error.stack.slice(0, 4_000) : undefined))
  tell("cause", () => error.cause)
  tell("errors", () => (error as { readonly errors?: unknown }).errors)
  return result
}

const reasonOf = (error: unknown, walk: Walk): string => {
  try {
    return textOf(error instanceof Error ? String(error.message).slice(0, 200) : "it throws", walk)
  } catch {
    return "it throws"
  }
}
