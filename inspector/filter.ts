/** Which events the log shows. Looked for a slice at a time, so that a million of them never hold a frame. */
import type { SeenEvent, SeenKind } from "../src/inspect/protocol.ts"
import { about, said } from "./said.ts"

export interface Filter {
  /** Empty: all. */
  readonly kinds: ReadonlySet<SeenKind>
  /** Words that must all be in it; `kind:step`, `task:charge`, `actor:run-1` look there only. */
  readonly text: string
  /** Only what is about this task and its actor. */
  readonly only: Subject | undefined
}
export interface Subject {
  readonly task: string | undefined
  readonly actor: string | undefined
}

export const noFilter: Filter = { kinds: new Set(), text: "", only: undefined }

export const isEmpty = ({ kinds, text, only }: Filter): boolean =>
  kinds.size === 0 && text.trim() === "" && only === undefined

/** Whether an event is about a task, its actor, or something below them. */
export const isAbout = (event: SeenEvent, { task, actor }: Subject): boolean => {
  if (task !== undefined) {
    if ("task" in event && event.task === task) return true
    if (event.kind === "journal" && "task" in event.message && event.message.task === task) return true
    if (event.kind === "journal" && event.message.type === "run.amended" && task in event.message.give) return true
  }
  if (actor === undefined) return false
  return ("actor" in event && event.actor === actor) || (event.kind === "message" && event.from === actor)
}

/** Whether a filter lets an event through. */
export const matcher = ({ kinds, text, only }: Filter): ((event: SeenEvent) => boolean) => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return (event) => {
    if (kinds.size > 0 && !kinds.has(event.kind)) return false
    if (only !== undefined && !isAbout(event, only)) return false
    if (words.length === 0) return true
    let whole: string | undefined
    return words.every((word) => {
      const at = word.indexOf(":")
      const field = at > 0 ? word.slice(0, at) : ""
      const wanted = word.slice(at + 1)
      if (field === "kind") return event.kind.startsWith(wanted)
      if (field === "task") return "task" in event && String(event.task).toLowerCase().includes(wanted)
      if (field === "actor") return "actor" in event && event.actor.toLowerCase().includes(wanted)
      whole ??= haystack(event)
      return whole.includes(word)
    })
  }
}

const haystack = (event: SeenEvent): string => `${event.kind} ${about(event)} ${said(event, 2_000)}`.toLowerCase()

/** The numbers of the events that a filter lets through, as far as it has looked. */
export class Found {
  readonly rows: Array<number> = []
  readonly #matches: (event: SeenEvent) => boolean
  #looked = 0

  constructor(filter: Filter) {
    this.#matches = matcher(filter)
  }

  get looked(): number {
    return this.#looked
  }

  /** Looks on until the time is over; says whether it has seen all. */
  look(events: ReadonlyArray<SeenEvent>, untilMs: number, now: () => number = () => performance.now()): boolean {
    while (this.#looked < events.length) {
      const end = Math.min(events.length, this.#looked + 500)
      for (; this.#looked < end; this.#looked++) if (this.#matches(events[this.#looked]!)) this.rows.push(this.#looked)
      if (now() >= untilMs) break
    }
    return this.#looked >= events.length
  }
}

/** The place of a number in sorted rows: of it, or of the last one before it. */
export const placeOf = (rows: ReadonlyArray<number>, seq: number): number => {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]! <= seq) low = middle + 1
    else high = middle
  }
  return low - 1
}
