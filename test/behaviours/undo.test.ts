import {
  CompensationFailed,
  type Json,
  Orchestrator,
  type Run,
  RunCancelled,
  RunFailed,
  task,
  type,
  workflow
} from "troupe"
import { memoryJournal } from "troupe/storage"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { StandingClock } from "../clock.ts"

const done: Array<string> = []
const undone: Array<string> = []
const broken = { undo: 0, body: false }
beforeEach(() => {
  done.length = 0
  undone.length = 0
  broken.undo = 0
})

const reserve = (name: string) =>
  task(name, {
    in: type<string>(),
    out: type<string>(),
    run: async (what) => {
      done.push(name)
      return `${name} of ${what}`
    },
    undo: {
      run: (result, { attempt }, { request, key }) => {
        if (broken.undo-- > 0) throw new Error("the bank does not answer")
        undone.push(`${result} (${request}, ${key.replace(/^.*\//, "")}, ${attempt})`)
      },
      retry: { attempts: 2, base: 1, jitter: 0 }
    }
  })
const fail = task("fail", {
  in: type<unknown>(),
  out: type<string>(),
  run: () => {
    throw new Error("no seats")
  }
})
const trip = workflow("trip", type<string>())
  .task("hotel", reserve("hotel"), ($) => $.input)
  .task("flight", reserve("flight"), ($) => $.hotel)
  .task("seats", fail, ($) => $.flight)
  .returns(($) => $.seats)

const typesOf = (history: ReadonlyArray<{ readonly type: string; readonly task?: string }>) =>
  history.map(({ type, task }) => `${type}${task === undefined ? "" : ` ${task}`}`)

