/** The inspector as applications embed it: one call, then give it to whatever shall be looked at. */
import type { InspectionEvent, Observer } from "xstate"
import type { Onlooker, Orchestrator } from "../engine/orchestrator.ts"
import { InvalidOption } from "../model/errors.ts"
import { combined } from "./combined.ts"
import { orchestratorSource } from "./orchestrator-source.ts"
import { type RedactOptions, redactor } from "./redact.ts"
import { type ServeOptions, serve } from "./server.ts"
import type { Source } from "./source.ts"
import { statelyReceiver } from "./stately.ts"
import { systemSource } from "./system-source.ts"

export interface InspectorOptions extends Omit<ServeOptions, "redact" | "hear"> {
  /** For the title of the page; default `troupe`. */
  readonly title?: string
  /** Further names of fields whose values never leave the process, and how much of a value is shown. */
  readonly redact?: RedactOptions
  /** Most events that are kept of XState systems that are not an orchestrator's; default 50,000. */
  readonly max?: number
  /** Is told what went wrong while something was looked at; the application goes on. */
  readonly onError?: (error: unknown) => void
  /** Is told where the page is; default: a line on stderr. */
  readonly onOpen?: (url: string) => void
}

/** An observer for `createActor(machine, { inspect })`, and for `Orchestrator.open({ inspect })`. */
export interface Inspector extends Observer<InspectionEvent>, Onlooker, AsyncDisposable {
  readonly next: (event: InspectionEvent) => void
  /** The page, with the token in its fragment. */
  readonly url: string
  readonly port: number
  /** For `createWebSocketInspector({ url })` of `@statelyai/inspect`, where an application is elsewhere, or in a browser. */
  readonly hearsAt: string
  /** Shows an orchestrator; `Orchestrator.open({ inspect })` does it by itself. */
  readonly attach: (orchestrator: Orchestrator) => void
  readonly source: Source
  readonly close: () => Promise<void>
}

/**
 * Serves the inspector's page on this machine until it is closed. Rejects with `InspectorRefused` where NODE_ENV is `production`
 * and nobody has said `force`, and for addresses and ports that cannot be. While nobody looks, an orchestrator pays nothing for it.
 */
export const inspector = async (options: InspectorOptions = {}): Promise<Inspector> => {
  const { title = "troupe", redact: hidden, max, onError, onOpen = tellWhere, ...serving } = options
  const redact = redactor(hidden)
  const system = systemSource({
    redact,
    title,
    name: title,
    ...(max === undefined ? {} : { max }),
    ...(onError === undefined ? {} : { onError })
  })
  const source = combined(title, system)
  const served = await serve(source, { ...serving, redact, hear: statelyReceiver(system.recorder.tell, redact) })
  onOpen(served.url)
  const close = async () => {
    await served.close()
    await source.close()
  }
  return {
    next: (event) => (system.inspect as Required<Observer<InspectionEvent>>).next(event),
    url: served.url,
    port: served.port,
    hearsAt: served.hearsAt!,
    source,
    attach: (orchestrator) => {
      if (source.hasOrchestrator)
        throw new InvalidOption({ option: "inspect", value: "an inspector", allowed: "one for each orchestrator" })
      source.add(orchestratorSource(orchestrator, { redact, title }))
    },
    close,
    [Symbol.asyncDispose]: close
  }
}

const tellWhere = (url: string): void => {
  process.stderr.write(`inspector: ${url}\n`)
}
