/**
 * Parallel schedule generation (Brooks & White 1965): from one moment at which something ends to the next, what fits is started, the
 * most urgent first. This is what a dispatcher does as well, step by step; nothing that could start ever waits.
 */
import { indegrees } from "../dependencies.ts"
import { Heap } from "../heap.ts"
import type { Compiled, Crew, Option } from "./compiled.ts"
import type { Taste } from "./crew.ts"
import type { Draft } from "./draft.ts"
import { mayTake } from "./same-agent.ts"
import { type Member, TeamBuilder } from "./team.ts"

/** Takes one of those that fit, most urgent first: its number in the list. */
export type Pick = (eligible: ReadonlyArray<number>) => number

interface Running {
  readonly task: number
  readonly end: number
}

export const parallelSchedule = (
  { project, crew }: Compiled,
  keys: ArrayLike<number>,
  draft: Draft,
  taste: Taste,
  pick?: Pick
): void => {
  const { size, demands, releases, graph, capacity, durations } = project
  const { successorStart, successors } = graph
  const free = Float64Array.from(capacity)
  const waitingFor = indegrees(graph)
  const before = (a: number, b: number) => keys[a]! < keys[b]! || (keys[a] === keys[b] && a < b)
  const running = new Heap<Running>((a, b) => a.end < b.end || (a.end === b.end && a.task < b.task))
  const later = new Heap<number>((a, b) => releases[a]! < releases[b]! || (releases[a] === releases[b] && a < b))
  const seats = crew === undefined ? undefined : new Seats(crew, size, taste)
  let eligible: Array<number> = []
  let now = 0
  draft.starts.fill(Number.POSITIVE_INFINITY)
  draft.ends.fill(Number.POSITIVE_INFINITY)
  const admit = (task: number) => {
    let at = eligible.length
    eligible.push(task)
    for (; at > 0 && before(task, eligible[at - 1]!); at--) eligible[at] = eligible[at - 1]!
    eligible[at] = task
  }
  const arrive = (task: number) => (releases[task]! > now ? later.push(task) : admit(task))
  const fits = (task: number) => {
    const { resources, least } = demands[task]!
    for (let k = 0; k < resources.length; k++) if (free[resources[k]!]! < least[k]!) return false
    return true
  }
  const start = (task: number): boolean => {
    if (!fits(task)) return false
    const duration = seats === undefined ? durations[task]! : seats.enter(task, durations[task]!, draft)
    if (duration === undefined) return false
    const { resources, amounts } = demands[task]!
    const end = now + duration
    draft.starts[task] = now
    draft.ends[task] = end
    for (let k = 0; k < resources.length; k++) free[resources[k]!]! -= amounts[k]!
    running.push({ task, end })
    return true
  }
  for (let task = 0; task < size; task++) if (waitingFor[task] === 0) arrive(task)
  for (;;) {
    if (pick === undefined) eligible = eligible.filter((task) => !start(task))
    else
      for (let able = eligible.filter(fits); able.length > 0; ) {
        const task = able[able.length === 1 ? 0 : pick(able)]!
        if (start(task)) eligible.splice(eligible.indexOf(task), 1)
        able = able.filter((one) => one !== task && fits(one))
      }
    const next = running.peek()
    const arriving = later.peek()
    if (next === undefined && arriving === undefined) return
    now = Math.min(
      next?.end ?? Number.POSITIVE_INFINITY,
      arriving === undefined ? Number.POSITIVE_INFINITY : releases[arriving]!
    )
    while (later.size > 0 && releases[later.peek()!]! <= now) admit(later.pop()!)
    while (running.peek()?.end === now) {
      const { task } = running.pop()!
      const { resources, amounts } = demands[task]!
      for (let k = 0; k < resources.length; k++) free[resources[k]!]! += amounts[k]!
      seats?.leave(task, draft)
      for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
        if (--waitingFor[successors[k]!]! === 0) arrive(successors[k]!)
    }
  }
}

/** Who is free now. */
class Seats {
  readonly #crew: Crew
  readonly #free: Array<Float64Array>
  readonly #bound: Int32Array
  readonly #byTaste: ReadonlyArray<number>
  readonly #builder: TeamBuilder
  readonly #held: Array<Option | undefined> = []

  constructor(crew: Crew, size: number, taste: Taste) {
    this.#crew = crew
    this.#free = crew.amounts.map((amounts) => amounts?.slice() ?? Float64Array.of(1))
    this.#bound = new Int32Array(size).fill(-1)
    this.#byTaste = Array.from({ length: crew.size }, (_, agent) => agent).sort(
      (a, b) => taste[a]! - taste[b]! || a - b
    )
    this.#builder = new TeamBuilder(crew.can)
  }

  /** How long the task takes with whom it gets; undefined when nobody is free for it. */
  enter(task: number, duration: number, draft: Draft): number | undefined {
    draft.agent[task] = -1
    const need = this.#crew.teams[task]
    if (need !== undefined) {
      const team = this.#builder.build(
        need,
        this.#byTaste.filter((agent) => this.#free[agent]![0]! >= 1)
      )
      if (team === undefined) return undefined
      for (const { agent } of team) this.#free[agent]![0]!--
      draft.teams[task] = team
      return duration
    }
    const options = this.#crew.options[task]!
    if (options.length === 0) return duration
    let best: Option | undefined
    for (const option of options)
      if ((best === undefined || option.duration < best.duration) && this.#isFree(option) && this.#may(task, option))
        best = option
    if (best === undefined) return undefined
    const { agent, demand } = best
    for (let k = 0; k < demand.resources.length; k++) this.#free[agent]![demand.resources[k]!]! -= demand.amounts[k]!
    this.#bound[this.#crew.groupOf[task]!] = agent
    this.#held[task] = best
    draft.agent[task] = agent
    return best.duration
  }

  leave(task: number, { teams }: Draft): void {
    if (this.#crew.teams[task] !== undefined) {
      for (const { agent } of teams[task] as ReadonlyArray<Member>) this.#free[agent]![0]!++
      return
    }
    const held = this.#held[task]
    if (held === undefined) return
    const { agent, demand } = held
    for (let k = 0; k < demand.resources.length; k++) this.#free[agent]![demand.resources[k]!]! += demand.amounts[k]!
  }

  #isFree({ agent, demand }: Option): boolean {
    const free = this.#free[agent]!
    for (let k = 0; k < demand.resources.length; k++) if (free[demand.resources[k]!]! < demand.least[k]!) return false
    return true
  }

  #may(task: number, { agent }: Option): boolean {
    return mayTake(this.#crew, this.#bound, this.#crew.groupOf[task]!, agent)
  }
}
