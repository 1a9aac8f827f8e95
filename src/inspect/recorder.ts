/**
 * Events of something that has no journal, kept for whoever wants to see them, or comes later. What is kept is bounded: of what was
 * let go the outcome stays, so that whoever attaches late sees every actor as it is.
 */
import type { Seen, SeenEvent } from "./protocol.ts"
import type { Redact } from "./redact.ts"
import type { Batch } from "./source.ts"
import { View } from "./view.ts"

export interface RecorderOptions {
  /** Most events that are kept; default 50,000. When there are more, the older half is let go. */
  readonly max?: number
  readonly now?: () => number
  /** What redacts the events before they come here. */
  readonly redactedBy?: Redact
}

/** Events that are given at a time. */
const batchMost = 1_000

export class Recorder {
  readonly #mark: Pick<Batch, "redactedBy">
  readonly #max: number
  readonly #now: () => number
  /** What became of the events that were let go. */
  readonly #before = new View()
  #events: Array<SeenEvent> = []
  #next = 0
  #t = 0
  #waiting: Array<() => void> = []
  #isClosed = false

  constructor({ max = 50_000, now = Date.now, redactedBy }: RecorderOptions = {}) {
    this.#mark = redactedBy === undefined ? {} : { redactedBy }
    this.#max = max
    this.#now = now
  }

  /** Events so far, also those that were let go. */
  get length(): number {
    return this.#next
  }

  readonly tell = (event: Seen): void => {
    // clocks are set back, streams are not
    this.#t = Math.max(this.#t, this.#now())
    // the event was made for this call
    const told = event as unknown as { -readonly [K in keyof SeenEvent]: SeenEvent[K] }
    told.seq = this.#next++
    told.t = this.#t
    this.#events.push(told as SeenEvent)
    if (this.#events.length > this.#max) this.#letGo()
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one()
  }

  #letGo(): void {
    const gone = this.#events.splice(0, this.#events.length - Math.floor(this.#max / 2))
    for (const event of gone) this.#before.apply(event)
  }

  /** What is known of the time before the first event that is kept; numbered so that it leads up to it. */
  #base(): ReadonlyArray<SeenEvent> {
    const { charts, actors, seq, t } = this.#before
    const told: Array<Seen> = []
    for (const [logic, shape] of charts) told.push({ kind: "chart", logic, shape })
    for (const { key: actor, id, parent, logic, value, context, status } of actors.values()) {
      // whoever has ended long ago is not told any more
      if (status !== "active") continue
      told.push({
        kind: "actor",
        actor,
        id,
        logic,
        ...(parent === undefined ? {} : { parent }),
        ...(value === undefined ? {} : { value }),
        ...(context === undefined ? {} : { context })
      })
    }
    return told.map((event, i) => ({ ...event, seq: seq - told.length + i, t }))
  }

  /** Events from a number on, then those that come, until whoever reads stops or the recorder is closed. */
  async *follow(from: number, signal?: AbortSignal): AsyncGenerator<Batch> {
    let next = from
    for (;;) {
      const first = this.#events[0]?.seq ?? this.#next
      if (next < first) {
        const lost: ReadonlyArray<SeenEvent> =
          next === 0 ? this.#base() : [{ kind: "gap", lost: first - next, seq: first - 1, t: this.#before.t }]
        next = first
        if (lost.length > 0) yield { ...this.#mark, events: lost, isCaughtUp: false }
      }
      const events = this.#events.slice(next - first, next - first + batchMost)
      next += events.length
      const isCaughtUp = next >= this.#next
      yield { ...this.#mark, events, isCaughtUp }
      if (!isCaughtUp) continue
      if (this.#isClosed || signal?.aborted === true) return
      await this.#more(signal)
    }
  }

  /** Resolves when there is more, or nobody waits any more. */
  #more(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== go)
        resolve()
      }
      const go = () => {
        signal?.removeEventListener("abort", leave)
        resolve()
      }
      signal?.addEventListener("abort", leave, { once: true })
      this.#waiting.push(go)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const one of this.#waiting.splice(0)) one()
  }
}
