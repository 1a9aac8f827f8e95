/**
 * Who is started next: ready tasks in heaps, taken by whoever can do them. Fair between lanes first (the lane that has had least for
 * its weight, as use fades), then by priority and how long it has waited, then by deadline, then by what stands behind it, then by
 * who came first. A pure structure: times come with each call, and nothing depends on chance.
 *
 * The bounds. Where priority is the first of the orders, a task of priority p is started before every task of its lane with the same
 * needs that is scheduled (101 - p) · agingMs or more after it. Of lanes that wait, the one that has had least for its weight is
 * next; who was away begins where the last turn was. So among n lanes of equal weight that always have tasks of equal length, each
 * has one turn in n.
 *
 * Work-conserving: somebody who can do a task that waits never gets nothing. Each verb costs O(log n), and `next` looks at one
 * task for each different set of `needs` that its caller can do.
 */
import { InvalidOption } from "./errors.ts"
import { isBefore, type Keyed, KeyHeap } from "./key-heap.ts"

/** What decides between two tasks of a lane; where it does not, the next one. */
export type DispatchOrder = "priority" | "deadline" | "critical-path"
export const dispatchOrders: ReadonlyArray<DispatchOrder> = ["priority", "deadline", "critical-path"]

export interface DispatchOptions {
  /** Which comes first; default `priority`, `deadline`, `critical-path`. One that is left out does not count; at last, first come. */
  readonly order?: ReadonlyArray<DispatchOrder>
  /** How long a task waits until it counts as one point of priority more; default 1,000. Infinity: never. */
  readonly agingMs?: number
  /** The share of each lane, beside the others that wait; 1 for a lane that is not named. */
  readonly weights?: { readonly [lane: string]: number }
  /** After so long, use counts half; default one hour. Infinity: it counts for ever. */
  readonly halfLifeMs?: number
  /** Most tasks that wait at once; default 1,000,000. */
  readonly waitingMost?: number
}

export interface Dispatchable {
  readonly id: string
  /** Tasks of a lane share what it gets: a tenant, a workflow, a key. Default "". */
  readonly lane?: string
  /** 0 (last) to 100 (first); default 50. */
  readonly priority?: number
  /** When it should be done, on the clock of the calls. */
  readonly deadlineMs?: number
  /** How long everything behind it takes, with itself: the critical path first. */
  readonly pathMs?: number
  /** How long it will take; default 1. Its lane is charged with it until the truth is known. */
  readonly estimateMs?: number
  /** Only somebody who can do all this gets it. */
  readonly needs?: ReadonlyArray<string>
}

export interface DispatchAnalysis {
  readonly ready: number
  readonly running: number
  /** The longest that any task has been ready by now. */
  readonly oldestMs: number
  /** So long after it no other of its lane that is scheduled is started before a task of priority 50. */
  readonly overtakenForMs: number
  readonly lanes: ReadonlyArray<{
    readonly lane: string
    readonly ready: number
    readonly running: number
    /** Milliseconds it has had, as they count by now. */
    readonly used: number
    readonly weight: number
  }>
}

interface Entry extends Keyed {
  readonly task: Dispatchable
  readonly readyAt: number
  readonly line: Line
  state: "waits" | "runs" | "gone"
  startedAt: number
}

/** Tasks of one lane that need the same. */
interface Line {
  readonly lane: Lane
  readonly group: Group
  readonly waiting: KeyHeap<Entry>
  /** How many of them are not gone. */
  ready: number
  /** The number of its place among the lanes of its group; another place with its name is out of date. */
  place: number
}

interface Lane {
  readonly name: string
  readonly weight: number
  /** log2 of use by weight, as it would count had nothing faded: it only grows, and all lanes fade alike. */
  use: number
  ready: number
  running: number
  readonly lines: Array<Line>
}

/** Where a lane stands among the others: by its use when it was put there. */
interface Place extends Keyed {
  readonly line: Line
}

/** All who need the same, lane by lane. */
interface Group {
  readonly needs: ReadonlyArray<string>
  readonly key: string
  readonly lanes: KeyHeap<Place>
  /** Lanes that have a task here. */
  lines: number
  ready: number
}

