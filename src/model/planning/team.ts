/**
 * Who of those that are free does what, where a task needs several agents with skills at once. Agents are taken in the order that is
 * given, each one that can still be of use: the sets that fill a need are a matroid (transversal matroid, Edmonds & Fulkerson 1965),
 * so the first ones of the order are the cheapest team there is.
 */

/** One agent of a team, and what it is there for. */
export interface Member {
  readonly agent: number
  readonly skill: number
}

/** How many of each skill a task needs. */
export interface SkillNeed {
  readonly skills: Int32Array
  readonly counts: Int32Array
  readonly total: number
}

export class TeamBuilder {
  /** What each agent can do, as bits: at most 31 skills a task are looked at, renumbered where there are more. */
  readonly #can: ReadonlyArray<ReadonlySet<number>>
  #need: SkillNeed = { skills: new Int32Array(0), counts: new Int32Array(0), total: 0 }
  /** Who fills each seat, seat by seat of the skills in turn; -1 for nobody. */
  #seats = new Int32Array(0)
  #seatSkill = new Int32Array(0)
  #seen = new Uint8Array(0)

  constructor(can: ReadonlyArray<ReadonlySet<number>>) {
    this.#can = can
  }

  /** A team out of the free ones, the first of them where it can be; undefined when they are not enough. */
  build(need: SkillNeed, free: ReadonlyArray<number>): ReadonlyArray<Member> | undefined {
    if (free.length < need.total) return undefined
    this.#open(need)
    let filled = 0
    for (let i = 0; i < free.length && filled < need.total; i++) {
      if (free.length - i < need.total - filled) return undefined
      this.#seen.fill(0)
      if (this.#seat(free[i]!)) filled++
    }
    if (filled < need.total) return undefined
    return Array.from(this.#seats, (agent, seat) => ({ agent, skill: this.#seatSkill[seat]! }))
  }

  #open(need: SkillNeed): void {
    if (this.#need !== need) {
      this.#need = need
      this.#seats = new Int32Array(need.total)
      this.#seatSkill = new Int32Array(need.total)
      this.#seen = new Uint8Array(need.total)
      let seat = 0
      need.skills.forEach((skill, k) => {
        for (let i = 0; i < need.counts[k]!; i++) this.#seatSkill[seat++] = skill
      })
    }
    this.#seats.fill(-1)
  }

  /** Gives an agent a seat, moving others to other seats where that helps. */
  #seat(agent: number): boolean {
    const can = this.#can[agent]!
    for (let seat = 0; seat < this.#seats.length; seat++) {
      if (this.#seen[seat] === 1 || !can.has(this.#seatSkill[seat]!)) continue
      this.#seen[seat] = 1
      const holder = this.#seats[seat]!
      if (holder === -1 || this.#seat(holder)) {
        this.#seats[seat] = agent
        return true
      }
    }
    return false
  }
}
