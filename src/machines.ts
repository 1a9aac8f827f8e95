/** `troupe/machines`: the statecharts, and what can be used of them alone. */
export * from "./machines/index.ts"
export {
  type BreakerOptions,
  type BreakerPolicy,
  type BreakerRule,
  breakerPolicy,
  breakerRule
} from "./model/breaker.ts"
export {
  type BulkheadOptions,
  type BulkheadPolicy,
  type BulkheadRule,
  bulkheadPolicy,
  bulkheadRule
} from "./model/bulkhead.ts"
export type { PlacesMetrics } from "./model/places.ts"
export { type RateOptions, type RatePolicy, type RateRule, ratePolicy, rateRule } from "./model/rate.ts"
export type { RateMetrics } from "./model/turnstile.ts"
export {
  Breaker,
  type BreakerMetrics,
  type BreakerSettings,
  type BreakerTransition,
  breaker,
  type Call,
  type CallOptions,
  type CallReport
} from "./resilience/breaker.ts"
export { Bulkhead, type BulkheadSettings, bulkhead } from "./resilience/bulkhead.ts"
export { RateLimit, type RateLimitSettings, rateLimit } from "./resilience/rate-limit.ts"
export type { LetThrough, LineOptions, Time } from "./resilience/waiting.ts"
