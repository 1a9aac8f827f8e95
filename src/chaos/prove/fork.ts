/**
 * One life of the shipped engine at one point of a run: the run is folded from its messages by the walk that recovers it after a
 * crash, and what it is owed is performed. From there one step is taken. No time passes and nothing happens by itself: what is
 * due is fired by whoever takes the step, and what the engine puts off to a later turn happens as soon as it is put off.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Scheduler } from "effect/Scheduler"
import type { Attempt } from "../../engine/attempts.ts"
import { Engine } from "../../engine/engine.ts"
import { answer } from "../../engine/gates.ts"
import type { LiveRun } from "../../engine/run.ts"
import { TroupeError } from "../../model/errors.ts"
import type { Json } from "../../model/json.ts"
import type { Message } from "../../model/messages.ts"
import type { Entry, JournalService } from "../../storage/journal.ts"
import { memoryJournal } from "../../storage/memory.ts"
import { runId } from "../story.ts"
import { type Bodies, type Called, start } from "./bodies.ts"

/** Real turns: taken before anybody could replace them. */
const realTurn = setImmediate
/** Real turns after which code between the engine and a body is taken to wait for something real. */
const turnsMax = 1_000

/** Names an attempt of a task. */
export const attemptId = (task: string, attempt: number): string => `${task}#${attempt}`

/** What is written so far. */
export interface Tape {
  readonly messages: Array<Message>
  readonly epochs: Array<number>
}

export class Fork {
  readonly engine: Engine
  readonly tape: Tape
  readonly life: number
  /** Bodies that the engine has called, in order. */
  readonly called = new Map<string, Called>()
  /** What no caller can be told about. */
  readonly defects: Array<unknown> = []
  readonly #bodies: Bodies
  #turns: Array<() => void> = []

  constructor(bodies: Bodies, tape: Tape, life: number) {
    this.#bodies = bodies
    this.tape = tape
    this.life = life
    this.engine = new Engine({
      journal: { ...journal, append: (batch, _, epoch) => this.#append(batch, epoch) },
      claim: { epoch: life, wasClean: false, crashes: life - 1, memo: "" },
      context: contextOf((turn) => this.#turns.push(turn)),
      balance: "least-loaded",
      allow: {},
      // a call that is refused is one that fails: which may happen at any attempt, as a fault
      isUnguarded: true,
      runsMax: 1,
      retainRuns: 1,
      retainMessages: Number.MAX_SAFE_INTEGER,
      mailboxMax: 1_000_000,
      graceMs: 50,
      snapshotEvery: Number.MAX_SAFE_INTEGER,
      timeScale: 1,
      newId: () => runId,
      onDue: () => {},
      onDefect: (error) => this.defects.push(error)
    })
    for (const agent of bodies.agents) this.engine.router.join(agent)
  }

  get run(): LiveRun | undefined {
    return this.engine.runs.get(runId)
  }

  /** The run begins. */
  async submit(input: Json): Promise<void> {
    this.#listen()
    this.engine.submit(this.#bodies.workflow, runId, input)
    await this.rest()
  }

  /** The run comes back, as after a crash. */
  async recover(): Promise<void> {
    this.#listen()
    const run = this.#fold()
    this.engine.performOwed(run)
    await this.rest()
  }

  /** The run as it was in the life that is still going on: attempts that were told to stop are still about to. */
  async goOn(): Promise<void> {
    this.#listen()
    const run = this.#fold()
    const stopping: Array<string> = []
    for (const [path, attempt] of run.owed?.attempts ?? []) {
      if (!attempt.isAborting) continue
      attempt.isAborting = false
      stopping.push(path)
    }
    this.engine.performOwed(run)
    await this.rest()
    for (const attempt of outOf(run)) if (stopping.includes(attempt.task)) this.engine.attempts.abort(attempt, told)
    await this.rest()
  }

  #fold(): LiveRun {
    const { messages, epochs } = this.tape
    const history = { first: 0, messages: [...messages], epochs: [...epochs] }
    return this.engine.fold(
      runId,
      this.#bodies.workflow,
      { first: messages[0], snapshot: undefined, history },
      undefined
    )
  }

  #listen(): void {
    this.#bodies.heard = (one) => void this.called.set(attemptId(one.context.task, one.context.attempt), one)
  }

  #append(batch: ReadonlyArray<Entry>, epoch: number): Exit.Exit<void> {
    for (const { message } of batch) {
      this.tape.messages.push(message)
      this.tape.epochs.push(epoch)
    }
    return Exit.void
  }

