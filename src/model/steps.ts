/**
 * Other ways of writing a workflow down, read into the IR: agent crews (`workflow_spec`, `agents`, `tasks` with
 * `depends_on`), and step lists (`steps` with `input_mapping` and `output_mapping`, `initial_data`).
 */
import { InvalidWorkflow, type Problem } from "./errors.ts"
import type { AgentIR, Mapping, Reference, TaskIR, WorkflowIR } from "./ir.ts"
import { deepFreeze, isPlainRecord, type JsonObject, toJson } from "./json.ts"
import { requireValid } from "./validate.ts"

/** A crew: who there is, and what is to be done by whom. */
export interface CrewSpec {
  readonly workflow_spec: {
    readonly workflow_id: string
    readonly process_type?: "sequential" | "parallel" | "hierarchical"
    readonly [more: string]: unknown
  }
  readonly agents: ReadonlyArray<{
    readonly agent_id: string
    readonly role?: string
    readonly goal?: string
    readonly backstory?: string
    readonly capabilities?: ReadonlyArray<string>
    readonly [more: string]: unknown
  }>
  readonly tasks: ReadonlyArray<{
    readonly task_id: string
    readonly name?: string
    readonly description?: string
    readonly expected_output?: string
    readonly assigned_agent_id?: string
    readonly depends_on?: ReadonlyArray<string>
    readonly [more: string]: unknown
  }>
}

/** A list of steps that read from and write to the workflow's data. */
export interface StepWorkflow {
  readonly workflow_id: string
  readonly name?: string
  readonly description?: string
  readonly initial_data?: JsonObject
  readonly steps: ReadonlyArray<Step>
}
export interface Step {
  readonly step_id: string
  readonly action?: string
  readonly agent_capability: string
  /** Key of the step's input ← path in the workflow's data. */
  readonly input_mapping?: { readonly [inputKey: string]: string }
  /** Path in the workflow's data ← key of the step's output. */
  readonly output_mapping?: { readonly [dataPath: string]: string }
  readonly dependencies?: ReadonlyArray<string>
  /** Seconds; default 30. */
  readonly timeout?: number
  /** Tries after the first; default 2. */
  readonly retry_count?: number
}

const refuse = (name: string, problem: Omit<Problem, "severity">): never => {
  throw new InvalidWorkflow({ workflow: name, problems: [{ ...problem, severity: "error" }] })
}

/**
 * A crew as a workflow. A task goes to the agent it names by `assigned_agent_id` (never by role), which becomes a
 * capability of that agent; fields that are not known here are kept as metadata. `process_type: "sequential"` puts tasks that name no dependencies one after the other.
 */
export const fromCrew = (spec: CrewSpec): WorkflowIR => {
  const name = spec.workflow_spec.workflow_id
  const agents = new Set(spec.agents.map(({ agent_id }) => agent_id))
  const { workflow_id: _, process_type, ...facts } = spec.workflow_spec
  const tasks = spec.tasks.map((task, i): TaskIR => {
    const { task_id, name: label, description, expected_output, assigned_agent_id, depends_on, ...more } = task
    if (assigned_agent_id !== undefined && !agents.has(assigned_agent_id)) {
      refuse(name, {
        code: "NO_AGENT",
        path: `/tasks/${i}/assigned_agent_id`,
        message: `there is no agent with the id '${assigned_agent_id}'`,
        hint: "agents are named by agent_id, not by role"
      })
    }
    const previous = process_type === "sequential" && i > 0 ? [spec.tasks[i - 1]!.task_id] : []
    const after = depends_on ?? previous
    return {
      id: task_id,
      ...(label === undefined ? {} : { name: label }),
      ...(description === undefined ? {} : { description }),
      ...(expected_output === undefined ? {} : { expectedOutput: expected_output }),
      ...(after.length === 0 ? {} : { after }),
      ...(assigned_agent_id === undefined ? { kind: "noop" as const } : { needs: agentCapability(assigned_agent_id) }),
      input: {
        ...(description === undefined ? {} : { description }),
        ...(expected_output === undefined ? {} : { expectedOutput: expected_output }),
        context: Object.fromEntries(after.map((dep) => [dep, { $: [dep] }]))
      },
      ...(Object.keys(more).length === 0 ? {} : { metadata: toJson(more) as JsonObject })
    }
  })
  return requireValid(
    deepFreeze({
      ir: 1,
      name,
      metadata: toJson({ ...facts, ...(process_type === undefined ? {} : { process_type }) }) as JsonObject,
      agents: spec.agents.map(crewAgent),
      tasks
    })
  )
}

/** The capability that stands for one particular agent. */
export const agentCapability = (agentId: string) => `agent:${agentId}`

const crewAgent = ({
  agent_id,
  role,
  goal,
  backstory,
  capabilities,
  ...more
}: CrewSpec["agents"][number]): AgentIR => ({
  id: agent_id,
  ...(role === undefined ? {} : { role }),
  ...(goal === undefined ? {} : { goal }),
  ...(backstory === undefined ? {} : { backstory }),
  can: [agentCapability(agent_id), ...(capabilities ?? [])],
  ...(Object.keys(more).length === 0 ? {} : { metadata: toJson(more) as JsonObject })
})

/**
 * A list of steps as a workflow. `output_mapping` writes: data path ← output key. `input_mapping` reads: input key ← data path,
 * from what an earlier step wrote, else from `initial_data` and the input of the run.
 */
export const fromSteps = (source: StepWorkflow): WorkflowIR => {
  const written = source.steps.flatMap(({ output_mapping }) => Object.keys(output_mapping ?? {}))
  const isWritten = (path: string) =>
    written.some((target) => path === target || path.startsWith(`${target}.`) || target.startsWith(`${path}.`))
  const from = (path: string): Reference => ({ $: isWritten(path) ? `data.${path}` : `input.${path}` })
  const tasks = source.steps.map((step): TaskIR => {
    const {
      step_id,
      action,
      agent_capability,
      input_mapping,
      output_mapping,
      dependencies,
      timeout = 30,
      retry_count = 2
    } = step
    const input: Mapping = isPlainRecord(input_mapping)
      ? Object.fromEntries(Object.entries(input_mapping).map(([key, path]) => [key, from(path)]))
      : {}
    return {
      id: step_id,
      needs: agent_capability,
      ...(dependencies === undefined || dependencies.length === 0 ? {} : { after: dependencies }),
      input: action === undefined ? input : { ...(input as JsonObject), action },
      ...(output_mapping === undefined
        ? {}
        : {
            data: Object.fromEntries(
              Object.entries(output_mapping).map(([path, key]) => [path, { $: `result.${key}` }])
            )
          }),
      timeoutMs: timeout * 1_000,
      retry: { attempts: retry_count + 1 }
    }
  })
  return requireValid(
    deepFreeze({
      ir: 1,
      name: source.workflow_id,
      ...(source.description === undefined ? {} : { description: source.description }),
      ...(source.name === undefined ? {} : { metadata: { name: source.name } }),
      ...(source.initial_data === undefined ? {} : { defaults: toJson(source.initial_data) as JsonObject }),
      tasks,
      ...(written.length === 0 ? {} : { output: { $: "data" } })
    })
  )
}
