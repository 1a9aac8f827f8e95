/** The form for an answer, made from its JSON Schema where that is plain enough; else people write JSON. */
import type { JsonSchema } from "../src/model/ir.ts"
import type { Json } from "../src/model/json.ts"

export interface Field {
  readonly name: string
  readonly label: string
  readonly hint: string | undefined
  readonly kind: "text" | "number" | "integer" | "flag" | "choice"
  readonly isRequired: boolean
  readonly choices: ReadonlyArray<Json>
  readonly minimum: number | undefined
  readonly maximum: number | undefined
  readonly first: Json | undefined
}

/** Most fields of a form. */
const fieldsMost = 30

type Schema = { readonly [key: string]: unknown }

/** The fields of an object of plain values; undefined when there is more to it than a form can say. */
export const fieldsOf = (schema: JsonSchema): ReadonlyArray<Field> | undefined => {
  const { type, properties, required, additionalProperties } = (typeof schema === "boolean" ? {} : schema) as Schema
  if (type !== "object" || typeof properties !== "object" || properties === null) return undefined
  if (additionalProperties !== undefined && typeof additionalProperties === "object") return undefined
  const names = Object.keys(properties)
  if (names.length === 0 || names.length > fieldsMost) return undefined
  const needed = new Set(Array.isArray(required) ? required.map(String) : [])
  const fields: Array<Field> = []
  for (const name of names) {
    const field = fieldOf(name, (properties as Schema)[name], needed.has(name))
    if (field === undefined) return undefined
    fields.push(field)
  }
  return fields
}

const fieldOf = (name: string, given: unknown, isRequired: boolean): Field | undefined => {
  if (given === null || typeof given !== "object") return undefined
  const schema = given as Schema
  const base = {
    name,
    label: typeof schema["title"] === "string" ? schema["title"] : name,
    hint: typeof schema["description"] === "string" ? schema["description"] : undefined,
    isRequired,
    choices: [] as ReadonlyArray<Json>,
    minimum: numberOf(schema["minimum"]),
    maximum: numberOf(schema["maximum"]),
    first: schema["default"] as Json | undefined
  }
  if (Array.isArray(schema["enum"])) return { ...base, kind: "choice", choices: schema["enum"] as ReadonlyArray<Json> }
  switch (schema["type"]) {
    case "string":
      return { ...base, kind: "text" }
    case "number":
      return { ...base, kind: "number" }
    case "integer":
      return { ...base, kind: "integer" }
    case "boolean":
      return { ...base, kind: "flag" }
    default:
      return undefined
  }
}

const numberOf = (value: unknown) => (typeof value === "number" ? value : undefined)

/** What was written into the fields as a value, or what is wrong with it. A text that is absent is left out. */
export const valueOf = (
  fields: ReadonlyArray<Field>,
  written: { readonly [name: string]: string | boolean }
): { readonly value: Json } | { readonly wrong: string } => {
  const value: Record<string, Json> = {}
  for (const { name, label, kind, isRequired, choices, minimum, maximum } of fields) {
    const given = written[name]
    if (kind === "flag") {
      value[name] = given === true
      continue
    }
    const text = typeof given === "string" ? given : ""
    if (text === "") {
      if (isRequired) return { wrong: `${label} is needed` }
      continue
    }
    if (kind === "text") value[name] = text
    else if (kind === "choice") {
      const choice = choices[Number(text)]
      if (choice === undefined) return { wrong: `${label} is none of what there is` }
      value[name] = choice
    } else {
      const number = Number(text)
      if (!Number.isFinite(number) || (kind === "integer" && !Number.isInteger(number)))
        return { wrong: `${label} is not ${kind === "integer" ? "a whole number" : "a number"}` }
      if (minimum !== undefined && number < minimum) return { wrong: `${label} is at least ${minimum}` }
      if (maximum !== undefined && number > maximum) return { wrong: `${label} is at most ${maximum}` }
      value[name] = number
    }
  }
  return { value }
}

/** A text as JSON, or what is wrong with it. */
export const parsed = (text: string): { readonly value: Json } | { readonly wrong: string } => {
  try {
    return { value: JSON.parse(text) as Json }
  } catch (error) {
    return { wrong: `this is not JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}
