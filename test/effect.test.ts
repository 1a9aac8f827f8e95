import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { Orchestrator, task, type, workflow } from "troupe"
import * as T from "troupe/effect"
import { JournalBusy, type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { sealed } from "../src/model/run-export.ts"
import { StandingClock, settle } from "./clock.ts"

const num = task("num", { in: type<number>(), out: type<number>(), run: (n) => n + 1 })
const run = <A, E>(program: Effect.Effect<A, E, T.Troupe>, options?: Parameters<typeof T.layer>[0]) =>
  Effect.runPromise(Effect.exit(Effect.provide(program, T.layer(options))))
const tagOf = <A, E extends { readonly _tag: string }, R>(ask: Effect.Effect<A, E, R>) =>
  Effect.match(ask, { onSuccess: () => "answered", onFailure: ({ _tag }): string => _tag })

describe("the Effect face", () => {
  test("submits, asks and waits; the orchestrator ends with its scope", async () => {
    const exit = await run(
      Effect.gen(function* () {
        const submitted = yield* T.submit(
          workflow("w", type<number>())
            .task("a", num, ($) => $.input)
            .returns(($) => $.a),
          1,
          { id: "r" }
        )
        const result = yield* submitted.result
        const state = yield* (yield* T.get("r")).status
        return [result, state.status, (yield* T.list()).runs.length]
      })
    )
    expect(exit).toEqual(Exit.succeed([2, "succeeded", 1]))
  })
  test("errors are in the type, and can be caught by tag", async () => {
    const bad = task("bad", {
      in: type<null>(),
      out: type<number>(),
      run: () => {
        throw new Error("no")
      }
    })
    const exit = await run(
      T.execute(bad, null).pipe(Effect.catchTag("RunFailed", ({ failure }) => Effect.succeed(failure.message)))
    )
    expect(exit).toEqual(Exit.succeed("no"))
    expect(Exit.isFailure(await run(T.get("nope")))).toBe(true)
  })
  test("what a store cannot answer is a typed error, also for a run that only waits and was read again", async () => {
    const busy = new JournalBusy({ path: "runs.db" })
    let isBusy = false
    const journal = memoryJournal({ isDurable: true })
    const store: JournalService = {
      ...journal,
      find: (id) => (isBusy ? Effect.fail(busy) : journal.find(id)),
      list: (query) => (isBusy ? Effect.fail(busy) : journal.list(query))
    }
    const nap = workflow("nap", type<null>())
      .sleep("z", "1h")
      .returns(($) => $.z)
    const program = Effect.gen(function* () {
      const waiting = yield* T.submit(nap, null, { id: "n" })
      // it leaves memory soon
      yield* Effect.sleep(50)
      isBusy = true
      const { status, tasks, report } = waiting
      const asked = [tagOf(status), tagOf(tasks), tagOf(report), tagOf(waiting.pause()), tagOf(T.get("n"))]
      return yield* Effect.all([...asked, tagOf(T.list())])
    })
    expect(await run(program, { store })).toEqual(Exit.succeed(Array(6).fill("JournalBusy")))
  })
  test("a run that was left alone for killing the process fails as that, in the type as well", async () => {
    const error = { task: "z", code: "POISON", message: "it kills" }
    const nap = workflow("nap", type<null>())
      .sleep("z", "1h")
      .returns(($) => $.z)
    const program = Effect.gen(function* () {
      const { orchestrator } = yield* T.Troupe
      yield* T.submit(nap, null, { id: "n" })
      return yield* Effect.promise(() => orchestrator.exportRun("n"))
    })
    const exit = await run(program, { store: memoryJournal({ isDurable: true }) })
    const { checksum: _, ...content } = JSON.parse(JSON.stringify(Exit.isSuccess(exit) ? exit.value : undefined))
    const alone = sealed({ ...content, status: "quarantined", error })
    const other = Effect.gen(function* () {
      const { orchestrator } = yield* T.Troupe
      yield* Effect.promise(() => orchestrator.importRun(JSON.parse(JSON.stringify(alone))))
      const { outcome, result } = yield* T.get("n")
      return [
        yield* Effect.catchTag(outcome, "RunPoisoned", ({ task }) => Effect.succeed(task)),
        yield* Effect.catchTag(result, "RunPoisoned", ({ task }) => Effect.succeed(task))
      ]
    })
    expect(await run(other, { store: memoryJournal({ isDurable: true }) })).toEqual(Exit.succeed(["z", "z"]))
  })
  test("bodies may be Effects with services of their own, interrupted when they are cancelled", async () => {
    class Rate extends Context.Service<Rate, number>()("test/Rate") {}
    const log: Array<string> = []
    const rated = task("rated", {
      in: type<number>(),
      out: type<number>(),
      run: ((n: number) =>
        Effect.gen(function* () {
          return n * (yield* Rate)
        })) as never
    })
    const endless = task("endless", {
      in: type<null>(),
      out: type<null>(),
      run: (() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))) as never
    })
    const program = Effect.gen(function* () {
      const product = yield* T.execute(rated, 4)
      const waiting = yield* T.submit(endless, null)
      yield* waiting.cancel()
      return [product, (yield* waiting.outcome).status]
    })
    const layer = Layer.provideMerge(T.layer(), Layer.succeed(Rate, 10))
    expect(await Effect.runPromise(Effect.provide(program, layer))).toEqual([40, "cancelled"])
    expect(log).toEqual(["interrupted"])
  })
  test("has every verb that the Promise face has: of the orchestrator, and of a run", async () => {
    // one run is asked for first, and then steered
    const byRun = [
      ...["status", "pause", "resume", "cancel", "answer", "reject", "signal"],
      ...["retry", "skip", "fail", "rollback"]
    ]
    const ofTheLayer = ["constructor", "close"]
    const verbs = Object.getOwnPropertyNames(Orchestrator.prototype).filter(
      (name) => !byRun.includes(name) && !ofTheLayer.includes(name)
    )
    expect(verbs.length).toBeGreaterThan(15)
    expect(verbs.filter((name) => !Object.hasOwn(T, name))).toEqual([])
    await using orchestrator = await Orchestrator.open()
    const plain = await orchestrator.submit(num, 1)
    const ofRuns = Object.getOwnPropertyNames(Object.getPrototypeOf(plain)).filter((name) => name !== "constructor")
    const effectful = await Effect.runPromise(Effect.provide(T.submit(num, 1), T.layer()))
    expect([...byRun, "result", "waits"].filter((name) => !ofRuns.includes(name))).toEqual([])
    expect(ofRuns.filter((name) => !Object.hasOwn(effectful, name))).toEqual([])
  })
  test("breakers are told what to do, with errors in the type", async () => {
    const program = Effect.gen(function* () {
      const bank = yield* T.breaker("bank")
      const opened = yield* bank.forceOpen({ who: "ann", why: "maintenance" })
      const [seen] = yield* T.breakers
      const refused = yield* Effect.flip(T.execute(pay, 1).pipe(Effect.catchTag("RunFailed", Effect.fail)))
      const closed = yield* bank.reset()
      return [
        [opened.state, opened.who, seen?.state, closed.state],
        (refused as T.RunError & { failure: { code: string } }).failure.code,
        yield* T.execute(pay, 1),
        yield* tagOf(T.breaker("bnak"))
      ]
    })
    const pay = task("pay", { in: type<number>(), out: type<number>(), breaker: "bank", run: (n) => n })
    expect(await run(program, { breakers: { bank: {} } })).toEqual(
      Exit.succeed([["forcedOpen", "ann", "forcedOpen", "closed"], "CIRCUIT_OPEN", 1, "PolicyUnknown"])
    )
  })
  test("agents join, answer and leave; what is in the way of calls is shown", async () => {
    const program = Effect.gen(function* () {
      yield* T.addAgent({ id: "anna", can: ["price"], run: (given: number) => given * 2 })
      const message = { sender: "me", recipient: "anna", action: "price", payload: 4, requiresResponse: true }
      const answer = yield* T.send(message)
      const there = Object.keys(yield* T.agents)
      const left = [yield* T.removeAgent("anna"), yield* T.removeAgent("anna")]
      return [answer, there, left, yield* tagOf(T.send(message)), (yield* T.bulkheads).length, (yield* T.rates).length]
    })
    const limits = { bulkheads: { bank: { concurrent: 1 } }, rates: { bank: { perSecond: 1 } } }
    expect(await run(program, limits)).toEqual(Exit.succeed([8, ["anna"], [true, false], "NoRecipient", 1, 1]))
  })
  test("a run moves from one store to another, and whoever watches stops with the scope", async () => {
    const seen: Array<string> = []
    const there = await run(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* T.inspect(({ type: what }: { type: string }) => seen.push(what))
            yield* T.execute(num, 1, { id: "moves" })
          })
        )
        const watched = seen.length
        yield* T.execute(num, 2)
        return [watched > 0, seen.length === watched, yield* T.exportRun("moves"), yield* T.live] as const
      })
    )
    if (!Exit.isSuccess(there)) throw new TypeError(String(there))
    const [wasWatched, hasStopped, exported, live] = there.value
    expect([wasWatched, hasStopped, live]).toEqual([true, true, 0])
    const here = await run(
      Effect.gen(function* () {
        yield* T.register(num)
        const moved = yield* T.importRun(exported)
        return [moved.id, yield* moved.result]
      })
    )
    expect(here).toEqual(Exit.succeed(["moves", 2]))
  })
  test("interrupting execute cancels the run", async () => {
    const nap = workflow("nap", type<null>())
      .sleep("z", "1h")
      .returns(($) => $.z)
    const exit = await run(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(T.execute(nap, null, { id: "n" }))
        yield* Effect.sleep(10)
        yield* Fiber.interrupt(fiber)
        return (yield* (yield* T.get("n")).outcome).status
      })
    )
    expect(exit).toEqual(Exit.succeed("cancelled"))
  })
  test("a TestClock drives waits, pauses and timeouts", async () => {
    let tries = 0
    const flaky = task("flaky", {
      in: type<null>(),
      out: type<number>(),
      retry: { attempts: 2, base: "1h", jitter: 0 },
      run: () => {
        if (++tries < 2) throw new Error("no")
        return tries
      }
    })
    const flow = workflow("long", type<null>())
      .sleep("z", "25d")
      .task("f", flaky, () => null, { after: ["z"] })
      .returns(($) => $.f)
    const program = Effect.gen(function* () {
      const submitted = yield* T.submit(flow, null)
      const settle = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      for (let day = 0; day < 26; day++) {
        yield* TestClock.adjust("1 day")
        yield* settle
      }
      return yield* submitted.result
    })
    const start = performance.now()
    expect(await Effect.runPromise(Effect.provide(program, Layer.provideMerge(T.layer(), TestClock.layer())))).toBe(2)
    expect(performance.now() - start).toBeLessThan(3_000)
  })
})

