/**
 * Serial schedule generation (Kelley 1963): the tasks of a list, one after the other, each at the earliest time at which there is
 * room for it. Some list gives a best schedule, whatever the project: no other scheme below promises that.
 */
import type { Draft } from "./draft.ts"
import { Profile } from "./profile.ts"
import type { Project } from "./project.ts"

/** Makes schedules of one project out of lists; keeps its memory from one to the next. */
export class SerialScheme {
  readonly project: Project
  readonly #profile: Profile
  readonly #place: Int32Array

  constructor(project: Project) {
    this.project = project
    this.#profile = new Profile(project.capacity, 2 * project.size)
    this.#place = new Int32Array(project.size)
  }

  /** Writes a schedule. Each task of the list stands after what it waits for. */
  schedule(list: Int32Array, { starts, ends }: Draft): void {
    const { durations, demands, releases, graph } = this.project
    const { predecessorStart, predecessors } = graph
    const profile = this.#profile
    const place = this.#place
    profile.clear()
    for (let i = 0; i < list.length; i++) {
      const task = list[i]!
      let from = 0
      let near = 0
      for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) {
        const before = predecessors[k]!
        if (ends[before]! > from) {
          from = ends[before]!
          near = place[before]!
        }
      }
      if (releases[task]! > from) from = releases[task]!
      const duration = durations[task]!
      const demand = demands[task]!
      if (duration > 0 && demand.resources.length > 0) {
        const start = profile.earliest(demand, duration, from, near)
        const end = start + duration
        starts[task] = start
        ends[task] = end
        place[task] = profile.take(demand, start, end, profile.place)
      } else {
        starts[task] = from
        ends[task] = from + duration
        place[task] = profile.placeAt(from + duration, near)
      }
    }
  }
}
