/** What each task of a run that is not at work waits for; for people who ask why nothing happens. Decides nothing. */
import type { ScopeSnapshot } from "../actors/scope.ts"
import type { Attempt } from "./attempts.ts"
import { isScheduled } from "./progress.ts"
import type { LiveRun } from "./run.ts"

/** A task that waits, and for what. */
export type Wait =
  | { readonly task: string; readonly for: "tasks"; readonly tasks: ReadonlyArray<string> }
  /** `retry` is the number of the attempt that follows the pause. */
  | {
      readonly task: string
      readonly for: "timer" | "answer"
      readonly dueAt: Date | undefined
      readonly retry?: number
    }
  | { readonly task: string; readonly for: "slot" }
  /** Its attempt is to be let through by this one. */
  | { readonly task: string; readonly for: "bulkhead" | "rate" | "breaker"; readonly name: string }
  /** It is in the mailbox of this agent, which has its hands full. */
  | { readonly task: string; readonly for: "agent"; readonly name: string }
  | { readonly task: string; readonly for: string }

/** Most waits that are listed. */
const waitsMost = 100

/** Tasks that wait, those that are alive first. What attempts wait for is known of runs that go on in this process. */
export const waitsOf = (run: LiveRun): ReadonlyArray<Wait> => {
  const { board, root } = run.room
  if (run.outcome !== undefined || board === undefined || root === undefined) return []
  if (isScheduled(run)) return [{ task: "", for: "timer", dueAt: new Date(run.scheduledAt!) }]
  const found: Array<Wait> = []
  visit(run, root.getSnapshot() as ScopeSnapshot, found)
  const { ids, predecessorStart, predecessors } = run.compiled.graph
  for (let task = 0; task < ids.length && found.length < waitsMost; task++) {
    const status = board.statusOf(task)
    // one whose time runs lives already, and was found
    const isAlive = (root.getSnapshot() as ScopeSnapshot).scope.children.has(ids[task]!)
    if (status === "ready" && !isAlive) found.push({ task: ids[task]!, for: "slot" })
    if (status !== "pending") continue
    const tasks: Array<string> = []
    for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]! && tasks.length < waitsMost; k++)
      if (!board.isFinal(predecessors[k]!)) tasks.push(ids[predecessors[k]!]!)
    found.push({ task: ids[task]!, for: "tasks", tasks })
  }
  return found
}

/** Goes through the living actors below one. */
const visit = (run: LiveRun, { scope }: ScopeSnapshot, found: Array<Wait>): void => {
  for (const { actor, place } of scope.children.values()) {
    if (found.length >= waitsMost) return
    const snapshot = actor.getSnapshot()
    const task = place.path
    if (snapshot.scope !== undefined) visit(run, snapshot, found)
    else {
      const dueAt = (run.owed?.timers.get(task) ?? run.timers.get(place))?.dueAt
      const timer = { task, for: "timer", dueAt: dueAt === undefined ? undefined : new Date(dueAt) } as const
      switch (snapshot.value) {
        case "attempting": {
          const awaited = (place.attempt as Attempt | undefined)?.waitsFor
          if (awaited !== undefined) found.push({ task, for: awaited.kind, name: awaited.name })
          break
        }
        case "aborting":
          break
        case "sleeping":
          found.push(timer)
          break
        case "backingOff":
          found.push({ ...timer, retry: (snapshot.context as { attempt: number }).attempt + 1 })
          break
        case "ready":
          found.push({ task, for: "slot" })
          break
        case "waiting":
          found.push({ ...timer, for: "answer" })
          break
        default:
          found.push({ ...timer, for: String(snapshot.value) })
      }
    }
  }
}
