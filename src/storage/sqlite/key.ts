/**
 * Whether a store is opened with the key that its messages are sealed with. Without it every run would look damaged: so nobody
 * may take the store over, and nothing is said about its runs. A run that is damaged says nothing about the key as long as
 * anything else fits.
 */
import { StoreUnusable } from "../errors.ts"
import type { Chain, Link, Origin } from "./codec.ts"
import type { Database, Row } from "./database.ts"
import * as sql from "./statements.ts"

export interface Lock {
  readonly chain: Chain
  /** Whether that chain is made with a key. */
  readonly isSealed: boolean
  /** What a definition gives to the beginning of the chains of its runs. */
  readonly originOf: (definition: number) => Omit<Origin, "submittedAt">
}

/** Throws `StoreUnusable` if a few of the oldest and newest runs show that it is not the right one. Reads only. */
export const requireKey = (database: Database, { chain, isSealed, originOf }: Lock): void => {
  let [seen, others] = [0, 0]
  let fits = false
  for (const [id, name, definition, submittedAt] of database.rows(sql.someRuns)) {
    const [first] = database.rows(sql.readMessages, id, 0, 1)
    if (first === undefined) continue
    seen++
    if (isOfSeals(first) !== isSealed) others++
    else if (!fits) {
      const [last, before] = database.rows(sql.lastMessages, id)
      const beginning = chain.first(name, { ...originOf(definition), submittedAt })
      fits = isNext(chain, beginning, first) || isNext(chain, before?.[chained], last)
    }
    if (fits && seen > others + enough) return
  }
  const wrong = (detail: string) => new StoreUnusable({ path: database.path, reason: "key", detail })
  if (others > seen - others)
    throw wrong(
      isSealed
        ? "was written without a key, and one was given: open it without"
        : "is sealed with a key, and none was given: open it with its key, 'sqliteJournal({ path, key })'"
    )
  // a checksum needs no key: what does not fit is damaged
  if (isSealed && seen > others && !fits)
    throw wrong("is sealed with another key than the one that was given: open it with the one that it was made with")
}

/** Runs that say the same before the others are not looked at any more. */
const enough = 4

/** Where the link stands in a row of a message. */
const chained = 2

const isOfSeals = ({ [chained]: link }: Row): boolean => typeof link === "string"

/** Whether a row follows from the link before it. What is damaged may be of any type, and follows from nothing. */
const isNext = (chain: Chain, before: Link | undefined, row: Row | undefined): boolean => {
  if (before === undefined || row === undefined || typeof before !== typeof row[chained]) return false
  const [seq, epoch, link, body] = row
  try {
    return chain.next(before, seq, epoch, body) === link
  } catch {
    return false
  }
}
