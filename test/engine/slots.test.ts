// Slots for attempts, where who asked for one is gone before it is granted.
import { load, Orchestrator, task, type } from "troupe"
import { describe, expect, test } from "vitest"

const bad = task("bad", {
  in: type<number>(),
  out: type<number>(),
  run: () => {
    throw new Error("no")
  }
})
const good = task("good", { in: type<unknown>(), out: type<number>(), run: () => 1 })

describe("slots", () => {
  test("items of a fan-out that has failed take no slot from the tasks that go on", async () => {
    await using orchestrator = await Orchestrator.open()
    const flow = await load(
      {
        ir: 1,
        name: "narrow",
        config: { concurrency: 1, onFailure: "continue" },
        tasks: [
          { id: "items", kind: "map", over: 3, each: { task: "bad" } },
          { id: "other", task: "good", priority: 0 }
        ]
      },
      { bad, good }
    )
    const run = await orchestrator.submit(flow, null)
    const ended = await Promise.race([run.outcome(), new Promise((resolve) => setTimeout(resolve, 1_000, "it hangs"))])
    expect(ended).toMatchObject({ status: "failed", failedTask: "items[0]" })
    expect(await run.tasks()).toEqual({ items: "failed", other: "succeeded" })
  })
})
