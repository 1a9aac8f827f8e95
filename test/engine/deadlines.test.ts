// How long a task may wait for its beginning, be silent, and take in all; over restarts, and with people who decide anew.
import { type Run, type RunFailed, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import type { TaskContext } from "../../src/model/task.ts"
import { type Owner, StandingClock } from "../clock.ts"

const failureOf = async (run: Run) => ((await run.outcome()).error as RunFailed).failure
const never = () => new Promise<never>(() => {})

/** A store that outlives its owners, and owners that die when the test says so; with a snapshot after every message, or none. */
const lives = async (workflows: ReadonlyArray<any>, options: object = {}) => {
  const clock = new StandingClock()
  const store = memoryJournal({ isDurable: true })
  const open = () => clock.open({ store, workflows, ...options })
  let owner: Owner = await open()
  return {
    clock,
    get engine() {
      return owner.engine
    },
    submit: (flow: any) => owner.orchestrator.submit(flow, null as never, { id: "r" }) as Promise<Run>,
    /** Time goes by; somebody kills the process in the middle, if that is asked for. */
    pass: async (ms: number, isKilled: boolean) => {
      await clock.advance(Math.floor(ms / 2))
      if (isKilled) {
        await owner.kill()
        owner = await open()
      }
      await clock.advance(ms - Math.floor(ms / 2))
    },
    down: async (ms: number) => {
      await owner.kill()
      clock.jump(ms)
      owner = await open()
      await clock.advance(0)
    },
    run: () => owner.orchestrator.get("r") as Promise<Run>,
    close: () => owner.orchestrator.close()
  }
}

describe.each([
  ["with all messages", {}],
  ["from snapshots alone", { snapshotEvery: 1, keepMessages: 0 }]
])("G11 within: the whole task, %s", (_, options) => {
  const isWhole = !("keepMessages" in options)
  const stuck = task("stuck", { in: type<null>(), out: type<number>(), within: "1s", run: never })
  const stuckFlow = workflow("stuck", type<null>(), { onFailure: "continue" })
    .task("t", stuck, () => null)
    .sleep("on", "1h")
    .returns(($) => $.t)

  test.each([[false], [true]])("is over on time while it is at work (killed: %s)", async (isKilled) => {
    const world = await lives([stuckFlow], options)
    await world.submit(stuckFlow)
    await world.pass(998, isKilled)
    expect((await (await world.run()).tasks())["t"]).toBe("running")
    await world.pass(2, false)
    const run = await world.run()
    expect((await run.tasks())["t"]).toBe("failed")
    expect(await run.report()).toContainEqual(
      expect.objectContaining({
        task: "t",
        failure: expect.objectContaining({ code: "TASK_TIMEOUT", retryable: false })
      })
    )
    if (isWhole) expect((await run.history()).at(-1)).toMatchObject({ type: "timer.fired", task: "t" })
    // and comes back as it is
    await world.down(10)
    expect((await (await world.run()).tasks())["t"]).toBe("failed")
    await world.close()
  })
  test("one that passed while nobody was there is over at once", async () => {
    const world = await lives([stuckFlow], options)
    await world.submit(stuckFlow)
    await world.clock.advance(400)
    await world.down(5_000)
    expect((await (await world.run()).tasks())["t"]).toBe("failed")
    await world.close()
  })

  const flaky = task("flaky", {
    in: type<null>(),
    out: type<number>(),
    within: "1s",
    retry: { attempts: 99, backoff: "fixed", base: "300ms", jitter: "none" },
    run: () => {
      throw new Error("down")
    }
  })
  const flakyFlow = workflow("flaky", type<null>())
    .task("t", flaky, () => null)
    .returns(($) => $.t)
  test.each([[false], [true]])("cuts a pause short (killed: %s)", async (isKilled) => {
    const world = await lives([flakyFlow], options)
    await world.submit(flakyFlow)
    await world.pass(950, isKilled)
    expect((await (await world.run()).status()).status).not.toBe("failed")
    await world.pass(50, false)
    const run = await world.run()
    expect(await failureOf(run)).toMatchObject({ tag: "TaskTimedOut", code: "TASK_TIMEOUT" })
    if (isWhole) expect((await run.history()).filter((one) => one.type === "attempt.failed").length).toBe(4)
    await world.close()
  })
  test("leaves no timers behind, however often it is tried again", async () => {
    const often = task("often", {
      in: type<null>(),
      out: type<number>(),
      within: "10d",
      retry: { attempts: 99, backoff: "fixed", base: "100ms", jitter: "none" },
      run: () => {
        throw new Error("down")
      }
    })
    const flow = workflow("often", type<null>())
      .task("t", often, () => null)
      .returns(($) => $.t)
    const world = await lives([flow], options)
    await world.submit(flow)
    const before = world.engine.timers.size
    await world.clock.advance(5_000)
    expect(world.engine.timers.size).toBeLessThanOrEqual(before + 1)
    await world.close()
  })

  test("counts the time in which a task waits for a slot, at first and between attempts", async () => {
    const hog = task("hog", { in: type<null>(), out: type<number>(), run: never })
    const flow = workflow("hogged", type<null>(), { concurrency: 1, onFailure: "continue" })
      .task("hog", hog, () => null)
      .task("t", flaky, () => null)
      .returns(($) => $.t)
    const world = await lives([flow], options)
    await world.submit(flow)
    await world.clock.advance(10)
    expect((await (await world.run()).tasks())["t"]).toBe("ready")
    await world.pass(985, true)
    expect((await (await world.run()).tasks())["t"]).toBe("ready")
    await world.clock.advance(5)
    expect((await (await world.run()).tasks())["t"]).toBe("failed")
    await world.close()
  })

  test("a task that is done in time is done: its timer is gone", async () => {
    const quick = task("quick", { in: type<null>(), out: type<number>(), within: "1s", run: async () => 1 })
    const flow = workflow("quick", type<null>())
      .task("t", quick, () => null)
      .sleep("on", "1h", { after: ["t"] })
      .returns(($) => $.t)
    const world = await lives([flow], options)
    await world.submit(flow)
    await world.pass(5_000, true)
    const run = await world.run()
    expect((await run.history()).filter((one) => one.type === "timer.fired")).toEqual([])
    expect((await run.tasks())["t"]).toBe("succeeded")
    await world.close()
  })

  test.runIf(isWhole)(
    "a person lets a task that ran out of time begin anew: with all its time, and a new key",
    async () => {
      const keys: Array<string> = []
      const slow = task("slow", {
        in: type<null>(),
        out: type<number>(),
        within: "1s",
        run: (_, { key }) => {
          keys.push(key)
          return keys.length === 1 ? never() : 7
        }
      })
      const flow = workflow("slow", type<null>())
        .task("t", slow, () => null)
        .returns(($) => $.t)
      const world = await lives([flow], options)
      await world.submit(flow)
      await world.clock.advance(1_000)
      expect(await failureOf(await world.run())).toMatchObject({ code: "TASK_TIMEOUT" })
      await (await world.run()).retry("t", { who: "ann" })
      await world.clock.advance(10)
      expect((await (await world.run()).outcome()).output).toBe(7)
      expect(new Set(keys).size).toBe(2)
      // what is written can be read again
      await world.down(10)
      expect((await (await world.run()).outcome()).output).toBe(7)
      await world.close()
    }
  )

  test.runIf(isWhole)("which leaves nothing of the attempt that its time ended", async () => {
    let calls = 0
    const counted = task("counted", {
      in: type<null>(),
      out: type<number>(),
      within: "1s",
      run: () => {
        calls++
        return never()
      }
    })
    const hog = task("hog", { in: type<null>(), out: type<number>(), run: never })
    const flow = workflow("anew", type<null>(), { concurrency: 1, onFailure: "continue" })
      .task("t", counted, () => null)
      .task("hog", hog, () => null)
      .returns(($) => [$.hog, $.t])
    const world = await lives([flow], { graceMs: 1 })
    await world.submit(flow)
    await world.clock.advance(1_010)
    await (await world.run()).retry("t")
    await world.clock.advance(500)
    const messages = await (await world.run()).history()
    // whoever is at work has the only slot
    expect(calls).toBe(1)
    expect(messages.at(-1)).toMatchObject({ type: "run.amended" })
    expect(messages.filter((one) => one.type === "attempt.aborted")).toEqual([])
    await world.close()
  })

  test.runIf(isWhole)("or gives its result by hand, while it waits for a slot as well", async () => {
    const hog = task("hog", { in: type<null>(), out: type<number>(), run: never })
    const quick = task("quick", { in: type<null>(), out: type<number>(), within: "1h", run: async () => 1 })
    const flow = workflow("given", type<null>(), { concurrency: 1 })
      .task("hog", hog, () => null)
      .task("t", quick, () => null)
      .returns(($) => [$.hog, $.t])
    const world = await lives([flow], options)
    await world.submit(flow)
    await world.clock.advance(10)
    await (await world.run()).skip("t", 5)
    await (await world.run()).skip("hog", 6)
    await world.clock.advance(10)
    expect((await (await world.run()).outcome()).output).toEqual([6, 5])
    await world.close()
  })
})

describe("J03 what the body is told", () => {
  test("the reason of its signal is typed, a body that does not listen is abandoned, its answer is late", async () => {
    const reasons: Array<unknown> = []
    let deadline = 0
    let answer: (value: number) => void = () => {}
    const deaf = task("deaf", {
      in: type<null>(),
      out: type<number>(),
      within: "1s",
      timeout: "900ms",
      retry: { attempts: 3, base: 1, jitter: 0 },
      run: (_, { signal, attempt, deadlineAt }) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason))
        if (attempt === 2) deadline = deadlineAt
        return new Promise<number>((resolve) => {
          if (attempt === 2) answer = resolve
        })
      }
    })
    const flow = workflow("deaf", type<null>(), { onFailure: "continue" })
      .task("t", deaf, () => null)
      .sleep("on", "1h")
      .returns(($) => $.t)
    const world = await lives([flow])
    const begun = world.clock.now
    await world.submit(flow)
    await world.clock.advance(1_001)
    expect(reasons.map((one) => (one as { _tag: string })._tag)).toEqual(["AttemptTimedOut", "TaskTimedOut"])
    // the second attempt is told of the end that comes first
    expect(deadline).toBe(begun + 1_000)
    answer(3)
    await world.clock.advance(6_000)
    const run = await world.run()
    expect((await run.tasks())["t"]).toBe("failed")
    expect(await run.history()).toContainEqual(
      expect.objectContaining({ type: "attempt.late", task: "t", attempt: 2, outcome: "succeeded", value: 3 })
    )
    await world.down(10)
    expect((await (await world.run()).tasks())["t"]).toBe("failed")
    await world.close()
  })
})

