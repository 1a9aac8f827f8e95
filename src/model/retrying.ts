/** Whether a failed attempt is tried again, as far as the policy and the failure say; times are the chart's business. */
import type { Retry } from "./backoff.ts"
import type { Failure } from "./errors.ts"

/**
 * Whether another attempt follows attempt n, by the policy alone.
 *
 * ```ts check
 * const retry = { attempts: 3, backoff: "fixed", baseMs: 1, capMs: 1, jitter: 0, on: ["BUSY"] }
 * isRetried(retry, 1, { tag: "Error", code: "BUSY", message: "", retryable: true }) // => true
 * isRetried(retry, 3, { tag: "Error", code: "BUSY", message: "", retryable: true }) // => false
 * isRetried(retry, 1, { tag: "TypeError", message: "", retryable: true }) // => false
 * ```
 */
export const isRetried = (
  { attempts, on, notOn }: Pick<Retry, "attempts" | "on" | "notOn">,
  attempt: number,
  failure: Failure
): boolean =>
  failure.retryable &&
  attempt < attempts &&
  (on === undefined || isAmong(on, failure)) &&
  (notOn === undefined || !isAmong(notOn, failure))

const isAmong = (names: ReadonlyArray<string>, { tag, code }: Failure): boolean =>
  names.includes(tag) || (code !== undefined && names.includes(code))
