/** Events as they leave: redacted, in pieces that a page can take in between two frames. */
import type { Redact } from "./redact.ts"
import { redactEvent } from "./redact-event.ts"
import type { Batch } from "./source.ts"

/** Most events of one piece, and most characters; a single event that is larger goes alone. */
export const piece = { events: 1_000, characters: 256 * 1024 } as const

/** The events as lists of JSON text. */
export function* piecesOf({ events, redactedBy }: Batch, redact: Redact): Generator<ReadonlyArray<string>> {
  let texts: Array<string> = []
  let characters = 0
  for (const event of events) {
    const text = JSON.stringify(redactedBy === redact ? event : redactEvent(event, redact))
    if (texts.length > 0 && (texts.length >= piece.events || characters + text.length > piece.characters)) {
      yield texts
      texts = []
      characters = 0
    }
    texts.push(text)
    characters += text.length
  }
  if (texts.length > 0) yield texts
}
