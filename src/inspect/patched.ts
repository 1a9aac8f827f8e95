/** A value after some patches; what did not change is shared with the value before. */
import { applyPatches, enablePatches, type Patch as ImmerPatch } from "immer"
import type { Json } from "../model/json.ts"
import type { Patch } from "./protocol.ts"

enablePatches()

export const patched = (value: Json | undefined, patches: ReadonlyArray<Patch>): Json | undefined => {
  const [whole] = patches
  if (whole !== undefined && whole.path.length === 0) return whole.value
  if (value === null || typeof value !== "object") return value
  return applyPatches(value as object, patches as unknown as ReadonlyArray<ImmerPatch>) as Json
}
