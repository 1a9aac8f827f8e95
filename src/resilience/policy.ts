/** What all policies are to whoever calls through them: something that calls a function, or does not, and answers for it. */

import type { Listeners } from "./listeners.ts"

/** What the called function is given. */
export interface PolicyCall {
  /** Aborted when nobody waits for the call any more. */
  readonly signal: AbortSignal
}

export interface PolicyOptions {
  /** Gives up the call: no other attempt begins, and it is passed on to the function. */
  readonly signal?: AbortSignal
}

/** `F`: what it may answer in place of the function. */
export interface Policy<F = never> {
  readonly name: string
  execute<T>(fn: (call: PolicyCall) => T | PromiseLike<T>, options?: PolicyOptions): Promise<T | F>
}

/** Why a call is not good: what it threw, or a result that is a failure all the same. */
export type Failed = { readonly error: unknown } | { readonly value: unknown }

/** A call came to an end behind a policy. */
export interface PolicyReport {
  readonly policy: string
  /** `refused`: nothing was called. `late`: it answered after all, when nobody waited for it any more. */
  readonly end: "succeeded" | "failed" | "refused" | "late"
  /** How long it took, pauses included. */
  readonly ms: number
  /** What it failed with, or was refused with. */
  readonly error?: unknown
}

/** A call, and how it ended for whoever listens. */
export const reporting = async <T>(
  listeners: Listeners<PolicyReport>,
  policy: string,
  now: () => number,
  call: () => Promise<T>,
  isRefusal: (error: unknown) => boolean
): Promise<T> => {
  if (listeners.size === 0) return call()
  const since = now()
  try {
    const value = await call()
    listeners.tell({ policy, end: "succeeded", ms: now() - since })
    return value
  } catch (error) {
    listeners.tell({ policy, end: isRefusal(error) ? "refused" : "failed", ms: now() - since, error })
    throw error
  }
}

/** The function behind a policy. */
export const behind =
  <F>(policy: Policy<F>) =>
  <A extends ReadonlyArray<unknown>, T>(fn: (...args: A) => T | PromiseLike<T>): ((...args: A) => Promise<T | F>) =>
  (...args) =>
    policy.execute<T>(() => fn(...args))

/** A signal that is never aborted. */
export const never: AbortSignal = new AbortController().signal

/** `AbortSignal.timeout`, the timeouts of this package, and whoever calls it so too. */
export const isTimeout = (error: unknown): boolean => {
  try {
    const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown }
    return name === "TimeoutError" || code === "TIMEOUT" || code === "ETIMEDOUT"
  } catch {
    return false
  }
}
