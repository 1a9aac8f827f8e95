// What timeouts do, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { describe, expect, test } from "vitest"
import type { TaskContext } from "../../src/model/task.ts"
import { attempts, never, throws } from "./attempts.ts"

const deaf = () => never()
/** Ends when it is told to, with what it was told. */
const obedient = ({ signal }: TaskContext) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))

describe("Timeouts", () => {
  describe("an attempt", () => {
    test("one that takes too long has failed, when its time is over and not before", async () => {
      const world = await attempts({ timeout: 100 }, deaf)
      await world.pass(99)
      expect(await world.status()).toBe("running")
      await world.pass(1)
      expect(await world.failure()).toMatchObject({ tag: "AttemptTimedOut", code: "TIMEOUT" })
    })
    test("one that is done in time is done, and nothing of its timer is left", async () => {
      const world = await attempts({ timeout: 100 }, () => 1)
      await world.pass(10_000)
      expect([await world.value(), (await world.ends()).length]).toEqual([1, 1])
    })
    test("its body is told by its signal, and the reason is the error", async () => {
      const world = await attempts({ timeout: 100 }, deaf)
      await world.pass(10)
      const { signal } = world.calls[0]!.context
      expect(signal.aborted).toBe(false)
      await world.pass(100)
      expect(signal).toMatchObject({ aborted: true, reason: { _tag: "AttemptTimedOut", timeoutMs: 100 } })
    })
    test("its body knows until when it has", async () => {
      const world = await attempts({ timeout: 100, within: 250, retry: { attempts: 9, base: 100, jitter: 0 } }, deaf)
      await world.pass(240)
      const [first, second] = world.calls.map(({ context }) => context.deadlineAt)
      expect(second! - first!).toBe(150)
    })
    test("one that does not listen is abandoned; what it answers after all changes nothing", async () => {
      let answer: (value: number) => void = () => {}
      const world = await attempts(
        { timeout: 100, retry: { attempts: 2, base: 1_000, jitter: 0 } },
        () =>
          new Promise((resolve) => {
            answer = resolve
          }),
        () => 2
      )
      await world.pass(200)
      answer(1)
      await world.pass(1_000)
      expect(await world.value()).toBe(2)
      expect(await world.ends()).toContainEqual(expect.objectContaining({ type: "attempt.late", attempt: 1, value: 1 }))
    })
    test("a timeout is a failure like others: it may be tried again, or not", async () => {
      const retry = { attempts: 3, base: 10, jitter: 0 }
      const again = await attempts({ timeout: 100, retry }, deaf)
      const once = await attempts({ timeout: 100, retry: { ...retry, notOn: ["TIMEOUT"] } }, deaf)
      await again.pass(1_000)
      await once.pass(1_000)
      expect([again.calls.length, once.calls.length]).toEqual([3, 1])
    })
    test("a body that gives up when it is told has timed out all the same", async () => {
      const world = await attempts({ timeout: 100 }, obedient)
      await world.pass(100)
      expect(await world.failure()).toMatchObject({ tag: "AttemptTimedOut" })
    })
    test("a cancel is told by the same signal, with another reason", async () => {
      const world = await attempts({ timeout: 100 }, obedient)
      await world.pass(10)
      await world.run.cancel()
      await world.pass(10)
      expect(await world.status()).toBe("cancelled")
      expect(world.calls[0]!.context.signal.reason).toMatchObject({ name: "AbortError" })
    })
  })

  describe("a task", () => {
    test("its time is over while it is at work: it has failed, whatever attempts are left", async () => {
      const world = await attempts({ within: 250, retry: { attempts: 9, base: 10, jitter: 0 } }, deaf)
      await world.pass(249)
      expect(await world.status()).toBe("running")
      await world.pass(1)
      expect(await world.failure()).toMatchObject({ tag: "TaskTimedOut", code: "TASK_TIMEOUT", retryable: false })
    })
    test("or in a pause: the pause is cut short", async () => {
      const world = await attempts(
        { within: 250, retry: { attempts: 9, base: "1h", cap: "1h", jitter: 0 } },
        throws("no")
      )
      await world.pass(250)
      expect([await world.failure(), world.calls.length]).toMatchObject([{ code: "TASK_TIMEOUT" }, 1])
    })
    test("what is done in time has no timer left", async () => {
      const world = await attempts({ within: 250 }, () => 1)
      await world.pass(1_000)
      expect((await world.run.history()).some(({ type }) => type === "timer.fired")).toBe(false)
    })
    test("a person may give it all its time again", async () => {
      const world = await attempts({ within: 250 }, deaf, () => 2)
      await world.pass(250)
      expect(await world.status()).toBe("failed")
      await world.run.retry()
      await world.pass(10)
      expect(await world.value()).toBe(2)
    })
  })

  describe("silence", () => {
    test("a body that is not heard for too long has failed, and may be tried again", async () => {
      const world = await attempts({ heartbeat: 100, retry: { attempts: 2, base: 10, jitter: 0 } }, deaf, () => 2)
      await world.pass(99)
      expect(await world.ends()).toEqual([])
      await world.pass(100)
      expect([await world.value(), (await world.ends())[0]]).toMatchObject([
        2,
        { failure: { code: "HEARTBEAT_TIMEOUT" } }
      ])
    })
    test("each beat gives it as long again", async () => {
      const world = await attempts({ heartbeat: 100 }, deaf)
      for (let i = 0; i < 20; i++) {
        await world.pass(90)
        world.calls[0]!.context.heartbeat()
      }
      expect(await world.status()).toBe("running")
      await world.pass(100)
      expect(await world.status()).toBe("failed")
    })
    test("beats are heard, and not written", async () => {
      const world = await attempts({ heartbeat: 100 }, deaf)
      await world.pass(1)
      for (let i = 0; i < 1_000; i++) world.calls[0]!.context.heartbeat()
      expect((await world.run.history()).length).toBe(1)
    })
  })
})
