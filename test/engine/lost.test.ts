// A process that has lost its store to another one says so to everybody who waits for it.
import * as Effect from "effect/Effect"
import { Orchestrator, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { expect, test } from "vitest"

const wait = task("wait", { in: type<null>(), out: type<null>(), run: () => new Promise<null>(() => {}) })
const flow = workflow("flow", type<null>())
  .task("wait", wait, () => null)
  .gate("ok", type<boolean>(), { within: "forever" })
  .returns(($) => $.ok)

/** It leaves memory, and notes that it has. */
const asks = workflow("asks", type<null>())
  .gate("ok", type<boolean>(), { within: "forever" })
  .returns(($) => $.ok)

// found by chaos: whoever asked in the very write that found out was never answered
test("G24 what is asked of a process in the write in which it finds out is refused, not left open", async () => {
  for (const ask of ["pause", "cancel", "answer"] as const) {
    const store = memoryJournal({ isDurable: true })
    const orchestrator = await Orchestrator.open({ store, onDefect: () => {} })
    const run = await orchestrator.submit(flow, null, { id: "r" })
    const ended = run.outcome().catch((error) => error)
    // somebody else takes it over
    await Effect.runPromise(store.claim())
    const asked = ask === "answer" ? run.answer("ok", true) : run[ask]()
    await expect(asked).rejects.toMatchObject({ _tag: "StaleOwner" })
    expect(await ended).toMatchObject({ _tag: "StaleOwner" })
    await orchestrator.close().catch(() => {})
  }
})

// found by chaos: it tried to write its notes every 50 ms, for ever, and never found out
test("G24 a process that has only notes left to write finds out too, and leaves the store alone", async () => {
  const store = memoryJournal({ isDurable: true })
  let tries = 0
  const counted = {
    ...store,
    append: (...given: Parameters<typeof store.append>) => {
      tries++
      return store.append(...given)
    }
  }
  const orchestrator = await Orchestrator.open({ store: counted, onDefect: () => {} })
  const run = await orchestrator.submit(asks, null, { id: "r" })
  const ended = run.outcome().catch((error) => error)
  await Effect.runPromise(store.claim())
  const before = tries
  expect(await ended).toMatchObject({ _tag: "StaleOwner" })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(tries - before).toBeLessThanOrEqual(1)
  await orchestrator.close().catch(() => {})
})
