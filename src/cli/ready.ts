/** What keeps a workflow from running from the command line: agents that only a program has, kinds that are not allowed, code. */
import { allowProblems } from "../engine/allowed.ts"
import type { Allow } from "../engine/builtin.ts"
import { needsOf } from "../model/analysis.ts"
import type { Problem } from "../model/errors.ts"
import { suggest } from "../model/ids.ts"
import type { WorkflowIR } from "../model/ir.ts"

/** From the command line only the agents of the document can work: who is missing is known before anything starts. */
export const agentProblems = (ir: WorkflowIR): ReadonlyArray<Problem> => {
  const working = (ir.agents ?? []).filter(({ does }) => does !== undefined)
  return ir.tasks.flatMap((task, i): ReadonlyArray<Problem> => {
    const needs = needsOf(task)
    if (needs.length === 0 || working.some(({ can }) => needs.every((need) => can.includes(need)))) return []
    return [
      {
        code: "NO_AGENT",
        severity: "error",
        path: `/tasks/${i}`,
        message: `no agent of this file can do ${needs.join(" and ")} by itself`,
        hint:
          suggest(
            needs[0]!,
            working.flatMap(({ can }) => can)
          ) || 'give an agent "does", or run the workflow from a program that brings the agents'
      }
    ]
  })
}

export interface Hindrance {
  readonly code: string
  readonly message: string
}

/** Why a definition from a store cannot be driven from here; `missing` are the names of code that no given file brings. */
export const hindranceOf = (ir: WorkflowIR, allow: Allow, missing: ReadonlyArray<string>): Hindrance | undefined => {
  if (missing.length > 0)
    return {
      code: "VERSION_UNAVAILABLE",
      message: `it needs the code of ${missing
        .slice(0, 5)
        .map((name) => `'${name}'`)
        .join(", ")}: name the file that has it, as in "troupe resume FILE"`
    }
  const [problem] = [...allowProblems(ir, allow), ...agentProblems(ir)]
  return problem === undefined ? undefined : { code: problem.code, message: `${problem.message}: ${problem.hint}` }
}
