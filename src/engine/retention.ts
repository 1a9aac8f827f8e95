/**
 * Finished runs leave a durable store when they are old, or when there are newer ones enough: a few at a time, each few in a
 * short transaction, with longer pauses than work in between. Never takes a run that is unfinished, parked or quarantined.
 */
import * as Effect from "effect/Effect"
import { type Duration, milliseconds } from "../model/duration.ts"
import { InvalidOption } from "../model/errors.ts"
import type { JournalError } from "../storage/errors.ts"
import type { RunRecord } from "../storage/journal.ts"
import { later } from "./background.ts"
import type { Engine } from "./engine.ts"

export interface RetentionOptions {
  /** How long after its end a run is kept, at most ten years; default 30 days. */
  readonly olderThan?: Duration
  /** How many finished runs are kept, the newest by submission; default: any number. */
  readonly runs?: number
}

export interface RetentionPolicy {
  readonly olderThanMs: number
  readonly runs: number | undefined
}

/** Throws `InvalidOption` for what cannot be. */
export const retentionPolicy = ({ olderThan = "30d", runs }: RetentionOptions = {}): RetentionPolicy => {
  if (runs !== undefined && !(Number.isInteger(runs) && runs >= 0))
    throw new InvalidOption({ option: "retention.runs", value: runs, allowed: "a whole number from 0" })
  return { olderThanMs: milliseconds(olderThan, "retention.olderThan"), runs }
}

/** Bounds of one transaction. */
const batch = { runs: 200, messages: 4_000 } as const
/** Pages in a row without a run to remove after which the rest is taken to be too young. */
const idlePagesMax = 5
/** Between looks at the age of runs: a thirtieth of it, within these bounds. */
const look = { leastMs: 1_000, mostMs: 24 * 3_600_000 } as const
/** Runs that have ended wait so long at most where only so many are kept. */
const surplusMs = 60_000
/** How long after it was opened a store is first looked at, at most: it has other things to do first. */
const firstMs = 5_000
/** A pause is so many times as long as the work before it. */
const restFactor = 3

export class Retention {
  readonly #engine: Engine
  readonly #policy: RetentionPolicy
  readonly #everyMs: number
  /** Runs that end until there are enough to look again. */
  readonly #surplus: number
  #ended = 0
  #isSweeping = false
  #stop = () => {}

  constructor(engine: Engine, policy: RetentionPolicy) {
    this.#engine = engine
    this.#policy = policy
    this.#everyMs = Math.min(Math.max(policy.olderThanMs / 30, look.leastMs), look.mostMs)
    this.#surplus = policy.runs === undefined ? Number.POSITIVE_INFINITY : Math.max(batch.runs, policy.runs / 10)
  }

  open(): void {
    this.#engine.onRunEnded = () => {
      if (this.#policy.runs === undefined || this.#isSweeping) return
      this.#ended++
      if (this.#ended >= this.#surplus) this.#sweepSoon()
      else if (this.#ended === 1) this.#wait(Math.min(surplusMs, this.#everyMs), () => this.#sweepSoon())
    }
    this.#wait(Math.min(firstMs, this.#everyMs), () => this.#sweepSoon())
  }

  #sweepSoon(): void {
    if (this.#isSweeping) return
    this.#isSweeping = true
    this.#stop()
    this.#ended = 0
    this.#engine.fork(
      Effect.ensuring(
        // what cannot be removed now is removed another time
        Effect.ignore(Effect.andThen(Effect.yieldNow, this.#sweep())),
        Effect.sync(() => {
          this.#isSweeping = false
          if (!this.#engine.isClosed) this.#wait(this.#everyMs, () => this.#sweepSoon())
        })
      )
    )
  }

  #sweep(): Effect.Effect<void, JournalError> {
    const { journal } = this.#engine.options
    const { runs, olderThanMs } = this.#policy
    return Effect.gen({ self: this }, function* () {
      let surplus = runs === undefined ? 0 : (yield* journal.finished()) - runs
      const before = this.#engine.now() - olderThanMs
      let cursor: string | undefined
      for (let idle = 0; idle < idlePagesMax && !this.#engine.isClosed; ) {
        const page = yield* journal.list({
          status: finished,
          hasEnded: true,
          oldestFirst: true,
          limit: batch.runs,
          cursor
        })
        // the oldest come first, so a surplus is taken from them
        const chosen = page.runs.filter(({ updatedAt }) => surplus-- > 0 || updatedAt <= before)
        for (const some of batches(chosen)) if (!this.#engine.isClosed) yield* this.#remove(some)
        idle = chosen.length === 0 ? idle + 1 : 0
        cursor = page.cursor
        if (cursor === undefined) return
      }
    })
  }

  #remove(records: ReadonlyArray<RunRecord>): Effect.Effect<void, JournalError> {
    const engine = this.#engine
    const { journal, claim } = engine.options
    return Effect.gen({ self: this }, function* () {
      const since = engine.now()
      // somebody may have brought one back to life, or something is on its way to it
      const gone = records.map(({ run }) => run).filter((run) => engine.isAtRest(run))
      yield* journal.remove(gone, claim.epoch)
      engine.forgetEnded(gone)
      const restMs = restFactor * (engine.now() - since)
      yield* restMs < 1
        ? Effect.yieldNow
        : Effect.callback<void>((resume) => this.#wait(restMs, () => resume(Effect.void)))
    })
  }

  #wait(ms: number, then: () => void): void {
    this.#stop()
    this.#stop = later(this.#engine, ms, then)
  }
}

const finished = ["succeeded", "failed", "cancelled"] as const

/** Few enough for one short transaction; a run that is longer than that goes alone. */
const batches = function* (records: ReadonlyArray<RunRecord>): Iterable<ReadonlyArray<RunRecord>> {
  let some: Array<RunRecord> = []
  let messages = 0
  for (const record of records) {
    if (some.length > 0 && messages + record.length > batch.messages) {
      yield some
      some = []
      messages = 0
    }
    some.push(record)
    messages += record.length
  }
  if (some.length > 0) yield some
}
