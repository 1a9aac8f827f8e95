/**
 * What changes while a workflow runs: counters of unmet dependencies, states and results, one slot per task.
 * One completion costs its successors, never the number of tasks. Mutable on purpose, owned by one actor; no clock, no I/O.
 */
import type { CompiledWorkflow } from "./compile.ts"
import { reaches } from "./dependencies.ts"
import type { Failure, Problem } from "./errors.ts"
import type { EndOf } from "./failing.ts"
import { suggest } from "./ids.ts"
import { Joins, type Verdict } from "./joins.ts"
import { deepFreeze, type Json } from "./json.ts"
import type { Frame } from "./mapping.ts"
import type { TaskStatus } from "./messages.ts"

const codes = [
  "pending",
  "ready",
  "running",
  "waiting",
  "succeeded",
  "failed",
  "skipped",
  "cancelled"
] as const satisfies ReadonlyArray<TaskStatus>
const code = Object.fromEntries(codes.map((status, i) => [status, i])) as Record<TaskStatus, number>
const firstFinal = code.succeeded
/** Skipped because something before it failed, and failed although it may: what people see is less than others must know. */
const unreached = codes.length
const allowed = codes.length + 1
const shown: ReadonlyArray<TaskStatus> = [...codes, "skipped", "failed"]

/** A task that has failed, while something may still stand in for it: which fallback is at work, or the wait for a person. */
export interface Trouble {
  readonly step: number
  /** The failure of the task itself, and where below it that came from. */
  readonly failure: Failure
  readonly at: string
}

/** A board as data. */
export interface FrozenBoard {
  /** One character per task. */
  readonly status: string
  /** Results of those that succeeded, in their order. */
  readonly values: ReadonlyArray<Json>
  readonly failures?: ReadonlyArray<readonly [number, Failure]>
  readonly injected?: ReadonlyArray<readonly [number, ReadonlyArray<number>]>
  readonly troubles?: ReadonlyArray<readonly [number, Trouble]>
  /** Of tasks that started before all they depend on had ended: what had. */
  readonly seen?: ReadonlyArray<readonly [number, ReadonlyArray<number>]>
  readonly observed: readonly [count: number, totalMs: number, estimatedMs: number, leastShare: number | null]
}

interface Seen {
  readonly of: ReadonlyArray<number>
  readonly frame: SeenFrame
}

/** What a task reads that did not wait for all. */
class SeenFrame implements Frame {
  readonly board: Board
  readonly values: ReadonlyArray<Json | undefined>
  constructor(board: Board, values: ReadonlyArray<Json | undefined>) {
    this.board = board
    this.values = values
  }
  get input(): Json | undefined {
    return this.board.input
  }
}

/** The board that a frame reads from; items and rounds have none. */
export const boardOf = (frame: Frame): Board | undefined =>
  frame instanceof Board ? frame : frame instanceof SeenFrame ? frame.board : undefined

const nothing = new Int32Array(0)
const none: Array<number> = []

export class Board implements Frame {
  readonly compiled: CompiledWorkflow
  readonly input: Json | undefined
  /** Results by task index. */
  readonly values: Array<Json | undefined>
  /** Tasks that wait for nothing more and have not been looked at yet; whoever settles a task empties it. */
  agenda: Array<number> = []
  #failures: Map<number, Failure> | undefined
  #troubles: Map<number, Trouble> | undefined
  #joins: Joins | undefined
  #seen: Map<number, Seen> | undefined
  #unmet: Int32Array
  readonly #status: Uint8Array
  /** Is told whose status has changed; only where somebody looks on. */
  onChange: ((task: number) => void) | undefined = undefined
  /** Edges that were injected while running: tasks that also wait for a task. */
  #injected: Map<number, Array<number>> | undefined
  #open: number
  #failed = 0
  #skipped = 0
  #cancelled = 0
  /**
   * Tasks that ran to an end: how many, how long together, the estimates of those that had one, and the least that one took
   * of its estimate (others may have waited for an agent).
   */
  readonly observed = { count: 0, totalMs: 0, estimatedMs: 0, leastShare: Number.POSITIVE_INFINITY }

  constructor(compiled: CompiledWorkflow, input: Json | undefined) {
    this.compiled = compiled
    this.input = input
    const { size } = compiled.graph
    this.values = new Array(size)
    this.#unmet = compiled.indegrees.slice()
    this.#status = new Uint8Array(size)
    this.#open = size
    this.#joins = compiled.joins === undefined ? undefined : new Joins(compiled.graph, compiled.joins)
  }

