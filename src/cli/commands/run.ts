/** `troupe run FILE`: runs a workflow to its end, showing how far it is. */

import { agentsOf } from "../../engine/declared.ts"
import { Orchestrator, type Run } from "../../engine/orchestrator.ts"
import type { RunState } from "../../engine/progress.ts"
import { needsOf } from "../../model/analysis.ts"
import { InvalidWorkflow, type Problem, SchemaMismatch } from "../../model/errors.ts"
import { suggest } from "../../model/ids.ts"
import type { WorkflowIR } from "../../model/ir.ts"
import type { Given } from "../arguments.ts"
import type { Command } from "../commands.ts"
import { allowProblems, readAllow, readFile } from "../file.ts"
import {
  bold,
  CommandError,
  dim,
  duration,
  exitCodes,
  green,
  oneLine,
  red,
  say,
  tell,
  tellJson,
  yellow
} from "../output.ts"
import { watch } from "../progress.ts"

export const run: Command = async (given) => {
  const { workflow, problems: found, folder } = await readFile(given)
  const allow = readAllow(given, folder)
  const problems = [
    ...found,
    ...(workflow === undefined ? [] : [...allowProblems(workflow.ir, allow), ...agentProblems(workflow.ir)])
  ].filter(({ severity }) => severity === "error")
  if (workflow === undefined || problems.length > 0) {
    const error = new InvalidWorkflow({ workflow: given.positionals[0]!, problems })
    throw new CommandError(error.message, "invalid", "", error)
  }
  const store = given.text("store") ?? "memory"
  if (store !== "memory") throw new CommandError(`the store '${store}' is not known`, "usage", "stores: memory")
  await using orchestrator = await Orchestrator.open({
    allow,
    agents: agentsOf(workflow.ir, allow),
    timeScale: timeScale(given)
  })
  const id = given.text("id")
  const submitted = await submit(orchestrator, workflow, given.json("input") ?? {}, id)
  const interrupt = interruptible(submitted)
  const stopWatching = given.has("json") && process.stderr.isTTY !== true ? () => {} : watch(submitted)
  await submitted.outcome().catch(() => {})
  stopWatching()
  interrupt.release()
  const state = await submitted.status()
  if (given.has("json")) await tellJson(answer(state))
  else show(state)
  return interrupt.wasInterrupted() ? exitCodes.interrupted : exitOf(state)
}

const submit = async (
  orchestrator: Orchestrator,
  workflow: Parameters<Orchestrator["submit"]>[0],
  input: unknown,
  id: string | undefined
): Promise<Run> => {
  try {
    return await orchestrator.submit(workflow, input, id === undefined ? {} : { id })
  } catch (error) {
    if (error instanceof SchemaMismatch) throw new CommandError(error.message, "usage", "give it with --input", error)
    throw error
  }
}

const timeScale = (given: Given): number => {
  const scale = given.number("var-scale") ?? 1
  if (!(scale > 0)) throw new CommandError(`'--var-scale' needs a number above 0 and got '${scale}'`, "usage")
  return scale
}

/** From the command line only the agents of the document can work: who is missing is known before anything starts. */
const agentProblems = (ir: WorkflowIR): ReadonlyArray<Problem> => {
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

/** The first interrupt cancels the run, the second ends the process. */
const interruptible = (submitted: Run) => {
  let interrupts = 0
  const onSignal = () => {
    interrupts++
    if (interrupts > 1) process.exit(exitCodes.interrupted)
    say(yellow("interrupted: ending the run; its store is in memory, so it cannot be resumed", process.stderr))
    void submitted.cancel({ force: true, why: "interrupted" })
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  return {
    wasInterrupted: () => interrupts > 0,
    release: () => {
      process.off("SIGINT", onSignal)
      process.off("SIGTERM", onSignal)
    }
  }
}

const answer = (state: RunState) => ({
  run: state.run,
  workflow: state.workflow,
  status: state.status,
  output: state.output ?? null,
  error:
    state.error === undefined
      ? state.status === "cancelled"
        ? { code: "CANCELLED", message: state.reason ?? "" }
        : null
      : {
          task: state.error.task,
          code: state.error.failure.code ?? state.error.failure.tag,
          message: state.error.failure.message
        },
  durationMs: state.durationMs,
  tasks: state.tasks
})

const exitOf = ({ status }: RunState): number =>
  status === "succeeded" ? exitCodes.ok : status === "failed" ? exitCodes.failed : exitCodes.stopped

const show = ({ workflow, run: id, status, output, error, reason, durationMs, tasks }: RunState): void => {
  const mark = status === "succeeded" ? green("✓") : status === "failed" ? red("✗") : yellow("■")
  const others = [
    tasks.failed > 0 ? `${tasks.failed} failed` : "",
    tasks.skipped > 0 ? `${tasks.skipped} skipped` : "",
    tasks.cancelled > 0 ? `${tasks.cancelled} cancelled` : ""
  ].filter((text) => text !== "")
  tell(
    `${mark} ${bold(workflow)} ${status} in ${duration(durationMs)}: ${tasks.completed} of ${tasks.total} tasks${others.length === 0 ? "" : `, ${others.join(", ")}`} ${dim(`run ${id}`)}`
  )
  if (error !== undefined)
    tell(`  ${error.task === "" ? "" : `${bold(oneLine(error.task))}: `}${red(oneLine(error.failure.message))}`)
  if (status === "cancelled" && reason !== undefined && reason !== "") tell(`  ${oneLine(reason)}`)
  if (output !== undefined) tell(JSON.stringify(output, null, 2))
}
