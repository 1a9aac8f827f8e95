/** `troupe check FILE`: all problems at once. */

import { allowProblems } from "../../engine/allowed.ts"
import type { Problem } from "../../model/errors.ts"
import { countTasks } from "../../model/nested.ts"
import type { Command } from "../commands.ts"
import { readAllow, readFile } from "../file.ts"
import { dim, exitCodes, green, oneLine, red, tell, tellJson, yellow } from "../output.ts"

export const check: Command = async (given) => {
  const { workflow, problems: found, folder } = await readFile(given)
  const problems = workflow === undefined ? found : [...found, ...allowProblems(workflow.ir, readAllow(given, folder))]
  const errors = problems.filter(({ severity }) => severity === "error")
  if (given.has("json")) await tellJson({ ok: errors.length === 0, problems })
  else {
    for (const problem of problems) tell(line(problem))
    if (errors.length === 0 && workflow !== undefined)
      tell(
        `${green("✓")} ${workflow.name}: ${countTasks(workflow.ir)} tasks${problems.length === 0 ? "" : `, ${problems.length} warning${problems.length === 1 ? "" : "s"}`}`
      )
    else tell(`${red("✗")} ${errors.length} problem${errors.length === 1 ? "" : "s"}`)
  }
  if (errors.length === 0) return exitCodes.ok
  return errors.some(({ code }) => code === "KIND_NOT_ALLOWED") ? exitCodes.invalid : exitCodes.failed
}

const line = ({ code, severity, path, message, hint }: Problem): string =>
  `${severity === "error" ? red("error") : yellow("warning")} ${code} ${dim(oneLine(path === "" ? "(document)" : path))} ${oneLine(message)}${hint === "" ? "" : dim(` (${oneLine(hint)})`)}`
