/**
 * Everything that is due at some time: waits, pauses between attempts, timeouts. One heap, one sleeping fiber on Effect's Clock;
 * any length up to ten years, because a sleep is cut into days and looked at again. What is written down is due at a time on the
 * wall; what guards a call counts on the clock that never jumps.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** The clock of programs that give no other. */
export const realTime = Context.get(Context.empty() as Context.Context<never>, Clock.Clock)

/**
 * The clock of the process that only ever goes on, in milliseconds since some moment: durations that no restart outlives count on
 * it. In whole microseconds: as nanoseconds since 1970 a number is rounded, and what is due then comes a moment too late.
 */
export const monotonic = (clock: Clock.Clock): (() => number) =>
  clock === realTime ? () => performance.now() : () => Number(clock.monotonicTimeNanosUnsafe() / 1_000n) / 1e3

/** Something that is due at some time. */
export abstract class Timer {
  /** Never changed while it is started. */
  dueAt: number
  /** Timers of one instant fire in the order they were started. */
  order = 0
  /** Place in the heap; -1 while it is not there. */
  position = -1
  constructor(dueAt: number) {
    this.dueAt = dueAt
  }
  abstract fire(): void
}

class Callback extends Timer {
  readonly #then: () => void
  constructor(dueAt: number, then: () => void) {
    super(dueAt)
    this.#then = then
  }
  fire(): void {
    this.#then()
  }
}

/** Longest single sleep; a later look finds clocks that jumped. */
const longestSleepMs = 24 * 3_600_000

const isBefore = (a: Timer, b: Timer) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order)

export class Timers {
  readonly #now: () => number
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly #heap: Array<Timer> = []
  #sleeper: Fiber.Fiber<void> | undefined = undefined
  #armedFor = Number.POSITIVE_INFINITY
  #started = 0

  constructor(now: () => number, context: Context.Context<never>) {
    this.#now = now
    const fork = Effect.runForkWith(context)
    this.#fork = (effect) => fork(effect)
  }

  get size(): number {
    return this.#heap.length
  }

  /** Calls `then` once, when the time has come, never before. */
  start(dueAt: number, then: () => void): Timer {
    const timer = new Callback(dueAt, then)
    this.add(timer)
    return timer
  }

  /** Fires a timer once, when its time has come, never before. */
  add(timer: Timer): void {
    timer.order = this.#started++
    timer.position = this.#heap.length
    this.#heap.push(timer)
    this.#rise(timer)
    if (timer.dueAt < this.#armedFor) this.#arm(timer.dueAt)
  }

  /** Makes sure that a timer does not fire; nothing happens if it has. */
  stop(timer: Timer): void {
    const { position } = timer
    if (position === -1) return
    timer.position = -1
    const last = this.#heap.pop()!
    if (last === timer) return
    this.#heap[position] = last
    last.position = position
    this.#rise(last)
    this.#sink(last)
  }

  /** Lets the process end although timeouts of finished work would still be slept on. */
  rest(): void {
    if (this.#heap.length === 0) this.#disarm()
  }

  close(): void {
    this.#heap.length = 0
    this.#disarm()
  }

  #arm(dueAt: number): void {
    this.#disarm()
    this.#armedFor = dueAt
    const wait = Math.min(Math.max(0, dueAt - this.#now()), longestSleepMs)
    this.#sleeper = this.#fork(
      Effect.andThen(
        Effect.sleep(wait),
        Effect.sync(() => this.#wake())
      )
    )
  }

  #disarm(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    const sleeper = this.#sleeper
    this.#sleeper = undefined
    sleeper?.interruptUnsafe()
  }

  #wake(): void {
    this.#sleeper = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#now()
    for (let next = this.#heap[0]; next !== undefined && next.dueAt <= now; next = this.#heap[0]) {
      this.stop(next)
      next.fire()
    }
    const next = this.#heap[0]
    if (next !== undefined && next.dueAt < this.#armedFor) this.#arm(next.dueAt)
  }

  #rise(timer: Timer): void {
    const heap = this.#heap
    let at = timer.position
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]!
      if (!isBefore(timer, parent)) break
      heap[at] = parent
      parent.position = at
      at = (at - 1) >> 1
    }
    heap[at] = timer
    timer.position = at
  }

  #sink(timer: Timer): void {
    const heap = this.#heap
    let at = timer.position
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, timer)) break
      heap[at] = heap[child]!
      heap[at]!.position = at
      at = child
    }
    heap[at] = timer
    timer.position = at
  }
}
