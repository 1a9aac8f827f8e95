import type { Message } from "troupe"
import { describe, expect, test } from "vitest"
import type { MessageType } from "../../src/model/messages.ts"
import { decode, encode, encodeLarge, namesOf, payloadHash, payloadOf } from "../../src/storage/sqlite/codec.ts"

const names = namesOf({ ir: 1, name: "w", tasks: [{ id: "ok", kind: "gate" }] })
const origin = { submittedAt: 100, workflow: "w", version: undefined, hash: undefined }
const value = { big: ["x"] }
const large: ReadonlyArray<Message> = [
  { type: "attempt.succeeded", at: 101, task: "ok", attempt: 1, value },
  { type: "gate.answered", at: 102, task: "ok", value, who: "ann", why: "fits" },
  { type: "signal.received", at: 103, name: "paid", value, who: "bank" }
]

const failure = { tag: "E", code: "E", message: "no", retryable: true, retryAfterMs: 5 }
const said = { who: "ann", why: "fits" }
/** Each kind with everything that it can say: one more optional field does not compile before it stands here. */
const full: { readonly [T in Exclude<MessageType, "attempt.late">]: Required<Extract<Message, { type: T }>> } = {
  "run.submitted": {
    type: "run.submitted",
    at: 100,
    workflow: "w",
    version: "2",
    hash: "h",
    input: value,
    scheduledAt: 900
  },
  "attempt.succeeded": { type: "attempt.succeeded", at: 101, task: "ok", attempt: 2, value, agent: "bo", cached: true },
  "attempt.failed": {
    type: "attempt.failed",
    at: 101,
    task: "ok[1]",
    attempt: 2,
    failure,
    agent: "bo",
    refused: "budget",
    progress: { row: 7 }
  },
  "attempt.aborted": { type: "attempt.aborted", at: 101, task: "ok", attempt: 2 },
  "timer.fired": { type: "timer.fired", at: 101, task: "" },
  "gate.answered": { type: "gate.answered", at: 101, task: "ok", value, ...said },
  "gate.rejected": { type: "gate.rejected", at: 101, task: "ok~verify", reason: "no", ...said },
  "signal.received": { type: "signal.received", at: 101, name: "paid", value, ...said },
  "run.paused": { type: "run.paused", at: 101, ...said },
  "run.resumed": { type: "run.resumed", at: 101, ...said },
  "run.cancelled": { type: "run.cancelled", at: 101, force: true, ...said },
  "run.amended": {
    type: "run.amended",
    at: 101,
    forget: [1],
    give: { ok: 1 },
    again: "ok~undo",
    recoveries: 2,
    ...said
  },
  "run.rolledBack": { type: "run.rolledBack", at: 101, to: 3, recoveries: 2, ...said },
  "run.rewinding": { type: "run.rewinding", at: 101, to: 3, ...said },
  "run.stepped": { type: "run.stepped", at: 101, ...said },
  "fault.injected": { type: "fault.injected", at: 101, task: "ok", fault: "slow", ms: 5, ...said },
  "run.imported": { type: "run.imported", at: 101, deliveries: { ok: 2 }, ...said }
}

describe("rows of messages", () => {
  test.each(Object.values(full) as ReadonlyArray<Message>)("$type: all that it says comes back", (message) => {
    const there = { submittedAt: 100, workflow: "w", version: "2", hash: "h" }
    expect(decode(encode(message, names, 100), names, there, () => null)).toEqual(message)
    const [field] = ["agent", "who"].filter((one) => one in message)
    const { [field as "who"]: _, ...less } = message as unknown as Record<string, unknown>
    expect(decode(encode(less as never, names, 100), names, there, () => null)).toEqual(less)
  })
  test.each(large)("$type: a large value lies elsewhere, under its hash, and comes back", (message) => {
    expect(payloadOf(message)).toEqual(value)
    const row = encodeLarge(message, names, 100, "hash")
    expect(row).not.toContain("big")
    expect(payloadHash(row)).toBe("hash")
    expect(decode(row, names, origin, () => value)).toEqual(message)
  })
  test("what a kind of message is written as never changes: files outlive versions", () => {
    const rejected: Message = { type: "gate.rejected", at: 104, task: "ok[2]/x", reason: "no", who: "ann" }
    expect([...large.slice(1), rejected].map((message) => encode(message, names, 100))).toEqual([
      '[11,2,0,{"big":["x"]},"ann","fits"]',
      '[13,3,"paid",{"big":["x"]},"bank",null]',
      '[12,4,"0[2]/x","no","ann",null]'
    ])
  })
})
