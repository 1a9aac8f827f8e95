/** Everything that can be looked at. */
export { orchestratorSource, type SourceOptions } from "./orchestrator-source.ts"
export { storeSource } from "./store-source.ts"
export { type SystemOptions, type SystemSource, systemSource } from "./system-source.ts"