describe("G11 startWithin: until somebody begins", () => {
  const hog = task("hog", { in: type<null>(), out: type<number>(), timeout: "10s", run: never })
  const soon = task("soon", { in: type<null>(), out: type<number>(), startWithin: "1s", run: async () => 1 })
  const flow = workflow("soon", type<null>(), { concurrency: 1, onFailure: "continue" })
    .task("hog", hog, () => null)
    .task("t", soon, () => null)
    .task("after", soon, () => null, { after: ["hog"] })
    .returns(($) => $.t)
  test.each([[false], [true]])("counts the wait for a slot (killed: %s)", async (isKilled) => {
    const world = await lives([flow])
    await world.submit(flow)
    await world.pass(999, isKilled)
    expect((await (await world.run()).tasks())["t"]).toBe("ready")
    await world.clock.advance(1)
    expect((await (await world.run()).report())[1]).toMatchObject({
      status: "failed",
      failure: { tag: "StartTimedOut", code: "START_TIMEOUT", retryable: false }
    })
    await world.close()
  })
  test("and the wait in the mailbox of an agent; the work is withdrawn there", async () => {
    const did: Array<string> = []
    const ask = (name: string) =>
      task(name, { in: type<string>(), out: type<string>(), needs: "read", startWithin: "1s", timeout: "10s" })
    const busy = workflow("busy", type<null>(), { onFailure: "continue" })
      .task("a", ask("a"), () => "a")
      .task("b", ask("b"), () => "b")
      .returns(($) => [$.a, $.b])
    const clock = new StandingClock()
    let free: () => void = () => {}
    const { orchestrator } = await clock.open({
      agents: [
        {
          id: "reader",
          can: ["read"],
          run: (input: string) => {
            did.push(input)
            return new Promise((resolve) => {
              free = () => resolve(input)
            })
          }
        }
      ]
    })
    const run = await orchestrator.submit(busy, null)
    await clock.advance(999)
    expect(await run.tasks()).toEqual({ a: "running", b: "running" })
    await clock.advance(1)
    expect(await run.tasks()).toEqual({ a: "running", b: "failed" })
    free()
    await clock.advance(10)
    expect(did).toEqual(["a"])
    expect((await run.report())[0]).toMatchObject({ status: "succeeded", value: "a" })
    await orchestrator.close()
  })
  test("what begins in time may take as long as it likes", async () => {
    const slow = task("slow", { in: type<null>(), out: type<number>(), startWithin: "1s", timeout: "1h", run: never })
    const long = workflow("long", type<null>())
      .task("t", slow, () => null)
      .returns(($) => $.t)
    const world = await lives([long])
    await world.submit(long)
    await world.pass(60_000, true)
    expect((await (await world.run()).tasks())["t"]).toBe("running")
    await world.close()
  })
})

