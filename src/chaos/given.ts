/** What is given to the kit, looked at: a workflow that can run, invariants that say no or do not work. */
import { isWorkflow, type Workflow } from "../model/workflow.ts"
import { ChaosMisused } from "./errors.ts"

/** Throws `ChaosMisused` for what is no workflow, and for one that cannot run. */
export const requireSound = (workflow: Workflow): void => {
  if (!isWorkflow(workflow))
    throw new ChaosMisused({
      what: "workflow",
      why: "the first argument is no workflow: give one made by workflow(…) or load(…)"
    })
  const [problem] = workflow.problems.filter(({ severity }) => severity === "error")
  if (problem !== undefined)
    throw new ChaosMisused({ what: "workflow", why: `workflow '${workflow.name}' cannot run: ${problem.message}` })
}

/** An assertion that throws is how most people say that something does not hold: by its name, or a code of its own. */
export const isAssertion = (error: unknown): boolean =>
  error instanceof Error && (/assert/i.test(error.name) || (error as { code?: unknown }).code === "ERR_ASSERTION")

export const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)
