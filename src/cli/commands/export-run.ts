/** `troupe export-run ID`: one run as one file, also while another process works with its store. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { exportRun as exported } from "../../engine/transfer.ts"
import { requireId } from "../../model/ids.ts"
import type { Command } from "../commands.ts"
import { storePath, withStore } from "../file-store.ts"
import { CommandError, exitCodes, oneLine, tell, tellJson } from "../output.ts"

export const exportRun: Command = async (given) => {
  const path = storePath(given)
  const [id] = given.positionals
  const content = await withStore(async () => {
    const run = requireId("run", id!)
    const { sqliteJournal } = await import("../../storage/sqlite/journal.ts")
    const journal = await sqliteJournal({ path, readOnly: true })
    try {
      return await Effect.runPromise(exported(journal, run, { goodPart: given.has("good-part") }))
    } finally {
      await Effect.runPromise(Effect.ignore(journal.close(0)))
    }
  })
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
