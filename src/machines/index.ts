/** The statecharts, each of which opens in any XState tool, and the compiler that makes tables of them. */
export { type AgentContext, type AgentEvent, agentMachine } from "./agent.ts"
export {
  type BreakerContext,
  type BreakerEvent,
  type BreakerFacts,
  type BreakerInput,
  type BreakerReason,
  type BreakerStatus,
  breakerMachine
} from "./breaker.ts"
export {
  BreakerDesk,
  type BreakerLife,
  type BreakerState,
  type CallEnd,
  type MakeLife,
  type Opening,
  type Permit,
  plainLife
} from "./breaker-desk.ts"
export { type Chart, ChartSnapshot, compile, type Emit } from "./compile.ts"
export { type GateContext, type GateEvent, type GateInput, gateMachine } from "./gate.ts"
export { command } from "./machine.ts"
export { type OrchestratorContext, type OrchestratorEvent, orchestratorMachine } from "./orchestrator.ts"
export { type SleepContext, type SleepInput, sleepMachine } from "./sleep.ts"
export { type TaskEvent, type TaskInput, taskMachine } from "./task.ts"
export { type WorkflowContext, type WorkflowEvent, type WorkflowInput, workflowMachine } from "./workflow.ts"
