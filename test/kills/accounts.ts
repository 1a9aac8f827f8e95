/**
 * Holds what an agency has in its books against what the runs say (G14): what is taken back was done, all that was done is taken
 * back, newest first, and what is written as done or taken back is never done again, in no later life.
 */
import type { Message } from "../../src/index.ts"
import { isTerminal } from "../../src/model/messages.ts"
import { isOfUndo, undoing } from "../../src/model/saga.ts"
import type { Violation } from "./checker.ts"
import type { Scene } from "./scene.ts"
import { type Booking, bookingsOf } from "./trips.ts"

/** What was counted of the trips of one store. */
export interface TripCounts {
  /** Runs that have gone back, and what they have taken back. */
  back: number
  undone: number
  /** Of these, what nobody knew of whether it had been done. */
  verified: number
  /** Done, or taken back, a second time: a kill came between the deed and its message. */
  again: number
}

export class Accounts {
  readonly violations: Array<Violation> = []
  readonly counts: TripCounts = { back: 0, undone: 0, verified: 0, again: 0 }
  readonly #path: string
  /** What was written as done by the end of a life, as `run/task`. */
  readonly #written = new Set<string>()
  #seen = 0

  /** `path`: the database of the agency. */
  constructor(path: string) {
    this.#path = path
  }

  /** After a life; gives how many runs are on their way back. */
  look({ store }: Scene): number {
    const bookings = bookingsOf(this.#path)
    this.#nothingTwice(bookings)
    this.#seen = bookings.length
    let back = 0
    for (const [run, { messages, record }] of store?.runs ?? []) {
      for (const message of messages)
        if (message.type === "attempt.succeeded") this.#written.add(`${run}/${message.task}`)
      this.#inOrder(run, messages)
      if (!isTerminal(record.status) && messages.some((message) => "task" in message && isOfUndo(message.task ?? "")))
        back++
    }
    return back
  }

  /** Once all runs have ended. */
  finish({ store }: Scene): void {
    const byRun = Map.groupBy(bookingsOf(this.#path), ({ run }) => run)
    for (const [run, { messages, record }] of store?.runs ?? []) {
      const tasks = messages.flatMap((message) => (message.type === "attempt.succeeded" ? [message.task] : []))
      const undone = tasks.filter((task) => task.endsWith(undoing)).length
      if (undone > 0) this.counts.back++
      this.counts.undone += undone
      this.counts.verified += tasks.filter((task) => isOfUndo(task) && !task.endsWith(undoing)).length
      const isForgone = messages.some((message) => message.type === "run.cancelled" && message.force)
      this.#balance(run, record.status, isForgone, byRun.get(run) ?? [])
    }
    for (const run of byRun.keys())
      if (store?.runs.has(run) !== true) this.#broken(`run '${run}' has booked, and is not there`)
  }

  #broken(what: string): void {
    this.violations.push({ promise: "G14", what })
  }

  /** What was written as done in an earlier life is not done in a later one; and in one life nothing is done twice. */
  #nothingTwice(bookings: ReadonlyArray<Booking>): void {
    const before = new Map<string, number>()
    for (const [at, { life, run, task, key, what }] of bookings.entries()) {
      const deed = `${what} ${key}`
      const last = before.get(deed)
      before.set(deed, life)
      if (at < this.#seen) continue
      if (this.#written.has(`${run}/${task}`)) this.#broken(`'${key}' is ${what} again, after that had been written`)
      if (last === life) this.#broken(`'${key}' is ${what} twice in life ${life}`)
      if (last !== undefined) this.counts.again++
    }
  }

  /** Undos succeed in the order opposite to that in which the ends of what they undo were written. */
  #inOrder(run: string, messages: ReadonlyArray<Message>): void {
    const endedAt = new Map<string, number>()
    let newest = Number.POSITIVE_INFINITY
    for (const [seq, message] of messages.entries()) {
      if (!("attempt" in message)) continue
      const { task } = message
      if (!isOfUndo(task)) endedAt.set(task, seq)
      else if (task.endsWith(undoing) && message.type === "attempt.succeeded") {
        const undone = task.slice(0, -undoing.length)
        const at = endedAt.get(undone)
        if (at === undefined) this.#broken(`run '${run}' has undone '${undone}', which has not ended`)
        else if (at > newest) this.#broken(`run '${run}' has undone '${undone}' after what was older`)
        newest = Math.min(newest, at ?? newest)
      }
    }
  }

  /** What is left in the books of a run that has ended. */
  #balance(run: string, status: string, isForgone: boolean, bookings: ReadonlyArray<Booking>): void {
    for (const [key, rows] of Map.groupBy(bookings, ({ key }) => key)) {
      const booked = rows.findLastIndex(({ what }) => what === "booked")
      const cancelled = rows.findIndex(({ what }) => what === "cancelled")
      if (cancelled !== -1 && booked === -1) this.#broken(`'${key}' was cancelled, and never booked`)
      if (cancelled !== -1 && cancelled < booked) this.#broken(`'${key}' was booked after it had been cancelled`)
      if (cancelled !== -1 && status === "succeeded") this.#broken(`'${key}' was cancelled, and run '${run}' succeeded`)
      if (cancelled === -1 && status !== "succeeded" && !isForgone)
        this.#broken(`'${key}' is still booked, and run '${run}' is ${status}`)
    }
  }
}
