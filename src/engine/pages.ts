/**
 * The journal's lists of runs, page by page. What it notes of a run at work may be behind the run itself, so that whoever asks
 * says how a run is seen; how one ended is noted once and for all.
 */
import * as Effect from "effect/Effect"
import { isTerminal, type RunStatus } from "../model/messages.ts"
import type { JournalError } from "../storage/errors.ts"
import type { JournalService, RunRecord } from "../storage/journal.ts"
import type { RunOverview } from "./progress.ts"

export interface PageQuery {
  readonly status: RunStatus | undefined
  readonly workflow: string | undefined
  readonly limit: number
  readonly cursor: string | undefined
}

export interface Page {
  readonly runs: ReadonlyArray<RunOverview>
  readonly cursor: string | undefined
}

/** A page of runs as they are, newest first; `isNoted` is false where the journal keeps no notes. */
export const pageOf = async (
  journal: Pick<JournalService, "list">,
  { status, workflow, limit, cursor }: PageQuery,
  see: (record: RunRecord) => RunOverview | Promise<RunOverview>,
  isNoted = true
): Promise<Page> => {
  const hasEnded = status === undefined || !isNoted ? undefined : isTerminal(status)
  // the journal finds those that ended so by itself; among the others each is looked at
  const ended = status !== undefined && hasEnded === true ? { status: [status] } : undefined
  const runs: Array<RunOverview> = []
  let next = cursor
  do {
    const page = await Effect.runPromise(
      journal.list({ workflow, hasEnded, ...ended, limit: limit - runs.length, cursor: next })
    )
    for (const record of page.runs) {
      const seen = await see(record)
      if (status === undefined || seen.status === status) runs.push(seen)
    }
    next = page.cursor
  } while (next !== undefined && runs.length < limit)
  return { runs, cursor: next }
}

/** Unfinished runs that one page brings, at most. */
const unfinishedMost = 1_000

/** Every unfinished run, the oldest first; only those that sleep, or only the others, where `isAsleep` says so. */
export const eachUnfinished = (
  journal: Pick<JournalService, "list">,
  see: (record: RunRecord) => void,
  isAsleep?: boolean
): Effect.Effect<void, JournalError> =>
  Effect.gen(function* () {
    let cursor: string | undefined
    do {
      const query = { hasEnded: false, isAsleep, oldestFirst: true, limit: unfinishedMost, cursor }
      const page = yield* journal.list(query)
      for (const record of page.runs) see(record)
      cursor = page.cursor
    } while (cursor !== undefined)
  })
