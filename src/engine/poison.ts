/**
 * Runs that kill the process (G21). Whoever opens a store that was not closed in order blames the runs that were at work; those
 * that were at work in two such ends in a row, without a message of their own in between, are suspects. They are held back for a
 * moment, in which the process shows that it lives without them, and then go on one after the other, each written down before
 * it begins. If the process dies in the turn of a single one, that one is left alone from then on. The rule, its bounds and what
 * it cannot know: docs/decisions/0015.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { RunPoisoned } from "../model/errors.ts"
import type { JournalError } from "../storage/errors.ts"
import type { RunRecord } from "../storage/journal.ts"
import { later } from "./background.ts"
import type { Engine } from "./engine.ts"
import { eachUnfinished } from "./pages.ts"
import { isResting, type Recovery } from "./recovery.ts"
import type { LiveRun } from "./run.ts"

/** Ends of the process in a row after which a run that was at work in all of them is a suspect; the next one, in its turn, convicts. */
const suspectAt = 2
/** Turns of one trial: with more suspects than that, several share one. */
const turnsMax = 64
/** When the process says that it is still alive, after an end that was not in order: then, and after twice, four times … as long. */
const firstMarkMs = 100
/** What is known of the length of a life is at least half of it. */
const unknownFactor = 2
/** How long suspects are held back: so many times the longest of the lives that ended, within these bounds. */
const hold = { factor: 4 * unknownFactor, leastMs: 2_000, mostMs: 300_000 } as const
/** How long a turn lasts: so many times the last life, in which the culprit was at work. The most doubles with every further end. */
const turn = { factor: 2 * unknownFactor, leastMs: 500, mostMs: 30_000 } as const
/** 30 seconds become 8 minutes: whoever lives longer than that does not boot-loop. */
const doublingsMax = 4
const pollMs = 20

/** What one life leaves written for the next. */
interface Memo {
  /** The longest life of those that ended without order in a row, as far as known. */
  readonly longestMs: number
  /** How long this one has lived at least. */
  readonly livedMs: number
  readonly turnMs: number
  /** Whose turn it is. */
  readonly turn: ReadonlyArray<string>
  /** Where it is at work. */
  readonly task: string
}

const blank: Memo = { longestMs: 0, livedMs: 0, turnMs: turn.leastMs, turn: [], task: "" }

export class Poison {
  readonly #engine: Engine
  readonly #recovery: Recovery
  /** Runs that were at work, or may have been. */
  readonly #awake: Array<RunRecord> = []
  #memo: Memo = blank
  /** Suspects, those who were in the last turn together first. */
  #suspects: ReadonlyArray<ReadonlyArray<string>> = []
  /** The process died in somebody's turn: that it lives without the suspects need not be shown again. */
  #isExplained = true

  constructor(engine: Engine, recovery: Recovery) {
    this.#engine = engine
    this.#recovery = recovery
  }

  /** A run that does not only wait. */
  readonly look = (record: RunRecord): void => {
    this.#awake.push(record)
  }

  /** The same for whoever drives no runs by itself: how the life before ended is not forgotten, and nobody is held back. */
  account(): Effect.Effect<void, JournalError> {
    const { journal, claim } = this.#engine.options
    if (claim.wasClean) return Effect.void
    return Effect.gen({ self: this }, function* () {
      yield* eachUnfinished(journal, (record) => {
        if (!isResting(record)) this.look(record)
      })
      yield* this.judge()
      this.#recovery.held.clear()
    })
  }

  /** Works out who is to blame for how the life before ended; suspects are held back from here on. */
  judge(): Effect.Effect<void, JournalError> {
    const { claim } = this.#engine.options
    const before = memoOf(claim.memo)
    if (claim.wasClean) {
      this.#memo = { ...blank, turnMs: before.turnMs }
      return this.#holdBack(this.#suspected(), [])
    }
    const inTurn = new Set(before.turn)
    // a message of its own speaks for a run
    const guilty = this.#awake.filter(({ run, blame }) => inTurn.has(run) && blame >= suspectAt)
    return guilty.length > 0 ? this.#explained(before, guilty) : this.#unexplained(before)
  }

  /** Lets the suspects go on, one after the other. */
  try(): void {
    const { wasClean } = this.#engine.options.claim
    if (!wasClean) this.#mark(firstMarkMs)
    if (this.#suspects.length === 0) return
    const holdMs = this.#isExplained ? 0 : within(this.#memo.longestMs * hold.factor, hold.leastMs, hold.mostMs)
    this.#engine.fork(Effect.ignore(Effect.andThen(Effect.sleep(holdMs), this.#turns())))
  }

  // ── who did it ───────────────────────────────────────────────────────────────────────────────────

  #suspected(): ReadonlyArray<string> {
    return this.#awake.flatMap(({ run, blame }) => (blame >= suspectAt ? [run] : []))
  }

