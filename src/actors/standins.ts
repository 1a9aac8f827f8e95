/**
 * What stands in for a task that has failed for good: its fallbacks one after the other, each in a place of its own beside the
 * task (`quote~1`), then perhaps a person (`quote~wait`). Says what comes next and where it stands; starts nothing.
 */
import type { CompiledFallback, CompiledTask, Structure } from "../model/compile.ts"
import type { Failure } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Frame } from "../model/mapping.ts"
import type { Instead } from "../model/messages.ts"
import type { Check } from "../model/schemas.ts"
import { GatePlace, type Room } from "./room.ts"

/** The next fallback that is worth a try. */
export type Next =
  | { readonly is: "value"; readonly value: Json }
  | { readonly is: "work"; readonly step: number }
  | { readonly is: "nothing" }

/** What follows after `step` fallbacks were tried. A value that cannot be put together, or does not fit, is none. */
export const nextFallback = (
  fallbacks: ReadonlyArray<CompiledFallback>,
  step: number,
  frame: Frame,
  check: Check | undefined
): Next => {
  for (let i = step; i < fallbacks.length; i++) {
    const one = fallbacks[i]!
    if (one.kind !== "value") return { is: "work", step: i + 1 }
    try {
      const value = one.value(frame) ?? null
      check?.(value)
      return { is: "value", value }
    } catch {
      // the next one may do better
    }
  }
  return { is: "nothing" }
}

/** By what a result was given, for people. */
export const insteadOf = (fallbacks: ReadonlyArray<CompiledFallback>, step: number): Instead =>
  fallbacks[step - 1]?.kind === "lastGood" ? "lastGood" : "task"

/** Which fallback a child is: `quote~2` the second; 0 for the task itself. */
export const stepOf = (id: string): number => {
  const at = id.lastIndexOf("~")
  return at === -1 ? 0 : Number(id.slice(at + 1))
}

const suffix = "~wait"
export const isWait = (id: string): boolean => id.endsWith(suffix)

/** Where a failed task waits for a person: a gate that shows why it failed. */
export const waitPlace = (room: Room, path: string, task: CompiledTask, frame: Frame, failure: Failure): GatePlace => {
  const show = { failed: failure.code ?? failure.tag, because: failure.message } satisfies Json
  const structure: Extract<Structure, { kind: "gate" }> = {
    kind: "gate",
    show: () => show,
    withinMs: task.patience?.withinMs,
    otherwise: undefined,
    signal: undefined,
    checkOut: task.structure.kind === "leaf" ? task.work?.checkOut : undefined
  }
  const gate: CompiledTask = {
    ...task,
    kind: "gate",
    ir: { id: task.id, kind: "gate" },
    work: undefined,
    structure
  }
  return new GatePlace(room, path, gate, frame, structure)
}
