/**
 * What a run would have to take back. Each success of a task that has an `undo` is written down here, in the order in which the
 * results came; when the run fails or is cancelled, it is taken back from the newest to the oldest. An attempt of which nobody
 * knows whether it did its work (it was cut off, or took too long) is written down too, as unknown.
 * After Garcia-Molina and Salem, Sagas (1987).
 */
import type { Undo } from "./ir.ts"
import type { Json } from "./json.ts"

/** What is added to the path of a task where its effect is taken back, or asked about. `~` is not possible in ids. */
export const undoing = "~undo"
export const verifying = "~verify"

/** Whether a path is one of these. */
export const isOfUndo = (path: string): boolean => path.endsWith(undoing) || path.endsWith(verifying)

/** One effect that can be taken back. */
export interface Effected {
  /** Path of the task. */
  readonly task: string
  /** The message with which its end came. */
  readonly seq: number
  /** Idempotency key under which it was done. */
  readonly key: string
  readonly undo: Undo
  /** What the task was given. */
  readonly request: Json | undefined
  /** What it gave; undefined while that is not known. */
  readonly result: Json | undefined
  /** Whether it was done at all is not known. */
  readonly isUnknown: boolean
  /** The decision after which its undo is tried again. */
  readonly again?: number
  /** If it was done, nothing is undone any more. */
  readonly isPivot?: true
}

export type UndoStatus = "open" | "undone" | "notDone"

/** The effects of one run, in the order of their results. */
export class Ledger {
  #effects: Array<Effected> = []
  #status: Array<UndoStatus> = []
  #hasBegun = false

  get size(): number {
    return this.#effects.length
  }
  /** Whether something is left to be taken back. */
  get isOpen(): boolean {
    return this.#status.includes("open")
  }
  get undone(): ReadonlyArray<string> {
    return this.#effects.filter((_, i) => this.#status[i] === "undone").map(({ task }) => task)
  }
  /** What is left, in the order in which it is taken back. */
  get left(): ReadonlyArray<string> {
    return this.#effects
      .filter((_, i) => this.#status[i] === "open")
      .map(({ task }) => task)
      .reverse()
  }
  /** Whether it has begun. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }
  /** Whether anything was taken back, or is about to be, that happened up to a message. */
  reaches(seq: number): boolean {
    const next = this.next()
    return (
      this.#hasBegun && this.#effects.some((one, i) => one.seq <= seq && (i === next || this.#status[i] !== "open"))
    )
  }

  add(effect: Effected): void {
    this.#effects.push(effect)
    this.#status.push("open")
  }

  /** From here on the run goes forward only: what was done until now stays. */
  pass(): void {
    this.#effects = []
    this.#status = []
  }

  /** The run has ended, and what it did is taken back. */
  begin(): void {
    this.#hasBegun = true
  }
  /** The newest effect that is left, or nothing. */
  next(): number | undefined {
    const at = this.#status.lastIndexOf("open")
    return at === -1 ? undefined : at
  }
  at(index: number): Effected {
    return this.#effects[index]!
  }
  settle(index: number, status: Exclude<UndoStatus, "open">): void {
    this.#status[index] = status
  }
  /** Its undo is tried again, under another key. */
  tryAgain(index: number, seq: number): void {
    this.#effects[index] = { ...this.#effects[index]!, again: seq }
  }
  /** It is known by now what came of an attempt. */
  resolve(index: number, result: Json): void {
    this.#effects[index] = { ...this.#effects[index]!, result, isUnknown: false }
  }
  freeze(): Json {
    return [this.#effects, this.#status, this.#hasBegun] as unknown as Json
  }
  static thaw(frozen: Json): Ledger {
    const ledger = new Ledger()
    const [effects, status, hasBegun] = frozen as unknown as [Array<Effected>, Array<UndoStatus>, boolean]
    ledger.#effects = [...effects]
    ledger.#status = [...status]
    ledger.#hasBegun = hasBegun
    return ledger
  }
}
