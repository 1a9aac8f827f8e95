/** The messages around a moment as rows between lifelines: who told whom what, in order. */
import type { SeenEvent } from "../../src/inspect/protocol.ts"
import { isAbout, type Subject } from "../filter.ts"

export interface SequenceRow {
  readonly event: SeenEvent
  readonly kind: "message" | "step" | "command"
  /** Index of the lifeline that it comes from, and of the one that it goes to; the same for a step. */
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface Sequence {
  /** Keys of actors; `""` is whatever is outside. */
  readonly lifelines: ReadonlyArray<string>
  readonly rows: ReadonlyArray<SequenceRow>
  /** The row of the moment: the last that has happened; -1 when none has. */
  readonly at: number
  /** There are more before, or after. */
  readonly isCutBefore: boolean
  readonly isCutAfter: boolean
  /** Messages that are not shown because their actors are too many. */
  readonly left: number
}

/** Rows before the moment and after it. */
const rowsEachWay = 250
/** Most events that are looked at each way: a filter may let few through. */
const lookedMost = 20_000
/** Most lifelines; messages of further actors are counted. */
export const lifelinesMost = 32

export const sequenceOf = (events: ReadonlyArray<SeenEvent>, seq: number, only: Subject | undefined): Sequence => {
  const isWanted = (event: SeenEvent) =>
    (event.kind === "message" || (event.kind === "step" && event.to !== undefined) || event.kind === "command") &&
    (only === undefined || isAbout(event, only))
  const before: Array<SeenEvent> = []
  let back = seq - 1
  for (let looked = 0; back >= 0 && before.length < rowsEachWay && looked < lookedMost; back--, looked++)
    if (isWanted(events[back]!)) before.push(events[back]!)
  before.reverse()
  const after: Array<SeenEvent> = []
  let on = seq
  for (let looked = 0; on < events.length && after.length < rowsEachWay && looked < lookedMost; on++, looked++)
    if (isWanted(events[on]!)) after.push(events[on]!)

  const lifelines: Array<string> = [""]
  const places = new Map<string, number>([["", 0]])
  const place = (key: string): number | undefined => {
    const known = places.get(key)
    if (known !== undefined) return known
    if (lifelines.length >= lifelinesMost) return undefined
    places.set(key, lifelines.length)
    lifelines.push(key)
    return lifelines.length - 1
  }
  // nearest first, so that what is near the moment has its lifelines
  const chosen = [...before].reverse()
  for (const event of [...interleaved(chosen, after)]) {
    if (event.kind === "message") {
      place(event.from ?? "")
      place(event.actor)
    } else if ("actor" in event) place(event.actor)
  }
  const order = sorted(lifelines)
  const moved = new Map(order.map((key, i) => [key, i]))
  const rows: Array<SequenceRow> = []
  let left = 0
  let at = -1
  for (const event of [...before, ...after]) {
    const row = rowOf(event, moved)
    if (row === undefined) left++
    else {
      rows.push(row)
      if (event.seq < seq) at = rows.length - 1
    }
  }
  return { lifelines: order, rows, at, isCutBefore: back >= 0, isCutAfter: on < events.length, left }
}

function* interleaved(a: ReadonlyArray<SeenEvent>, b: ReadonlyArray<SeenEvent>): Iterable<SeenEvent> {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] !== undefined) yield a[i]!
    if (b[i] !== undefined) yield b[i]!
  }
}

/** Outside first; then parents before their children, as their keys say. */
const sorted = (keys: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...keys].sort((a, b) => (a === b ? 0 : a === "" ? -1 : b === "" ? 1 : a.localeCompare(b, "en", { numeric: true })))

const rowOf = (event: SeenEvent, places: ReadonlyMap<string, number>): SequenceRow | undefined => {
  if (event.kind === "message") {
    const from = places.get(event.from ?? "")
    const to = places.get(event.actor)
    return from === undefined || to === undefined ? undefined : { event, kind: "message", from, to, label: event.type }
  }
  if (event.kind === "step") {
    const at = places.get(event.actor)
    const { to } = event
    return at === undefined || to === undefined
      ? undefined
      : { event, kind: "step", from: at, to: at, label: to.includes(".") ? to.slice(to.indexOf(".") + 1) : to }
  }
  if (event.kind === "command") {
    const from = places.get(event.actor)
    return from === undefined ? undefined : { event, kind: "command", from, to: 0, label: event.type }
  }
  return undefined
}
