/**
 * The tasks that decide how long a run takes. While it runs: what is left of them, as the engine tells, and how it came to the first
 * of these. Afterwards: the longest path over what was measured, and how much later everything else could have ended.
 */
import type { RunView } from "../../src/inspect/view.ts"
import { criticalPath } from "../../src/model/dependencies.ts"
import { spanOf } from "./looks.ts"
import type { Structure } from "./structure.ts"

export interface Critical {
  /** Paths, first to last. */
  readonly path: ReadonlyArray<string>
  readonly has: ReadonlySet<string>
  /** The next one of each. */
  readonly next: ReadonlyMap<string, string>
  /** When a task could have ended without making the run longer, where that is later than it did; only of runs that have ended. */
  readonly couldEnd: ReadonlyMap<string, number>
}

const criticalPathOf = (path: ReadonlyArray<string>, couldEnd: ReadonlyMap<string, number> = new Map()): Critical => ({
  path,
  has: new Set(path),
  next: new Map(path.slice(1).map((to, i) => [path[i]!, to])),
  couldEnd
})
const noneCritical = criticalPathOf([])
/** Differences that nobody can see, in milliseconds. */
const nothing = 1

export const criticalOf = (structure: Structure, run: RunView, now: number): Critical => {
  const { parts, graph } = structure.parts("")
  if (parts.length === 0) return noneCritical
  const spans = parts.map(({ path }) => spanOf(run.tasks.get(path), now))
  if (run.endedAt === undefined && run.critical.length > 0) {
    const left = run.critical.filter((path) => graph.index.has(path))
    return criticalPathOf([...before(graph, spans, graph.index.get(left[0]!)), ...left])
  }
  const durations = spans.map((span) => (span === undefined ? 0 : span[1] - span[0]))
  const { path: ids, tail, length } = criticalPath(graph, durations)
  if (length <= 0) return noneCritical
  const path = ids.flatMap((id) => {
    const i = graph.index.get(id)!
    return durations[i]! > 0 ? [parts[i]!.path] : []
  })
  const couldEnd = new Map<string, number>()
  if (run.endedAt !== undefined) {
    const end = spans.reduce((last, span) => Math.max(last, span?.[1] ?? 0), 0)
    spans.forEach((span, i) => {
      if (span === undefined) return
      const latest = end - (tail[i]! - durations[i]!)
      if (latest - span[1] > nothing) couldEnd.set(parts[i]!.path, latest)
    })
  }
  return criticalPathOf(path, couldEnd)
}

/** How it came to a task: the last of those it waited for, the last of those that one waited for, and so on. */
const before = (
  graph: {
    readonly ids: ReadonlyArray<string>
    readonly predecessorStart: Int32Array
    readonly predecessors: Int32Array
  },
  spans: ReadonlyArray<readonly [number, number] | undefined>,
  first: number | undefined
): ReadonlyArray<string> => {
  const path: Array<string> = []
  let at = first
  while (at !== undefined && path.length < graph.ids.length) {
    let last: number | undefined
    for (let k = graph.predecessorStart[at]!; k < graph.predecessorStart[at + 1]!; k++) {
      const one = graph.predecessors[k]!
      if (spans[one] !== undefined && (last === undefined || spans[one][1] > spans[last]![1])) last = one
    }
    if (last !== undefined) path.push(graph.ids[last]!)
    at = last
  }
  return path.reverse()
}
