/**
 * Tasks that can only run one after the other, each with a time at which it is due and a weight: orders with the least weighted
 * lateness. A pass takes the best set of changes that do not touch each other, all at once (dynasearch: R. Congram, C. Potts,
 * S. van de Velde, INFORMS J. on Computing 14, 2002; swaps and moves as A. Grosso, F. Della Croce, R. Tadei, 2004); where nothing
 * helps any more, a few swaps at random begin anew from there.
 */
import type { Dice } from "./dice.ts"

export interface Queue {
  readonly durations: Float64Array
  readonly dues: Float64Array
  readonly weights: Float64Array
}

/** How far apart two places are that a pass compares: it bounds what a pass of a long queue costs. */
const reachMost = 120

/**
 * Apparent tardiness cost (Vepsalainen & Morton 1987): what is heavy for its length goes first, the more so the less time it has
 * left; `patience` is how many mean lengths ahead that is felt.
 */
export const apparentCost = ({ durations, dues, weights }: Queue, patience: number): Int32Array => {
  const size = durations.length
  const left = Array.from({ length: size }, (_, task) => task)
  const order = new Int32Array(size)
  let rest = durations.reduce((sum, duration) => sum + duration, 0)
  let now = 0
  for (let place = 0; place < size; place++) {
    const scale = (patience * rest) / left.length || 1
    let best = 0
    let bestCost = -1
    for (let i = 0; i < left.length; i++) {
      const task = left[i]!
      const spare = Math.max(0, dues[task]! - durations[task]! - now)
      const cost = (weights[task]! / Math.max(durations[task]!, 1e-9)) * Math.exp(-spare / scale)
      if (cost > bestCost || (cost === bestCost && dues[task]! < dues[left[best]!]!)) {
        best = i
        bestCost = cost
      }
    }
    const task = left.splice(best, 1)[0]!
    order[place] = task
    now += durations[task]!
    rest -= durations[task]!
  }
  return order
}

/** Sum of weight times lateness, tasks one after the other from time 0 on. */
export const lateness = ({ durations, dues, weights }: Queue, order: ArrayLike<number>): number => {
  let now = 0
  let sum = 0
  for (let i = 0; i < order.length; i++) {
    const task = order[i]!
    now += durations[task]!
    if (now > dues[task]!) sum += weights[task]! * (now - dues[task]!)
  }
  return sum
}

/** A better order: `passes` of changes in all; it stops where nothing is late. */
export const improveOrder = (queue: Queue, from: Int32Array, passes: number, dice: Dice): Int32Array => {
  const size = from.length
  let best = from.slice()
  let bestCost = lateness(queue, best)
  const order = best.slice()
  let base = best.slice()
  let baseCost = bestCost
  let cost = bestCost
  for (let pass = 0; pass < passes && bestCost > 0; pass++) {
    const next = changeAtOnce(queue, order)
    if (next < cost - 1e-9) {
      cost = next
      continue
    }
    if (cost < bestCost - 1e-9) {
      best = order.slice()
      bestCost = cost
    }
    // a little worse is taken as well, so that one valley does not keep it for ever; not for long
    if (cost <= baseCost + 1e-9) {
      base = order.slice()
      baseCost = cost
    } else if (pass % 100 < 15) {
      base = best.slice()
      baseCost = bestCost
    }
    order.set(base)
    const kicks = 3 + dice.below(4)
    for (let i = 0; i < kicks && size > 1; i++) {
      const a = dice.below(size)
      const b = Math.min(size - 1, Math.max(0, a + dice.below(2 * Math.min(size, 30)) - Math.min(size, 30)))
      const task = order[a]!
      order[a] = order[b]!
      order[b] = task
    }
    cost = lateness(queue, order)
  }
  return cost < bestCost ? order : best
}

type Change = 0 | 1 | 2 | 3
const stay = 0
const swap = 1
const forward = 2
const backward = 3

/** Writes the order after the best set of independent changes; gives its cost. */
export const changeAtOnce = ({ durations, dues, weights }: Queue, order: Int32Array): number => {
  const size = order.length
  const length = new Float64Array(size)
  const due = new Float64Array(size)
  const weight = new Float64Array(size)
  const end = new Float64Array(size + 1)
  for (let i = 0; i < size; i++) {
    const task = order[i]!
    length[i] = durations[task]!
    due[i] = dues[task]!
    weight[i] = weights[task]!
    end[i + 1] = end[i]! + length[i]!
  }
  const late = (i: number, at: number) => (at > due[i]! ? weight[i]! * (at - due[i]!) : 0)
  // least[j]: the least cost of the first j places; how it came to be stands beside it
  const least = new Float64Array(size + 1)
  const partner = new Int32Array(size + 1)
  const change = new Uint8Array(size + 1)
  for (let j = 0; j < size; j++) {
    least[j + 1] = least[j]! + late(j, end[j + 1]!)
    partner[j + 1] = j
    change[j + 1] = stay
    const lengthJ = length[j]!
    const endJ = end[j + 1]!
    const stop = Math.max(0, j - reachMost)
    // what lies between, when it moves back by the length of j: grows as i goes down
    let pushed = 0
    for (let i = j - 1; i >= stop; i--) {
      const begin = end[i]!
      const lengthI = length[i]!
      const before = least[i]!
      // j goes before i: i and all between are pushed back
      pushed += late(i, end[i + 1]! + lengthJ)
      const moved = before + late(j, begin + lengthJ) + pushed
      if (moved < least[j + 1]! - 1e-9) {
        least[j + 1] = moved
        partner[j + 1] = i
        change[j + 1] = backward
      }
      // swap, and i behind j: what lies between shifts by another length each time
      let swapped = before + late(j, begin + lengthJ) + late(i, endJ)
      let pulled = before + late(i, endJ)
      const bound = least[j + 1]! - 1e-9
      if (swapped < bound) {
        const shift = lengthJ - lengthI
        for (let k = i + 1; k < j && swapped < bound; k++) swapped += late(k, end[k + 1]! + shift)
        if (swapped < bound) {
          least[j + 1] = swapped
          partner[j + 1] = i
          change[j + 1] = swap
        }
      }
      if (pulled < least[j + 1]! - 1e-9) {
        const limit = least[j + 1]! - 1e-9
        for (let k = i + 1; k <= j && pulled < limit; k++) pulled += late(k, end[k + 1]! - lengthI)
        if (pulled < limit) {
          least[j + 1] = pulled
          partner[j + 1] = i
          change[j + 1] = forward
        }
      }
    }
  }
  apply(order, partner, change)
  return least[size]!
}

const apply = (order: Int32Array, partner: Int32Array, change: Uint8Array): void => {
  for (let j = order.length; j > 0; ) {
    const last = j - 1
    const i = partner[j]!
    const task = order[last]!
    switch (change[j] as Change) {
      case swap:
        order[last] = order[i]!
        order[i] = task
        break
      case backward:
        order.copyWithin(i + 1, i, last)
        order[i] = task
        break
      case forward: {
        const first = order[i]!
        order.copyWithin(i, i + 1, last + 1)
        order[last] = first
        break
      }
    }
    j = i
  }
}
