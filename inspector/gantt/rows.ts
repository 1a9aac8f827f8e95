/** The rows of the timeline: tasks, with those inside them below, in the order that somebody wants. */
import type { RunView } from "../../src/inspect/view.ts"
import { hasInside } from "../dag/scene.ts"
import { companionsOf, type Part, type Structure } from "../picture/structure.ts"

export type Sort = "structure" | "start" | "duration"

export interface Row {
  readonly path: string
  readonly depth: number
  readonly part: Part
  /** Whether it is open; undefined where nothing is inside. */
  readonly isOpen: boolean | undefined
  readonly isGroup: boolean
  /** What undoes it, or stood in for it: drawn in the same row. */
  readonly companions: ReadonlyArray<string>
}

/** Most parts of a scope that is open before anybody has opened it. */
const openMost = 16
const deepest = 12

/** `turned` has the scopes that somebody has opened or closed. */
export const rowsOf = (
  structure: Structure,
  run: RunView,
  turned: ReadonlySet<string>,
  sort: Sort,
  now: number
): ReadonlyArray<Row> => {
  const rows: Array<Row> = []
  const add = (path: string, depth: number): void => {
    for (const part of sorted(structure.parts(path).parts, run, sort, now)) {
      const isOpen = part.mayOpen
        ? structure.count(part.path) <= openMost !== turned.has(part.path) && depth < deepest
        : undefined
      rows.push({
        path: part.path,
        depth,
        part,
        isOpen,
        isGroup: hasInside(part),
        companions: companionsOf(run, part.path)
      })
      if (isOpen === true) add(part.path, depth + 1)
    }
  }
  add("", 0)
  return rows
}

const sorted = (parts: ReadonlyArray<Part>, run: RunView, sort: Sort, now: number): ReadonlyArray<Part> => {
  if (sort === "structure") return parts
  const keys = parts.map(({ path }) => {
    const task = run.tasks.get(path)
    const since = task?.status === "pending" ? undefined : task?.since
    if (sort === "start") return since ?? Number.MAX_SAFE_INTEGER
    return since === undefined ? 0 : since - (task?.endedAt ?? Math.max(now, since))
  })
  return [...parts.keys()].sort((a, b) => keys[a]! - keys[b]! || a - b).map((i) => parts[i]!)
}
