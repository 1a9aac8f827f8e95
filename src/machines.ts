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
  type CallReport,
  type FallbackReport
} from "./resilience/breaker.ts"
export { Bulkhead, type BulkheadSettings, bulkhead } from "./resilience/bulkhead.ts"
export {
  Cached,
  type CachedMetrics,
  type CachedOptions,
  type CachedSettings,
  type CacheStore,
  cached,
  type KeptAnswer
} from "./resilience/cached.ts"
export type { CallStats, StatsOptions } from "./resilience/call-stats.ts"
export { Fallback, type FallbackAnswer, type FallbackSettings, fallback } from "./resilience/fallback.ts"
export {
  HealthCheck,
  type HealthCheckSettings,
  type HealthReport,
  healthCheck
} from "./resilience/health-check.ts"
export type { Failed, Policy, PolicyCall, PolicyOptions, PolicyReport } from "./resilience/policy.ts"
export { RateLimit, type RateLimitSettings, rateLimit } from "./resilience/rate-limit.ts"
export {
  type AttemptFailed,
  type GiveUpReport,
  Retry,
  type RetryCall,
  type RetryExecuteOptions,
  type RetryReport,
  type RetrySettings,
  retry
} from "./resilience/retry.ts"
export { Timeout, type TimeoutReport, type TimeoutSettings, timeout } from "./resilience/timeout.ts"
export { backgroundTime, type LetThrough, type LineOptions, type Time } from "./resilience/waiting.ts"
export { type AnswerOf, Wrapped, type WrappedCall, type WrappedOptions, wrap } from "./resilience/wrap.ts"
