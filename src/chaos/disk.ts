/**
 * The journal of a simulated world: it outlives its owners, takes its time, and fails when the plan says so. What is written is
 * kept by the same journal in memory that programs use; each life has a face of its own, which is deaf once that life is over.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Message } from "../model/messages.ts"
import { JournalBroken, JournalBusy, type JournalError, JournalFull } from "../storage/errors.ts"
import type { Entry, History, JournalService, RunNote, Shared } from "../storage/journal.ts"
import { memoryJournal } from "../storage/memory.ts"
import type { Life } from "./kernel.ts"
import type { Crash, StorageFault } from "./plan.ts"

export interface DiskOptions {
  /** What the plan has for a write: by its number. */
  readonly faultsAt: (write: number) => ReadonlyArray<StorageFault | Crash>
  readonly isReadBroken: (read: number) => boolean
  /** How long a write takes that nothing is wrong with; 0 answers at once, as a file does. */
  readonly tookMs: (write: number) => number
  /** A life owns the journal from now on. */
  readonly claimed: (life: Life, epoch: number) => void
  /** A write begins: things may be planned for it. */
  readonly writing: (write: number, life: Life) => void
  /** What is on the disk for good now. */
  readonly written: (write: number, entries: ReadonlyArray<Entry>, epoch: number, life: Life) => void
  /** Somebody wants to write what runs share. */
  readonly keeping: (shared: ReadonlyArray<Shared>, life: Life) => void
  /** What runs share is on the disk for good now. */
  readonly kept: (shared: ReadonlyArray<Shared>, epoch: number, life: Life) => void
  /** The process dies. */
  readonly crash: (life: Life, fault: Crash) => void
  readonly hurt: (what: string) => void
}

type Apply = (write: number) => Exit.Exit<void, JournalError>

const never = Effect.never
const nothing: ReadonlyArray<Entry> = []
const unsure = () => new JournalBroken({ cause: broken().cause, isUnsure: true })
const broken = () => new JournalBroken({ cause: new DOMException("the disk does not answer", "OperationError") })

export class Disk {
  readonly store: JournalService
  readonly #options: DiskOptions
  #writes = 0
  #reads = 0
  /** Nothing can be written until then, and why. */
  #troubleUntil = 0
  #trouble: StorageFault["how"] = "io"

  constructor(options: DiskOptions, store: JournalService = memoryJournal({ isDurable: true })) {
    this.store = store
    this.#options = options
  }

  /** Writes so far. */
  get writes(): number {
    return this.#writes
  }

