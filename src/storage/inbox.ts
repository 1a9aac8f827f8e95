/** What other processes ask of the owner of a store. To ask is to leave a row; the owner looks now and then, and answers in it. */
import type * as Effect from "effect/Effect"
import type { Json } from "../model/json.ts"
import type { JournalError } from "./errors.ts"

export interface Asked {
  readonly id: number
  /** How long ago it was asked, in milliseconds, by the clock of the store. */
  readonly ageMs: number
  /** The text of the request; undefined when it is longer than anybody may ask. */
  readonly request: string | undefined
}

/** The owner's side. */
export interface InboxService {
  /** Requests without an answer, oldest first, a page at a time. As long as nobody else wrote to the store it costs next to nothing. */
  readonly asked: () => Effect.Effect<ReadonlyArray<Asked>, JournalError>
  /** Answers requests, and forgets old ones that were answered. Refused with `StaleOwner` like an append. */
  readonly answer: (answers: ReadonlyMap<number, Json>, epoch: number) => Effect.Effect<void, JournalError>
}

/** Longest text of a request: a definition and an input, with room for what JSON adds. */
export const requestMost = 70 * 1024 * 1024
