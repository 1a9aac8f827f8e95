/** What can go wrong around the inspector. Each says what, where, and what to do next. */
import { TroupeError } from "../model/errors.ts"

/** There is no stream of that name. */
export class StreamUnknown extends TroupeError {
  readonly _tag = "StreamUnknown"
  readonly code = "STREAM_UNKNOWN"
  readonly stream: string
  constructor({ stream }: { stream: string }) {
    super(`there is no stream '${stream.slice(0, 200)}': it was never there, or its run has been removed`)
    this.stream = stream
  }
}

const refusals = {
  production: () =>
    "the inspector is off where NODE_ENV is 'production', because it shows what runs hold: give { force: true } if that is what you want",
  wildcard: (detail: string) =>
    `the inspector on '${detail}' is reached under names that it does not know: list them in { allowedHosts: ["inspector.example"] }`,
  host: (detail: string) => `the inspector cannot listen on '${detail}'`,
  port: (detail: string) =>
    `the port ${detail} is taken by another program: give another one, or 0 for one that is free`,
  option: (detail: string) => detail
} as const

/** The inspector was not started. */
export class InspectorRefused extends TroupeError {
  readonly _tag = "InspectorRefused"
  readonly code = "INSPECTOR_REFUSED"
  readonly reason: keyof typeof refusals
  readonly detail: string
  constructor({ reason, detail = "" }: { reason: keyof typeof refusals; detail?: string }) {
    super(refusals[reason](detail))
    this.reason = reason
    this.detail = detail
  }
}

/** Something that was asked for through the inspector was not done. */
export class AskRefused extends TroupeError {
  readonly _tag = "AskRefused"
  readonly code: string
  constructor({ code, message }: { code: string; message: string }) {
    super(message)
    this.code = code
  }
}

/** A file that is no recording, or a broken one; nothing of it is shown. */
export class RecordingBroken extends TroupeError {
  readonly _tag = "RecordingBroken"
  readonly code = "RECORDING_BROKEN"
  readonly path: string
  /** Number of the first line that is wrong, from 1; 0 where the file as a whole is. */
  readonly line: number
  readonly problem: string
  constructor({ path, line, problem }: { path: string; line: number; problem: string }) {
    super(
      `'${path}'${line === 0 ? "" : `, line ${line}`}: ${problem}; nothing of it is shown: record the run again with "troupe record"`
    )
    this.path = path
    this.line = line
    this.problem = problem
  }
}

/** A recording of a later version. */
export class RecordingTooNew extends TroupeError {
  readonly _tag = "RecordingTooNew"
  readonly code = "RECORDING_TOO_NEW"
  readonly path: string
  readonly protocol: number
  constructor({ path, protocol, known }: { path: string; protocol: number; known: number }) {
    super(
      `'${path}' is written in version ${protocol} of recordings and this reads up to ${known}: open it with a newer troupe`
    )
    this.path = path
    this.protocol = protocol
  }
}

/** A recording or a report that was not written. */
export class RecordingRefused extends TroupeError {
  readonly _tag = "RecordingRefused"
  readonly code = "RECORDING_REFUSED"
  readonly path: string
  readonly reason: "exists" | "ending" | "size" | "page" | "disk"
  constructor({
    path,
    reason,
    detail = ""
  }: {
    path: string
    reason: RecordingRefused["reason"]
    detail?: string
  }) {
    const why = {
      exists: "there is a file of that name: give another one",
      ending: "recordings end in .jsonl, .jsonl.gz or .jsonl.zst",
      size: `it would hold more than ${detail}: record a shorter run, or write .jsonl.zst and open that`,
      page: 'the page of reports is not built: in a checkout, "node scripts/build.mjs" builds it',
      disk: detail
    }[reason]
    super(`'${path}' was not written: ${why}`)
    this.path = path
    this.reason = reason
  }
}
