/** An undo made ready to run: a task that reads nothing but the effect that it takes back. */
import { type CompiledTask, ownWork, unforgiving } from "./compile.ts"
import { SchemaMismatch } from "./errors.ts"
import { kindOf, type Mapping, type TaskIR, type Undo, type UndoWork } from "./ir.ts"
import { isPlainRecord } from "./json.ts"
import { type Frame, type Lookup, type Resolver, resolver, type SpecialRoot } from "./mapping.ts"
import type { Effected } from "./saga.ts"
import type { Check } from "./schemas.ts"
import { undoRoots } from "./undo.ts"

/** Undoing is worth more than one attempt. */
const undoRetry = { attempts: 5 } as const

const known = new WeakMap<UndoWork, CompiledTask>()

/** What came of an attempt of which nobody knew: null when it was not done, else `{"result": …}`. */
export const verdict =
  (where: string): Check =>
  (value) => {
    if (value === null || value === undefined) return null
    if (isPlainRecord(value) && Object.hasOwn(value, "result")) return value
    throw new SchemaMismatch({
      subject: where,
      issues: [
        { path: "", message: 'expected null (it was not done) or {"result": …} (it was, and this is what it gave)' }
      ]
    })
  }

/** What an undo gives does not matter; it need not even be JSON. */
const nothing: Check = () => null

/** The task that undoes. */
export const undoTask = (work: UndoWork): CompiledTask => compiled(work, "undo", nothing)

/** The task that finds out whether there is anything to undo. */
export const verifyTask = (work: UndoWork): CompiledTask => compiled(work, "verify", verdict("what verify gives"))

/** A gate for somebody who knows what came of an attempt. */
export const askTask = (show: Resolver): CompiledTask => ({
  ...verifyTask(somebody),
  kind: "gate",
  work: undefined,
  structure: {
    kind: "gate",
    show,
    withinMs: undefined,
    otherwise: undefined,
    signal: undefined,
    checkOut: verdict("the answer")
  }
})
const somebody: UndoWork = { kind: "noop" }

const compiled = (work: UndoWork, id: string, checkOut: Check): CompiledTask => {
  const before = known.get(work)
  if (before !== undefined) return before
  const { input = whole, onUnknown: _, verify: __, ...own } = work as Undo
  const ir = { id, retry: undoRetry, ...own } as unknown as TaskIR
  const resolve = (mapping: Mapping | undefined) => resolver(mapping, lookup, "omit")
  const made: CompiledTask = {
    index: -1,
    id,
    kind: kindOf(ir),
    ir,
    priority: 100,
    when: undefined,
    input: resolve(input),
    work: { ...ownWork(ir, { resolve, resolveItem: resolve })!, checkOut },
    structure: { kind: "leaf" },
    ...unforgiving
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
