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
  toArray(): ReadonlyArray<T> {
    return this.#items.slice(this.#head) as Array<T>
  }
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}

/**
 * A queue with priorities 0 … 100: the highest first, first in first out within one. Adding and taking are O(1).
 * As long as all priorities are the same, which is nearly always, it is one lane.
 */
export class PriorityQueue<T> {
  #only: Lane<T> | undefined = undefined
  #priority = -1
  #lanes: Array<Lane<T> | undefined> | undefined = undefined
  #highest = -1
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T, priority: number): void {
    this.#size++
    if (this.#lanes !== undefined) return this.#pushTo(this.#lanes, item, priority)
    if (this.#size === 1) this.#priority = priority
    if (priority === this.#priority) {
      this.#only ??= new Lane<T>()
      this.#only.push(item)
      return
    }
    this.#lanes = []
    this.#lanes[this.#priority] = this.#only
    this.#highest = this.#priority
    this.#only = undefined
    this.#pushTo(this.#lanes, item, priority)
  }

  pop(): T | undefined {
    if (this.#size === 0) return undefined
    this.#size--
    if (this.#lanes === undefined) return this.#only!.shift()
    for (;;) {
      const lane = this.#lanes[this.#highest]
      if (lane !== undefined && lane.size > 0) return lane.shift()
      this.#highest--
    }
  }

  /** What waits, with its priority, in the order in which it was added within one priority. */
  toArray(): ReadonlyArray<readonly [T, number]> {
    if (this.#size === 0) return []
    if (this.#lanes === undefined) return this.#only!.toArray().map((item) => [item, this.#priority] as const)
    return this.#lanes.flatMap((lane, priority) => lane?.toArray().map((item) => [item, priority] as const) ?? [])
  }

  clear(): void {
    this.#only = undefined
    this.#lanes = undefined
    this.#size = 0
  }

  #pushTo(lanes: Array<Lane<T> | undefined>, item: T, priority: number): void {
    const lane = (lanes[priority] ??= new Lane<T>())
    lane.push(item)
    if (priority > this.#highest) this.#highest = priority
  }
}
