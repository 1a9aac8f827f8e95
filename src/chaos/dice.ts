/**
 * Chance that can be had again. `draw` follows from a seed and a name alone, so that what is drawn for one place does not shift
 * when something else is added or taken away: that is what lets a failure shrink.
 */

/** Mixes 32 bits well: the finalizer of MurmurHash3 (Austin Appleby, public domain). */
const mix = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A whole number of 32 bits for a seed and a number. */
export const drawAt = (seed: number, at: number): number => mix(mix(seed ^ 0x9e3779b9) + Math.imul(at + 1, 0x9e3779b1))

/** A whole number of 32 bits for a seed and a name. */
export const draw = (seed: number, name: string): number => {
  let h = mix(seed ^ 0x85ebca77)
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193)
  return mix(h)
}

/** A sequence of fractions from 0 up to 1 (mulberry32, Tommy Ettinger, public domain). */
export const fractions = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
