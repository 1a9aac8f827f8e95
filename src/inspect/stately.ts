/**
 * Other inspectors. Messages of `@statelyai/inspect` 0.7, so that any XState application can point at our page; and one observer that
 * tells several, so that an application can be watched by ours and by Stately's at the same time.
 */
import { createMachine, type InspectionEvent, type Observer } from "xstate"
import type { Inspect } from "../actors/create.ts"
import { isPlainRecord, type Json } from "../model/json.ts"
import { changesOf } from "./changes.ts"
import type { Redact } from "./observe.ts"
import type { Seen } from "./protocol.ts"
import { type ChartShape, shapeOf, statesOf } from "./shape.ts"

interface Known {
  readonly key: string
  readonly shape: ChartShape | undefined
  value: Json | undefined
  context: Json | undefined
  isGone: boolean
}

/** Most actors of other applications that are known at a time; the oldest are forgotten. */
const actorsMost = 50_000

/** Takes messages as `createWebSocketInspector` sends them; what is none is passed over. Gives whether it was one. */
export const statelyReceiver = (tell: (event: Seen) => void, redact: Redact): ((text: string) => boolean) => {
  const known = new Map<string, Known>()
  const meet = (id: string, given: Readonly<Record<string, unknown>>): Known => {
    const found = known.get(id)
    if (found !== undefined) return found
    if (known.size >= actorsMost) known.delete(known.keys().next().value!)
    const parent = text(given.parentId) === undefined ? undefined : known.get(text(given.parentId)!)
    const name = text(given.name) ?? id
    const shape = chartOf(given.definition)
    const actor: Known = {
      key: parent === undefined ? id : `${parent.key}/${id}`,
      shape,
      value: undefined,
      context: undefined,
      isGone: false
    }
    known.set(id, actor)
    if (shape !== undefined) tell({ kind: "chart", logic: name, shape })
    tell({
      kind: "actor",
      actor: actor.key,
      id: name,
      logic: name,
      ...(parent === undefined ? {} : { parent: parent.key })
    })
    return actor
  }
  const settle = (actor: Known, event: string, snapshot: Readonly<Record<string, unknown>>): void => {
    const value = snapshot.value === undefined ? undefined : redact(snapshot.value)
    const context = snapshot.context === undefined ? undefined : redact(snapshot.context)
    const before = statesOf(actor.shape?.id ?? "", actor.value)
    const after = statesOf(actor.shape?.id ?? "", value)
    const from = before.find((state) => !after.includes(state))
    const to = after.find((state) => !before.includes(state))
    const hasMoved = from !== undefined || to !== undefined
    const patches = changesOf(actor.context, context)
    actor.value = value
    actor.context = context
    if (hasMoved || patches.length > 0)
      tell({
        kind: "step",
        actor: actor.key,
        event,
        ...(value === undefined || !hasMoved ? {} : { value }),
        ...(from === undefined || to === undefined ? {} : { from, to }),
        ...(patches.length === 0 ? {} : { patches })
      })
    const { status } = snapshot
    if (actor.isGone || (status !== "done" && status !== "error" && status !== "stopped")) return
    actor.isGone = true
    const output = snapshot.output === undefined ? {} : { output: redact(snapshot.output) }
    tell({ kind: "gone", actor: actor.key, how: status, ...output })
  }
  return (line) => {
    const given = parsed(line)
    const id = text(given?.sessionId)
    if (given === undefined || id === undefined) return false
    switch (given.type) {
      case "@xstate.actor": {
        const actor = meet(id, given)
        if (isPlainRecord(given.snapshot)) settle(actor, "xstate.init", given.snapshot)
        return true
      }
      case "@xstate.event": {
        if (!isPlainRecord(given.event) || typeof given.event.type !== "string") return false
        const actor = meet(id, given)
        const { type, ...data } = given.event
        const from = text(given.sourceId) === undefined ? undefined : known.get(text(given.sourceId)!)?.key
        tell({
          kind: "message",
          actor: actor.key,
          ...(from === undefined ? {} : { from }),
          type: type as string,
          ...(Object.keys(data).length === 0 ? {} : { data: redact(data) })
        })
        return true
      }
      case "@xstate.snapshot": {
        if (!isPlainRecord(given.snapshot)) return false
        const event = isPlainRecord(given.event) ? (text(given.event.type) ?? "") : ""
        settle(meet(id, given), event, given.snapshot)
        return true
      }
      default:
        return false
    }
  }
}

/** One observer for several: each hears everything, and none is disturbed by another that throws. */
export const fanout = (...observers: ReadonlyArray<Inspect>): Observer<InspectionEvent> => ({
  next: (event) => {
    for (const observer of observers)
      try {
        if (typeof observer === "function") observer(event)
        else observer.next?.(event)
      } catch {
        // whoever looks on harms nobody
      }
  }
})

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && value.length <= 500 ? value : undefined

const parsed = (line: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    return isPlainRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The chart of a definition that came as text; nothing of it is ever run. */
const chartOf = (given: unknown): ChartShape | undefined => {
  if (typeof given !== "string") return undefined
  const config = parsed(given)
  if (config === undefined) return undefined
  try {
    return shapeOf(createMachine(config as never))
  } catch {
    return undefined
  }
}
