/**
 * What a breaker remembers of the calls that ended: the last n, or those of the last while. It changes in place, because it hears
 * of every call; the chart beside it hears only of what can change it. It reads no clock: times come with the calls.
 */
import { type BreakerRule, nothingSeen, type Seen } from "./breaker.ts"

/** A window as JSON. One digit a call, oldest first: 1 when it failed, 2 when it was slow, 3 for both, 0 for neither. */
export type WindowState =
  | { readonly calls: string }
  /** Per step of a window of so many milliseconds, oldest first: its number since 1970, calls, failures, slow calls. */
  | {
      readonly ms: number
      readonly steps: ReadonlyArray<readonly [step: number, calls: number, failures: number, slow: number]>
    }

export interface BreakerWindow extends Seen {
  readonly add: (failed: boolean, slow: boolean, at: number) => void
  /** Forgets what is too old at that time. */
  readonly advance: (at: number) => void
  readonly clear: () => void
  readonly toJSON: () => WindowState
  /** Takes over what another window remembered: the last calls that have room, or nothing where it was of another kind or time. */
  readonly restore: (state: WindowState) => void
}

/** The window that a rule asks for; one that remembers nothing where no rate is asked for. */
export const windowFor = ({ window }: BreakerRule): BreakerWindow =>
  window === null ? noWindow : "calls" in window ? new CallWindow(window.calls) : new TimeWindow(window.ms)

const noWindow: BreakerWindow = Object.freeze({
  ...nothingSeen,
  add: () => {},
  advance: () => {},
  clear: () => {},
  toJSON: () => ({ calls: "" }),
  restore: () => {}
})

/** The last n calls, in a ring. */
class CallWindow implements BreakerWindow {
  calls = 0
  failures = 0
  slow = 0
  #next = 0
  readonly #ring: Uint8Array
  constructor(size: number) {
    this.#ring = new Uint8Array(size)
  }
  add(failed: boolean, slow: boolean): void {
    const ring = this.#ring
    const at = this.#next
    if (this.calls === ring.length) {
      const oldest = ring[at]!
      this.failures -= oldest & 1
      this.slow -= oldest >> 1
    } else this.calls++
    const mark = (failed ? 1 : 0) | (slow ? 2 : 0)
    ring[at] = mark
    this.failures += mark & 1
    this.slow += mark >> 1
    this.#next = at + 1 === ring.length ? 0 : at + 1
  }
  advance(): void {}
  clear(): void {
    this.calls = this.failures = this.slow = this.#next = 0
  }
  toJSON(): WindowState {
    const size = this.#ring.length
    const first = this.calls < size ? 0 : this.#next
    return { calls: Array.from({ length: this.calls }, (_, i) => this.#ring[(first + i) % size]).join("") }
  }
  restore(state: WindowState): void {
    this.clear()
    if (!("calls" in state)) return
    for (const mark of state.calls.slice(-this.#ring.length))
      this.add((Number(mark) & 1) === 1, Number(mark) >> 1 === 1)
  }
}

/** Steps of a time window: how exactly it forgets. */
const steps = 10

/** The calls of the last while, counted per tenth of it: a call is forgotten with its step. */
class TimeWindow implements BreakerWindow {
  calls = 0
  failures = 0
  slow = 0
  /** The newest step. */
  #step = Number.NEGATIVE_INFINITY
  readonly #ms: number
  /** Calls, failures and slow calls of each step, in a ring. */
  readonly #counts = new Float64Array(steps * 3)
  constructor(ms: number) {
    this.#ms = ms
  }
  advance(at: number): void {
    const step = Math.floor((at * steps) / this.#ms)
    // a clock that was set back adds to the newest step until it has caught up; one set back further than the window starts anew
    if (step <= this.#step && step > this.#step - steps) return
    const passed = step - this.#step
    if (passed >= steps || passed < 0) this.clear()
    else for (let i = this.#step + 1; i <= step; i++) this.#forget(i)
    this.#step = step
  }
  #forget(step: number): void {
    const at = slotOf(step)
    this.calls -= this.#counts[at]!
    this.failures -= this.#counts[at + 1]!
    this.slow -= this.#counts[at + 2]!
    this.#counts.fill(0, at, at + 3)
  }
  add(failed: boolean, slow: boolean, at: number): void {
    this.advance(at)
    this.#count(this.#step, 1, failed ? 1 : 0, slow ? 1 : 0)
  }
  #count(step: number, calls: number, failures: number, slow: number): void {
    const at = slotOf(step)
    this.#counts[at]! += calls
    this.#counts[at + 1]! += failures
    this.#counts[at + 2]! += slow
    this.calls += calls
    this.failures += failures
    this.slow += slow
  }
  clear(): void {
    this.calls = this.failures = this.slow = 0
    this.#step = Number.NEGATIVE_INFINITY
    this.#counts.fill(0)
  }
  toJSON(): WindowState {
    const kept: Array<readonly [number, number, number, number]> = []
    if (this.#step === Number.NEGATIVE_INFINITY) return { ms: this.#ms, steps: kept }
    for (let step = this.#step - steps + 1; step <= this.#step; step++) {
      const [calls, failures, slow] = this.#counts.subarray(slotOf(step), slotOf(step) + 3)
      // the newest stands there even when it is empty: it says up to when the window has moved
      if (calls! > 0 || step === this.#step) kept.push([step, calls!, failures!, slow!])
    }
    return { ms: this.#ms, steps: kept }
  }
  restore(state: WindowState): void {
    this.clear()
    if (!("steps" in state) || state.ms !== this.#ms || state.steps.length === 0) return
    this.#step = state.steps.at(-1)![0]
    for (const [step, calls, failures, slow] of state.steps)
      if (step > this.#step - steps && step <= this.#step) this.#count(step, calls, failures, slow)
  }
}

/** Where the counts of a step begin; steps before 1970 have a place as well. */
const slotOf = (step: number) => (((step % steps) + steps) % steps) * 3
