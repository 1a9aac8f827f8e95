/**
 * Which messages of a run count. Nothing is ever taken out of a journal: whoever decides anew (retry, skip, rollback) adds a
 * message that says so, and the run is what follows from those that still count.
 */
import type { Message, RunAmended, RunRolledBack } from "../model/messages.ts"

/** A message that counts, or that is only there to be passed over. */
export interface Counted {
  readonly seq: number
  readonly message: Message
  /** The amendment after which it does not count any more. */
  readonly forgottenBy: number | undefined
}

const isDecision = (message: Message): message is RunAmended | RunRolledBack =>
  message.type === "run.amended" || message.type === "run.rolledBack"

/** Whoever paused a run did not say how far it is: it stays paused wherever it is taken back to. */
const isSteering = ({ type }: Message) => type === "run.paused" || type === "run.resumed"

/** The first message that decisions among these speak of; infinite when there are none. */
export const reachOf = (messages: ReadonlyArray<Message>): number => {
  let reach = Number.POSITIVE_INFINITY
  for (const message of messages) {
    if (message.type === "run.rolledBack") reach = Math.min(reach, message.to + 1)
    else if (message.type === "run.amended") for (const one of message.forget) reach = Math.min(reach, one)
  }
  return reach
}

/** The messages of a run, from number `first` on, as they count now. */
export const counted = (messages: ReadonlyArray<Message>, first = 0): ReadonlyArray<Counted> => {
  if (!messages.some(isDecision))
    return messages.map((message, i) => ({ seq: first + i, message, forgottenBy: undefined }))
  let kept: Array<{ readonly seq: number; readonly message: Message }> = []
  messages.forEach((message, i) => {
    const seq = first + i
    if (message.type === "run.rolledBack") kept = kept.filter((one) => one.seq <= message.to || isSteering(one.message))
    kept.push({ seq, message })
  })
  const forgotten = new Map<number, number>()
  for (const { seq, message } of kept)
    if (message.type === "run.amended")
      for (const one of message.forget) if (!forgotten.has(one)) forgotten.set(one, seq)
  return kept.map(({ seq, message }) => ({ seq, message, forgottenBy: forgotten.get(seq) }))
}
