/** `troupe schedule add | pause | resume | remove | backfill | next NAME`: done by whoever has the store, with who asked and why. */
import * as Effect from "effect/Effect"
import { kinds, nextTimes, progressIn, scheduleIn } from "../../engine/schedule-record.ts"
import { type ScheduleRequest, type ScheduleVerb, scheduleVerbs, wireOf } from "../../engine/schedule-requests.ts"
import type { Duration } from "../../model/duration.ts"
import { InvalidWorkflow, type ProblemCode, ScheduleUnknown } from "../../model/errors.ts"
import { noProgress } from "../../model/firing.ts"
import { requireScheduleName, suggest } from "../../model/ids.ts"
import { type Json, toJson } from "../../model/json.ts"
import { recurringRule, type ScheduleOptions } from "../../model/recurring.ts"
import { instant, timesOf } from "../../model/timetable.ts"
import type { Given } from "../arguments.ts"
import { perform } from "../ask.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { readFile } from "../file.ts"
import { CommandError, dim, exitCodes, green, oneLine, tell, tellJson } from "../output.ts"
import { type FileStore, fileStoreOf, reading } from "../store.ts"

/** Whoever has the store may have what this process does not. */
const forLater: ReadonlySet<ProblemCode> = new Set(["TASK_UNKNOWN", "NO_AGENT", "KIND_NOT_ALLOWED"])
const nextDefault = 5

export const schedule: Command = async (given) => {
  const store = fileStoreOf(given)
  const [set, name] = given.positionals as readonly [string, string]
  requireScheduleName(name)
  const known = [...scheduleVerbs, "next"]
  if (!known.includes(set))
    throw new CommandError(`a schedule cannot '${set}'`, "usage", suggest(set, known) || known.join(", "))
  if (set === "next") return next(given, store, name)
  const revision = given.whole("revision", 0)
  const request: ScheduleRequest = {
    verb: "schedule",
    schedule: name,
    set: set as ScheduleVerb,
    asked: { ...causeOf(given), ...(revision === undefined ? {} : { revision }) },
    ...(set === "add" ? await added(given) : {}),
    ...(set === "backfill" ? pastOf(given) : {})
  }
  const { answer, owner } = await perform(store, { request, wire: wireOf(request), mustExist: set !== "add" })
  if (given.has("json")) await tellJson({ ...answer, owner: owner ?? null })
  else {
    const soon = answer.next === null ? "" : dim(`, next at ${String(answer.next)}`)
    const waits = answer.waiting === undefined ? "" : dim(`, ${String(answer.waiting)} waiting`)
    tell(`${green("✓")} schedule ${oneLine(name)} is ${String(answer.state)}${soon}${waits}`)
  }
  return exitCodes.ok
}

const added = async (given: Given): Promise<Pick<ScheduleRequest, "definition" | "input" | "when">> => {
  const file = given.positionals[2]
  if (file === undefined)
    throw new CommandError("'troupe schedule add' needs a FILE", "usage", "see 'troupe schedule --help'")
  const { workflow, problems } = await readFile(given, file)
  const errors = problems.filter(({ severity, code }) => severity === "error" && !forLater.has(code))
  if (workflow === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: file, problems: errors })
  const when = whenOf(given)
  // what is wrong with the times is said before anybody is asked
  recurringRule(when)
  return { definition: workflow.ir as unknown as Json, input: toJson(given.json("input") ?? {}), when }
}

const whenOf = (given: Given): ScheduleOptions => {
  const maxActive = given.whole("max-active", 1)
  const waitingMax = given.whole("waiting-max", 1)
  const texts = {
    cron: given.text("cron"),
    zone: given.text("zone"),
    every: given.text("every"),
    at: given.text("at"),
    from: given.text("from"),
    until: given.text("until"),
    missed: given.text("missed"),
    lateAfter: given.text("late-after") as Duration | undefined,
    overlap: given.text("overlap"),
    jitter: given.text("jitter") as Duration | undefined,
    dueAs: given.text("due-as"),
    maxActive,
    waitingMax
  }
  return Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)) as ScheduleOptions
}

const pastOf = (given: Given): Pick<ScheduleRequest, "from" | "to"> => {
  const [from, to] = [given.text("from"), given.text("to")]
  if (from === undefined || to === undefined)
    throw new CommandError(
      "'troupe schedule backfill' needs --from and --to",
      "usage",
      "both like 2026-11-20T02:30:00Z"
    )
  return { from: instant(from, "--from"), to: instant(to, "--to") }
}

/** When it fires next: worked out from what is written, whoever has the store. */
const next = async (given: Given, store: FileStore, name: string): Promise<number> => {
  const most = given.whole("limit", 1, 1_000) ?? nextDefault
  const times = await reading(store, async (reader) => {
    const records = await Effect.runPromise(reader.shared(kinds.schedule))
    const found = records.find((one) => one.name === name)
    const record = found === undefined ? undefined : scheduleIn(found)
    if (record === undefined) throw new ScheduleUnknown({ schedule: name, known: records.map((one) => one.name) })
    const [how] = (await Effect.runPromise(reader.shared(kinds.progress))).filter((one) => one.name === name)
    const progress = (how === undefined ? undefined : progressIn(how)) ?? noProgress(record.at)
    return nextTimes(timesOf(record.rule.timetable), progress, Date.now(), most)
  })
  if (given.has("json")) await tellJson({ schedule: name, next: times })
  else if (times.length === 0) tell("it fires no more")
  else for (const at of times) tell(at.toISOString())
  return exitCodes.ok
}
