// J09: a failed task waits for a person.
import { Orchestrator, type TaskIR } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { StandingClock, settle } from "../clock.ts"
import { troubled } from "../engine/failing.ts"

const charge: TaskIR = { id: "charge", task: "work", input: 1, onFailed: "wait" }
const ship: TaskIR = { id: "ship", task: "work", input: { of: { $: "charge" } } }

const stuck = async (task: TaskIR = charge) => {
  const there = troubled()
  there.fails.add("charge")
  const time = new StandingClock()
  const journal = memoryJournal({ isDurable: true })
  const flow = await there.flow([task, ship])
  let owner = await time.open({ store: journal, workflows: [flow] })
  await owner.orchestrator.submit(flow, null, { id: "r" })
  await settle(40)
  return {
    ...there,
    time,
    get run() {
      return owner.orchestrator.get("r")
    },
    restart: async () => {
      await owner.kill()
      owner = await time.open({ store: journal, workflows: [flow] })
      await settle(40)
    },
    close: () => owner.orchestrator.close()
  }
}

describe("Fallbacks, joins and people", () => {
  describe("a failed task that waits for a person", () => {
    test("the run waits, says for what and why, and still does after a restart", async () => {
      const there = await stuck()
      const look = async () => {
        const { status, waiting, gates, endedAt, eta } = await (await there.run).status()
        return { status, waiting, gates, endedAt, eta, tasks: await (await there.run).tasks() }
      }
      const before = await look()
      expect(before).toEqual({
        status: "waiting",
        waiting: ["charge~wait"],
        gates: [
          {
            gate: "charge~wait",
            show: { failed: "Error", because: "charge is down" },
            dueAt: undefined,
            signal: undefined
          }
        ],
        endedAt: undefined,
        eta: undefined,
        tasks: { charge: "waiting", ship: "pending" }
      })
      await there.restart()
      expect(await look()).toEqual(before)
      await there.close()
    })
    test("retry: it begins anew, under a new key", async () => {
      const there = await stuck()
      await there.restart()
      there.fails.clear()
      await (await there.run).retry("charge", { who: "ann", why: "the bank is back" })
      expect(await (await there.run).result()).toEqual({ ship: 'work({"of":"work(1)"})' })
      expect(there.calls.map(({ path, attempt }) => `${path}#${attempt}`)).toEqual(["charge#1", "charge#1", "ship#1"])
      expect(there.calls[1]!.key).not.toBe(there.calls[0]!.key)
      expect((await (await there.run).status()).degraded).toEqual([])
      await there.close()
    })
    test("retry that fails again waits again", async () => {
      const there = await stuck()
      await (await there.run).retry()
      await settle(40)
      expect((await (await there.run).status()).status).toBe("waiting")
      await (await there.run).skip("charge", 7)
      expect(await (await there.run).result()).toEqual({ ship: 'work({"of":7})' })
      await there.close()
    })
    test("skip with a value: that is its result; who and why are in the history", async () => {
      const there = await stuck()
      await (await there.run).skip("charge", { paid: true }, { who: "ann", why: "by phone" })
      expect(await (await there.run).result()).toEqual({ ship: 'work({"of":{"paid":true}})' })
      expect((await (await there.run).history()).at(-2)).toMatchObject({
        type: "gate.answered",
        task: "charge~wait",
        value: { paid: true },
        who: "ann",
        why: "by phone"
      })
      await there.close()
    })
    test("answering it is giving its result", async () => {
      const there = await stuck()
      await (await there.run).answer("charge~wait", 3)
      expect(await (await there.run).result()).toEqual({ ship: 'work({"of":3})' })
      await there.close()
    })
    test("fail: the run fails with the failure of the task; who and why are in the history", async () => {
      const there = await stuck()
      await there.restart()
      await (await there.run).fail("charge", { who: "bob", why: "they have gone" })
      const run = await there.run
      expect((await run.status()).error).toMatchObject({ task: "charge", failure: { message: "charge is down" } })
      expect((await run.history()).at(-1)).toMatchObject({
        type: "gate.rejected",
        task: "charge~wait",
        reason: "they have gone",
        who: "bob"
      })
      // and even then it can be done again
      there.fails.clear()
      await run.retry("charge")
      expect(await (await there.run).result()).toEqual({ ship: 'work({"of":"work(1)"})' })
      await there.close()
    })
    test("two people decide at once: one is told that the run is not as it was (G15)", async () => {
      const there = await stuck()
      const run = await there.run
      const { messages: seen } = await run.status()
      there.fails.clear()
      const both = await Promise.allSettled([run.fail("charge", { seen }), run.retry("charge", { seen })])
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"])
      expect(both.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "STATE_CHANGED" } })
      await there.close()
    })
    test("fail is refused where nobody is waited for, and nothing is written", async () => {
      const there = await stuck()
      const run = await there.run
      const before = await run.history()
      await expect(run.fail("ship")).rejects.toMatchObject({
        code: "AMENDMENT_REFUSED",
        message: expect.stringContaining("'ship' does not wait for a decision")
      })
      await expect(run.fail("charge", { seen: 1 })).rejects.toMatchObject({ code: "STATE_CHANGED" })
      expect(await run.history()).toEqual(before)
      await there.close()
    })
    test("a deadline: then it fails, or goes on without; over a restart (G11)", async () => {
      for (const otherwise of ["fail", "continue"] as const) {
        const there = await stuck({ ...charge, onFailed: { wait: { withinMs: 3_600_000, otherwise } } } as TaskIR)
        await there.restart()
        await there.time.advance(3_599_000)
        expect((await (await there.run).status()).status).toBe("waiting")
        await there.time.advance(2_000)
        await settle(40)
        const { status, failedTask, output, degraded } = await (await there.run).outcome()
        expect({ status, failedTask, output, degraded }).toEqual(
          otherwise === "fail"
            ? { status: "failed", failedTask: "charge", output: undefined, degraded: [] }
            : {
                status: "succeeded",
                failedTask: undefined,
                output: { ship: "work({})" },
                degraded: [{ task: "charge", instead: "nothing", because: "charge is down" }]
              }
        )
        await there.close()
      }
    })
    test("cancel ends the wait", async () => {
      const there = await stuck()
      await (await there.run).cancel()
      expect((await (await there.run).outcome()).status).toBe("cancelled")
      await there.close()
    })
    test("in a sub-workflow it waits there, and the path says so", async () => {
      const there = troubled()
      there.fails.add("pay/charge")
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(
        await there.flow([{ id: "pay", kind: "use", workflow: { ir: 1, name: "in", tasks: [charge] } }]),
        null
      )
      await settle(40)
      expect((await run.status()).waiting).toEqual(["pay/charge~wait"])
      await run.skip("pay/charge", 5)
      expect(await run.result()).toEqual({ pay: { charge: 5 } })
    })
  })
})
