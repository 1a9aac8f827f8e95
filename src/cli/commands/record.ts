/** `troupe record ID`: what happened in a run, as a file that the inspector opens anywhere. */
import { headOf, writeRecording } from "../../inspect/recording.ts"
import type { Command } from "../commands.ts"
import { eventsOf, lookAt } from "../look.ts"
import { exitCodes, oneLine, tell, tellJson } from "../output.ts"
import { version } from "../version.ts"

export const record: Command = async (given) => {
  const looked = await lookAt(given)
  const { source, stream, name } = looked
  try {
    const out = given.text("out") ?? `${name}.troupe.jsonl.zst`
    const head = headOf({ title: name }, stream, version(), Date.now())
    const { events, bytes } = await writeRecording(out, head, eventsOf(looked))
    if (given.has("json")) await tellJson({ stream, file: out, events, bytes })
    else tell(`${oneLine(out)}: ${events.toLocaleString("en")} events; "troupe inspect ${oneLine(out)}" shows them`)
    return exitCodes.ok
  } finally {
    await source.close()
  }
}
