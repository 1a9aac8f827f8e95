// What circuit breakers do under the orchestrator, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { Orchestrator, task, type, workflow } from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { BreakerOptions } from "../../src/model/breaker.ts"
import { JournalFull, StaleOwner } from "../../src/storage/errors.ts"
import { type Owner, StandingClock, settle } from "../clock.ts"

/** A bank that is down until it is up, and what it was asked. */
class Bank {
  isUp = false
  calls = 0
  out = 0
  most = 0
  hangs = false
  readonly waiting: Array<() => void> = []
  readonly pay = task("pay", {
    in: type<number>(),
    out: type<string>(),
    run: async (_, { signal }) => {
      this.calls++
      this.out++
      this.most = Math.max(this.most, this.out)
      try {
        if (this.hangs)
          await new Promise<void>((resolve, reject) => {
            this.waiting.push(resolve)
            signal.addEventListener("abort", () => reject(signal.reason))
          })
        if (!this.isUp) throw Object.assign(new Error("the bank is down"), { code: "BANK_DOWN" })
        return "paid"
      } finally {
        this.out--
      }
    }
  })
  flow(attempts = 1, more: object = {}) {
    return workflow("pay", type<number>())
      .task("pay", this.pay, ($) => $.input, {
        breaker: "bank",
        retry: { attempts, backoff: "fixed", base: 100, jitter: "none" },
        ...more
      })
      .returns(($) => $.pay)
  }
}

const two: BreakerOptions = { failures: 2, reset: "10s", factor: 1 }

let time: StandingClock
let bank: Bank
let store: ReturnType<typeof memoryJournal>
let owner: Owner
const live = async (breakers: { readonly [name: string]: BreakerOptions } = { bank: two }, more: object = {}) => {
  owner = await time.open({ store, breakers, workflows: [bank.flow(), bank.flow(3)], ...more })
  return owner
}
const look = () => owner.orchestrator.breakers().map(({ name, state }) => `${name} ${state}`)
const pay = async (attempts = 1) => {
  const run = await owner.orchestrator.submit(bank.flow(attempts), 1)
  await settle()
  return run
}
const failureOf = async (run: Awaited<ReturnType<typeof pay>>) =>
  (await run.history()).flatMap((message) => (message.type === "attempt.failed" ? [message.failure] : []))

beforeEach(() => {
  time = new StandingClock()
  bank = new Bank()
  store = memoryJournal({ isDurable: true })
})
afterEach(() => owner.orchestrator.close())

