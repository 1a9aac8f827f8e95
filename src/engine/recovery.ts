/**
 * Runs come back from the journal: their messages are folded by the same walk that once delivered them, with nothing performed;
 * then what they are still owed is performed. Those that only wait come back when they are due, or when somebody asks for them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { OrchestratorClosed, RunNotFound, RunPoisoned, TroupeError, VersionUnavailable } from "../model/errors.ts"
import { isTerminal } from "../model/messages.ts"
import type { Workflow } from "../model/workflow.ts"
import { JournalBroken, JournalBusy, JournalCorrupt, type JournalError } from "../storage/errors.ts"
import type { JournalService, RunRecord } from "../storage/journal.ts"
import { reachOf } from "./amend.ts"
import type { Engine } from "./engine.ts"
import { eachUnfinished } from "./pages.ts"
import type { Past } from "./past.ts"
import type { LiveRun } from "./run.ts"
import { Visits } from "./visits.ts"

/** How long until a run is brought back again that could not be read, in milliseconds. */
const againMs = 1_000
/** Runs that are brought back in one turn. */
const turn = 256
/** Histories up to so many messages are read at once, without asking for a snapshot first. */
const shortMost = 250

export class Recovery {
  readonly #engine: Engine
  readonly #journal: JournalService
  /** Attempts that come back in a second at most, so that a restart is no stampede on what they talk to. */
  readonly #startsPerSecond: number
  /** Runs to be brought back, with what was listed of them a moment ago. */
  readonly #due: Array<{ readonly id: string; readonly listed?: RunRecord }> = []
  /** Runs whose attempts may not go on yet. */
  readonly held = new Set<string>()
  #isWaking = false
  readonly #visits: Visits

  constructor(engine: Engine, startsPerSecond: number) {
    this.#engine = engine
    this.#visits = new Visits(engine)
    this.#journal = engine.options.journal
    this.#startsPerSecond = startsPerSecond
  }

