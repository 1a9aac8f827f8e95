/**
 * An execution as lines of JSON, for whoever wants to look at it later: a head that says what it is, then what happened, in order.
 * The format is described in docs/CHAOS.md.
 */
import type { WorkflowIR } from "../model/ir.ts"
import type { Workflow } from "../model/workflow.ts"
import { digestOf } from "./digest.ts"
import type { Execution } from "./execution.ts"

export const recordingFormat = 1

/** The head of a recording. */
export interface RecordingHead {
  readonly kind: "troupe-recording"
  readonly format: typeof recordingFormat
  readonly workflow: string
  readonly hash: string
  readonly definition: WorkflowIR
  readonly run: string
  /** Virtual time at 0, in milliseconds since 1970. */
  readonly startedAt: number
  readonly input: Execution["input"]
  readonly plan: Execution["plan"]
  readonly violations: Execution["violations"]
  readonly outcome: Execution["outcome"] | null
  readonly lives: number
  readonly ms: number
  readonly digest: string
}

/** The text of a recording: one JSON value a line. */
export const recordingOf = (workflow: Workflow, execution: Execution, startedAt: number): string => {
  const { plan, input, violations, outcome, lives, ms, story, messages, writeOf } = execution
  const head: RecordingHead = {
    kind: "troupe-recording",
    format: recordingFormat,
    workflow: workflow.name,
    hash: workflow.hash,
    definition: workflow.ir,
    run: "run",
    startedAt,
    input,
    plan,
    violations,
    outcome: outcome ?? null,
    lives,
    ms,
    digest: digestOf(execution)
  }
  let seq = 0
  const lines = story.map((line) => {
    if (line.what !== "wrote") return line
    const message = messages[seq]
    const write = writeOf[seq]
    return { ...line, seq: seq++, write, message }
  })
  return [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("")
}
