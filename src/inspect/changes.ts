/** What became of a value, as patches of immer: where the values are the same object nothing is looked at. */
import { enablePatches, produceWithPatches } from "immer"
import type { Json } from "../model/json.ts"
import type { Patch } from "./protocol.ts"

enablePatches()

/** The patches that lead from one value to the other; both are plain data and stay as they are. */
export const changesOf = (before: Json | undefined, after: Json | undefined): ReadonlyArray<Patch> => {
  if (before === after) return none
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ op: "replace", path: [], value: after ?? null }]
  const [, patches] = produceWithPatches(before, (draft) => become(draft as Container, before, after))
  return patches as ReadonlyArray<Patch>
}
const none: ReadonlyArray<Patch> = []

type Container = { [key: string]: Json } | Array<Json>

const isContainer = (value: Json | undefined): value is Container => typeof value === "object" && value !== null

/** Assigns to a draft what is different. */
const become = (draft: Container, before: Container, after: Container): void => {
  const to = draft as { [key: string]: Json }
  const was = before as { [key: string]: Json }
  const is = after as { [key: string]: Json }
  if (Array.isArray(draft) && draft.length > (after as Array<Json>).length) draft.length = (after as Array<Json>).length
  for (const key of Object.keys(is)) {
    const one = is[key]!
    const other = Object.hasOwn(was, key) ? was[key] : undefined
    if (one === other) continue
    if (isContainer(one) && isContainer(other) && Array.isArray(one) === Array.isArray(other))
      become(to[key] as Container, other, one)
    else to[key] = one
  }
  if (!Array.isArray(draft)) for (const key of Object.keys(was)) if (!Object.hasOwn(is, key)) delete to[key]
}
