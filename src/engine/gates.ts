/**
 * What people and outside systems say to gates. It is held against the gate before it is written, so that a wrong value leaves
 * no trace; and looked at once more when it is delivered, because two may say something at the same time.
 */
import { gatesOf, type Located, listenersOf, locate } from "../actors/locate.ts"
import type { CompiledTask, Structure } from "../model/compile.ts"
import { GateClosed, GateUnknown, InvalidOption, LimitExceeded, type TroupeError } from "../model/errors.ts"
import { suggest } from "../model/ids.ts"
import type { GateTask } from "../model/ir.ts"
import { type Json, toJson } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import type { Cause, GateAnswered, GateRejected, Message, SignalReceived } from "../model/messages.ts"
import { type AnySchema, standardCheck } from "../model/schemas.ts"
import type { Engine } from "./engine.ts"
import type { LiveRun } from "./run.ts"

/** The run in memory, whatever it takes to bring it there. */
export type Present = () => Promise<LiveRun>

/** What can be said, before it has its time. */
type Saying = Omit<GateAnswered, "at"> | Omit<GateRejected, "at"> | Omit<SignalReceived, "at">

/** Answers a gate; resolves once the answer is written and delivered. */
export const answer = async (
  engine: Engine,
  present: Present,
  gate: string,
  value: unknown,
  cause: Cause
): Promise<void> => {
  const run = await present()
  const found = accepted(run, answerable(run, gate).gates, value)
  const json = found instanceof Promise ? await found : found
  return tell(engine, present, (now) => ({
    saying: { type: "gate.answered", task: gate, value: json, ...cause },
    isEarly: answerable(now, gate).state !== "open"
  }))
}

/** Says no at a gate. */
export const reject = async (
  engine: Engine,
  present: Present,
  gate: string,
  reason: string,
  cause: Cause
): Promise<void> => {
  // as many turns as an answer takes: who speaks first is heard first
  answerable(await present(), gate)
  if (typeof reason !== "string") throw new InvalidOption({ option: "reason", value: reason, allowed: "a text" })
  toJson(reason)
  return tell(engine, present, (now) => ({
    saying: { type: "gate.rejected", task: gate, reason, ...cause },
    isEarly: answerable(now, gate).state !== "open"
  }))
}

/** Tells a run what happened outside: every open gate that listens hears it, or the next one does. */
export const signal = async (
  engine: Engine,
  present: Present,
  name: string,
  value: unknown,
  cause: Cause
): Promise<void> => {
  const run = await present()
  const found = accepted(run, listeners(run, name), value)
  const json = found instanceof Promise ? await found : found
  return tell(engine, present, (now) => {
    listeners(now, name)
    return {
      saying: { type: "signal.received", name, value: json, ...cause },
      isEarly: now.room.gates.listeningTo(name).length === 0
    }
  })
}

/** Whether a message is for gates. */
export const isSaying = (message: Message): message is GateAnswered | GateRejected | SignalReceived =>
  message.type === "gate.answered" || message.type === "gate.rejected" || message.type === "signal.received"

/** Delivers what was said. It may have come too late: then nothing changes, and whoever said it is told why. */
export const deliverSaying = (
  run: LiveRun,
  message: GateAnswered | GateRejected | SignalReceived
): TroupeError | undefined => {
  const { room, id } = run
  const { gates } = room
  if (message.type === "signal.received") {
    if (room.outcome !== undefined) return new GateClosed({ run: id, gate: message.name, became: "ended" })
    if (gates.isFull && gates.listeningTo(message.name).length === 0) return tooMany()
    gates.signal(message)
    return undefined
  }
  const found = locate(room, run.compiled, message.task)
  if (found === undefined) return unknown(run, message.task)
  if (found.state === "ended") return new GateClosed({ run: id, gate: message.task, became: found.became })
  if (gates.isFull && found.state !== "open") return tooMany()
  gates.answer(message)
  return undefined
}

/** Writes what was said, to the run as it is at that moment. */
const tell = async (
  engine: Engine,
  present: Present,
  prepare: (run: LiveRun) => { readonly saying: Saying; readonly isEarly: boolean }
): Promise<void> => {
  let run = await present()
  while (run.isGone && run.outcome === undefined) run = await present()
  const { saying, isEarly } = prepare(run)
  const { gates } = run.room
  if (isEarly && !gates.hasRoom) throw tooMany()
  if (isEarly) gates.reserved++
  return new Promise((resolve, reject) => {
    engine.tell(run, { ...saying, at: engine.now() }, (error) => {
      if (isEarly) gates.reserved--
      if (error === undefined) resolve()
      else reject(error)
    })
  })
}

const tooMany = () =>
  new LimitExceeded({
    limit: "signals",
    allowed: limits.signals,
    actual: limits.signals + 1,
    unit: "signals and early answers of one run that wait for a gate"
  })

/** The gate that a path means, if it can take an answer. */
const answerable = (run: LiveRun, gate: string): Exclude<Located, { readonly state: "ended" }> => {
  requireWhole(run)
  const found = typeof gate === "string" ? locate(run.room, run.compiled, gate) : undefined
  if (found === undefined) throw unknown(run, String(gate))
  if (found.state === "ended") throw new GateClosed({ run: run.id, gate, became: found.became })
  return found
}

/** The gates that could hear a signal. */
const listeners = (run: LiveRun, name: string): ReadonlyArray<CompiledTask> => {
  requireWhole(run)
  const { byName, isOpenEnded } = listenersOf(run.compiled)
  const found = new Set([...(byName.get(name) ?? []), ...run.room.gates.listeningTo(name).map(({ task }) => task)])
  if (found.size === 0 && !isOpenEnded) {
    const known = [...byName.keys()]
    throw new GateUnknown({
      run: run.id,
      gate: String(name),
      what: "signal",
      known,
      near: suggest(String(name), known)
    })
  }
  if (run.room.outcome !== undefined) throw new GateClosed({ run: run.id, gate: name, became: "ended" })
  return [...found]
}

const unknown = ({ id, compiled }: LiveRun, gate: string): GateUnknown => {
  const known = gatesOf(compiled).map(({ path }) => path)
  return new GateUnknown({ run: id, gate, what: "gate", known, near: suggest(gate, known) })
}

/** A run whose journal does not fit its definition is left alone until somebody has looked. */
const requireWhole = ({ parked }: LiveRun): void => {
  if (parked !== undefined && parked._tag !== "VersionUnavailable") throw parked
}

/** What the schemas of all these gates make of a value; a promise only where one of them takes its time. */
const accepted = (run: LiveRun, gates: ReadonlyArray<CompiledTask>, value: unknown): Json | Promise<Json> => {
  if (gates.length > 1)
    return Promise.all(gates.map(async (gate) => acceptedBy(run, gate, value))).then((all) => toJson(all[0]))
  const result = gates.length === 0 ? value : acceptedBy(run, gates[0]!, value)
  return result instanceof Promise ? result.then((given) => toJson(given)) : toJson(result)
}

const acceptedBy = (run: LiveRun, { id, ir, structure }: CompiledTask, value: unknown): unknown => {
  const { checkOut } = structure as Extract<Structure, { kind: "gate" }>
  const { check: name } = ir as GateTask
  const given = checkOut === undefined ? value : toJson(value)
  checkOut?.(given)
  if (name === undefined) return given
  const schema = run.workflow.code.get(name)
  // without its schema nobody can say whether it is an answer
  if (schema === undefined && run.parked !== undefined) throw run.parked
  const check = standardCheck(schema as AnySchema | undefined, `the answer to gate '${id}'`)
  return check === undefined ? given : check(given)
}
