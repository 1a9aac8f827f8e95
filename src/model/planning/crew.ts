/**
 * Serial schedule generation where tasks need agents: each task of a list goes to the agent with whom it ends first, or to a team of
 * the least sought after, at the earliest time at which they and what else it needs are free.
 */
import type { Compiled, Crew, Option } from "./compiled.ts"
import type { Draft } from "./draft.ts"
import { Line } from "./line.ts"
import { Profile } from "./profile.ts"
import type { Project } from "./project.ts"
import { mayTake } from "./same-agent.ts"
import { type Member, TeamBuilder } from "./team.ts"

/** How little each agent is sought after: the least goes first where agents are as good as each other. */
export type Taste = Float64Array

/** What the skills of each agent are asked for, against how many have them; 1 for all where nobody asks. */
export const demandFor = ({ crew, shortest }: Compiled): Taste => {
  if (crew === undefined) return new Float64Array(0)
  if (crew.teams.every((need) => need === undefined)) return new Float64Array(crew.size).fill(1)
  const wanted = new Float64Array(crew.skills.length)
  const there = new Float64Array(crew.skills.length)
  crew.teams.forEach((need, task) => {
    need?.skills.forEach((skill, k) => {
      wanted[skill]! += need.counts[k]! * shortest[task]!
    })
  })
  for (const can of crew.can) for (const skill of can) there[skill]!++
  return Float64Array.from(crew.can, (can) => {
    let sum = 0
    for (const skill of can) sum += wanted[skill]! / there[skill]!
    return sum
  })
}

export class CrewScheme {
  readonly #project: Project
  readonly #crew: Crew
  readonly #lines: ReadonlyArray<Line>
  readonly #rooms: ReadonlyArray<Profile | undefined>
  readonly #pool: Profile
  readonly #builder: TeamBuilder
  /** The agent of each group, once one of its tasks has one; -1 before. */
  readonly #bound: Int32Array
  readonly #byTaste: Array<number>
  /** How much a taste counts where it is not about skills: half of what somebody takes longer. */
  readonly #whim: number

