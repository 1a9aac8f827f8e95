/** Reading the messages of a run back. */
import type { Json } from "../../model/json.ts"
import type { Message } from "../../model/messages.ts"
import { JournalCorrupt } from "../errors.ts"
import type { History } from "../journal.ts"
import { blobHash, type Chain, decode, type Link, type Origin } from "./codec.ts"
import type { Database } from "./database.ts"
import type { Definition } from "./definitions.ts"
import * as sql from "./statements.ts"

/** A run that is read. */
export interface Book {
  readonly run: string
  readonly id: number
  readonly definition: Definition
  readonly submittedAt: number
  readonly length: number
  readonly head: Link | null
}

/** Messages of a run, each checked against the one before it: a change shows at the message where it begins. */
export const history = (
  database: Database,
  chain: Chain,
  { run, id, definition, submittedAt, length, head }: Book,
  from: number,
  to: number
): History => {
  const origin: Origin = { ...definition, submittedAt }
  const fetch = (hash: string) => payload(database, hash)
  const messages: Array<Message> = []
  const epochs: Array<number> = []
  if (definition.isDamaged) throw new JournalCorrupt({ run, seq: 0, kind: "shape" })
  let [before] = from === 0 ? [chain.first(run, origin)] : (database.row(sql.linkAt, id, from - 1) ?? [undefined])
  let next = from
  for (const [seq, epoch, link, body] of database.rows(sql.readMessages, id, from, to)) {
    if (seq !== next || before === undefined) throw new JournalCorrupt({ run, seq: next, kind: "gap" })
    if (chain.next(before, seq, epoch, body) !== link) throw new JournalCorrupt({ run, seq, kind: "chain" })
    if (seq === length - 1 && head !== null && head !== link) throw new JournalCorrupt({ run, seq, kind: "chain" })
    before = link
    next++
    try {
      messages.push(decode(body, definition.names, origin, fetch))
    } catch {
      throw new JournalCorrupt({ run, seq, kind: "shape" })
    }
    epochs.push(epoch)
  }
  // a tail that was cut off: the note knows that there was more
  if (next < Math.min(length, to)) throw new JournalCorrupt({ run, seq: next, kind: "gap" })
  return { first: from, messages: Object.freeze(messages), epochs }
}

export const payload = (database: Database, hash: string): Json => {
  const [text] = database.row(sql.blob, hash) ?? [""]
  if (blobHash(text) !== hash) throw new TypeError("not what was written")
  return JSON.parse(text) as Json
}
