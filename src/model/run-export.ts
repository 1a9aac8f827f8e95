/**
 * One run as one JSON value: its definition, its messages, and a checksum over all of it. What a file says is believed only as
 * far as it can be checked: the checksum, the shape of every message, and, by whoever imports it, that the messages fold.
 */
import { createHash } from "node:crypto"
import { ImportRefused, LimitExceeded } from "./errors.ts"
import type { WorkflowIR } from "./ir.ts"
import { canonical, isPlainRecord, type Json, toJson } from "./json.ts"
import { limits } from "./limits.ts"
import { injectedFaults, type Message, type MessageType, type RunStatus } from "./messages.ts"

export const exportFormat = 1

export interface RunExport {
  readonly kind: "troupe-run"
  readonly format: typeof exportFormat
  readonly run: string
  /** Content hash of the definition that the run is pinned to. */
  readonly hash: string
  readonly definition: WorkflowIR
  /** The state of the run when it was exported, for people. */
  readonly status: RunStatus
  /** Why it failed, or why it is left alone. */
  readonly error?: { readonly task: string; readonly code: string; readonly message: string }
  /** What comes after these messages is damaged where they come from, and left out. */
  readonly isPartial?: true
  /** In which epoch of its store it was exported. */
  readonly epoch: number
  readonly messages: ReadonlyArray<Message>
  /** In which epoch each message was written. */
  readonly epochs: ReadonlyArray<number>
  /** SHA-256 over everything else. */
  readonly checksum: string
}

/** Puts the checksum to an export. Throws `LimitExceeded` for one that could not be imported. */
export const sealed = (content: Omit<RunExport, "checksum">): RunExport => {
  const { messages } = content
  if (messages.length > limits.exportMessages)
    throw new LimitExceeded({
      limit: "exportMessages",
      allowed: limits.exportMessages,
      actual: messages.length,
      unit: "messages of one exported run"
    })
  return { ...content, checksum: checksumOf(content) }
}

const checksumOf = ({ messages, ...rest }: Omit<RunExport, "checksum">): string => {
  const hash = createHash("sha256")
  let bytes = 0
  const add = (value: unknown) => {
    const text = canonical(value as Json)
    bytes += text.length + 1
    if (bytes > limits.exportBytes)
      throw new LimitExceeded({
        limit: "exportBytes",
        allowed: limits.exportBytes,
        actual: bytes,
        unit: "bytes of one exported run"
      })
    hash.update(text).update("\n")
  }
  add(rest)
  for (const message of messages) add(message)
  return hash.digest("hex")
}

/** A value from outside as an export, copied and frozen; throws `ImportRefused` or `LimitExceeded` with what is wrong. */
export const readExport = (value: unknown): RunExport => {
  const json = toJson(value, { bytesMax: limits.exportBytes, depthMax: depthMax })
  const refuse = (detail: string, reason: ImportRefused["reason"] = "shape"): never => {
    throw new ImportRefused({ reason, detail })
  }
  if (!isPlainRecord(json) || json.kind !== "troupe-run") return refuse("it is not an exported run")
  const { format, checksum, ...rest } = json
  if (typeof format !== "number") return refuse("it says no format")
  if (format > exportFormat) return refuse(`it has format ${format}, this is ${exportFormat}`, "newer")
  if (format !== exportFormat) return refuse(`there is no format ${format}`)
  const wrong = Object.entries(fields).find(([name, fits]) => !fits(rest[name]))
  if (wrong !== undefined) return refuse(`'${wrong[0]}' is missing or of the wrong kind`)
  const content = { format, ...rest } as unknown as Omit<RunExport, "checksum">
  const { messages, epochs } = content
  if (messages.length !== epochs.length)
    return refuse(`it has ${messages.length} messages and the epochs of ${epochs.length}`)
  if (messages.length > limits.exportMessages) return refuse(`it has more than ${limits.exportMessages} messages`)
  if (checksumOf(content) !== checksum) return refuse("its content is not what was exported", "checksum")
  const strange = messages.findIndex((message) => !isMessage(message))
  if (strange !== -1) return refuse(`message ${strange} is none that this version knows`)
  if (messages[0]?.type !== "run.submitted" || messages.some(({ type }, i) => type === "run.submitted" && i > 0))
    return refuse("a run begins with its submission, and has only one")
  return { ...content, checksum }
}

