/** A small value that a JSON Schema accepts, as far as that can be read off it. */
import type { JsonSchema } from "../model/ir.ts"
import { isPlainRecord, type Json } from "../model/json.ts"

/** How deep an example goes: schemas may contain themselves. */
const depthMost = 16

export const exampleOf = (schema: JsonSchema): Json => example(schema, schema, 0)

const example = (given: Json | undefined, root: JsonSchema, depth: number): Json => {
  if (!isPlainRecord(given) || depth > depthMost) return null
  const schema = given as { readonly [key: string]: Json | undefined }
  const inner = (one: Json | undefined) => example(one, root, depth + 1)
  const { $ref, const: constant, enum: choices, examples, anyOf, oneOf, allOf } = schema
  if (constant !== undefined) return constant
  if (schema["default"] !== undefined) return schema["default"]
  for (const list of [examples, choices]) if (Array.isArray(list) && list.length > 0) return list[0]!
  if (typeof $ref === "string") return inner(pointed(root, $ref))
  for (const list of [anyOf, oneOf]) if (Array.isArray(list) && list.length > 0) return inner(list[0])
  if (Array.isArray(allOf)) return inner(Object.assign({}, schema, { allOf: undefined }, ...allOf) as Json)
  const { type } = schema
  switch (Array.isArray(type) ? type[0] : (type ?? ("properties" in schema ? "object" : undefined))) {
    case "object":
      return objectOf(schema, inner)
    case "array":
      return Array.from({ length: numberOf(schema["minItems"]) ?? 0 }, () => inner(schema["items"]))
    case "string":
      return "x".repeat(Math.min(numberOf(schema["minLength"]) ?? 0, 10_000))
    case "integer":
    case "number":
      return leastOf(schema)
    case "boolean":
      return true
    default:
      return null
  }
}

const objectOf = (
  schema: { readonly [key: string]: Json | undefined },
  inner: (one: Json | undefined) => Json
): Json => {
  const { properties, required } = schema
  if (!Array.isArray(required)) return {}
  const known = isPlainRecord(properties) ? (properties as { readonly [key: string]: Json }) : {}
  return Object.fromEntries(
    required.flatMap((key) =>
      typeof key === "string" ? [[key, inner(Object.hasOwn(known, key) ? known[key] : undefined)]] : []
    )
  )
}

const leastOf = (schema: { readonly [key: string]: Json | undefined }): number => {
  const least = numberOf(schema["minimum"])
  if (least !== undefined) return least
  const above = numberOf(schema["exclusiveMinimum"])
  if (above !== undefined) return Math.floor(above) + 1
  return Math.min(0, numberOf(schema["maximum"]) ?? 0, (numberOf(schema["exclusiveMaximum"]) ?? 1) - 1)
}

const numberOf = (value: Json | undefined): number | undefined => (typeof value === "number" ? value : undefined)

/** What a local reference points at. */
const pointed = (root: JsonSchema, ref: string): Json | undefined => {
  if (!ref.startsWith("#")) return undefined
  let at: Json | undefined = root as Json
  for (const part of ref.slice(1).split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~")
    at = isPlainRecord(at) && Object.hasOwn(at, key) ? (at as { readonly [key: string]: Json })[key] : undefined
  }
  return at
}
