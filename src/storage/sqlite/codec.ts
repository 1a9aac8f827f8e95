/**
 * Messages as rows: `[code, ms since submission, task, …]` as JSON text. Tasks of the workflow itself are numbers, what stands
 * as it usually does is left out, and every row carries a checksum over itself and the row before it.
 */
import { createHash, createHmac } from "node:crypto"
import { crc32 } from "node:zlib"
import type { Failure } from "../../model/errors.ts"
import type { WorkflowIR } from "../../model/ir.ts"
import { deepFreeze, type Json } from "../../model/json.ts"
import { type Cause, injectedFaults, type Message } from "../../model/messages.ts"

/** The names of a definition's tasks as numbers, and back. */
export interface Names {
  readonly ids: ReadonlyArray<string>
  readonly index: ReadonlyMap<string, number>
}

export const namesOf = (ir: WorkflowIR | undefined): Names => {
  const ids = ir?.tasks.map(({ id }) => id) ?? []
  return { ids, index: new Map(ids.map((id, i) => [id, i])) }
}

/** A path starts with the id of a task of the workflow; what follows starts with one of these. */
const deeper = /[/[#@]/

const encodePath = (path: string, { index }: Names): number | string => {
  const whole = index.get(path)
  if (whole !== undefined) return whole
  const end = path.search(deeper)
  const first = end === -1 ? undefined : index.get(path.slice(0, end))
  return first === undefined ? `:${path}` : `${first}${path.slice(end)}`
}

const decodePath = (coded: number | string, { ids }: Names): string => {
  if (typeof coded === "number") return ids[coded] ?? unreadable()
  if (coded.startsWith(":")) return coded.slice(1)
  const end = coded.search(deeper)
  return (ids[Number(coded.slice(0, end))] ?? unreadable()) + coded.slice(end)
}

const unreadable = (): never => {
  throw new TypeError("not a message")
}

const codes = {
  "run.submitted": 0,
  "attempt.succeeded": 1,
  "attempt.failed": 2,
  "attempt.aborted": 3,
  "timer.fired": 4,
  "run.paused": 5,
  "run.resumed": 6,
  "run.cancelled": 7,
  "run.amended": 8,
  "run.rolledBack": 9,
  "attempt.late": 10,
  "gate.answered": 11,
  "gate.rejected": 12,
  "signal.received": 13,
  "run.imported": 20,
  "run.rewinding": 21,
  "run.stepped": 22,
  "fault.injected": 23
} as const satisfies Record<Message["type"], number>

/** The text of a message. `start` is when the run was submitted. */
export const encode = (message: Message, names: Names, start: number): string => {
  const code = codes[message.type]
  const ms = message.at - start
  switch (message.type) {
    case "run.submitted":
      return JSON.stringify(
        message.scheduledAt === undefined ? [code, message.input] : [code, message.input, message.scheduledAt - start]
      )
    case "attempt.succeeded": {
      const { task, value, attempt, agent, cached } = message
      if (cached === true) return JSON.stringify([code, ms, encodePath(task, names), value, attempt, agent ?? null, 1])
      if (agent === undefined && attempt === 1) {
        const at = names.index.get(task)
        // most rows by far: the same text, put together by hand
        if (at !== undefined) return `[1,${ms},${at},${JSON.stringify(value)}]`
      }
      return JSON.stringify([code, ms, encodePath(task, names), value, ...tail(attempt, agent)])
    }
    case "attempt.failed":
      return JSON.stringify([
        code,
        ms,
        encodePath(message.task, names),
        message.failure,
        ...(message.refused === undefined && message.progress === undefined
          ? tail(message.attempt, message.agent)
          : [
              message.attempt,
              message.agent ?? null,
              message.refused ?? null,
              ...(message.progress === undefined ? [] : [message.progress])
            ])
      ])
    case "attempt.aborted":
      return JSON.stringify([code, ms, encodePath(message.task, names), ...tail(message.attempt, undefined)])
    case "timer.fired":
      return JSON.stringify([code, ms, encodePath(message.task, names)])
    case "attempt.late": {
      const { task, attempt, outcome, value, failure } = message
      const what = value !== undefined ? [value] : failure !== undefined ? [null, failure] : []
      return JSON.stringify([code, ms, encodePath(task, names), attempt, lateOutcomes.indexOf(outcome), ...what])
    }
    case "gate.answered":
      return JSON.stringify([code, ms, encodePath(message.task, names), message.value, ...said(message)])
    case "gate.rejected":
      return JSON.stringify([code, ms, encodePath(message.task, names), message.reason, ...said(message)])
    case "signal.received":
      return JSON.stringify([code, ms, message.name, message.value, ...said(message)])
    case "run.paused":
    case "run.resumed":
    case "run.stepped":
      return JSON.stringify([code, ms, ...said(message)])
    case "run.cancelled":
      return JSON.stringify([code, ms, message.force, ...said(message)])
    case "run.amended":
      return JSON.stringify([code, ms, message.forget, message.give, ...saidAnd(message, more(message))])
    case "run.rolledBack":
      return JSON.stringify([code, ms, message.to, ...saidAnd(message, more(message))])
    case "run.rewinding":
      return JSON.stringify([code, ms, message.to, ...said(message)])
    case "fault.injected": {
      const { task, fault, ms: more } = message
      return JSON.stringify([
        code,
        ms,
        encodePath(task, names),
        injectedFaults.indexOf(fault),
        more ?? null,
        ...said(message)
      ])
    }
    case "run.imported":
      return JSON.stringify([code, ms, message.deliveries, ...said(message)])
  }
}

const lateOutcomes = ["succeeded", "failed", "aborted"] as const

const tail = (attempt: number, agent: string | undefined): ReadonlyArray<Json> =>
  agent === undefined ? (attempt === 1 ? [] : [attempt]) : [attempt, agent]
const said = ({ who, why }: { readonly who?: string; readonly why?: string }): ReadonlyArray<Json> =>
  who === undefined && why === undefined ? [] : [who ?? null, why ?? null]

/** The same, and what only few messages say. */
const saidAnd = (message: Cause, rest: { readonly [name: string]: Json } | undefined): ReadonlyArray<Json> =>
  rest === undefined ? said(message) : [message.who ?? null, message.why ?? null, rest]

const more = ({ again, recoveries }: { readonly again?: string; readonly recoveries?: number }) =>
  again === undefined && recoveries === undefined
    ? undefined
    : { ...(again === undefined ? {} : { again }), ...(recoveries === undefined ? {} : { recoveries }) }

/** What a run's first message gets from the run and its definition, instead of from its own row. */
export interface Origin {
  readonly submittedAt: number
  readonly workflow: string
  readonly version: string | undefined
  readonly hash: string | undefined
}

/** Where a value lies instead of in its row, from so many characters on. */
export const largeFrom = 65_536
const large = 64

/** The part of a message that may be large. */
export const payloadOf = (message: Message): Json | undefined => {
  switch (message.type) {
    case "run.submitted":
      return message.input
    case "attempt.succeeded":
    case "gate.answered":
    case "signal.received":
      return message.value
    default:
      return undefined
  }
}

/** The text of a message whose payload lies elsewhere, under `hash`. */
export const encodeLarge = (message: Message, names: Names, start: number, hash: string): string => {
  const small =
    message.type === "run.submitted"
      ? { ...message, input: hash }
      : { ...(message as Extract<Message, { readonly value: Json }>), value: hash }
  const row = JSON.parse(encode(small, names, start)) as Array<Json>
  row[0] = (row[0] as number) + large
  return JSON.stringify(row)
}

/** The name under which a large payload lies. */
export const blobHash = (text: string): string => createHash("sha256").update(text).digest("base64url")

/** Whether a payload may lie elsewhere, by one look: a code of one digit says that it does not. */
export const mayBeLarge = (body: string): boolean => body.charCodeAt(2) !== comma && body.charCodeAt(2) !== bracket
const comma = 0x2c
const bracket = 0x5d

/** Rows whose payload lies elsewhere, for the database. */
export const isLarge = `CAST(substr(body, 2, 3) AS INTEGER) >= ${large}`

/** Where the payload of a row lies, if it does not stand in the row. */
export const payloadHash = (body: string): string | undefined => {
  const row = JSON.parse(body) as ReadonlyArray<any>
  return row[0] < large ? undefined : row[0] === large ? row[1] : row[3]
}

/** A message from its text; throws for anything that `encode` would not have written. `fetch` brings payloads that lie elsewhere. */
export const decode = (body: string, names: Names, origin: Origin, fetch: (hash: string) => Json): Message => {
  const row = JSON.parse(body) as Array<any>
  if (row[0] >= large) {
    const at = row[0] === large ? 1 : 3
    row[0] -= large
    row[at] = fetch(row[at])
  }
  const at: number = origin.submittedAt + row[1]
  switch (row[0]) {
    case codes["run.submitted"]: {
      const { submittedAt, workflow, version, hash } = origin
      return frozen({
        type: "run.submitted",
        at: submittedAt,
        workflow,
        ...(version === undefined ? {} : { version }),
        ...(hash === undefined ? {} : { hash }),
        input: deepFreeze(row[1] as Json),
        ...(row[2] === undefined ? {} : { scheduledAt: submittedAt + row[2] })
      })
    }
    case codes["attempt.succeeded"]:
      return frozen({
        type: "attempt.succeeded",
        at,
        task: decodePath(row[2], names),
        attempt: row[4] ?? 1,
        value: deepFreeze(row[3] as Json),
        ...by(row[5]),
        ...(row[6] === 1 ? { cached: true as const } : undefined)
      })
    case codes["attempt.failed"]:
      return frozen({
        type: "attempt.failed",
        at,
        task: decodePath(row[2], names),
        attempt: row[4] ?? 1,
        failure: deepFreeze(row[3] as Failure),
        ...by(row[5]),
        ...(row[6] === undefined || row[6] === null ? undefined : { refused: row[6] }),
        ...(row[7] === undefined ? undefined : { progress: deepFreeze(row[7] as Json) })
      })
    case codes["attempt.aborted"]:
      return frozen({ type: "attempt.aborted", at, task: decodePath(row[2], names), attempt: row[3] ?? 1 })
    case codes["timer.fired"]:
      return frozen({ type: "timer.fired", at, task: decodePath(row[2], names) })
    case codes["gate.answered"]:
      return frozen({
        type: "gate.answered",
        at,
        task: decodePath(row[2], names),
        value: deepFreeze(row[3] as Json),
        ...cause(row, 4)
      })
    case codes["gate.rejected"]:
      return frozen({
        type: "gate.rejected",
        at,
        task: decodePath(row[2], names),
        reason: row[3] as string,
        ...cause(row, 4)
      })
    case codes["signal.received"]:
      return frozen({
        type: "signal.received",
        at,
        name: row[2] as string,
        value: deepFreeze(row[3] as Json),
        ...cause(row, 4)
      })
    case codes["run.paused"]:
      return frozen({ type: "run.paused", at, ...cause(row, 2) })
    case codes["run.resumed"]:
      return frozen({ type: "run.resumed", at, ...cause(row, 2) })
    case codes["run.stepped"]:
      return frozen({ type: "run.stepped", at, ...cause(row, 2) })
    case codes["fault.injected"]:
      return frozen({
        type: "fault.injected",
        at,
        task: decodePath(row[2], names),
        fault: injectedFaults[row[3]] ?? unreadable(),
        ...(row[4] === null ? {} : { ms: row[4] as number }),
        ...cause(row, 5)
      })
    case codes["run.cancelled"]:
      return frozen({ type: "run.cancelled", at, force: row[2] as boolean, ...cause(row, 3) })
    case codes["attempt.late"]:
      return frozen({
        type: "attempt.late",
        at,
        task: decodePath(row[2], names),
        attempt: row[3] as number,
        outcome: lateOutcomes[row[4]] ?? unreadable(),
        ...(row.length === 6 ? { value: deepFreeze(row[5] as Json) } : {}),
        ...(row.length === 7 ? { failure: deepFreeze(row[6] as Failure) } : {})
      })
    case codes["run.amended"]:
      return frozen({
        type: "run.amended",
        at,
        forget: deepFreeze(row[2] as ReadonlyArray<number>),
        give: deepFreeze(row[3] as { readonly [task: string]: Json }),
        ...cause(row, 4),
        ...row[6]
      })
    case codes["run.rolledBack"]:
      return frozen({ type: "run.rolledBack", at, to: row[2] as number, ...cause(row, 3), ...row[5] })
    case codes["run.rewinding"]:
      return frozen({ type: "run.rewinding", at, to: row[2] as number, ...cause(row, 3) })
    case codes["run.imported"]:
      return frozen({
        type: "run.imported",
        at,
        deliveries: deepFreeze(row[2] as { readonly [task: string]: number }),
        ...cause(row, 3)
      })
    default:
      return unreadable()
  }
}

const frozen = (message: Message): Message => Object.freeze(message)
const by = (agent: unknown) => (typeof agent === "string" ? { agent } : undefined)
const cause = (row: ReadonlyArray<any>, at: number) => ({
  ...(typeof row[at] === "string" ? { who: row[at] } : {}),
  ...(typeof row[at + 1] === "string" ? { why: row[at + 1] } : {})
})

/** What ties a row to the one before it. */
export type Link = number | string

/** How rows are chained: a checksum, or, with a key, a seal that only who has the key can make. */
export interface Chain {
  /** Where it begins: with everything that the first message does not say in its own row. */
  readonly first: (run: string, origin: Origin) => Link
  readonly next: (before: Link, seq: number, epoch: number, body: string) => Link
}

const beginning = (run: string, { submittedAt, workflow, version = "", hash = "" }: Origin) =>
  `${run} ${submittedAt} ${workflow} ${version} ${hash}`

/** CRC-32 of zlib: finds every change that happens by accident. */
export const checksums: Chain = {
  first: (run, origin) => crc32(beginning(run, origin)),
  next: (before, seq, epoch, body) => crc32(`${seq}:${epoch}:${body}`, before as number)
}

/** HMAC-SHA-256, cut to 128 bits: also finds changes by somebody who does not have the key. */
export const seals = (key: string | Uint8Array): Chain => {
  const seal = (text: string): Link => createHmac("sha256", key).update(text).digest("base64url").slice(0, 22)
  return {
    first: (run, origin) => seal(`run:${beginning(run, origin)}`),
    next: (before, seq, epoch, body) => seal(`${before}:${seq}:${epoch}:${body}`)
  }
}