describe("Undo", () => {
  describe("G14 what a run has done is undone when it fails or is cancelled", () => {
    test("from the newest to the oldest, each with what it gave, what it was given, and the key under which it was done", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(trip, "Oslo")
      await expect(run.result()).rejects.toThrow("no seats")
      expect(undone).toEqual(["flight of hotel of Oslo (hotel of Oslo, flight, 1)", "hotel of Oslo (Oslo, hotel, 1)"])
      expect(typesOf(await run.history())).toEqual([
        "run.submitted",
        "attempt.succeeded hotel",
        "attempt.succeeded flight",
        "attempt.failed seats",
        "attempt.succeeded flight~undo",
        "attempt.succeeded hotel~undo"
      ])
      expect(await run.status()).toMatchObject({
        status: "failed",
        error: { task: "seats" },
        tasks: { completed: 2, failed: 1, compensated: 2 },
        undo: { done: ["hotel", "flight"], left: [] }
      })
    })
    test("nothing is when it succeeds", async () => {
      await using orchestrator = await Orchestrator.open()
      const fine = workflow("fine", type<string>())
        .task("hotel", reserve("hotel"), ($) => $.input)
        .returns(($) => $.hotel)
      expect(await orchestrator.execute(fine, "Oslo")).toBe("hotel of Oslo")
      expect(undone).toEqual([])
    })
    test("a task that is submitted alone is undone when it is cancelled too late to stop it", async () => {
      await using orchestrator = await Orchestrator.open({ graceMs: 0 })
      const gate = Promise.withResolvers<void>()
      const alone = task("alone", {
        in: type<string>(),
        out: type<number>(),
        run: () => gate.promise.then(() => 7),
        undo: (amount) => {
          undone.push(`${amount}`)
        }
      })
      const run = await orchestrator.submit(alone, "Oslo")
      await run.cancel()
      gate.resolve()
      expect((await run.outcome()).status).toBe("cancelled")
      expect(undone).toEqual(["7"])
    })
    test("also where other tasks go on after a failure: then once they are done", async () => {
      await using orchestrator = await Orchestrator.open()
      const flow = workflow("flow", type<string>(), { onFailure: "continue" })
        .task("seats", fail, ($) => $.input)
        .task("hotel", reserve("hotel"), ($) => $.input)
        .task("flight", reserve("flight"), ($) => $.hotel)
        .returns(($) => [$.seats, $.flight])
      await expect(orchestrator.execute(flow, "Oslo")).rejects.toBeInstanceOf(RunFailed)
      expect(undone.map((one) => one.slice(0, 6))).toEqual(["flight", "hotel "])
    })
    test("items of a fan-out, sub-workflows and rounds of a loop too, in the order of their results", async () => {
      await using orchestrator = await Orchestrator.open()
      const one = workflow("one", type<string>())
        .task("hotel", reserve("hotel"), ($) => $.input)
        .returns(($) => $.hotel)
      const flow = workflow("flow", type<string>())
        .map("flights", reserve("flight"), ($) => [$.input, $.input] as never, { concurrency: 1 })
        .use("stay", one, ($) => $.input, { after: ["flights"] })
        .repeat("again", one, ($) => $.stay, { until: (_, round) => ({ gte: [round, 2] }) as never, max: 3 })
        .task("seats", fail, ($) => $.again)
        .returns(($) => $.seats)
      const run = await orchestrator.submit(flow, "Oslo")
      await run.outcome()
      expect((await run.status()).undo.done).toEqual([
        "flights[0]",
        "flights[1]",
        "stay/hotel",
        "again#1/hotel",
        "again#2/hotel"
      ])
      expect(undone.map((text) => /, ([^,]*), 1\)$/.exec(text)![1])).toEqual([
        "hotel",
        "hotel",
        "hotel",
        "flights[1]",
        "flights[0]"
      ])
    })
    test("a task that is at work when its run is cancelled comes to its end, so that it is known what to undo", async () => {
      await using orchestrator = await Orchestrator.open({ graceMs: 0 })
      const gate = Promise.withResolvers<void>()
      const begun = Promise.withResolvers<void>()
      const aborted: Array<string> = []
      const charge = task("charge", {
        in: type<string>(),
        out: type<number>(),
        run: async (_, { signal }) => {
          signal.addEventListener("abort", () => aborted.push("charge"))
          begun.resolve()
          await gate.promise
          return 7
        },
        undo: (amount) => {
          undone.push(`${amount}`)
        }
      })
      const flow = workflow("flow", type<string>())
        .task("charge", charge, ($) => $.input)
        .returns(($) => $.charge)
      const run = await orchestrator.submit(flow, "Oslo")
      await begun.promise
      await run.cancel()
      expect((await run.status()).status).toBe("running")
      gate.resolve()
      await expect(run.result()).rejects.toBeInstanceOf(RunCancelled)
      expect([undone, aborted]).toEqual([["7"], []])
    })
    test("whoever forces the end of a run forgoes it, and sees what is left", async () => {
      await using orchestrator = await Orchestrator.open()
      broken.undo = 100
      const run = await orchestrator.submit(trip, "Oslo")
      await expect(run.result()).rejects.toBeInstanceOf(CompensationFailed)
      await run.cancel({ force: true })
      expect(await run.status()).toMatchObject({ status: "cancelled", undo: { done: [], left: ["flight", "hotel"] } })
    })
  })

  describe("what an undo passes", () => {
    const guarded = (policy: object) =>
      task("guarded", {
        in: type<string>(),
        out: type<string>(),
        run: (name) => name,
        undo: {
          run: async (name) => {
            out.now++
            out.most = Math.max(out.most, out.now)
            await new Promise((resolve) => setTimeout(resolve, 5))
            out.now--
            undone.push(name)
          },
          retry: { attempts: 2, base: 1, jitter: 0 },
          ...policy
        }
      })
    const out = { now: 0, most: 0 }
    beforeEach(() => {
      out.most = 0
    })
    const flow = (policy: object) =>
      workflow("flow", type<string>())
        .task("guarded", guarded(policy), ($) => $.input)
        .task("fail", fail, ($) => $.guarded)
        .returns(($) => $.fail)

    test("a bulkhead of its own: undos of many runs are not more at once than it has places", async () => {
      await using orchestrator = await Orchestrator.open({ bulkheads: { refunds: { concurrent: 2 } } })
      const runs = await Promise.all(
        ["a", "b", "c", "d", "e"].map((name) => orchestrator.submit(flow({ bulkhead: "refunds" }), name))
      )
      await Promise.all(runs.map((run) => run.outcome()))
      expect([out.most, [...undone].sort()]).toEqual([2, ["a", "b", "c", "d", "e"]])
    })
    test("a rate of its own: what has no token waits for it", async () => {
      await using orchestrator = await Orchestrator.open({ rates: { refunds: { perSecond: 100, burst: 1 } } })
      const runs = await Promise.all(
        ["a", "b", "c"].map((name) => orchestrator.submit(flow({ rate: "refunds" }), name))
      )
      await Promise.all(runs.map((run) => run.outcome()))
      expect(undone.length).toBe(3)
      expect(orchestrator.rates()).toEqual([{ name: "refunds", passed: 3, queued: 0, refused: 0 }])
    })
    test("a breaker of its own: while it is open nothing is called, and a person lets it go on afterwards", async () => {
      await using orchestrator = await Orchestrator.open({ breakers: { refunds: {} } })
      await orchestrator.breaker("refunds").forceOpen({ why: "maintenance" })
      const run = await orchestrator.submit(flow({ breaker: "refunds" }), "a")
      expect(await run.result().catch((error) => error)).toMatchObject({ code: "COMPENSATION_FAILED" })
      const refused = (await run.history()).filter((message) => message.type === "attempt.failed").slice(1)
      expect(refused.map(({ task, failure }) => `${task} ${failure.code}`)).toEqual(
        Array(2).fill("guarded~undo CIRCUIT_OPEN")
      )
      expect(out.most).toBe(0)
      await orchestrator.breaker("refunds").reset()
      await run.retry("guarded~undo")
      expect((await run.outcome()).status).toBe("failed")
      expect(undone).toEqual(["a"])
    })
    test("nothing of what its task passes, and no names that cannot be", async () => {
      await using orchestrator = await Orchestrator.open({ breakers: { bank: {} } })
      const charge = task("charge", {
        in: type<string>(),
        out: type<string>(),
        breaker: "bank",
        run: (name) => name,
        undo: async (name) => {
          await orchestrator.breaker("bank").forceOpen()
          undone.push(name)
        }
      })
      const twice = workflow("twice", type<string>())
        .task("one", charge, ($) => $.input)
        .task("two", charge, ($) => $.one)
        .task("fail", fail, ($) => $.two)
        .returns(($) => $.fail)
      await (await orchestrator.submit(twice, "a")).outcome()
      expect(undone).toEqual(["a", "a"])
      expect(() => guarded({ breaker: "no such name" })).toThrow(/breaker/)
      expect(() => guarded({ bulkhead: "" })).toThrow(/bulkhead of undo of task 'guarded'/)
    })
  })

  describe("an undo that fails", () => {
    test("is tried again", async () => {
      await using orchestrator = await Orchestrator.open()
      broken.undo = 1
      await orchestrator.submit(trip, "Oslo").then((run) => run.outcome())
      expect(undone[0]).toBe("flight of hotel of Oslo (hotel of Oslo, flight, 2)")
    })
    test("for good parks the run with what is left; a person lets it try again", async () => {
      await using orchestrator = await Orchestrator.open()
      broken.undo = 2
      const run = await orchestrator.submit(trip, "Oslo")
      const error = await run.result().catch((one) => one)
      expect(error).toMatchObject({ code: "COMPENSATION_FAILED", task: "flight~undo", left: ["flight", "hotel"] })
      expect(await run.status()).toMatchObject({ status: "parked", error: { task: "flight~undo" } })
      await expect(run.retry("seats")).rejects.toMatchObject({ code: "AMENDMENT_REFUSED" })
      await run.retry("flight~undo", { who: "ann", why: "the bank is back" })
      expect(await run.outcome()).toMatchObject({ status: "failed", error: { task: "seats" } })
      expect(undone.map((one) => one.slice(0, 6))).toEqual(["flight", "hotel "])
    })
    test("or takes it back by hand and says so", async () => {
      await using orchestrator = await Orchestrator.open()
      broken.undo = 2
      const run = await orchestrator.submit(trip, "Oslo")
      await run.result().catch(() => {})
      await run.skip("flight~undo", null, { who: "ann" })
      expect(await run.outcome()).toMatchObject({ status: "failed", error: { task: "seats" } })
      expect(undone.map((one) => one.slice(0, 6))).toEqual(["hotel "])
      await expect(run.retry("seats")).rejects.toThrow("it undoes what it has done")
      await expect(run.rollback(2)).rejects.toThrow("has been undone since")
    })
  })

  describe("G14 an attempt of which nobody knows whether it did its work", () => {
    const flowWith = (undo: any, more: object = {}) => {
      const charge = task("charge", {
        in: type<string>(),
        out: type<number>(),
        timeout: "20ms",
        run: () => new Promise<number>(() => {}),
        undo,
        ...more
      })
      return workflow("flow", type<string>())
        .task("hotel", reserve("hotel"), ($) => $.input)
        .task("charge", charge, ($) => $.hotel)
        .returns(($) => $.charge)
    }
    const undo = (result: unknown) => {
      undone.push(`charge: ${JSON.stringify(result)}`)
    }
    const gateOf = async (run: { status(): Promise<{ gates: ReadonlyArray<{ gate: string; show: unknown }> }> }) => {
      for (;;) {
        const { gates } = await run.status()
        if (gates[0] !== undefined) return gates[0]
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    test("is asked about at a gate: it was done", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flowWith(undo), "Oslo")
      const { gate, show } = await gateOf(run)
      expect([gate, show]).toEqual([
        "charge~verify",
        { task: "charge", request: "hotel of Oslo", key: `${run.id}/charge` }
      ])
      await expect(run.answer(gate as never, "yes" as never)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" })
      await run.answer(gate as never, { result: 7 } as never, { who: "ann" })
      expect((await run.outcome()).status).toBe("failed")
      expect(undone.map((one) => one.slice(0, 9))).toEqual(["charge: 7", "hotel of "])
    })
    test("is asked about at a gate: it was not done", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flowWith(undo), "Oslo")
      await run.answer((await gateOf(run)).gate as never, null as never)
      expect((await run.outcome()).status).toBe("failed")
      expect(undone.map((one) => one.slice(0, 9))).toEqual(["hotel of "])
      expect((await run.status()).undo).toEqual({ done: ["hotel"], left: [] })
    })
    test("is found out by the task's own verify", async () => {
      await using orchestrator = await Orchestrator.open()
      for (const found of [undefined, { result: 9 }]) {
        const run = await orchestrator.submit(flowWith({ run: undo, verify: async () => found }), "Oslo")
        expect((await run.outcome()).status).toBe("failed")
      }
      expect(undone.map((one) => one.slice(0, 9))).toEqual(["hotel of ", "charge: 9", "hotel of "])
    })
    test("is undone without a result where the task says so", async () => {
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(flowWith({ run: undo, onUnknown: "undo" }), "Oslo")
      expect((await run.outcome()).status).toBe("failed")
      expect(undone[0]).toBe("charge: undefined")
    })
  })

  describe("G14 an undo of which nobody knows whether it was done", () => {
    test("comes again under the same key after a kill, and nobody is asked", async () => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      const calls: Array<readonly [key: string, attempt: number, delivery: number]> = []
      const room = task("room", {
        in: type<string>(),
        out: type<string>(),
        run: (of) => of,
        undo: (_, { key, attempt, delivery }) => {
          calls.push([key, attempt, delivery])
          return delivery === 1 ? new Promise(() => {}) : undefined
        }
      })
      const flow = workflow("flow", type<string>())
        .task("room", room, ($) => $.input)
        .task("fail", fail, ($) => $.room)
        .returns(($) => $.fail)
      const open = () => clock.open({ store, workflows: [flow] })
      const first = await open()
      const run = await first.orchestrator.submit(flow, "Oslo")
      await clock.advance(1)
      await first.kill()
      const second = await open()
      await clock.advance(1)
      const after = await (await second.orchestrator.get(run.id)).status()
      expect([after.status, after.undo, after.gates]).toMatchObject(["failed", { done: ["room"], left: [] }, []])
      expect(calls.map(([, ...rest]) => rest)).toEqual([
        [1, 1],
        [1, 2]
      ])
      expect(new Set(calls.map(([key]) => key)).size).toBe(1)
      await second.orchestrator.close()
    })
    test("is tried again under the same key where it took too long", async () => {
      await using orchestrator = await Orchestrator.open({ graceMs: 0 })
      const calls: Array<string> = []
      const room = task("room", {
        in: type<string>(),
        out: type<string>(),
        run: (of) => of,
        undo: {
          timeout: 5,
          retry: { attempts: 2, base: 1, jitter: 0 },
          run: (_, { key, attempt }) => {
            calls.push(key)
            return attempt === 1 ? new Promise(() => {}) : undefined
          }
        }
      })
      const flow = workflow("flow", type<string>())
        .task("room", room, ($) => $.input)
        .task("fail", fail, ($) => $.room)
        .returns(($) => $.fail)
      const run = await orchestrator.submit(flow, "Oslo")
      expect((await run.outcome()).status).toBe("failed")
      expect([calls.length, new Set(calls).size]).toEqual([2, 1])
    })
  })

  describe("a pivot", () => {
    /** A run whose pivot took too long while another task was under way; what is undone before somebody is asked, and after. */
    const uncertain = async (answer: Json) => {
      await using orchestrator = await Orchestrator.open({ graceMs: 0 })
      const late = Promise.withResolvers<string>()
      const slow = task("pay", {
        in: type<string>(),
        out: type<string>(),
        timeout: 5,
        pivot: true,
        run: () => new Promise<never>(() => {})
      })
      const flight = task("flight", {
        in: type<string>(),
        out: type<string>(),
        run: () => late.promise,
        undo: () => {
          undone.push("flight")
        }
      })
      const flow = workflow("flow", type<string>())
        .task("hotel", reserve("hotel"), ($) => $.input)
        .task("pay", slow, ($) => $.hotel)
        .task("flight", flight, ($) => $.hotel)
        .returns(($) => [$.pay, $.flight])
      const run: Run = await orchestrator.submit(flow, "Oslo")
      await vi.waitFor(async () => expect((await run.history()).map(({ type }) => type)).toContain("attempt.failed"))
      // it was under way when the pivot failed, and comes to its end
      late.resolve("seat")
      await vi.waitFor(async () => expect((await run.status()).gates).toMatchObject([{ gate: "pay~verify" }]))
      const before = [...undone]
      await run.answer("pay~verify", answer)
      expect((await run.outcome()).status).toBe("failed")
      return [before, undone.map((one) => one.split(" ")[0])]
    }
    test("of which nobody knows is asked about once what came after it is undone; if it was done, the rest stays", async () => {
      expect(await uncertain({ result: "paid" })).toEqual([["flight"], ["flight"]])
    })
    test("of which nobody knows, and that was not done, makes nothing final", async () => {
      expect(await uncertain(null)).toEqual([["flight"], ["flight", "hotel"]])
    })
    const pay = task("pay", { in: type<string>(), out: type<string>(), run: (of) => of, pivot: true })
    test("makes final what was done before it", async () => {
      await using orchestrator = await Orchestrator.open()
      const flow = workflow("flow", type<string>())
        .task("hotel", reserve("hotel"), ($) => $.input)
        .task("pay", pay, ($) => $.hotel)
        .task("flight", reserve("flight"), ($) => $.pay)
        .task("seats", fail, ($) => $.flight)
        .returns(($) => $.seats)
      const run = await orchestrator.submit(flow, "Oslo")
      await run.outcome()
      expect((await run.status()).undo).toEqual({ done: ["flight"], left: [] })
    })
  })
})
