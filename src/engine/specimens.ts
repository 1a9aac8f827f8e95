/**
 * V8 forgets the hidden class of a kind of object when the last one of it dies in a full collection, and with it throws away
 * all code that it had optimised for that class. An orchestrator that was idle for a moment would then start the next run at
 * half its speed (measured: 9 µs a task instead of 4; docs/decisions/0006). So one specimen of everything that a run is made of
 * is kept for as long as the process lives: a run that stands still on a clock that stands still. It costs some 50 kB, is
 * listed nowhere, and keeps no process alive.
 */
import type * as Clock from "effect/Clock"
import { Clock as ClockService } from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { WorkflowIR } from "../model/ir.ts"
import { deepFreeze } from "../model/json.ts"
import { type } from "../model/schemas.ts"
import { type TaskDef, task } from "../model/task.ts"
import { makeWorkflow } from "../model/workflow.ts"
import { memoryJournal } from "../storage/memory.ts"
import { Engine } from "./engine.ts"

const kept: Array<object> = []

/** Keeps the specimens; done once, when the first engine is opened. */
export const keepSpecimens = (): void => {
  if (kept.length > 0) return
  const engine = new Engine({
    journal: memoryJournal(),
    claim: { epoch: 0, wasClean: true, crashes: 0, memo: "" },
    context: Context.make(ClockService, stillClock),
    balance: "least-loaded",
    allow: {},
    runsMax: 1,
    retainRuns: 1,
    retainMessages: 1_000,
    mailboxMax: 1,
    graceMs: 0,
    snapshotEvery: 1_000,
    timeScale: 1,
    newId: () => "specimen",
    onDue: () => {},
    onDefect: () => {}
  })
  kept.push(engine)
  engine.submit(
    makeWorkflow(
      specimen,
      new Map<string, TaskDef>([
        ["held", held],
        ["quick", quick]
      ]),
      undefined
    ),
    "specimen",
    null
  )
}

const held = task("held", { in: type(), out: type(), run: () => new Promise(() => {}) })
const quick = task("quick", { in: type(), out: type(), run: async () => 1 })

/** One of each kind of task: done, at work, asleep, asked for an answer, an item of a fan-out. */
const specimen: WorkflowIR = deepFreeze({
  ir: 1,
  name: "specimen",
  tasks: [
    { id: "done", task: "quick", input: { x: { $: "input" } } },
    { id: "out", task: "held", input: { $: "done" } },
    { id: "list", task: "held", input: [{ $: "done" }] },
    { id: "asleep", kind: "sleep", durationMs: 1_000 },
    { id: "asked", kind: "gate", withinMs: 1_000, otherwise: "fail" },
    { id: "items", kind: "map", over: 2, each: { task: "held" } }
  ]
})

const never = { millis: Effect.succeed(0), nanos: Effect.succeed(0n) }
/** It is always the same time, and nobody ever wakes. */
const stillClock: Clock.Clock = {
  currentTimeMillisUnsafe: () => 0,
  currentTimeMillis: never.millis,
  currentTimeNanosUnsafe: () => 0n,
  currentTimeNanos: never.nanos,
  monotonicTimeNanosUnsafe: () => 0n,
  monotonicTimeNanos: never.nanos,
  sleep: () => Effect.never
}
