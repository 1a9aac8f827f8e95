/** `troupe/inspect`: see states live while debugging, record them, and show them to others. */

export * from "./inspect/errors.ts"
export { type Inspector, type InspectorOptions, inspector } from "./inspect/inspector.ts"
export type { Redact } from "./inspect/observe.ts"
export type {
  Ask,
  Patch,
  Preview,
  RecordingHead,
  RunRow,
  Seen,
  SeenEvent,
  SeenKind,
  StreamId
} from "./inspect/protocol.ts"
export { headOf, untilCaughtUp, writeRecording } from "./inspect/recording.ts"
export { openRecording } from "./inspect/recordings.ts"
export { type RedactOptions, redact, redactor } from "./inspect/redact.ts"
export { writeReport } from "./inspect/report.ts"
export { type Served, type ServeOptions, serve } from "./inspect/server.ts"
export { type ChartShape, type EdgeShape, type StateShape, shapeOf } from "./inspect/shape.ts"
export type { Batch, Overview, Source } from "./inspect/source.ts"
export {
  orchestratorSource,
  type SourceOptions,
  type SystemOptions,
  type SystemSource,
  storeSource,
  systemSource
} from "./inspect/sources.ts"
export { fanout } from "./inspect/stately.ts"
export { chartToDot, chartToMermaid, workflowToDot, workflowToMermaid } from "./inspect/text.ts"
export {
  type ActorView,
  type AttemptView,
  type PauseView,
  type RunView,
  type TaskView,
  Timeline,
  View
} from "./inspect/view.ts"
