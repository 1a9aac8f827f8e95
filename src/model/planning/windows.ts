import type { Compiled } from "./compiled.ts"

/** When each task can start at the earliest and must end at the latest, by order and lengths alone. */
export interface Windows {
  readonly earliest: Float64Array
  readonly latest: Float64Array
}

/** Undefined where nothing has a deadline. */
export const windowsOf = ({ project, shortest, deadlines }: Compiled): Windows | undefined => {
  if (deadlines === undefined) return undefined
  const { order, graph, releases } = project
  const { successorStart, successors } = graph
  const earliest = releases.slice()
  const latest = deadlines.slice()
  for (const task of order)
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const after = successors[k]!
      earliest[after] = Math.max(earliest[after]!, earliest[task]! + shortest[task]!)
    }
  for (let i = order.length - 1; i >= 0; i--) {
    const task = order[i]!
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const after = successors[k]!
      latest[task] = Math.min(latest[task]!, latest[after]! - shortest[after]!)
    }
  }
  return { earliest, latest }
}
