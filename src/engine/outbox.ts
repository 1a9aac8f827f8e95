/**
 * Rows of the application and the start of runs in one transaction: either both are there, or neither. Begins no transaction by
 * itself: that is the journal's; the runs go on as all others do.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  IdempotencyMismatch,
  OrchestratorClosed,
  TransactionMisused,
  TransactionsUnsupported,
  TroupeError
} from "../model/errors.ts"
import { canonical, type Json } from "../model/json.ts"
import type { TaskDef } from "../model/task.ts"
import type { Transaction } from "../model/transaction.ts"
import type { Workflow } from "../model/workflow.ts"
import { JournalBroken } from "../storage/errors.ts"
import { atOnce } from "./at-once.ts"
import type { Engine } from "./engine.ts"
import type { LiveRun } from "./run.ts"
import type { Delivery } from "./writer.ts"

/** A transaction in which runs can be started, too. */
export interface OrchestratorTransaction extends Transaction {
  /**
   * Starts a run with the rows of this transaction; it exists once they do. Gives its id. Throws as `submit` rejects, and
   * `TransactionMisused` where the input can only be checked by waiting; what is thrown undoes everything, unless it is caught.
   */
  submit<I, O>(workflow: Workflow<I, O> | TaskDef<any, I, O>, input: I, options?: { readonly id?: string }): string
}

/** A workflow that is without errors, and an input of it that was checked; an id that can be one. */
export type Prepare = (
  workflow: Workflow | TaskDef,
  input: unknown,
  id: string | undefined
) => { readonly workflow: Workflow; readonly input: Json }

/** Pauses while it is looked for what became of a transaction, in milliseconds. */
const pause = { firstMs: 100, longestMs: 5_000 }

/** Lets the application write and submit; resolves once all of it is written, and rejects when nothing is. */
export const transaction = async <A>(
  engine: Engine,
  prepare: Prepare,
  work: (tx: OrchestratorTransaction) => A
): Promise<A> => {
  for (;;) {
    // never in the middle of a step, or of another transaction
    await undefined
    const { journal, claim } = engine.options
    if (journal.transact === undefined) throw new TransactionsUnsupported()
    if (engine.isClosed) throw new OrchestratorClosed()
    const one = new Outbox(engine, prepare)
    const exit = await Effect.runPromiseExit(journal.transact((db) => one.perform(db, work), claim.epoch))
    if (Exit.isSuccess(exit) || (isUnsure(exit) && (await isThere(engine, one.batch)))) {
      engine.begun(one.batch)
      return one.value as A
    }
    const error = Cause.squash(exit.cause)
    engine.begun(one.batch, error instanceof TroupeError ? error : new JournalBroken({ cause: error }))
    if (one.unwritten === undefined) throw error
    const { unwritten } = one
    await new Promise<void>((resolve) => unwritten.whenWritten(() => resolve()))
  }
}

/** What one transaction collects. */
class Outbox {
  readonly #engine: Engine
  readonly #prepare: Prepare
  readonly batch: Array<Delivery> = []
  value: unknown = undefined
  /** A run that was asked for again and is on its way to the journal: the transaction has to wait for it. */
  unwritten: LiveRun | undefined = undefined
  #isOver = false

  constructor(engine: Engine, prepare: Prepare) {
    this.#engine = engine
    this.#prepare = prepare
  }

  perform(db: Transaction, work: (tx: OrchestratorTransaction) => unknown): ReadonlyArray<Delivery> {
    try {
      this.value = work({
        run: (...given) => db.run(...given),
        get: (...given) => db.get(...given),
        all: (...given) => db.all(...given),
        exec: (sql) => db.exec(sql),
        submit: (workflow, input, options) => this.#submit(workflow, input, options?.id)
      })
    } finally {
      this.#isOver = true
    }
    if (this.unwritten !== undefined) throw new TransactionMisused({ how: "open" })
    atOnce(this.value)
    return this.batch
  }

  #submit(given: Workflow | TaskDef, value: unknown, id: string | undefined): string {
    if (this.#isOver) throw new TransactionMisused({ how: "over" })
    const { workflow, input } = this.#prepare(given, value, id)
    if (id !== undefined && this.#isKnown(id, workflow, input)) return id
    const delivery = this.#engine.begin(workflow, id ?? this.#engine.options.newId(), input)
    delivery.seq = delivery.live.next()
    this.batch.push(delivery)
    return delivery.run
  }

  /** Whether this very run was submitted before; throws `IdempotencyMismatch` for another one of that id. */
  #isKnown(id: string, workflow: Workflow, input: Json): boolean {
    const before = this.#before(id)
    if (before === undefined) return false
    if (before.hash !== workflow.hash || canonical(before.input) !== canonical(input))
      throw new IdempotencyMismatch({ run: id })
    return true
  }

  #before(id: string): { readonly hash: string; readonly input: Json } | undefined {
    const live = this.#engine.runs.get(id)
    if (live !== undefined) {
      if (!live.isWritten && !this.batch.some((delivery) => delivery.live === live)) this.unwritten = live
      return { hash: live.workflow.hash, input: live.input }
    }
    const { journal } = this.#engine.options
    const record = now(journal.find(id))
    if (record === undefined) return undefined
    const [first] = now(journal.read(id, 0, 1)).messages
    return { hash: record.hash ?? "", input: first?.type === "run.submitted" ? first.input : null }
  }
}

/** What a journal that has transactions answers inside of one. */
const now = <A>(asked: Effect.Effect<A, TroupeError>): A => {
  const exit = Effect.runSyncExit(asked)
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

const isUnsure = (exit: Exit.Failure<void, unknown>): boolean => {
  const error = Cause.squash(exit.cause)
  return error instanceof JournalBroken && error.isUnsure
}

/** Looks, as soon as the store can be read again, whether the runs of a transaction are there: then all of it is. */
const isThere = async (engine: Engine, batch: ReadonlyArray<Delivery>): Promise<boolean> => {
  const last = batch.at(-1)
  if (last === undefined) return false
  const { journal, context } = engine.options
  for (let ms = pause.firstMs; ; ms = Math.min(pause.longestMs, 2 * ms)) {
    const found = await Effect.runPromiseExit(journal.find(last.run))
    if (Exit.isSuccess(found)) return found.value !== undefined
    if (engine.isClosed) throw new OrchestratorClosed()
    await Effect.runPromiseWith(context)(Effect.sleep(ms))
  }
}
