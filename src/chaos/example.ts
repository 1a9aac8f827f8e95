/** A value that fits a JSON Schema, as plain as it gets; for bodies that are not there. Not every schema can be met by looking at it. */
import type { JsonSchema } from "../model/ir.ts"
import { isPlainRecord, type Json } from "../model/json.ts"

/** How deep values are made; schemas may contain themselves. */
const depthMost = 12

/**
 * ```ts check
 * exampleOf({ type: "object", properties: { id: { type: "string" }, n: { type: "integer", minimum: 3 } } }) // => { id: "text", n: 3 }
 * exampleOf(undefined) // => null
 * ```
 */
export const exampleOf = (schema: JsonSchema | undefined): Json => made(schema, schema, 0)

const made = (schema: unknown, root: unknown, depth: number): Json => {
  if (!isPlainRecord(schema) || depth > depthMost) return null
  const inner = (one: unknown) => made(one, root, depth + 1)
  for (const key of ["const", "default"]) if (Object.hasOwn(schema, key)) return schema[key] as Json
  for (const key of ["examples", "enum"]) {
    const values = schema[key]
    if (Array.isArray(values) && values.length > 0) return values[0] as Json
  }
  if (typeof schema.$ref === "string") return inner(found(root, schema.$ref))
  for (const key of ["anyOf", "oneOf"]) {
    const choices = schema[key]
    if (Array.isArray(choices) && choices.length > 0) return inner(choices[0])
  }
  if (Array.isArray(schema.allOf) && schema.allOf.length > 0) return merged(schema.allOf.map(inner))
  const kind = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (kind ?? (schema.properties === undefined ? undefined : "object")) {
    case "object":
      return objectOf(schema, inner)
    case "array":
      return arrayOf(schema, inner)
    case "string":
      return "text".padEnd(numberOf(schema.minLength, 0), "x").slice(0, numberOf(schema.maxLength, 1_000))
    case "integer":
    case "number":
      return amountOf(schema)
    case "boolean":
      return true
    default:
      return null
  }
}

type Schema = { readonly [key: string]: unknown }

const objectOf = (schema: Schema, inner: (one: unknown) => Json): Json => {
  const properties = isPlainRecord(schema.properties) ? schema.properties : {}
  const required = Array.isArray(schema.required) ? schema.required : []
  return Object.fromEntries([
    ...required.map((name) => [name, null]),
    ...Object.entries(properties).map(([name, one]) => [name, inner(one)])
  ])
}

const arrayOf = (schema: Schema, inner: (one: unknown) => Json): Json => {
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems.map(inner) : []
  // two show what happens beside each other; equal ones are not always welcome
  const usual = schema.uniqueItems === true ? 1 : 2
  const count = Math.min(numberOf(schema.minItems, usual), numberOf(schema.maxItems, usual), 100)
  return [...first, ...Array.from({ length: Math.max(0, count - first.length) }, () => inner(schema.items))]
}

const amountOf = (schema: Schema): number => {
  const step = numberOf(schema.multipleOf, 1)
  const least = Math.max(
    numberOf(schema.minimum, Number.NEGATIVE_INFINITY),
    numberOf(schema.exclusiveMinimum, Number.NEGATIVE_INFINITY) + step
  )
  const most = Math.min(
    numberOf(schema.maximum, Number.POSITIVE_INFINITY),
    numberOf(schema.exclusiveMaximum, Number.POSITIVE_INFINITY) - step
  )
  const wanted = Math.min(Math.max(1, least), most)
  return Number.isFinite(step) && step > 0 && schema.multipleOf !== undefined ? Math.ceil(wanted / step) * step : wanted
}

const merged = (values: ReadonlyArray<Json>): Json =>
  values.every(isPlainRecord) ? Object.assign({}, ...values) : (values[0] ?? null)

const numberOf = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise)

/** What a reference inside a schema means. */
const found = (root: unknown, ref: string): unknown =>
  ref
    .replace(/^#\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .reduce<unknown>(
      (at, part) => (isPlainRecord(at) ? at[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined),
      root
    )
