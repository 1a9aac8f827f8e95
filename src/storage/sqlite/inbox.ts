/** The owner's side of the inbox in a file. `PRAGMA data_version` tells whether anybody else has written: one look costs microseconds. */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Json } from "../../model/json.ts"
import type { JournalError } from "../errors.ts"
import { type Asked, type InboxService, requestMost } from "../inbox.ts"
import type { Database } from "./database.ts"
import { clock, requireEpoch } from "./owner.ts"

/** Requests of one look. */
const page = 100
/** How long an answer stays for whoever asked, in milliseconds. */
const keptMs = 60_000

const select = `SELECT id, ${clock} - at, CASE WHEN length(request) <= ${requestMost} THEN request END
  FROM troupe_inbox WHERE answer IS NULL ORDER BY id LIMIT ${page}`

type Attempt = <T>(work: (database: Database) => T) => Effect.Effect<T, JournalError>

export class FileInbox implements InboxService {
  readonly #attempt: Attempt
  /** The version of the file that was looked at last, and the connection that said so: versions of two cannot be compared. */
  #seen: { readonly database: Database; readonly version: number } | undefined = undefined

  constructor(attempt: Attempt) {
    this.#attempt = attempt
  }

  asked = (): Effect.Effect<ReadonlyArray<Asked>, JournalError> =>
    this.#attempt((database) => {
      const version = versionOf(database)
      if (this.#seen?.database === database && this.#seen.version === version) return none
      const rows = database.rows(select)
      // after a full page there may be more
      this.#seen = rows.length < page ? { database, version } : undefined
      return rows.map(([id, ageMs, request]) => ({ id, ageMs, request: request ?? undefined }))
    })

  answer = (answers: ReadonlyMap<number, Json>, epoch: number): Effect.Effect<void, JournalError> =>
    answers.size === 0
      ? Exit.void
      : this.#attempt((database) =>
          database.transaction(() => {
            requireEpoch(database, epoch)
            for (const [id, answer] of answers)
              database.run(
                "UPDATE troupe_inbox SET answer = ? WHERE id = ? AND answer IS NULL",
                JSON.stringify(answer),
                id
              )
            database.run(`DELETE FROM troupe_inbox WHERE answer IS NOT NULL AND at < ${clock} - ?`, keptMs)
          })
        )
}

/** Changes whenever another connection has committed. */
export const versionOf = (database: Database): number => database.row("PRAGMA data_version")![0]

const none: ReadonlyArray<Asked> = []
