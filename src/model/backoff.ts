/** Pauses between attempts. Chance is derived from the task's key, so a replay computes the same pause again. */
import type { RetryPolicy } from "./ir.ts"

/** A retry policy with every setting decided. */
export interface Retry {
  readonly attempts: number
  readonly backoff: "fixed" | "exponential"
  readonly baseMs: number
  readonly capMs: number
  readonly jitter: number
}

/** The settings that a policy leaves open; without a policy there is one attempt. */
export const retryOf = (policy: RetryPolicy | undefined): Retry =>
  policy === undefined ? once : { ...once, ...policy }
const once: Retry = Object.freeze({ attempts: 1, backoff: "exponential", baseMs: 1_000, capMs: 300_000, jitter: 0.5 })

/**
 * The pause after attempt n failed, in whole milliseconds: `base` (fixed) or `base · 2^(n-1)`, spread by ± jitter, never above the cap.
 *
 * ```ts check
 * pauseAfter({ attempts: 5, backoff: "exponential", baseMs: 100, capMs: 1000, jitter: 0 }, 3, "key") // => 400
 * pauseAfter({ attempts: 9, backoff: "exponential", baseMs: 100, capMs: 1000, jitter: 0 }, 9, "key") // => 1000
 * ```
 */
export const pauseAfter = ({ backoff, baseMs, capMs, jitter }: Retry, attempt: number, key: string): number => {
  const grown = backoff === "fixed" ? baseMs : baseMs * 2 ** Math.min(attempt - 1, 60)
  const middle = Math.min(grown, capMs)
  const spread = middle * (1 + jitter * (2 * chance(`${key}#${attempt}`) - 1))
  return Math.round(Math.min(capMs, spread))
}

/** A number in [0, 1) that depends on nothing but the text (FNV-1a, then the finalizer of MurmurHash3, Appleby 2011). */
export const chance = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
