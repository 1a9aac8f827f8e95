// What somebody does who debugs: one attempt at a time, and things that go wrong on purpose. All of it stands in the history.

import * as Effect from "effect/Effect"
import { load, Orchestrator, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { openEngine } from "../../src/engine/orchestrator.ts"
import { settle, standing } from "../clock.ts"

const three = () =>
  load({
    ir: 1,
    name: "three",
    config: { onFailure: "continue" },
    tasks: [
      { id: "a", kind: "noop" },
      { id: "b", kind: "noop" },
      { id: "c", kind: "noop", after: ["a"] }
    ]
  })

/** A run that is paused before anything of it has begun. */
const paused = async (options: { readonly faults?: boolean } = {}) => {
  const store = memoryJournal({ isDurable: true })
  const orchestrator = await Orchestrator.open({ store, ...options })
  const gated = await load({
    ir: 1,
    name: "gated",
    tasks: [
      { id: "go", kind: "gate" },
      ...(await three()).ir.tasks.map((one) => ({ ...one, after: [...("after" in one ? one.after! : []), "go"] }))
    ]
  })
  const run = await orchestrator.submit(gated, {}, { id: "r" })
  await run.pause()
  await run.answer("go" as never, true as never)
  return { store, orchestrator, run }
}
const states = async (run: { readonly tasks: () => Promise<object> }) => Object.values(await run.tasks()).slice(1)

describe("a step of a paused run", () => {
  test("lets one attempt begin, the one whose turn it is, and the run stays paused", async () => {
    const { orchestrator, run } = await paused()
    expect(await states(run)).toEqual(["ready", "ready", "pending"])
    await run.step({ who: "ada", why: "one at a time" })
    await expect.poll(() => states(run)).toEqual(["succeeded", "ready", "ready"])
    expect((await run.status()).status).toBe("paused")
    await run.step()
    await expect.poll(() => states(run)).toEqual(["succeeded", "succeeded", "ready"])
    await run.resume()
    expect((await run.outcome()).status).toBe("succeeded")
    expect(await run.history()).toContainEqual(
      expect.objectContaining({ type: "run.stepped", who: "ada", why: "one at a time" })
    )
    await orchestrator.close()
  })

  test("is nothing where nothing waits, and is not kept for later", async () => {
    const { orchestrator, run } = await paused()
    for (let i = 0; i < 3; i++) await run.step()
    await expect.poll(() => states(run)).toEqual(["succeeded", "succeeded", "succeeded"])
    await orchestrator.close()
    const other = await Orchestrator.open()
    const two = await other.submit(
      await load({
        ir: 1,
        name: "w",
        tasks: [
          { id: "go", kind: "gate" },
          { id: "a", kind: "noop", after: ["go"] }
        ]
      }),
      {}
    )
    await two.pause()
    await two.step()
    await two.answer("go" as never, 1 as never)
    expect(await states(two)).toEqual(["ready"])
    expect(await two.step()).toBe(true)
    expect((await two.outcome()).status).toBe("succeeded")
    expect(await two.step()).toBe(false)
    await other.close()
  })

  test("G07 is the same after a crash: what it let begin is at work again, and nothing else", async () => {
    const { store, orchestrator, run } = await paused()
    await run.step()
    await expect.poll(() => states(run)).toEqual(["succeeded", "ready", "ready"])
    await orchestrator.close()
    const again = await Orchestrator.open({ store })
    expect(await states(await again.get("r"))).toEqual(["succeeded", "ready", "ready"])
    await again.close()
  })
})

describe("a fault that somebody injects", () => {
  const double = workflow("double", type<number>())
    .task(
      "twice",
      task("twice", {
        in: type<number>(),
        out: type<number>(),
        retry: { attempts: 2, base: "1s", jitter: 0 },
        run: async (n: number) => n * 2
      }),
      ($) => $.input
    )
    .returns(($) => $.twice)

  const opened = async (faults = true) => {
    const time = standing()
    const journal = memoryJournal({ isDurable: true })
    const inside = await Effect.runPromise(openEngine({ store: journal, faults }, time.context))
    return { time, orchestrator: new Orchestrator(inside) }
  }

  test("throw: the next attempt fails, with who and why, and the one after it does not", async () => {
    const { orchestrator, run } = await paused({ faults: true })
    await run.inject("b", "throw", { who: "ada", why: "what would happen?" })
    await run.resume()
    const { status, error } = await run.outcome()
    expect([status, error?.message]).toEqual([
      "failed",
      expect.stringContaining("ada made task 'b' fail here on purpose: what would happen?")
    ])
    expect(await run.history()).toContainEqual(
      expect.objectContaining({ type: "fault.injected", task: "b", fault: "throw", who: "ada" })
    )
    await run.retry()
    expect((await run.outcome()).status).toBe("succeeded")
    await orchestrator.close()
  })

  test("throw is a failure like any other: it is tried again", async () => {
    const { time, orchestrator } = await opened()
    const run = await orchestrator.submit(double, 4, { id: "r" })
    // before its first attempt begins nobody can say anything; so it is the second one
    await run.inject("twice", "throw")
    await settle()
    expect(await run.result().catch((error: Error) => error.message)).toBe(8)
    await time.move(1)
    await orchestrator.close()
  })

  test("slow and hang are what timeouts are for", async () => {
    const { orchestrator, run } = await paused({ faults: true })
    await run.inject("a", "slow", { ms: 30 })
    await run.inject("b", "hang")
    const begun = performance.now()
    await run.resume()
    await expect.poll(() => states(run)).toEqual(["succeeded", "running", "succeeded"])
    expect(performance.now() - begun).toBeGreaterThan(29)
    await run.cancel({ force: true })
    expect((await run.outcome()).status).toBe("cancelled")
    await orchestrator.close()
  })

  test.each([
    ["b", "throw", false, "faults are for development: open the orchestrator with { faults: true }"],
    ["bb", "throw", true, "run 'r' has no task 'bb'"],
    ["b", "explode", true, "there is no fault 'explode': a task can throw, be slow, or hang"],
    ["b", "slow", true, "'ms' cannot be 0"]
  ])("is refused where it cannot be: %s %s %s", async (path, fault, faults, message) => {
    const { orchestrator, run } = await paused({ faults })
    const options = fault === "slow" ? { ms: 0 } : {}
    await expect(run.inject(path, fault as "throw", options)).rejects.toThrow(message)
    expect((await run.history()).map(({ type }) => type)).not.toContain("fault.injected")
    await orchestrator.close()
  })
})
