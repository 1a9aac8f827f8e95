/** Whether items of fan-outs may be taken for each other, as far as the definition tells: nothing below an item goes by its value. */
import { kindOf, type TaskIR, type WorkflowIR } from "../../model/ir.ts"
import { type Definition, definition, nestedOf, resolveNested } from "../../model/nested.ts"

export const areItemsAlike = (ir: WorkflowIR): boolean => look(definition(ir), false, new Set())

const look = (at: Definition, isBelowItem: boolean, seen: Set<string>): boolean => {
  for (const task of at.ir.tasks) {
    if (isBelowItem && goesByValue(task)) return false
    for (const [nested] of nestedOf(task)) {
      const isBelow = isBelowItem || kindOf(task) === "map"
      // workflows that are named may name each other
      const name = typeof nested === "string" ? `${nested} ${isBelow}` : undefined
      if (name !== undefined && seen.has(name)) continue
      if (name !== undefined) seen.add(name)
      const inner = resolveNested(at, nested)
      if (inner !== undefined && !look(inner, isBelow, seen)) return false
    }
  }
  return true
}

const goesByValue = (task: TaskIR): boolean => {
  if (task.when !== undefined) return true
  const kind = kindOf(task)
  if (kind === "map")
    return !Array.isArray((task as { over: unknown }).over) && !isNumber((task as { over: unknown }).over)
  if (kind === "sleep") return !isNumber((task as { durationMs: unknown }).durationMs)
  return kind === "branch" || kind === "repeat" || kind === "expand"
}

const isNumber = (value: unknown): boolean => typeof value === "number"
