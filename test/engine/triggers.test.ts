// Which end of a task lets another start: the whole table.
import type { TaskIR, Trigger } from "troupe"
import { describe, expect, test } from "vitest"
import { troubled } from "./failing.ts"

const leaf = (id: string, more: Partial<TaskIR> = {}): TaskIR => ({ id, task: "work", ...more }) as TaskIR
const on = (task: string, on: Trigger) => ({ after: [{ task, on }] })

/** What becomes of `b` behind `a`, which came to that end: by trigger. */
const table: Record<Trigger, Record<"succeeded" | "skipped" | "allowed" | "failed" | "unreached", boolean>> = {
  notFailed: { succeeded: true, skipped: true, allowed: true, failed: false, unreached: false },
  succeeded: { succeeded: true, skipped: false, allowed: false, failed: false, unreached: false },
  failed: { succeeded: false, skipped: false, allowed: true, failed: true, unreached: true },
  done: { succeeded: true, skipped: true, allowed: true, failed: true, unreached: true }
}

describe("a trigger: which end of a task lets another start", () => {
  for (const [trigger, row] of Object.entries(table))
    for (const [end, starts] of Object.entries(row))
      test(`${trigger}, and it ${end}: ${starts ? "starts" : "is skipped"} (G08)`, async () => {
        const there = troubled()
        const a: Record<string, TaskIR> = {
          succeeded: leaf("a"),
          skipped: leaf("a", { when: false }),
          allowed: leaf("a", { onFailed: "continue" }),
          failed: leaf("a"),
          unreached: leaf("a", { after: ["first"] })
        }
        if (end === "allowed" || end === "failed") there.fails.add("a")
        if (end === "unreached") there.fails.add("first")
        const tasks = [leaf("first"), a[end]!, leaf("b", on("a", trigger as Trigger))]
        const { status, states } = await there.outcome(tasks, { config: { onFailure: "continue" } })
        expect(states["b"]).toBe(starts ? "succeeded" : "skipped")
        expect(status).toBe(end === "failed" || end === "unreached" ? "failed" : "succeeded")
      })
  test("those behind a skipped task are skipped with it only where its failure is to blame", async () => {
    const there = troubled()
    const tasks = [leaf("a"), leaf("onBad", on("a", "failed")), leaf("c", { after: ["onBad"] })]
    expect((await there.outcome(tasks)).states).toEqual({ a: "succeeded", onBad: "skipped", c: "succeeded" })
    there.fails.add("a")
    const behind = [
      leaf("a"),
      leaf("b", on("a", "succeeded")),
      leaf("c", { after: ["b"] }),
      leaf("d", on("c", "failed"))
    ]
    expect((await there.outcome(behind, { config: { onFailure: "continue" } })).states).toEqual({
      a: "failed",
      b: "skipped",
      c: "skipped",
      d: "succeeded"
    })
  })
  test("where the first failure ends the run, nothing starts because of it", async () => {
    const there = troubled()
    there.fails.add("a")
    const { status, states } = await there.outcome([leaf("a"), leaf("b", on("a", "failed"))])
    expect([status, states]).toEqual(["failed", { a: "failed", b: "skipped" }])
    expect(there.paths()).toEqual(["a"])
  })
})
