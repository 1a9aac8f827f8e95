/**
 * Decisions of people about what has happened: do it again, take this result instead, go back. Each is rehearsed first, and
 * written only if the run is still as it was when somebody looked.
 */
import * as Effect from "effect/Effect"
import { everything } from "../actors/room.ts"
import { AmendmentRefused, StateChanged, type TroupeError } from "../model/errors.ts"
import { ownPath, waitPath } from "../model/failing.ts"
import type { Json } from "../model/json.ts"
import {
  type Cause,
  type GateAnswered,
  type GateRejected,
  type Message,
  type RunAmended,
  said
} from "../model/messages.ts"
import type { Ledger } from "../model/saga.ts"
import { counted } from "./amend.ts"
import { later } from "./background.ts"
import type { Engine } from "./engine.ts"
import { type Past, type Rehearsal, withMessage } from "./past.ts"
import { noteOf } from "./progress.ts"
import type { Recovery } from "./recovery.ts"
import type { LiveRun } from "./run.ts"
import { Delivery } from "./writer.ts"

export interface DecisionOptions extends Cause {
  /** How many messages the run had when somebody looked (`RunState.messages`): refused with `StateChanged` if there are more by now. */
  readonly seen?: number
}

export interface Deciding {
  readonly engine: Engine
  readonly recovery: Recovery
}

/** Times that a decision is worked out again because the run went on meanwhile. */
const triesMax = 20

/** Failed tasks begin anew, with all their attempts and a new idempotency key: one of them, or all. */
export const retry = (
  { engine, recovery }: Deciding,
  run: LiveRun,
  task: string | undefined,
  options: DecisionOptions
) =>
  decide({ engine, recovery }, run, options, ({ ends, ledger, stuck, run: seen }, at) => {
    if (stuck !== undefined && (task ?? stuck.task) === stuck.task)
      return { ...amended(at, [], {}, options), again: stuck.task }
    const failures = ledger?.hasBegun === true ? [] : ends.filter(({ status }) => status !== "cancelled")
    const chosen =
      task === undefined ? countingOf(failures, seen) : failures.filter((end) => ownPath(end.task) === task)
    if (chosen.length === 0) throw refusal(run, task, failures, ledger)
    return amended(at, [...chosen, ...ends.filter(({ status }) => status === "cancelled")], {}, options)
  })

/** A failed task, or one that is at work or waits for a person, gets this result. */
export const skip = async (
  { engine, recovery }: Deciding,
  run: LiveRun,
  task: string,
  value: Json,
  options: DecisionOptions
): Promise<void> => {
  if (isWaiting(run, task))
    return tell(engine, run, { type: "gate.answered", at: engine.now(), task: waitPath(task), value }, options)
  return decide({ engine, recovery }, run, options, ({ ends, owed, ledger, stuck }, at) => {
    if (stuck?.task === task) return amended(at, [], { [task]: value }, options)
    const failures = ledger?.hasBegun === true ? [] : ends.filter(({ status }) => status === "failed")
    const chosen = failures.filter((end) => ownPath(end.task) === task)
    const place = owed.find(task)
    if (chosen.length === 0 && place?.task?.work === undefined) throw refusal(run, task, failures, ledger)
    const forget = chosen.length === 0 ? [] : [...chosen, ...ends.filter(({ status }) => status === "cancelled")]
    return amended(at, forget, { [task]: value }, options)
  })
}

/** A failed task that waits for a person is given up: what waits for it hears that it has failed. */
export const fail = async (
  { engine }: Deciding,
  run: LiveRun,
  task: string,
  options: DecisionOptions
): Promise<void> => {
  if (!isWaiting(run, task))
    throw new AmendmentRefused({
      run: run.id,
      reason: `'${task}' does not wait for a decision; "troupe show ${run.id}" says what does`
    })
  const message = { type: "gate.rejected", at: engine.now(), task: waitPath(task), reason: options.why ?? "" } as const
  return tell(engine, run, message, options)
}

const isWaiting = ({ room }: LiveRun, task: string): boolean => room.gateAt(waitPath(task)) !== undefined

/** What is said to a task that waits is heard by it alone: nothing of the past is decided anew. */
const tell = (
  engine: Engine,
  run: LiveRun,
  message: GateAnswered | GateRejected,
  { seen, ...cause }: DecisionOptions
): Promise<void> => {
  if (seen !== undefined && seen !== run.length)
    throw new StateChanged({ run: run.id, expected: seen, actual: run.length })
  return new Promise((resolve, reject) =>
    engine.tell(run, { ...message, ...said({ who: cause.who, why: cause.why }) }, (error) =>
      error === undefined ? resolve() : reject(error)
    )
  )
}