  /** What it takes to go on from here: states, results and failures; the rest follows. */
  freeze(): FrozenBoard {
    const { count, totalMs, estimatedMs, leastShare } = this.observed
    return {
      status: Array.from(this.#status, (one) => one.toString(36)).join(""),
      values: this.values.filter((_, task) => this.#status[task] === code.succeeded).map((value) => value ?? null),
      ...(this.#failures === undefined ? {} : { failures: [...this.#failures] }),
      ...(this.#injected === undefined ? {} : { injected: [...this.#injected] }),
      ...(this.#troubles === undefined || this.#troubles.size === 0 ? {} : { troubles: [...this.#troubles] }),
      ...(this.#seen === undefined ? {} : { seen: [...this.#seen].map(([task, { of }]) => [task, of] as const) }),
      observed: [count, totalMs, estimatedMs, Number.isFinite(leastShare) ? leastShare : null]
    }
  }

  /** A board that goes on from there. */
  static thaw(compiled: CompiledWorkflow, input: Json | undefined, frozen: FrozenBoard): Board {
    const board = new Board(compiled, input)
    const [count, totalMs, estimatedMs, leastShare] = frozen.observed
    Object.assign(board.observed, { count, totalMs, estimatedMs, leastShare: leastShare ?? Number.POSITIVE_INFINITY })
    let next = 0
    for (let task = 0; task < frozen.status.length; task++) {
      const status = Number.parseInt(frozen.status[task]!, 36)
      board.#status[task] = status
      if (status === code.succeeded) board.values[task] = deepFreeze(frozen.values[next++]!)
      if (status < firstFinal) continue
      board.#open--
      if (status === code.failed || status === allowed) board.#failed++
      else if (status === code.skipped || status === unreached) board.#skipped++
      else if (status === code.cancelled) board.#cancelled++
    }
    if (frozen.failures !== undefined) board.#failures = new Map(frozen.failures)
    if (frozen.injected !== undefined) {
      board.#injected = new Map(frozen.injected.map(([from, to]) => [from, [...to]]))
      for (const [, targets] of frozen.injected)
        for (const target of targets) {
          board.#unmet[target]!++
          board.#joins?.add(target)
        }
    }
    if (frozen.troubles !== undefined) board.#troubles = new Map(frozen.troubles)
    for (const [task, of] of frozen.seen ?? []) board.#see(task, of)
    if (board.#joins !== undefined) {
      for (let task = 0; task < frozen.status.length; task++)
        if (board.isFinal(task)) board.#tell(board.#joins, task, board.#endOf(task))
      return board
    }
    for (let task = 0; task < frozen.status.length; task++) {
      const status = board.#status[task]!
      if (status === code.succeeded || status === code.skipped || status === allowed)
        board.#forEachSuccessor(task, (successor) => {
          board.#unmet[successor]!--
        })
    }
    return board
  }

  /** Tasks that are not final yet. */
  get open(): number {
    return this.#open
  }
  get failed(): number {
    return this.#failed
  }
  get skipped(): number {
    return this.#skipped
  }
  get cancelled(): number {
    return this.#cancelled
  }
  get succeeded(): number {
    return this.#status.length - this.#open - this.#failed - this.#skipped - this.#cancelled
  }

  /** Notes how long a task took. */
  observe(task: number, ms: number): void {
    const { observed } = this
    observed.count++
    observed.totalMs += ms
    const { estimateMs } = this.compiled.ir.tasks[task]!
    if (estimateMs === undefined || estimateMs === 0) return
    observed.estimatedMs += estimateMs
    if (ms < observed.leastShare * estimateMs) observed.leastShare = ms / estimateMs
  }

  /** Nothing starts any more: only states and results are kept. */
  retire(): void {
    this.#unmet = nothing
    this.agenda = none
    this.#injected = undefined
    this.#joins = undefined
    this.#seen = undefined
  }

  #put(task: number, status: number): void {
    this.#status[task] = status
    if (this.onChange !== undefined) this.onChange(task)
  }

  statusOf(task: number): TaskStatus {
    return shown[this.#status[task]!]!
  }

  isFinal(task: number): boolean {
    return this.#status[task]! >= firstFinal
  }

  /** Notes that a task is ready, running or waiting. */
  mark(task: number, status: "ready" | "running" | "waiting"): void {
    this.#put(task, code[status])
  }

  /** Puts the tasks that wait for nothing on the agenda. */
  begin(): void {
    for (let task = 0; task < this.#unmet.length; task++) if (this.#unmet[task] === 0) this.agenda.push(task)
  }

  /** Why a task failed. */
  failureOf(task: number): Failure | undefined {
    return this.#failures?.get(task)
  }

  /** Makes a task final; what now waits for nothing more goes to the agenda. A second outcome of the same task changes nothing. */
  settle(task: number, status: "succeeded" | "skipped", value: Json | undefined): void {
    if (this.isFinal(task)) return
    this.#put(task, code[status])
    this.values[task] = value
    this.#open--
    if (status === "skipped") this.#skipped++
    this.#troubles?.delete(task)
    this.#release(task, status)
  }

  /** Notes the failure of a task that may fail: it has no result, and whoever waits for it goes on as its rules say. */
  allow(task: number, failure: Failure): void {
    if (this.isFinal(task)) return
    this.fail(task, failure)
    this.#put(task, allowed)
    this.#release(task, "allowed")
  }

  /** What stands in for a task at the moment, if anything does. */
  troubleOf(task: number): Trouble | undefined {
    return this.#troubles?.get(task)
  }

  /** A task has failed and is not final yet. */
  trouble(task: number, trouble: Trouble): void {
    this.#troubles ??= new Map()
    this.#troubles.set(task, trouble)
  }

  /** What a task reads from: all that is there, or, where it did not wait for all, what had ended when it started. */
  frameOf(task: number): Frame {
    return this.#seen?.get(task)?.frame ?? this
  }

  /** Whether nobody needs a task any more: the only one that waited for it has begun, and cancels the rest. */
  isUnwanted(task: number): boolean {
    const { successorStart, successors } = this.compiled.graph
    const k = successorStart[task]!
    if (this.#joins === undefined || successorStart[task + 1]! - k !== 1 || this.#injected?.has(task)) return false
    return this.compiled.tasks[successors[k]!]!.cancelRest && this.#joins.hasBegun(successors[k]!)
  }

  /** The dependencies of a task that are not final and that nobody needs any more. */
  unwantedBy(task: number): ReadonlyArray<number> {
    const { predecessorStart, predecessors } = this.compiled.graph
    return [...predecessors.slice(predecessorStart[task]!, predecessorStart[task + 1]!)].filter(
      (one) => !this.isFinal(one) && this.isUnwanted(one)
    )
  }

  /** Notes a failure; what waits for the task stays blocked. */
  fail(task: number, failure: Failure): void {
    if (this.isFinal(task)) return
    this.#put(task, code.failed)
    this.#failures ??= new Map()
    this.#failures.set(task, failure)
    this.#troubles?.delete(task)
    this.#open--
    this.#failed++
  }

  cancel(task: number): void {
    if (this.isFinal(task)) return
    this.#put(task, code.cancelled)
    this.#troubles?.delete(task)
    this.#open--
    this.#cancelled++
  }

  /** A task has failed and others go on: skips everything that waits for it, directly or through others, unless its rules say otherwise. */
  skipBehind(task: number): void {
    if (this.#joins !== undefined) return this.#release(task, "failed")
    const agenda = [task]
    for (let next = agenda.pop(); next !== undefined; next = agenda.pop()) {
      this.#forEachSuccessor(next, (successor) => {
        if (this.#status[successor] !== code.pending) return
        this.#put(successor, code.skipped)
        this.#skipped++
        this.#open--
        agenda.push(successor)
      })
    }
  }

  /** Tasks that wait although nothing they wait for can come; for the report of a deadlock. */
  blocked(): ReadonlyArray<string> {
    const { ids } = this.compiled.graph
    return ids.filter((_, task) => !this.isFinal(task))
  }

  /** Adds order between tasks: all of it, or, when anything is wrong with one edge, none of it. */
  inject(edges: ReadonlyArray<{ readonly from: string; readonly to: string }>): ReadonlyArray<Problem> {
    const { graph } = this.compiled
    const problems: Array<Problem> = []
    const added: Array<readonly [number, number]> = []
    edges.forEach(({ from, to }, i) => {
      const say = (code: "DEP_UNKNOWN" | "GRAPH_CYCLE", key: string, message: string, hint: string) =>
        problems.push({ code, severity: "error", path: `/edges/${i}/${key}`, message, hint })
      const [source, target] = [graph.index.get(from), graph.index.get(to)]
      if (source === undefined) say("DEP_UNKNOWN", "from", `there is no task '${from}'`, suggest(from, graph.ids))
      else if (target === undefined) say("DEP_UNKNOWN", "to", `there is no task '${to}'`, suggest(to, graph.ids))
      else if (this.#status[target] !== code.pending)
        say(
          "DEP_UNKNOWN",
          "to",
          `the task '${to}' has started already (${this.statusOf(target)})`,
          "only tasks that have not started can be made to wait"
        )
      else if (this.#joins?.isEager(target))
        problems.push({
          code: "POLICY_INVALID",
          severity: "error",
          path: `/edges/${i}/to`,
          message: `'${to}' does not wait for all that it depends on, so it cannot be made to wait for '${from}'`,
          hint: "leave this edge out"
        })
      else if (this.#reaches(target, source, added))
        say(
          "GRAPH_CYCLE",
          "to",
          `'${from}' waits for '${to}' already, so '${to}' cannot wait for '${from}'`,
          "leave this edge out"
        )
      else added.push([source, target])
    })
    if (problems.length > 0) return problems
    for (const [source, target] of added) {
      if (this.isFinal(source)) continue
      this.#injected ??= new Map()
      const list = this.#injected.get(source) ?? []
      if (list.includes(target) || this.#waitsFor(target, source)) continue
      this.#injected.set(source, [...list, target])
      this.#unmet[target]!++
      this.#joins?.add(target)
    }
    return []
  }

  #waitsFor(target: number, source: number): boolean {
    const { predecessorStart, predecessors } = this.compiled.graph
    for (let k = predecessorStart[target]!; k < predecessorStart[target + 1]!; k++)
      if (predecessors[k] === source) return true
    return false
  }

  /** Whether `to` comes after `from`, over the graph, injected edges and those about to be. */
  #reaches(from: number, to: number, added: ReadonlyArray<readonly [number, number]>): boolean {
    if (this.#injected === undefined && added.length === 0) return reaches(this.compiled.graph, from, to)
    const seen = new Set([from])
    const agenda = [from]
    for (let task = agenda.pop(); task !== undefined; task = agenda.pop()) {
      if (task === to) return true
      const visit = (successor: number) => {
        if (seen.has(successor)) return
        seen.add(successor)
        agenda.push(successor)
      }
      this.#forEachSuccessor(task, visit)
      for (const [source, target] of added) if (source === task) visit(target)
    }
    return false
  }

  #release(task: number, how: EndOf): void {
    if (this.#joins !== undefined) return this.#spread(this.#joins, task, how)
    const { successorStart, successors } = this.compiled.graph
    const end = successorStart[task + 1]!
    for (let k = successorStart[task]!; k < end; k++) {
      const successor = successors[k]!
      if (--this.#unmet[successor]! === 0 && this.#status[successor] === code.pending) this.agenda.push(successor)
    }
    const more = this.#injected?.get(task)
    if (more !== undefined)
      for (const successor of more)
        if (--this.#unmet[successor]! === 0 && this.#status[successor] === code.pending) this.agenda.push(successor)
  }

  /** What the end of a task means for those that have rules of their own, and for those behind them. */
  #spread(joins: Joins, first: number, how: EndOf): void {
    const open: Array<readonly [number, EndOf]> = [[first, how]]
    for (let next = open.pop(); next !== undefined; next = open.pop())
      this.#tell(joins, ...next, (successor, verdict) => {
        if (this.#status[successor] !== code.pending) return
        if (verdict === "start") {
          if (joins.isEager(successor)) this.#see(successor, this.#endedBefore(successor))
          this.agenda.push(successor)
          return
        }
        this.#put(successor, verdict === "skip" ? code.skipped : unreached)
        this.#skipped++
        this.#open--
        open.push([successor, verdict === "skip" ? "skipped" : "unreached"])
      })
  }

  #tell(joins: Joins, task: number, how: EndOf, then: (successor: number, verdict: Verdict) => void = () => {}): void {
    const { successorStart, successors } = this.compiled.graph
    const hear = (successor: number, edge: number) => {
      const verdict = joins.ended(successor, edge, how)
      if (verdict !== "wait") then(successor, verdict)
    }
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) hear(successors[k]!, k)
    for (const successor of this.#injected?.get(task) ?? []) hear(successor, -1)
  }

  #endOf(task: number): EndOf {
    const status = this.#status[task]!
    if (status === allowed) return "allowed"
    if (status === unreached) return "unreached"
    return status === code.succeeded ? "succeeded" : status === code.failed ? "failed" : "skipped"
  }

  #endedBefore(task: number): ReadonlyArray<number> {
    const { predecessorStart, predecessors } = this.compiled.graph
    return [...predecessors.slice(predecessorStart[task]!, predecessorStart[task + 1]!)].filter((one) =>
      this.isFinal(one)
    )
  }

  /** What comes later changes nothing for a task that has started: each of its attempts reads the same. */
  #see(task: number, of: ReadonlyArray<number>): void {
    const values: Array<Json | undefined> = []
    for (const one of of) values[one] = this.values[one]
    this.#seen ??= new Map()
    this.#seen.set(task, { of, frame: new SeenFrame(this, values) })
  }

  #forEachSuccessor(task: number, visit: (successor: number) => void): void {
    const { successorStart, successors } = this.compiled.graph
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) visit(successors[k]!)
    for (const successor of this.#injected?.get(task) ?? []) visit(successor)
  }
}
