import { Orchestrator, task, type, workflow } from "troupe"
import { describe, expect, test } from "vitest"

const broken = { is: true }
const keys: Array<string> = []
const fetch = task("fetch", {
  in: type<string>(),
  out: type<number>(),
  run: (url, { key }) => {
    keys.push(key)
    if (broken.is) throw new Error(`no answer from ${url}`)
    return 7
  }
})
const double = task("double", { in: type<number>(), out: type<number>(), run: (n) => n * 2 })
const flow = workflow("flow", type<string>())
  .task("got", fetch, ($) => $.input)
  .task("twice", double, ($) => $.got)
  .returns(($) => $.twice)

const failed = async (orchestrator: Orchestrator) => {
  broken.is = true
  const run = await orchestrator.submit(flow, "here")
  expect((await run.outcome()).status).toBe("failed")
  return run
}

describe("J09 what people decide about a run that failed", () => {
  test("retry: the failed task begins anew with a new key, and the run ends as if nothing had happened", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await failed(orchestrator)
    broken.is = false
    keys.length = 0
    await run.retry("got", { who: "ann", why: "the server is up again" })
    expect(await run.result()).toBe(14)
    expect(keys).toEqual([`${run.id}/got@2`])
    expect((await run.history()).map(({ type }) => type)).toEqual([
      "run.submitted",
      "attempt.failed",
      "run.amended",
      "attempt.succeeded",
      "attempt.succeeded"
    ])
    expect(await run.status()).toMatchObject({
      status: "succeeded",
      error: undefined,
      tasks: { completed: 2, failed: 0 }
    })
    expect(orchestrator.live).toBe(0)
  })
  test("skip: the task has the value that was given, nothing is called", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await failed(orchestrator)
    keys.length = 0
    await orchestrator.skip(run.id, "got", 5)
    expect(await run.result()).toBe(10)
    expect(keys).toEqual([])
  })
  test("skip: a task that is at work is told to stop, and its late answer changes nothing", async () => {
    await using orchestrator = await Orchestrator.open({ graceMs: 10 })
    let aborted = false
    const hang = task("hang", {
      in: type<null>(),
      out: type<number>(),
      run: (_, { signal }) =>
        new Promise<number>((resolve) =>
          signal.addEventListener("abort", () => {
            aborted = true
            setTimeout(() => resolve(99), 30)
          })
        )
    })
    const run = await orchestrator.submit(
      workflow("w", type<null>())
        .task("h", hang, ($) => $.input)
        .task("d", double, ($) => $.h)
        .returns(($) => $.d),
      null
    )
    await run.skip("h", 4)
    expect(await run.result()).toBe(8)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([aborted, (await run.report())[0]?.value]).toEqual([true, 4])
  })
  test("a decision that cannot be is refused with a reason, and nothing is written", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await failed(orchestrator)
    const before = await run.history()
    await expect(run.retry("twice")).rejects.toMatchObject({
      code: "AMENDMENT_REFUSED",
      message: expect.stringContaining("'twice' has not failed for good; these have: 'got'")
    })
    await expect(run.skip("nobody")).rejects.toMatchObject({ code: "AMENDMENT_REFUSED" })
    await expect(run.rollback(99)).rejects.toMatchObject({ code: "AMENDMENT_REFUSED" })
    await expect(run.retry("got", { seen: 1 })).rejects.toMatchObject({ code: "STATE_CHANGED", expected: 1, actual: 2 })
    expect(await run.history()).toEqual(before)
    broken.is = false
    const good = await orchestrator.submit(flow, "x")
    await good.result()
    await expect(good.retry()).rejects.toMatchObject({ code: "AMENDMENT_REFUSED" })
  })
  test("two people decide at once: one of them is told that the run is not as it was", async () => {
    await using orchestrator = await Orchestrator.open()
    const run = await failed(orchestrator)
    broken.is = false
    const { messages } = await run.status()
    const both = await Promise.allSettled([
      run.retry("got", { seen: messages }),
      run.skip("got", 1, { seen: messages })
    ])
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"])
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "STATE_CHANGED" } })
  })
  test("rollback: what came later counts no more and is done again under new keys", async () => {
    await using orchestrator = await Orchestrator.open()
    broken.is = false
    const run = await orchestrator.submit(flow, "x")
    await run.result()
    keys.length = 0
    await run.rollback(0)
    expect(await run.result()).toBe(14)
    expect(keys).toEqual([`${run.id}/got@3`])
    expect((await run.history()).length).toBe(6)
  })
})
