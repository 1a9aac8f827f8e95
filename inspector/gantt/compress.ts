/**
 * Time as the timeline shows it: where something happens, a millisecond is as long as any other; a long while in which nothing does
 * becomes a short break. What came first stays first.
 */

/** A while that is shown shorter than it was. */
export interface Break {
  readonly from: number
  readonly to: number
  /** Where it stands in shown time. */
  readonly start: number
  readonly end: number
}

export interface TimeMap {
  /** Length of all shown time, in milliseconds of busy time. */
  readonly length: number
  readonly breaks: ReadonlyArray<Break>
  /** Where a moment stands. */
  readonly place: (t: number) => number
  /** Which moment stands at a place. */
  readonly moment: (place: number) => number
}

export type Interval = readonly [from: number, to: number]

/** Whiles in which something happens, joined where they meet; `all` need not be in order. */
export const joined = (all: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const found: Array<[number, number]> = []
  for (const [from, to] of all.toSorted((a, b) => a[0] - b[0])) {
    const last = found.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else found.push([from, to])
  }
  return found
}

/** A gap is idle from this part of the busy time on, and is shown as long as that part of it. */
const idleFrom = 0.08
const shownAs = 0.025
/** Shorter gaps are never taken out. */
const leastMs = 200

/** From the first moment to the last, with the idle time taken out where `isShort`. `busy` is joined. */
export const timeMap = (first: number, last: number, busy: ReadonlyArray<Interval>, isShort: boolean): TimeMap => {
  const end = Math.max(last, first + 1)
  const gaps: Array<Interval> = []
  let at = first
  for (const [from, to] of busy) {
    if (from > at) gaps.push([at, Math.min(from, end)])
    at = Math.max(at, to)
    if (at >= end) break
  }
  if (at < end) gaps.push([at, end])
  let threshold = Number.POSITIVE_INFINITY
  let short = 0
  if (isShort && busy.length > 0) {
    // the longest gaps first: what is left after them says what is long
    const lengths = gaps.map(([from, to]) => to - from).sort((a, b) => b - a)
    let left = end - first
    for (const length of lengths) {
      if (length < Math.max(leastMs, idleFrom * (left - length))) break
      left -= length
      threshold = length
    }
    short = Math.max(1, shownAs * left)
  }
  const moments = [first]
  const places = [0]
  const breaks: Array<Break> = []
  for (const [from, to] of gaps) {
    if (to - from < threshold) continue
    const start = places.at(-1)! + (from - moments.at(-1)!)
    const shown = Math.min(short, to - from)
    breaks.push({ from, to, start, end: start + shown })
    moments.push(from, to)
    places.push(start, start + shown)
  }
  moments.push(end)
  places.push(places.at(-1)! + (end - moments.at(-2)!))
  return {
    length: places.at(-1)!,
    breaks,
    place: (t) => between(moments, places, t),
    moment: (place) => between(places, moments, place)
  }
}

/** Where `value` of one scale stands on the other; beyond the ends both go on alike. */
const between = (from: ReadonlyArray<number>, to: ReadonlyArray<number>, value: number): number => {
  const last = from.length - 1
  if (value <= from[0]!) return to[0]! + (value - from[0]!)
  if (value >= from[last]!) return to[last]! + (value - from[last]!)
  let [low, high] = [0, last]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (from[middle]! <= value) low = middle
    else high = middle
  }
  const span = from[low + 1]! - from[low]!
  return span === 0 ? to[low]! : to[low]! + ((value - from[low]!) / span) * (to[low + 1]! - to[low]!)
}
