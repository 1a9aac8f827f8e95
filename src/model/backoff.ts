/** Pauses between attempts. Chance is derived from the task's key, so a replay computes the same pause again. */
import type { Backoff, Jitter, RetryPolicy } from "./ir.ts"

/** A retry policy with every setting decided. */
export interface Retry {
  readonly attempts: number
  readonly backoff: Backoff
  readonly baseMs: number
  readonly capMs: number
  readonly jitter: Jitter
  /** 2, or 3 for decorrelated pauses, when absent. */
  readonly factor?: number
  readonly on?: ReadonlyArray<string>
  readonly notOn?: ReadonlyArray<string>
}

/** The settings that a policy leaves open; without a policy there is one attempt. */
export const retryOf = (policy: RetryPolicy | undefined): Retry =>
  policy === undefined ? once : { ...once, ...policy }
const once: Retry = Object.freeze({ attempts: 1, backoff: "exponential", baseMs: 1_000, capMs: 300_000, jitter: 0.5 })

/**
 * The pause after attempt n failed, in whole milliseconds: `base` (fixed), `base · factor^(n-1)` (exponential), or anything from
 * the base to three times the pause before (decorrelated), spread by jitter, never above the cap. Only what a failure says itself
 * (`retryAfterMs`) makes it longer than that. The ways to spread are those of M. Brooker, "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015.
 *
 * ```ts check
 * pauseAfter({ attempts: 5, backoff: "exponential", baseMs: 100, capMs: 1000, jitter: 0 }, 3, "key") // => 400
 * pauseAfter({ attempts: 9, backoff: "exponential", baseMs: 100, capMs: 1000, jitter: 0 }, 9, "key") // => 1000
 * pauseAfter({ attempts: 9, backoff: "fixed", baseMs: 100, capMs: 1000, jitter: 0 }, 1, "key", 5000) // => 5000
 * ```
 */
export const pauseAfter = (retry: Retry, attempt: number, key: string, retryAfterMs = 0): number => {
  const own = retry.backoff === "decorrelated" ? wander(retry, attempt, key) : spread(retry, attempt, key)
  return Math.max(Math.round(Math.min(retry.capMs, own)), Math.ceil(retryAfterMs))
}

const spread = ({ backoff, baseMs, capMs, jitter, factor = 2 }: Retry, attempt: number, key: string): number => {
  // what nobody pauses does not grow: 0 times infinity is no number
  const grown = backoff === "fixed" || baseMs === 0 ? baseMs : baseMs * factor ** (attempt - 1)
  const middle = Math.min(grown, capMs)
  switch (jitter) {
    case "none":
      return middle
    case "full":
      return middle * chance(`${key}#${attempt}`)
    case "equal":
      return (middle * (1 + chance(`${key}#${attempt}`))) / 2
    default:
      return middle * (1 + jitter * (2 * chance(`${key}#${attempt}`) - 1))
  }
}

/** The shortest that a pause after attempt n can be, whatever chance says. */
export const shortestPause = (retry: Retry, attempt: number): number => {
  const { backoff, baseMs, capMs, jitter, factor = 2 } = retry
  if (backoff === "decorrelated") return Math.min(capMs, baseMs)
  const middle = Math.min(backoff === "fixed" || baseMs === 0 ? baseMs : baseMs * factor ** (attempt - 1), capMs)
  const part = { none: 1, full: 0, equal: 0.5 }
  return middle * (typeof jitter === "number" ? 1 - jitter : part[jitter])
}

/** Each pause depends on the one before. All are worked out anew from the first, so there is nothing that a restart could forget. */
const wander = ({ baseMs, capMs, factor = 3 }: Retry, attempt: number, key: string): number => {
  let pause = baseMs
  for (let n = 1; n <= attempt; n++)
    pause = Math.min(capMs, baseMs + chance(`${key}#${n}`) * Math.max(0, pause * factor - baseMs))
  return pause
}

/** A number in [0, 1) that depends on nothing but the text (FNV-1a, then the finalizer of MurmurHash3, Appleby 2011). */
export const chance = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
