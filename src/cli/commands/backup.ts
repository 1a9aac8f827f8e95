/** `troupe backup FILE`: a copy of a store, also while another process works with it. */
import * as Effect from "effect/Effect"
import type { Command } from "../commands.ts"
import { storePath, withStore } from "../file-store.ts"
import { exitCodes, oneLine, tell, tellJson } from "../output.ts"

export const backup: Command = async (given) => {
  const path = storePath(given)
  const made = await withStore(async () => {
    const { sqliteJournal } = await import("../../storage/sqlite/journal.ts")
    const journal = await sqliteJournal({ path, readOnly: true })
    try {
      return await Effect.runPromise(journal.backup(given.positionals[0]!))
    } finally {
      await Effect.runPromise(Effect.ignore(journal.close(0)))
    }
  })
  if (given.has("json")) await tellJson(made)
  else tell(`${oneLine(made.path)}: ${made.bytes.toLocaleString("en")} bytes`)
  return exitCodes.ok
}
