/** Where what is seen comes from: an orchestrator, a store, a recording, an XState system. The server knows nothing else. */
import type { Json } from "../model/json.ts"
import type { Ask, Hello, Preview, RunRow, SeenEvent, StreamId } from "./protocol.ts"
import type { Redact } from "./redact.ts"

export interface Overview {
  readonly streams: ReadonlyArray<StreamId>
  /** The newest runs first; at most so many as were asked for. */
  readonly runs: ReadonlyArray<RunRow>
  readonly total: number
}

/** Some events in order; `isCaughtUp` when there is no more for now. */
export interface Batch {
  readonly events: ReadonlyArray<SeenEvent>
  readonly isCaughtUp: boolean
  /** What has redacted them already: whoever redacts with the same need not do it again. */
  readonly redactedBy?: Redact
}

export interface Source {
  readonly kind: Hello["source"]
  readonly title: string
  readonly opensAt?: Hello["opensAt"] | undefined
  readonly overview: (limit: number) => Promise<Overview>
  /** Calls back when `overview` may have changed, at most a few times a second; gives back how to stop. */
  readonly onChange: (changed: () => void) => () => void
  /**
   * The events of a stream from number `from` on, and then those that come, until whoever reads stops. It is pulled: who reads
   * slowly gets larger batches later, and nothing gathers beyond a bound that is told as a gap. Throws `StreamUnknown`.
   * Where the signal comes while nothing happens, the stream ends there and then.
   */
  readonly follow: (stream: StreamId, from: number, signal?: AbortSignal) => AsyncIterable<Batch>
  /** Verbs that can be asked beyond those of the command line. */
  readonly offers?: ReadonlyArray<string> | undefined
  /** Does what was asked, as a message of the journal with who and why; absent where nothing can be asked. */
  readonly perform?: (ask: Ask, who: string) => Promise<Json>
  /** What would come of it. */
  readonly preview?: (ask: Ask) => Promise<Preview>
  readonly close: () => Promise<void>
}