describe("J03 heartbeat: the longest silence", () => {
  const beating = (beats: (context: TaskContext) => unknown, more: object = {}) => {
    const def = task("t", {
      in: type<null>(),
      out: type<number>(),
      heartbeat: "1s",
      ...more,
      run: (_, context) => beats(context) as Promise<number>
    })
    return workflow("beats", type<null>())
      .task("t", def, () => null)
      .returns(($) => $.t)
  }
  test("a body that is heard goes on; one that is silent has failed, and may be tried again", async () => {
    const beat: Array<() => void> = []
    const reasons: Array<unknown> = []
    const flow = beating(
      ({ heartbeat, signal, attempt }) => {
        beat.push(heartbeat)
        signal.addEventListener("abort", () => reasons.push(signal.reason))
        return attempt === 2 ? 2 : never()
      },
      { retry: { attempts: 2, base: 10, jitter: 0 } }
    )
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const run = await orchestrator.submit(flow, null)
    for (let i = 0; i < 10; i++) {
      await clock.advance(900)
      beat[0]!()
    }
    expect((await run.history()).length).toBe(1)
    await clock.advance(999)
    expect((await run.history()).length).toBe(1)
    await clock.advance(1)
    expect(await run.history()).toContainEqual(
      expect.objectContaining({
        type: "attempt.failed",
        failure: expect.objectContaining({ tag: "HeartbeatMissed", code: "HEARTBEAT_TIMEOUT", retryable: true })
      })
    )
    expect(reasons).toMatchObject([{ _tag: "HeartbeatMissed", heartbeatMs: 1_000 }])
    await clock.advance(20)
    expect((await run.outcome()).output).toBe(2)
    // whoever is late may beat as long as it likes
    beat[0]!()
    await orchestrator.close()
  })
  test("silence begins anew with the next delivery, and when an agent begins", async () => {
    const flow = beating(never)
    const world = await lives([flow])
    await world.submit(flow)
    await world.clock.advance(900)
    await world.down(100_000)
    await world.clock.advance(999)
    expect((await (await world.run()).status()).status).toBe("running")
    await world.clock.advance(1)
    expect(await failureOf(await world.run())).toMatchObject({ code: "HEARTBEAT_TIMEOUT" })
    await world.close()
  })
  test("a cancelled attempt has its grace, silent or not", async () => {
    let end: () => void = () => {}
    const flow = beating(
      () =>
        new Promise((_, reject) => {
          end = () => reject(new Error("stopped"))
        })
    )
    const clock = new StandingClock()
    const { orchestrator } = await clock.open()
    const run = await orchestrator.submit(flow, null)
    await clock.advance(10)
    await run.cancel()
    await clock.advance(1_500)
    end()
    await clock.advance(10)
    expect((await run.outcome()).status).toBe("cancelled")
    expect((await run.history()).map((one) => one.type)).toEqual(["run.submitted", "run.cancelled", "attempt.aborted"])
    await orchestrator.close()
  })
})

