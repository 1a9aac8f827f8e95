/** Workflows inside workflows: where they stand, and which one a name means. */
import { type Each, kindOf, type TaskIR, type WorkflowIR } from "./ir.ts"
import { escapePointer } from "./mapping.ts"

/** The workflows that can be named at some place: those of the document and of the documents around it. */
export type WorkflowTable = { readonly [name: string]: Definition }

/** A workflow together with the names it can use. */
export interface Definition {
  readonly ir: WorkflowIR
  readonly table: WorkflowTable
}

const tables = new WeakMap<WorkflowIR, WeakMap<WorkflowTable, Definition>>()
const noTable: WorkflowTable = Object.freeze({})

/** A workflow with its own named workflows added to those around it. The same arguments give the same definition. */
export const definition = (ir: WorkflowIR, around: WorkflowTable = noTable): Definition => {
  const made = tables.get(ir) ?? new WeakMap<WorkflowTable, Definition>()
  tables.set(ir, made)
  const before = made.get(around)
  if (before !== undefined) return before
  const table: Record<string, Definition> =
    ir.workflows === undefined ? (around as Record<string, Definition>) : { ...around }
  const result = { ir, table }
  made.set(around, result)
  // named workflows see each other and those around; they are bound to this table, which is complete only after the loop
  for (const [name, nested] of Object.entries(ir.workflows ?? {}))
    table[name] = { ir: nested, table: nested.workflows === undefined ? table : extended(nested, table) }
  return result
}

const extended = (nested: WorkflowIR, table: WorkflowTable): WorkflowTable => {
  const own: Record<string, Definition> = Object.create(table)
  for (const [name, inner] of Object.entries(nested.workflows!))
    own[name] = { ir: inner, table: inner.workflows === undefined ? own : extended(inner, own) }
  return own
}

/** The workflow that a task names or contains; undefined for an unknown name. */
export const resolveNested = (
  { table }: Pick<Definition, "table">,
  nested: string | WorkflowIR
): Definition | undefined => {
  if (typeof nested !== "string") return definition(nested, table)
  return Object.hasOwn(Object.prototype, nested) ? undefined : table[nested]
}

/** The workflows that a task names or contains, each with its JSON pointer below the task. */
export const nestedOf = (task: TaskIR): ReadonlyArray<readonly [string | WorkflowIR, string]> => {
  switch (kindOf(task)) {
    case "use":
    case "repeat":
      return [[(task as { workflow: string | WorkflowIR }).workflow, "/workflow"]]
    case "map": {
      const { each } = task as { each: Each }
      return "workflow" in each ? [[each.workflow, "/each/workflow"]] : []
    }
    case "branch": {
      const { cases, otherwise } = task as {
        cases: Record<string, string | WorkflowIR>
        otherwise?: string | WorkflowIR
      }
      const named = Object.entries(cases).map(([name, nested]) => [nested, `/cases/${escapePointer(name)}`] as const)
      return otherwise === undefined ? named : [...named, [otherwise, "/otherwise"]]
    }
    default:
      return []
  }
}

/** Calls `found` for each whole workflow that stands inside a document: named ones, and those inside tasks. */
export const forEachInner = (ir: WorkflowIR, found: (inner: WorkflowIR, path: string) => void): void => {
  for (const [name, inner] of Object.entries(ir.workflows ?? {})) found(inner, `/workflows/${escapePointer(name)}`)
  ir.tasks.forEach((task, i) => {
    for (const [nested, path] of nestedOf(task)) if (typeof nested !== "string") found(nested, `/tasks/${i}${path}`)
  })
}

/** Tasks of a document with those of the workflows inside it, as they are written. */
export const countTasks = (ir: WorkflowIR): number => {
  let total = 0
  const open = [ir]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    total += next.tasks.length
    forEachInner(next, (inner) => open.push(inner))
  }
  return total
}
