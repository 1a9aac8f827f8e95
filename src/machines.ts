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
  Breaker,
  type BreakerMetrics,
  type BreakerSettings,
  type BreakerTransition,
  breaker,
  type Call,
  type CallOptions,
  type CallReport
} from "./resilience/breaker.ts"