  /** What a life sees of it. */
  face(life: Life): JournalService {
    const { store } = this
    const alive =
      <A extends ReadonlyArray<any>, R>(ask: (...args: A) => Effect.Effect<R, JournalError>) =>
      (...args: A): Effect.Effect<R, JournalError> =>
        life.isDead ? never : ask(...args)
    const reading =
      <A extends ReadonlyArray<any>, R>(ask: (...args: A) => Effect.Effect<R, JournalError>) =>
      (...args: A): Effect.Effect<R, JournalError> => {
        if (life.isDead) return never
        if (this.#options.isReadBroken(this.#reads++)) {
          this.#options.hurt("a read fails")
          return Exit.fail(broken())
        }
        return ask(...args)
      }
    return {
      ...store,
      claim: alive(() =>
        Effect.tap(store.claim(), ({ epoch }) => Effect.sync(() => this.#options.claimed(life, epoch)))
      ),
      append: (batch, notes, epoch) => this.#append(life, batch, notes, epoch),
      renew: alive(store.renew),
      close: alive(store.close),
      keepSnapshot: alive(store.keepSnapshot),
      keepShared: (shared, epoch) => this.#keep(life, shared, epoch),
      blame: alive(store.blame),
      memo: alive(store.memo),
      remove: alive(store.remove),
      read: reading(store.read),
      find: reading(store.find),
      list: reading(store.list),
      snapshot: reading(store.snapshot)
    }
  }

  #append(
    life: Life,
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number
  ): Effect.Effect<void, JournalError> {
    if (life.isDead) return never
    // notes alone say nothing that is not in the messages: they have no number
    if (batch.length === 0) return this.#troubleNow(life) ?? this.store.append(batch, notes, epoch)
    return this.#write(life, (write) => this.#apply(write, life, batch, notes, epoch), batch)
  }

  #keep(life: Life, shared: ReadonlyArray<Shared>, epoch: number): Effect.Effect<void, JournalError> {
    if (life.isDead) return never
    this.#options.keeping(shared, life)
    return this.#write(life, () => {
      const exit = this.store.keepShared(shared, epoch) as Exit.Exit<void, JournalError>
      if (Exit.isSuccess(exit)) this.#options.kept(shared, epoch, life)
      return exit
    })
  }

  /** A write with a number of its own, and whatever the plan has for it. */
  #write(life: Life, apply: Apply, batch: ReadonlyArray<Entry> = nothing): Effect.Effect<void, JournalError> {
    const { kernel } = life
    const write = this.#writes++
    this.#options.writing(write, life)
    if (life.isDead) return never
    let ms = this.#options.tookMs(write)
    for (const fault of this.#options.faultsAt(write)) {
      if (fault.on === "crash") {
        const crashed = this.#crash(life, fault, () => apply(write))
        if (crashed !== undefined) return crashed
        continue
      }
      this.#options.hurt(`write ${write}: ${fault.how}`)
      switch (fault.how) {
        case "slow":
          ms += fault.ms ?? 10
          break
        case "unsure": {
          const exit = apply(write)
          if (Exit.isFailure(exit)) return exit
          return Exit.fail(unsure())
        }
        default:
          this.#trouble = fault.how
          this.#troubleUntil = kernel.now + (fault.ms ?? 0)
          return Exit.fail(this.#isKnown(batch) ? unsure() : this.#errorOf(fault.how))
      }
    }
    const trouble = this.#troubleNow(life)
    if (trouble !== undefined) return this.#isKnown(batch) ? Exit.fail(unsure()) : trouble
    if (ms === 0) return apply(write)
    return Effect.callback((resume) => {
      kernel.after(ms, life, () => resume(apply(write)))
    })
  }

  /** Some of it is there, and whoever asks has not been told: a refusal would be a lie. */
  #isKnown(batch: ReadonlyArray<Entry>): boolean {
    return batch.some((entry) => this.#known.has(entry))
  }

  #troubleNow(life: Life): Effect.Effect<void, JournalError> | undefined {
    return life.kernel.now < this.#troubleUntil ? Exit.fail(this.#errorOf(this.#trouble)) : undefined
  }

  #errorOf(how: StorageFault["how"]): JournalError {
    return how === "full" ? new JournalFull() : how === "busy" ? new JournalBusy({ path: "simulated" }) : broken()
  }

  /** The process dies in the middle of a write; undefined when it dies right after it. */
  #crash(
    life: Life,
    fault: Crash,
    apply: () => Exit.Exit<void, JournalError>
  ): Effect.Effect<void, JournalError> | undefined {
    const { kernel } = life
    const { when, tail = "lost" } = fault
    if (when === "acked") {
      kernel.soon(undefined, () => this.#options.crash(life, fault))
      return undefined
    }
    if (when === "before") {
      this.#options.crash(life, fault)
      return never
    }
    kernel.after(1, undefined, () => {
      if (life.isDead) return
      if (when === "synced" || tail === "kept") apply()
      this.#options.crash(life, fault)
    })
    return never
  }

  /** It is on the disk. What was there already, because nobody could tell, is not written again. */
  #apply(
    write: number,
    life: Life,
    batch: ReadonlyArray<Entry>,
    notes: ReadonlyArray<RunNote>,
    epoch: number
  ): Exit.Exit<void, JournalError> {
    const fresh = batch.filter((entry) => !this.#known.has(entry))
    const exit = this.store.append(fresh, notes, epoch) as Exit.Exit<void, JournalError>
    if (Exit.isFailure(exit)) return exit
    for (const entry of fresh) this.#known.add(entry)
    this.#options.written(write, fresh, epoch, life)
    return exit
  }
  readonly #known = new WeakSet<Entry>()
}

/** The messages of a run as they stand on the disk. */
export const messagesOf = (store: JournalService, run: string): ReadonlyArray<Message> => {
  const exit = store.read(run) as Exit.Exit<History, JournalError>
  return Exit.isSuccess(exit) ? exit.value.messages : []
}
