/** Everything that is wrong with a workflow, at once: its tasks, the workflows inside it, and what they use of each other. */
import { analyse } from "./analysis.ts"
import { InvalidWorkflow, type Problem } from "./errors.ts"
import { suggest } from "./ids.ts"
import type { WorkflowIR } from "./ir.ts"
import { limits } from "./limits.ts"
import { countTasks, type Definition, definition, forEachInner, nestedOf, resolveNested } from "./nested.ts"

const known = new WeakMap<WorkflowIR, ReadonlyArray<Problem>>()

/**
 * All problems of a workflow, errors and warnings, each with code, JSON pointer, message and hint.
 * A workflow without errors can be planned and run.
 *
 * ```ts check
 * validate({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop", after: ["b"] }] })[0].code // => "DEP_UNKNOWN"
 * validate({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop" }] }) // => []
 * ```
 */
export const validate = (ir: WorkflowIR): ReadonlyArray<Problem> => {
  const before = known.get(ir)
  if (before !== undefined) return before
  const problems: Array<Problem> = []
  localProblems(ir, "", problems)
  useProblems(definition(ir), problems)
  const total = countTasks(ir)
  if (total > limits.tasks) {
    problems.push({
      code: "LIMIT_TASKS",
      severity: "error",
      path: "/tasks",
      message: `a workflow has at most ${limits.tasks.toLocaleString("en")} tasks, nested ones included, and this has ${total.toLocaleString("en")}`,
      hint: "fan out over data with kind 'map'"
    })
  }
  if (Object.isFrozen(ir)) known.set(ir, problems)
  return problems
}

/** The workflow itself, or an `InvalidWorkflow` error with all its problems. */
export const requireValid = (ir: WorkflowIR): WorkflowIR => {
  const problems = validate(ir).filter(({ severity }) => severity === "error")
  if (problems.length > 0) throw new InvalidWorkflow({ workflow: ir.name, problems })
  return ir
}

const localProblems = (ir: WorkflowIR, path: string, problems: Array<Problem>): void => {
  for (const problem of analyse(ir).problems)
    problems.push(path === "" ? problem : { ...problem, path: path + problem.path })
  forEachInner(ir, (inner, under) => localProblems(inner, path + under, problems))
}

/** Walks who uses whom: unknown names, ways back to a workflow that is still open, and too many levels. */
const useProblems = (root: Definition, problems: Array<Problem>): void => {
  const finished = new Set<WorkflowIR>()
  const visit = ({ ir, table }: Definition, open: ReadonlyArray<Open>, path: string): void => {
    if (open.length > limits.nesting) {
      problems.push({
        code: "LIMIT_DEPTH",
        severity: "error",
        path,
        message: `workflows are nested more than ${limits.nesting} levels deep`,
        hint: "flatten them"
      })
      return
    }
    ir.tasks.forEach((task, i) => {
      for (const [nested, under] of nestedOf(task)) {
        const place = `${path}/tasks/${i}${under}`
        const name = typeof nested === "string" ? nested : nested.name
        const found = resolveNested({ table }, nested)
        if (found === undefined) {
          problems.push({
            code: "WORKFLOW_UNKNOWN",
            severity: "error",
            path: place,
            message: `there is no workflow '${name}'`,
            hint: suggest(name, namesIn(table)) || "add it to 'workflows'"
          })
        } else if (open.some((one) => one.ir === found.ir)) {
          problems.push({
            code: "WORKFLOW_RECURSION",
            severity: "error",
            path: place,
            message: `the workflow '${name}' uses itself: ${[...open.slice(open.findIndex((one) => one.ir === found.ir)).map((one) => one.name), name].join(" → ")}`,
            hint: "repeat with kind 'repeat', which has a bound"
          })
        } else if (!finished.has(found.ir)) {
          visit(found, [...open, { name, ir: found.ir }], place)
          finished.add(found.ir)
        }
      }
    })
  }
  visit(root, [], "")
  for (const name of namesIn(root.table)) {
    const named = root.table[name]!
    if (!finished.has(named.ir)) visit(named, [{ name, ir: named.ir }], `/workflows/${name}`)
  }
}

interface Open {
  readonly name: string
  readonly ir: WorkflowIR
}

const namesIn = (table: object): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (const name in table) names.push(name)
  return names
}
