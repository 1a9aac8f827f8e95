/** A run as it was written, and what would become of it. */
import { GatePlace, type Place, type Room } from "../actors/room.ts"
import type { TroupeError } from "../model/errors.ts"
import type { Message, Outcome } from "../model/messages.ts"
import type { Ledger } from "../model/saga.ts"
import type { History, Snapshot } from "../storage/journal.ts"
import type { Owed } from "./owed.ts"
import type { End, LiveRun } from "./run.ts"

/** What a run is brought back from: its first message, its last snapshot if it has one, and what came after that. */
export interface Past {
  readonly first: Message | undefined
  readonly snapshot: Snapshot | undefined
  readonly history: History
}

/** The past with one more message. */
export const withMessage = ({ first, snapshot, history }: Past, message: Message, epoch: number): Past => ({
  first,
  snapshot,
  history: {
    first: history.first,
    messages: [...history.messages, message],
    epochs: [...history.epochs, epoch]
  }
})

/** What would become of a run. */
export interface Rehearsal {
  readonly run: LiveRun
  readonly ends: ReadonlyArray<End>
  /** Numbers of the answers that found their gate open. */
  readonly heard: ReadonlySet<number>
  /** Why it cannot be. */
  readonly problem: TroupeError | undefined
  /** The undo that has failed for good. */
  readonly stuck: { readonly task: string } | undefined
  /** It has come to rest, and goes back to after this message. */
  readonly rewound: Room["rewound"]
  /** What it would have to undo. */
  readonly ledger: Ledger | undefined
  /** What it would be owed at the end. */
  readonly owed: Owed
}

/** Messages that only followed from what counts no more: to be found, given the answers that were heard before. */
export interface Strays {
  readonly heard: ReadonlySet<number>
  readonly found: Array<number>
}

/** Whether nobody waits any more for a message of the past, although somebody did. */
export const isStray = ({ strays, room }: LiveRun, owed: Owed, message: Message, seq: number): boolean =>
  message.type === "gate.answered" || message.type === "gate.rejected"
    ? strays!.heard.has(seq) && room.gateAt(message.task) === undefined
    : !owed.isExpected(message)

/** Notes a message with which a task, or a whole workflow, came to a bad end. */
export const noteEnd = (ends: Array<End>, message: Message, place: Place | undefined, seq: number): void => {
  const snapshot = place?.actor?.getSnapshot() as { status: string; output?: Outcome; value?: string } | undefined
  if (snapshot === undefined || place === undefined) return
  const status = snapshot.status === "done" ? snapshot.output?.status : undefined
  if (message.type === "timer.fired") {
    if (place.actor !== undefined && "scope" in snapshot) ends.push({ seq, task: place.path, status: "timeout" })
    else if ((place instanceof GatePlace || place.task?.work !== undefined) && status === "failed")
      ends.push({ seq, task: place.path, status })
    return
  }
  if (status === "failed" || status === "cancelled") ends.push({ seq, task: place.path, status })
}
