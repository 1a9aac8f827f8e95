/**
 * Troupe: workflows of agents and tasks as live actors. This is the Promise face; `troupe/effect` is the same for Effect programs.
 */

export type { Inspect } from "./actors/create.ts"
export type { BreakerChange, BreakerOverview } from "./engine/breaker-record.ts"
export type { Allow } from "./engine/builtin.ts"
export {
  type BreakerHandle,
  type CancelOptions,
  type InjectOptions,
  type ListOptions,
  type Onlooker,
  Orchestrator,
  type OrchestratorOptions,
  type Run,
  type SubmitOptions,
  type WorkflowResult
} from "./engine/orchestrator.ts"
export type { OrchestratorTransaction } from "./engine/outbox.ts"
export type { Heartbeat, RunState, TaskCounts, TaskResult, WaitingGate } from "./engine/progress.ts"
export type { RetentionOptions } from "./engine/retention.ts"
export type { RetryBudgetOptions } from "./engine/retry-budget.ts"
export type { Agent, AgentMessage } from "./engine/router.ts"
export type { ScheduleHandle } from "./engine/schedule-handle.ts"
export type { FiringOverview, ScheduleOverview } from "./engine/schedule-record.ts"
export type { IfRevision, Past, SchedulesOptions } from "./engine/schedules.ts"
export type { Wait } from "./engine/waits.ts"
export type { AgentRecord, Balance, Registry } from "./model/agents.ts"
export type { BreakerOptions, BreakerPolicy } from "./model/breaker.ts"
export {
  type AfterOption,
  type Builder,
  type Env,
  type GateOptions,
  type MapOptions,
  type NodeCache,
  type NodeOptions,
  type RepeatOptions,
  type SettledItem,
  type WorkflowOptions,
  workflow
} from "./model/builder.ts"
export type { BulkheadOptions, BulkheadPolicy } from "./model/bulkhead.ts"
export {
  analyzeDependencies,
  type CriticalPath,
  criticalPath,
  type DependencyGraph,
  findCycle,
  stagesOf,
  topologicalOrder
} from "./model/dependencies.ts"
export type { Duration } from "./model/duration.ts"
export * from "./model/errors.ts"
export type { FailingOptions, FallbackOption, Fallbacks, OnFailedOption } from "./model/fallback.ts"
export type { MissedPolicy, OverlapPolicy } from "./model/firing.ts"
export type * from "./model/ir.ts"
export type { Json, JsonObject, JsonPrimitive } from "./model/json.ts"
export { limits } from "./model/limits.ts"
export { type Bindings, fromJson, fromYaml, load } from "./model/load.ts"
export type {
  Cause,
  Degraded,
  InjectedFault,
  Instead,
  Message,
  Outcome,
  RunStatus,
  TaskStatus
} from "./model/messages.ts"
export type { PlacesMetrics } from "./model/places.ts"
export { type ExecutionPlan, type ExecutionStage, type PlanOptions, plan } from "./model/plan.ts"
export type { RateOptions, RatePolicy } from "./model/rate.ts"
export {
  and,
  type Comparison,
  eq,
  exists,
  gt,
  gte,
  lt,
  lte,
  ne,
  not,
  oneOf,
  or,
  orElse,
  type Ref,
  type Unwire,
  type When,
  type Wire
} from "./model/recorder.ts"
export type { ScheduleOptions } from "./model/recurring.ts"
export type { RunExport } from "./model/run-export.ts"
export type { ScheduledTask, SchedulingPolicy } from "./model/schedule.ts"
export { type AnySchema, type } from "./model/schemas.ts"
export { type CrewSpec, fromCrew, fromSteps, type Step, type StepWorkflow } from "./model/steps.ts"
export {
  type CacheOptions,
  type RetryOptions,
  type Returned,
  type TaskContext,
  type TaskDef,
  type TaskOptions,
  task
} from "./model/task.ts"
export type { Moment, TimetableOptions } from "./model/timetable.ts"
export type { InTransaction, SqlRow, SqlValue, StatementResult, Transaction } from "./model/transaction.ts"
export type { RateMetrics } from "./model/turnstile.ts"
export { validate } from "./model/validate.ts"
export type { Workflow } from "./model/workflow.ts"
