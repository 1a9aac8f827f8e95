/** `troupe start FILE`: writes a run to the store and gives its id. A live process that has the store begins with it at once. */
import { orderedId } from "../../engine/orchestrator.ts"
import { InvalidWorkflow, type ProblemCode, SchemaMismatch } from "../../model/errors.ts"
import { requireId } from "../../model/ids.ts"
import { isPlainRecord, type Json, toJson } from "../../model/json.ts"
import { standardCheck } from "../../model/schemas.ts"
import { instant } from "../../model/timetable.ts"
import type { Workflow } from "../../model/workflow.ts"
import { perform } from "../ask.ts"
import type { Command } from "../commands.ts"
import { isCodeFile, readFile } from "../file.ts"
import { CommandError, dim, exitCodes, say, tell, tellJson, yellow } from "../output.ts"
import { fileStoreOf } from "../store.ts"

/** Whoever drives the run may have what this process does not. */
const forLater: ReadonlySet<ProblemCode> = new Set(["TASK_UNKNOWN", "NO_AGENT", "KIND_NOT_ALLOWED"])

export const start: Command = async (given) => {
  const file = given.positionals[0]!
  const { workflow, problems } = await readFile(given)
  const errors = problems.filter(({ severity, code }) => severity === "error" && !forLater.has(code))
  if (workflow === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: file, problems: errors })
  const store = fileStoreOf(given)
  const run = requireId("run", given.text("id") ?? orderedId())
  const input = await checked(workflow, given.json("input") ?? {})
  const definition = workflow.ir as unknown as Json
  const time = given.text("at")
  const at = time === undefined ? {} : { scheduledAt: instant(time, "--at") }
  const { answer, owner } = await perform(store, {
    request: { verb: "start", run, definition, input, ...at },
    wire: { verb: "start", run, definition, input, ...at },
    mustExist: false
  })
  const parked = isPlainRecord(answer.parked) && owner !== undefined ? answer.parked : undefined
  if (given.has("json"))
    await tellJson({
      run,
      owner: owner ?? null,
      parked: parked === undefined ? null : { code: String(parked.code), message: String(parked.message) }
    })
  else tell(run)
  if (parked !== undefined) say(yellow(`process ${owner} has it and parked it: ${parked.message}`, process.stderr))
  else if (!given.has("json"))
    say(
      dim(
        owner === undefined
          ? `written down; "troupe resume ${run}${isCodeFile(file) ? ` ${file}` : ""}${store.option}" drives it`
          : `process ${owner} has begun with it`,
        process.stderr
      )
    )
  return exitCodes.ok
}

/** What only the code of the workflow can check is checked here: the owner may not have it. */
const checked = async (workflow: Workflow, input: unknown): Promise<Json> => {
  try {
    const check = standardCheck(workflow.input, `the input of workflow '${workflow.name}'`)
    return toJson(check === undefined ? input : await check(input))
  } catch (error) {
    if (error instanceof SchemaMismatch) throw new CommandError(error.message, "usage", "give it with --input", error)
    throw error
  }
}
