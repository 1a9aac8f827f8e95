// What a failed attempt is followed by, and when; over restarts as well.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import {
  load,
  Orchestrator,
  type Outcome,
  Permanent,
  type RunFailed,
  task,
  type,
  type Workflow,
  workflow
} from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { retryAfterOf } from "../../src/engine/http.ts"
import { RetryBudgets, retryBudgets } from "../../src/engine/retry-budget.ts"
import type { RetryOptions } from "../../src/model/task.ts"
import { StandingClock } from "../clock.ts"

type Thrown = () => unknown
/** A task that throws these, one after the other, then gives the number of its attempt. */
const failing = (throws: ReadonlyArray<Thrown>, retry: RetryOptions, more: object = {}) =>
  task("t", {
    in: type<null>(),
    out: type<number>(),
    retry: { base: 100, jitter: "none", ...retry },
    ...more,
    run: (_, { attempt }) => {
      const thrown = throws[attempt - 1]
      if (thrown !== undefined) throw thrown()
      return attempt
    }
  })
const busy =
  (more: object = {}) =>
  () =>
    Object.assign(new Error("busy"), { code: "BUSY", ...more })

const flowOf = (def: ReturnType<typeof failing>): Workflow<null, number> =>
  workflow("w", type<null>())
    .task("t", def, () => null)
    .returns(($) => $.t)

/** Runs it to its end; gives the pauses between attempts, and what it came to. */
const ran = async (flow: Workflow<null, any>, { crash = false, budget = {} as object } = {}) => {
  const clock = new StandingClock()
  const store = memoryJournal({ isDurable: true })
  const open = () => clock.open({ store, workflows: [flow], retryBudget: budget as never })
  let owner = await open()
  const run = await owner.orchestrator.submit(flow, null, { id: "r" })
  for (let i = 0; i < 400 && !(await isOver(owner.orchestrator)); i++) {
    if (crash && i % 3 === 2) {
      await owner.kill()
      owner = await open()
    }
    await clock.advance(50)
  }
  const here = await owner.orchestrator.get("r")
  const messages = await here.history()
  const ends = messages.flatMap((one) =>
    one.type === "attempt.failed" || one.type === "attempt.succeeded" ? [one] : []
  )
  const outcome = await here.outcome()
  await owner.orchestrator.close()
  void run
  return { pauses: ends.slice(1).map(({ at }, i) => at - ends[i]!.at), ends, outcome, messages }
}
const isOver = async (orchestrator: Orchestrator) =>
  ["succeeded", "failed", "cancelled"].includes((await orchestrator.status("r")).status)
const failureOf = ({ error }: { readonly error: unknown }) => (error as RunFailed).failure

describe("J01 pauses", () => {
  test.each([
    ["fixed", { backoff: "fixed" }, [100, 100, 100]],
    ["exponential", {}, [100, 200, 400]],
    ["exponential with a factor", { factor: 3 }, [100, 300, 900]],
    ["capped", { factor: 10, cap: 500 }, [100, 500, 500]]
  ] as const)("are %s as declared, also when the process dies in them", async (_, retry, pauses) => {
    const flow = flowOf(failing([busy(), busy(), busy()], { attempts: 4, ...retry }))
    for (const crash of [false, true]) {
      const found = await ran(flow, { crash })
      expect(found.outcome.output).toBe(4)
      for (const [i, pause] of found.pauses.entries()) {
        expect(pause).toBeGreaterThanOrEqual(pauses[i]!)
        // the test's clock goes in steps of 50
        expect(pause).toBeLessThanOrEqual(pauses[i]! + (crash ? 100 : 0))
      }
    }
  })
  test("two runs of one workflow that fail together do not come back together", async () => {
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const flow = flowOf(failing([busy()], { attempts: 2, base: "1s", jitter: "full" }))
    await Promise.all(Array.from({ length: 20 }, (_, i) => orchestrator.submit(flow, null, { id: `r${i}` })))
    await clock.advance(2_000)
    const times = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => (await (await orchestrator.get(`r${i}`)).history()).at(-1)!.at)
    )
    expect(new Set(times).size).toBeGreaterThan(15)
    await orchestrator.close()
  })
})