/** Out-of-date parts of a heap that are left there at least, before it is tidied. */
const slack = 64
/** Most lanes that are remembered for what they have had, while they ask for nothing. */
const idleMost = 1_000

export class Dispatcher {
  readonly #order: ReadonlyArray<DispatchOrder>
  readonly #agingMs: number
  readonly #halfLifeMs: number
  readonly #weights: ReadonlyMap<string, number>
  readonly #waitingMost: number
  readonly #groups = new Map<string, Group>()
  readonly #lanes = new Map<string, Lane>()
  /** All that wait or run, by id. */
  readonly #entries = new Map<string, Entry>()
  #ready = 0
  /** Groups that somebody who can do this may take from, by what he can do. */
  readonly #open = new Map<string, ReadonlyArray<Group>>()
  #lanesMost = idleMost
  #groupsMost = slack
  #count = 0
  #places = 0
  /** Use of the lane that had its turn last: who comes anew begins there, and neither owes nor is owed. */
  #level = Number.NEGATIVE_INFINITY

  constructor({
    order = dispatchOrders,
    agingMs = 1_000,
    weights = {},
    halfLifeMs = 3_600_000,
    waitingMost = 1_000_000
  }: DispatchOptions = {}) {
    for (const one of order)
      if (!dispatchOrders.includes(one))
        throw new InvalidOption({ option: "order", value: one, allowed: dispatchOrders.join(", ") })
    this.#order = [...order]
    requirePositive("agingMs", agingMs)
    requirePositive("halfLifeMs", halfLifeMs)
    requirePositive("waitingMost", waitingMost)
    for (const [lane, weight] of Object.entries(weights)) requirePositive(`the weight of lane '${lane}'`, weight)
    this.#agingMs = agingMs
    this.#halfLifeMs = halfLifeMs
    this.#weights = new Map(Object.entries(weights))
    this.#waitingMost = waitingMost
  }

  get ready(): number {
    return this.#ready
  }

  get running(): number {
    return this.#entries.size - this.#ready
  }

