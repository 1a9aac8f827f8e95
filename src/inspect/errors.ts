/** What can be wrong with what somebody wants to see. */
import { TroupeError } from "../model/errors.ts"

/** There is no stream of that name. */
export class StreamUnknown extends TroupeError {
  readonly _tag = "StreamUnknown"
  readonly code = "STREAM_UNKNOWN"
  readonly stream: string
  constructor({ stream }: { stream: string }) {
    super(`there is no stream '${stream.slice(0, 200)}': it was never there, or its run has been removed`)
    this.stream = stream
  }
}
