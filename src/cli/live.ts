/** The inspector of a run while it goes on in this process; it only shows. */
import type { Orchestrator } from "../engine/orchestrator.ts"
import { redact } from "../inspect/redact.ts"
import { serve } from "../inspect/server.ts"
import { orchestratorSource } from "../inspect/sources.ts"
import { interrupted, isAttended, openBrowser } from "./browser.ts"
import { bold, dim, say } from "./output.ts"

export interface Live {
  /** Where somebody sits at the terminal, goes on showing until an interrupt. */
  readonly stay: (isForScripts: boolean) => Promise<void>
  readonly close: () => Promise<void>
}

export const showLive = async (orchestrator: Orchestrator, title: string): Promise<Live> => {
  const source = orchestratorSource(orchestrator, { redact, title })
  const served = await serve(source)
  say(`${bold("inspector", process.stderr)}: ${served.url}`)
  if (isAttended()) openBrowser(served.url)
  return {
    stay: async (isForScripts) => {
      if (isForScripts || !isAttended()) return
      say(dim("the inspector goes on until Ctrl-C", process.stderr))
      await interrupted()
    },
    close: async () => {
      await served.close()
      await source.close()
    }
  }
}
