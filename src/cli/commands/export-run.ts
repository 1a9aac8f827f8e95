/** `troupe export-run ID`: one run as one file, also while another process works with its store. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { exportRun as exported } from "../../engine/transfer.ts"
import { requireId } from "../../model/ids.ts"
import type { Command } from "../commands.ts"
import { CommandError, exitCodes, oneLine, tell, tellJson } from "../output.ts"
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
  write(resolve(out), `${JSON.stringify(content)}\n`)
  const { run, status, messages, isPartial = false, checksum } = content
  if (given.has("json")) await tellJson({ run, status, messages: messages.length, isPartial, checksum, file: out })
  else
    tell(
      `${oneLine(out)}: run '${run}' (${status}), ${messages.length.toLocaleString("en")} messages${isPartial ? ", without those that are damaged" : ""}`
    )
  return exitCodes.ok
}

/** Never replaces a file, and leaves no half of one: it would stand in the way of the next try. */
const write = (path: string, text: string): void => {
  let isOurs = false
  try {
    const file = openSync(path, "wx")
    isOurs = true
    try {
      // all of it: one write may write less than it was given
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (isOurs) rmSync(path, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    throw code === "EEXIST"
      ? new CommandError(`'${path}' exists already`, "usage", "give another path with --out")
      : new CommandError(`cannot write '${path}': ${message}`, "failed")
  }
}
