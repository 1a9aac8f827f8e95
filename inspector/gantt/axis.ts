/** The ticks of the time axis: round moments, each with its time since the start and its time of day, never two over each other. */
import { clockText, dayText, roundStep, sinceText } from "../picture/times.ts"
import type { TimeMap } from "./compress.ts"

export interface Tick {
  readonly t: number
  readonly x: number
  /** Time since the run began. */
  readonly since: string
  readonly clock: string
}

/** Pixels that a tick and its words take. */
const room = 92

/** Ticks from `from` to `to` in shown time, over so many pixels. */
export const ticksOf = (map: TimeMap, zero: number, from: number, to: number, width: number): ReadonlyArray<Tick> => {
  const perMs = width / Math.max(1e-6, to - from)
  const step = roundStep(room / perMs)
  const ticks: Array<Tick> = []
  let last = Number.NEGATIVE_INFINITY
  let day = ""
  const isInBreak = (place: number) => map.breaks.some(({ start, end }) => place > start + 1e-9 && place < end - 1e-9)
  const put = (t: number): void => {
    const place = map.place(t)
    const x = (place - from) * perMs
    if (x < 0 || x > width - 64 || x - last < room || isInBreak(place)) return
    last = x
    const today = dayText(t)
    const clock = clockText(t, step)
    ticks.push({
      t,
      x,
      since: sinceText(t - zero, step),
      clock: today === day || day === "" ? clock : `${today.slice(5)} ${clock}`
    })
    day = today
  }
  const starts = [from, ...map.breaks.filter(({ end }) => end > from && end < to).map(({ end }) => end)]
  starts.forEach((start, i) => {
    const next = starts[i + 1]
    const until = next === undefined ? to : (map.breaks.find(({ end }) => end === next)?.start ?? to)
    const [first, end] = [map.moment(start), map.moment(until)]
    // the end of a break is told, however odd it is
    if (i > 0) put(first)
    for (let t = zero + Math.ceil((first - zero) / step) * step, n = 0; t <= end && n < 400; t += step, n++) put(t)
  })
  return ticks.sort((a, b) => a.x - b.x)
}
