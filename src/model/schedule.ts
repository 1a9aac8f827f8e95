/**
 * A one-pass list schedule: at each instant the most urgent ready task that fits is started
 * (parallel schedule generation, Kelley 1963; urgency by longest path to the end, Hu 1961).
 * Deterministic: ties go by declaration.
 */
import { criticalPath, type DependencyGraph, indegrees } from "./dependencies.ts"
import { Heap } from "./heap.ts"
import type { Inventory, Resources, Worker } from "./ir.ts"
import type { PolicyName } from "./policy-order.ts"
import { type Amounts, amountsOf } from "./resources.ts"

/** Which of several ready tasks goes first. */
export type SchedulingPolicy = "critical-path" | "priority" | "fifo" | "shortest" | "longest"
export const schedulingPolicies: ReadonlyArray<SchedulingPolicy> = [
  "critical-path",
  "priority",
  "fifo",
  "shortest",
  "longest"
]

/** One task of a schedule: when, and with what. Times in milliseconds from the start. */
export interface ScheduledTask {
  readonly task: string
  readonly startMs: number
  readonly endMs: number
  readonly worker?: string
  /** Who does it together, and what each is there for; where it asks for skills. */
  readonly team?: ReadonlyArray<{ readonly worker: string; readonly skill: string }>
  readonly allocation?: { readonly [resource: string]: number }
  /** The policies that it declares, in the order in which they apply; absent where there are none. */
  readonly policies?: ReadonlyArray<PolicyName>
}

export interface SchedulingProblem {
  readonly graph: DependencyGraph
  readonly durations: ArrayLike<number>
  readonly requirements: ReadonlyArray<Resources | undefined>
  readonly priorities: ReadonlyArray<number>
  readonly inventory: Inventory | undefined
  readonly policy: SchedulingPolicy
}

export interface Schedule {
  readonly tasks: ReadonlyArray<ScheduledTask>
  readonly makespanMs: number
  readonly lowerBoundMs: number
}

/** Puts every task of a graph without cycles on the time line; each requirement must fit the inventory. */
export const listSchedule = (problem: SchedulingProblem): Schedule => {
  const { graph, durations } = problem
  const { tail, length } = criticalPath(graph, durations)
  const urgency = urgencyOf(problem, tail)
  const hall = openHall(problem.inventory)
  const classes = demandClasses(problem)
  const waitingFor = indegrees(graph)
  const running = new Heap<Running>((a, b) => a.endMs < b.endMs || (a.endMs === b.endMs && a.task < b.task))
  const tasks = new Array<ScheduledTask>(graph.size)
  const admit = (task: number) => classes.of[task]!.ready.push(task)
  const moreUrgent = (a: number, b: number) => urgency[a]! > urgency[b]! || (urgency[a] === urgency[b] && a < b)
  for (const one of classes.all) one.ready = new Heap(moreUrgent)
  for (let task = 0; task < graph.size; task++) if (waitingFor[task] === 0) admit(task)
  let nowMs = 0
  for (;;) {
    startWhatFits(classes.all, hall, moreUrgent, (task, seat) => {
      const endMs = nowMs + durations[task]!
      running.push({ task, endMs, seat })
      tasks[task] = scheduled(graph.ids[task]!, nowMs, endMs, seat)
    })
    const next = running.peek()
    if (next === undefined) break
    nowMs = next.endMs
    while (running.peek()?.endMs === nowMs) {
      const { task, seat } = running.pop()!
      hall.leave(seat)
      for (let k = graph.successorStart[task]!; k < graph.successorStart[task + 1]!; k++)
        if (--waitingFor[graph.successors[k]!]! === 0) admit(graph.successors[k]!)
    }
  }
  return {
    tasks: tasks.filter((task) => task !== undefined),
    makespanMs: nowMs,
    lowerBoundMs: Math.max(length, workBound(problem))
  }
}

/** How many of some tasks fit what there is at the same time, the modest ones first. */
export const seats = (requirements: ReadonlyArray<Resources | undefined>, inventory: Inventory | undefined): number => {
  if (inventory === undefined) return requirements.length
  const hall = openHall(inventory)
  const demands = requirements.map(amountsOf).sort((a, b) => total(a) - total(b))
  return demands.filter((amounts) => hall.enter(amounts) !== undefined).length
}
const total = (amounts: Amounts) => [...amounts.values()].reduce((sum, amount) => sum + amount, 0)

interface Running {
  readonly task: number
  readonly endMs: number
  readonly seat: Seat
}

/** Ready tasks that need exactly the same: when the first does not fit, none of them does. */
interface DemandClass {
  readonly amounts: Amounts
  ready: Heap<number>
}

const demandClasses = ({ requirements, graph, inventory }: SchedulingProblem) => {
  const byDemand = new Map<string, DemandClass>()
  const of = new Array<DemandClass>(graph.size)
  const none: Amounts = new Map()
  for (let task = 0; task < graph.size; task++) {
    const amounts = requirements[task] === undefined || inventory === undefined ? none : amountsOf(requirements[task])
    const key = amounts.size === 0 ? "" : JSON.stringify([...amounts].sort())
    let found = byDemand.get(key)
    if (found === undefined) {
      found = { amounts, ready: new Heap<number>(() => false) }
      byDemand.set(key, found)
    }
    of[task] = found
  }
  return { of, all: [...byDemand.values()] }
}

const startWhatFits = (
  classes: ReadonlyArray<DemandClass>,
  hall: Hall,
  moreUrgent: (a: number, b: number) => boolean,
  start: (task: number, seat: Seat) => void
): void => {
  const blocked = new Set<DemandClass>()
  for (;;) {
    let best: DemandClass | undefined
    for (const one of classes) {
      const first = one.ready.peek()
      if (first !== undefined && !blocked.has(one) && (best === undefined || moreUrgent(first, best.ready.peek()!)))
        best = one
    }
    if (best === undefined) return
    const seat = hall.enter(best.amounts)
    if (seat === undefined) blocked.add(best)
    else start(best.ready.pop()!, seat)
  }
}

