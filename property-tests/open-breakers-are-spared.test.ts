// Circuit breakers over any number of runs and lives: what is open is spared, and one at a time tries whether it works again.
import { setTimeout as wait } from "node:timers/promises"
import * as fc from "fast-check"
import { task, type, workflow } from "troupe"
import { chaos } from "troupe/chaos"
import { memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"
import { type Owner, StandingClock, settle } from "../test/clock.ts"
import { seed } from "./seed.ts"

/** What happens next: runs come, calls end, time goes by, the process dies, a run is given up. */
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("submit" as const), attempts: fc.integer({ min: 1, max: 4 }) })
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("end" as const), which: fc.nat(20), fails: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("tick" as const), ms: fc.constantFrom(1, 50, 99, 100, 400) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat(20), force: fc.boolean() }) }
  ),
  { minLength: 10, maxLength: 40, size: "max" }
)
const policies = fc.record({
  failures: fc.integer({ min: 1, max: 3 }),
  trials: fc.integer({ min: 1, max: 2 }),
  successes: fc.integer({ min: 1, max: 2 })
})

interface Out {
  readonly life: number
  readonly end: (fails: boolean) => void
}

const story = async (policy: { failures: number; trials: number; successes: number }, todo: ReadonlyArray<any>) => {
  const time = new StandingClock()
  const store = memoryJournal({ isDurable: true })
  let out: Array<Out> = []
  let life = 0
  let owner: Owner
  const seen = { calls: 0, refused: 0, kills: 0, openAtKill: 0 }
  // how the breaker stood, and who was at work, when a body was called
  const wrong: Array<string> = []
  const pay = task("pay", {
    in: type<number>(),
    out: type<number>(),
    run: (_, { signal }) => {
      seen.calls++
      const [one] = owner.orchestrator.breakers()
      if (one!.state === "open") wrong.push("called while open")
      const trials = out.filter((call) => call.life === life).length + 1
      if (one!.state === "halfOpen" && one!.counts.trialsOut > policy.trials)
        wrong.push(`${one!.counts.trialsOut} trials with ${trials} calls out`)
      return new Promise<number>((resolve, reject) => {
        const mine: Out = {
          life,
          end: (fails) => (fails ? reject(new Error("down")) : resolve(1))
        }
        out.push(mine)
        signal.addEventListener("abort", () => {
          out = out.filter((call) => call !== mine)
          reject(signal.reason)
        })
      })
    }
  })
  const flows = [1, 2, 3, 4].map((attempts) =>
    workflow(`pay-${attempts}`, type<number>())
      .task("pay", pay, ($) => $.input, {
        breaker: "bank",
        retry: { attempts, backoff: "fixed", base: "50ms", jitter: "none" }
      })
      .returns(($) => $.pay)
  )
  const live = async () => {
    life++
    out = []
    owner = await time.open({
      store,
      workflows: flows,
      breakers: { bank: { ...policy, reset: "400ms", factor: 1 } },
      onDefect: (error) => wrong.push(String(error))
    })
  }
  await live()
  const ids: Array<string> = []
  for (const step of todo) {
    switch (step.do) {
      case "submit":
        ids.push((await owner!.orchestrator.submit(flows[step.attempts - 1]!, 1)).id)
        break
      case "end": {
        const [one] = out.splice(step.which % Math.max(1, out.length), 1)
        one?.end(step.fails)
        break
      }
      case "tick":
        await time.advance(step.ms)
        break
      case "cancel":
        if (ids.length > 0) await owner!.orchestrator.cancel(ids[step.which % ids.length]!, { force: step.force })
        break
      case "kill": {
        const before = owner!.orchestrator.breakers()
        seen.kills++
        if (before[0]?.state === "open") seen.openAtKill++
        await owner!.kill()
        const calls = seen.calls
        await live()
        const after = owner!.orchestrator.breakers()
        const [was, is] = [before[0], after[0]]
        if (was?.state === "open" && time.now < was.retryAt!.getTime()) {
          if (is?.state !== "open" || is.retryAt!.getTime() !== was.retryAt!.getTime()) wrong.push("not open any more")
          if (seen.calls > calls) wrong.push("a restart calls who is open")
        }
        if (was?.state === "halfOpen" && is?.state === "closed") wrong.push("closed by a restart")
      }
    }
    await settle()
    // nobody who has gone has the place of a trial
    const [one] = owner!.orchestrator.breakers()
    const here = out.filter((call) => call.life === life).length
    if (one !== undefined && one.counts.trialsOut > here)
      wrong.push(`${one.counts.trialsOut} trials, ${here} calls out`)
  }
  // what attempts were told agrees with who was called
  for (const id of ids) {
    const { messages } = await (async () => ({ messages: await (await owner!.orchestrator.get(id)).history() }))()
    seen.refused += messages.filter(
      (one) => one.type === "attempt.failed" && one.failure.code === "CIRCUIT_OPEN"
    ).length
  }
  await owner!.orchestrator.close()
  return { wrong, seen }
}

describe(`breakers over all runs and lives (seed ${seed})`, () => {
  test("G33 while it is open no body is called, trials are as few as allowed, and a kill changes neither", async () => {
    const all = { calls: 0, refused: 0, kills: 0, openAtKill: 0 }
    await fc.assert(
      fc.asyncProperty(policies, steps, async (policy, todo) => {
        const { wrong, seen } = await story(policy, todo)
        for (const key of ["calls", "refused", "kills", "openAtKill"] as const) all[key] += seen[key]
        expect(wrong).toEqual([])
      }),
      { seed, numRuns: 150 }
    )
    // it has been looked at where it matters
    expect(all.refused).toBeGreaterThan(50)
    expect(all.openAtKill).toBeGreaterThan(20)
  })

  test("G33 crashes, storage errors, second owners, clocks and cancelled trials: an open breaker lets nobody through", async () => {
    const call = task("call", {
      in: type<unknown>(),
      out: type<number>(),
      breaker: "bank",
      timeout: "5s",
      retry: { attempts: 5, backoff: "fixed", base: "50ms" },
      run: async () => {
        await wait(10)
        return 1
      }
    })
    const flow = workflow("bank", type<null>(), {
      onFailure: "continue",
      breakers: { bank: { failures: 2, reset: "300ms", factor: 1 } }
    })
      .task("a", call, () => 1)
      .task("b", call, () => 2)
      .task("c", call, () => 3)
      .task("d", call, ($) => $.a)
      .returns(($) => [$.b, $.c, $.d])
    const { crashes } = await chaos(flow, { seed, runs: 1_200, faultsMost: 8, input: null })
    expect(crashes).toBeGreaterThan(100)
  })
})
