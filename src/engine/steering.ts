/**
 * What can be asked of a run from outside, as data: the verbs, what each takes, and what it does. The command line, and the
 * owner of a store whom another process asks, do the same because both read it here.
 */
import { requireBreakerName } from "../model/breaker.ts"
import { compileWorkflow } from "../model/compile.ts"
import { InvalidWorkflow, VersionUnavailable } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { isPlainRecord, type Json, toJson } from "../model/json.ts"
import { inspectDocument } from "../model/load.ts"
import type { Cause, InjectedFault } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { instant, type Moment } from "../model/timetable.ts"
import { makeWorkflow } from "../model/workflow.ts"
import { RequestRefused } from "../storage/errors.ts"
import { allowProblems } from "./allowed.ts"
import { type BreakerVerb, breakerVerbs } from "./breakers.ts"
import type { Engine } from "./engine.ts"
import type { Orchestrator, Run } from "./orchestrator.ts"
import type { Recovery } from "./recovery.ts"
import { performSchedule, readScheduleRequest, type ScheduleRequest } from "./schedule-requests.ts"

export type FieldKind = "text" | "value" | "flag" | "count"

export interface Verb {
  /** What it takes beside the run, who and why. On the command line, flags and counts are options, the others stand in this order. */
  readonly fields: { readonly [field: string]: { readonly kind: FieldKind; readonly isOptional?: boolean } }
  /** False when the run is over. */
  readonly perform: (run: Run, fields: Fields, cause: Cause) => Promise<boolean>
}

export type Fields = { readonly [field: string]: Json }

/** How many messages the run had when somebody looked. */
const seen = { kind: "count", isOptional: true } as const

/** Each is a verb of `Run`. */
export const verbs = {
  pause: { fields: {}, perform: (run, _, cause) => run.pause(cause) },
  resume: { fields: {}, perform: (run, _, cause) => run.resume(cause) },
  cancel: {
    fields: { force: { kind: "flag", isOptional: true } },
    perform: (run, { force }, cause) => run.cancel({ ...cause, force: force === true })
  },
  step: { fields: {}, perform: (run, _, cause) => run.step(cause) },
  fault: {
    fields: { task: { kind: "text" }, fault: { kind: "text" }, ms: { kind: "count", isOptional: true } },
    perform: (run, { task, fault, ...more }, cause) =>
      run.inject(task as string, fault as InjectedFault, { ...more, ...cause })
  },
  retry: {
    fields: { task: { kind: "text", isOptional: true }, seen },
    perform: (run, { task, ...more }, cause) => done(run.retry(task as string | undefined, { ...more, ...cause }))
  },
  skip: {
    fields: { task: { kind: "text" }, value: { kind: "value", isOptional: true }, seen },
    perform: (run, { task, value = null, ...more }, cause) =>
      done(run.skip(task as string, value, { ...more, ...cause }))
  },
  fail: {
    fields: { task: { kind: "text" }, seen },
    perform: (run, { task, ...more }, cause) => done(run.fail(task as string, { ...more, ...cause }))
  },
  rollback: {
    fields: { to: { kind: "count" }, seen },
    perform: (run, { to, ...more }, cause) => done(run.rollback(to as number, { ...more, ...cause }))
  },
  answer: {
    fields: { gate: { kind: "text" }, value: { kind: "value" } },
    perform: (run, { gate, value = null }, cause) => done(run.answer(gate as string, value, cause))
  },
  reject: {
    fields: { gate: { kind: "text" }, reason: { kind: "text" } },
    perform: (run, { gate, reason }, cause) => done(run.reject(gate as string, reason as string, cause))
  },
  signal: {
    fields: { name: { kind: "text" }, value: { kind: "value", isOptional: true } },
    perform: (run, { name, value = null }, cause) => done(run.signal(name as string, value, cause))
  }
} as const satisfies { readonly [verb: string]: Verb }
export type VerbName = keyof typeof verbs

/** A verb that rejects rather than say no. */
const done = (asked: Promise<unknown>): Promise<boolean> => asked.then(() => true)

export const verbNamed = (name: string): Verb | undefined =>
  Object.hasOwn(verbs, name) ? verbs[name as VerbName] : undefined

/**
 * A request to do something with a run, to start one, to decide about a circuit breaker or a schedule, or to say how full something
 * is.
 */
export type Request = Steer | Start | Switch | Occupancy | ScheduleRequest

/** What only whoever makes the calls knows: how full bulkheads and rates are. */
export type Occupancy = { readonly verb: "bulkheads" } | { readonly verb: "rates" }

export interface Switch {
  readonly verb: "breaker"
  readonly breaker: string
  readonly set: BreakerVerb
  readonly cause: Cause
}

export interface Steer {
  readonly verb: VerbName
  readonly run: string
  readonly fields: Fields
  readonly cause: Cause
}

export interface Start {
  readonly verb: "start"
  readonly run: string
  readonly definition: Json
  readonly input: Json
  readonly scheduledAt?: Moment
}

