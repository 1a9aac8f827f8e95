/** What each task of a workflow gave, worked out from what is written; tasks that gave nothing, or about which it does not tell, are missing. */
import { type CompiledWorkflow, compileWorkflow } from "../model/compile.ts"
import { topologicalOrder } from "../model/dependencies.ts"
import type { Fragment } from "../model/ir.ts"
import { deepFreeze, type Json } from "../model/json.ts"
import type { Frame } from "../model/mapping.ts"
import type { Message } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import type { Workflow } from "../model/workflow.ts"
import { type Came, counting, one, read, type Written, whole, withDefaults } from "./model.ts"

/** By path; tasks of a workflow that stands in a task and runs once there are in it too, as `outer/inner`. */
export const gaveIn = (
  workflow: Workflow,
  input: Json,
  messages: ReadonlyArray<Message>
): ReadonlyMap<string, Json> => {
  const compiled = compileWorkflow(definition(workflow.ir))
  const gave = new Map<string, Json>()
  note(compiled, input, "", read(compiled, counting(messages)), gave)
  return gave
}

const note = (
  compiled: CompiledWorkflow,
  given: Json | undefined,
  prefix: string,
  written: Written,
  gave: Map<string, Json>
): void => {
  const { tasks, graph } = compiled
  const values: Array<Json | undefined> = new Array(tasks.length)
  const frame = { input: withDefaults(compiled, given), values } as Frame
  for (const index of topologicalOrder(graph)) {
    const task = tasks[index]!
    const path = prefix + task.id
    try {
      if (task.when !== undefined && !task.when(frame)) continue
      const came = cameOf(compiled, index, frame, path, written)
      if (came.is !== "done") continue
      values[index] = came.value ?? null
      gave.set(path, came.value ?? null)
      if (task.structure.kind === "use")
        note(compileWorkflow(task.structure.nested), task.input(frame), `${path}/`, written, gave)
    } catch {
      // a mapping that fails: nothing is known about this one
    }
  }
}

const cameOf = (scope: CompiledWorkflow, index: number, frame: Frame, path: string, written: Written): Came => {
  const task = scope.tasks[index]!
  const { structure } = task
  if (structure.kind === "expand") return planned(scope, index, frame, path, written)
  const came = one(task, frame, path, written)
  // the model does not decide what came first at a gate; where nobody has said anything, it was the deadline
  const isDue = structure.kind === "gate" && written.fired.has(path) && !written.answers.has(path)
  if (!isDue || (structure.signal !== undefined && written.signals.has(structure.signal))) return came
  return structure.otherwise === undefined ? came : { is: "done", value: structure.otherwise(frame) }
}

/** What came of the tasks that a planner gave. */
const planned = (
  { tasks, ir, definition: around }: CompiledWorkflow,
  index: number,
  frame: Frame,
  path: string,
  written: Written
): Came => {
  const fragment = written.values.get(`${path}@plan`) as unknown as Fragment | undefined
  if (fragment === undefined) return { is: "open" }
  const missing = ir.config?.missing
  const nested = deepFreeze({
    ir: 1 as const,
    name: tasks[index]!.id,
    ...(missing === undefined ? {} : { config: { missing } }),
    tasks: fragment.tasks,
    ...(fragment.output === undefined ? {} : { output: fragment.output })
  })
  return whole(compileWorkflow(definition(nested, around.table)), tasks[index]!.input(frame), `${path}@tasks/`, written)
}
