/** A workflow before it runs: its graph, and the path that decides how long it will take. */
import { plan } from "../model/plan.ts"
import type { Workflow } from "../model/workflow.ts"
import { StreamUnknown } from "./errors.ts"
import type { Seen, SeenEvent } from "./protocol.ts"
import type { Redact } from "./redact.ts"
import type { Source } from "./source.ts"

/** Shows a workflow in which nothing is wrong. Nothing of it is called. */
export const workflowSource = ({ ir, hash }: Pick<Workflow, "ir" | "hash">, redact: Redact): Source => {
  const stream = `workflow:${ir.name}`
  const t = Date.now()
  const seen: ReadonlyArray<Seen> = [
    { kind: "definition", hash, ir: redact(ir) as unknown as typeof ir },
    // a run that nobody has submitted: it waits for that
    { kind: "run", run: ir.name, workflow: ir.name, hash },
    { kind: "status", run: ir.name, status: "waiting", percent: 0, critical: plan(ir).criticalPath }
  ]
  const events = seen.map((one, seq): SeenEvent => ({ ...one, seq, t }))
  return {
    kind: "recording",
    title: `${ir.name}, before it runs`,
    opensAt: { stream },
    overview: async () => ({ streams: [stream], runs: [], total: 0 }),
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
