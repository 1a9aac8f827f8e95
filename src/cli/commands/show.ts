/** `troupe show ID`: how a run stands, what it waits for, and which tasks decide when it is done; now, or as of a message. */
import * as Effect from "effect/Effect"
import { type Look, look } from "../../engine/look.ts"
import type { Wait } from "../../engine/waits.ts"
import { ownPath, waitPath } from "../../model/failing.ts"
import { requireId } from "../../model/ids.ts"
import type { StoreOwner } from "../../storage/sqlite/reader.ts"
import type { Command } from "../commands.ts"
import { degradedLines, markOf } from "../outcome.ts"
import { bold, CommandError, cyan, dim, duration, exitCodes, oneLine, red, tell, tellJson } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const show: Command = async (given) => {
  const store = fileStoreOf(given)
  const run = requireId("run", given.positionals[0]!)
  const at = given.whole("at", 0)
  const { seen, owner } = await reading(store, async (reader) => ({
    seen: await Effect.runPromise(look(reader, run, at)),
    owner: reader.owner()
  }))
  if (at !== undefined && at > seen.at)
    throw new CommandError(`run '${run}' has no message ${at}`, "usage", `its messages are 0 to ${seen.at}`)
  if (given.has("json")) await tellJson(valueOf(seen, owner))
  else print(seen, at !== undefined, owner)
  return exitCodes.ok
}

const valueOf = ({ state, input, tasks, waits, criticalPath, criticalPathMs, at }: Look, owner: StoreOwner) => {
  const { run, workflow, version, hash, status, percent, tasks: counts, error, ...rest } = state
  const { submittedAt, updatedAt, endedAt, durationMs, meanTaskMs, attempts, messages, current, eta } = rest
  return {
    run,
    workflow,
    version: version ?? null,
    hash,
    status,
    progress: percent,
    tasks: counts,
    states: tasks,
    current,
    waiting: waits,
    eta: eta ?? null,
    criticalPath,
    criticalPathMs,
    submittedAt,
    scheduledAt: rest.scheduledAt ?? null,
    updatedAt,
    endedAt: endedAt ?? null,
    durationMs,
    meanTaskMs: meanTaskMs ?? null,
    attempts,
    heartbeats: rest.heartbeats,
    messages,
    at,
    input,
    output: rest.output ?? null,
    error:
      error === undefined
        ? null
        : { task: error.task, code: error.failure.code ?? error.failure.tag, message: error.failure.message },
    reason: rest.reason ?? null,
    degraded: rest.degraded,
    undo: rest.undo,
    owner: owner.isAlive ? { pid: owner.pid, epoch: owner.epoch } : null
  }
}

const listedMost = 12

const print = (seen: Look, isPast: boolean, owner: StoreOwner): void => {
  const { state, waits, criticalPath, criticalPathMs, at } = seen
  const { workflow, run, status, percent, tasks, current, eta, error, output, reason } = state
  const hasEnded = state.endedAt !== undefined
  tell(
    `${markOf(status)} ${bold(oneLine(workflow))} ${status}${hasEnded ? ` in ${duration(state.durationMs)}` : `, ${percent.toFixed(0)}%`}: ${tasks.completed} of ${tasks.total} tasks ${dim(`run ${run}`)}`
  )
  if (isPast) tell(dim(`  as of message ${at} of ${state.messages - 1}, ${state.updatedAt.toISOString()}`))
  row("submitted", state.submittedAt.toISOString())
  if (state.scheduledAt !== undefined) row("begins", state.scheduledAt.toISOString())
  if (error !== undefined)
    row("error", `${error.task === "" ? "" : `${bold(oneLine(error.task))}: `}${red(oneLine(error.failure.message))}`)
  if (reason !== undefined && reason !== "") row("reason", oneLine(reason))
  for (const line of degradedLines(state.degraded)) tell(`  ${line}`)
  if (state.undo.done.length > 0) row("undone", list(state.undo.done))
  if (state.undo.left.length > 0) row("to undo", list(state.undo.left))
  if (current.length > 0) row("at work", list(current))
  for (const { task, attempt, progress } of state.heartbeats.slice(0, listedMost))
    row(
      "heard",
      `${cyan(oneLine(task))} ${dim(`(attempt ${attempt})`)} ${oneLine(JSON.stringify(progress).slice(0, 200))}`
    )
  for (const [i, wait] of waits.slice(0, listedMost).entries()) row(i === 0 ? "waiting" : "", waitLine(wait))
  if (waits.length > listedMost) row("", dim(`and ${waits.length - listedMost} more; --json lists them`))
  if (!hasEnded && criticalPath.length > 0) {
    row(
      "longest way",
      `${criticalPath.slice(0, listedMost).map(oneLine).join(" → ")}${criticalPath.length > listedMost ? " → …" : ""} ${dim(`(${duration(criticalPathMs)})`)}`
    )
    if (eta !== undefined && !isPast) row("done by", `${eta.toISOString()} ${dim("at the earliest guess")}`)
  }
  if (!hasEnded && !isPast)
    row("driven by", owner.isAlive ? `process ${owner.pid}` : `nobody; "troupe resume ${run}" goes on with it`)
  if (output !== undefined) tell(JSON.stringify(output, null, 2))
}

const row = (name: string, text: string): void => tell(`  ${dim(name.padEnd(12))}${text}`)

const list = (names: ReadonlyArray<string>): string =>
  `${names
    .slice(0, listedMost)
    .map((name) => cyan(oneLine(name)))
    .join(", ")}${names.length > listedMost ? ` and ${names.length - listedMost} more` : ""}`

const waitLine = (wait: Wait): string => {
  const task = cyan(oneLine(wait.task))
  if ("tasks" in wait) return `${task} for ${list(wait.tasks)}`
  if ("dueAt" in wait) {
    const until = wait.dueAt === undefined ? "" : ` until ${wait.dueAt.toISOString()}`
    if (wait.for === "answer" && wait.task === waitPath(ownPath(wait.task)))
      return `${cyan(oneLine(ownPath(wait.task)))} has failed and waits for a person (troupe retry, skip or fail)${until}`
    if (wait.for === "answer") return `${task} for an answer${until}`
    return wait.retry === undefined ? `${task}${until}` : `${task}${until}, then attempt ${wait.retry}`
  }
  if ("name" in wait) return `${task} for ${wait.for} ${oneLine(wait.name)}`
  return wait.for === "slot" ? `${task} for its turn` : `${task} for ${wait.for}`
}
