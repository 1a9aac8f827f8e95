/** What can be wrong with gates before anything runs, and what is likely to be. */
import { type DependencyGraph, topologicalOrder } from "./dependencies.ts"
import { type Problem, SchemaMismatch } from "./errors.ts"
import { isId } from "./ids.ts"
import { type GateTask, kindOf, type Mapping, type TaskIR, type TaskKind, type WorkflowIR } from "./ir.ts"
import { type Lookup, resolver, scanReferences } from "./mapping.ts"
import { jsonSchemaCheck, jsonSchemaProblems } from "./schemas.ts"

/** What is wrong with the settings of one gate. */
export const gateProblems = (
  { id, withinMs, otherwise, signal, out }: GateTask,
  path: string
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const say = (at: string, message: string, hint: string) =>
    problems.push({ code: "POLICY_INVALID", severity: "error", path: `${path}${at}`, message, hint })
  if (withinMs !== undefined && otherwise === undefined)
    say("/withinMs", `gate '${id}' does not say what happens when nobody answers in time`, 'add "otherwise"')
  if (withinMs === undefined && otherwise !== undefined)
    say("/otherwise", `gate '${id}' waits for ever, so this never happens`, 'add "withinMs", or leave it out')
  if (signal !== undefined && !isId(signal))
    problems.push({
      code: "ID_INVALID",
      severity: "error",
      path: `${path}/signal`,
      message: `the signal ${JSON.stringify(signal)} is not allowed`,
      hint: "a letter or digit, then letters, digits, '.', '_', '+' or '-'"
    })
  if (typeof otherwise === "object" && out !== undefined && jsonSchemaProblems(out, "").length === 0) {
    const wrong = isPlain(otherwise.value) ? mismatch(out, otherwise.value) : undefined
    if (wrong !== undefined) say("/otherwise/value", wrong, "the default must be an answer that the gate would take")
  }
  return problems
}

const isPlain = (mapping: Mapping): boolean => {
  let plain = true
  scanReferences(mapping, () => {
    plain = false
  })
  return plain
}

const mismatch = (schema: NonNullable<GateTask["out"]>, value: Mapping): string | undefined => {
  try {
    jsonSchemaCheck(schema, "the default")?.(resolver(value, nowhere, "omit")({ input: undefined, values: [] }))
    return undefined
  } catch (error) {
    return error instanceof SchemaMismatch ? error.message : "the default cannot be checked"
  }
}

const nowhere: Lookup = () => ({ root: { at: "input" }, path: [] })

/** Kinds that change nothing outside: they may well run before somebody has said yes. */
const harmless: ReadonlySet<TaskKind> = new Set(["noop", "echo", "fail", "sleep", "gate", "derive"])
/** Most gates that are looked at this closely. */
const lookedAtMost = 100

/**
 * Edges come from data, so a task below a gate starts before it is answered, unless it reads from it or says `after`.
 * A word about each task with effects that does; nothing about those that the gate itself waits for.
 */
export const notAwaited = (ir: WorkflowIR, graph: DependencyGraph): ReadonlyArray<Problem> => {
  if (!ir.tasks.some((task) => kindOf(task) === "gate")) return []
  const last = lastGates(ir, graph)
  const problems: Array<Problem> = []
  let above = -1
  let looked = 0
  let feeds: Uint8Array | undefined
  for (let task = 0; task < ir.tasks.length && looked <= lookedAtMost; task++) {
    const one = ir.tasks[task]!
    if (kindOf(one) === "gate") {
      above = task
      feeds = undefined
    } else if (above !== -1 && last[task]! < above && hasEffects(one)) {
      if (feeds === undefined) {
        feeds = behind(graph, above)
        looked++
      }
      if (feeds[task] === 0) problems.push(problemOf(one, task, ir.tasks[above]!.id))
    }
  }
  return problems
}

const problemOf = ({ id }: TaskIR, index: number, gate: string): Problem => ({
  code: "GATE_NOT_AWAITED",
  severity: "warning",
  path: `/tasks/${index}`,
  message: `'${id}' stands below the gate '${gate}' and does not wait for it: it starts before anybody has answered`,
  hint: `add "after": ["${gate}"], or declare it above the gate`
})

const hasEffects = (task: TaskIR): boolean => {
  const kind = kindOf(task)
  if (kind !== "map") return !harmless.has(kind)
  const { each } = task as { each: object }
  return !("kind" in each) || !harmless.has(each.kind as TaskKind)
}

/** For each task the lowest gate of the document that it waits for, directly or through others; -1 for none. */
const lastGates = (ir: WorkflowIR, graph: DependencyGraph): Int32Array => {
  const last = new Int32Array(graph.size).fill(-1)
  const { predecessorStart, predecessors } = graph
  for (const task of topologicalOrder(graph)) {
    for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) {
      const before = predecessors[k]!
      const gate = kindOf(ir.tasks[before]!) === "gate" ? before : -1
      last[task] = Math.max(last[task]!, last[before]!, gate)
    }
  }
  return last
}

/** The tasks that a gate waits for, directly or through others. */
const behind = ({ size, predecessorStart, predecessors }: DependencyGraph, gate: number): Uint8Array => {
  const found = new Uint8Array(size)
  const open = [gate]
  for (let task = open.pop(); task !== undefined; task = open.pop())
    for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) {
      const before = predecessors[k]!
      if (found[before] === 1) continue
      found[before] = 1
      open.push(before)
    }
  return found
}
