/** `troupe export-run ID`: one run as one file, also while another process works with its store. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { exportRun as exported } from "../../engine/transfer.ts"
import { requireId } from "../../model/ids.ts"
import type { Command } from "../commands.ts"
import { writeNew } from "../new-file.ts"
import { exitCodes, oneLine, tell, tellJson } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const exportRun: Command = async (given) => {
  const id = requireId("run", given.positionals[0]!)
  const content = await reading(fileStoreOf(given), (reader) =>
    Effect.runPromise(exported(reader, id, { goodPart: given.has("good-part") }))
  )
  const out = given.text("out") ?? `${content.run}.run.json`
  if (out === "-") {
    await tellJson(content)
    return exitCodes.ok
  }
  writeNew(resolve(out), `${JSON.stringify(content)}\n`)
  const { run, status, messages, isPartial = false, checksum } = content
  if (given.has("json")) await tellJson({ run, status, messages: messages.length, isPartial, checksum, file: out })
  else
    tell(
      `${oneLine(out)}: run '${run}' (${status}), ${messages.length.toLocaleString("en")} messages${isPartial ? ", without those that are damaged" : ""}`
    )
  return exitCodes.ok
}
