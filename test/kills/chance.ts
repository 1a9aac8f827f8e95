/** Chance that can be given again: the same seed draws the same numbers. */
export interface Dice {
  readonly next: Draw
  /** A whole number from `least` to `most`, both included. */
  readonly whole: (least: number, most: number) => number
  readonly pick: <T>(list: ReadonlyArray<T>) => T
}

/** The draws of one seed: numbers from 0 to below 1. */
export type Draw = () => number

/** Numbers that look random and are the same for the same seed (mulberry32). */
export const draws = (seed: number): Draw => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The same from a text (FNV-1a). */
export const dice = (seed: string): Dice => {
  let state = 0x811c9dc5
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193)
  const next = draws(state)
  const whole = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return { next, whole, pick: (list) => list[whole(0, list.length - 1)]! }
}
