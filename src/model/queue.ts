/** A queue with priorities 0 … 100: the highest first, first in first out within one. Adding and taking are O(1). */
export class PriorityQueue<T> {
  readonly #lanes: Array<Lane<T> | undefined> = []
  #highest = -1
  #size = 0
  get size(): number {
    return this.#size
  }
  push(item: T, priority: number): void {
    const lane = (this.#lanes[priority] ??= new Lane<T>())
    lane.push(item)
    this.#size++
    if (priority > this.#highest) this.#highest = priority
  }
  pop(): T | undefined {
    while (this.#highest >= 0) {
      const lane = this.#lanes[this.#highest]
      if (lane !== undefined && lane.size > 0) {
        this.#size--
        return lane.shift()
      }
      this.#highest--
    }
    return undefined
  }
  clear(): void {
    this.#lanes.length = 0
    this.#highest = -1
    this.#size = 0
  }
}

/** First in, first out, without moving what waits. */
export class Lane<T> {
  #items: Array<T | undefined> = []
  #head = 0
  get size(): number {
    return this.#items.length - this.#head
  }
  push(item: T): void {
    this.#items.push(item)
  }
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