const scheduled = (task: string, startMs: number, endMs: number, { worker, taken }: Seat): ScheduledTask => ({
  task,
  startMs,
  endMs,
  ...(worker === undefined ? {} : { worker: worker.id }),
  ...(taken.size === 0 ? {} : { allocation: Object.fromEntries(taken) })
})

const urgencyOf = ({ policy, durations, priorities, graph }: SchedulingProblem, tail: Float64Array): Float64Array => {
  switch (policy) {
    case "critical-path":
      return tail
    case "priority":
      return Float64Array.from(priorities)
    case "shortest":
      return Float64Array.from({ length: graph.size }, (_, task) => -durations[task]!)
    case "longest":
      return Float64Array.from({ length: graph.size }, (_, task) => durations[task]!)
    case "fifo":
      return new Float64Array(graph.size)
  }
}

/** What a running task holds. */
interface Seat {
  readonly worker?: WorkerRoom
  readonly taken: Amounts
}

interface WorkerRoom {
  readonly id: string
  readonly free: Map<string, number> | undefined
  busy: number
}

/** Where tasks run: hands out seats, all or nothing, and takes them back. */
interface Hall {
  readonly enter: (amounts: Amounts) => Seat | undefined
  readonly leave: (seat: Seat) => void
}

const openHall = (inventory: Inventory | undefined): Hall => {
  if (inventory === undefined) return { enter: (taken) => ({ taken }), leave: () => {} }
  const pool = new Map(amountsOf(inventory))
  const workers = (inventory.workers ?? []).map(workerRoom)
  const idle = new Heap<number>((a, b) => a < b)
  workers.forEach(({ free }, i) => {
    if (free === undefined) idle.push(i)
  })
  const index = new Map(workers.map((worker, i) => [worker, i]))
  return {
    enter: (amounts) => {
      const shared = inPool(amounts, pool)
      if (!fits(shared, pool)) return undefined
      if (workers.length === 0) {
        take(shared, pool, -1)
        return { taken: shared }
      }
      const own = amounts.size === shared.size ? none : new Map([...amounts].filter(([name]) => !shared.has(name)))
      const worker = freeWorker(workers, idle, own)
      if (worker === undefined) return undefined
      take(shared, pool, -1)
      worker.busy++
      const held = worker.free === undefined ? own : withProcessor(own, worker.free)
      if (worker.free !== undefined) take(held, worker.free, -1)
      return { worker, taken: shared.size === 0 ? held : new Map([...shared, ...held]) }
    },
    leave: ({ worker, taken }) => {
      const shared = inPool(taken, pool)
      take(shared, pool, 1)
      if (worker === undefined) return
      worker.busy--
      if (worker.free === undefined) idle.push(index.get(worker)!)
      else
        for (const [name, amount] of taken)
          if (!shared.has(name)) worker.free.set(name, worker.free.get(name)! + amount)
    }
  }
}
const none: Amounts = new Map()

const workerRoom = (worker: Worker): WorkerRoom => {
  const amounts = amountsOf(worker)
  return { id: worker.id, free: amounts.size === 0 ? undefined : new Map(amounts), busy: 0 }
}

const freeWorker = (workers: ReadonlyArray<WorkerRoom>, idle: Heap<number>, own: Amounts): WorkerRoom | undefined => {
  if (idle.size > 0 && [...own.keys()].every(isAmple)) return workers[idle.pop()!]
  return workers.find(({ free }) => free !== undefined && fits(withProcessor(own, free), free))
}

/** What workers without amounts are taken to have enough of. */
const isAmple = (name: string) => name === "cpu" || name === "memoryMb" || name === "diskMb" || name === "networkMbps"

/** On a worker that counts its processors, a task that does not say takes one. */
const withProcessor = (own: Amounts, free: ReadonlyMap<string, number>): Amounts => {
  const counted = [...own].filter(([name]) => free.has(name) || !isAmple(name))
  return free.has("cpu") && !own.has("cpu") ? new Map([["cpu", 1], ...counted]) : new Map(counted)
}

const inPool = (amounts: Amounts, pool: ReadonlyMap<string, number>): Amounts =>
  amounts.size === 0 ? none : new Map([...amounts].filter(([name]) => pool.has(name)))

const fits = (amounts: Amounts, free: ReadonlyMap<string, number>): boolean => {
  for (const [name, amount] of amounts) if ((free.get(name) ?? 0) < amount) return false
  return true
}

const take = (amounts: Amounts, free: Map<string, number>, sign: 1 | -1): void => {
  for (const [name, amount] of amounts) free.set(name, free.get(name)! + sign * amount)
}

/** No schedule can be shorter than the work that each resource has to carry. */
const workBound = ({ durations, requirements, inventory, graph }: SchedulingProblem): number => {
  if (inventory === undefined) return 0
  const load = new Map<string, number>()
  const workers = inventory.workers ?? []
  const pool = amountsOf(inventory)
  let work = 0
  for (let task = 0; task < graph.size; task++) {
    work += durations[task]!
    for (const [name, amount] of amountsOf(requirements[task]))
      if (pool.has(name)) load.set(name, (load.get(name) ?? 0) + amount * durations[task]!)
  }
  const bounds = [...load].map(([name, amount]) => amount / pool.get(name)!)
  if (workers.length > 0 && workers.every((worker) => amountsOf(worker).size === 0)) bounds.push(work / workers.length)
  return Math.max(0, ...bounds)
}