  /** Everything that has been put off happens; code that is really asynchronous on the way to a body gets real turns. */
  async rest(): Promise<void> {
    this.#drain()
    for (let turn = 0; turn < turnsMax && this.#isOnTheWay(); turn++) {
      await new Promise<void>((resolve) => realTurn(resolve))
      this.#drain()
    }
  }

  #drain(): void {
    while (this.#turns.length > 0) {
      const turns = this.#turns
      this.#turns = []
      for (const turn of turns) turn()
    }
  }

  /** Whether an attempt is out whose body is not called yet, or has answered already. */
  #isOnTheWay(): boolean {
    const { run } = this
    if (run === undefined) return false
    for (let attempt = run.out; attempt !== undefined; attempt = attempt.next) {
      const called = this.called.get(attemptId(attempt.task, attempt.attempt))
      if (called === undefined || called.reply.isSettled) return true
    }
    return false
  }

  // ── one step ─────────────────────────────────────────────────────────────────────────────────────

  attempt(task: string, number: number): Attempt | undefined {
    const { run } = this
    return run === undefined ? undefined : outOf(run).find((one) => one.task === task && one.attempt === number)
  }

  /** Fires what a task, or a whole workflow, waits for; false when it waits for nothing. */
  fires(path: string): boolean {
    for (const [place, timer] of this.run?.timers ?? []) {
      if (place.path !== path) continue
      this.engine.timers.stop(timer)
      timer.fire()
      return true
    }
    return false
  }

  /** Answers a gate; gives why that was refused. */
  async answers(gate: string, value: Json): Promise<TroupeError | undefined> {
    let refusal: unknown
    let isOver = false
    answer(this.engine, async () => this.run!, gate, value, {}).then(
      () => {
        isOver = true
      },
      (error) => {
        isOver = true
        refusal = error
      }
    )
    for (let turn = 0; turn < turnsMax && !isOver; turn++) {
      await new Promise<void>((resolve) => realTurn(resolve))
      this.#drain()
    }
    if (refusal === undefined || refusal instanceof TroupeError) return refusal as TroupeError | undefined
    throw refusal
  }
}

const told = new DOMException("the attempt was cancelled", "AbortError")

/** Attempts that are out, those that began first in front. */
export const outOf = (run: LiveRun): ReadonlyArray<Attempt> => {
  const out: Array<Attempt> = []
  for (let attempt = run.out; attempt !== undefined; attempt = attempt.next) out.push(attempt)
  return out.reverse()
}

/** Answers what is asked for besides appending, as a journal does that has forgotten all that may be forgotten. */
const journal: JournalService = memoryJournal({ isDurable: true })

/** A clock that stands still, and a scheduler that hands over what is put off. */
const contextOf = (putOff: (turn: () => void) => void): Context.Context<never> => {
  const dispatcher = { scheduleTask: putOff, flush: () => {} }
  const scheduler: Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => fiber.currentOpCount >= 2_048,
    makeDispatcher: () => dispatcher
  }
  return Context.make(Clock.Clock, clock).pipe(Context.add(Scheduler, scheduler)) as Context.Context<never>
}

const nanos = BigInt(start) * 1_000_000n
const clock = {
  currentTimeMillisUnsafe: () => start,
  currentTimeMillis: Effect.succeed(start),
  currentTimeNanosUnsafe: () => nanos,
  currentTimeNanos: Effect.succeed(nanos),
  monotonicTimeNanosUnsafe: () => nanos,
  monotonicTimeNanos: Effect.succeed(nanos),
  sleep: () => Effect.never
} as Clock.Clock
