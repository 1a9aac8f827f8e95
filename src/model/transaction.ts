/**
 * Statements on the same SQLite file that runs are written in: what they change and the message that says so are committed
 * together, or not at all. Says only what there is; the storage does it.
 */
import { TransactionMisused } from "./errors.ts"

/** What a statement can be given and gives back. */
export type SqlValue = string | number | bigint | null | Uint8Array
export type SqlRow = { readonly [column: string]: SqlValue }

/**
 * Statements inside a transaction, for the tables of the application. Values are always bound, never put into the text. What
 * belongs to Troupe (`troupe_…`), and statements that would end the transaction or change the connection, are refused with
 * `StatementRefused`. It lives as long as the function that it was given to.
 */
export interface Transaction {
  /** One statement that changes something. */
  run(sql: string, ...values: ReadonlyArray<SqlValue>): StatementResult
  /** The first row of one query; undefined without any. */
  get<R = SqlRow>(sql: string, ...values: ReadonlyArray<SqlValue>): R | undefined
  /** All rows of one query. */
  all<R = SqlRow>(sql: string, ...values: ReadonlyArray<SqlValue>): ReadonlyArray<R>
  /** Any number of statements without values, as a schema is. */
  exec(sql: string): void
}

export interface StatementResult {
  /** Rows that were inserted, updated or deleted. */
  readonly changes: number
  readonly lastInsertRowid: number | bigint
}

/**
 * The result of a task that is still to be worked out, in the transaction that writes it: what `context.tx` gives and the body
 * must return as it is. Anything else that is done with it has no effect; inside another value it is refused.
 */
export class InTransaction<T = unknown> {
  /** The attempt that asked for it. @internal */
  readonly owner: object
  /** @internal */
  readonly work: (db: Transaction) => T
  constructor(owner: object, work: (db: Transaction) => T) {
    this.owner = owner
    this.work = work
    Object.freeze(this)
  }
  /** Wherever it would become data it is in the wrong place. */
  toJSON(): never {
    throw new TransactionMisused({ how: "misplaced" })
  }
}
