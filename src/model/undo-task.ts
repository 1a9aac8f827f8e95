/** An undo made ready to run: a task that reads nothing but the effect that it takes back. */
import { type CompiledTask, ownWork } from "./compile.ts"
import { type JsonSchema, kindOf, type Mapping, type TaskIR, type Undo, type UndoWork } from "./ir.ts"
import { type Frame, type Lookup, resolver, type SpecialRoot } from "./mapping.ts"
import type { Effected } from "./saga.ts"
import { undoRoots } from "./undo.ts"

/** Undoing is worth more than one attempt. */
const undoRetry = { attempts: 5 } as const

const known = new WeakMap<UndoWork, CompiledTask>()

/** What came of an attempt of which nobody knew: nothing, or its result. */
export const verdict: JsonSchema = {
  anyOf: [{ type: "null" }, { type: "object", required: ["result"], properties: { result: true } }]
}

/** The task that undoes. */
export const undoTask = (work: UndoWork): CompiledTask => compiled(work, "undo", {})

/** The task that finds out whether there is anything to undo. */
export const verifyTask = (work: UndoWork): CompiledTask => compiled(work, "verify", { out: verdict })

const compiled = (work: UndoWork, id: string, more: object): CompiledTask => {
  const before = known.get(work)
  if (before !== undefined) return before
  const { input = whole, onUnknown: _, verify: __, ...own } = work as Undo
  const ir = { id, retry: undoRetry, ...more, ...own } as unknown as TaskIR
  const resolve = (mapping: Mapping | undefined) => resolver(mapping, lookup, "omit")
  const made: CompiledTask = {
    index: -1,
    id,
    kind: kindOf(ir),
    ir,
    priority: 100,
    when: undefined,
    input: resolve(input),
    work: ownWork(ir, { resolve, resolveItem: resolve }),
    structure: { kind: "leaf" }
  }
  known.set(work, made)
  return made
}

const whole: Mapping = Object.fromEntries(undoRoots.map((root) => [root, { $: root }]))
const lookup: Lookup = ([first, ...path]) => ({ root: { at: first as SpecialRoot }, path })

/** What an undo reads from. */
export const frameOf = ({ result, request, key, isUnknown }: Effected): Frame => ({
  input: undefined,
  values: [],
  result,
  request,
  key,
  isUnknown
})