  /** The project may be the compiled one, or its mirror image. */
  constructor(project: Project, crew: Crew) {
    this.#project = project
    this.#crew = crew
    this.#lines = crew.amounts.map(() => new Line())
    this.#rooms = crew.amounts.map((amounts) =>
      amounts === undefined ? undefined : new Profile(amounts, 2 * project.size)
    )
    this.#pool = new Profile(project.capacity, 2 * project.size)
    this.#builder = new TeamBuilder(crew.can)
    this.#bound = new Int32Array(project.size)
    this.#whim = crew.teams.some((need) => need !== undefined) ? 1e-9 : 0.5
    this.#byTaste = Array.from({ length: crew.size }, (_, agent) => agent)
  }

  /**
   * Writes a schedule; each task of the list stands after what it waits for. With `fixed`, everybody does what they do there, as far
   * as it says. A task that nobody may do ends at Infinity.
   */
  schedule(list: Int32Array, draft: Draft, taste: Taste, fixed?: Draft): void {
    const { releases, graph, durations } = this.#project
    const { predecessorStart, predecessors } = graph
    const { starts, ends } = draft
    for (const line of this.#lines) line.clear()
    for (const room of this.#rooms) room?.clear()
    this.#pool.clear()
    this.#bound.fill(-1)
    this.#byTaste.sort((a, b) => taste[a]! - taste[b]! || a - b)
    for (let i = 0; i < list.length; i++) {
      const task = list[i]!
      let from = releases[task]!
      for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++)
        if (ends[predecessors[k]!]! > from) from = ends[predecessors[k]!]!
      if (from === Number.POSITIVE_INFINITY) {
        starts[task] = from
        ends[task] = from
      } else if (this.#crew.teams[task] !== undefined) this.#withTeam(task, from, draft, fixed)
      else if (this.#crew.options[task]!.length > 0) this.#withAgent(task, from, draft, taste, fixed)
      else {
        const start = this.#roomInPool(task, from, durations[task]!)
        this.#write(task, start, start + durations[task]!, draft)
      }
    }
  }

  #write(task: number, start: number, end: number, draft: Draft): void {
    draft.starts[task] = start
    draft.ends[task] = end
    const demand = this.#project.demands[task]!
    if (end > start && demand.resources.length > 0) this.#pool.take(demand, start, end, this.#pool.placeAt(start, 0))
  }

  #roomInPool(task: number, from: number, duration: number): number {
    const demand = this.#project.demands[task]!
    return duration > 0 && demand.resources.length > 0 ? this.#pool.earliest(demand, duration, from, 0) : from
  }

  #withAgent(task: number, from: number, draft: Draft, taste: Taste, fixed: Draft | undefined): void {
    const group = this.#crew.groupOf[task]!
    const chosen = fixed?.agent[task] ?? -1
    let best: Option | undefined
    let bestStart = 0
    let bestScore = Number.POSITIVE_INFINITY
    for (const option of this.#crew.options[task]!) {
      if (chosen === -1 ? !mayTake(this.#crew, this.#bound, group, option.agent) : chosen !== option.agent) continue
      const start = this.#earliest(task, option, from)
      const score = start + option.duration * (1 + (taste[option.agent]! - 1) * this.#whim)
      if (score < bestScore) {
        best = option
        bestStart = start
        bestScore = score
      }
    }
    if (best === undefined) {
      draft.starts[task] = Number.POSITIVE_INFINITY
      draft.ends[task] = Number.POSITIVE_INFINITY
      draft.agent[task] = -1
      return
    }
    const { agent, duration, demand } = best
    this.#bound[group] = agent
    draft.agent[task] = agent
    if (duration > 0) {
      const room = this.#rooms[agent]
      if (room === undefined) this.#lines[agent]!.take(bestStart, bestStart + duration)
      else room.take(demand, bestStart, bestStart + duration, room.placeAt(bestStart, 0))
    }
    this.#write(task, bestStart, bestStart + duration, draft)
  }

  #earliest(task: number, { agent, duration, demand }: Option, from: number): number {
    if (duration === 0) return from
    const room = this.#rooms[agent]
    for (let at = from; ; ) {
      const free =
        room === undefined ? this.#lines[agent]!.earliest(duration, at) : room.earliest(demand, duration, at, 0)
      at = this.#roomInPool(task, free, duration)
      if (at === free) return at
    }
  }

  #withTeam(task: number, from: number, draft: Draft, fixed: Draft | undefined): void {
    const duration = this.#project.durations[task]!
    const need = this.#crew.teams[task]!
    const same = fixed?.teams[task]
    let at = from
    let team: ReadonlyArray<Member> | undefined
    for (;;) {
      at = this.#roomInPool(task, at, duration)
      team = same === undefined ? this.#freeTeam(task, at, duration) : this.#sameTeam(same, at, duration)
      if (team !== undefined || need.total === 0) break
      const next = this.#nextEnd(at)
      if (next === Number.POSITIVE_INFINITY) {
        draft.starts[task] = next
        draft.ends[task] = next
        return
      }
      at = next
    }
    for (const { agent } of team ?? []) this.#lines[agent]!.take(at, at + duration)
    draft.agent[task] = -1
    draft.teams[task] = team ?? []
    this.#write(task, at, at + duration, draft)
  }

  #freeTeam(task: number, at: number, duration: number): ReadonlyArray<Member> | undefined {
    const free: Array<number> = []
    for (const agent of this.#byTaste) if (this.#lines[agent]!.isFree(at, duration)) free.push(agent)
    return this.#builder.build(this.#crew.teams[task]!, free)
  }

  #sameTeam(team: ReadonlyArray<Member>, at: number, duration: number): ReadonlyArray<Member> | undefined {
    return team.every(({ agent }) => this.#lines[agent]!.isFree(at, duration)) ? team : undefined
  }

  #nextEnd(at: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const line of this.#lines) {
      const end = line.endAfter(at)
      if (end < next) next = end
    }
    return next
  }
}
