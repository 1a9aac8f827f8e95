// Mistakes found in well-known tutorials of this field, each as a test. Those that concern one part stand beside that part's
// tests with their number (Z01–Z06, Z09–Z11, Z14–Z20); here are the ones that need a whole engine, and the register of all.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { load, Orchestrator, task, type, workflow } from "troupe"
import { describe, expect, test } from "vitest"
import { createRoot } from "../src/actors/create.ts"
import { Place, Room } from "../src/actors/room.ts"
import { type Director, scopeLogic } from "../src/actors/scope.ts"

const num = task("num", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })

describe("traps", () => {
  test("Z07 what is finished is recorded as finished: a run ends, and its results are used", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(
      workflow("z", type<number>())
        .task("a", num, ($) => $.input)
        .task("b", num, ($) => $.a)
        .returns(($) => $.b),
      1
    )
    expect(await run.result()).toBe(3)
    expect((await run.status()).tasks).toMatchObject({ completed: 2, total: 2 })
    expect((await run.history()).length).toBe(3)
  })

  test("Z08, B11 nothing running and nothing ready is an error that names what is stuck, never a poll", async () => {
    // no valid workflow can come here, so the director is a broken one
    const stuck: Director = {
      open: () => {},
      admitted: () => {},
      settled: () => {},
      isSettled: () => false,
      value: () => null,
      freeze: () => null,
      recall: () => ({ place: undefined as never }),
      blocked: () => ["a", "b"]
    }
    for (const onFailure of ["stop", "continue"] as const) {
      const room = new Room("r", 1)
      const place = new Place(room, "", undefined, { input: undefined, values: [] })
      createRoot(scopeLogic, {
        id: "r",
        input: { place, facts: { task: "", onFailure, dueAt: undefined }, director: stuck }
      }).start()
      expect(room.outcome).toMatchObject({
        status: "failed",
        failure: { code: "DEADLOCK", message: expect.stringContaining("2 task(s) wait: a, b") }
      })
    }
  })

  test("Z12 tasks declared before what they need still wait for it; a run that succeeded at the second try has succeeded", async () => {
    const flow = await load({
      ir: 1,
      name: "z",
      tasks: [
        { id: "last", kind: "echo", input: { $: "first.x" } },
        { id: "first", kind: "fail", times: 1, retry: { attempts: 2, baseMs: 1 }, input: { x: 5 } }
      ],
      output: { $: "last" }
    })
    await using orchestrator = await Orchestrator.open()
    const run = await orchestrator.submit(flow, null)
    expect(await run.outcome()).toMatchObject({ status: "succeeded", output: 5 })
  })

  test("every trap that concerns what exists has a test that names it", () => {
    const folder = fileURLToPath(new URL(".", import.meta.url))
    const titles = [folder, join(folder, "../property-tests")]
      .flatMap((root) =>
        readdirSync(root, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.name.endsWith(".test.ts"))
          .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
      )
      .join("\n")
    const named = new Set(
      [...titles.matchAll(/(?:test|test\.each|test\.prop)[^\n]*?["'`][^"'`\n]*\bZ\d\d\b[^"'`\n]*/g)].flatMap(
        ([title]) => title!.match(/Z\d\d/g)!
      )
    )
    // Z09 (the next agent on a retry) and Z13 (checkpoints) come with their capabilities
    const due = Array.from({ length: 20 }, (_, i) => `Z${String(i + 1).padStart(2, "0")}`).filter(
      (id) => id !== "Z09" && id !== "Z13"
    )
    expect(due.filter((id) => !named.has(id))).toEqual([])
  })
})
