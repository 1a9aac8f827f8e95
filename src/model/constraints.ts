/** What tasks ask of a plan beside order and resources: what can be wrong with it in the document alone. Plans nothing. */
import type { Problem } from "./errors.ts"
import { suggest } from "./ids.ts"
import { type Constraints, kindOf, type TaskIR } from "./ir.ts"
import { escapePointer } from "./mapping.ts"

const namesTasks = ["sameAgentAs", "differentAgentFrom", "excludes"] as const

/** Whether a task says by whom it is to be done. */
export const asksForAgents = (task: Constraints): boolean => task.skills !== undefined || asksForOne(task)

const asksForOne = ({ agents, sameAgentAs = [], differentAgentFrom = [] }: Constraints): boolean =>
  agents !== undefined || sameAgentAs.length > 0 || differentAgentFrom.length > 0

export const constraintProblems = (
  tasks: ReadonlyArray<TaskIR>,
  index: ReadonlyMap<string, number>
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const wrong = (code: Problem["code"], path: string, message: string, hint: string) =>
    problems.push({ code, severity: "error", path, message, hint })
  tasks.forEach((task, i) => {
    const path = `/tasks/${i}`
    for (const field of namesTasks)
      task[field]?.forEach((other, k) => {
        const at = `${path}/${field}/${k}`
        const found = index.get(other)
        if (found === undefined) wrong("DEP_UNKNOWN", at, `there is no task '${other}'`, suggest(other, index.keys()))
        else if (found === i) wrong("POLICY_INVALID", at, "a task cannot name itself here", "name another task")
        else if (field !== "excludes" && tasks[found]!.skills !== undefined)
          wrong("POLICY_INVALID", at, `'${other}' is done by a team, not by one worker`, "name a task without 'skills'")
      })
    if (task.skills !== undefined && asksForOne(task))
      wrong(
        "POLICY_INVALID",
        `${path}/skills`,
        "a task with 'skills' is done by a team, and cannot say which one worker does it",
        "leave out 'skills', or 'agents', 'sameAgentAs' and 'differentAgentFrom'"
      )
    if (task.skills !== undefined && Object.keys(task.skills).length === 0)
      wrong("POLICY_INVALID", `${path}/skills`, "'skills' names none", 'say how many of which: {"welder": 2}')
    if (asksForAgents(task) && waits.has(kindOf(task)))
      wrong("POLICY_INVALID", path, "a task that only waits is done by nobody", "leave out what says by whom")
    const repeated = repeatedOf(task.agents)
    if (repeated !== undefined)
      wrong(
        "POLICY_INVALID",
        `${path}/agents/${escapePointer(String(repeated))}`,
        "the same worker twice",
        "name each worker once"
      )
  })
  return problems
}

const waits: ReadonlySet<string> = new Set(["sleep", "gate"])

const repeatedOf = (agents: Constraints["agents"]): number | undefined => {
  if (agents === undefined) return undefined
  const seen = new Set<string>()
  for (const [k, one] of agents.entries()) {
    const id = typeof one === "string" ? one : one.agent
    if (seen.has(id)) return k
    seen.add(id)
  }
  return undefined
}
