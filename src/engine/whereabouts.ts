/** Where a run is: the state of each chart that is alive in it. Looks, changes nothing. */
import type { ScopeSnapshot } from "../actors/scope.ts"
import type { LiveRun } from "./run.ts"

/** Hears of an actor: its path (`""` is the run itself), and the state of its chart. */
export type Seen = (path: string, state: string) => void

/** Tells of the run, then of those that live below it. */
export const whereabouts = ({ room: { root } }: LiveRun, seen: Seen): void => {
  if (root === undefined) return
  const snapshot = root.getSnapshot() as ScopeSnapshot
  seen("", String(snapshot.value))
  visit(snapshot, seen)
}

const visit = ({ scope }: ScopeSnapshot, seen: Seen): void => {
  for (const { actor, place } of scope.children.values()) {
    const snapshot = actor.getSnapshot()
    seen(place.path, String(snapshot.value))
    if (snapshot.scope !== undefined) visit(snapshot, seen)
  }
}
