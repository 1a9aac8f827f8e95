/** Actor systems of XState 5 that are not ours: whatever their actors do, as an inspector sees it. */
import type { InspectionEvent, Observer as XObserver } from "xstate"
import type { Inspect } from "../actors/create.ts"
import { isPlainRecord } from "../model/json.ts"
import { AskRefused, StreamUnknown } from "./errors.ts"
import { Observer, type Redact } from "./observe.ts"
import type { Ask } from "./protocol.ts"
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
  const observer = new Observer({ redact, tell: recorder.tell, isReached: true })
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
    offers: ["send"],
    perform: async (ask) => {
      const { actor, event } = sendOf(ask)
      const found = observer.actorAt(actor)
      if (found === undefined)
        throw new AskRefused({ code: "ACTOR_GONE", message: `there is no actor '${actor.slice(0, 200)}' any more` })
      found.send(event)
      return { actor, ok: true }
    },
    preview: async (ask) => ({ text: `${sendOf(ask).actor} gets the event '${sendOf(ask).event.type}'.`, tasks: [] }),
    follow: (asked, from, signal) => {
      if (asked !== stream) throw new StreamUnknown({ stream: asked })
      return recorder.follow(from, signal)
    },
    close: async () => recorder.close()
  }
}

/** An event for an actor; throws `AskRefused` for anything else. */
const sendOf = ({ verb, fields = {} }: Ask) => {
  const { actor, event, ...more } = fields
  const wrong =
    verb !== "send"
      ? `an XState system can be asked to send, not to ${verb.slice(0, 40)}`
      : typeof actor !== "string" || Object.keys(more).length > 0
        ? "to send takes the key of an actor and an event"
        : !isPlainRecord(event) || typeof event.type !== "string" || event.type.startsWith("xstate.")
          ? 'an event is an object with a type of its own, like {"type": "NEXT"}'
          : undefined
  if (wrong !== undefined) throw new AskRefused({ code: "ASK_INVALID", message: `${wrong}: nothing was done` })
  return { actor: actor as string, event: event as { readonly type: string } }
}