  /** Learns which runs are unfinished; none is in memory yet. `seen` hears of those that do not only wait. */
  begin(seen: (record: RunRecord) => void = () => {}): Effect.Effect<void, JournalError> {
    return Effect.gen({ self: this }, function* () {
      const see = (record: RunRecord) => {
        if (this.#expect(record)) seen(record)
      }
      yield* eachUnfinished(this.#journal, see, true)
      yield* eachUnfinished(this.#journal, see, false)
    })
  }

  #expect(record: RunRecord): boolean {
    const { run, dueAt } = record
    const rests = isResting(record)
    this.#engine.dormant.sleep(run, rests ? dueAt : undefined)
    if (!rests) this.#due.push({ id: run, listed: record })
    return !rests
  }

  /** Brings back those that do not only wait, a few at a time. */
  wake(): void {
    if (this.#isWaking || this.#due.length === 0) return
    this.#isWaking = true
    this.#engine.fork(
      Effect.ensuring(
        Effect.gen({ self: this }, function* () {
          while (this.#due.length > 0) {
            const since = this.#engine.now()
            let starts = 0
            for (const { id, listed } of this.#due.splice(0, turn)) {
              if (!this.#engine.dormant.has(id)) continue
              // whatever is wrong with one run, the others come back
              const run = yield* Effect.exit(listed === undefined ? this.load(id) : this.#bring(listed))
              if (Exit.isSuccess(run)) {
                starts += run.value.attempts
                this.#engine.mayLeave(run.value)
              } else this.#missed(id, Cause.squash(run.cause))
            }
            const leastMs = (1_000 * starts) / this.#startsPerSecond - (this.#engine.now() - since)
            yield* leastMs >= 1 ? Effect.sleep(leastMs) : Effect.yieldNow
          }
        }),
        Effect.sync(() => {
          this.#isWaking = false
        })
      )
    )
  }

  /** A run could not be brought back. A disk that does not answer now may answer later; whatever else is wrong stays wrong. */
  #missed(id: string, error: unknown): void {
    const { dormant, options, isClosed } = this.#engine
    options.onDefect(error)
    if (!isClosed && (error instanceof JournalBroken || error instanceof JournalBusy))
      dormant.again(id, this.#engine.now() + againMs)
  }

  /** A sleeping run is due. */
  due(id: string): void {
    this.#due.push({ id })
    this.wake()
  }

  /** Something has come for a run; nothing happens if it is gone, or cannot be read now. */
  call(id: string, use: (run: LiveRun) => void): void {
    const { fork, options } = this.#engine
    fork(
      Effect.match(this.load(id), {
        onSuccess: (run) => this.#engine.isClosed || use(run),
        onFailure: (error) => (error._tag === "RunNotFound" ? undefined : options.onDefect(error))
      })
    )
  }

  /** The run that had an id before; a promise when there is one, or when the journal takes its time. */
  before(id: string): undefined | Promise<LiveRun | undefined> {
    const found = this.#journal.find(id)
    if (Exit.isExit(found) && Exit.isSuccess(found) && found.value === undefined) return undefined
    return Effect.runPromise(
      Effect.flatMap(found, (record) => (record === undefined ? Effect.succeed(undefined) : this.load(id)))
    ) as Promise<LiveRun | undefined>
  }

  /** A run by its id, brought into memory if it is not there. */
  load(id: string): Effect.Effect<LiveRun, RunNotFound | OrchestratorClosed | JournalError> {
    const here = this.#engine.runs.get(id)
    if (here !== undefined) return Effect.succeed(here)
    return this.#engine.isClosed ? Effect.fail(new OrchestratorClosed()) : this.#read(id)
  }

  #read(id: string): Effect.Effect<LiveRun, RunNotFound | JournalError> {
    return Effect.gen({ self: this }, function* () {
      const record = yield* this.#journal.find(id)
      return yield* record === undefined ? Effect.fail(new RunNotFound({ run: id })) : this.#bring(record)
    })
  }

  #bring(record: RunRecord): Effect.Effect<LiveRun, JournalError> {
    return Effect.suspend(() => {
      const engine = this.#engine
      return Effect.catchTag(this.#fold(record), "JournalCorrupt", (error) =>
        Effect.sync(() => this.#quarantine(record, error)).pipe(Effect.andThen(Effect.fail(error)))
      ).pipe(
        Effect.tap((run) =>
          Effect.sync(() => {
            engine.awake(run)
            run.isSuspect = this.held.has(record.run)
            if (run.parked !== undefined || (run.outcome !== undefined && !isTerminal(record.status)))
              engine.writer.note(run)
            const begin = () => {
              engine.performOwed(run)
              // whoever has nothing at work has nothing to wait for
              if (run.held === undefined && run.owed === undefined) this.acquit(run)
            }
            if (record.status === "parked" && run.parked === undefined) engine.sayItGoesOn(run, begin)
            else begin()
            this.#visits.add(run)
          })
        )
      )
    })
  }

  /** A run is not held back any more. */
  acquit(run: LiveRun): void {
    this.held.delete(run.id)
    this.#engine.release(run)
  }

  #fold(record: RunRecord): Effect.Effect<LiveRun, JournalError> {
    const { run: id, hash = "" } = record
    return Effect.gen({ self: this }, function* () {
      const { library } = this.#engine
      const known = library.known(hash)
      const ir = known?.workflow.ir ?? (yield* this.#journal.definition(hash))
      if (ir === undefined) return yield* Effect.fail(new JournalCorrupt({ run: id, seq: 0, kind: "shape" }))
      const past = yield* record.length <= shortMost ? this.#short(id) : this.past(id)
      // somebody else may have asked for it meanwhile
      const here = this.#engine.runs.get(id)
      if (here !== undefined) return here
      const { workflow, missing } = known ?? library.bind(hash, ir)
      // where nothing is performed, no code is missed
      const isComplete = missing.length === 0 || this.#engine.options.isIdle === true
      const parked = poisonOf(record) ?? (isComplete ? undefined : this.#without(id, workflow, missing))
      return yield* Effect.try({
        try: () => this.#engine.fold(id, workflow, past, parked),
        catch: (error) =>
          error instanceof TroupeError
            ? (error as JournalError)
            : new JournalCorrupt({ run: id, seq: 0, kind: "shape" })
      })
    })
  }

  /** What a run with few messages is brought back from. */
  #short(id: string): Effect.Effect<Past, JournalError> {
    return Effect.flatMap(this.#journal.read(id), (history) =>
      history.first === 0 ? Effect.succeed({ first: history.messages[0], snapshot: undefined, history }) : this.past(id)
    )
  }

  /**
   * What a run is brought back from. With `whole`, and where later decisions speak of messages before the snapshot, that is all
   * of its messages, as far as they are still there.
   */
  past(id: string, whole = false): Effect.Effect<Past, JournalError> {
    return Effect.gen({ self: this }, function* () {
      const snapshot = yield* this.#journal.snapshot(id)
      const [first] = (yield* this.#journal.read(id, 0, 1)).messages
      if (snapshot !== undefined && !whole) {
        const later = yield* this.#journal.read(id, snapshot.seq)
        if (reachOf(later.messages) >= snapshot.seq) return { first, snapshot, history: later }
      }
      const history = yield* this.#journal.read(id)
      if (history.first === 0 || snapshot === undefined) return { first, snapshot: undefined, history }
      return { first, snapshot, history: yield* this.#journal.read(id, snapshot.seq) }
    })
  }

  #without(run: string, { name, hash }: Workflow, missing: ReadonlyArray<string>): TroupeError {
    return new VersionUnavailable({ run, workflow: name, hash, missing })
  }

  /** What is written about a run is damaged: it is left alone and shown as what it is, the others go on. */
  #quarantine({ run, updatedAt, tasks, status }: RunRecord, error: JournalCorrupt): void {
    for (const told of this.#engine.dormant.drop(run)) told(error)
    if (isTerminal(status)) return
    this.#engine.writer.note({
      run,
      status: "quarantined",
      updatedAt,
      isAsleep: false,
      dueAt: undefined,
      tasks,
      error: { task: "", code: error.code, message: error.message }
    })
  }
}

/** Whether a run has left memory and only waits. A note that is behind the messages says nothing any more. */
export const isResting = ({ isAsleep, noted, length }: RunRecord): boolean => isAsleep && noted === length

/** Why a run was left alone for what it did to the process. */
const poisonOf = ({ run, status, error }: RunRecord): RunPoisoned | undefined =>
  status === "quarantined" && error?.code === "POISON" ? new RunPoisoned({ run, task: error.task }) : undefined
