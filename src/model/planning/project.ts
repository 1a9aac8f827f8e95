/** Tasks that share renewable resources, as arrays: what schedules are generated from. Frozen by agreement; nobody writes into it. */
import { criticalPath, type DependencyGraph, topologicalOrder } from "../dependencies.ts"
import type { Demand } from "./profile.ts"

export interface Project {
  readonly size: number
  readonly graph: DependencyGraph
  /** An order in which each task stands after what it waits for. */
  readonly order: Int32Array
  readonly durations: Float64Array
  readonly demands: ReadonlyArray<Demand>
  /** How much there is of each resource. */
  readonly capacity: Float64Array
  /** No task starts before its own. */
  readonly releases: Float64Array
}

/** Times that follow from order and lengths alone (critical path method, Kelley & Walker 1959). */
export interface Times {
  readonly earliestStart: Float64Array
  /** Latest times at which the whole takes no longer than the critical path. */
  readonly latestStart: Float64Array
  readonly latestFinish: Float64Array
  /** Length of the critical path, releases included. */
  readonly length: number
}

export const timesOf = ({ size, graph, order, durations, releases }: Project): Times => {
  const { successorStart, successors } = graph
  const earliestStart = releases.slice()
  let length = 0
  for (let i = 0; i < order.length; i++) {
    const task = order[i]!
    const end = earliestStart[task]! + durations[task]!
    if (end > length) length = end
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
      if (earliestStart[successors[k]!]! < end) earliestStart[successors[k]!] = end
  }
  const { tail } = criticalPath(graph, durations)
  const latestStart = new Float64Array(size)
  const latestFinish = new Float64Array(size)
  for (let task = 0; task < size; task++) {
    latestStart[task] = length - tail[task]!
    latestFinish[task] = latestStart[task]! + durations[task]!
  }
  return { earliestStart, latestStart, latestFinish, length }
}

/** The same project seen from its end: what came first comes last. Releases have no mirror image and are left out. */
export const mirrored = (project: Project): Project => {
  const { graph, size } = project
  const turned: DependencyGraph = {
    ...graph,
    predecessorStart: graph.successorStart,
    predecessors: graph.successors,
    successorStart: graph.predecessorStart,
    successors: graph.predecessors
  }
  return { ...project, graph: turned, order: topologicalOrder(turned), releases: new Float64Array(size) }
}