  /** The task can start from now on. False when there is no room for another one; an id that waits or runs already is refused. */
  schedule(task: Dispatchable, at: number): boolean {
    if (this.#entries.has(task.id))
      throw new InvalidOption({ option: "id", value: task.id, allowed: "the id of a task that neither waits nor runs" })
    const { priority = 50, deadlineMs = Number.POSITIVE_INFINITY, pathMs = 0 } = task
    if (!(priority >= 0 && priority <= 100))
      throw new InvalidOption({
        option: `priority of '${task.id}'`,
        value: priority,
        allowed: "a number from 0 to 100"
      })
    if (
      Number.isNaN(deadlineMs) ||
      Number.isNaN(pathMs) ||
      !(costOf(task) >= 0) ||
      costOf(task) === Number.POSITIVE_INFINITY
    )
      throw new InvalidOption({
        option: `times of '${task.id}'`,
        value: [deadlineMs, pathMs, task.estimateMs],
        allowed: "milliseconds"
      })
    if (this.#ready >= this.#waitingMost) return false
    const line = this.#lineOf(task)
    const entry: Entry = {
      task,
      readyAt: at,
      first: this.#key(this.#order[0], task, at),
      second: this.#key(this.#order[1], task, at),
      third: this.#key(this.#order[2], task, at),
      number: this.#count++,
      line,
      state: "waits",
      startedAt: at
    }
    this.#entries.set(task.id, entry)
    this.#ready++
    line.waiting.push(entry)
    line.ready++
    line.lane.ready++
    line.group.ready++
    if (line.ready === 1) this.#stand(line)
    return true
  }

  /** The task that somebody who can do so much starts now; undefined when none waits for him. */
  next(can: ReadonlyArray<string>, at: number): Dispatchable | undefined {
    const groups = this.#groupsFor(can)
    let lane: Lane | undefined
    for (const group of groups) {
      if (group.ready === 0) continue
      const first = this.#firstLine(group).lane
      if (lane === undefined || first.use < lane.use || (first.use === lane.use && first.name < lane.name)) lane = first
    }
    if (lane === undefined) return undefined
    let best: Line | undefined
    let entry: Entry | undefined
    for (const line of lane.lines) {
      if (line.ready === 0 || !groups.includes(line.group)) continue
      const first = this.#firstEntry(line)
      if (entry !== undefined && isBefore(entry, first)) continue
      best = line
      entry = first
    }
    if (best === undefined || entry === undefined) return undefined
    best.waiting.pop()
    entry.state = "runs"
    entry.startedAt = at
    this.#left(best)
    this.#level = lane.use
    lane.running++
    this.#charge(lane, costOf(entry.task), at)
    return entry.task
  }

  /** It is over; its lane pays for the time that it really took. False when it does not run. */
  complete(id: string, at: number): boolean {
    const entry = this.#entries.get(id)
    if (entry?.state !== "runs") return false
    entry.state = "gone"
    this.#entries.delete(id)
    const { lane } = entry.line
    lane.running--
    this.#correct(lane, at - entry.startedAt - costOf(entry.task), at)
    return true
  }

  /** It failed: over, or ready again from now on. False when it does not run, or there is no room for it to wait again. */
  fail(id: string, at: number, again = false): boolean {
    const entry = this.#entries.get(id)
    return entry !== undefined && this.complete(id, at) && (!again || this.schedule(entry.task, at))
  }

  /** It is not wanted any more. False when it does not wait. */
  withdraw(id: string): boolean {
    const entry = this.#entries.get(id)
    if (entry?.state !== "waits") return false
    entry.state = "gone"
    this.#entries.delete(id)
    this.#left(entry.line)
    return true
  }

  analyse(at: number): DispatchAnalysis {
    let oldest = at
    for (const { readyAt, state } of this.#entries.values()) if (state === "waits" && readyAt < oldest) oldest = readyAt
    return {
      ready: this.ready,
      running: this.running,
      oldestMs: at - oldest,
      overtakenForMs: 51 * this.#agingMs,
      lanes: [...this.#lanes.values()].map((lane) => ({
        lane: lane.name,
        ready: lane.ready,
        running: lane.running,
        used: this.#used(lane, at),
        weight: lane.weight
      }))
    }
  }

  /** A number for one of the orders: the least goes first. */
  #key(order: DispatchOrder | undefined, task: Dispatchable, at: number): number {
    switch (order) {
      case "priority":
        // ready since, less what the priority is worth: whoever is ready long enough stands before any newcomer
        return Math.floor(at / this.#agingMs) - (task.priority ?? 50)
      case "deadline":
        return task.deadlineMs ?? Number.POSITIVE_INFINITY
      case "critical-path":
        return -(task.pathMs ?? 0)
      case undefined:
        return 0
    }
  }

  #lineOf({ lane: name = "", needs = [] }: Dispatchable): Line {
    const key = keyOf(needs)
    let group = this.#groups.get(key)
    if (group === undefined) {
      this.#forgetGroups()
      group = { needs: [...needs], key, lanes: new KeyHeap(), lines: 0, ready: 0 }
      this.#groups.set(key, group)
      this.#open.clear()
    }
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      this.#forgetIdle()
      lane = {
        name,
        weight: this.#weights.get(name) ?? 1,
        use: Number.NEGATIVE_INFINITY,
        ready: 0,
        running: 0,
        lines: []
      }
      this.#lanes.set(name, lane)
    }
    // whoever was away has not saved anything up
    if (lane.ready === 0 && lane.running === 0 && lane.use < this.#level) lane.use = this.#level
    let line = lane.lines.find((one) => one.group === group)
    if (line === undefined) {
      line = { lane, group, waiting: new KeyHeap(), ready: 0, place: -1 }
      lane.lines.push(line)
      group.lines++
    }
    return line
  }

  /** The groups that need nothing else; remembered for as long as no new group comes. */
  #groupsFor(can: ReadonlyArray<string>): ReadonlyArray<Group> {
    const key = can.join("\u0000")
    let found = this.#open.get(key)
    if (found === undefined) {
      found = [...this.#groups.values()].filter(({ needs }) => needs.every((need) => can.includes(need)))
      if (this.#open.size >= rememberedMost) this.#open.clear()
      this.#open.set(key, found)
    }
    return found
  }

  #stand(line: Line): void {
    const { lanes, lines } = line.group
    lanes.push(this.#placeOf(line))
    if (lanes.size > 2 * lines + slack) lanes.keep((place) => place.number === place.line.place)
  }

  #placeOf(line: Line): Place {
    line.place = this.#places++
    return { line, first: line.lane.use, second: 0, third: 0, number: line.place }
  }

