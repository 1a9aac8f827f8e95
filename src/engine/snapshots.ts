/** Snapshots of runs: kept now and then, so that a restart need not fold everything that came before; thawed when it does. */
import * as Effect from "effect/Effect"
import type { AnyActorRef } from "xstate"
import { type FrozenRun, freeze, thaw } from "../actors/freeze.ts"
import type { JournalService, Snapshot } from "../storage/journal.ts"
import type { Attempt } from "./attempts.ts"
import type { Owed } from "./owed.ts"
import type { LiveRun } from "./run.ts"

export interface SnapshotsOptions {
  readonly journal: JournalService
  readonly epoch: number
  /** Messages between two snapshots of a run, at least. */
  readonly every: number
  /** Messages that compaction leaves of those that a snapshot covers; undefined keeps all. */
  readonly keepMessages: number | undefined
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Whoever gets the actors of runs. */
  readonly root: AnyActorRef
}

export class Snapshots {
  readonly #options: SnapshotsOptions
  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /** Keeps what a run is before message `seq`. */
  keep(run: LiveRun, seq: number): void {
    const { journal, epoch, keepMessages: keep, fork } = this.#options
    run.snapshotAt = this.#next(seq, 0)
    if (!journal.isDurable || run.owed !== undefined || run.held !== undefined) return
    const frozen = frozenOf(run)
    const body = JSON.stringify({ ...frozen, attempts: run.attempts })
    run.snapshotAt = this.#next(seq, body.length)
    // without it a restart only takes longer
    fork(Effect.ignore(journal.keepSnapshot({ run: run.id, seq, body, keep }, epoch)))
  }

  /** A run as its snapshot has it, and what it was owed then. */
  thaw(run: LiveRun, { seq, body }: Snapshot, owed: Owed): void {
    const { attempts, ...frozen } = JSON.parse(body) as FrozenRun & { readonly attempts: number }
    run.attempts = attempts
    run.snapshotAt = this.#next(seq, body.length)
    const thawed = thaw(frozen, run.room, run.compiled, run.input, (logic, snapshot) =>
      this.#options.root.send({ type: "supervisor.spawn", child: { id: run.id, logic, snapshot, src: "workflow" } })
    )
    for (const { place, out, isAborting, mayFinish } of thawed.attempts) {
      const [attempt, askedAt, epoch, earlier = 0] = out
      owed.attempts.set(place.path, {
        place,
        attempt,
        askedAt,
        epoch,
        earlier,
        isAborting,
        mayFinish,
        isAnswered: false
      })
    }
    for (const place of thawed.timers) owed.timers.set(place.path, { place, dueAt: place.dueAt })
  }

  /** A snapshot that is larger than the messages it spares would cost more than it saves: then the next one comes later. */
  #next(seq: number, size: number): number {
    return seq + Math.ceil(this.#options.every * Math.max(1, size / sizeOfThousand))
  }
}

/** A living run as data, with what it has out. */
export const frozenOf = ({ room }: LiveRun): FrozenRun =>
  freeze(room, (place) => {
    const out = place.attempt as Attempt | undefined
    if (out === undefined) return undefined
    const { attempt, askedAt, epoch: askedIn, earlier } = out
    return earlier === 0 ? [attempt, askedAt, askedIn] : [attempt, askedAt, askedIn, earlier]
  })

/** A thousand messages take about so much room, in bytes. */
const sizeOfThousand = 64_000
