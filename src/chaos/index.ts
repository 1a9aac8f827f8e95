/** What if? Workflows in simulated worlds in which things go wrong: `troupe/chaos`. */

export { type ChaosOptions, type ChaosReport, chaos, replay, simulate, type WorldOptions } from "./chaos.ts"
export { type Case, caseFrom } from "./corpus.ts"
export type { Coverage, CoverageRow } from "./coverage.ts"
export { digestOf } from "./digest.ts"
export { ChaosFailure, ChaosMisused, ChaosRefused } from "./errors.ts"
export type { Execution } from "./execution.ts"
export { type Capability, chaosCapability } from "./guard.ts"
export { calm, type Family, type Fault, families, type Plan } from "./plan.ts"
export { planFrom } from "./plan-file.ts"
export { type RecordingHead, recordingOf } from "./recording.ts"
export type { Call, Line, Violation } from "./story.ts"
export type { World } from "./world.ts"
