/**
 * Tasks that each take one agent of several, alone: an operation is taken off a critical path and put where it delays least, on its
 * own agent or on another one (tabu search over the neighbourhood of M. Mastrolilli and L. Gambardella, "Effective neighbourhood
 * functions for the flexible job shop problem", J. of Scheduling 3, 2000). The length after a move is known before it is made, so
 * a move is one schedule.
 */
import type { DependencyGraph } from "../dependencies.ts"
import type { Dice } from "./dice.ts"

/** What is to be placed: for each task the agents that can do it, and how long each takes. */
export interface Placements {
  readonly graph: DependencyGraph
  readonly releases: Float64Array
  readonly agents: number
  readonly agentsOf: ReadonlyArray<Int32Array>
  readonly lengthsOf: ReadonlyArray<Float64Array>
}

/** Who does each task, and when. */
export interface Placed {
  readonly agent: Int32Array
  readonly starts: Float64Array
  readonly length: number
}

interface Move {
  task: number
  agent: number
  /** The task that it will follow on its agent; -1 for none. */
  after: number
}

export class AgentMoves {
  readonly #given: Placements
  readonly #size: number
  readonly agent: Int32Array
  readonly starts: Float64Array
  readonly #length: Float64Array
  /** Time from the end of a task to the end of everything behind it. */
  readonly #tail: Float64Array
  readonly #before: Int32Array
  readonly #behind: Int32Array
  readonly #first: Int32Array
  readonly #order: Int32Array
  readonly #rank: Int32Array
  readonly #waiting: Int32Array
  readonly #heads: Float64Array
  readonly #tails: Float64Array
  readonly #line: Int32Array
  makespan = 0

  constructor(given: Placements, from: Placed) {
    const size = given.graph.size
    this.#given = given
    this.#size = size
    this.agent = from.agent.slice()
    this.starts = from.starts.slice()
    this.#length = new Float64Array(size)
    this.#tail = new Float64Array(size)
    this.#before = new Int32Array(size)
    this.#behind = new Int32Array(size)
    this.#first = new Int32Array(given.agents)
    this.#order = new Int32Array(size)
    this.#rank = new Int32Array(size)
    this.#waiting = new Int32Array(size)
    this.#heads = new Float64Array(size)
    this.#tails = new Float64Array(size)
    this.#line = new Int32Array(size)
    this.return(from)
  }

