/**
 * Policies around each other, the first one outermost: `wrap(retry, breaker, timeout).execute(fn)` tries again what the breaker let
 * through and the timeout cut short. Each is asked anew for every call that the one around it makes.
 */
import type { Breaker } from "./breaker.ts"
import type { Fallback } from "./fallback.ts"
import { behind, never, type Policy, type PolicyCall, type PolicyOptions } from "./policy.ts"

/** What the called function is given. */
export interface WrappedCall extends PolicyCall {
  /** Which attempt of the innermost retry it is; 1 where there is none. */
  readonly attempt: number
}

export interface WrappedOptions extends PolicyOptions {
  /** For those that know one: the lane in a bulkhead or a rate limit, what is asked for in a cache, the chance of a retry. */
  readonly key?: string
  /** For bulkheads and rate limits. */
  readonly priority?: number
}

/** What policies may answer in place of the function. */
export type AnswerOf<P> =
  P extends Fallback<infer F> ? F : P extends Breaker<infer F> ? F : P extends Wrapped<infer F> ? F : never

/**
 * Policies around each other; without any, the function is just called.
 *
 * ```ts check
 * const careful = wrap(fallback({ value: "nothing" }), retry({ attempts: 2, base: 0 }))
 * await careful.execute(({ attempt }) => Promise.reject(new Error(`attempt ${attempt}`))) // => "nothing"
 * ```
 */
export const wrap = <const P extends ReadonlyArray<Policy<any>>>(...policies: P): Wrapped<AnswerOf<P[number]>> =>
  new Wrapped(policies)

export class Wrapped<F = never> implements Policy<F> {
  /** From the outside in. */
  readonly policies: ReadonlyArray<Policy<any>>
  /** The function behind these policies. */
  readonly wrap = behind<F>(this)

  constructor(policies: ReadonlyArray<Policy<any>>) {
    this.policies = Object.freeze([...policies])
  }

  get name(): string {
    return this.policies.map(({ name }) => name).join(">")
  }

  /** Calls `fn` through all of them. */
  execute<T>(fn: (call: WrappedCall) => T | PromiseLike<T>, options?: WrappedOptions): Promise<T | F> {
    const step = async (at: number, call: WrappedCall): Promise<T> => {
      const policy = this.policies[at]
      if (policy === undefined) return await fn(call)
      const passedOn = call.signal === never ? options : { ...options, signal: call.signal }
      return await policy.execute<T>((inner) => step(at + 1, { ...call, ...inner }), passedOn)
    }
    return step(0, { signal: options?.signal ?? never, attempt: 1 })
  }
}
