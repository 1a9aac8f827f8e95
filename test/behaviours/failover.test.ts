// Which agent a further attempt goes to, and when a second one helps, as docs/RESILIENCE.md tells it.
import { type Agent, limits, type Message, type OrchestratorOptions, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import type { TaskContext } from "../../src/model/task.ts"
import { StandingClock, settle } from "../clock.ts"

type Does = (given: string, context: TaskContext) => unknown

/** Agents that can all do the same, on a standing clock; who was called is written down. */
const house = (does: Record<string, Does>, more: Omit<OrchestratorOptions, "agents" | "store"> = {}) => {
  const clock = new StandingClock()
  const store = memoryJournal({ isDurable: true })
  const called: Array<string> = []
  const agents: ReadonlyArray<Agent> = Object.entries(does).map(([id, run]) => ({
    id,
    can: ["price"],
    capacity: 10,
    run: (given, context) => {
      called.push(id)
      return run(given, context)
    }
  }))
  return { clock, called, open: () => clock.open({ agents, store, balance: "least-loaded", ...more }) }
}
const price = task("price", { in: type<string>(), out: type<string>(), needs: "price" })
const flowOf = (options: object) =>
  workflow("flow", type<string>())
    .task("t", price, ($) => $.input, options)
    .returns(($) => $.t)
const thrice = flowOf({ retry: { attempts: 3, base: "1s", backoff: "fixed", jitter: 0 } })
const fails: Does = () => Promise.reject(new Error("down"))
const never: Does = () => new Promise(() => {})
const says =
  (value: string): Does =>
  () =>
    Promise.resolve(value)
/** Answers with its own name after so long. */
const takes =
  (clock: () => StandingClock, ms: number, value: string, log: Array<string> = []): Does =>
  (_, { signal }) => {
    signal.addEventListener("abort", () => log.push(`${value} stops: ${(signal.reason as Error).message}`))
    return new Promise((resolve) => {
      const at = clock().now + ms
      const look = () => (clock().now >= at ? resolve(value) : setImmediate(look))
      look()
    })
  }
const endsOf = (messages: ReadonlyArray<Message>) =>
  messages.flatMap((message) =>
    message.type.startsWith("attempt.")
      ? [[message.type, (message as { agent?: string }).agent, (message as { attempt: number }).attempt]]
      : []
  )

describe("Agents", () => {
  describe("the next agent", () => {
    test("an attempt after a failure goes to another able agent", async () => {
      const { open, clock, called } = house({ anna: fails, bert: says("fine"), carl: says("fine") })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(thrice, "x")
      await clock.advance(5_000)
      expect([await run.result(), called]).toEqual(["fine", ["anna", "bert"]])
      expect(endsOf(await run.history())).toEqual([
        ["attempt.failed", "anna", 1],
        ["attempt.succeeded", "bert", 2]
      ])
    })
    test("also where the balance would choose the same one again", async () => {
      for (const balance of ["least-loaded", "round-robin", "random"] as const) {
        const { open, clock, called } = house({ anna: fails, bert: fails, carl: fails }, { balance })
        const { orchestrator } = await open()
        const run = await orchestrator.submit(thrice, "x")
        await clock.advance(5_000)
        expect((await run.outcome()).status).toBe("failed")
        expect([...called].sort(), balance).toEqual(["anna", "bert", "carl"])
      }
    })
    test("when all have failed it goes round again, to the one that failed least often", async () => {
      const { open, clock, called } = house({ anna: fails, bert: fails })
      const { orchestrator } = await open()
      const five = flowOf({ retry: { attempts: 5, base: "1s", backoff: "fixed", jitter: 0 } })
      const run = await orchestrator.submit(five, "x")
      await clock.advance(10_000)
      expect((await run.outcome()).status).toBe("failed")
      expect([called.filter((id) => id === "anna").length, called.filter((id) => id === "bert").length].sort()).toEqual(
        [2, 3]
      )
      expect(called.every((id, n) => n % 2 === 0 || id !== called[n - 1])).toBe(true)
    })
    test("the only able agent gets it again", async () => {
      let times = 0
      const { open, clock, called } = house({ anna: () => (times++ === 0 ? fails("", {} as never) : "fine") })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(thrice, "x")
      await clock.advance(5_000)
      expect([await run.result(), called]).toEqual(["fine", ["anna", "anna"]])
    })
    test("one that cannot is never asked, however often the others fail", async () => {
      const { open, clock, called } = house({ anna: fails })
      const { orchestrator } = await open()
      orchestrator.addAgent({ id: "mute", can: ["sing"], run: () => called.push("mute") })
      const run = await orchestrator.submit(thrice, "x")
      await clock.advance(5_000)
      expect((await run.outcome()).status).toBe("failed")
      expect(called).toEqual(["anna", "anna", "anna"])
    })
    test("one whose mailbox is full is not chosen, though it has failed less", async () => {
      const { open, clock, called } = house({ anna: fails }, { mailboxMax: 1 })
      const { orchestrator } = await open()
      orchestrator.addAgent({ id: "bert", can: ["price"], run: () => new Promise(() => {}) })
      for (let n = 0; n < 2; n++)
        orchestrator.send({ sender: "me", recipient: "bert", action: "price", payload: n }).catch(() => {})
      const run = await orchestrator.submit(thrice, "x")
      await clock.advance(5_000)
      expect((await run.outcome()).status).toBe("failed")
      expect(called).toEqual(["anna", "anna", "anna"])
    })
    test("one whose breaker is open is not chosen while another able one is free", async () => {
      const breakers = { "agent:anna": { failures: 1, reset: "10s" } } as const
      const { open, clock, called } = house({ anna: fails, bert: says("fine") }, { breakers })
      const { orchestrator } = await open()
      const once = flowOf({})
      await orchestrator.submit(once, "finds out")
      await settle()
      expect(orchestrator.breakers()).toMatchObject([{ name: "agent:anna", state: "open" }])
      for (const name of ["a", "b", "c"]) expect(await orchestrator.execute(once, name)).toBe("fine")
      expect(called).toEqual(["anna", "bert", "bert", "bert"])
      // its time is over: it may try again
      await clock.advance(10_001)
      await orchestrator.submit(once, "tries")
      await settle()
      expect(called.slice(4)).toEqual(["anna"])
    })
    test("of one that is trying whether it works again no more is asked than its breaker allows", async () => {
      const breakers = { "agent:anna": { failures: 1, reset: "10s" } } as const
      let times = 0
      const anna: Does = (given, context) => (times++ === 0 ? fails(given, context) : never(given, context))
      const { open, clock, called } = house({ anna, bert: says("fine") }, { breakers, balance: "round-robin" })
      const { orchestrator } = await open()
      const once = flowOf({})
      await orchestrator.submit(once, "finds out")
      await clock.advance(10_001)
      orchestrator.removeAgent("bert")
      await orchestrator.submit(once, "tries, and is not answered")
      await settle()
      orchestrator.addAgent({ id: "carl", can: ["price"], run: () => "fine" })
      for (const name of ["a", "b", "c", "d"]) expect(await orchestrator.execute(once, name)).toBe("fine")
      expect(called).toEqual(["anna", "anna"])
    })
    test("where the breakers of all are open the attempt is refused, until the first of them lets somebody try", async () => {
      const breakers = {
        "agent:anna": { failures: 1, reset: "30s" },
        "agent:bert": { failures: 1, reset: "10s" }
      } as const
      const { open, clock, called } = house({ anna: fails, bert: fails }, { breakers })
      const { orchestrator } = await open()
      const once = flowOf({})
      for (const name of ["a", "b"]) await orchestrator.submit(once, name)
      await settle()
      expect([...called].sort()).toEqual(["anna", "bert"])
      const at = clock.now
      for (let i = 0; i < 2; i++) {
        const run = await orchestrator.submit(once, `refused ${i}`)
        await settle()
        const refused = (await run.history()).find(({ type }) => type === "attempt.failed")
        expect(refused).toMatchObject({
          agent: "bert",
          failure: { code: "CIRCUIT_OPEN", data: { breaker: "agent:bert", retryAt: at + 10_000 } }
        })
      }
      expect(called.length).toBe(2)
    })
    test("a second agent is one whose breaker is not open", async () => {
      const breakers = { "agent:bert": { failures: 1, reset: "10m" } } as const
      const { open, clock, called } = house({ anna: never, bert: says("fine"), carl: says("fine") }, { breakers })
      const { orchestrator } = await open()
      await orchestrator.breaker("agent:bert").forceOpen()
      const run = await orchestrator.submit(flowOf({ hedge: { after: "1s" } }), "x")
      await clock.advance(1_001)
      expect([await run.result(), called]).toEqual(["fine", ["anna", "carl"]])
    })
    test("what an attempt waits for at its agent can be seen: its place, its rate, or that it is busy", async () => {
      const options = {
        bulkheads: { "agent:anna": { concurrent: 1 } },
        rates: { "agent:bert": { perSecond: 1, burst: 1 } }
      }
      const { open, clock } = house({ anna: never }, options)
      const { orchestrator } = await open()
      const waitsOf = async (name: string) => {
        const run = await orchestrator.submit(flowOf({}), name)
        await settle()
        return run.waits()
      }
      expect(await waitsOf("at work")).toEqual([])
      expect(await waitsOf("no place")).toEqual([{ task: "t", for: "bulkhead", name: "agent:anna" }])
      orchestrator.removeAgent("anna")
      orchestrator.addAgent({ id: "bert", can: ["price"], run: () => new Promise(() => {}) })
      expect(await waitsOf("a token")).toEqual([])
      expect(await waitsOf("no token")).toEqual([{ task: "t", for: "rate", name: "agent:bert" }])
      await clock.advance(1_000)
      const second = await orchestrator.submit(flowOf({}), "x")
      await clock.advance(2_000)
      expect(await second.waits()).toEqual([{ task: "t", for: "agent", name: "bert" }])
    })
    test("who has failed is known after a restart, with all messages or a snapshot alone", async () => {
      for (const more of [{}, { snapshotEvery: 1, keepMessages: 0 }]) {
        const { open, clock, called } = house(
          { anna: fails, bert: fails, carl: fails },
          { workflows: [thrice], ...more }
        )
        const first = await open()
        await first.orchestrator.submit(thrice, "x", { id: "r" })
        await settle()
        expect(called).toEqual(["anna"])
        for (let life = 0; life < 2; life++) {
          const owner = life === 0 ? first : await open()
          await owner.kill()
        }
        const last = await open()
        await clock.advance(5_000)
        expect((await (await last.orchestrator.get("r")).outcome()).status).toBe("failed")
        expect([...called].sort()).toEqual(["anna", "bert", "carl"])
      }
    })
    test("one that did not answer in time has failed too, and what it says after all is late", async () => {
      let answer: (value: string) => void = () => {}
      const { open, clock, called } = house({
        anna: () =>
          new Promise<string>((resolve) => {
            answer = resolve
          }),
        bert: says("fine")
      })
      const { orchestrator } = await open()
      const flow = flowOf({ timeout: "1s", retry: { attempts: 2, base: "1s", jitter: 0 } })
      const run = await orchestrator.submit(flow, "x")
      await clock.advance(1_500)
      answer("too late")
      await clock.advance(1_000)
      expect([await run.result(), called]).toEqual(["fine", ["anna", "bert"]])
      expect((await run.history()).find(({ type }) => type === "attempt.late")).toMatchObject({
        attempt: 1,
        outcome: "succeeded",
        value: "too late"
      })
    })
    test("a person who lets a task begin anew gives all agents a fresh start", async () => {
      let isDown = true
      const { open, clock, called } = house({ anna: () => (isDown ? fails("", {} as never) : "fine") })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(flowOf({}), "x")
      await settle()
      isDown = false
      await run.retry("t")
      await clock.advance(0)
      expect([await run.result(), called]).toEqual(["fine", ["anna", "anna"]])
    })
  })

  describe("a second agent", () => {
    const hedged = flowOf({ hedge: { after: "200ms" } })
    test("begins when the first has not answered in time, and the first good answer is taken", async () => {
      const log: Array<string> = []
      const { open, clock, called } = house({
        anna: takes(() => clock, 10_000, "anna", log),
        bert: takes(() => clock, 100, "bert", log)
      })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(199)
      expect(called).toEqual(["anna"])
      await clock.advance(1)
      expect(called).toEqual(["anna", "bert"])
      await clock.advance(100)
      expect(await run.result()).toBe("bert")
      expect(log).toEqual(["anna stops: another agent answered first"])
      expect(endsOf(await run.history())).toEqual([["attempt.succeeded", "bert", 1]])
    })
    test("does not begin when the first has answered, or failed, before", async () => {
      for (const first of [says("quick"), fails]) {
        const { open, clock, called } = house({ anna: first, bert: says("bert") })
        const { orchestrator } = await open()
        const run = await orchestrator.submit(hedged, "x")
        await clock.advance(1_000)
        expect(["succeeded", "failed"]).toContain((await run.outcome()).status)
        expect(called).toEqual(["anna"])
      }
    })
    test("has the same key and attempt, its own signal, and its own name", async () => {
      const seen: Array<TaskContext> = []
      const { open, clock } = house({
        anna: (_, context) => {
          seen.push(context)
          return never("", context)
        },
        bert: (_, context) => {
          seen.push(context)
          return "fine"
        }
      })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x", { id: "r" })
      await clock.advance(200)
      expect(await run.result()).toBe("fine")
      expect(
        seen.map(({ key, run, task, attempt, delivery, agent }) => [key, run, task, attempt, delivery, agent])
      ).toEqual([
        ["r/t", "r", "t", 1, 1, "anna"],
        ["r/t", "r", "t", 1, 1, "bert"]
      ])
      expect(seen.map(({ signal }) => signal.aborted)).toEqual([true, false])
    })
    test("fails alone: the attempt goes on while another is under way", async () => {
      const { open, clock, called } = house({ anna: takes(() => clock, 1_000, "anna"), bert: fails })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(1_000)
      expect([await run.result(), called]).toEqual(["anna", ["anna", "bert"]])
    })
    test("the attempt fails when all have, with the last failure and who it was", async () => {
      const { open, clock, called } = house({
        anna: async (given, context) => {
          await takes(() => clock, 500, "")(given, context)
          throw new RangeError("slow and wrong")
        },
        bert: fails
      })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(400)
      expect((await run.history()).length).toBe(1)
      await clock.advance(100)
      expect((await run.outcome()).status).toBe("failed")
      expect(called).toEqual(["anna", "bert"])
      expect((await run.history()).at(-1)).toMatchObject({ agent: "anna", failure: { message: "slow and wrong" } })
    })
    test("what the other says after all is kept as late, and changes nothing", async () => {
      const { open, clock } = house({ anna: takes(() => clock, 1_000, "anna"), bert: says("bert") })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(300)
      expect(await run.result()).toBe("bert")
      await clock.advance(1_000)
      expect(await run.result()).toBe("bert")
      expect((await run.history()).at(-1)).toMatchObject({ type: "attempt.late", outcome: "succeeded", value: "anna" })
    })
    test("there are at most as many as allowed, each another agent", async () => {
      const { open, clock, called } = house({ anna: never, bert: never, carl: never, dora: never })
      const { orchestrator } = await open()
      await orchestrator.submit(flowOf({ hedge: { after: "200ms", most: 3 } }), "x")
      await clock.advance(10_000)
      expect([...new Set(called)].length).toBe(3)
      expect(called.length).toBe(3)
    })
    test("where no other agent can do it, the first goes on alone", async () => {
      const { open, clock, called } = house({ anna: takes(() => clock, 1_000, "anna") })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(1_000)
      expect([await run.result(), called]).toEqual(["anna", ["anna"]])
    })
    test("an attempt that times out stops them all, and a retry avoids the first", async () => {
      const { open, clock, called } = house({ anna: never, bert: never, carl: says("carl") })
      const { orchestrator } = await open()
      const flow = flowOf({
        hedge: { after: "200ms" },
        timeout: "500ms",
        retry: { attempts: 2, base: "1s", jitter: 0 }
      })
      const run = await orchestrator.submit(flow, "x")
      await clock.advance(2_500)
      expect(await run.result()).toBe("carl")
      expect(called.slice(0, 2)).toEqual(["anna", "bert"])
    })
    test("one that still waits in a mailbox when the attempt ends does not begin", async () => {
      const flow = flowOf({ hedge: { after: "200ms" }, timeout: "500ms" })
      const { open, clock, called } = house({ anna: never })
      const { orchestrator } = await open()
      const ends: Array<() => void> = []
      orchestrator.addAgent({
        id: "bert",
        can: ["price"],
        run: (given) =>
          new Promise<string>((resolve) => {
            called.push(`bert ${given}`)
            ends.push(() => resolve("fine"))
          })
      })
      orchestrator.send({ sender: "me", recipient: "bert", action: "price", payload: "first" }).catch(() => {})
      const run = await orchestrator.submit(flow, "x")
      await clock.advance(1_000)
      expect((await run.outcome()).status).toBe("failed")
      ends[0]!()
      await settle()
      expect(called).toEqual(["bert first", "anna"])
    })
    test("cancelling tells them all", async () => {
      const log: Array<string> = []
      const { open, clock } = house({
        anna: takes(() => clock, 60_000, "anna", log),
        bert: takes(() => clock, 60_000, "bert", log)
      })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(300)
      await run.cancel({ force: true })
      expect(log).toEqual(["anna stops: the attempt was cancelled", "bert stops: the attempt was cancelled"])
    })
    test("takes a place of its own, and does not begin where there is none", async () => {
      for (const [concurrent, seen] of [
        [1, ["anna"]],
        [2, ["anna", "bert"]]
      ] as const) {
        const { open, clock, called } = house(
          { anna: takes(() => clock, 1_000, "anna"), bert: takes(() => clock, 5_000, "bert") },
          { bulkheads: { "needs:price": { concurrent } } }
        )
        const { orchestrator } = await open()
        const run = await orchestrator.submit(hedged, "x")
        await clock.advance(300)
        expect([called, orchestrator.bulkheads()[0]!.running]).toEqual([seen, concurrent])
        await clock.advance(1_000)
        expect(await run.result()).toBe("anna")
        // who was told to stop is at work until it does
        expect(orchestrator.bulkheads()[0]!.running).toBe(concurrent - 1)
        await clock.advance(5_000)
        expect(orchestrator.bulkheads()[0]!.running).toBe(0)
      }
    })
    test("nobody begins while the run is paused", async () => {
      const { open, clock, called } = house({ anna: takes(() => clock, 5_000, "anna"), bert: says("bert") })
      const { orchestrator } = await open()
      const run = await orchestrator.submit(hedged, "x")
      await clock.advance(100)
      await run.pause()
      await clock.advance(1_000)
      expect(called).toEqual(["anna"])
      await run.resume()
      await clock.advance(400)
      expect([await run.result(), called]).toEqual(["bert", ["anna", "bert"]])
    })
    test("after a crash the attempt comes again as a whole", async () => {
      const { open, clock, called } = house({ anna: never, bert: never, carl: says("carl") }, { workflows: [hedged] })
      const first = await open()
      await first.orchestrator.submit(hedged, "x", { id: "r" })
      await clock.advance(200)
      expect(called).toEqual(["anna", "bert"])
      await first.kill()
      const second = await open()
      await clock.advance(0)
      expect(called.length).toBe(3)
      const run = await second.orchestrator.get("r")
      await clock.advance(200)
      expect(called.length).toBe(4)
      expect((await run.history()).filter(({ type }) => type.startsWith("attempt."))).toEqual([])
    })
    test("is refused for tasks without agents, and outside its bounds", () => {
      const plain = task("plain", { in: type<string>(), out: type<string>(), run: (given) => given })
      const wrong: ReadonlyArray<readonly [() => unknown, string]> = [
        [
          () => task("t", { in: type<null>(), out: type<null>(), run: () => null, hedge: { after: 1 } }),
          "hedge of task 't'"
        ],
        [
          () => workflow("w", type<string>()).task("t", plain, ($) => $.input, { hedge: { after: 1 } }),
          "hedge of task 't'"
        ],
        [() => flowOf({ hedge: { after: 0 } }), "hedge.after of task 't'"],
        [() => flowOf({ hedge: { after: limits.durationMs + 1 } }), "hedge.after of task 't'"],
        [() => flowOf({ hedge: { after: "1s", most: 1 } }), "hedge.most of task 't'"],
        [() => flowOf({ hedge: { after: "1s", most: 11 } }), "hedge.most of task 't'"],
        [() => flowOf({ hedge: { after: "2s" }, timeout: "2s" }), "hedge.after of task 't'"]
      ]
      for (const [make, option] of wrong)
        expect(make, option).toThrow(expect.objectContaining({ _tag: "InvalidOption", option }))
    })
  })
})
