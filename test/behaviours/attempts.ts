/** Tasks whose attempts do what a test says, on a clock that the test moves: for the behaviours of retries and timeouts. */
import { type Orchestrator, type RunFailed, task, type, workflow } from "troupe"
import type { TaskContext, TaskOptions } from "../../src/model/task.ts"
import { StandingClock } from "../clock.ts"

export type Body = (context: TaskContext) => unknown

export const never = () => new Promise<never>(() => {})
export const throws =
  (message: string, facts: object = {}): Body =>
  () => {
    throw Object.assign(new Error(message), facts)
  }

/** A run of one task: the n-th attempt does what the n-th body says, the last of them goes on for ever. */
export const attempts = async (options: TaskOptions, ...bodies: ReadonlyArray<Body>) => {
  const clock = new StandingClock()
  const { orchestrator } = await clock.open()
  const begun = clock.now
  const calls: Array<{ readonly at: number; readonly context: TaskContext }> = []
  const def = task("t", {
    in: type<null>(),
    out: type<any>(),
    ...options,
    run: (_, context) => {
      calls.push({ at: clock.now - begun, context })
      return (bodies[calls.length - 1] ?? bodies.at(-1)!)(context) as never
    }
  })
  const flow = workflow("w", type<null>())
    .task("t", def, () => null)
    .returns(($) => $.t)
  const run = await orchestrator.submit(flow, null)
  return {
    orchestrator: orchestrator as Orchestrator,
    run,
    calls,
    /** When bodies were called, in milliseconds since the run was submitted. */
    times: () => calls.map(({ at }) => at),
    pass: (ms: number) => clock.advance(ms),
    status: async () => (await run.status()).status,
    value: async () => (await run.outcome()).output,
    failure: async () => ((await run.outcome()).error as RunFailed).failure,
    ends: async () => (await run.history()).filter((one) => one.type.startsWith("attempt."))
  }
}
