import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { task, type, workflow } from "troupe"
import * as T from "troupe/effect"
import { JournalBusy, type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { sealed } from "../src/model/run-export.ts"
import { StandingClock } from "./clock.ts"

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
