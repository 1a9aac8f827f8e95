/** A run as anybody may see it: folded from what is written by the same walk, with nothing performed and nothing written. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { InvalidOption, RunNotFound } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { TaskStatus } from "../model/messages.ts"
import { makeWorkflow } from "../model/workflow.ts"
import { JournalCorrupt, type JournalError } from "../storage/errors.ts"
import type { JournalService, RunRecord } from "../storage/journal.ts"
import { Engine } from "./engine.ts"
import { pathLeft, type RunState, stateOf, taskStates } from "./progress.ts"
import { type Wait, waitsOf } from "./waits.ts"

export interface Look {
  readonly state: RunState
  readonly input: Json
  readonly tasks: { readonly [task: string]: TaskStatus }
  /** What is left of the longest path, and how long it may take. */
  readonly criticalPath: ReadonlyArray<string>
  readonly criticalPathMs: number
  readonly waits: ReadonlyArray<Wait>
  /** Number of the last message that was folded. */
  readonly at: number
}

/** What it takes to look at a run. */
export type Readable = Pick<JournalService, "find" | "read" | "definition" | "snapshot">

/** A run as it is, or as it was after message `at` (counted from 0). */
export const look = (
  journal: Readable,
  run: string,
  at?: number
): Effect.Effect<Look, RunNotFound | InvalidOption | JournalError> =>
  Effect.gen(function* () {
    const record = yield* journal.find(run)
    if (record === undefined) return yield* Effect.fail(new RunNotFound({ run }))
    const ir = yield* journal.definition(record.hash ?? "")
    if (ir === undefined) return yield* Effect.fail(new JournalCorrupt({ run, seq: 0, kind: "shape" }))
    const all = yield* journal.read(run)
    // after a compaction the run begins at its snapshot
    const snapshot = all.first === 0 ? undefined : yield* journal.snapshot(run)
    const [submitted] = (yield* journal.read(run, 0, 1)).messages
    const from = snapshot?.seq ?? 0
    if (at !== undefined && at + 1 < from)
      return yield* Effect.fail(
        new InvalidOption({
          option: "at",
          value: at,
          allowed: `a message from ${from - 1} on: earlier ones were compacted`
        })
      )
    const { messages, epochs } = snapshot === undefined ? all : yield* journal.read(run, from)
    const count = Math.min(at === undefined ? messages.length : at + 1 - from, messages.length)
    const history = { first: from, messages: messages.slice(0, count), epochs: epochs.slice(0, count) }
    const engine = idleEngine(journal as JournalService)
    try {
      const past = { first: submitted, snapshot, history }
      const live = engine.fold(run, makeWorkflow(ir, new Map(), undefined), past, undefined)
      // the past is looked at with the clock of the past
      const now = count < messages.length ? live.updatedAt : Date.now()
      const { path, ms } = pathLeft(live, now)
      const state = stateOf(live, now)
      return {
        state: count < messages.length ? { ...state, messages: from + messages.length } : asNoted(state, record),
        input: live.input,
        tasks: taskStates(live),
        criticalPath: path,
        criticalPathMs: ms,
        waits: waitsOf(live),
        at: from + count - 1
      }
    } finally {
      engine.abandon()
    }
  })

/** What the messages do not say, because it is about the process that drives the run: it is parked, or left alone. */
const asNoted = (state: RunState, record: RunRecord): RunState => {
  const { status, error } = record
  if ((status !== "parked" && status !== "quarantined") || state.endedAt !== undefined) return state
  return {
    ...state,
    status,
    error:
      error === undefined
        ? state.error
        : { task: error.task, failure: { tag: error.code, code: error.code, message: error.message, retryable: false } }
  }
}

/** An engine that performs nothing. */
export const idleEngine = (journal: JournalService): Engine =>
  new Engine({
    journal,
    claim: { epoch: 0, wasClean: true, crashes: 0, memo: "" },
    isIdle: true,
    context: Context.empty(),
    balance: "least-loaded",
    allow: {},
    runsMax: 1,
    retainRuns: 1,
    retainMessages: Number.MAX_SAFE_INTEGER,
    mailboxMax: 0,
    graceMs: 0,
    snapshotEvery: Number.MAX_SAFE_INTEGER,
    timeScale: 1,
    newId: () => "",
    onDue: () => {},
    // what was defect in the run is in its state
    onDefect: () => {}
  })