  /** As it was. */
  return({ agent, starts }: Placed): void {
    this.agent.set(agent)
    const { graph } = this.#given
    // who starts together with others of no length on the same agent keeps the order of what waits for what
    const rank = this.#rank
    rankOf(graph, rank)
    const tasks = Int32Array.from({ length: this.#size }, (_, task) => task)
    for (let task = 0; task < this.#size; task++) this.#length[task] = this.#lengthOn(task, agent[task]!)
    const ends = starts.map((start, task) => start + this.#length[task]!)
    tasks.sort((a, b) => starts[a]! - starts[b]! || ends[a]! - ends[b]! || rank[a]! - rank[b]!)
    this.#before.fill(-1)
    this.#behind.fill(-1)
    this.#first.fill(-1)
    const last = new Int32Array(this.#given.agents).fill(-1)
    for (const task of tasks) {
      const on = agent[task]!
      const previous = last[on]!
      this.#before[task] = previous
      if (previous === -1) this.#first[on] = task
      else this.#behind[previous] = task
      last[on] = task
    }
    this.#times()
  }

  now(): Placed {
    return { agent: this.agent.slice(), starts: this.starts.slice(), length: this.makespan }
  }

  /**
   * Makes up to `moves` moves, and gives the best that was met. It stops where it is as short as `bound`, and goes back to the best
   * where nothing was gained for a while.
   */
  search(moves: number, bound: number, dice: Dice): Placed {
    const { agents } = this.#given
    const tabu = new Int32Array(this.#size * agents)
    let best = this.now()
    let gainedAt = 0
    const patience = Math.max(60, Math.floor(moves / 4))
    for (let move = 1; move <= moves && best.length > bound; move++) {
      const chosen = this.#choose(tabu, move, best.length, dice)
      if (chosen === undefined) return best
      const from = this.agent[chosen.task]!
      tabu[chosen.task * agents + from] = move + this.#tenure(chosen.task) + dice.below(6)
      this.#make(chosen)
      if (this.makespan === Number.POSITIVE_INFINITY) this.return(best)
      else if (this.makespan < best.length) {
        best = this.now()
        gainedAt = move
      } else if (move - gainedAt > patience) {
        this.return(best)
        gainedAt = move
      }
    }
    return best
  }

  #criticals = 0
  #tenure(task: number): number {
    return 4 + Math.floor(this.#criticals / 2) + this.#given.agentsOf[task]!.length
  }

  #choose(tabu: Int32Array, now: number, best: number, dice: Dice): Move | undefined {
    const { agentsOf, agents } = this.#given
    let chosen: Move | undefined
    let chosenLength = Number.POSITIVE_INFINITY
    let chosenThrough = Number.POSITIVE_INFINITY
    let any: Move | undefined
    let seen = 0
    let ties = 0
    this.#criticals = 0
    for (let i = 0; i < this.#size; i++) {
      const task = this.#order[i]!
      if (this.starts[task]! + this.#length[task]! + this.#tail[task]! < this.makespan - 1e-9) continue
      this.#criticals++
      const rest = this.#without(task)
      const options = agentsOf[task]!
      for (let k = 0; k < options.length; k++) {
        const on = options[k]!
        const isTabu = tabu[task * agents + on]! > now
        this.#positions(task, on, (after, through) => {
          const length = Math.max(rest, through)
          seen++
          if (dice.below(seen) === 0) any = { task, agent: on, after }
          if (isTabu && length >= best) return
          if (length > chosenLength || (length === chosenLength && through > chosenThrough)) return
          if (length === chosenLength && through === chosenThrough) {
            ties++
            if (dice.below(ties) !== 0) return
          } else ties = 1
          chosen = { task, agent: on, after }
          chosenLength = length
          chosenThrough = through
        })
      }
    }
    return chosen ?? any
  }

  /** Heads and tails as if the task were not on its agent; gives the length of what is left, the task aside. */
  #without(gone: number): number {
    const { graph, releases } = this.#given
    const { predecessorStart, predecessors, successorStart, successors } = graph
    const heads = this.#heads
    const tails = this.#tails
    const length = this.#length
    const order = this.#order
    const at = this.#rank[gone]!
    const size = this.#size
    heads.set(this.starts)
    tails.set(this.#tail)
    const goneBefore = this.#before[gone]!
    const goneBehind = this.#behind[gone]!
    let longest = 0
    for (let i = at; i < size; i++) {
      const task = order[i]!
      let head = releases[task]!
      for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) {
        const end = heads[predecessors[k]!]! + length[predecessors[k]!]!
        if (end > head) head = end
      }
      const before = task === gone ? -1 : task === goneBehind ? goneBefore : this.#before[task]!
      if (before !== -1) {
        const end = heads[before]! + length[before]!
        if (end > head) head = end
      }
      heads[task] = head
    }
    for (let i = at; i >= 0; i--) {
      const task = order[i]!
      let tail = 0
      for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
        const behind = tails[successors[k]!]! + length[successors[k]!]!
        if (behind > tail) tail = behind
      }
      const behind = task === gone ? -1 : task === goneBefore ? goneBehind : this.#behind[task]!
      if (behind !== -1) {
        const after = tails[behind]! + length[behind]!
        if (after > tail) tail = after
      }
      tails[task] = tail
    }
    for (let task = 0; task < size; task++) {
      if (task === gone) continue
      const end = heads[task]! + length[task]!
      if (end > longest) longest = end
    }
    return longest
  }

  /** Every place on an agent's line that can be best, with the length of the longest way through the task there. */
  #positions(task: number, on: number, tell: (after: number, through: number) => void): void {
    const heads = this.#heads
    const tails = this.#tails
    const length = this.#length
    const line = this.#line
    let count = 0
    for (let at = this.#first[on]!; at !== -1; at = this.#behind[at]!) if (at !== task) line[count++] = at
    const head = heads[task]!
    const tail = tails[task]!
    const own = this.#lengthOn(task, on)
    // those that end before the task could start stay before it, those that it does not hold up stay behind it
    let late = 0
    while (late < count && heads[line[late]!]! + length[line[late]!]! <= head) late++
    let early = count - 1
    while (early >= 0 && tails[line[early]!]! + length[line[early]!]! <= tail) early--
    const least = Math.min(late, early + 1)
    const most = Math.max(late, early + 1)
    const isHome = this.agent[task] === on
    for (let place = late > early + 1 ? most : least; place <= most; place++) {
      const before = place === 0 ? -1 : line[place - 1]!
      const behind = place === count ? -1 : line[place]!
      if (isHome && this.#before[task] === before) continue
      const from = before === -1 ? head : Math.max(head, heads[before]! + length[before]!)
      const rest = behind === -1 ? tail : Math.max(tail, tails[behind]! + length[behind]!)
      tell(before, from + own + rest)
    }
  }

  #make({ task, agent, after }: Move): void {
    const before = this.#before[task]!
    const behind = this.#behind[task]!
    if (before === -1) this.#first[this.agent[task]!] = behind
    else this.#behind[before] = behind
    if (behind !== -1) this.#before[behind] = before
    const next = after === -1 ? this.#first[agent]! : this.#behind[after]!
    this.#before[task] = after
    this.#behind[task] = next
    if (after === -1) this.#first[agent] = task
    else this.#behind[after] = task
    if (next !== -1) this.#before[next] = task
    this.agent[task] = agent
    this.#length[task] = this.#lengthOn(task, agent)
    this.#times()
  }

  #lengthOn(task: number, agent: number): number {
    return this.#given.lengthsOf[task]![this.#given.agentsOf[task]!.indexOf(agent)]!
  }

  /**
   * Starts, tails and an order of all tasks, from who follows whom. The whole is infinitely long where they wait for each other in a
   * circle: tasks of no length can be moved to where that happens, all others cannot.
   */
  #times(): void {
    const { graph, releases } = this.#given
    const { predecessorStart, predecessors, successorStart, successors } = graph
    const size = this.#size
    const { starts } = this
    const length = this.#length
    const waiting = this.#waiting
    const order = this.#order
    let filled = 0
    for (let task = 0; task < size; task++) {
      waiting[task] = predecessorStart[task + 1]! - predecessorStart[task]! + (this.#before[task] === -1 ? 0 : 1)
      if (waiting[task] === 0) order[filled++] = task
    }
    this.makespan = 0
    for (let i = 0; i < filled; i++) {
      const task = order[i]!
      this.#rank[task] = i
      let start = releases[task]!
      for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++) {
        const end = starts[predecessors[k]!]! + length[predecessors[k]!]!
        if (end > start) start = end
      }
      const before = this.#before[task]!
      if (before !== -1 && starts[before]! + length[before]! > start) start = starts[before]! + length[before]!
      starts[task] = start
      if (start + length[task]! > this.makespan) this.makespan = start + length[task]!
      for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
        if (--waiting[successors[k]!]! === 0) order[filled++] = successors[k]!
      const behind = this.#behind[task]!
      if (behind !== -1 && --waiting[behind]! === 0) order[filled++] = behind
    }
    if (filled < size) {
      this.makespan = Number.POSITIVE_INFINITY
      return
    }
    for (let i = size - 1; i >= 0; i--) {
      const task = order[i]!
      let tail = 0
      for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
        const after = this.#tail[successors[k]!]! + length[successors[k]!]!
        if (after > tail) tail = after
      }
      const behind = this.#behind[task]!
      if (behind !== -1 && this.#tail[behind]! + length[behind]! > tail) tail = this.#tail[behind]! + length[behind]!
      this.#tail[task] = tail
    }
  }
}

const rankOf = (graph: DependencyGraph, rank: Int32Array): void => {
  const waiting = new Int32Array(graph.size)
  const open: Array<number> = []
  for (let task = 0; task < graph.size; task++) {
    waiting[task] = graph.predecessorStart[task + 1]! - graph.predecessorStart[task]!
    if (waiting[task] === 0) open.push(task)
  }
  for (let i = 0; i < open.length; i++) {
    const task = open[i]!
    rank[task] = i
    for (let k = graph.successorStart[task]!; k < graph.successorStart[task + 1]!; k++)
      if (--waiting[graph.successors[k]!]! === 0) open.push(graph.successors[k]!)
  }
}