  /** The line of the lane that has had least; places that are out of date are put right on the way. */
  #firstLine(group: Group): Line {
    for (;;) {
      const place = group.lanes.peek()!
      const { line } = place
      if (place.number === line.place && line.ready > 0 && place.first === line.lane.use) return line
      if (place.number !== line.place || line.ready === 0) group.lanes.pop()
      else group.lanes.replace(this.#placeOf(line))
    }
  }

  #firstEntry(line: Line): Entry {
    for (;;) {
      const entry = line.waiting.peek()!
      if (entry.state === "waits") return entry
      line.waiting.pop()
    }
  }

  /** One of a line waits no longer. */
  #left(line: Line): void {
    this.#ready--
    line.ready--
    line.lane.ready--
    line.group.ready--
    if (line.ready > 0) {
      if (line.waiting.size > 2 * line.ready + slack) line.waiting.keep(({ state }) => state === "waits")
      return
    }
    line.place = -1
  }

  #charge(lane: Lane, costMs: number, at: number): void {
    if (costMs === 0) return
    const faded = this.#fadedTo(lane.use, at)
    lane.use = Math.log2(faded + costMs / lane.weight) + this.#fading(at)
  }

  /** The truth may be less than what was thought: then the lane stands further ahead, at once. */
  #correct(lane: Lane, byMs: number, at: number): void {
    if (byMs === 0) return
    const before = lane.use
    const right = Math.max(0, this.#fadedTo(lane.use, at) + byMs / lane.weight)
    lane.use = right === 0 ? Number.NEGATIVE_INFINITY : Math.log2(right) + this.#fading(at)
    if (lane.use < before) for (const line of lane.lines) if (line.ready > 0) this.#stand(line)
  }

  /** Of lanes that nobody uses, those that owe most are remembered: so many that it bounds what this takes. */
  #forgetIdle(): void {
    if (this.#lanes.size < this.#lanesMost) return
    const idle = [...this.#lanes.values()].filter(({ ready, running }) => ready === 0 && running === 0)
    idle.sort((a, b) => b.use - a.use)
    idle.forEach((lane, i) => {
      if (i < idleMost && lane.use > this.#level) return
      this.#lanes.delete(lane.name)
      for (const { group } of lane.lines) group.lines--
    })
    this.#lanesMost = 2 * this.#lanes.size + idleMost
  }

  /** Nor are needs that no task has any more. */
  #forgetGroups(): void {
    if (this.#groups.size < this.#groupsMost) return
    for (const group of this.#groups.values()) if (group.ready === 0) this.#groups.delete(group.key)
    for (const { lines } of this.#lanes.values()) {
      const kept = lines.filter(({ group }) => group.ready > 0)
      lines.splice(0, lines.length, ...kept)
    }
    this.#groupsMost = 2 * this.#groups.size + slack
    this.#open.clear()
  }

  #used(lane: Lane, at: number): number {
    return this.#fadedTo(lane.use, at) * lane.weight
  }

  #fading(at: number): number {
    return this.#halfLifeMs === Number.POSITIVE_INFINITY ? 0 : at / this.#halfLifeMs
  }

  #fadedTo(use: number, at: number): number {
    return use === Number.NEGATIVE_INFINITY ? 0 : 2 ** (use - this.#fading(at))
  }
}

/** Most sets of capabilities of which it is remembered who they may take from. */
const rememberedMost = 10_000

const keyOf = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "" : names.length === 1 ? names[0]! : [...names].sort().join("\u0000")

const costOf = ({ estimateMs = 1 }: Dispatchable): number => estimateMs

const requirePositive = (option: string, value: number): void => {
  if (!(value > 0)) throw new InvalidOption({ option, value, allowed: "a number above 0" })
}
