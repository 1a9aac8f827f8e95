/** `troupe inspect`: serves the inspector of a store, a recording, or a workflow before it runs, until somebody interrupts. */
import { packingOf } from "../../inspect/recording.ts"
import { openRecording } from "../../inspect/recordings.ts"
import { redact } from "../../inspect/redact.ts"
import { type Served, serve } from "../../inspect/server.ts"
import type { Source } from "../../inspect/source.ts"
import { workflowSource } from "../../inspect/workflow-source.ts"
import { InvalidWorkflow } from "../../model/errors.ts"
import type { Given } from "../arguments.ts"
import { interrupted, isAttended, openBrowser } from "../browser.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { isFileName, readFile } from "../file.ts"
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
  if (packingOf(word) !== undefined) return openRecording(word)
  if (isFileName(word)) return workflowOf(given)
  throw new CommandError(
    `'${word}' is neither a recording nor a workflow`,
    "usage",
    `recordings end in .jsonl, .jsonl.gz or .jsonl.zst; a run is in its store: "troupe inspect --store STORE"`
  )
}

const workflowOf = async (given: Given): Promise<Source> => {
  const { workflow, problems } = await readFile(given)
  const errors = problems.filter(({ severity, code }) => severity === "error" && code !== "TASK_UNKNOWN")
  if (workflow === undefined || errors.length > 0)
    throw new InvalidWorkflow({ workflow: given.positionals[0]!, problems: errors })
  return workflowSource(workflow, redact)
}

const show = (served: Served, source: Source, given: Given): void => {
  tell(`${bold("inspector")}: ${served.url}`)
  if (served.warning !== undefined) say(yellow(served.warning, process.stderr))
  const may =
    source.perform === undefined
      ? ""
      : given.has("control")
        ? ", and lets you act on runs"
        : " (--control lets you act on runs)"
  say(dim(`shows ${source.title}${may}; Ctrl-C ends it`, process.stderr))
  if (isAttended() && !given.has("no-open")) openBrowser(served.url)
}
