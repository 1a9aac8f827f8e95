/** When one agent is taken that does one thing at a time: spans that do not touch inside, first to last. */
export class Line {
  #starts: Array<number> = []
  #ends: Array<number> = []

  clear(): void {
    this.#starts.length = 0
    this.#ends.length = 0
  }

  /** The earliest time from `from` on at which it is free for so long. */
  earliest(length: number, from: number): number {
    const starts = this.#starts
    const ends = this.#ends
    let start = from
    for (let i = this.#firstAfter(from); i < starts.length && starts[i]! < start + length; i++) start = ends[i]!
    return start
  }

  isFree(from: number, length: number): boolean {
    const i = this.#firstAfter(from)
    return i === this.#starts.length || this.#starts[i]! >= from + length
  }

  take(start: number, end: number): void {
    if (end <= start) return
    const starts = this.#starts
    const ends = this.#ends
    let at = starts.length
    starts.push(start)
    ends.push(end)
    for (; at > 0 && starts[at - 1]! > start; at--) {
      starts[at] = starts[at - 1]!
      ends[at] = ends[at - 1]!
    }
    starts[at] = start
    ends[at] = end
  }

  /** Whether anything was taken yet. */
  get load(): number {
    return this.#starts.length
  }

  /** The next end of a span after a moment, or Infinity. */
  endAfter(moment: number): number {
    const i = this.#firstAfter(moment)
    return i === this.#ends.length ? Number.POSITIVE_INFINITY : this.#ends[i]!
  }

  /** The first span that ends after a moment. */
  #firstAfter(moment: number): number {
    const ends = this.#ends
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle]! > moment) high = middle
      else low = middle + 1
    }
    return low
  }
}