/** Levels of nesting in an export: its own few, and those of what it holds. */
const depthMax = 4 * limits.depth

type Fits = (value: unknown) => boolean
const text: Fits = (value) => typeof value === "string"
const whole: Fits = (value) => Number.isInteger(value)
const count: Fits = (value) => Number.isInteger(value) && (value as number) >= 0
const time: Fits = (value) => typeof value === "number" && Math.abs(value) <= 8.64e15
const flag: Fits = (value) => typeof value === "boolean"
const json: Fits = (value) => value !== undefined
const record: Fits = isPlainRecord
const list =
  (fits: Fits): Fits =>
  (value) =>
    Array.isArray(value) && value.every(fits)
const oneOf =
  (...values: ReadonlyArray<unknown>): Fits =>
  (value) =>
    values.includes(value)
const counts: Fits = (value) => isPlainRecord(value) && Object.values(value).every(count)
const perhaps =
  (fits: Fits): Fits =>
  (value) =>
    value === undefined || fits(value)
const failure: Fits = (value) =>
  isPlainRecord(value) && text(value.tag) && text(value.message) && flag(value.retryable) && perhaps(text)(value.code)

const fields: { readonly [name: string]: Fits } = {
  run: text,
  hash: text,
  definition: record,
  status: text,
  error: perhaps((value) => isPlainRecord(value) && text(value.task) && text(value.code) && text(value.message)),
  isPartial: perhaps(oneOf(true)),
  epoch: count,
  messages: list(record),
  epochs: list(whole)
}

const said = { who: perhaps(text), why: perhaps(text) }

/** What each kind of message consists of. */
const shapes: { readonly [type in MessageType]: { readonly [name: string]: Fits } } = {
  "run.submitted": {
    workflow: text,
    version: perhaps(text),
    hash: perhaps(text),
    input: json,
    scheduledAt: perhaps(count)
  },
  "attempt.succeeded": {
    task: text,
    attempt: count,
    value: json,
    agent: perhaps(text),
    cached: perhaps(oneOf(true))
  },
  "attempt.failed": {
    task: text,
    attempt: count,
    failure,
    agent: perhaps(text),
    refused: perhaps(oneOf("budget")),
    progress: () => true
  },
  "attempt.aborted": { task: text, attempt: count },
  "attempt.late": {
    task: text,
    attempt: count,
    outcome: oneOf("succeeded", "failed", "aborted"),
    value: () => true,
    failure: perhaps(failure)
  },
  "timer.fired": { task: text },
  "gate.answered": { task: text, value: json, ...said },
  "gate.rejected": { task: text, reason: text, ...said },
  "signal.received": { name: text, value: json, ...said },
  "run.paused": said,
  "run.resumed": said,
  "run.cancelled": { force: flag, ...said },
  "run.amended": {
    forget: list(count),
    give: record,
    again: perhaps(text),
    recoveries: perhaps(count),
    ...said
  },
  "run.rolledBack": { to: count, recoveries: perhaps(count), ...said },
  "run.rewinding": { to: count, ...said },
  "run.stepped": said,
  "fault.injected": { task: text, fault: oneOf(...injectedFaults), ms: perhaps(count), ...said },
  "run.imported": { deliveries: counts, ...said }
}

const isMessage = (message: { readonly type?: unknown; readonly at?: unknown }): message is Message => {
  const { type, at, ...rest } = message
  if (typeof type !== "string" || !Object.hasOwn(shapes, type) || !time(at)) return false
  const shape = shapes[type as MessageType]
  return (
    Object.entries(shape).every(([name, fits]) => fits((rest as Record<string, unknown>)[name])) &&
    Object.keys(rest).every((name) => Object.hasOwn(shape, name))
  )
}
