/** Runs as lists show them. */
import type { RunOverview } from "../engine/progress.ts"
import type { RunRecord } from "../storage/journal.ts"
import type { RunRow } from "./protocol.ts"

export const rowOf = (run: RunOverview): RunRow => ({
  run: run.run,
  workflow: run.workflow,
  status: run.status,
  percent: run.percent,
  submittedAt: run.submittedAt.getTime(),
  updatedAt: run.updatedAt.getTime(),
  tasks: { total: run.tasks.total, completed: run.tasks.completed, failed: run.tasks.failed },
  ...(run.error === undefined ? {} : { error: run.error.failure.message })
})

/** The same from what a journal notes, which may be a little behind. */
export const rowOfRecord = (record: RunRecord, size = 0): RunRow => {
  const [total = size, completed = 0, failed = 0, skipped = 0, cancelled = 0] = record.tasks
  const settled = completed + failed + skipped + cancelled
  return {
    run: record.run,
    workflow: record.workflow,
    status: record.status,
    percent: record.status === "succeeded" ? 100 : total === 0 ? 0 : Math.floor((1_000 * settled) / total) / 10,
    submittedAt: record.submittedAt,
    updatedAt: record.updatedAt,
    tasks: { total, completed, failed },
    ...(record.error === undefined ? {} : { error: record.error.message })
  }
}
