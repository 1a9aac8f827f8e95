/** Ends of attempts as messages: in time, made in the transaction that writes them, or too late. */
import { TransactionsUnsupported, toFailure } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"
import type { Within } from "../storage/journal.ts"
import type { Attempt, AttemptEnd } from "./attempts.ts"
import type { Delivery } from "./writer.ts"

/** How an attempt ended, as the message that tells of it. */
export const messageOf = ({ place, attempt, agent, progress }: Attempt, end: AttemptEnd, at: number): Message => {
  const task = place.path
  const by = agent === undefined ? undefined : { agent }
  switch (end.type) {
    case "attempt.succeeded":
      if (end.cached === true) return { type: end.type, at, task, attempt, value: end.value, cached: true }
      return by === undefined
        ? { type: end.type, at, task, attempt, value: end.value }
        : { type: end.type, at, task, attempt, value: end.value, ...by }
    case "attempt.within":
      // what a store without transactions writes
      return { type: "attempt.failed", at, task, attempt, failure: unsupported, ...by }
    case "attempt.failed":
      return {
        type: end.type,
        at,
        task,
        attempt,
        failure: end.failure,
        ...by,
        ...(progress === undefined ? undefined : { progress })
      }
    case "attempt.aborted":
      return { type: end.type, at, task, attempt }
  }
}

const unsupported = Object.freeze(toFailure(new TransactionsUnsupported()))

/** How an attempt that has yet to write its rows becomes a message. */
export const withinOf = (
  delivery: Delivery,
  attempt: Attempt,
  perform: Extract<AttemptEnd, { type: "attempt.within" }>["perform"],
  at: number,
  judged: (message: Message) => Message
): Within => ({
  perform: (db) => messageOf(attempt, { type: "attempt.succeeded", value: perform(db) }, at),
  refuse: (error) => judged(messageOf(attempt, { type: "attempt.failed", failure: toFailure(error) }, at)),
  told: (message) => {
    delivery.message = message
  }
})

/** The end of an attempt that nobody waits for any more. */
export const lateOf = (message: Message, end: AttemptEnd): Message => {
  const { at, task, attempt } = message as Extract<Message, { type: "attempt.succeeded" }>
  const late = { type: "attempt.late", at, task, attempt } as const
  // what it would have written is not written
  if (end.type === "attempt.within") return { ...late, outcome: "aborted" }
  switch (message.type) {
    case "attempt.succeeded":
      return { ...late, outcome: "succeeded", value: message.value }
    case "attempt.failed":
      return { ...late, outcome: "failed", failure: message.failure }
    default:
      return { ...late, outcome: "aborted" }
  }
}
