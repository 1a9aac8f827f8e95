/**
 * The dependency graph: who waits for whom, as index arrays, so that 100,000 tasks cost little and no walk can overflow the stack.
 * Everything is iterative. Pure functions over frozen arrays; names are only needed at the borders.
 */

/** A graph of tasks 0 … size-1. Neighbours of task i stand in `successors[successorStart[i] … successorStart[i+1]-1]`. */
export interface DependencyGraph {
  readonly size: number
  readonly ids: ReadonlyArray<string>
  readonly index: ReadonlyMap<string, number>
  readonly predecessorStart: Int32Array
  readonly predecessors: Int32Array
  readonly successorStart: Int32Array
  readonly successors: Int32Array
}

/**
 * The graph of tasks that name what they wait for. Unknown names and repetitions are left out;
 * `validate` reports them.
 *
 * ```ts check
 * analyzeDependencies({ cook: [], serve: ["cook"] }).size // => 2
 * ```
 */
export const analyzeDependencies = (tasks: { readonly [id: string]: ReadonlyArray<string> }): DependencyGraph => {
  const ids = Object.keys(tasks)
  const index = new Map(ids.map((id, i) => [id, i]))
  return dependencyGraph(
    ids,
    index,
    ids.map((id) => tasks[id]!.flatMap((dep) => index.get(dep) ?? []))
  )
}

/** The graph from lists of predecessors by index; repetitions are dropped. */
export const dependencyGraph = (
  ids: ReadonlyArray<string>,
  index: ReadonlyMap<string, number>,
  lists: ReadonlyArray<ReadonlyArray<number>>
): DependencyGraph => {
  const size = ids.length
  let edges = 0
  for (const list of lists) edges += list.length
  const predecessorStart = new Int32Array(size + 1)
  const gathered = new Int32Array(edges)
  const seenBy = new Int32Array(size).fill(-1)
  const outdegree = new Int32Array(size + 1)
  let at = 0
  for (let task = 0; task < size; task++) {
    predecessorStart[task] = at
    const list = lists[task]!
    for (let k = 0; k < list.length; k++) {
      const dep = list[k]!
      if (seenBy[dep] === task) continue
      seenBy[dep] = task
      outdegree[dep]!++
      gathered[at++] = dep
    }
  }
  predecessorStart[size] = at
  const predecessors = at === edges ? gathered : gathered.slice(0, at)
  const successorStart = new Int32Array(size + 1)
  for (let task = 0, sum = 0; task <= size; task++) {
    successorStart[task] = sum
    sum += outdegree[task]!
  }
  const successors = new Int32Array(at)
  const fill = successorStart.slice()
  for (let task = 0; task < size; task++) {
    for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++)
      successors[fill[predecessors[k]!]!++] = task
  }
  return { size, ids, index, predecessorStart, predecessors, successorStart, successors }
}

/** How many tasks each task waits for. */
export const indegrees = ({ size, predecessorStart }: DependencyGraph): Int32Array => {
  const result = new Int32Array(size)
  for (let task = 0; task < size; task++) result[task] = predecessorStart[task + 1]! - predecessorStart[task]!
  return result
}

/**
 * The tasks in an order in which each stands after everything it waits for (Kahn 1962), ties by declaration.
 * Tasks on a cycle, or behind one, are missing: the order is then shorter than the graph.
 */
export const topologicalOrder = (graph: DependencyGraph): Int32Array => {
  const { size, successorStart, successors } = graph
  const waitingFor = indegrees(graph)
  const order = new Int32Array(size)
  let filled = 0
  for (let task = 0; task < size; task++) if (waitingFor[task] === 0) order[filled++] = task
  for (let next = 0; next < filled; next++) {
    const task = order[next]!
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const successor = successors[k]!
      if (--waitingFor[successor]! === 0) order[filled++] = successor
    }
  }
  return filled === size ? order : order.slice(0, filled)
}

/**
 * One cycle of the graph, closed (first and last are the same), in the direction of the dependencies; or nothing.
 *
 * ```ts check
 * findCycle(analyzeDependencies({ a: ["b"], b: ["c"], c: ["a"], d: ["a"] })) // => ["a", "b", "c", "a"]
 * findCycle(analyzeDependencies({ a: ["a"] })) // => ["a", "a"]
 * findCycle(analyzeDependencies({ a: [], b: ["a"] })) // => undefined
 * ```
 */
