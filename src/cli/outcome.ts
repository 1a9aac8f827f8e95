/** How a run stands, as `run` and `resume` answer it: one value for scripts, a few lines for people, and the exit code. */
import type { RunOverview, RunState } from "../engine/progress.ts"
import { bold, dim, duration, exitCodes, green, oneLine, red, tell, yellow } from "./output.ts"

/** A run that nothing more is known of than what the store notes has no output and no duration yet. */
export type Standing = RunOverview & Partial<Pick<RunState, "output" | "reason" | "durationMs">>

export const valueOf = (state: Standing) => ({
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
          code: codeOf(state.error.failure),
          message: state.error.failure.message
        },
  durationMs: durationOf(state),
  tasks: state.tasks
})

const codeOf = (failure: { readonly code?: string | undefined; readonly tag?: string }) => failure.code ?? failure.tag
const durationOf = ({ durationMs, updatedAt, submittedAt }: Standing) =>
  durationMs ?? updatedAt.getTime() - submittedAt.getTime()

export const exitOf = ({ status }: Pick<RunState, "status">): number =>
  status === "succeeded"
    ? exitCodes.ok
    : status === "failed"
      ? exitCodes.failed
      : status === "quarantined"
        ? exitCodes.store
        : exitCodes.stopped

export const markOf = (status: RunState["status"]): string =>
  status === "succeeded"
    ? green("✓")
    : status === "failed" || status === "quarantined"
      ? red("✗")
      : status === "running"
        ? "▸"
        : yellow("■")

export const showStanding = (state: Standing): void => {
  const { workflow, run, status, output, error, reason, tasks } = state
  const others = [
    tasks.failed > 0 ? `${tasks.failed} failed` : "",
    tasks.skipped > 0 ? `${tasks.skipped} skipped` : "",
    tasks.cancelled > 0 ? `${tasks.cancelled} cancelled` : ""
  ].filter((text) => text !== "")
  tell(
    `${markOf(status)} ${bold(workflow)} ${status} in ${duration(durationOf(state))}: ${tasks.completed} of ${tasks.total} tasks${others.length === 0 ? "" : `, ${others.join(", ")}`} ${dim(`run ${run}`)}`
  )
  if (error !== undefined)
    tell(`  ${error.task === "" ? "" : `${bold(oneLine(error.task))}: `}${red(oneLine(error.failure.message))}`)
  if (status === "cancelled" && reason !== undefined && reason !== "") tell(`  ${oneLine(reason)}`)
  if (output !== undefined) tell(JSON.stringify(output, null, 2))
}
