/** What happened in an execution, as data: calls, lines, and promises that were broken. */

/** The run that is looked at. */
export const runId = "run"

/** A path without the numbers of items and rounds: the same for all of them. */
export const plainPath = (path: string): string => path.replace(/\[\d+\]|#\d+/g, "")

/** One call of a body. */
export interface Call {
  readonly task: string
  readonly name: string
  readonly agent: string | undefined
  readonly attempt: number
  readonly delivery: number
  readonly key: string
  readonly life: number
  readonly at: number
  readonly input: unknown
  /** Its body has come to its end: what it did outside is done. */
  isDone: boolean
  value: string | undefined
}

/** A line of the story. */
export interface Line {
  readonly at: number
  readonly life: number
  readonly what:
    | "boots"
    | "opened"
    | "refused"
    | "dies"
    | "freezes"
    | "wakes"
    | "calls"
    | "did"
    | "answers"
    | "wrote"
    | "fault"
    | "asks"
    | "acked"
    | "ended"
  readonly text: string
}

/** A promise that was broken. */
export interface Violation {
  readonly promise: string
  readonly what: string
}
