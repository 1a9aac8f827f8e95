/** A published problem as a workflow document, and its plan as a line that the validator reads. */
import type { Inventory, TaskIR, WorkflowIR } from "../../src/model/ir.ts"
import type { ExecutionPlan } from "../../src/model/plan.ts"

export interface Instance {
  readonly id: string
  readonly kind: "rcpsp" | "skills" | "alternatives"
  readonly resources: ReadonlyArray<{
    readonly id: string
    readonly capacity: number
    readonly skills: ReadonlyArray<string>
  }>
  readonly tasks: ReadonlyArray<{
    readonly id: string
    readonly duration: number
    readonly deps: ReadonlyArray<string>
    readonly needs?: { readonly [resource: string]: number }
    readonly skills?: { readonly [skill: string]: number }
    readonly options?: ReadonlyArray<{ readonly resource: string; readonly duration: number }>
    readonly due?: number
    readonly weight?: number
  }>
}

export const documentOf = ({ id, kind, resources, tasks }: Instance): WorkflowIR => ({
  ir: 1,
  name: id,
  resources: inventoryOf(kind, resources),
  tasks: tasks.map(
    ({ id: task, duration, deps, needs, skills, options, due, weight }): TaskIR => ({
      id: task,
      kind: "noop",
      after: deps,
      estimateMs: duration ?? 0,
      ...(needs === undefined ? {} : { resources: { custom: needs } }),
      ...(skills === undefined
        ? {}
        : { skills: Object.fromEntries(Object.entries(skills).filter(([, count]) => count > 0)) }),
      ...(options === undefined
        ? {}
        : { agents: options.map((option) => ({ agent: option.resource, estimateMs: option.duration })) }),
      ...(due === undefined ? {} : { dueMs: due }),
      ...(weight === undefined ? {} : { weight })
    })
  )
})

const inventoryOf = (kind: Instance["kind"], resources: Instance["resources"]): Inventory => {
  if (kind === "rcpsp") return { custom: Object.fromEntries(resources.map(({ id, capacity }) => [id, capacity])) }
  return { workers: resources.map(({ id, skills }) => (skills === undefined ? { id } : { id, can: skills })) }
}

export const scheduleLine = ({ id, kind }: Instance, { schedule }: ExecutionPlan) => ({
  id,
  tasks: schedule.map(({ task, startMs, endMs, worker, team }) => ({
    id: task,
    start: startMs,
    end: endMs,
    ...(kind === "alternatives" ? { resource: worker } : {}),
    ...(kind === "skills" ? { agents: (team ?? []).map((one) => ({ agent: one.worker, skill: one.skill })) } : {})
  }))
})