  /** The process died in the turn of some suspects: nobody else is blamed. */
  #explained(before: Memo, guilty: ReadonlyArray<RunRecord>): Effect.Effect<void, JournalError> {
    const { journal, claim } = this.#engine.options
    const alone = guilty.length === 1 ? guilty[0] : undefined
    const prime = alone === undefined ? guilty.map(({ run }) => run) : []
    return Effect.gen({ self: this }, function* () {
      if (alone !== undefined) {
        yield* journal.blame([alone.run], claim.epoch)
        yield* this.#quarantine(alone, before.task)
      }
      yield* this.#write({ ...before, livedMs: 0, turn: [], task: "" })
      const others = this.#suspected().filter((run) => run !== alone?.run && !prime.includes(run))
      yield* this.#holdBack(others, prime)
    })
  }

  /** It died while no suspect was at work that could have done it: whoever was is blamed, and suspects are none any more. */
  #unexplained(before: Memo): Effect.Effect<void, JournalError> {
    const { journal, claim } = this.#engine.options
    const { livedMs } = before
    const mostMs = turn.mostMs * 2 ** Math.min(Math.max(0, claim.crashes - suspectAt), doublingsMax)
    const atWork = this.#awake.filter(({ blame, status }) => blame < suspectAt && status !== "parked")
    return Effect.gen({ self: this }, function* () {
      yield* journal.blame(this.#suspected(), claim.epoch, 0)
      const names = atWork.map(({ run }) => run)
      const blames = yield* journal.blame(names, claim.epoch)
      yield* this.#write({
        ...blank,
        longestMs: Math.max(before.longestMs, livedMs),
        turnMs: within(livedMs * turn.factor, turn.leastMs, mostMs)
      })
      this.#isExplained = false
      yield* this.#holdBack(
        names.filter((_, i) => blames[i]! >= suspectAt),
        []
      )
    })
  }

  #holdBack(suspects: ReadonlyArray<string>, prime: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#awake.length = 0
      for (const run of [...prime, ...suspects]) this.#recovery.held.add(run)
      this.#suspects = [...turnsOf(prime), ...turnsOf(suspects)]
    })
  }

  #quarantine({ run, updatedAt, tasks }: RunRecord, task: string): Effect.Effect<void, JournalError> {
    const { journal, claim } = this.#engine.options
    const error = new RunPoisoned({ run, task })
    for (const told of this.#engine.dormant.drop(run)) told(error)
    const { code, message } = error
    const note = { status: "quarantined", isAsleep: false, dueAt: undefined, error: { task, code, message } } as const
    return journal.append([], [{ ...note, run, updatedAt, tasks }], claim.epoch)
  }

  // ── turns ────────────────────────────────────────────────────────────────────────────────────────

  #turns(): Effect.Effect<void, JournalError> {
    return Effect.gen({ self: this }, function* () {
      for (const some of this.#suspects) {
        if (this.#engine.isClosed) return
        // somebody may have let it go on, or cancelled it
        const held = some.filter((run) => this.#recovery.held.has(run))
        if (held.length > 0) yield* this.#turn(held)
      }
      yield* this.#write({ ...this.#memo, turn: [], task: "" })
    })
  }

  /** Some suspects go on; over when each has got further, or was at work for long enough. */
  #turn(names: ReadonlyArray<string>): Effect.Effect<void, JournalError> {
    const engine = this.#engine
    const { journal, claim } = engine.options
    return Effect.gen({ self: this }, function* () {
      yield* this.#write({ ...this.#memo, turn: names, task: "" })
      const runs: Array<LiveRun> = []
      for (const name of names) {
        const loaded = yield* Effect.exit(this.#recovery.load(name))
        if (Exit.isSuccess(loaded) && isAtWork(loaded.value)) runs.push(loaded.value)
        else if (Exit.isSuccess(loaded)) this.#recovery.acquit(loaded.value)
      }
      const task = names.length === 1 ? runs[0]?.held?.keys().next().value : undefined
      if (task !== undefined) yield* this.#write({ ...this.#memo, task })
      const lengths = new Map(runs.map((run) => [run, run.length]))
      const since = engine.now()
      for (const run of runs) this.#recovery.acquit(run)
      const stuck = () => runs.filter((run) => run.length === lengths.get(run) && isAlive(engine, run))
      while (stuck().length > 0 && engine.now() - since < this.#memo.turnMs && !engine.isClosed)
        yield* Effect.sleep(pollMs)
      // still at work, and nothing has happened: for now it is no longer suspected, only blamed
      const rest = stuck().map(({ id }) => id)
      if (rest.length > 0 && !engine.isClosed) yield* journal.blame(rest, claim.epoch, suspectAt - 1)
    })
  }

  // ── what is left written ─────────────────────────────────────────────────────────────────────────

  #write(memo: Memo): Effect.Effect<void, JournalError> {
    const { journal, claim } = this.#engine.options
    return Effect.suspend(() => {
      if (this.#engine.isClosed) return Effect.void
      this.#memo = memo
      return journal.memo(JSON.stringify(memo), claim.epoch)
    })
  }

  /** Says how long this life has lasted, ever more rarely. */
  #mark(atMs: number): void {
    const since = this.#engine.now()
    const next = (ms: number): void => {
      later(this.#engine, since + ms - this.#engine.now(), () => {
        this.#engine.fork(Effect.ignore(this.#write({ ...this.#memo, livedMs: ms })))
        next(2 * ms)
      })
    }
    next(atMs)
  }
}

const isAtWork = ({ held, isSuspect }: LiveRun): boolean => isSuspect && held !== undefined

const isAlive = (engine: Engine, run: LiveRun): boolean => run.outcome === undefined && engine.runs.get(run.id) === run

/** Who goes on when: one at a time, or, where there are very many, a few. */
const turnsOf = (runs: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const size = Math.ceil(runs.length / turnsMax)
  return Array.from({ length: Math.min(runs.length, turnsMax) }, (_, i) => runs.slice(i * size, (i + 1) * size)).filter(
    ({ length }) => length > 0
  )
}

const within = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most)

/** What was left written; nothing if it cannot be read. */
const memoOf = (text: string): Memo => {
  try {
    const found = JSON.parse(text) as Partial<Memo> | null
    return { ...blank, ...found }
  } catch {
    return blank
  }
}
