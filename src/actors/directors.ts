/**
 * Directors: which children a scope has and when each starts. A workflow follows its graph, a fan-out its items, a loop its rounds,
 * an expansion its planner. None of them performs anything; all of them are folded again on recovery.
 */

import type { WorkflowInput } from "../machines/workflow.ts"
import { Board, type FrozenBoard } from "../model/board.ts"
import { type CompiledTask, type CompiledWorkflow, compileWorkflow, type Structure } from "../model/compile.ts"
import { isTimedFromReady } from "../model/deadlines.ts"
import { FragmentRefused, InvalidOption, LimitExceeded, toFailure } from "../model/errors.ts"
import type { Fragment, WorkflowIR } from "../model/ir.ts"
import { deepFreeze, isPlainRecord, type Json } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import type { Frame } from "../model/mapping.ts"
import type { Outcome } from "../model/messages.ts"
import { type Definition, definition } from "../model/nested.ts"
import { validate } from "../model/validate.ts"
import { GatePlace, Place } from "./room.ts"
import type { Child, Director, Recalled, Scope } from "./scope.ts"

const factsOf = (path: string, onFailure: "stop" | "continue", dueAt?: number): WorkflowInput => ({
  task: path,
  onFailure,
  dueAt
})

/** Where a nested workflow of a snapshot stands. */
const recallWorkflow = (
  scope: Scope,
  path: string,
  nested: Definition,
  input: Json | undefined,
  frozen: Json | undefined
) => {
  const compiled = compileWorkflow(nested)
  const board = Board.thaw(compiled, withDefaults(compiled, input), frozen as unknown as FrozenBoard)
  return { place: new Place(scope.room, path, undefined, board), director: new WorkflowDirector(board) }
}

/** Starts the actor of a nested workflow. */
const startWorkflow = (
  scope: Scope,
  id: string,
  index: number,
  path: string,
  nested: Definition,
  input: Json | undefined
): void => {
  if (path.split("/").length > limits.nesting)
    throw new LimitExceeded({
      limit: "depth",
      allowed: limits.nesting,
      actual: limits.nesting + 1,
      unit: "nested workflows"
    })
  const compiled = compileWorkflow(nested)
  compiled.checkInput?.(input ?? null)
  const board = new Board(compiled, withDefaults(compiled, input))
  const { timeoutMs } = compiled.ir.config ?? {}
  const facts = factsOf(path, compiled.onFailure, timeoutMs === undefined ? undefined : scope.room.now + timeoutMs)
  scope.startScope(id, index, new Place(scope.room, path, undefined, board), new WorkflowDirector(board), facts)
}

/** The input of a workflow over its defaults. */
export const withDefaults = ({ ir }: CompiledWorkflow, input: Json | undefined): Json | undefined =>
  ir.defaults === undefined
    ? input
    : isPlainRecord(input)
      ? Object.freeze({ ...ir.defaults, ...input })
      : (input ?? ir.defaults)

/** Follows a graph: a task starts as soon as the last thing it waits for is final. */
export class WorkflowDirector implements Director {
  readonly board: Board
  constructor(board: Board) {
    this.board = board
  }

  open(scope: Scope): void {
    this.board.begin()
    this.#ready(scope)
  }

  admitted(scope: Scope, index: number): void {
    const task = this.board.compiled.tasks[index]!
    this.board.mark(index, "running")
    scope.startTask(task.id, index, new Place(scope.room, scope.pathOf(task.id), task, this.board))
  }

  settled(scope: Scope, { index, startedAt }: Child, outcome: Outcome): void {
    const { board } = this
    switch (outcome.status) {
      case "succeeded": {
        // how long people take says nothing about how long tasks do
        if (board.compiled.tasks[index]!.kind !== "gate") board.observe(index, scope.room.now - startedAt)
        board.settle(index, "succeeded", outcome.value)
        this.#ready(scope)
        return
      }
      case "failed":
        board.fail(index, outcome.failure)
        if (board.compiled.onFailure === "continue") board.skipBehind(index)
        scope.fail(outcome)
        return
      case "cancelled":
        board.cancel(index)
    }
  }

  freeze(): Json {
    return this.board.freeze() as unknown as Json
  }

  recall(scope: Scope, { id, index, director }: Recalled) {
    const { board } = this
    const task = board.compiled.tasks[index]!
    const path = scope.pathOf(id)
    const { structure } = task
    if (structure.kind === "gate") return { place: new GatePlace(scope.room, path, task, board, structure) }
    const place = new Place(scope.room, path, task, board)
    switch (structure.kind) {
      case "map":
        return { place, director: FanoutDirector.thaw(task, structure, board, scope.pathOf(id), director!) }
      case "repeat":
        return { place, director: LoopDirector.thaw(task, structure, director!) }
      case "expand":
        return { place, director: ExpandDirector.thaw(task, board, director!) }
      case "use":
        return recallWorkflow(scope, path, structure.nested, task.input(board), director)
      case "branch": {
        const nested = structure.cases.get(String(structure.on(board))) ?? structure.otherwise
        return recallWorkflow(scope, path, nested!, task.input(board), director)
      }
      default:
        return { place }
    }
  }