/** The failures that count: not those that something stood in for, unless there are no others. */
const countingOf = <E extends { readonly task: string }>(
  failures: ReadonlyArray<E>,
  { room }: LiveRun
): ReadonlyArray<E> => {
  const covered = room.degraded.map(({ task }) => task)
  const counting = failures.filter(
    (end) =>
      !covered.some(
        (path) => end.task === path || (end.task.startsWith(path) && /[/[#@~]/.test(end.task[path.length]!))
      )
  )
  return counting.length === 0 ? failures : counting
}

/**
 * Back to where the run was after message `to`, or when a task was done: what came later stays in the history and counts no more.
 * What can be undone of it is undone first.
 */
export const rollback = ({ engine, recovery }: Deciding, run: LiveRun, to: number | string, options: DecisionOptions) =>
  decide({ engine, recovery }, run, options, ({ ledger, run: dry }, at, past) => {
    const seq = seqOf(run, to, past)
    if (ledger?.reaches(seq) === true)
      throw new AmendmentRefused({
        run: run.id,
        reason: `what it had done by message ${seq} has been undone since: start it anew with another id`
      })
    if (ledger?.isOpenAfter(seq) !== true) return { type: "run.rolledBack", at, to: seq, ...said(options) }
    if (dry.outcome === undefined && !ledger.hasBegun) return { type: "run.rewinding", at, to: seq, ...said(options) }
    throw new AmendmentRefused({
      run: run.id,
      reason:
        dry.outcome === undefined
          ? "it undoes what it has done already: wait for its end, or cancel it"
          : `it was ended by force, and what it had done after message ${seq} was not undone: ${ledger.left.join(", ")}`
    })
  })

/** A run that has undone what it did since goes back; or what has failed in it begins anew. */
export const goBack = (where: Deciding, run: LiveRun): Effect.Effect<boolean, unknown> =>
  decideOnce(where, run, {}, ({ rewound, ends, run: { room } }, at) => {
    if (rewound === undefined) throw new AmendmentRefused({ run: run.id, reason: "it does not go back any more" })
    const recoveries = rewound.isRecovery ? { recoveries: room.recoveries + 1 } : {}
    if (rewound.to !== everything) return { type: "run.rolledBack", at, to: rewound.to, ...recoveries }
    return {
      ...amended(
        at,
        ends.filter(({ status }) => status !== "timeout"),
        {},
        {}
      ),
      ...recoveries
    }
  })

/** The number of the message that is meant; throws when it is none that counts. */
const seqOf = (run: LiveRun, to: number | string, { history, snapshot }: Past): number => {
  const all = counted(history.messages, snapshot?.seq)
  const found =
    typeof to === "string"
      ? all.findLast(({ message }) => message.type === "attempt.succeeded" && message.task === to)
      : all.findLast(({ seq }) => seq <= to)
  if (found !== undefined && (typeof to === "string" || found.seq === to) && found.forgottenBy === undefined)
    return found.seq
  throw new AmendmentRefused({
    run: run.id,
    reason:
      typeof to === "string"
        ? `no task '${to}' has been done; "troupe events ${run.id}" lists what has`
        : `message ${to} is none that counts; "troupe events ${run.id}" lists them`
  })
}

const amended = (
  at: number,
  forget: ReadonlyArray<{ readonly seq: number }>,
  give: RunAmended["give"],
  options: DecisionOptions
): RunAmended => ({
  type: "run.amended",
  at,
  forget: forget.map(({ seq }) => seq).sort((a, b) => a - b),
  give,
  ...said(options)
})

const refusal = (
  run: LiveRun,
  task: string | undefined,
  failures: ReadonlyArray<{ readonly task: string }>,
  ledger: Ledger | undefined
) => {
  if (ledger?.hasBegun === true && failures.length === 0)
    return new AmendmentRefused({
      run: run.id,
      reason: "it undoes what it has done: only an undo that has failed for good can be decided about"
    })
  const failed = [...new Set(failures.map((one) => `'${one.task}'`))].slice(0, 10).join(", ")
  return new AmendmentRefused({
    run: run.id,
    reason:
      failed === ""
        ? `no attempt of a task has failed for good${run.outcome?.status === "failed" ? "; what failed is the run itself, which a rollback can take back" : ""}`
        : `'${task}' has not failed for good; these have: ${failed}`
  })
}

type Work = (rehearsal: Rehearsal, at: number, past: Past) => Message

/** Works a decision out, rehearses it, and offers it; again if the run went on meanwhile and nobody said what they saw. */
const decide = async (where: Deciding, given: LiveRun, options: DecisionOptions, work: Work): Promise<void> => {
  let run = given
  for (let tries = 1; ; tries++) {
    try {
      run = await presentOf(where, run)
      if (await Effect.runPromise(decideOnce(where, run, options, work))) return
      if (tries === triesMax) throw new StateChanged({ run: run.id, expected: run.length, actual: run.length })
    } catch (error) {
      if (!(error instanceof StateChanged) || options.seen !== undefined || tries === triesMax) throw error
    }
  }
}

/** The run in memory; where it has left, as it comes back from the journal. */
const presentOf = async ({ engine, recovery }: Deciding, run: LiveRun): Promise<LiveRun> =>
  run.isGone ? (engine.runs.get(run.id) ?? Effect.runPromise(recovery.load(run.id))) : run

/** False, and nothing is written, if the run has meanwhile left memory, or somebody else has brought it back. */
const decideOnce = (
  where: Deciding,
  run: LiveRun,
  { seen }: DecisionOptions,
  work: Work
): Effect.Effect<boolean, unknown> =>
  Effect.gen(function* () {
    const { engine, recovery } = where
    if (seen !== undefined && seen !== run.length)
      return yield* Effect.fail(new StateChanged({ run: run.id, expected: seen, actual: run.length }))
    // what was told to stop ends first: it would not be known whether it had done its work
    yield* Effect.callback<void>((resume) => run.whenCalm(() => resume(Effect.void)))
    const past = yield* recovery.past(run.id, true)
    const length = (past.snapshot?.seq ?? 0) + past.history.messages.length
    if (seen !== undefined && seen !== length)
      return yield* Effect.fail(new StateChanged({ run: run.id, expected: seen, actual: length }))
    const before = yield* Effect.try({ try: () => sound(run, engine.rehearse(run, past)), catch: (error) => error })
    // what is written and has not been delivered tells something to stop: a decision that came between would find it stopping
    if (isStopping(before) && run.outcome === undefined) {
      yield* pause(engine, run)
      return false
    }
    const message = yield* Effect.try({
      try: () => {
        const decision = work(before, engine.now(), past)
        const made = decision.type === "run.amended" ? complete(where, run, past, decision, before) : decision
        sound(run, engine.rehearse(run, withMessage(past, made, engine.options.claim.epoch)))
        return made
      },
      catch: (error) => error
    })
    if (!engine.remember(run)) return false
    yield* Effect.callback<void, TroupeError>((resume) => {
      run.deciding++
      const delivery = new Delivery(run, message, undefined, (error?: TroupeError) => {
        run.decided()
        resume(error === undefined ? Effect.void : Effect.fail(error))
      })
      const { error: _, ...note } = noteOf(run)
      delivery.decision = { past, length }
      delivery.note = { ...note, status: "running" }
      engine.writer.offer(delivery)
    })
    return true
  })

/** Whether something was told to stop by what is written, and has not ended. */
const isStopping = ({ owed }: Rehearsal): boolean => {
  for (const { isAborting } of owed.attempts.values()) if (isAborting) return true
  return false
}

/** Until what has been written may have been delivered; no longer than the run lives here. */
const pause = (engine: Engine, run: LiveRun): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const go = () => resume(Effect.void)
    if (engine.isClosed) return go()
    later(engine, pauseMs, go)
    run.whenEnded(go)
  })
const pauseMs = 25

/** The decision, and with it everything that only followed from what it takes back. */
const complete = (
  { engine }: Deciding,
  run: LiveRun,
  past: Past,
  decision: RunAmended,
  { heard }: Rehearsal
): RunAmended => {
  const strays = { heard, found: [] as Array<number> }
  engine.rehearse(run, withMessage(past, decision, engine.options.claim.epoch), strays)
  if (strays.found.length === 0) return decision
  return { ...decision, forget: [...new Set([...decision.forget, ...strays.found])].sort((a, b) => a - b) }
}

const sound = (run: LiveRun, rehearsal: Rehearsal): Rehearsal => {
  if (rehearsal.problem !== undefined) throw new AmendmentRefused({ run: run.id, reason: rehearsal.problem.message })
  return rehearsal
}
