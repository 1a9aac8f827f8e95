/** Supervision for any XState 5 actors: restart, resume, stop, escalate. */
export { createRoot, type Inspect, type RootOptions } from "./create.ts"
export { type RegistryEvent, registryLogic } from "./registry.ts"
export {
  type ChildSpec,
  type Decision,
  type Gone,
  type SupervisorEvent,
  type SupervisorLogic,
  type SupervisorOptions,
  SupervisorSnapshot,
  supervisor
} from "./supervisor.ts"
