/** Chance from a seed: the same seed, the same throws (sfc32, C. Doty-Humphrey, PractRand 2010). Nothing in here reads anything else. */

export interface Dice {
  /** From 0 up to, and without, 1. */
  readonly next: () => number
  /** A whole number from 0 up to, and without, `below`. */
  readonly below: (below: number) => number
}

/**
 * Dice from a number.
 *
 * ```ts check
 * diceOf(7).next() === diceOf(7).next() // => true
 * ```
 */
export const diceOf = (seed: number): Dice => {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = seed | 0
  let counter = 1
  const draw = (): number => {
    const drawn = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + drawn
    return drawn >>> 0
  }
  for (let i = 0; i < 15; i++) draw()
  const next = () => draw() / 0x1_0000_0000
  return { next, below: (below) => Math.floor(next() * below) }
}
