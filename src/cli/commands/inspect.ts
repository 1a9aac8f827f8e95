/** `troupe inspect`: serves the inspector of a store, or of a recording, until somebody interrupts. */
import { packingOf, recordingSource } from "../../inspect/recording.ts"
import { type Served, serve } from "../../inspect/server.ts"
import type { Source } from "../../inspect/source.ts"
import type { Given } from "../arguments.ts"
import { interrupted, isAttended, openBrowser } from "../browser.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { isFileName } from "../file.ts"
import { lookAtStore } from "../look.ts"
import { bold, CommandError, dim, exitCodes, say, tell, tellJson, yellow } from "../output.ts"
import { fileStoreOf } from "../store.ts"

export const inspect: Command = async (given) => {
  const source = await sourceOf(given)
  try {
    const { who } = causeOf(given)
    const served = await serve(source, {
      port: given.whole("port", 0, 65_535) ?? 0,
      control: given.has("control"),
      force: given.has("force"),
      ...(who === undefined ? {} : { who })
    })
    try {
      const end = interrupted()
      if (given.has("json")) await tellJson({ url: served.url, pid: process.pid, port: served.port })
      else show(served, source, given)
      await end
    } finally {
      await served.close()
    }
  } finally {
    await source.close()
  }
  return exitCodes.ok
}

const sourceOf = async (given: Given): Promise<Source> => {
  const word = given.positionals[0]
  if (word === undefined) return lookAtStore(fileStoreOf(given))
  if (packingOf(word) !== undefined) return recordingSource(word)
  if (isFileName(word))
    throw new CommandError(
      `'${word}' is a workflow, and there is nothing to see before it runs`,
      "usage",
      `"troupe run ${word} --inspect" shows a run of it; "troupe inspect --store STORE" those of a store`
    )
  throw new CommandError(`'${word}' is no recording`, "usage", "recordings end in .jsonl, .jsonl.gz or .jsonl.zst")
}

const show = (served: Served, source: Source, given: Given): void => {
  tell(`${bold("inspector")}: ${served.url}`)
  if (served.warning !== undefined) say(yellow(served.warning, process.stderr))
  const may =
    source.kind === "recording"
      ? ""
      : given.has("control")
        ? ", and lets you act on runs"
        : " (--control lets you act on runs)"
  say(dim(`shows ${source.title}${may}; Ctrl-C ends it`, process.stderr))
  if (isAttended() && !given.has("no-open")) openBrowser(served.url)
}