describe("Breakers under the orchestrator", () => {
  describe("one breaker for all runs", () => {
    test("runs share it: what one of them learns spares the others, and no body is called while it is open", async () => {
      await live()
      await pay()
      expect(look()).toEqual(["bank closed"])
      await pay()
      expect(look()).toEqual(["bank open"])
      const third = await pay()
      expect(bank.calls).toBe(2)
      const [failure] = await failureOf(third)
      expect(failure).toMatchObject({
        tag: "CircuitOpen",
        code: "CIRCUIT_OPEN",
        retryable: true,
        retryAfterMs: 10_000,
        data: { breaker: "bank", state: "open", retryAt: time.now + 10_000 }
      })
    })

    test("a refused attempt is tried again when the breaker lets a trial through, as its policy allows", async () => {
      await live()
      await pay()
      await pay()
      const run = await pay(3)
      expect(bank.calls).toBe(2)
      bank.isUp = true
      await time.advance(9_999)
      expect(bank.calls).toBe(2)
      await time.advance(2)
      expect(bank.calls).toBe(3)
      expect(await run.result()).toBe("paid")
      expect(look()).toEqual(["bank closed"])
    })

    test("a task without a breaker passes none, and none is made", async () => {
      await live()
      const plain = task("plain", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })
      await expect(owner.orchestrator.execute(plain, 1)).resolves.toBe(2)
      expect(look()).toEqual([])
    })

    test("a name without a policy is a breaker with the default one: five failures, thirty seconds", async () => {
      await live({})
      for (let i = 0; i < 5; i++) await pay()
      const [one] = owner.orchestrator.breakers()
      expect(one).toMatchObject({ name: "bank", state: "open", retryAt: new Date(time.now + 30_000) })
    })

    test("a workflow may bring the policy along, and that of the orchestrator counts before it", async () => {
      const flow = workflow("w", type<number>(), { breakers: { bank: { failures: 1 }, post: { failures: 1 } } })
        .task("a", bank.pay, ($) => $.input, { breaker: "bank" })
        .returns(($) => $.a)
      await live()
      await expect(owner.orchestrator.execute(flow, 1)).rejects.toThrow()
      expect(look()).toEqual(["bank closed"])
      await owner.orchestrator.close()
      store = memoryJournal({ isDurable: true })
      await live({})
      await expect(owner.orchestrator.execute(flow, 1)).rejects.toThrow()
      expect(look()).toEqual(["bank open"])
    })

    test("all calls for a capability may pass one breaker", async () => {
      let calls = 0
      const quote = task("quote", { in: type<number>(), out: type<number>(), needs: "quote" })
      const run = () => {
        calls++
        throw new RangeError("no quotes today")
      }
      await live({ "needs:quote": { failures: 1 } }, { agents: [{ id: "mia", can: ["quote"], run }] })
      await expect(owner.orchestrator.execute(quote, 1)).rejects.toThrow("no quotes today")
      await expect(owner.orchestrator.execute(quote, 1)).rejects.toThrow("circuit breaker 'needs:quote' is open")
      expect(calls).toBe(1)
    })

    test("errors that its policy ignores count as nothing", async () => {
      await live({ bank: { failures: 1, ignore: ["BANK_DOWN"] } })
      for (let i = 0; i < 3; i++) await pay()
      expect(look()).toEqual(["bank closed"])
      expect(bank.calls).toBe(3)
    })

    test("an attempt that finds no agent says nothing about the agents", async () => {
      const quote = task("quote", { in: type<number>(), out: type<number>(), needs: "quote", breaker: "quotes" })
      await live({ quotes: { failures: 1 } })
      await expect(owner.orchestrator.execute(quote, 1)).rejects.toMatchObject({ code: "RUN_FAILED" })
      expect(look()).toEqual(["quotes closed"])
    })

    test("it lives under the orchestrator, where inspectors see it and its steps", async () => {
      const seen: Array<string> = []
      await live(
        { bank: two },
        {
          inspect: (event: any) => {
            if (event.actorRef.id !== "@breaker/bank") return
            seen.push(event.type === "@xstate.microstep" ? event.event.type : event.type)
            expect(event.actorRef._parent.id).toBe("orchestrator")
          }
        }
      )
      await pay()
      await pay()
      expect(seen).toContain("@xstate.actor")
      expect(seen.filter((type) => type === "call.failed")).toHaveLength(2)
    })
  })

  describe("half-open", () => {
    const opened = async (policy: BreakerOptions = two) => {
      await live({ bank: policy })
      await pay()
      await pay()
      await time.advance(10_001)
      bank.hangs = true
    }

    test("one trial at a time: the others are refused as if it were open", async () => {
      await opened()
      const runs = [await pay(), await pay(), await pay()]
      expect(bank.out).toBe(1)
      const refused = (await Promise.all(runs.map(failureOf))).flat()
      expect(refused.map(({ code, data }) => [code, data])).toEqual(
        Array(2).fill(["CIRCUIT_OPEN", { breaker: "bank", state: "halfOpen", retryAt: null }])
      )
      bank.isUp = true
      bank.waiting[0]!()
      await settle()
      expect(look()).toEqual(["bank closed"])
    })

    test("as many trials at once as its policy says", async () => {
      await opened({ ...two, trials: 2, successes: 2 })
      for (let i = 0; i < 4; i++) await pay()
      expect(bank.out).toBe(2)
      bank.isUp = true
      for (const go of bank.waiting) go()
      await settle()
      expect(look()).toEqual(["bank closed"])
    })

    test("a trial that is cancelled, by force or not, gives its place back and decides nothing", async () => {
      for (const force of [false, true]) {
        await opened()
        const before = bank.calls
        const run = await pay()
        expect(bank.out).toBe(1)
        await run.cancel({ force })
        await settle()
        expect(look()).toEqual(["bank halfOpen"])
        expect(owner.orchestrator.breakers()[0]!.counts.trialsOut).toBe(0)
        await pay()
        expect([bank.out, bank.calls - before]).toEqual([1, 2])
        await owner.orchestrator.close()
        store = memoryJournal({ isDurable: true })
        bank = new Bank()
      }
      await live()
    })

    test("a trial that takes too long has failed, and its late answer closes nothing", async () => {
      await live()
      await pay()
      await pay()
      await time.advance(10_001)
      bank.hangs = true
      bank.isUp = true
      const slow = await owner.orchestrator.submit(bank.flow(1, { timeout: "1s" }), 1)
      await settle()
      await time.advance(1_001)
      expect((await slow.outcome()).status).toBe("failed")
      expect(look()).toEqual(["bank open"])
      for (const go of bank.waiting) go()
      await settle()
      expect(look()).toEqual(["bank open"])
    })

    test("calls that began before it opened decide no trial", async () => {
      await live()
      bank.hangs = true
      await pay()
      bank.hangs = false
      await pay()
      await pay()
      expect(look()).toEqual(["bank open"])
      await time.advance(10_001)
      bank.hangs = true
      await pay()
      expect([look(), bank.out]).toEqual([["bank halfOpen"], 2])
      bank.isUp = true
      bank.waiting[0]!()
      await settle()
      expect(look()).toEqual(["bank halfOpen"])
      bank.waiting[1]!()
      await settle()
      expect(look()).toEqual(["bank closed"])
    })
  })

  describe("over restarts", () => {
    test("an open breaker is still open after a kill, until its time", async () => {
      await live()
      await pay()
      await pay()
      const [before] = owner.orchestrator.breakers()
      await time.advance(4_000)
      await owner.kill()
      await live()
      expect(owner.orchestrator.breakers()).toEqual([before])
      await pay()
      await time.advance(5_999)
      await pay()
      expect(bank.calls).toBe(2)
      await time.advance(2)
      bank.isUp = true
      await pay()
      expect(bank.calls).toBe(3)
      expect(look()).toEqual(["bank closed"])
      await owner.kill()
      await live()
      expect(look()).toEqual(["bank closed"])
    })

    test("what was counted is kept when the orchestrator is closed, and begins anew when it is killed", async () => {
      await live({ bank: { failures: 2 }, rate: { failureRate: 1, minimum: 2 } })
      const flow = workflow("both", type<number>())
        .task("a", bank.pay, ($) => $.input, { breaker: "rate" })
        .returns(($) => $.a)
      await pay()
      await expect(owner.orchestrator.execute(flow, 1)).rejects.toThrow()
      await owner.orchestrator.close()
      await live({ bank: { failures: 2 }, rate: { failureRate: 1, minimum: 2 } })
      await pay()
      await expect(owner.orchestrator.execute(flow, 1)).rejects.toThrow()
      expect(look()).toEqual(["bank open", "rate open"])
      await owner.orchestrator.breaker("bank").reset()
      await pay()
      await owner.kill()
      await live()
      await pay()
      expect(look()).toEqual(["bank closed", "rate open"])
    })

    test("killed during a trial, the next life tries once more, one at a time", async () => {
      await live()
      await pay()
      await pay()
      await time.advance(10_001)
      bank.hangs = true
      await pay()
      expect(look()).toEqual(["bank halfOpen"])
      await owner.kill()
      bank.out = 0
      bank.most = 0
      await live()
      expect(look()).toEqual(["bank halfOpen"])
      await pay()
      await pay()
      expect(bank.most).toBe(1)
    })

    test("who has lost the store tries nobody: a trial is written before its body is called", async () => {
      let isStale = false
      const lost: JournalService = {
        ...store,
        keepShared: (shared, epoch) =>
          isStale ? Effect.fail(new StaleOwner({ epoch, current: epoch + 1 })) : store.keepShared(shared, epoch)
      }
      await live({ bank: two }, { store: lost, onDefect: () => {} })
      await pay()
      await pay()
      await time.advance(10_001)
      isStale = true
      owner.orchestrator.submit(bank.flow(), 1).catch(() => {})
      await settle()
      expect(bank.calls).toBe(2)
      await expect(owner.orchestrator.submit(bank.flow(), 1)).rejects.toThrow("closed")
    })

    test("a trial waits until it can be written, and is not made if its attempt is given up meanwhile", async () => {
      let isBroken = false
      const failing: JournalService = {
        ...store,
        keepShared: (shared, epoch) =>
          isBroken ? Effect.fail(new JournalFull()) : Effect.delay(store.keepShared(shared, epoch), 5)
      }
      await live({ bank: two }, { store: failing })
      await pay()
      await pay()
      await time.advance(10_001)
      isBroken = true
      bank.hangs = true
      const given = await pay()
      await time.advance(1_000)
      expect(bank.out).toBe(0)
      await given.cancel()
      await pay()
      isBroken = false
      await time.advance(10_000)
      expect([bank.out, bank.calls]).toEqual([1, 3])
    })

    test("nobody is told that it is open before that is written", async () => {
      let isBroken = false
      const failing: JournalService = {
        ...store,
        keepShared: (shared, epoch) => (isBroken ? Effect.fail(new JournalFull()) : store.keepShared(shared, epoch))
      }
      await live({ bank: two }, { store: failing })
      await pay()
      isBroken = true
      await pay()
      expect(look()).toEqual(["bank open"])
      const run = await pay()
      expect([bank.calls, await failureOf(run)]).toEqual([2, []])
      isBroken = false
      await time.advance(1_000)
      expect((await failureOf(run)).map(({ code }) => code)).toEqual(["CIRCUIT_OPEN"])
      expect(bank.calls).toBe(2)
    })

    test("in a file, it is as it was for whoever opens the file next", async () => {
      const folder = mkdtempSync(join(tmpdir(), "troupe-breaker-"))
      try {
        const open = () => Orchestrator.open({ store: `sqlite:${folder}/t.db`, breakers: { bank: two } })
        let orchestrator = await open()
        for (let i = 0; i < 2; i++) await expect(orchestrator.execute(bank.flow(), 1)).rejects.toThrow("down")
        const before = orchestrator.breakers()
        expect(before).toMatchObject([{ name: "bank", state: "open" }])
        await orchestrator.close()
        orchestrator = await open()
        expect(orchestrator.breakers()).toEqual(before)
        await expect(orchestrator.execute(bank.flow(), 1)).rejects.toThrow("circuit breaker 'bank' is open until")
        expect(bank.calls).toBe(2)
        await orchestrator.close()
      } finally {
        rmSync(folder, { recursive: true })
        await live()
      }
    })
  })

  describe("beside a fallback", () => {
    const refusedByBank = ["pay", "circuit breaker 'bank' is open"]
    const degradedBy = async (run: Awaited<ReturnType<typeof pay>>) => {
      const { status, output, degraded } = await run.outcome()
      return [status, output, degraded.map(({ task, because }) => [task, because.slice(0, 30)])]
    }
    const with_ = async (fallback: object) => {
      const run = await owner.orchestrator.submit(bank.flow(1, { fallback }), 1)
      await settle()
      return run
    }

    test("while it is open the fallback stands in and nobody is called, after a kill too", async () => {
      await live()
      await pay()
      await pay()
      const stoodIn = ["succeeded", "on account", [refusedByBank]]
      expect(await degradedBy(await with_({ value: "on account" }))).toEqual(stoodIn)
      await owner.kill()
      await live()
      expect(await degradedBy(await with_({ value: "on account" }))).toEqual(stoodIn)
      expect(bank.calls).toBe(2)
      await time.advance(10_001)
      bank.isUp = true
      expect(await degradedBy(await with_({ value: "on account" }))).toEqual(["succeeded", "paid", []])
      expect(bank.calls).toBe(3)
    })

    test("another task may stand in: it is called in its place, and a kill while it is at work changes nothing", async () => {
      let cash = 0
      const gate = Promise.withResolvers<void>()
      const byCash = task("byCash", {
        in: type<number>(),
        out: type<string>(),
        run: async () => {
          cash++
          await gate.promise
          return "in cash"
        }
      })
      const flow = bank.flow(1, { fallback: { task: byCash } })
      await live({ bank: two }, { workflows: [flow] })
      await pay()
      await pay()
      const run = await owner.orchestrator.submit(flow, 1)
      await settle()
      expect([bank.calls, cash]).toEqual([2, 1])
      await owner.kill()
      await live({ bank: two }, { workflows: [flow] })
      gate.resolve()
      await settle()
      expect(await degradedBy(await owner.orchestrator.get<string>(run.id))).toEqual([
        "succeeded",
        "in cash",
        [refusedByBank]
      ])
      expect([bank.calls, cash]).toEqual([2, 2])
    })

    test("what stands in passes no breaker of what it stands in for, and fails without it", async () => {
      await live()
      const broken = task("broken", {
        in: type<number>(),
        out: type<string>(),
        run: () => Promise.reject(new Error("no cash either"))
      })
      expect((await (await with_({ task: broken })).outcome()).status).toBe("failed")
      expect(owner.orchestrator.breakers()).toMatchObject([{ state: "closed", counts: { failuresInARow: 1 } }])
    })
  })

  describe("by hand", () => {
    test("who forced it open, and why, is written, and it stays open over restarts until it is reset", async () => {
      await live()
      const told = await owner.orchestrator.breaker("bank").forceOpen({ who: "ada", why: "maintenance" })
      expect(told).toMatchObject({ state: "forcedOpen", who: "ada", why: "maintenance" })
      await owner.kill()
      await live()
      expect(owner.orchestrator.breakers()).toEqual([told])
      bank.isUp = true
      await pay()
      await time.advance(1_000_000)
      const run = await pay()
      expect([bank.calls, (await failureOf(run))[0]!.data]).toEqual([
        0,
        { breaker: "bank", state: "forcedOpen", retryAt: null }
      ])
      await owner.orchestrator.breaker("bank").reset({ who: "bob" })
      await pay()
      expect(bank.calls).toBe(1)
      expect(owner.orchestrator.breakers()[0]!.changes.map(({ from, to, who }) => [from, to, who])).toEqual([
        ["closed", "forcedOpen", "ada"],
        ["forcedOpen", "closed", "bob"]
      ])
    })

    test("forced closed, everything is called whatever fails", async () => {
      await live()
      await owner.orchestrator.breaker("bank").forceClose()
      for (let i = 0; i < 5; i++) await pay()
      expect([bank.calls, look()]).toEqual([5, ["bank forcedClosed"]])
    })

    test("a name that nobody has given to a breaker is refused, with what there is", async () => {
      await live()
      expect(() => owner.orchestrator.breaker("bnak")).toThrow("there are bank")
    })
  })
})