export const findCycle = (graph: DependencyGraph): ReadonlyArray<string> | undefined => {
  const order = topologicalOrder(graph)
  if (order.length === graph.size) return undefined
  const settled = new Uint8Array(graph.size)
  for (const task of order) settled[task] = 1
  // every task that is left waits for another one that is left: walking back must meet itself
  const step = new Int32Array(graph.size).fill(-1)
  const walk: Array<number> = []
  let task = settled.indexOf(0)
  while (step[task] === -1) {
    step[task] = walk.length
    walk.push(task)
    task = leftPredecessor(graph, settled, task)
  }
  return [...walk.slice(step[task]), task].map((i) => graph.ids[i]!)
}

const leftPredecessor = (
  { predecessorStart, predecessors }: DependencyGraph,
  settled: Uint8Array,
  task: number
): number => {
  for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++)
    if (settled[predecessors[k]!] === 0) return predecessors[k]!
  return task
}

/** A cycle as text, shortened when it is long. */
export const cycleText = (cycle: ReadonlyArray<string>): string =>
  cycle.length <= 12
    ? cycle.join(" → ")
    : `${cycle.slice(0, 6).join(" → ")} → … ${cycle.length - 11} more … → ${cycle.slice(-5).join(" → ")}`

/** For each task the number of its stage: one after the last task it waits for. */
export const levels = (graph: DependencyGraph, order = topologicalOrder(graph)): Int32Array => {
  const level = new Int32Array(graph.size)
  for (const task of order) {
    for (let k = graph.successorStart[task]!; k < graph.successorStart[task + 1]!; k++) {
      const successor = graph.successors[k]!
      if (level[successor]! <= level[task]!) level[successor] = level[task]! + 1
    }
  }
  return level
}

/**
 * Groups tasks into stages: each task stands one stage after the last task it needs, so the tasks of one stage can run
 * side by side. Stages are for reading; the engine starts each task as soon as its own dependencies are done.
 *
 * ```ts check
 * stagesOf(analyzeDependencies({ cook: [], serve: ["cook"], music: [] })) // => [["cook", "music"], ["serve"]]
 * stagesOf(analyzeDependencies({})) // => []
 * ```
 */
export const stagesOf = (graph: DependencyGraph): ReadonlyArray<ReadonlyArray<string>> => {
  const stages: Array<Array<string>> = []
  levels(graph).forEach((level, task) => {
    ;(stages[level] ??= []).push(graph.ids[task]!)
  })
  return stages
}

/** Whether `to` waits for `from`, directly or through others. */
export const reaches = ({ size, successorStart, successors }: DependencyGraph, from: number, to: number): boolean => {
  const seen = new Uint8Array(size)
  const open = [from]
  for (let task = open.pop(); task !== undefined; task = open.pop()) {
    if (task === to) return true
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const successor = successors[k]!
      if (seen[successor] === 0) {
        seen[successor] = 1
        open.push(successor)
      }
    }
  }
  return false
}

/** Earliest and latest times of all tasks, given how long each takes (critical path method, Kelley & Walker 1959). */
export interface CriticalPath {
  /** Tasks of one longest path, first to last. */
  readonly path: ReadonlyArray<string>
  /** Length of it. */
  readonly length: number
  readonly earliestStart: Float64Array
  /** How much later each task could start without making the whole longer. */
  readonly slack: Float64Array
  /** Time from the start of each task to the end of everything behind it. */
  readonly tail: Float64Array
}

/**
 * The longest path through the graph and the slack of every task.
 *
 * ```ts check
 * criticalPath(analyzeDependencies({ a: [], b: ["a"], c: ["a"] }), [1, 5, 2]).path // => ["a", "b"]
 * ```
 */
export const criticalPath = (graph: DependencyGraph, durations: ArrayLike<number>): CriticalPath => {
  const { size, ids, successorStart, successors } = graph
  const order = topologicalOrder(graph)
  const earliestStart = new Float64Array(size)
  const tail = new Float64Array(size)
  for (const task of order) {
    const end = earliestStart[task]! + durations[task]!
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
      if (earliestStart[successors[k]!]! < end) earliestStart[successors[k]!] = end
  }
  const next = new Int32Array(size).fill(-1)
  let first = -1
  for (let i = order.length - 1; i >= 0; i--) {
    const task = order[i]!
    let longest = 0
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const successor = successors[k]!
      if (tail[successor]! > longest || next[task] === -1) {
        longest = tail[successor]!
        next[task] = successor
      }
    }
    tail[task] = longest + durations[task]!
    if (earliestStart[task] === 0 && (first === -1 || tail[task]! >= tail[first]!)) first = task
  }
  const length = first === -1 ? 0 : tail[first]!
  const slack = new Float64Array(size)
  for (let task = 0; task < size; task++) slack[task] = length - earliestStart[task]! - tail[task]!
  const path: Array<string> = []
  for (let task = first; task !== -1; task = next[task]!) path.push(ids[task]!)
  return { path, length, earliestStart, slack, tail }
}