/** Reads a request; throws `RequestRefused` for anything that is none, or that nobody waits for any more. */
export const readRequest = (text: string | undefined, ageMs: number): Request => {
  const given = parse(text)
  const { verb, run, patienceMs, who, why, ...rest } = given
  if (!(typeof patienceMs === "number" && ageMs <= patienceMs))
    throw refuse("REQUEST_EXPIRED", "the request is too old: whoever asked has gone, so nothing was done")
  if (verb === "breaker") return readSwitch(given)
  if (verb === "bulkheads" || verb === "rates") return { verb }
  if (verb === "schedule") return readScheduleRequest(rest, { ...textOf("who", who), ...textOf("why", why) })
  if (typeof run !== "string") throw invalid("has no run")
  requireId("run", run)
  if (verb === "start") {
    const { definition: document, input = null, scheduledAt } = rest
    if (!isPlainRecord(document)) throw invalid("has no definition to start")
    const at = scheduledAt === undefined ? {} : { scheduledAt: instant(scheduledAt as Moment, "scheduledAt") }
    return { verb, run, definition: document as Json, input: input as Json, ...at }
  }
  const known = typeof verb === "string" ? verbNamed(verb) : undefined
  if (known === undefined) throw invalid(`asks for ${JSON.stringify(verb)}, which this version does not know`)
  const cause = { ...textOf("who", who), ...textOf("why", why) }
  return { verb: verb as VerbName, run, fields: fieldsOf(verb as string, known, rest), cause }
}

const readSwitch = ({ breaker, set, who, why }: Readonly<Record<string, unknown>>): Switch => {
  if (typeof breaker !== "string") throw invalid("names no breaker")
  if (typeof set !== "string" || !Object.hasOwn(breakerVerbs, set))
    throw invalid(`wants a breaker to ${JSON.stringify(set)}, which none can: ${Object.keys(breakerVerbs).join(", ")}`)
  const cause = { ...textOf("who", who), ...textOf("why", why) }
  return { verb: "breaker", breaker: requireBreakerName(breaker), set: set as BreakerVerb, cause }
}

const parse = (text: string | undefined): Readonly<Record<string, unknown>> => {
  if (text === undefined) throw invalid("is too long")
  try {
    const given: unknown = JSON.parse(text)
    if (isPlainRecord(given)) return given
  } catch {
    // said below
  }
  throw invalid("is not a JSON object")
}

/** Who and why are for people: short. */
const causeMost = 1_000

const textOf = (name: "who" | "why", given: unknown): Cause => {
  if (given === undefined) return {}
  if (typeof given !== "string" || given.length > causeMost)
    throw invalid(`gives '${name}', which must be a text of at most ${causeMost.toLocaleString("en")} characters`)
  return { [name]: given }
}

const fieldsOf = (verb: string, { fields }: Verb, given: Readonly<Record<string, unknown>>): Fields => {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(fields, name)) throw invalid(`gives '${name}', which '${verb}' does not take`)
  for (const [name, { kind, isOptional = false }] of Object.entries(fields)) {
    const value = given[name]
    if (value === undefined ? !isOptional : !isOfKind[kind](value))
      throw invalid(`gives ${JSON.stringify(value) ?? "nothing"} as '${name}' of '${verb}'`)
  }
  return given as Fields
}

const isOfKind: Record<FieldKind, (value: unknown) => boolean> = {
  text: (value) => typeof value === "string",
  value: () => true,
  flag: (value) => typeof value === "boolean",
  count: (value) => Number.isInteger(value) && (value as number) >= 0
}

const refuse = (code: string, message: string) => new RequestRefused({ code, message })
const invalid = (what: string) => refuse("REQUEST_INVALID", `the request ${what}: nothing was done`)

/** Does what requests ask for; gives the answer. */
export const performer =
  (orchestrator: Orchestrator, engine: Engine, recovery: Recovery) =>
  async (request: Request): Promise<Json> => {
    if (request.verb === "breaker") return decideBreaker(engine, request)
    if (request.verb === "bulkheads" || request.verb === "rates")
      return { [request.verb]: toJson(engine[request.verb].metrics) }
    if (request.verb === "schedule") return performSchedule(engine, request)
    const { run } = request
    if (request.verb === "start") return start(engine, recovery, request)
    const { verb, fields, cause } = request
    return { run, ok: await verbs[verb].perform(await orchestrator.get(run), fields, cause) }
  }

const decideBreaker = async ({ breakers }: Engine, { breaker, set, cause }: Switch): Promise<Json> => {
  const { state } = await breakers.tell(breaker, set, cause)
  return { breaker, ok: true, state }
}

/** Starts a definition that somebody else brought: with the code that is known here, or parked until it is. */
const start = async (
  engine: Engine,
  recovery: Recovery,
  { run: id, definition: document, input, scheduledAt }: Start
): Promise<Json> => {
  const startsAt = scheduledAt === undefined ? undefined : instant(scheduledAt, "scheduledAt")
  const { ir, problems } = await inspectDocument(document)
  const errors = problems.filter(({ severity }) => severity === "error")
  if (ir === undefined || errors.length > 0)
    throw new InvalidWorkflow({ workflow: String((document as { name?: Json }).name), problems: errors })
  const { isIdle = false, allow } = engine.options
  const [denied] = isIdle ? [] : allowProblems(ir, allow)
  if (denied !== undefined)
    throw refuse(
      denied.code,
      `${denied.message}, and in the process that has the store they are not: nothing was started`
    )
  compileWorkflow(definition(ir)).checkInput?.(input)
  const { workflow, missing } = engine.library.bind(makeWorkflow(ir, new Map(), undefined).hash, ir)
  const before = await recovery.before(id)
  const run = engine.submit(workflow, id, input, engine.runs.get(id) ?? before, isIdle ? [] : missing, startsAt)
  await new Promise<void>((resolve, reject) =>
    run.whenWritten((error) => (error === undefined ? resolve() : reject(error)))
  )
  return {
    run: id,
    ok: true,
    ...(run.parked instanceof VersionUnavailable
      ? { parked: { code: run.parked.code, message: run.parked.message } }
      : {})
  }
}
