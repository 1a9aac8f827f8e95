/** Times as people read them: lengths with three figures at most, and the ticks of an axis. */

export const secondMs = 1_000
export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000

/**
 * A length of time: `850 ms`, `1.2 s`, `3 min 20 s`.
 */
export const lengthText = (ms: number): string => {
  if (!Number.isFinite(ms)) return "–"
  const sign = ms < 0 ? "−" : ""
  const all = Math.abs(ms)
  if (all < 999.5) return `${sign}${all > 0 && all < 9.95 ? trimmed(all.toFixed(1)) : Math.round(all)} ms`
  if (all < 59_950) return `${sign}${trimmed((all / secondMs).toFixed(all < 9_950 ? 2 : 1))} s`
  const pair = (large: number, name: string, small: number, part: string): string => {
    const units = Math.round(all / small)
    const each = large / small
    const rest = units % each
    return `${sign}${Math.floor(units / each)} ${name}${rest === 0 ? "" : ` ${rest} ${part}`}`
  }
  if (all < hourMs - secondMs / 2) return pair(minuteMs, "min", secondMs, "s")
  if (all < dayMs - minuteMs / 2) return pair(hourMs, "h", minuteMs, "min")
  return pair(dayMs, "d", hourMs, "h")
}
const trimmed = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text)

/** A time since the start, told apart in steps of `unit`: `+1.2 s`, `+3:20`, `+26:03:20.5`. */
export const sinceText = (ms: number, unit: number): string => {
  const sign = ms < 0 ? "−" : "+"
  const all = Math.abs(ms)
  if (all < unit / 2) return "0"
  if (all < minuteMs || unit >= hourMs) return sign + lengthText(all)
  const two = (value: number) => String(value).padStart(2, "0")
  const figures = unit >= secondMs ? 0 : unit >= 100 ? 1 : unit >= 10 ? 2 : 3
  const seconds = Math.round((all / secondMs) * 10 ** figures) / 10 ** figures
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)]
  const rest = (seconds % 60).toFixed(figures).padStart(figures === 0 ? 2 : figures + 3, "0")
  return hours > 0 ? `${sign}${hours}:${two(minutes)}:${rest}` : `${sign}${minutes}:${rest}`
}

/** The time of day, with as many figures after the second as `unit` needs. */
export const clockText = (t: number, unit: number): string => {
  const date = new Date(t)
  const two = (value: number) => String(value).padStart(2, "0")
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`
  if (unit >= minuteMs) return minutes
  const seconds = `${minutes}:${two(date.getSeconds())}`
  return unit >= secondMs ? seconds : `${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`
}

/** A day, where an axis crosses midnight or begins. */
export const dayText = (t: number): string => {
  const date = new Date(t)
  const two = (value: number) => String(value).padStart(2, "0")
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

const steps: ReadonlyArray<number> = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * secondMs),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minuteMs),
  ...[1, 2, 3, 6, 12].map((n) => n * hourMs),
  ...[1, 2, 7, 14, 28, 90, 365].map((n) => n * dayMs)
]

/** The least round step of at least `least` milliseconds. */
export const roundStep = (least: number): number => steps.find((step) => step >= least) ?? steps.at(-1)!
