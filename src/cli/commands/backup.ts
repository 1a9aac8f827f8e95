/** `troupe backup FILE`: a copy of a store, also while another process works with it. */
import * as Effect from "effect/Effect"
import type { Command } from "../commands.ts"
import { exitCodes, oneLine, tell, tellJson } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const backup: Command = async (given) => {
  const made = await reading(fileStoreOf(given), (reader) => Effect.runPromise(reader.backup(given.positionals[0]!)))
  if (given.has("json")) await tellJson(made)
  else tell(`${oneLine(made.path)}: ${made.bytes.toLocaleString("en")} bytes`)
  return exitCodes.ok
}
