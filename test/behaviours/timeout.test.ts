// What timeouts do, as docs/RESILIENCE.md tells it. `rows.ts` says how the table is made.
import { limits, type RunFailed, task, type } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import type { TaskContext } from "../../src/model/task.ts"
import { StandingClock } from "../clock.ts"
import { attempts, type Body, never, throws } from "./attempts.ts"

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

  describe("how far a body is", () => {
    const retry = { attempts: 3, base: 10, jitter: 0 } as const
    const says =
      (...pages: ReadonlyArray<number>): Body =>
      ({ heartbeat }) => {
        for (const page of pages) heartbeat({ page })
        throw new Error("the connection is gone")
      }

    test("is given to the next attempt, written once with the failure, however often it was said", async () => {
      const known: Array<unknown> = []
      const world = await attempts(
        { retry },
        (context) => {
          known.push(context.lastHeartbeat)
          return says(1, 2, 3)(context)
        },
        ({ lastHeartbeat }) => lastHeartbeat
      )
      await world.pass(20)
      expect([known, await world.value()]).toEqual([[undefined], { page: 3 }])
      expect(await world.ends()).toMatchObject([
        { type: "attempt.failed", progress: { page: 3 } },
        { type: "attempt.succeeded", value: { page: 3 } }
      ])
    })
    test("stays what it was where a later attempt says nothing", async () => {
      const world = await attempts({ retry }, says(7), throws("no"), ({ lastHeartbeat }) => lastHeartbeat)
      await world.pass(40)
      expect(await world.value()).toEqual({ page: 7 })
    })
    test("is known where a body was not heard any more, or took too long", async () => {
      const stuck: Body = ({ heartbeat }) => {
        heartbeat("half")
        return never()
      }
      for (const times of [{ heartbeat: 100 }, { timeout: 100 }]) {
        const world = await attempts({ ...times, retry }, stuck, ({ lastHeartbeat }) => lastHeartbeat)
        await world.pass(200)
        expect(await world.value()).toBe("half")
      }
    })
    test("can be seen while it is at work, and until it is tried again", async () => {
      const gate = Promise.withResolvers<never>()
      const world = await attempts(
        { retry: { ...retry, base: 100 } },
        ({ heartbeat }) => {
          heartbeat([1, "of", 9])
          return gate.promise
        },
        never
      )
      await world.pass(1)
      const seen = [{ task: "t", attempt: 1, progress: [1, "of", 9] }]
      expect((await world.run.status()).heartbeats).toEqual(seen)
      gate.reject(new Error("no"))
      await world.pass(1)
      expect((await world.run.status()).heartbeats).toEqual(seen)
      await world.pass(200)
      expect((await world.run.status()).heartbeats).toEqual(seen)
      await world.run.cancel({ force: true })
      expect((await world.run.status()).heartbeats).toEqual([])
    })
    test("is known after a restart, with all messages or a snapshot alone; that of an attempt that was cut off is not", async () => {
      for (const snapshots of [{}, { snapshotEvery: 1, keepMessages: 0 }]) {
        const clock = new StandingClock()
        const store = memoryJournal({ isDurable: true })
        const given: Array<unknown> = []
        const page = task("page", {
          in: type<null>(),
          out: type<string>(),
          retry: { attempts: 3, base: "1h", cap: "1h", jitter: 0 },
          run: (_, { heartbeat, lastHeartbeat, attempt, delivery }) => {
            given.push([attempt, delivery, lastHeartbeat])
            heartbeat(`${attempt}.${delivery}`)
            if (attempt === 1) throw new Error("no")
            return delivery === 1 ? (never() as never) : "done"
          }
        })
        const open = () => clock.open({ store, workflows: [page], ...snapshots })
        const first = await open()
        const run = await first.orchestrator.submit(page, null)
        await clock.advance(1)
        await first.kill()
        const second = await open()
        await clock.advance(3_600_001)
        await second.kill()
        const third = await open()
        await clock.advance(1)
        expect(await (await third.orchestrator.get(run.id)).result()).toBe("done")
        expect(given).toEqual([
          [1, 1, undefined],
          [2, 1, "1.1"],
          [2, 2, "1.1"]
        ])
        await third.orchestrator.close()
      }
    })
    test("begins anew where a person has the task done again", async () => {
      const world = await attempts(
        { retry: { ...retry, attempts: 2 } },
        says(3),
        says(4),
        ({ lastHeartbeat }) => lastHeartbeat ?? "nothing"
      )
      await world.pass(20)
      expect(await world.status()).toBe("failed")
      await world.run.retry()
      await world.pass(10)
      expect(await world.value()).toBe("nothing")
    })
    test("is JSON of at most 16 KiB: anything else fails the attempt that says it", async () => {
      for (const [said, code] of [
        ["x".repeat(limits.progressBytes - 2), undefined],
        ["x".repeat(limits.progressBytes - 1), "LIMIT_PROGRESS"],
        [Number.NaN, "NOT_JSON"],
        [{ pages: 5n }, "NOT_JSON"]
      ] as const) {
        const world = await attempts({}, ({ heartbeat }) => {
          heartbeat(said)
          return 1
        })
        await world.pass(1)
        expect(((await world.run.outcome()).error as RunFailed | undefined)?.failure.code, code).toBe(code)
      }
    })
  })
})