describe("J02 what is tried again", () => {
  test("an error says when to come back: not earlier, although the cap is shorter; that outlives the process", async () => {
    const flow = flowOf(failing([busy({ retryAfterMs: 2_000 })], { attempts: 2, cap: 200 }))
    for (const crash of [false, true]) {
      const { pauses, ends } = await ran(flow, { crash })
      expect(pauses[0]).toBeGreaterThanOrEqual(2_000)
      expect(pauses[0]).toBeLessThanOrEqual(2_100)
      expect(ends[0]).toMatchObject({ failure: { retryAfterMs: 2_000 } })
    }
  })
  test("an error that asks for a year is waited for a day; nonsense is not heard", async () => {
    const year = await ran(flowOf(failing([busy({ retryAfterMs: 365 * 86_400_000 })], { attempts: 2, within: "1h" })))
    expect(failureOf(year.outcome)).toMatchObject({ retryAfterMs: 86_400_000, givenUp: "time" })
    for (const retryAfterMs of [Number.NaN, -5, "soon", null]) {
      const { pauses, ends } = await ran(flowOf(failing([busy({ retryAfterMs })], { attempts: 2 })))
      expect(pauses).toEqual([100])
      expect(ends[0]).not.toHaveProperty("failure.retryAfterMs")
    }
  })
  test("the total time is kept: no attempt begins after it, and the last failure says why", async () => {
    const flow = flowOf(failing([busy(), busy(), busy(), busy()], { attempts: 9, within: 750 }))
    for (const crash of [false, true]) {
      const { ends, outcome, messages } = await ran(flow, { crash })
      expect(ends.length).toBeLessThanOrEqual(4)
      if (!crash) expect(ends.length).toBe(4)
      expect(ends.at(-1)!.at - messages[0]!.at).toBeLessThanOrEqual(750)
      expect(failureOf(outcome)).toMatchObject({ code: "BUSY", givenUp: "time" })
    }
  })
  test("a pause that ends after the total time is not begun, also when the error asked for it", async () => {
    const { ends, outcome, messages } = await ran(
      flowOf(failing([busy({ retryAfterMs: 5_000 })], { attempts: 9, within: "1s" }))
    )
    expect(ends.length).toBe(1)
    expect(failureOf(outcome)).toMatchObject({ givenUp: "time" })
    expect(messages.some((one) => one.type === "timer.fired")).toBe(false)
  })
  test.each([
    ["only what is named", { on: ["BUSY"] }, [busy()], 2],
    ["nothing else", { on: ["BUSY"] }, [() => new TypeError("x")], 1],
    ["a tag is a name too", { on: ["TypeError"] }, [() => new TypeError("x")], 2],
    ["not what is named", { notOn: ["BUSY"] }, [busy()], 1],
    ["a Permanent is for good", {}, [() => new Permanent("stolen")], 1],
    ["whoever says so is not", {}, [busy({ retryable: false })], 1]
  ] as const)("%s", async (_, retry, throws, attempts) => {
    expect((await ran(flowOf(failing(throws, { attempts: 5, ...retry })))).ends.length).toBe(attempts)
  })
  test("a Permanent keeps its code, its data and where it came from", async () => {
    const thrown = () => new Permanent("the card was stolen", { code: "STOLEN", data: { card: 7 } })
    expect(failureOf((await ran(flowOf(failing([thrown], { attempts: 5 })))).outcome)).toMatchObject({
      tag: "Permanent",
      code: "STOLEN",
      message: "the card was stolen",
      data: { card: 7 },
      retryable: false
    })
  })
  test("a predicate is asked once for each failure, and never when the run is folded again", async () => {
    const asked: Array<string> = []
    const when = ({ message }: { readonly message: string }) => {
      asked.push(message)
      return asked.length < 2
    }
    const throws = [() => new Error("one"), () => new Error("two"), () => new Error("three")]
    const { ends } = await ran(flowOf(failing(throws, { attempts: 5, when })), { crash: true })
    expect(asked).toEqual(["one", "two"])
    expect(ends.map((one) => (one.type === "attempt.failed" ? one.failure.retryable : undefined))).toEqual([
      true,
      false
    ])
  })
  test.each([
    [
      "throws",
      () => {
        throw new Error("oops")
      }
    ],
    ["answers with a promise", async () => false]
  ])("a predicate that %s is told about, and the failure speaks for itself", async (_, when) => {
    const defects: Array<unknown> = []
    await using orchestrator = await Orchestrator.open({ onDefect: (error) => defects.push(error) })
    const flow = flowOf(failing([busy()], { attempts: 2, base: 1, when: when as never }))
    expect(await orchestrator.execute(flow, null)).toBe(2)
    expect(defects.length).toBe(1)
  })
})