  isSettled(): boolean {
    return this.board.open === 0
  }

  value(): Json {
    return this.board.compiled.output(this.board) ?? null
  }

  blocked(): ReadonlyArray<string> {
    return this.board.blocked()
  }

  /** Starts, queues or skips what is on the agenda; a skipped task may put others there, so this is a loop. */
  #ready(scope: Scope): void {
    const { board } = this
    const { agenda, compiled } = board
    for (let i = 0; i < agenda.length; i++) {
      const task = compiled.tasks[agenda[i]!]!
      if (task.when !== undefined && !task.when(board)) board.settle(task.index, "skipped", undefined)
      else if (task.structure.kind === "leaf") {
        board.mark(task.index, "ready")
        if (isTimedFromReady(task.work?.limits)) this.#queue(scope, task)
        else scope.enqueue(task.index, task.priority)
      } else this.#startStructure(scope, task, task.structure)
    }
    agenda.length = 0
  }

  #queue(scope: Scope, task: CompiledTask): void {
    scope.queueTask(task.id, task.index, new Place(scope.room, scope.pathOf(task.id), task, this.board))
  }

  #startStructure(scope: Scope, task: CompiledTask, structure: Exclude<Structure, { kind: "leaf" }>): void {
    const { board } = this
    const { id, index } = task
    const path = scope.pathOf(id)
    board.mark(index, structure.kind === "sleep" || structure.kind === "gate" ? "waiting" : "running")
    try {
      switch (structure.kind) {
        case "sleep":
          return scope.startSleep(
            id,
            index,
            new Place(scope.room, path, task, board),
            durationOf(structure.durationMs(board), path)
          )
        case "gate":
          return scope.startGate(id, index, new GatePlace(scope.room, path, task, board, structure))
        case "map":
          return scope.startScope(
            id,
            index,
            new Place(scope.room, path, task, board),
            new FanoutDirector(task, structure, board),
            factsOf(path, structure.partial ? "continue" : "stop")
          )
        case "use":
          return startWorkflow(scope, id, index, path, structure.nested, task.input(board))
        case "branch":
          return this.#startBranch(scope, task, structure, path)
        case "repeat":
          return scope.startScope(
            id,
            index,
            new Place(scope.room, path, task, board),
            new LoopDirector(task, structure, task.input(board)),
            factsOf(path, "stop")
          )
        case "expand":
          return scope.startScope(
            id,
            index,
            new Place(scope.room, path, task, board),
            new ExpandDirector(task, board),
            factsOf(path, "stop")
          )
      }
    } catch (error) {
      this.#refuse(scope, task, path, error)
    }
  }

  #startBranch(
    scope: Scope,
    task: CompiledTask,
    { on, cases, otherwise }: Extract<Structure, { kind: "branch" }>,
    path: string
  ): void {
    const value = on(this.board)
    const nested = cases.get(String(value)) ?? otherwise
    if (nested === undefined)
      throw new InvalidOption({
        option: `'on' of '${path}'`,
        value,
        allowed: `one of the cases (${[...cases.keys()].join(", ")}), or add 'otherwise'`
      })
    startWorkflow(scope, task.id, task.index, path, nested, task.input(this.board))
  }

  /** A task that cannot even start has failed. */
  #refuse(scope: Scope, task: CompiledTask, path: string, error: unknown): void {
    const outcome = { status: "failed", task: path, failure: toFailure(error) } as const
    this.board.fail(task.index, outcome.failure)
    if (this.board.compiled.onFailure === "continue") this.board.skipBehind(task.index)
    scope.fail(outcome)
  }
}

const durationOf = (value: Json | undefined, path: string): number => {
  if (typeof value !== "number" || !(value >= 0 && value <= limits.durationMs))
    throw new InvalidOption({
      option: `durationMs of '${path}'`,
      value,
      allowed: "milliseconds between 0 and ten years"
    })
  return value
}

type MapStructure = Extract<Structure, { kind: "map" }>

/** Follows a list: at most `concurrency` items at a time; an item is an actor only while it lives. */
export class FanoutDirector implements Director {
  readonly #task: CompiledTask
  readonly #structure: MapStructure
  readonly #board: Board
  #items: ReadonlyArray<Json> | undefined
  #size = 0
  #next = 0
  #settled = 0
  #failed = 0
  #results: Array<Json> = []
  #isOpen = false

