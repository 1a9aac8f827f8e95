/** Faults that people inject into a development run, to see what comes of them. Checked here, planted by the message. */
import { FaultRefused } from "../model/errors.ts"
import { suggest } from "../model/ids.ts"
import { type Cause, type FaultInjected, type InjectedFault, injectedFaults, said } from "../model/messages.ts"
import type { Engine } from "./engine.ts"
import type { LiveRun } from "./run.ts"

/** Most that an attempt is told to wait: a day. */
const slowMost = 86_400_000

/** The message that plants a fault; throws `FaultRefused`. */
export const injected = (
  engine: Engine,
  run: LiveRun,
  task: string,
  fault: InjectedFault,
  { ms, ...cause }: Cause & { readonly ms?: number }
): FaultInjected => {
  if (engine.options.hasFaults !== true) throw new FaultRefused({ reason: "closed" })
  if (!injectedFaults.includes(fault)) throw new FaultRefused({ reason: "kind", detail: String(fault).slice(0, 40) })
  if (ms !== undefined && !(Number.isInteger(ms) && ms >= 1 && ms <= slowMost))
    throw new FaultRefused({ reason: "ms", detail: String(ms) })
  const { graph } = run.compiled
  const [id = ""] = task.split(/[/[#@~]/)
  if (!graph.index.has(id)) {
    const hint = suggest(id, graph.ids) || "see its definition"
    throw new FaultRefused({
      reason: "task",
      detail: `run '${run.id}' has no task '${task.slice(0, 200)}': ${hint}`
    })
  }
  return {
    type: "fault.injected",
    at: engine.now(),
    task,
    fault,
    ...(ms === undefined ? {} : { ms }),
    ...said(cause)
  }
}
