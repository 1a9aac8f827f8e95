/**
 * The axis of the slider: where each event stands, between 0 and `total`. Time in which nothing happens is pressed together, and
 * every event has a little room of its own, so that a run of an hour with ten busy seconds, and a step of a hundred events in one
 * millisecond, can both be gone through by hand.
 */

/** Up to this long, time is shown as it is. */
const idleMs = 1_000
/** What each event takes by itself. */
const ownMs = 2

/** A gap as it is shown: as it is while it is short, growing with its logarithm when it is long. */
export const pressed = (ms: number): number =>
  ms <= idleMs ? Math.max(ms, 0) : idleMs + idleMs * Math.log2(ms / idleMs) * 0.25

/** Bins of the picture above the slider; they double their width when they are full, so that adding an event costs the same always. */
export const binsMost = 2_048

export type Mark = "failure" | "fault" | "attempt" | "decision"
export const markKinds: ReadonlyArray<Mark> = ["attempt", "decision", "failure", "fault"]

/** A gap that was pressed together. */
export interface Gap {
  readonly at: number
  readonly ms: number
}
/** Most gaps that are marked. */
const gapsMost = 200
/** Shorter ones are not worth a mark. */
const markedMs = 10_000

export class Axis {
  #at = new Float64Array(1_024)
  #count = 0
  #lastT = 0
  /** Width of a bin. */
  #width = 16
  readonly density = new Uint32Array(binsMost)
  readonly marks: Readonly<Record<Mark, Uint32Array>> = {
    failure: new Uint32Array(binsMost),
    fault: new Uint32Array(binsMost),
    attempt: new Uint32Array(binsMost),
    decision: new Uint32Array(binsMost)
  }
  readonly gaps: Array<Gap> = []

  get count(): number {
    return this.#count
  }
  get total(): number {
    return this.#count === 0 ? 1 : this.#at[this.#count - 1]!
  }
  get binWidth(): number {
    return this.#width
  }

  add(t: number, mark: Mark | undefined): void {
    if (this.#count === this.#at.length) {
      const larger = new Float64Array(this.#at.length * 2)
      larger.set(this.#at)
      this.#at = larger
    }
    const gap = this.#count === 0 ? 0 : t - this.#lastT
    const before = this.#count === 0 ? 0 : this.#at[this.#count - 1]!
    const at = before + pressed(gap) + ownMs
    if (gap >= markedMs && this.gaps.length < gapsMost) this.gaps.push({ at: before + (at - before) / 2, ms: gap })
    this.#at[this.#count++] = at
    this.#lastT = t
    while (at / this.#width >= binsMost) this.#fold()
    const bin = Math.floor(at / this.#width)
    this.density[bin]!++
    if (mark !== undefined) this.marks[mark][bin]!++
  }

  /** Where an event stands. */
  at(seq: number): number {
    return seq < 0 || this.#count === 0 ? 0 : this.#at[Math.min(seq, this.#count - 1)]!
  }

  /** How many events stand at or before a place. */
  before(place: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#at[middle]! <= place) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Two bins become one. */
  #fold(): void {
    for (const bins of [this.density, ...Object.values(this.marks)]) {
      for (let i = 0; i < binsMost / 2; i++) bins[i] = bins[i * 2]! + bins[i * 2 + 1]!
      bins.fill(0, binsMost / 2)
    }
    this.#width *= 2
  }
}
