/** Actor systems of XState 5 that are not ours: whatever their actors do, as an inspector sees it. */
import type { InspectionEvent, Observer as XObserver } from "xstate"
import type { Inspect } from "../actors/create.ts"
import { StreamUnknown } from "./errors.ts"
import { Observer, type Redact } from "./observe.ts"
import { Recorder, type RecorderOptions } from "./recorder.ts"
import type { Source } from "./source.ts"

export interface SystemOptions extends RecorderOptions {
  readonly redact: Redact
  readonly name?: string
  readonly title?: string
  /** Is told what went wrong while something was looked at; the application goes on. */
  readonly onError?: (error: unknown) => void
}

export interface SystemSource extends Source {
  /** Give this to `createActor(machine, { inspect })`; any number of systems may have it. */
  readonly inspect: Inspect
  readonly recorder: Recorder
}

export const systemSource = ({
  redact,
  name = "system",
  title = name,
  onError = () => {},
  ...options
}: SystemOptions): SystemSource => {
  const recorder = new Recorder({ ...options, redactedBy: redact })
  const observer = new Observer({ redact, tell: recorder.tell })
  const see = observer.inspect as (event: InspectionEvent) => void
  const inspect: XObserver<InspectionEvent> = {
    next: (event) => {
      // an inspector that throws would wedge the actor that it watches
      try {
        see(event)
      } catch (error) {
        onError(error)
      }
    }
  }
  const stream = `system:${name}`
  return {
    kind: "system",
    title,
    inspect,
    recorder,
    opensAt: { stream },
    overview: async () => ({ streams: [stream], runs: [], total: 0 }),
    onChange: () => () => {},
    follow: (asked, from, signal) => {
      if (asked !== stream) throw new StreamUnknown({ stream: asked })
      return recorder.follow(from, signal)
    },
    close: async () => recorder.close()
  }
}
