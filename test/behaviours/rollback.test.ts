import { Orchestrator, task, type, workflow } from "troupe"
import { beforeEach, describe, expect, test } from "vitest"

const log: Array<string> = []
let failures = 0
beforeEach(() => {
  log.length = 0
  failures = 0
})

const reserve = (name: string) =>
  task(name, {
    in: type<unknown>(),
    out: type<string>(),
    run: (_, { key }) => {
      log.push(`do ${key.replace(/^.*\//, "")}`)
      return name
    },
    undo: (_, __, { key }) => {
      log.push(`undo ${key.replace(/^.*\//, "")}`)
    }
  })
const shaky = task("shaky", {
  in: type<unknown>(),
  out: type<string>(),
  run: () => {
    if (failures-- > 0) throw Object.assign(new Error("no seats"), { retryable: false })
    return "sat"
  }
})
const flow = (options: object = {}) =>
  workflow("flow", type<string>(), options)
    .task("hotel", reserve("hotel"), ($) => $.input)
    .checkpoint("booked")
    .task("flight", reserve("flight"), ($) => $.hotel, { after: ["booked"] })
    .task("seats", shaky, ($) => $.flight)
    .gate("agreed", type<boolean>(), { within: "1h", otherwise: "fail", after: ["seats"] })
    .returns(($) => $.seats)

const waiting = async (run: { status(): Promise<{ status: string }> }) => {
  while ((await run.status()).status !== "waiting") await new Promise((resolve) => setTimeout(resolve, 2))
}

describe("Checkpoints and recovery", () => {
  describe("G17 a rollback to a checkpoint", () => {
    test("first undoes what was done since, newest first, then does it anew under other keys; what was before stays", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flow(), "Oslo")
      await waiting(run)
      await run.rollback("booked", { who: "ann", why: "another flight" })
      await waiting(run)
      await run.answer("agreed", true)
      expect(await run.result()).toBe("sat")
      expect(log).toEqual(["do hotel", "do flight", "undo flight", "do flight@7"])
      const history = await run.history()
      expect(history.map((one) => `${one.type}${"task" in one ? ` ${one.task}` : ""}`)).toEqual([
        "run.submitted",
        "attempt.succeeded hotel",
        "attempt.succeeded booked",
        "attempt.succeeded flight",
        "attempt.succeeded seats",
        "run.rewinding",
        "attempt.succeeded flight~undo",
        "run.rolledBack",
        "attempt.succeeded flight",
        "attempt.succeeded seats",
        "gate.answered agreed"
      ])
      expect(history[5]).toMatchObject({ to: 2, who: "ann", why: "another flight" })
    })
    test("is there at once where there is nothing to undo", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flow(), "Oslo")
      await waiting(run)
      await run.rollback("flight")
      await waiting(run)
      expect((await run.history()).map(({ type }) => type)).not.toContain("run.rewinding")
      expect(log).toEqual(["do hotel", "do flight"])
    })
    test("refuses a name that nothing was done under", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flow(), "Oslo")
      await waiting(run)
      await expect(run.rollback("agreed")).rejects.toThrow("no task 'agreed' has been done")
    })
    test("a run that is cancelled on its way back undoes all it has done, and ends", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flow(), "Oslo")
      await waiting(run)
      const back = run.rollback("booked")
      await back
      await run.cancel().catch(() => {})
      const { status } = await run.outcome()
      expect(status).toBe("cancelled")
      expect(log.filter((one) => one.startsWith("undo")).length).toBe(log.filter((one) => one.startsWith("do")).length)
    })
  })

  describe("J12 recovery", () => {
    test("rollback: a failure takes the run back to the checkpoint, so many times", async () => {
      await using orchestrator = await Orchestrator.open()
      failures = 2
      const run = await orchestrator.submit(
        flow({ recovery: { strategy: "rollback", to: "booked", times: 2 } }),
        "Oslo"
      )
      await waiting(run)
      expect(log.map((one) => one.replace(/@\d+/, "'"))).toEqual([
        "do hotel",
        "do flight",
        "undo flight",
        "do flight'",
        "undo flight'",
        "do flight'"
      ])
      await run.cancel()
      await run.outcome()
    })
    test("rollback: then it fails, and all of it is undone", async () => {
      await using orchestrator = await Orchestrator.open()
      failures = 9
      const run = await orchestrator.submit(flow({ recovery: { strategy: "rollback", to: "booked" } }), "Oslo")
      expect(await run.outcome()).toMatchObject({ status: "failed", error: { task: "seats" } })
      expect(log.map((one) => one.replace(/@\d+/, "'"))).toEqual([
        "do hotel",
        "do flight",
        "undo flight",
        "do flight'",
        "undo flight'",
        "undo hotel"
      ])
    })
    test("retry: what has failed begins anew, and nothing is undone", async () => {
      await using orchestrator = await Orchestrator.open()
      failures = 2
      const run = await orchestrator.submit(flow({ recovery: { strategy: "retry", times: 2 } }), "Oslo")
      await waiting(run)
      expect(log).toEqual(["do hotel", "do flight"])
      expect((await run.history()).filter(({ type }) => type === "run.amended")).toMatchObject([
        { recoveries: 1 },
        { recoveries: 2 }
      ])
    })
    test("impossible ones are refused when the workflow is built", () => {
      const say =
        (recovery: object, more: object = {}) =>
        () =>
          flow({ recovery, ...more })
      expect(say({ strategy: "rollback", to: "boked" })).toThrow("booked")
      expect(say({ strategy: "retry", times: 0 })).toThrow("1 to 100 times")
      expect(say({ strategy: "retry" }, { onFailure: "continue" })).toThrow("does not recover")
    })
  })
})
