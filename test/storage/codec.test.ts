import type { Message } from "troupe"
import { describe, expect, test } from "vitest"
import { decode, encode, encodeLarge, namesOf, payloadHash, payloadOf } from "../../src/storage/sqlite/codec.ts"

const names = namesOf({ ir: 1, name: "w", tasks: [{ id: "ok", kind: "gate" }] })
const origin = { submittedAt: 100, workflow: "w", version: undefined, hash: undefined }
const value = { big: ["x"] }
const large: ReadonlyArray<Message> = [
  { type: "attempt.succeeded", at: 101, task: "ok", attempt: 1, value },
  { type: "gate.answered", at: 102, task: "ok", value, who: "ann", why: "fits" },
  { type: "signal.received", at: 103, name: "paid", value, who: "bank" }
]

describe("rows of messages", () => {
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
