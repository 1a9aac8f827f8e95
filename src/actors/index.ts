/** Supervision for any XState 5 actors: restart, resume, stop, escalate. */
export { createRoot, type Inspect, type RootOptions } from "./create.ts"
export { registryLogic, type RegistryEvent } from "./registry.ts"
export { type ChildSpec, type Decision, type Gone, supervisor, type SupervisorEvent, type SupervisorLogic, type SupervisorOptions, SupervisorSnapshot } from "./supervisor.ts"