  constructor(task: CompiledTask, structure: MapStructure, board: Board) {
    this.#task = task
    this.#structure = structure
    this.#board = board
  }

  /** How far the fan-out is, for people. */
  get progress() {
    return { total: this.#size, started: this.#next, settled: this.#settled, failed: this.#failed }
  }

  freeze(): Json {
    return [this.#next, this.#settled, this.#failed, this.#results]
  }

  static thaw(task: CompiledTask, structure: MapStructure, board: Board, path: string, frozen: Json): FanoutDirector {
    const director = new FanoutDirector(task, structure, board)
    director.#measure(path)
    const [next, settled, failed, results] = frozen as unknown as [number, number, number, ReadonlyArray<Json>]
    director.#next = next
    director.#settled = settled
    director.#failed = failed
    director.#results = results.map((value) => deepFreeze(value))
    return director
  }

  recall(scope: Scope, { id, index, director }: Recalled) {
    const { nested, itemInput } = this.#structure
    const path = scope.place.path + id
    return nested === undefined
      ? { place: new Place(scope.room, path, this.#task, this.#frame(index), true) }
      : recallWorkflow(scope, path, nested, itemInput(this.#frame(index)), director)
  }

  open(scope: Scope): void {
    this.#measure(scope.place.path)
    for (let i = Math.min(this.#structure.concurrency, this.#size); i > 0; i--) this.#startNext(scope)
  }

  /** What the items are. */
  #measure(path: string): void {
    const over = this.#structure.over(this.#board)
    if (Array.isArray(over)) this.#items = over
    else if (!(typeof over === "number" && Number.isInteger(over) && over >= 0))
      throw new InvalidOption({
        option: `'over' of '${path}'`,
        value: over,
        allowed: "a list, or a whole number of items"
      })
    this.#size = Array.isArray(over) ? over.length : (over as number)
    if (this.#size > limits.fanout)
      throw new LimitExceeded({ limit: "fanout", allowed: limits.fanout, actual: this.#size, unit: "items" })
    this.#results = new Array(this.#size).fill(null)
    this.#isOpen = true
  }

  admitted(scope: Scope, index: number): void {
    scope.startTask(`[${index}]`, index, this.#place(scope, index))
  }

  #place(scope: Scope, index: number): Place {
    return new Place(scope.room, `${scope.place.path}[${index}]`, this.#task, this.#frame(index), true)
  }

  settled(scope: Scope, { index }: Child, outcome: Outcome): void {
    this.#settled++
    if (outcome.status === "succeeded") this.#results[index] = outcome.value
    else if (outcome.status === "failed") {
      this.#failed++
      if (!this.#structure.partial) scope.fail(outcome)
    }
    if (this.#next < this.#size) this.#startNext(scope)
  }

  isSettled(): boolean {
    return this.#isOpen && this.#settled === this.#size
  }

  value(): Json {
    return Object.freeze(this.#results)
  }

  blocked(): ReadonlyArray<string> {
    return [`${this.#task.id}[${this.#next}]`]
  }

  #startNext(scope: Scope): void {
    const index = this.#next++
    const { nested, itemInput } = this.#structure
    if (nested === undefined && isTimedFromReady(this.#task.work?.limits))
      scope.queueTask(`[${index}]`, index, this.#place(scope, index))
    else if (nested === undefined) scope.enqueue(index, this.#task.priority)
    else
      startWorkflow(scope, `[${index}]`, index, `${scope.place.path}[${index}]`, nested, itemInput(this.#frame(index)))
  }

  #frame(index: number): Frame {
    const { input, values } = this.#board
    return { input, values, item: this.#items === undefined ? index : this.#items[index], index }
  }
}

type RepeatStructure = Extract<Structure, { kind: "repeat" }>

/** Follows rounds: each takes the output of the one before, until the condition holds or the bound is reached. */
export class LoopDirector implements Director {
  readonly #task: CompiledTask
  readonly #structure: RepeatStructure
  #state: Json | undefined
  #round = 0
  #isDone = false

  constructor(task: CompiledTask, structure: RepeatStructure, start: Json | undefined) {
    this.#task = task
    this.#structure = structure
    this.#state = start
  }

  /** Rounds begun, for people. */
  get round(): number {
    return this.#round
  }

  freeze(): Json {
    return this.#state === undefined ? [this.#round] : [this.#round, this.#state]
  }

  static thaw(task: CompiledTask, structure: RepeatStructure, frozen: Json): LoopDirector {
    const [round, state] = frozen as readonly [number, Json?]
    const director = new LoopDirector(task, structure, state === undefined ? undefined : deepFreeze(state))
    director.#round = round
    return director
  }

  recall(scope: Scope, { id, director }: Recalled) {
    return id === pauseId ? { place: this.#pause(scope) } : this.#recallRound(scope, id, director)
  }

  #recallRound(scope: Scope, id: string, frozen: Json | undefined) {
    return recallWorkflow(scope, scope.place.path + id, this.#structure.nested, this.#state, frozen)
  }

  #pause(scope: Scope): Place {
    return new Place(scope.room, `${scope.place.path}${pauseId}`, this.#task, emptyFrame)
  }

  open(scope: Scope): void {
    this.#begin(scope)
  }

  admitted(): void {}

  settled(scope: Scope, child: Child, outcome: Outcome): void {
    if (outcome.status === "failed") return scope.fail(outcome)
    if (outcome.status === "cancelled") return
    if (child.id === pauseId) return this.#begin(scope)
    this.#state = outcome.value
    const { until, max, onMax, delayMs } = this.#structure
    if (until({ input: undefined, values: [], output: outcome.value, round: this.#round })) this.#isDone = true
    else if (this.#round >= max) {
      if (onMax === "fail") throw new LimitExceeded({ limit: "rounds", allowed: max, actual: max + 1, unit: "rounds" })
      this.#isDone = true
    } else if (delayMs > 0) scope.startSleep(pauseId, 0, this.#pause(scope), delayMs)
    else this.#begin(scope)
  }

  isSettled(): boolean {
    return this.#isDone
  }

  value(): Json {
    return this.#state ?? null
  }

  blocked(): ReadonlyArray<string> {
    return [`${this.#task.id}#${this.#round}`]
  }

  #begin(scope: Scope): void {
    this.#round++
    const id = `#${this.#round}`
    startWorkflow(scope, id, this.#round, scope.place.path + id, this.#structure.nested, this.#state)
  }
}
const pauseId = "#pause"
const emptyFrame: Frame = Object.freeze({ input: undefined, values: Object.freeze([]) })

/** Follows a planner: its result is checked and injected whole, or refused whole; the value is that of the injected tasks. */
export class ExpandDirector implements Director {
  readonly #task: CompiledTask
  readonly #board: Board
  #fragment: Fragment | undefined
  #value: Json | undefined

  constructor(task: CompiledTask, board: Board) {
    this.#task = task
    this.#board = board
  }

  freeze(): Json {
    return (this.#fragment ?? null) as Json
  }

  static thaw(task: CompiledTask, board: Board, frozen: Json): ExpandDirector {
    const director = new ExpandDirector(task, board)
    if (frozen !== null) director.#fragment = deepFreeze(frozen) as unknown as Fragment
    return director
  }

  recall(scope: Scope, { id, director }: Recalled) {
    const path = scope.place.path + id
    return id === plannerId
      ? { place: new Place(scope.room, path, this.#task, this.#board) }
      : recallWorkflow(scope, path, this.#nested(), this.#task.input(this.#board), director)
  }

  /** What was planned, as a workflow. */
  #nested(): Definition {
    const { ir, definition: around } = this.#board.compiled
    return definition(fragmentIR(this.#fragment!, this.#task.id, ir), around.table)
  }

  open(scope: Scope): void {
    if (isTimedFromReady(this.#task.work?.limits)) scope.queueTask(plannerId, 0, this.#place(scope))
    else scope.enqueue(0, this.#task.priority)
  }

  admitted(scope: Scope): void {
    scope.startTask(plannerId, 0, this.#place(scope))
  }

  #place(scope: Scope): Place {
    return new Place(scope.room, scope.place.path + plannerId, this.#task, this.#board)
  }

  settled(scope: Scope, child: Child, outcome: Outcome): void {
    if (outcome.status === "failed") return scope.fail(outcome)
    if (outcome.status === "cancelled") return
    if (child.id !== plannerId) {
      this.#value = outcome.value
      return
    }
    const fragment = outcome.value as unknown as Fragment
    this.#fragment = fragment
    const nested = this.#nested()
    const problems = [...validate(nested.ir).filter(({ severity }) => severity === "error")]
    if (problems.length === 0) problems.push(...this.#board.inject(fragment.edges ?? []))
    if (problems.length > 0) throw new FragmentRefused({ problems })
    startWorkflow(scope, injectedId, 1, scope.place.path + injectedId, nested, this.#task.input(this.#board))
  }

  isSettled(): boolean {
    return this.#value !== undefined
  }

  value(): Json {
    return this.#value!
  }

  blocked(): ReadonlyArray<string> {
    return [this.#task.id]
  }
}
const plannerId = "@plan"
const injectedId = "@tasks"

/** A fragment as a workflow of its own, inside the one that planned it. */
export const fragmentIR = ({ tasks, output }: Fragment, id: string, { config }: WorkflowIR): WorkflowIR =>
  deepFreeze({
    ir: 1,
    name: id,
    ...(config?.missing === undefined ? {} : { config: { missing: config.missing } }),
    tasks,
    ...(output === undefined ? {} : { output })
  })
