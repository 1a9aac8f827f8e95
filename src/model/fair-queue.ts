/**
 * A queue of lanes that take turns: one of each lane, round after round, so that whoever asks for much waits for itself and not the
 * others for it (round robin over flows: J. Nagle, "On Packet Switches With Infinite Storage", RFC 970, 1985; all calls cost the
 * same here, so the deficits of M. Shreedhar and G. Varghese, 1995, would change nothing). Within a lane the highest priority
 * first, then first in first out.
 *
 * The bound: the first of a lane waits for one of each other lane that waits, at most, before it has its turn.
 */
import { PriorityQueue } from "./queue.ts"

/** What stands in such a queue. */
export interface Waiter {
  readonly lane: string
  /** 0 (last) to 100 (first). */
  readonly priority: number
  /** It may not have its turn for now. */
  readonly isHeld: boolean
}

/** Stands in a line for a call. */
export abstract class InLine implements Waiter {
  readonly #who: Waiter
  /** Read once: what it is worked out from may change. */
  readonly lane: string
  readonly granted: () => void
  constructor(who: Waiter, granted: () => void) {
    this.#who = who
    this.lane = who.lane
    this.granted = granted
  }
  get priority(): number {
    return this.#who.priority
  }
  get isHeld(): boolean {
    return this.#who.isHeld
  }
}

interface Slip<T> {
  readonly waiter: T
  /** It has had its turn, or was withdrawn. */
  isGone: boolean
}

interface Lane<T> {
  queue: PriorityQueue<Slip<T>>
  waiting: number
}

export class FairQueue<T extends Waiter> {
  /** Lanes whose turn comes, the next one first. */
  readonly #turns = new Map<string, Lane<T>>()
  /** Lanes that may not have a turn for now. */
  readonly #aside = new Map<string, Lane<T>>()
  readonly #slips = new Map<T, Slip<T>>()
  #held: Array<Slip<T>> = []

  get size(): number {
    return this.#slips.size
  }

  sizeOf(lane: string): number {
    return this.#laneOf(lane)?.waiting ?? 0
  }

  push(waiter: T): void {
    const slip = { waiter, isGone: false }
    this.#slips.set(waiter, slip)
    this.#enqueue(slip)
  }

  /** The next one whose lane may have a turn; lanes that may not are put aside until `freed`. */
  next(mayHave: (lane: string) => boolean): T | undefined {
    for (const [name, lane] of this.#turns) {
      if (!mayHave(name)) {
        this.#turns.delete(name)
        this.#aside.set(name, lane)
        continue
      }
      const slip = this.#first(lane)
      this.#turns.delete(name)
      if (lane.waiting > 0) this.#turns.set(name, lane)
      if (slip === undefined) continue
      slip.isGone = true
      this.#slips.delete(slip.waiter)
      return slip.waiter
    }
    return undefined
  }

  /** A lane may have turns again: after those that wait for theirs. */
  freed(name: string): void {
    const lane = this.#aside.get(name)
    if (lane === undefined) return
    this.#aside.delete(name)
    if (lane.waiting > 0) this.#turns.set(name, lane)
  }

  /** It waits no longer; false when it did not. */
  withdraw(waiter: T): boolean {
    const slip = this.#slips.get(waiter)
    if (slip === undefined) return false
    slip.isGone = true
    this.#slips.delete(waiter)
    const lane = this.#laneOf(waiter.lane)
    if (lane === undefined || this.#held.includes(slip)) {
      this.#held = this.#held.filter((one) => one !== slip)
      return true
    }
    lane.waiting--
    if (lane.waiting === 0) {
      this.#turns.delete(waiter.lane)
      this.#aside.delete(waiter.lane)
    } else if (lane.queue.size > 2 * lane.waiting + 16) tidy(lane)
    return true
  }

  /** Those that were held back may have their turn again. */
  resume(): void {
    for (const slip of this.#held.splice(0)) this.#enqueue(slip)
  }

  #laneOf(name: string): Lane<T> | undefined {
    return this.#turns.get(name) ?? this.#aside.get(name)
  }

  #enqueue(slip: Slip<T>): void {
    const { lane: name, priority } = slip.waiter
    let lane = this.#laneOf(name)
    if (lane === undefined) {
      lane = { queue: new PriorityQueue(), waiting: 0 }
      this.#turns.set(name, lane)
    }
    lane.queue.push(slip, priority)
    lane.waiting++
  }

  /** Takes the first one out of a lane that is not held back. */
  #first(lane: Lane<T>): Slip<T> | undefined {
    while (lane.waiting > 0) {
      const slip = lane.queue.pop()!
      if (slip.isGone) continue
      lane.waiting--
      if (!slip.waiter.isHeld) return slip
      this.#held.push(slip)
    }
    return undefined
  }
}

/** Those who were withdrawn take no room for long. */
const tidy = (lane: Lane<unknown>): void => {
  const all = lane.queue.toArray()
  lane.queue = new PriorityQueue()
  for (const [slip, priority] of all) if (!slip.isGone) lane.queue.push(slip, priority)
}
