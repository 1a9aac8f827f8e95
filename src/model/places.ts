/**
 * Who is inside a bulkhead and who waits: `take` gives a seat that is granted, or waits for its turn, or is refused. Never reads a
 * clock and starts no timer; whoever bounds the wait leaves the seat and says why. The count never falls below zero, because a seat
 * leaves once, whatever happens.
 */
import type { BulkheadRule } from "./bulkhead.ts"
import { BulkheadFull } from "./errors.ts"
import { FairQueue, InLine, type Waiter } from "./fair-queue.ts"

export interface PlacesMetrics {
  readonly name: string
  /** Calls that are being made. */
  readonly running: number
  readonly queued: number
  /** Calls that were refused so far. */
  readonly refused: number
  readonly concurrent: number
  readonly queue: number
}

/** The place of one call: inside, in the queue, or neither any more. */
export class Seat extends InLine {
  readonly #places: Places
  state: "waiting" | "inside" | "gone" = "waiting"
  constructor(places: Places, who: Waiter, granted: () => void) {
    super(who, granted)
    this.#places = places
  }
  get isGranted(): boolean {
    return this.state === "inside"
  }
  leave(): void {
    this.#places.leave(this)
  }
}

export class Places {
  readonly name: string
  readonly rule: BulkheadRule
  readonly #queue = new FairQueue<Seat>()
  /** Calls inside, by lane. */
  readonly #inside = new Map<string, number>()
  #running = 0
  #refused = 0
  #isGranting = false

  constructor(name: string, rule: BulkheadRule) {
    this.name = name
    this.rule = rule
  }

  get metrics(): PlacesMetrics {
    const { name, rule } = this
    const { concurrent, queue } = rule
    return { name, running: this.#running, queued: this.#queue.size, refused: this.#refused, concurrent, queue }
  }

  /** `granted` is called when a seat that waits has its turn. Throws `BulkheadFull`. */
  take(who: Waiter, granted: () => void): Seat {
    const seat = new Seat(this, who, granted)
    const { queue, perKey } = this.rule
    // nobody overtakes those who could have a turn; a run that is paused begins nothing
    if (
      this.#running < this.rule.concurrent &&
      !seat.isHeld &&
      this.#mayHave(seat.lane) &&
      this.#queue.sizeOf(seat.lane) === 0
    )
      this.#enter(seat)
    else if (this.#queue.size >= queue) throw this.refusal("queue")
    else if (this.#queue.sizeOf(seat.lane) >= perKey.queue) throw this.refusal("key")
    else this.#queue.push(seat)
    return seat
  }

  /** Why a call is refused; counts it. */
  refusal(why: BulkheadFull["why"]): BulkheadFull {
    this.#refused++
    const { concurrent, queue, waitMs, perKey } = this.rule
    return new BulkheadFull({
      bulkhead: this.name,
      why,
      concurrent,
      queue: why === "key" ? perKey.queue : queue,
      waitMs
    })
  }

  leave(seat: Seat): void {
    const { state, lane } = seat
    if (state === "gone") return
    seat.state = "gone"
    if (state === "waiting") {
      this.#queue.withdraw(seat)
      return
    }
    this.#running--
    const left = this.#inside.get(lane)! - 1
    if (left === 0) this.#inside.delete(lane)
    else this.#inside.set(lane, left)
    this.#queue.freed(lane)
    this.#grant()
  }

  /** Those that were held back may have their turn. */
  resume(): void {
    this.#queue.resume()
    this.#grant()
  }

  readonly #mayHave = (lane: string): boolean => (this.#inside.get(lane) ?? 0) < this.rule.perKey.concurrent

  #enter(seat: Seat): void {
    seat.state = "inside"
    this.#running++
    this.#inside.set(seat.lane, (this.#inside.get(seat.lane) ?? 0) + 1)
  }

  /** Whoever is let in may leave at once, and so on: one loop, however long the queue. */
  #grant(): void {
    if (this.#isGranting) return
    this.#isGranting = true
    try {
      while (this.#running < this.rule.concurrent) {
        const seat = this.#queue.next(this.#mayHave)
        if (seat === undefined) return
        this.#enter(seat)
        seat.granted()
      }
    } finally {
      this.#isGranting = false
    }
  }
}