test("a body that is an Effect is interrupted at once when it is cancelled: the grace period is for those who do not listen", async () => {
  const log: Array<string> = []
  const clock = new StandingClock()
  const { orchestrator } = await clock.open({ graceMs: 60_000 })
  const patient = task("patient", {
    in: type<null>(),
    out: type<null>(),
    run: (() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))) as never
  })
  const run = await orchestrator.submit(patient, null)
  await clock.advance(0)
  await run.cancel()
  expect([(await run.outcome()).status, ...log]).toEqual(["cancelled", "interrupted"])
  await orchestrator.close()
})

describe("schedules", () => {
  test("G20 in the Effect face a schedule fires by the clock around it, and says in its type what may be wrong", async () => {
    const step = task("step", { in: type<{ readonly due: string }>(), out: type<string>(), run: ({ due }) => due })
    const program = Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 20))
      const nightly = yield* T.schedule("nightly", step, {}, { cron: "30 2 * * *", dueAs: "due" })
      yield* TestClock.adjust("3 hours")
      yield* Effect.promise(() => settle())
      const run = yield* T.get("nightly@2026-11-20T02:30:00.000Z")
      const [one] = yield* T.schedules
      const paused = yield* nightly.pause({ why: "audit" })
      const unknown = yield* Effect.flip(T.scheduled("nghtly"))
      const wrong = yield* Effect.flip(T.schedule("other", step, {}, { cron: "0 0 30 2 *", dueAs: "due" }))
      return [yield* run.result, one?.counts, paused.state, unknown._tag, wrong._tag]
    })
    const done = await Effect.runPromise(Effect.provide(program, Layer.provideMerge(T.layer(), TestClock.layer())))
    expect(done).toEqual([
      "2026-11-20T02:30:00.000Z",
      { begun: 1, passed: 0 },
      "paused",
      "ScheduleUnknown",
      "InvalidOption"
    ])
  })
})
