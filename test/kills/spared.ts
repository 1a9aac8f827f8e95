/**
 * Holds the calls that were made through a breaker against what it said (G33): none while it was open, in the life that was told so
 * and in those after it, and no more at once than may try; and a new life finds it as it was written.
 */
import type { BreakerRecord } from "../../src/engine/breaker-record.ts"
import type { Message } from "../../src/index.ts"
import type { Violation } from "./checker.ts"
import type { Line } from "./log.ts"
import { bank, trialsMost } from "./payments.ts"
import type { Scene } from "./scene.ts"

/** What was counted of the payments of one store. */
export interface PaymentCounts {
  calls: number
  trials: number
  /** Attempts that were refused because it was open, or trying. */
  refused: number
  /** Lives that found it open, and half open. */
  foundOpen: number
  foundHalfOpen: number
  /** Calls that were made while it was open. */
  whileOpen: number
}

interface Call {
  readonly key: string
  readonly at: number
}

/** A time in which nobody may be called, because somebody was told so. */
interface Told {
  readonly from: number
  readonly until: number
}

export class Spared {
  readonly violations: Array<Violation> = []
  readonly counts: PaymentCounts = { calls: 0, trials: 0, refused: 0, foundOpen: 0, foundHalfOpen: 0, whileOpen: 0 }
  readonly #calls: Array<Call> = []
  #record: BreakerRecord | undefined = undefined
  /** Messages of each run that were read. */
  readonly #read = new Map<string, number>()
  readonly #told: Array<Told> = []

  /** After a life; gives how the breaker is written. */
  look({ store }: Scene, lines: ReadonlyArray<Line>): string {
    const before = this.#record
    this.#record = store?.breakers.get(bank)
    this.#found(before, lines)
    this.#onTheWay(lines)
    for (const [run, { messages }] of store?.runs ?? []) {
      for (const message of messages.slice(this.#read.get(run) ?? 0)) this.#hear(message)
      this.#read.set(run, messages.length)
    }
    return this.#record?.state ?? "not made"
  }

  /** Over all lives: whoever was told that it is open until a time was right. */
  finish(): void {
    for (const { key, at } of this.#calls) {
      const told = this.#told.find(({ from, until }) => from < at && at < until)
      if (told !== undefined)
        this.#broken(`'${key}' was called at ${at}, and it was open from ${told.from} to ${told.until}`)
    }
  }

  #broken(what: string): void {
    this.violations.push({ promise: "G33", what })
  }

  /** What a new life begins with is what was written when the one before was killed. */
  #found(record: BreakerRecord | undefined, lines: ReadonlyArray<Line>): void {
    const first = lines.find((line) => line.is === "breaker")
    if (record === undefined || first === undefined) return
    if (first.state !== record.state || first.retryAt !== record.facts.retryAt)
      this.#broken(
        `it was written as ${record.state} until ${record.facts.retryAt}, and found as ${first.state} until ${first.retryAt}`
      )
    if (record.state === "open") this.counts.foundOpen++
    if (record.state === "halfOpen") this.counts.foundHalfOpen++
  }

  /** The calls of one life, as they were made. */
  #onTheWay(lines: ReadonlyArray<Line>): void {
    const trials = new Set<string>()
    for (const line of lines) {
      if (line.is === "over") trials.delete(`${line.key}#${line.attempt}`)
      if (line.is !== "called" || line.at === undefined) continue
      this.counts.calls++
      this.#calls.push({ key: line.key, at: line.at })
      if (line.breaker === "halfOpen") {
        this.counts.trials++
        trials.add(`${line.key}#${line.attempt}`)
        if (trials.size > trialsMost) this.#broken(`${[...trials].join(" and ")} tried it at once`)
      } else if (line.breaker !== "closed") {
        this.counts.whileOpen++
        this.#broken(`'${line.key}' was called while it was ${line.breaker}`)
      }
    }
  }

  #hear(message: Message): void {
    if (message.type !== "attempt.failed" || message.failure.tag !== "CircuitOpen") return
    this.counts.refused++
    const { retryAt } = message.failure.data as { readonly retryAt: number | null }
    if (retryAt !== null) this.#told.push({ from: message.at, until: retryAt })
  }
}
