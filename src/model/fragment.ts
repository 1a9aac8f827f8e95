/** What a planner gives, as a workflow of its own. */
import type { Fragment, WorkflowIR } from "./ir.ts"
import { deepFreeze } from "./json.ts"

/** A fragment as a workflow of its own, inside the one that planned it. */
export const fragmentIR = ({ tasks, output }: Fragment, id: string, { config }: WorkflowIR): WorkflowIR =>
  deepFreeze({
    ir: 1,
    name: id,
    ...(config?.missing === undefined ? {} : { config: { missing: config.missing } }),
    tasks,
    ...(output === undefined ? {} : { output })
  })