describe("J05 a retry budget", () => {
  test("keeps retries down to a part of the calls while everything fails, and says so in the message", async () => {
    await using orchestrator = await Orchestrator.open({
      retryBudget: { t: { ratio: 0.1, minPerSecond: 0, burst: 5 } }
    })
    const flow = flowOf(
      failing(
        Array.from({ length: 9 }, () => busy()),
        { attempts: 9, base: 0 }
      )
    )
    const ends: Array<Outcome["status"]> = []
    let calls = 0
    const refused: Array<unknown> = []
    for (let i = 0; i < 200; i++) {
      const run = await orchestrator.submit(flow, null)
      ends.push((await run.outcome()).status)
      const failed = (await run.history()).filter((one) => one.type === "attempt.failed")
      calls += failed.length
      refused.push(failed.at(-1)!.refused)
    }
    // 200 first attempts, 5 at once, and a tenth of 200
    expect(calls).toBeLessThanOrEqual(200 + 5 + 20)
    expect(calls).toBeGreaterThanOrEqual(200 + 5 + 18)
    expect(refused.filter((one) => one === "budget").length).toBeGreaterThan(190)
    expect(new Set(ends)).toEqual(new Set(["failed"]))
  })
  test("is not asked again when the run comes back: what was refused stays refused, and says why", async () => {
    const budget = { "*": { ratio: 0, minPerSecond: 0, burst: 1 } }
    const flow = flowOf(failing([busy(), busy(), busy()], { attempts: 9 }))
    const { ends, outcome } = await ran(flow, { budget, crash: true })
    // one in the first life, one in each that began with a full bucket before the end
    expect(ends.at(-1)).toMatchObject({ type: "attempt.failed", refused: "budget" })
    expect(failureOf(outcome)).toMatchObject({ code: "BUSY", retryable: true, givenUp: "budget" })
  })
  test("those that nobody named have one each, by the name of their code", () => {
    let now = 0
    const budgets = new RetryBudgets(retryBudgets({ "*": { ratio: 1, minPerSecond: 2, burst: 1 } }), () => now)
    expect([budgets.spend(["a"]), budgets.spend(["a"]), budgets.spend(["b"])]).toEqual([true, false, true])
    now = 500
    expect([budgets.spend(["a"]), budgets.spend(["a"])]).toEqual([true, false])
    budgets.earn(["a"])
    // by all or by none: b has none left, so a keeps its own
    expect(budgets.spend(["b"])).toBe(true)
    expect([budgets.spend(["a", "b"]), budgets.spend(["a"])]).toEqual([false, true])
  })
  test.each([
    [{ t: { ratio: -1 } }, "retryBudget.t.ratio"],
    [{ t: { ratio: Number.NaN } }, "retryBudget.t.ratio"],
    [{ t: { minPerSecond: Number.POSITIVE_INFINITY } }, "retryBudget.t.minPerSecond"],
    [{ "*": { burst: 0 } }, "retryBudget.*.burst"]
  ])("that cannot be is refused: %j", async (retryBudget, option) => {
    await expect(Orchestrator.open({ retryBudget })).rejects.toMatchObject({ _tag: "InvalidOption", option })
  })
})

describe("http", () => {
  test("a 429 or a 503 that says when to come back is heard", async () => {
    let calls = 0
    const server = createServer((_, response) => {
      calls++
      response.writeHead(calls === 1 ? 429 : 200, calls === 1 ? { "retry-after": "1" } : {}).end("ok")
    })
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    const flow = await load({
      ir: 1,
      name: "h",
      tasks: [{ id: "a", kind: "http", url: `http://127.0.0.1:${port}/`, retry: { attempts: 2, baseMs: 1, jitter: 0 } }]
    })
    await using orchestrator = await Orchestrator.open({ allow: { http: [`127.0.0.1:${port}`] } })
    const run = await orchestrator.submit(flow, null)
    expect((await run.outcome()).status).toBe("succeeded")
    const [, failed, fired] = await run.history()
    expect(failed).toMatchObject({ type: "attempt.failed", failure: { code: "HTTP_FAILED", retryAfterMs: 1_000 } })
    expect(fired!.at - failed!.at).toBeGreaterThanOrEqual(1_000)
    server.close()
  })
  test.each([
    [{ "retry-after": "120" }, 120_000],
    [{ "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", date: "Fri, 31 Dec 1999 23:59:00 GMT" }, 59_000],
    [{ "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT" }, undefined],
    [{ "retry-after": "-3" }, undefined],
    [{ "retry-after": "a while" }, undefined],
    [{}, undefined]
  ])("Retry-After is seconds or a date by the clock of the sender: %j", (headers, ms) => {
    expect(retryAfterOf(headers as never)).toBe(ms)
  })
})
