/** `troupe runs`: what is in a store, newest first, in pages. */
import * as Effect from "effect/Effect"
import { look } from "../../engine/look.ts"
import { type Page, pageOf } from "../../engine/pages.ts"
import { overviewOf, type RunOverview } from "../../engine/progress.ts"
import { suggest } from "../../model/ids.ts"
import { isTerminal, type RunStatus, runStatuses } from "../../model/messages.ts"
import type { RunRecord } from "../../storage/journal.ts"
import type { StoreOwner, StoreReader } from "../../storage/sqlite/reader.ts"
import type { Command } from "../commands.ts"
import { markOf } from "../outcome.ts"
import { bold, CommandError, dim, duration, exitCodes, oneLine, tell, tellJson } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const runs: Command = async (given) => {
  const store = fileStoreOf(given)
  const status = statusOf(given.text("status"))
  const limit = given.whole("limit", 1, 1_000) ?? 20
  const cursor = given.text("cursor")
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
    throw new CommandError(
      `'--cursor ${cursor}' is not the cursor of a page`,
      "usage",
      "a page gives its cursor at its end"
    )
  const { page, owner } = await reading(store, async (reader) => ({
    page: await pageOf(reader, { status, workflow: given.text("workflow"), limit, cursor }, (record) =>
      present(reader, record)
    ),
    owner: reader.owner()
  }))
  if (given.has("json")) await tellJson({ runs: page.runs.map(valueOf), cursor: page.cursor ?? null })
  else show(page, owner, store.option)
  return exitCodes.ok
}

/** Runs with more messages than this are shown as the owner noted them last. */
const foldMost = 2_000

/** A run as it is: what the owner notes of a run at work is behind its messages. */
const present = async (reader: StoreReader, record: RunRecord): Promise<RunOverview> => {
  const noted = overviewOf(record)
  const isBehind = record.noted < record.length || record.tasks.length === 0
  if (isTerminal(record.status) || !isBehind || record.length > foldMost) return noted
  // a damaged run must not keep the others from being shown
  return Effect.runPromise(
    Effect.match(look(reader, record.run), { onSuccess: ({ state }) => state, onFailure: () => noted })
  )
}

const valueOf = ({ run, workflow, status, submittedAt, updatedAt, percent }: RunOverview) => ({
  run,
  workflow,
  status,
  submittedAt,
  updatedAt,
  progress: percent
})

const statusOf = (given: string | undefined): RunStatus | undefined => {
  if (given === undefined || runStatuses.includes(given as RunStatus)) return given as RunStatus | undefined
  throw new CommandError(
    `'--status ${given}' is not a status`,
    "usage",
    suggest(given, runStatuses) || runStatuses.join(", ")
  )
}

const show = ({ runs: found, cursor }: Page, owner: StoreOwner, option: string): void => {
  if (found.length === 0) return tell("no runs")
  const now = Date.now()
  const rows = found.map(({ run, workflow, status, percent, updatedAt, error }) => ({
    mark: markOf(status),
    cells: [
      oneLine(run),
      oneLine(workflow),
      status,
      `${percent.toFixed(0)}%`.padStart(4),
      `${duration(Math.max(0, now - updatedAt.getTime()))} ago`
    ],
    more: error === undefined || status === "succeeded" ? "" : oneLine(error.failure.message)
  }))
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...rows.map(({ cells }) => cells[i]!.length)))
  for (const { mark, cells, more } of rows) {
    const [run, ...rest] = cells.map((cell, i) => cell.padEnd(widths[i]!))
    const line = `${mark} ${bold(run!)}  ${rest.join("  ")}`.trimEnd()
    tell(more === "" ? line : `${line}  ${dim(more.length > 60 ? `${more.slice(0, 59)}…` : more)}`)
  }
  if (cursor !== undefined) tell(dim(`more with --cursor ${cursor}`))
  if (found.some(({ status }) => !isTerminal(status)))
    tell(
      dim(
        owner.isAlive
          ? `process ${owner.pid} drives this store`
          : `nobody drives this store at the moment; "troupe resume${option}" does`
      )
    )
}
