/** `troupe graph FILE`: the graph of a workflow as text that Mermaid or Graphviz draws. */
import { workflowToDot, workflowToMermaid } from "../../inspect/text.ts"
import { InvalidWorkflow } from "../../model/errors.ts"
import type { Command } from "../commands.ts"
import { readFile } from "../file.ts"
import { CommandError, exitCodes, tell, tellJson } from "../output.ts"

const writers = { mermaid: workflowToMermaid, dot: workflowToDot }

export const graph: Command = async (given) => {
  const to = given.text("to") ?? "mermaid"
  if (!Object.hasOwn(writers, to))
    throw new CommandError(`--to cannot be '${to}'`, "usage", `give one of ${Object.keys(writers).join(", ")}`)
  const { workflow, problems } = await readFile(given)
  const errors = problems.filter(({ severity, code }) => severity === "error" && code !== "TASK_UNKNOWN")
  if (workflow === undefined || errors.length > 0)
    throw new InvalidWorkflow({ workflow: given.positionals[0]!, problems: errors })
  const text = writers[to as keyof typeof writers](workflow.ir)
  if (given.has("json")) await tellJson({ workflow: workflow.name, to, text })
  else tell(text.trimEnd())
  return exitCodes.ok
}
