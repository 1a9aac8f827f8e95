/**
 * What is free over time: a chain of moments, and from each of them on an amount of every resource, until the next one.
 * A place in it (the number of a moment) stays true for ever, so whoever knows where a task ends need not look for it again.
 */

/** Amounts that compare as equal although their sums were taken in another order. */
const grain = 1e-9

/** What something takes: amounts by number of the resource, none of them zero. */
export interface Demand {
  readonly resources: Int32Array
  readonly amounts: Float64Array
  /** What must be free: the amounts, less what rounding may have eaten. */
  readonly least: Float64Array
}

export const demandOf = (entries: ReadonlyArray<readonly [resource: number, amount: number]>): Demand => {
  const taken = entries.filter(([, amount]) => amount > 0)
  return {
    resources: Int32Array.from(taken, ([resource]) => resource),
    amounts: Float64Array.from(taken, ([, amount]) => amount),
    least: Float64Array.from(taken, ([, amount]) => amount - grain * Math.max(1, amount))
  }
}

export class Profile {
  readonly #capacity: Float64Array
  #time: Float64Array
  #next: Int32Array
  #free: Float64Array
  #moments = 0
  /** The place of what `earliest` has found. */
  place = 0

  /** `most` moments beside the first: two for each task, at most. */
  constructor(capacity: ArrayLike<number>, most: number) {
    this.#capacity = Float64Array.from(capacity)
    this.#time = new Float64Array(most + 2)
    this.#next = new Int32Array(most + 2)
    this.#free = new Float64Array((most + 2) * this.#capacity.length)
    this.clear()
  }

  /** Everything is free again. */
  clear(): void {
    this.#moments = 1
    this.#time[0] = 0
    this.#next[0] = -1
    this.#free.set(this.#capacity, 0)
  }

  /** The earliest time from `from` on at which a demand is free for so long; `near` is a place that is not after `from`. */
  earliest(demand: Demand, length: number, from: number, near: number): number {
    const time = this.#time
    const next = this.#next
    let at = near
    for (let after = next[at]!; after !== -1 && time[after]! <= from; after = next[at]!) at = after
    let start = from
    let end = start + length
    let look = at
    for (;;) {
      if (!this.#fits(demand, look)) {
        at = next[look]!
        start = time[at]!
        end = start + length
        look = at
        continue
      }
      const after = next[look]!
      if (after === -1 || time[after]! >= end) break
      look = after
    }
    this.place = at
    return start
  }

  /** Whether a demand is free from `from` on for so long. */
  isFree(demand: Demand, length: number, from: number, near: number): boolean {
    const time = this.#time
    const next = this.#next
    let at = near
    for (let after = next[at]!; after !== -1 && time[after]! <= from; after = next[at]!) at = after
    this.place = at
    for (let look = at; look !== -1 && (look === at || time[look]! < from + length); look = next[look]!)
      if (!this.#fits(demand, look)) return false
    return true
  }

  /** Takes a demand; gives the place of the end. `near` is the place that `earliest` found. */
  take(demand: Demand, start: number, end: number, near: number): number {
    const time = this.#time
    const next = this.#next
    const width = this.#capacity.length
    let at = time[near]! < start ? this.#split(near, start) : near
    const { resources, amounts } = demand
    for (;;) {
      const after = next[at]!
      if (after === -1 || time[after]! > end) this.#split(at, end)
      const row = at * width
      for (let k = 0; k < resources.length; k++) this.#free[row + resources[k]!]! -= amounts[k]!
      at = next[at]!
      if (time[at]! === end) return at
    }
  }

  /** The place of a moment that is not before that of `near`: where something without length ends. */
  placeAt(moment: number, near: number): number {
    let at = near
    for (let after = this.#next[at]!; after !== -1 && this.#time[after]! <= moment; after = this.#next[at]!) at = after
    return at
  }

  #fits({ resources, least }: Demand, at: number): boolean {
    const row = at * this.#capacity.length
    for (let k = 0; k < resources.length; k++) if (this.#free[row + resources[k]!]! < least[k]!) return false
    return true
  }

  #split(at: number, moment: number): number {
    const made = this.#moments++
    const width = this.#capacity.length
    this.#time[made] = moment
    this.#next[made] = this.#next[at]!
    this.#next[at] = made
    const free = this.#free
    for (let k = 0, to = made * width, from = at * width; k < width; k++) free[to + k] = free[from + k]!
    return made
  }
}
