/** Statements of the application in a transaction of the journal: checked, bound, prepared once, dead when it is over. */
import type { StatementSync } from "node:sqlite"
import { TransactionMisused } from "../../model/errors.ts"
import type { SqlValue, StatementResult, Transaction } from "../../model/transaction.ts"
import { type Database, isTrouble } from "./database.ts"
import { requireAllowed } from "./guard.ts"

/** Statements of the application that stay prepared; with one more they are all prepared anew. */
const statementsMax = 500

const prepared = new WeakMap<Database, Map<string, StatementSync>>()

class SqlTransaction implements Transaction {
  readonly #database: Database
  #isOver = false
  /** Set when it was the store that failed, not the statement, whatever the application made of it. */
  trouble: unknown = undefined
  constructor(database: Database) {
    this.#database = database
  }

  run(sql: string, ...values: ReadonlyArray<SqlValue>): StatementResult {
    return this.#ask(() => {
      const { changes, lastInsertRowid } = this.#statement(sql).run(...values)
      return { changes: Number(changes), lastInsertRowid }
    })
  }
  get<R>(sql: string, ...values: ReadonlyArray<SqlValue>): R | undefined {
    return this.#ask(() => this.#statement(sql).get(...values)) as R | undefined
  }
  all<R>(sql: string, ...values: ReadonlyArray<SqlValue>): ReadonlyArray<R> {
    return this.#ask(() => this.#statement(sql).all(...values)) as unknown as ReadonlyArray<R>
  }
  exec(sql: string): void {
    this.#ask(() => {
      requireAllowed(sql, true)
      this.#database.exec(sql)
    })
  }
  end(): void {
    this.#isOver = true
  }

  #ask<T>(work: () => T): T {
    if (this.#isOver) throw new TransactionMisused({ how: "over" })
    try {
      return work()
    } catch (error) {
      if (isTrouble(error)) this.trouble = error
      throw error
    }
  }

  #statement(sql: string): StatementSync {
    let known = prepared.get(this.#database)
    if (known === undefined) {
      known = new Map()
      prepared.set(this.#database, known)
    }
    const before = known.get(sql)
    if (before !== undefined) return before
    requireAllowed(sql, false)
    const statement = this.#database.raw.prepare(sql)
    if (known.size >= statementsMax) known.clear()
    known.set(sql, statement)
    return statement
  }
}

/** What became of the work: its value, or what it threw. */
export type Done<T> = { readonly isDone: true; readonly value: T } | { readonly isDone: false; readonly error: unknown }

/**
 * Lets the application write in the open transaction. Throws only what was the fault of the store; says `TransactionMisused`
 * when a statement has ended the transaction.
 */
export const letWrite = <T>(database: Database, work: (db: Transaction) => T): Done<T> => {
  const db = new SqlTransaction(database)
  let done: Done<T>
  try {
    done = { isDone: true, value: work(db) }
  } catch (error) {
    done = { isDone: false, error }
  }
  db.end()
  if (db.trouble !== undefined) throw db.trouble
  return database.raw.isTransaction ? done : { isDone: false, error: new TransactionMisused({ how: "ended" }) }
}
