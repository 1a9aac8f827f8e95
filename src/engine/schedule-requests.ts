/** What other processes may ask for about schedules, as data: read and checked here, done by whoever has the store. */
import { InvalidWorkflow } from "../model/errors.ts"
import { requireScheduleName } from "../model/ids.ts"
import { isPlainRecord, type Json } from "../model/json.ts"
import { inspectDocument } from "../model/load.ts"
import { type Cause, said } from "../model/messages.ts"
import type { ScheduleOptions } from "../model/recurring.ts"
import type { Moment } from "../model/timetable.ts"
import { makeWorkflow } from "../model/workflow.ts"
import { RequestRefused } from "../storage/errors.ts"
import { allowProblems } from "./allowed.ts"
import type { Engine } from "./engine.ts"
import { type IfRevision, requireSchedules } from "./schedules.ts"

/** What people may do with a schedule. */
export const scheduleVerbs = ["add", "pause", "resume", "remove", "backfill"] as const
export type ScheduleVerb = (typeof scheduleVerbs)[number]

export interface ScheduleRequest {
  readonly verb: "schedule"
  readonly schedule: string
  readonly set: ScheduleVerb
  readonly asked: IfRevision
  /** Of `add`. */
  readonly definition?: Json
  readonly input?: Json
  readonly when?: ScheduleOptions
  /** Of `backfill`. */
  readonly from?: Moment
  readonly to?: Moment
}

const invalid = (what: string) =>
  new RequestRefused({ code: "REQUEST_INVALID", message: `the request ${what}: nothing was done` })

/** Reads a request; who and why were checked. */
export const readScheduleRequest = (given: Readonly<Record<string, unknown>>, cause: Cause): ScheduleRequest => {
  const { schedule, set, revision, definition, input = null, when = {}, from, to } = given
  if (typeof schedule !== "string") throw invalid("names no schedule")
  if (!scheduleVerbs.includes(set as ScheduleVerb))
    throw invalid(`wants a schedule to ${JSON.stringify(set)}, which none can: ${scheduleVerbs.join(", ")}`)
  if (revision !== undefined && !(Number.isInteger(revision) && (revision as number) >= 0))
    throw invalid(`gives ${JSON.stringify(revision)} as a revision`)
  if (set === "add" && !(isPlainRecord(definition) && isPlainRecord(when)))
    throw invalid("has no definition, or no times")
  const asked = { ...cause, ...(revision === undefined ? {} : { revision: revision as number }) }
  return {
    verb: "schedule",
    schedule: requireScheduleName(schedule),
    set: set as ScheduleVerb,
    asked,
    ...(set === "add" ? { definition: definition as Json, input: input as Json, when: when as ScheduleOptions } : {}),
    // whoever does it says what is wrong with them
    ...(set === "backfill" ? { from: from as Moment, to: to as Moment } : {})
  }
}

/** Does it; gives the answer. */
export const performSchedule = async (
  engine: Engine,
  { schedule: name, set, asked, definition, input = null, when = {}, from = "", to = "" }: ScheduleRequest
): Promise<Json> => {
  const schedules = requireSchedules(engine)
  switch (set) {
    case "add": {
      const { state, revision, next } = await schedules.set(
        name,
        await workflowOf(engine, definition),
        input,
        when,
        asked
      )
      return { schedule: name, ok: true, state, revision, next: next?.toISOString() ?? null }
    }
    case "remove":
      await schedules.remove(name, asked)
      return { schedule: name, ok: true, state: "removed", revision: 0, next: null }
    case "backfill": {
      const { state, revision, next, waiting } = await schedules.backfill(name, { from, to }, asked)
      return {
        schedule: name,
        ok: true,
        state,
        revision,
        next: next?.toISOString() ?? null,
        waiting: waiting.length
      }
    }
    default: {
      const { state, revision, next } = await schedules[set](name, asked)
      return { schedule: name, ok: true, state, revision, next: next?.toISOString() ?? null }
    }
  }
}

/** A definition that somebody else brought, if it is sound and this process may do what it says. */
const workflowOf = async (engine: Engine, document: Json | undefined) => {
  const { ir, problems } = await inspectDocument(document)
  const errors = problems.filter(({ severity }) => severity === "error")
  if (ir === undefined || errors.length > 0)
    throw new InvalidWorkflow({ workflow: String((document as { name?: Json })?.name), problems: errors })
  const { isIdle = false, allow } = engine.options
  const [denied] = isIdle ? [] : allowProblems(ir, allow)
  if (denied !== undefined)
    throw new RequestRefused({
      code: denied.code,
      message: `${denied.message}, and in the process that has the store they are not: nothing was scheduled`
    })
  return engine.library.bind(makeWorkflow(ir, new Map(), undefined).hash, ir).workflow
}

/** Who and why of a request, for the wire. */
export const wireOf = ({
  asked,
  ...rest
}: ScheduleRequest): { readonly verb: string; readonly [key: string]: Json } => {
  const { revision, who, why } = asked
  return JSON.parse(JSON.stringify({ ...rest, ...(revision === undefined ? {} : { revision }), ...said({ who, why }) }))
}
