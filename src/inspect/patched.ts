/**
 * A value after some patches; what did not change is shared with the value before. The patches are those that immer writes; they are
 * applied here by hand because a page that only reads needs nothing else of it.
 */
import type { Json } from "../model/json.ts"
import type { Patch } from "./protocol.ts"

export const patched = (value: Json | undefined, patches: ReadonlyArray<Patch>): Json | undefined => {
  let now = value
  for (const patch of patches) now = withPatch(now, patch, 0)
  return now
}

/** A patch that does not fit what is there changes nothing: what is shown may be short of something, and never breaks. */
const withPatch = (value: Json | undefined, patch: Patch, depth: number): Json | undefined => {
  const { op, path, value: given } = patch
  if (depth === path.length) return op === "remove" ? undefined : given
  if (value === null || typeof value !== "object") return value
  const key = path[depth]!
  const isLast = depth === path.length - 1
  if (Array.isArray(value)) {
    const list = value.slice() as Array<Json>
    if (isLast && key === "length") {
      if (typeof given === "number" && given < list.length) list.length = given
      return list
    }
    const at = Number(key)
    if (!Number.isInteger(at) || at < 0 || at > list.length) return value
    if (isLast && op === "add") list.splice(at, 0, given!)
    else if (isLast && op === "remove") list.splice(at, 1)
    else if (isLast) list[at] = given!
    else list[at] = withPatch(list[at], patch, depth + 1)!
    return list
  }
  const name = String(key)
  const had = Object.hasOwn(value, name) ? (value as { readonly [key: string]: Json })[name] : undefined
  const next = isLast && op === "remove" ? undefined : withPatch(had, patch, depth + 1)
  const copy = { ...value } as Record<string, Json>
  if (next === undefined) delete copy[name]
  // `__proto__` as a key of data stays data
  else if (name === "__proto__")
    Object.defineProperty(copy, name, { value: next, enumerable: true, configurable: true, writable: true })
  else copy[name] = next
  return copy
}
