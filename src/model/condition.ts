/**
 * Conditions: questions about data, as data. There is no expression language and no regular expression,
 * so a document can never become code and never take exponential time.
 */
import type { Problem } from "./errors.ts"
import { suggest } from "./ids.ts"
import type { Condition, Mapping, Reference } from "./ir.ts"
import { canonical, type Json } from "./json.ts"
import { type Frame, isReference, type Lookup, resolver, scan } from "./mapping.ts"

export type Test = (frame: Frame) => boolean

const comparisons = {
  eq: (a: Json | undefined, b: Json | undefined) => same(a, b),
  ne: (a: Json | undefined, b: Json | undefined) => !same(a, b),
  lt: (a: Json | undefined, b: Json | undefined) => ordered(a, b) && a! < b!,
  lte: (a: Json | undefined, b: Json | undefined) => ordered(a, b) && a! <= b!,
  gt: (a: Json | undefined, b: Json | undefined) => ordered(a, b) && a! > b!,
  gte: (a: Json | undefined, b: Json | undefined) => ordered(a, b) && a! >= b!,
  in: (a: Json | undefined, b: Json | undefined) => Array.isArray(b) && b.some((item) => same(a, item))
} as const
type Comparison = keyof typeof comparisons

const operators = [...Object.keys(comparisons), "exists", "and", "or", "not"]
const regexNames = new Set(["match", "matches", "regex", "regexp", "pattern", "test", "like"])

/** Equal as JSON: order of keys does not matter. */
const same = (a: Json | undefined, b: Json | undefined): boolean =>
  a === b ||
  (typeof a === "object" && a !== null && typeof b === "object" && b !== null && canonical(a) === canonical(b))

/** Only two numbers, or two texts, have an order. */
const ordered = (a: Json | undefined, b: Json | undefined): boolean =>
  typeof a === typeof b && (typeof a === "number" || typeof a === "string")

/** Compiles a condition into a function. A reference alone asks whether its value is there and not null, false, 0 or "". */
export const test = (condition: Condition, lookup: Lookup): Test => {
  if (typeof condition === "boolean") return () => condition
  if (isReference(condition)) {
    const value = resolver(condition, lookup, "omit")
    return (frame) => Boolean(value(frame))
  }
  const [[name, operand]] = Object.entries(condition) as [[string, unknown]]
  switch (name) {
    case "and": {
      const all = (operand as ReadonlyArray<Condition>).map((one) => test(one, lookup))
      return (frame) => all.every((one) => one(frame))
    }
    case "or": {
      const any = (operand as ReadonlyArray<Condition>).map((one) => test(one, lookup))
      return (frame) => any.some((one) => one(frame))
    }
    case "not": {
      const inner = test(operand as Condition, lookup)
      return (frame) => !inner(frame)
    }
    case "exists": {
      const value = resolver(operand as Reference, lookup, "omit")
      return (frame) => value(frame) !== undefined
    }
    default: {
      const [left, right] = (operand as ReadonlyArray<Mapping>).map((side) => resolver(side, lookup, "omit"))
      const compare = comparisons[name as Comparison]
      return (frame) => compare(left!(frame), right!(frame))
    }
  }
}

/** Calls `found` for each reference in a condition. */
export const scanCondition = (
  condition: Condition | undefined,
  found: (reference: Reference, path: string) => void,
  path = ""
): void => {
  if (condition === undefined || typeof condition === "boolean") return
  if (isReference(condition)) return found(condition, path)
  for (const [name, operand] of Object.entries(condition)) {
    if (name === "and" || name === "or")
      (operand as ReadonlyArray<Condition>).forEach((one, i) => scanCondition(one, found, `${path}/${name}/${i}`))
    else if (name === "not") scanCondition(operand as Condition, found, `${path}/not`)
    else scan(operand as Mapping, found, `${path}/${name}`)
  }
}

/** Everything wrong with the form of a condition from outside. */
export const conditionProblems = (condition: unknown, path: string): ReadonlyArray<Problem> => {
  const problem = (
    code: "EXPR_SYNTAX" | "REGEX_NOT_ALLOWED",
    message: string,
    hint: string,
    at = path
  ): ReadonlyArray<Problem> => [{ code, severity: "error", path: at, message, hint }]
  const forms = 'write data like {"gt": [{"$": "score"}, 0.5]}; operators: ' + operators.join(", ")
  if (typeof condition === "boolean" || isReference(condition)) return []
  if (typeof condition === "string")
    return problem(
      "EXPR_SYNTAX",
      `the text ${JSON.stringify(condition.slice(0, 80))} is not a condition: expressions are never evaluated`,
      forms
    )
  if (typeof condition !== "object" || condition === null || Array.isArray(condition))
    return problem("EXPR_SYNTAX", "a condition is true, false, a reference or an object with one operator", forms)
  const entries = Object.entries(condition)
  if (entries.length !== 1)
    return problem("EXPR_SYNTAX", `a condition has one operator and this has ${entries.length}`, forms)
  const [name, operand] = entries[0]!
  const inside = `${path}/${name}`
  if (regexNames.has(name.toLowerCase()))
    return problem(
      "REGEX_NOT_ALLOWED",
      `the operator '${name}' is not there: a regular expression can take exponential time`,
      "compare with eq or in, or decide in a task"
    )
  if (name === "and" || name === "or") {
    if (!Array.isArray(operand)) return problem("EXPR_SYNTAX", `'${name}' takes a list of conditions`, forms)
    return operand.flatMap((one, i) => conditionProblems(one, `${inside}/${i}`))
  }
  if (name === "not") return conditionProblems(operand, inside)
  if (name === "exists") return isReference(operand) ? [] : problem("EXPR_SYNTAX", "'exists' takes a reference", forms)
  if (!Object.hasOwn(comparisons, name))
    return problem("EXPR_SYNTAX", `there is no operator '${name}'`, suggest(name, operators) || forms)
  return Array.isArray(operand) && operand.length === 2
    ? []
    : problem("EXPR_SYNTAX", `'${name}' compares two values and takes a list of two`, forms)
}
