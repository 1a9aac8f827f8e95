/** A workflow as a problem of scheduling: its tasks and their constraints, and what the inventory has for them. */
import { asksForAgents } from "./constraints.ts"
import type { DependencyGraph } from "./dependencies.ts"
import type { Problem } from "./errors.ts"
import { suggest } from "./ids.ts"
import type { Inventory, TaskIR, Worker, WorkflowIR } from "./ir.ts"
import type { Amounts, PlanningOption, PlanningProblem, PlanningTask } from "./planning/problem.ts"
import { type Amounts as AmountMap, amountsOf } from "./resources.ts"

export interface WorkflowProblem {
  readonly problem: PlanningProblem
  /** Workers that differ in nothing are one amount; who of them does what is said afterwards. */
  readonly areWorkersAlike: boolean
  /** What a task takes of the shared amounts, and of whoever does it. */
  readonly allocation: (task: number, worker: string | undefined) => Amounts
}

export const problemOf = (
  ir: WorkflowIR,
  graph: DependencyGraph,
  durations: ArrayLike<number>,
  inventory: Inventory | undefined
): WorkflowProblem => {
  const pool = inventory === undefined ? none : amountsOf(inventory)
  const workers = inventory?.workers ?? []
  const needed = ir.tasks.map(({ resources }) => amountsOf(resources))
  const areWorkersAlike =
    workers.every((worker) => worker.can === undefined && amountsOf(worker).size === 0) && !ir.tasks.some(asksForAgents)
  const isNamed = !areWorkersAlike && workers.length > 0
  const rooms = workers.map((worker) => ({ worker, has: amountsOf(worker) }))
  const tasks = ir.tasks.map((task, i): PlanningTask => {
    const needs = [...needed[i]!].filter(([name]) => pool.has(name))
    if (areWorkersAlike && workers.length > 0) needs.push([workerKey, 1])
    const able = isNamed ? optionsFor(task, durations[i]!, needed[i]!, pool, rooms) : undefined
    const before = graph.predecessors.subarray(graph.predecessorStart[i], graph.predecessorStart[i + 1])
    return {
      id: task.id,
      duration: durations[i]!,
      after: Array.from(before, (one) => graph.ids[one]!),
      needs: Object.fromEntries(needs),
      ...constraintsOf(task),
      ...(able === undefined || task.skills !== undefined ? {} : { agents: able.chosen }),
      ...(able === undefined || (task.agents ?? task.skills) === undefined ? {} : { anyAgent: able.all })
    }
  })
  const shared = Object.fromEntries(pool)
  return {
    areWorkersAlike,
    problem: {
      tasks,
      resources: areWorkersAlike && workers.length > 0 ? { ...shared, [workerKey]: workers.length } : shared,
      ...(isNamed ? { agents: rooms.map(agentOf) } : {})
    },
    allocation: (task, worker) => {
      const room = rooms.find((one) => one.worker.id === worker)
      const amounts = Object.fromEntries([...needed[task]!].filter(([name]) => pool.has(name)))
      return room === undefined ? amounts : { ...amounts, ...takenFrom(room.has, ownOf(needed[task]!, pool), true) }
    }
  }
}
const none: AmountMap = new Map()
/** No resource of a document can be called so. */
const workerKey = "\u0000worker"

const constraintsOf = (task: TaskIR): Partial<PlanningTask> => ({
  ...(task.releaseMs === undefined ? {} : { release: task.releaseMs }),
  ...(task.deadlineMs === undefined ? {} : { deadline: task.deadlineMs }),
  ...(task.dueMs === undefined ? {} : { due: task.dueMs }),
  ...(task.weight === undefined ? {} : { weight: task.weight }),
  ...(task.skills === undefined ? {} : { skills: task.skills }),
  ...(task.sameAgentAs === undefined ? {} : { sameAgentAs: task.sameAgentAs }),
  ...(task.differentAgentFrom === undefined ? {} : { differentAgentFrom: task.differentAgentFrom }),
  ...(task.excludes === undefined ? {} : { excludes: task.excludes })
})

interface Room {
  readonly worker: Worker
  readonly has: AmountMap
}

const agentOf = ({ worker, has }: Room) => ({
  id: worker.id,
  ...(worker.can === undefined ? {} : { skills: worker.can }),
  ...(has.size === 0 ? {} : { has: Object.fromEntries(has) })
})

