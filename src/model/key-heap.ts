/**
 * A heap of things with four numbers each, the least first: the first number that differs decides. Four children a node and all numbers
 * in one array, so that a step down touches two lines of the cache and no object. O(log n) to add and to take.
 */

/** What decides, in turn; no two things of one heap have the same. */
export interface Keyed {
  readonly first: number
  readonly second: number
  readonly third: number
  readonly number: number
}

export const isBefore = (a: Keyed, b: Keyed): boolean => {
  if (a.first !== b.first) return a.first < b.first
  if (a.second !== b.second) return a.second < b.second
  if (a.third !== b.third) return a.third < b.third
  return a.number < b.number
}

const stride = 4
const leastRoom = 4
/** Room for so many numbers is kept, however few are there. */
const roomKept = 256

export class KeyHeap<T extends Keyed> {
  #items: Array<T> = []
  #keys = new Float64Array(leastRoom * stride)

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    if ((at + 1) * stride > this.#keys.length) this.#resize(2 * at)
    items.push(item)
    const keys = this.#keys
    const { first, second, third, number } = item
    while (at > 0) {
      const parent = (at - 1) >> 2
      const row = parent * stride
      const before =
        first !== keys[row]!
          ? first < keys[row]!
          : second !== keys[row + 1]!
            ? second < keys[row + 1]!
            : third !== keys[row + 2]!
              ? third < keys[row + 2]!
              : number < keys[row + 3]!
      if (!before) break
      this.#move(parent, at)
      at = parent
    }
    this.#write(item, at)
  }

  pop(): T | undefined {
    const items = this.#items
    const least = items[0]
    const last = items.pop()
    if (last !== undefined && items.length > 0) this.#sink(last)
    if (this.#keys.length > roomKept && items.length * stride * 8 < this.#keys.length) this.#resize(2 * items.length)
    return least
  }

  /** Takes the first one, and puts another one in: cheaper than both alone. The heap must not be empty. */
  replace(item: T): void {
    this.#sink(item)
  }

  /** Only those stay for which this holds. Costs what all of them cost. */
  keep(isKept: (item: T) => boolean): void {
    const kept = this.#items.filter(isKept)
    this.#items = []
    for (const item of kept) this.push(item)
  }

  #sink(item: T): void {
    const size = this.#items.length
    const keys = this.#keys
    const { first, second, third, number } = item
    let at = 0
    for (;;) {
      const from = stride * at + 1
      if (from >= size) break
      let child = from
      const to = Math.min(from + 4, size)
      for (let other = from + 1; other < to; other++) if (this.#isBefore(other, child)) child = other
      const row = child * stride
      const before =
        first !== keys[row]!
          ? first < keys[row]!
          : second !== keys[row + 1]!
            ? second < keys[row + 1]!
            : third !== keys[row + 2]!
              ? third < keys[row + 2]!
              : number < keys[row + 3]!
      if (before) break
      this.#move(child, at)
      at = child
    }
    this.#write(item, at)
  }

  #isBefore(a: number, b: number): boolean {
    const keys = this.#keys
    const i = a * stride
    const j = b * stride
    if (keys[i]! !== keys[j]!) return keys[i]! < keys[j]!
    if (keys[i + 1]! !== keys[j + 1]!) return keys[i + 1]! < keys[j + 1]!
    if (keys[i + 2]! !== keys[j + 2]!) return keys[i + 2]! < keys[j + 2]!
    return keys[i + 3]! < keys[j + 3]!
  }

  #move(from: number, to: number): void {
    const keys = this.#keys
    const i = from * stride
    const j = to * stride
    keys[j] = keys[i]!
    keys[j + 1] = keys[i + 1]!
    keys[j + 2] = keys[i + 2]!
    keys[j + 3] = keys[i + 3]!
    this.#items[to] = this.#items[from]!
  }

  #write(item: T, at: number): void {
    const row = at * stride
    this.#keys[row] = item.first
    this.#keys[row + 1] = item.second
    this.#keys[row + 2] = item.third
    this.#keys[row + 3] = item.number
    this.#items[at] = item
  }

  #resize(room: number): void {
    const keys = new Float64Array(Math.max(leastRoom, room) * stride)
    keys.set(this.#keys.subarray(0, this.#items.length * stride))
    this.#keys = keys
  }
}
