/** `troupe report ID`: a run, or a recording, as one HTML file that needs neither a server nor a network. */
import { headOf } from "../../inspect/recording.ts"
import { writeReport } from "../../inspect/report.ts"
import type { Command } from "../commands.ts"
import { eventsOf, lookAt } from "../look.ts"
import { exitCodes, oneLine, tell, tellJson } from "../output.ts"
import { version } from "../version.ts"

export const report: Command = async (given) => {
  const looked = await lookAt(given)
  const { source, stream, name } = looked
  try {
    const out = given.text("out") ?? `${name}.report.html`
    const head = { ...headOf({ title: name }, stream, version(), Date.now()), ...opensAt(source.opensAt) }
    const { events, bytes } = await writeReport(out, head, eventsOf(looked))
    if (given.has("json")) await tellJson({ stream, file: out, events, bytes })
    else
      tell(
        `${oneLine(out)}: ${events.toLocaleString("en")} events, ${(bytes / 1024).toFixed(0)} KiB; open it in a browser`
      )
    return exitCodes.ok
  } finally {
    await source.close()
  }
}

const opensAt = (at: { readonly seq?: number } | undefined) => (at?.seq === undefined ? {} : { opensAt: at.seq })