/** Amounts that the pool does not have: they come from whoever does the task. */
const ownOf = (needed: AmountMap, pool: AmountMap): AmountMap =>
  new Map([...needed].filter(([name]) => !pool.has(name)))

/** What workers without amounts are taken to have enough of. */
const isAmple = (name: string) => name === "cpu" || name === "memoryMb" || name === "diskMb" || name === "networkMbps"

/** What a task takes of a worker; on one that counts its processors, a task that does not say takes one. */
const takenFrom = (has: AmountMap, own: AmountMap, isShown = false): Amounts => {
  const counted = [...own].filter(([name]) => has.has(name) || (isShown && has.size === 0))
  return Object.fromEntries(has.has("cpu") && !own.has("cpu") ? [["cpu", 1], ...counted] : counted)
}

const isAble = (has: AmountMap, own: AmountMap): boolean => {
  for (const [name, amount] of own) {
    const there = has.get(name)
    if (there === undefined ? !isAmple(name) : there < amount) return false
  }
  return has.size === 0 || !has.has("cpu") || own.has("cpu") || has.get("cpu")! >= 1
}

const optionsFor = (
  task: TaskIR,
  duration: number,
  needed: AmountMap,
  pool: AmountMap,
  rooms: ReadonlyArray<Room>
): { readonly chosen: ReadonlyArray<PlanningOption>; readonly all: ReadonlyArray<PlanningOption> } => {
  const own = ownOf(needed, pool)
  const wanted = "needs" in task ? [task.needs].flat() : []
  const all = rooms
    .filter(
      ({ worker: { can }, has }) => isAble(has, own) && (can === undefined || wanted.every((one) => can.includes(one)))
    )
    .map(({ worker, has }) => ({ agent: worker.id, duration, takes: takenFrom(has, own) }))
  if (task.agents === undefined) return { chosen: all, all }
  const times = new Map(
    task.agents.map((one) => (typeof one === "string" ? [one, duration] : [one.agent, one.estimateMs]))
  )
  return {
    all,
    chosen: all.flatMap((option) => {
      const time = times.get(option.agent)
      return time === undefined ? [] : [{ ...option, duration: time }]
    })
  }
}

/** What is wrong with who is to do the tasks, given who there is. */
export const agentProblems = (ir: WorkflowIR, inventory: Inventory | undefined): ReadonlyArray<Problem> => {
  const workers = inventory?.workers ?? []
  const ids = workers.map(({ id }) => id)
  const problems: Array<Problem> = []
  const wrong = (path: string, message: string, hint: string) =>
    problems.push({ code: "NO_AGENT", severity: "error", path, message, hint })
  ids.forEach((id, k) => {
    if (ids.indexOf(id) !== k)
      wrong(`/resources/workers/${k}/id`, `there are two workers '${id}'`, "give each an id of its own")
  })
  if (!ir.tasks.some(asksForAgents)) return problems
  ir.tasks.forEach((task, i) => {
    if (!asksForAgents(task)) return
    const path = `/tasks/${i}`
    if (workers.length === 0)
      return wrong(
        path,
        `'${task.id}' says who is to do it, and there are no workers`,
        'give workers: {"workers": [{"id": "w1"}]}'
      )
    task.agents?.forEach((one, k) => {
      const id = typeof one === "string" ? one : one.agent
      if (!ids.includes(id))
        wrong(
          `${path}/agents/${k}`,
          `there is no worker '${id}'`,
          suggest(id, ids) || `workers: ${ids.slice(0, 10).join(", ")}`
        )
    })
    if (task.skills === undefined) return
    if (workers.some((worker) => amountsOf(worker).size > 0))
      return wrong(
        `${path}/skills`,
        "a team is made of workers that do one thing at a time",
        "leave out the amounts of the workers"
      )
    for (const [skill, count] of Object.entries(task.skills)) {
      const able = workers.filter(({ can = [] }) => can.includes(skill)).length
      if (able < count)
        wrong(
          `${path}/skills/${skill}`,
          `the task needs ${count} who can '${skill}' and there ${able === 1 ? "is" : "are"} ${able}`,
          "ask for fewer, or say of more workers that they can"
        )
    }
  })
  return problems
}
