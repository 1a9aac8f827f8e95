/** Which tasks of a definition would reach outside although they may not: known before anything starts. */
import type { Problem } from "../model/errors.ts"
import { fallbackPlaces } from "../model/failing.ts"
import { kindOf, type TaskIR, type WorkflowIR } from "../model/ir.ts"
import { forEachInner } from "../model/nested.ts"
import { type Allow, isAllowed } from "./builtin.ts"

/** Tasks whose kind would need `--allow`. */
export const allowProblems = (ir: WorkflowIR, allow: Allow, path = ""): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const look = (kind: string, at: string) => {
    if (isAllowed(kind, allow)) return
    problems.push({
      code: "KIND_NOT_ALLOWED",
      severity: "error",
      path: at,
      message: `tasks of kind '${kind}' run only when they are allowed`,
      hint: `add --allow ${kind} if you trust the file`
    })
  }
  ir.tasks.forEach((task, i) => {
    look(workKind(task), `${path}/tasks/${i}`)
    for (const [one, at] of fallbackPlaces(task)) if ("kind" in one) look(one.kind, `${path}/tasks/${i}${at}`)
  })
  ir.agents?.forEach((agent, i) => {
    if (agent.does !== undefined) look(agent.does.kind, `${path}/agents/${i}/does`)
  })
  forEachInner(ir, (inner, under) => problems.push(...allowProblems(inner, allow, path + under)))
  return problems
}

const workKind = (task: TaskIR): string => {
  const work = "each" in task ? task.each : task
  return "kind" in work ? work.kind : kindOf(task)
}
