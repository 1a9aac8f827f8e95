/** A recording, whatever kind it is: of a run as it was seen, or of a simulated one that failed. */
import { isChaosHead, toldStory } from "./chaos-recording.ts"
import { StreamUnknown } from "./errors.ts"
import { recordingSource, rowsOf, valuesIn } from "./recording.ts"
import { redact } from "./redact.ts"
import type { Source } from "./source.ts"
import { View } from "./view.ts"

/** Opens either. Rejects with `RecordingBroken` or `RecordingTooNew` before anything of it is shown. */
export const openRecording = async (path: string): Promise<Source> => {
  const lines: Array<unknown> = []
  for await (const line of valuesIn(path)) {
    if (lines.length === 0 && !isChaosHead(line)) return recordingSource(path)
    lines.push(line)
  }
  if (lines.length === 0) return recordingSource(path)
  const { title, stream, events, opensAt } = await toldStory(path, lines, redact)
  const view = new View()
  for (const event of events) view.apply(event)
  const rows = rowsOf(view)
  return {
    kind: "recording",
    title,
    opensAt: { stream, seq: opensAt },
    overview: async (limit) => ({ streams: [stream], runs: rows.slice(0, limit), total: rows.length }),
    onChange: () => () => {},
    follow: (asked, from) => {
      if (asked !== stream) throw new StreamUnknown({ stream: asked })
      return (async function* () {
        yield { events: events.slice(from), isCaughtUp: true }
      })()
    },
    close: async () => {}
  }
}
