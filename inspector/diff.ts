/** What an event changed in a value, as a tree. Parts that are shared with the value before are not looked into. */
import type { Json } from "../src/model/json.ts"

export type Change = "same" | "added" | "removed" | "changed" | "inside"

export interface Difference {
  readonly key: string
  readonly change: Change
  readonly before: Json | undefined
  readonly after: Json | undefined
  /** Of a list or an object in which something changed. */
  readonly children: ReadonlyArray<Difference>
}

/** Most places that are compared; what is beyond counts as changed as a whole. */
export const comparedMost = 5_000

export const difference = (before: Json | undefined, after: Json | undefined, key = ""): Difference => {
  let left = comparedMost
  const compare = (a: Json | undefined, b: Json | undefined, name: string): Difference => {
    const leaf = (change: Change): Difference => ({ key: name, change, before: a, after: b, children: [] })
    if (a === b) return leaf("same")
    if (a === undefined) return leaf("added")
    if (b === undefined) return leaf("removed")
    if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return leaf("changed")
    const children: Array<Difference> = []
    let isSame = true
    for (const one of keysOf(a, b)) {
      if (left-- <= 0) return leaf("changed")
      const child = compare(at(a, one), at(b, one), one)
      children.push(child)
      if (child.change !== "same") isSame = false
    }
    return { ...leaf(isSame ? "same" : "inside"), children }
  }
  return compare(before, after, key)
}

/** How many places were added, removed and changed. */
export const tally = (
  one: Difference
): { readonly added: number; readonly removed: number; readonly changed: number } => {
  const total = { added: 0, removed: 0, changed: 0 }
  const visit = ({ change, children }: Difference): void => {
    if (change === "added" || change === "removed" || change === "changed") total[change]++
    for (const child of children) visit(child)
  }
  visit(one)
  return total
}

type Container = ReadonlyArray<Json> | { readonly [key: string]: Json }
const isContainer = (value: Json): value is Container => value !== null && typeof value === "object"
const at = (value: Container, key: string): Json | undefined =>
  Array.isArray(value)
    ? value[Number(key)]
    : Object.hasOwn(value, key)
      ? (value as { readonly [key: string]: Json })[key]
      : undefined
const keysOf = (a: Container, b: Container): ReadonlyArray<string> => {
  if (Array.isArray(a) && Array.isArray(b))
    return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => String(i))
  return [...new Set([...Object.keys(b), ...Object.keys(a)])]
}
