/** Agents that a document brings along: each does its work with a built-in kind. */

import { segments } from "../model/ids.ts"
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import { type Lookup, resolver } from "../model/mapping.ts"
import { workSettings } from "../model/work-settings.ts"
import { type Allow, builtins } from "./builtin.ts"
import type { Agent } from "./router.ts"

/** The agents of a document that can work by themselves. References in their settings read from the `input` of the task. */
export const agentsOf = (ir: WorkflowIR, allow: Allow): ReadonlyArray<Agent> =>
  (ir.agents ?? []).flatMap(({ does, ...facts }) => {
    if (does === undefined) return []
    const settings = resolver(workSettings(does), inputOnly, "omit")
    return [
      {
        ...facts,
        run: (input: Json, context) =>
          builtins[does.kind](does, input, settings({ input, values: [] }), { ...contextOf(context), allow })
      }
    ]
  })

const inputOnly: Lookup = (parts) => ({ root: { at: "input" }, path: segments(parts).slice(1) })

/** A context is a living object with getters; a copy would lose them. */
const contextOf = (context: Parameters<Agent["run"]>[1]) => ({
  key: context.key,
  run: context.run,
  task: context.task,
  attempt: context.attempt,
  delivery: context.delivery,
  fencingToken: context.fencingToken,
  signal: context.signal,
  heartbeat: context.heartbeat,
  lastHeartbeat: context.lastHeartbeat,
  deadlineAt: context.deadlineAt,
  agent: context.agent,
  tx: context.tx
})
