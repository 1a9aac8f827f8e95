/**
 * What can be wrong with an undo before anything runs. It reads nothing but the effect that it takes back: what the task was given
 * and gave, and under which key.
 */
import type { Problem } from "./errors.ts"
import { segments } from "./ids.ts"
import type { Each, TaskIR, Undo, UndoWork, Work, WorkflowIR } from "./ir.ts"
import { type SpecialRoot, scan } from "./mapping.ts"
import { workSettings } from "./work-settings.ts"

/** What an undo may read. */
export const undoRoots = ["result", "request", "key", "isUnknown"] as const satisfies ReadonlyArray<SpecialRoot>

/** The undo of a task, or of the items of a fan-out, with its place. */
export const undoOf = (task: TaskIR): { readonly undo: Undo; readonly under: string } | undefined => {
  const isEach = "each" in task
  const work = (isEach ? (task as { each: Each }).each : task) as Partial<Work>
  return work.undo === undefined ? undefined : { undo: work.undo, under: isEach ? "/each/undo" : "/undo" }
}

/** What is wrong with the undos of a workflow. */
export const undoProblems = (ir: WorkflowIR): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  ir.tasks.forEach((task, i) => {
    const found = undoOf(task)
    if (found === undefined) return
    const path = `/tasks/${i}${found.under}`
    const { undo } = found
    const say = (at: string, message: string, hint: string) =>
      problems.push({ code: "POLICY_INVALID", severity: "error", path: `${path}${at}`, message, hint })
    checkReferences(undo, path, problems)
    if (undo.verify !== undefined) checkReferences(undo.verify, `${path}/verify`, problems)
    if (undo.onUnknown === "verify" && undo.verify === undefined)
      say("/onUnknown", `the undo of '${task.id}' does not say how to find out what came of it`, 'add "verify"')
    if (undo.verify !== undefined && undo.onUnknown !== "verify")
      say("/verify", `the undo of '${task.id}' never asks this`, 'add "onUnknown": "verify", or leave it out')
    if ((task as { pivot?: boolean }).pivot === true)
      say("", `'${task.id}' is a pivot: once it has succeeded nothing is undone`, "leave out undo or pivot")
  })
  return problems
}

const checkReferences = (work: UndoWork, path: string, problems: Array<Problem>): void => {
  const look = (under: string) => (reference: { readonly $: string | ReadonlyArray<string> }, at: string) => {
    const [first = ""] = segments(reference.$)
    if ((undoRoots as ReadonlyArray<string>).includes(first)) return
    problems.push({
      code: "REF_SCOPE",
      severity: "error",
      path: `${path}${under}${at}`,
      message: `an undo reads ${undoRoots.join(", ")} and not '${first}'`,
      hint: "let the task give it as part of its result, or take it as part of its input"
    })
  }
  scan(work.input, look("/input"))
  scan(workSettings(work), look(""))
}

/** The name of the code that an undo runs, if it runs code. */
export const undoCodeOf = (work: UndoWork): string | undefined => ("task" in work ? work.task : undefined)