test("a run comes back from a snapshot in which somebody who has ended still stood in the queue", async () => {
  // retries-are-bounded, seed 666973: startWithin 1 ms, one slot, a snapshot after every message
  const hog = task("hog", { in: type<null>(), out: type<number>(), timeout: "10s", run: never })
  const soon = task("soon", { in: type<null>(), out: type<number>(), startWithin: "1s", run: async () => 1 })
  const flow = workflow("queued", type<null>(), { concurrency: 1, onFailure: "continue" })
    .task("hog", hog, () => null)
    .task("t", soon, () => null)
    .returns(($) => $.t)
  const world = await lives([flow], { snapshotEvery: 1, keepMessages: 0 })
  await world.submit(flow)
  await world.clock.advance(1_000)
  await world.down(10)
  expect((await (await world.run()).status()).status).toBe("running")
  expect(await (await world.run()).tasks()).toEqual({ hog: "running", t: "failed" })
  await world.close()
})

describe("slots come back", () => {
  // found while slots were given to tasks whose time runs: whoever had ended in the queue was given one, and kept it
  const fails = task("fails", {
    in: type<number>(),
    out: type<number>(),
    retry: { attempts: 2, backoff: "fixed", base: "10ms", jitter: 0 },
    run: () => {
      throw new Error("down")
    }
  })
  const dies = task("dies", {
    in: type<null>(),
    out: type<number>(),
    timeout: "50ms",
    run: never
  })
  const one = task("one", { in: type<null>(), out: type<number>(), run: async () => 1 })
  const inner = workflow("inner", type<null>())
    .task("a", fails, () => 1)
    .task("b", dies, () => null)
    .returns(($) => [$.a, $.b])

  test("from a task that is cancelled while it waits for its next attempt", async () => {
    const flow = workflow("outer", type<null>(), { concurrency: 1, onFailure: "continue" })
      .use("sub", inner, () => null)
      .sleep("pause", "1s")
      .task("after", one, () => null, { after: ["pause"] })
      .returns(($) => $.after)
    const world = await lives([flow])
    await world.submit(flow)
    await world.clock.advance(2_000)
    expect(await (await world.run()).tasks()).toMatchObject({ sub: "failed", after: "succeeded" })
    await world.close()
  })
  test("from tasks of a workflow that ends while they are queued", async () => {
    const crowd = workflow("crowd", type<null>())
      .task("b", dies, () => null)
      .task("c", one, () => null)
      .task("d", one, () => null)
      .returns(($) => [$.b, $.c, $.d])
    const flow = workflow("outer", type<null>(), { concurrency: 1, onFailure: "continue" })
      .use("sub", crowd, () => null)
      .sleep("pause", "1s")
      .task("after", one, () => null, { after: ["pause"] })
      .returns(($) => $.after)
    const world = await lives([flow])
    await world.submit(flow)
    await world.clock.advance(2_000)
    expect(await (await world.run()).tasks()).toMatchObject({ sub: "failed", after: "succeeded" })
    await world.close()
  })
})
