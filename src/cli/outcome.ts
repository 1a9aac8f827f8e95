/** How a run stands, as `run` and `resume` answer it: one value for scripts, a few lines for people, and the exit code. */
import type { RunOverview, RunState } from "../engine/progress.ts"
import type { Degraded, Instead } from "../model/messages.ts"
import { bold, dim, duration, exitCodes, green, oneLine, red, tell, yellow } from "./output.ts"

/** A run that nothing more is known of than what the store notes has no output and no duration yet. */
export type Standing = RunOverview & Partial<Pick<RunState, "output" | "reason" | "durationMs" | "degraded">>

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
  tasks: state.tasks,
  // only a run whose result does not stand on all its tasks says so
  ...(state.degraded === undefined || state.degraded.length === 0 ? {} : { degraded: state.degraded })
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

/** Most degraded tasks that people are told of; `--json` has them all. */
const degradedMost = 12
const instead: Record<Instead, string> = {
  value: "a value stands in",
  task: "another task stands in",
  lastGood: "its last good result stands in",
  nothing: "there is no result"
}

/** What the result of a run does not stand on, for people. */
export const degradedLines = (degraded: ReadonlyArray<Degraded>): ReadonlyArray<string> => [
  ...degraded
    .slice(0, degradedMost)
    .map(
      (one) =>
        `${yellow("degraded")}: ${bold(oneLine(one.task))} failed, ${instead[one.instead]} ${dim(oneLine(one.because))}`
    ),
  ...(degraded.length > degradedMost ? [dim(`and ${degraded.length - degradedMost} more; --json lists them`)] : [])
]

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
  for (const line of degradedLines(state.degraded ?? [])) tell(`  ${line}`)
  if (status === "cancelled" && reason !== undefined && reason !== "") tell(`  ${oneLine(reason)}`)
  if (output !== undefined) tell(JSON.stringify(output, null, 2))
}
