/**
 * Checking data against what was declared for it: Standard Schemas from code (zod, valibot, arktype, effect …),
 * JSON Schemas from documents. Patterns are refused: a regular expression of a stranger can take exponential time.
 */
import { Validator } from "@cfworker/json-schema"
import type { StandardSchemaV1 } from "@standard-schema/spec"
import { type Problem, SchemaMismatch } from "./errors.ts"
import type { JsonSchema } from "./ir.ts"
import { isPlainRecord } from "./json.ts"
import { escapePointer } from "./mapping.ts"

/** Anything that can check a value: zod, valibot, arktype, effect and others implement this interface. */
export type AnySchema = StandardSchemaV1<any, any>
export type InferInput<S extends AnySchema> = StandardSchemaV1.InferInput<S>
export type InferOutput<S extends AnySchema> = StandardSchemaV1.InferOutput<S>

/** Checks a value, giving back what the schema makes of it; throws or rejects with `SchemaMismatch`. */
export type Check = (value: unknown) => unknown

/**
 * A schema that accepts everything and carries only a type, for data that needs no check.
 *
 * ```ts check
 * type<number>()["~standard"].vendor // => "troupe"
 * ```
 */
export const type = <T>(): StandardSchemaV1<T, T> => anything as StandardSchemaV1<T, T>
const anything: StandardSchemaV1 = { "~standard": { version: 1, vendor: "troupe", validate: (value) => ({ value }) } }

/** The check of a Standard Schema; undefined when it accepts everything. */
export const standardCheck = (schema: AnySchema | undefined, subject: string): Check | undefined => {
  if (schema === undefined || schema === anything) return undefined
  const standard = schema["~standard"]
  const settle = (result: StandardSchemaV1.Result<unknown>) => {
    if (result.issues === undefined) return result.value
    throw new SchemaMismatch({
      subject,
      issues: result.issues
        .slice(0, 20)
        .map(({ message, path }) => ({ message, path: (path ?? []).map(keyOf).join(".") }))
    })
  }
  return (value) => {
    const result = standard.validate(value)
    return result instanceof Promise ? result.then(settle) : settle(result)
  }
}
const keyOf = (segment: PropertyKey | { readonly key: PropertyKey }) =>
  String(typeof segment === "object" ? segment.key : segment)

/** The check of a JSON Schema; undefined when it accepts everything. */
export const jsonSchemaCheck = (schema: JsonSchema | undefined, subject: string): Check | undefined => {
  if (schema === undefined || schema === true) return undefined
  const validator = new Validator(thaw(schema) as object, "2020-12", false)
  return (value) => {
    const { valid, errors } = validator.validate(value)
    if (valid) return value
    // the innermost error of each place says most
    const issues = errors.filter(({ keyword }) => !containers.has(keyword)).slice(0, 20)
    throw new SchemaMismatch({
      subject,
      issues: (issues.length > 0 ? issues : errors.slice(0, 5)).map(({ instanceLocation, error }) => ({
        path: instanceLocation.replace(/^#\/?/, "").replaceAll("/", "."),
        message: error
      }))
    })
  }
}
const containers = new Set(["properties", "items", "prefixItems", "allOf", "$ref"])

/** The validator marks schemas as it goes, so it gets a copy that is not frozen. */
const thaw = (schema: unknown): unknown => (typeof schema === "boolean" ? schema : structuredClone(schema))

const refused: ReadonlySet<string> = new Set(["pattern", "patternProperties", "format"])

/** What is wrong with a JSON Schema from outside. */
export const jsonSchemaProblems = (schema: unknown, path: string): ReadonlyArray<Problem> => {
  if (typeof schema === "boolean") return []
  if (!isPlainRecord(schema))
    return [{ code: "SHAPE", severity: "error", path, message: "a JSON Schema is an object, true or false", hint: "" }]
  const problems: Array<Problem> = []
  visitSchema(schema, path, problems)
  return problems
}

/** Keywords whose values are names of data, not keywords. */
const named = new Set(["properties", "$defs", "definitions", "dependentSchemas"])
const literal = new Set(["const", "enum", "default", "examples"])

const visitSchema = (schema: unknown, path: string, problems: Array<Problem>): void => {
  if (Array.isArray(schema)) {
    schema.forEach((item, i) => {
      visitSchema(item, `${path}/${i}`, problems)
    })
    return
  }
  if (!isPlainRecord(schema)) return
  for (const [keyword, value] of Object.entries(schema)) {
    const at = `${path}/${escapePointer(keyword)}`
    if (refused.has(keyword))
      problems.push({
        code: "REGEX_NOT_ALLOWED",
        severity: "error",
        path: at,
        message: `'${keyword}' is not supported: a regular expression can take exponential time`,
        hint: "use enum, const, minLength and maxLength, or check in the task"
      })
    else if (keyword === "$ref" && !(typeof value === "string" && value.startsWith("#")))
      problems.push({
        code: "SHAPE",
        severity: "error",
        path: at,
        message: "only references inside the schema ('#/$defs/…') are followed",
        hint: "copy the definition into $defs"
      })
    else if (named.has(keyword) && isPlainRecord(value))
      for (const [name, inner] of Object.entries(value)) visitSchema(inner, `${at}/${escapePointer(name)}`, problems)
    else if (!literal.has(keyword)) visitSchema(value, at, problems)
  }
}
