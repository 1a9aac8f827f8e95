/** Workflows of tasks that fail when the test says so, by the name of their path. */
import {
  load,
  Orchestrator,
  type OrchestratorOptions,
  type TaskIR,
  task,
  type,
  type Workflow,
  type WorkflowIR
} from "troupe"

export interface Told {
  readonly path: string
  readonly input: unknown
  readonly key: string
  readonly attempt: number
}

/** `fails` says which tasks throw, by path; what each was called with is noted. Results are `name(input)`. */
export const troubled = () => {
  const fails = new Set<string>()
  const hangs = new Map<string, () => void>()
  const calls: Array<Told> = []
  const work = (name: string) =>
    task(name, {
      in: type<any>(),
      out: type<any>(),
      run: (input, { task: path, key, attempt, signal }) => {
        calls.push({ path, input, key, attempt })
        if (fails.has(path)) throw new Error(`${path} is down`)
        if (!hangs.has(path)) return `${name}(${input === undefined || input === null ? "" : JSON.stringify(input)})`
        return new Promise((resolve, reject) => {
          hangs.set(path, () => resolve(`${name} at last`))
          signal.addEventListener("abort", () => reject(signal.reason))
        })
      }
    })
  const code = { work: work("work"), other: work("other"), third: work("third") }
  const flow = (tasks: ReadonlyArray<TaskIR>, more: Partial<WorkflowIR> = {}): Promise<Workflow> =>
    load({ ir: 1, name: "flow", tasks, ...more }, code)
  return {
    fails,
    hangs,
    calls,
    code,
    flow,
    paths: () => calls.map(({ path }) => path),
    /** Runs it to its end, in memory. */
    outcome: async (
      tasks: ReadonlyArray<TaskIR>,
      more: Partial<WorkflowIR> = {},
      options: OrchestratorOptions = {}
    ) => {
      await using orchestrator = await Orchestrator.open(options)
      const run = await orchestrator.submit(await flow(tasks, more), null)
      const { status, output, degraded, failedTask } = await run.outcome()
      return { status, output, degraded, failedTask, states: await run.tasks(), history: await run.history() }
    }
  }
}
