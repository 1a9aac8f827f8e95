/** Runs as lists know them: rows of notes. A note is not the record; one that cannot be read stands in the way of nothing. */
import type { RunStatus } from "../../model/messages.ts"
import type { RunRecord } from "../journal.ts"
import type { Row } from "./database.ts"
import type { Definition } from "./definitions.ts"

/** Status codes: from 16 on the run has ended. */
export const statusCodes: Record<RunStatus, number> = {
  running: 0,
  paused: 1,
  waiting: 2,
  parked: 3,
  succeeded: 16,
  failed: 17,
  cancelled: 18,
  quarantined: 19
}
const statusOf = new Map(Object.entries(statusCodes).map(([status, code]) => [code, status as RunStatus]))

/** The record of a row; `definitionOf` looks its definition up. */
export const recordOf = (row: Row, definitionOf: (id: number) => Definition): RunRecord => {
  const [, run, definition, submittedAt, updatedAt, status, asleep, dueAt, blame, summary, noted, length] = row
  const { workflow, version, hash } = definitionOf(definition)
  const tasks = summary === null ? [] : readSummary(summary)
  const error = typeof tasks.at(-1) === "object" ? tasks.pop() : undefined
  return {
    run,
    workflow,
    version,
    hash,
    submittedAt,
    updatedAt,
    status: statusOf.get(status) ?? "running",
    isAsleep: asleep === 1,
    dueAt: dueAt ?? undefined,
    length,
    noted,
    blame: blameOf(blame, length),
    tasks,
    ...(error === undefined ? {} : { error })
  }
}

/** Counts of crashes that a row can hold. */
export const blameMax = 15

/** What a row says of crashes, if the run has still the length of then. */
export const blameOf = (written: number, length: number): number =>
  Math.floor(written / (blameMax + 1)) === length ? written % (blameMax + 1) : 0

const readSummary = (text: string): Array<any> => {
  try {
    const summary = JSON.parse(text) as unknown
    return Array.isArray(summary) ? summary : []
  } catch {
    return []
  }
}

/** Without the zeros at the end: most runs have only completed tasks. */
export const trimmed = (tasks: ReadonlyArray<number>): ReadonlyArray<number> => {
  let { length } = tasks
  while (length > 0 && tasks[length - 1] === 0) length--
  return tasks.slice(0, length)
}
