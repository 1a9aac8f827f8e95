/** Orders of tasks in which each stands after what it waits for: how they are made, drawn, mixed and changed. */
import { type DependencyGraph, indegrees } from "../dependencies.ts"
import { Heap } from "../heap.ts"
import type { Dice } from "./dice.ts"
import type { Project } from "./project.ts"

/** The least key first, as far as order allows; ties by declaration. */
export const listBy = ({ size, graph }: Project, keys: ArrayLike<number>): Int32Array => {
  const { successorStart, successors } = graph
  const waitingFor = indegrees(graph)
  const ready = new Heap<number>((a, b) => keys[a]! < keys[b]! || (keys[a] === keys[b] && a < b))
  for (let task = 0; task < size; task++) if (waitingFor[task] === 0) ready.push(task)
  const list = new Int32Array(size)
  for (let filled = 0; ready.size > 0; ) {
    const task = ready.pop()!
    list[filled++] = task
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
      if (--waitingFor[successors[k]!]! === 0) ready.push(successors[k]!)
  }
  return list
}

/** Sorts all tasks by keys that respect the order already; `rank` breaks ties, so that tasks of no length stay in order. */
export const sortedBy = (keys: Float64Array, rank: Int32Array): Int32Array => {
  const list = new Int32Array(keys.length)
  for (let i = 0; i < list.length; i++) list[i] = i
  return list.sort((a, b) => keys[a]! - keys[b]! || rank[a]! - rank[b]!)
}

/** The place of each task in a list. */
export const placesOf = (list: Int32Array): Int32Array => {
  const place = new Int32Array(list.length)
  for (let i = 0; i < list.length; i++) place[list[i]!] = i
  return place
}

/**
 * One of several, the more often the less it is regretted: in proportion to how far its key is from the worst one (regret-based biased
 * random sampling, Drexl 1991). Gives its number among them.
 */
export const drawn = (among: ReadonlyArray<number>, keys: ArrayLike<number>, dice: Dice, grain: number): number => {
  let worst = Number.NEGATIVE_INFINITY
  for (const task of among) if (keys[task]! > worst) worst = keys[task]!
  let sum = 0
  for (const task of among) sum += worst - keys[task]! + grain
  let left = dice.next() * sum
  for (let i = 0; i < among.length - 1; i++) {
    left -= worst - keys[among[i]!]! + grain
    if (left <= 0) return i
  }
  return among.length - 1
}

/** A list that is drawn task by task. */
export const drawnList = ({ size, graph }: Project, keys: ArrayLike<number>, dice: Dice, grain: number): Int32Array => {
  const { successorStart, successors } = graph
  const waitingFor = indegrees(graph)
  const ready: Array<number> = []
  for (let task = 0; task < size; task++) if (waitingFor[task] === 0) ready.push(task)
  const list = new Int32Array(size)
  for (let filled = 0; filled < size; filled++) {
    const at = drawn(ready, keys, dice, grain)
    const task = ready[at]!
    ready[at] = ready.at(-1)!
    ready.pop()
    list[filled] = task
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
      if (--waitingFor[successors[k]!]! === 0) ready.push(successors[k]!)
  }
  return list
}

/** The first `from` of one list, then another list up to `to`, then the first one again: each task once (Hartmann 1998). */
export const crossed = (outer: Int32Array, inner: Int32Array, from: number, to: number): Int32Array => {
  const size = outer.length
  const list = new Int32Array(size)
  const taken = new Uint8Array(size)
  let filled = 0
  const add = (task: number) => {
    if (taken[task] === 1) return
    taken[task] = 1
    list[filled++] = task
  }
  for (let i = 0; i < from; i++) add(outer[i]!)
  for (let i = 0; i < to; i++) add(inner[i]!)
  for (let i = from; i < size; i++) add(outer[i]!)
  return list
}

/** Neighbours change places here and there, where order allows. */
export const shaken = (list: Int32Array, graph: DependencyGraph, rate: number, dice: Dice): void => {
  for (let i = 0; i + 1 < list.length; i++) {
    if (dice.next() >= rate) continue
    const first = list[i]!
    const second = list[i + 1]!
    if (waitsFor(graph, second, first)) continue
    list[i] = second
    list[i + 1] = first
  }
}

const waitsFor = ({ predecessorStart, predecessors }: DependencyGraph, task: number, other: number): boolean => {
  for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) if (predecessors[k] === other) return true
  return false
}
