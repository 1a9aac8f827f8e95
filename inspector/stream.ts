/** The events of one stream as the page keeps them: its timeline, the axis of the slider, and who is the actor of a task. */
import type { SeenEvent, StreamId } from "../src/inspect/protocol.ts"
import { Timeline, View } from "../src/inspect/view.ts"
import { Axis } from "./axis.ts"
import { markOf } from "./said.ts"

export class Stream {
  readonly id: StreamId
  readonly timeline = new Timeline()
  readonly axis = new Axis()
  /** Messages of the journal: numbers of their events, in order. */
  readonly journal: Array<number> = []
  readonly #actorOfTask = new Map<string, string>()
  readonly #beginnings = new Map<string, number>()
  /** The view that was asked for last, which nobody else has: going on from it costs only what happened since. */
  #cursor: View | undefined

  constructor(id: StreamId) {
    this.id = id
  }

  get events(): ReadonlyArray<SeenEvent> {
    return this.timeline.events
  }
  get length(): number {
    return this.timeline.events.length
  }

  /** Takes what comes next. What it has already is passed over; false when something between is missing. */
  push(events: ReadonlyArray<SeenEvent>): boolean {
    const first = events[0]
    if (first === undefined) return true
    const known = this.length
    if (first.seq > known) return false
    const fresh = first.seq === known ? events : events.slice(known - first.seq)
    this.timeline.push(fresh)
    for (const event of fresh) {
      this.axis.add(event.t, markOf(event))
      if (event.kind === "journal") this.journal.push(event.seq)
      if (event.kind === "attempt" || event.kind === "wait") {
        const key = keyOf(event.run, event.task)
        if (!this.#beginnings.has(key)) this.#beginnings.set(key, event.seq)
      }
      if (event.kind === "actor" && event.task !== undefined)
        this.#actorOfTask.set(keyOf(event.run, event.task), event.actor)
    }
    return true
  }

  actorOf(run: string | undefined, task: string): string | undefined {
    return this.#actorOfTask.get(keyOf(run, task))
  }

  /** The event by which a task first began to work or to wait. */
  beginningOf(run: string | undefined, task: string): SeenEvent | undefined {
    const seq = this.#beginnings.get(keyOf(run, task))
    return seq === undefined ? undefined : this.timeline.events[seq]
  }

  /** The view after the first `seq` events; a new object each time, whose maps nobody may change. */
  view(seq: number): View {
    if (seq >= this.length) return seenOf(this.timeline.latest)
    const near = this.#cursor
    if (near !== undefined && near.seq <= seq && seq - near.seq <= forwardMost) {
      for (let i = near.seq; i < seq; i++) near.apply(this.timeline.events[i]!)
      return seenOf(near)
    }
    this.#cursor = this.timeline.at(seq)
    return seenOf(this.#cursor)
  }

  /** How many events there were by a time. */
  before(t: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.timeline.events[middle]!.t <= t) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Further than this, a copy near by is quicker. */
const forwardMost = 2_000

const keyOf = (run: string | undefined, task: string) => `${run ?? ""}\n${task}`

/** What there is to see of a view that goes on changing: another object, the same maps. */
const seenOf = (view: View): View =>
  Object.assign(Object.create(View.prototype), {
    seq: view.seq,
    t: view.t,
    lost: view.lost,
    definitions: view.definitions,
    charts: view.charts,
    actors: view.actors,
    children: view.children,
    runs: view.runs,
    breakers: view.breakers,
    agents: view.agents
  })
