/** Durations as people write them: `"5s"`, or milliseconds. */
import { InvalidOption } from "./errors.ts"
import { limits } from "./limits.ts"

/** `"250ms"`, `"5s"`, `"1.5m"`, `"24h"`, `"30d"`, or a number of milliseconds. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds of a duration. `option` names the setting in the error, which is an `InvalidOption` for anything that is
 * not a finite, non-negative duration of at most ten years.
 *
 * ```ts check
 * milliseconds("5s", "timeout") // => 5000
 * milliseconds("1.5m", "timeout") // => 90000
 * milliseconds(250, "timeout") // => 250
 * ```
 */
export const milliseconds = (duration: Duration, option: string): number => {
  const ms = typeof duration === "number" ? duration : parse(duration)
  if (!Number.isFinite(ms) || ms < 0 || ms > limits.durationMs) {
    throw new InvalidOption({
      option,
      value: duration,
      allowed: 'a duration between 0 and ten years, like 250, "5s", "10m", "24h" or "30d"'
    })
  }
  return ms
}

const parse = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * units[match[2] as keyof typeof units]
}
