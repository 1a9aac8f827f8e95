import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { Delivery } from "../../src/engine/writer.ts"
import { load, type Message, task, type, type Workflow, workflow } from "../../src/index.ts"
import { type JournalService, memoryJournal, sqliteJournal } from "../../src/storage/index.ts"
import { open, StandingClock } from "../clock.ts"

const turns = () => new Promise((resolve) => setTimeout(resolve, 20))

/** A workflow of one body that does not end, beside a wait; and the deliveries of its calls. */
const longFlow = () => {
  const calls: Array<number> = []
  const body = task("body", {
    in: type<null>(),
    out: type<null>(),
    run: (_, { delivery }) => {
      calls.push(delivery)
      return new Promise<never>(() => {})
    }
  })
  const flow = workflow("flow", type<null>())
    .task("body", body, () => null)
    .sleep("wait", "1h")
    .returns(($) => $.body)
  return { flow, calls }
}

const live = (journal: JournalService, flow: Workflow) =>
  open({ store: journal, workflows: [flow], graceMs: 5_000, snapshotEvery: 1 })

/** A run that was paused when its process died, its body called once. */
const pausedAndDead = async () => {
  const journal = memoryJournal({ isDurable: true })
  const { flow, calls } = longFlow()
  const first = await live(journal, flow)
  await first.orchestrator.submit(flow, null, { id: "run" })
  await first.orchestrator.pause("run")
  await first.kill()
  return { journal, flow, calls }
}

test("G13 a run that was paused when its process died stays paused: nothing is called again until somebody resumes it", async () => {
  const { journal, flow, calls } = await pausedAndDead()

  const second = await live(journal, flow)
  await turns()
  expect((await second.orchestrator.status("run")).status).toBe("paused")
  expect(calls).toEqual([1])

  await second.orchestrator.resume("run")
  expect(calls).toEqual([1, 2])
  await second.kill()
})

test("G12 a run that was paused when its process died can be cancelled, and ends", async () => {
  const { journal, flow, calls } = await pausedAndDead()

  const second = await live(journal, flow)
  const run = await second.orchestrator.get("run")
  await run.cancel()
  expect((await run.outcome()).status).toBe("cancelled")
  expect(calls).toEqual([1])
  await second.orchestrator.close()
})

test("G13 a paused run that dies twice is still owed its attempt, whatever is kept of it in between", async () => {
  const { journal, flow, calls } = await pausedAndDead()
  const second = await live(journal, flow)
  // every second message of a run is followed by a snapshot
  for (let i = 0; i < 2; i++) await second.orchestrator.pause("run")
  await turns()
  await second.kill()

  const third = await live(journal, flow)
  await third.orchestrator.resume("run")
  expect(calls).toEqual([1, 3])
  await third.kill()
})

test("G07 a timer that fires in the turn of a cancel does not park the run after a restart, with or without a snapshot", async () => {
  const journal = memoryJournal({ isDurable: true })
  const { flow } = longFlow()
  const first = await live(journal, flow)
  await first.orchestrator.submit(flow, null, { id: "run" })
  const run = first.engine.find("run")
  const [place] = run.timers.keys()
  const written = new Promise<void>((resolve) =>
    first.engine.tell(run, { type: "run.cancelled", at: Date.now(), force: false }, () => resolve())
  )
  first.engine.writer.offer(new Delivery(run, { type: "timer.fired", at: Date.now(), task: "wait" }, place, undefined))
  await written
  await first.kill()

  const second = await live(journal, flow)
  const history = await (await second.orchestrator.get("run")).history()
  expect(history.map(({ type }) => type).slice(0, 3)).toEqual(["run.submitted", "run.cancelled", "timer.fired"])
  expect(second.engine.find("run").parked).toBeUndefined()
  await second.orchestrator.close()
})

// kills, seed 1/0: what was on its way when a run ended is written behind its end
test.each<[string, ReadonlyArray<Message>]>([
  [
    "an attempt's end behind the end of its run",
    [cancelled(true), { type: "attempt.aborted", at: 9, task: "body", attempt: 1 }]
  ],
  ["a timer behind the end of its run", [cancelled(true), { type: "timer.fired", at: 9, task: "wait" }]],
  [
    "a timer behind the cancel that stopped it",
    [
      cancelled(false),
      { type: "timer.fired", at: 9, task: "wait" },
      { type: "attempt.aborted", at: 9, task: "body", attempt: 1 }
    ]
  ]
])("G07 %s changes nothing, and does not park the run after a restart", async (_, messages) => {
  const journal = memoryJournal({ isDurable: true })
  const { flow, calls } = longFlow()
  const { epoch } = await Effect.runPromise(journal.claim())
  const submitted: Message = { type: "run.submitted", at: 1, workflow: flow.name, hash: flow.hash, input: null }
  const batch = [submitted, ...messages].map((message, seq) => ({
    run: "run",
    seq,
    message,
    ...(seq === 0 ? { definition: flow } : {})
  }))
  await Effect.runPromise(journal.append(batch, [], epoch))

  const { orchestrator, engine } = await live(journal, flow)
  expect((await orchestrator.status("run")).status).toBe("cancelled")
  expect(engine.find("run").parked).toBeUndefined()
  expect(calls).toEqual([])
  await orchestrator.close()
})

function cancelled(force: boolean): Message {
  return { type: "run.cancelled", at: 8, force }
}

// gates, seed -1707129163: the store said of a run that slept once that it sleeps on, and nobody came back to it
test.each([
  ["its timer fires", { id: "next", kind: "sleep", durationMs: 2_000 }],
  ["its attempt is called again", { id: "next", task: "held" }]
])("G11 a run that had slept and was woken by a message goes on after a restart: %s", async (_, next) => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-woken-"))
  const clock = new StandingClock()
  let calls = 0
  const held = task("held", {
    in: type<null>(),
    out: type<number>(),
    run: () => (++calls === 1 ? new Promise<number>(() => {}) : 7)
  })
  const flow = await load(
    {
      ir: 1,
      name: "flow",
      tasks: [{ id: "asked", kind: "gate", signal: "go" }, { ...next, after: ["asked"] } as never],
      output: { $: "asked" }
    },
    { held }
  )
  for (const how of ["closed", "killed"]) {
    calls = 0
    const options = { workflows: [flow], graceMs: 0 }
    const path = join(folder, `${how}.db`)
    const journal = await sqliteJournal({ path })
    const first = await clock.open({ ...options, store: journal })
    const run = await first.orchestrator.submit(flow, null, { id: "run" })
    await clock.advance(1_000)
    expect(first.engine.runs.size).toBe(0)
    await run.signal("go", 1)
    if (how === "closed") await first.orchestrator.close()
    else {
      await first.kill()
      journal.abandon()
    }
    const second = await clock.open({ ...options, store: `sqlite:${path}` })
    // nobody asks for it
    await clock.advance(60_000)
    expect([how, second.orchestrator.live]).toEqual([how, 0])
    await second.orchestrator.close()
  }
  rmSync(folder, { recursive: true })
})
