/**
 * Trips that are booked and taken back. What is booked stands in the database of somebody else, who does not deduplicate: each
 * booking and each cancellation is a row, so that whoever counts them sees what was done twice, and what was forgotten.
 */
import { DatabaseSync } from "node:sqlite"
import { setTimeout as wait } from "node:timers/promises"
import { type TaskContext, task, type, type Workflow, workflow } from "../../src/index.ts"

/** A row of the agency: what was done under which key, by which task of which run. */
export interface Booking {
  readonly nth: number
  readonly life: number
  readonly run: string
  readonly task: string
  /** The key under which it was booked, also where it is cancelled. */
  readonly key: string
  readonly what: "booked" | "cancelled"
}

export interface Agency {
  readonly book: (context: TaskContext) => void
  readonly cancel: (context: TaskContext, key: string) => void
  readonly has: (key: string) => boolean
}
export const noAgency: Agency = { book: () => {}, cancel: () => {}, has: () => false }

/** The agency as one life of the program sees it. */
export const openAgency = (path: string, life: number): Agency => {
  const database = openBookings(path)
  const add = database.prepare("INSERT INTO bookings (life, run, task, key, what) VALUES (?, ?, ?, ?, ?)")
  const find = database.prepare("SELECT 1 FROM bookings WHERE key = ? AND what = 'booked'")
  return {
    book: ({ run, task, key }) => void add.run(life, run, task, key, "booked"),
    cancel: ({ run, task }, key) => void add.run(life, run, task, key, "cancelled"),
    has: (key) => find.get(key) !== undefined
  }
}

/** All that the agency has, in order. */
export const bookingsOf = (path: string): ReadonlyArray<Booking> => {
  const database = openBookings(path)
  try {
    return database.prepare("SELECT * FROM bookings ORDER BY nth").all() as unknown as ReadonlyArray<Booking>
  } finally {
    database.close()
  }
}

const openBookings = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path)
  // it outlives the process that is killed, and needs no more than that
  database.exec(`PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS bookings (nth INTEGER PRIMARY KEY, life INTEGER, run TEXT, task TEXT, key TEXT, what TEXT);
    CREATE INDEX IF NOT EXISTS bookings_by_key ON bookings (key);`)
  return database
}

export interface Leg {
  readonly value: number
  readonly ms: number
  /** How long the agency takes to say that it is booked, or cancelled, after it is. */
  readonly answerMs: number
  /** Attempts that fail before it is booked, and before it is cancelled. */
  readonly failures: number
  readonly undoFailures: number
}

export interface Trip {
  readonly first: Leg
  readonly legs: ReadonlyArray<Leg>
  readonly last: Leg
  readonly hasSeats: boolean
}

interface Told {
  readonly called: (context: TaskContext) => void
  readonly done: (context: TaskContext) => void
  readonly agency: Agency
}

export const tripOf = (
  { called, done, agency }: Told,
  retry: { readonly attempts: number; readonly base: `${number}ms`; readonly cap: `${number}ms` }
): Workflow => {
  const book = task("book", {
    in: type<Leg>(),
    out: type<number>(),
    retry,
    run: async ({ value, ms, answerMs, failures }, context) => {
      called(context)
      await wait(ms, undefined, { signal: context.signal })
      if (context.attempt <= failures) throw new TypeError(`attempt ${context.attempt} books nothing`)
      agency.book(context)
      done(context)
      if (answerMs > 0) await wait(answerMs)
      return value + 1
    },
    undo: {
      retry,
      run: async (_, context, { key, request: { ms, answerMs, undoFailures } }) => {
        called(context)
        await wait(ms, undefined, { signal: context.signal })
        if (context.attempt <= undoFailures) throw new TypeError(`attempt ${context.attempt} cancels nothing`)
        agency.cancel(context, key)
        done(context)
        if (answerMs > 0) await wait(answerMs)
      },
      verify: ({ value }, context, { key }) => {
        called(context)
        return agency.has(key) ? { result: value + 1 } : null
      }
    }
  })
  const seats = task("seats", {
    in: type<{ hasSeats: boolean; value: number }>(),
    out: type<number>(),
    run: ({ hasSeats, value }) => {
      if (!hasSeats) throw new RangeError("no seats are left")
      return value
    }
  })
  return workflow("trip", type<Trip>())
    .task("first", book, ($) => $.input.first)
    .map("legs", book, ($) => $.input.legs as never, { concurrency: 3, after: ["first"] })
    .task("last", book, ($) => $.input.last, { after: ["legs"] })
    .task("seats", seats, ($) => ({ hasSeats: $.input.hasSeats, value: $.last }))
    .returns(($) => $.seats)
}
