/**
 * Directors: which children a scope has and when each starts. A workflow follows its graph, a fan-out its items, a loop its rounds,
 * an expansion its planner. None of them performs anything; all of them are folded again on recovery.
 */

import type { WorkflowInput } from "../machines/workflow.ts"
import { Board, type FrozenBoard, type Trouble } from "../model/board.ts"
import { type CompiledTask, type CompiledWorkflow, compileWorkflow, type Structure } from "../model/compile.ts"
import { isTimedFromReady } from "../model/deadlines.ts"
import { type Failure, FragmentRefused, InvalidOption, LimitExceeded, TooFewItems, toFailure } from "../model/errors.ts"
import { acceptedOf, standIn, waitPath } from "../model/failing.ts"
import { fragmentIR } from "../model/fragment.ts"
import type { Fragment } from "../model/ir.ts"
import { deepFreeze, isPlainRecord, type Json } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import type { Frame } from "../model/mapping.ts"
import type { Instead, Outcome } from "../model/messages.ts"
import { type Definition, definition } from "../model/nested.ts"
import { validate } from "../model/validate.ts"
import { GatePlace, Place } from "./room.ts"
import type { Child, Director, Recalled, Scope } from "./scope.ts"
import { insteadOf, isWait, type Next, nextFallback, stepOf, waitPlace } from "./standins.ts"

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
    const { board } = this
    // nobody needs it any more
    if (board.isFinal(index)) return scope.room.release()
    const task = board.compiled.tasks[index]!
    board.mark(index, "running")
    const { id, place } = this.#placeOf(scope, task, board.troubleOf(index)?.step ?? 0)
    scope.startTask(id, index, place)
  }

  /** Where a task works, or what stands in for it. */
  #placeOf(scope: Scope, task: CompiledTask, step: number): { readonly id: string; readonly place: Place } {
    const id = step === 0 ? task.id : standIn(task.id, step)
    const fallback = task.fallbacks[step - 1]
    const own = fallback === undefined || fallback.kind === "value" ? task : fallback.task
    return { id, place: new Place(scope.room, scope.pathOf(id), own, this.board.frameOf(task.index)) }
  }

  settled(scope: Scope, { id, index, startedAt }: Child, outcome: Outcome): void {
    const { board } = this
    const task = board.compiled.tasks[index]!
    switch (outcome.status) {
      case "succeeded": {
        const trouble = board.troubleOf(index)
        // how long people take says nothing about how long tasks do
        if (task.kind !== "gate" && trouble === undefined) board.observe(index, scope.room.now - startedAt)
        if (trouble !== undefined && !isWait(id))
          scope.room.degrade(scope.pathOf(task.id), insteadOf(task.fallbacks, trouble.step), trouble.failure)
        board.settle(index, "succeeded", outcome.value)
        this.#ready(scope)
        return
      }
      case "failed":
        if (board.isUnwanted(index)) board.cancel(index)
        else if (isWait(id)) this.#givenUp(scope, task, outcome.failure)
        else this.#failed(scope, task, outcome)
        return
      case "cancelled":
        board.cancel(index)
    }
  }

  /** A task, or what stood in for it, has failed for good: whatever comes next is decided here. */
  #failed(scope: Scope, task: CompiledTask, { failure: last, task: at }: Failed): void {
    const { board } = this
    const { index, fallbacks, onFailed, work, structure } = task
    const { step, ...first } = board.troubleOf(index) ?? { step: 0, failure: last, at }
    const { failure } = first
    const path = scope.pathOf(task.id)
    const next: Next = scope.isDraining
      ? { is: "nothing" }
      : nextFallback(fallbacks, step, board.frameOf(index), structure.kind === "leaf" ? work?.checkOut : undefined)
    switch (next.is) {
      case "value":
        scope.room.degrade(path, "value", failure)
        board.settle(index, "succeeded", next.value)
        this.#ready(scope)
        return
      case "work":
        board.trouble(index, { step: next.step, ...first })
        this.#ask(scope, task, next.step)
        return
    }
    const end: Failed = { status: "failed", task: first.at, failure }
    if (scope.isDraining) return this.#fail(scope, task, end)
    if (onFailed === "wait") {
      board.trouble(index, { step: fallbacks.length + 1, ...first })
      board.mark(index, "waiting")
      const place = waitPlace(scope.room, waitPath(path), task, board.frameOf(index), failure)
      scope.startGate(waitPath(task.id), index, place)
    } else if (onFailed === "continue") this.#goOn(scope, task, failure)
    else this.#fail(scope, task, end)
  }

  /** The person who was waited for has said no, or has not come. */
  #givenUp(scope: Scope, task: CompiledTask, { code }: Failure): void {
    const { failure, at } = this.board.troubleOf(task.index)!
    if (code === "GATE_TIMEOUT" && task.patience?.otherwise === "continue") this.#goOn(scope, task, failure)
    else this.#fail(scope, task, { status: "failed", task: at, failure })
  }

  /** It failed, and may. */
  #goOn(scope: Scope, task: CompiledTask, failure: Failure): void {
    scope.room.degrade(scope.pathOf(task.id), "nothing", failure)
    this.board.allow(task.index, failure)
    this.#ready(scope)
  }

  #fail(scope: Scope, task: CompiledTask, outcome: Failed): void {
    const { board } = this
    board.fail(task.index, outcome.failure)
    scope.fail(outcome)
    if (board.compiled.onFailure === "stop") return
    board.skipBehind(task.index)
    if (scope.isDraining) board.agenda.length = 0
    else this.#ready(scope)
  }

  /** Those that were joined and not needed: what is at work ends first, the others never begin. */
  #cancelRest(scope: Scope, task: CompiledTask): void {
    const { board } = this
    for (const index of board.unwantedBy(task.index)) {
      const { id } = board.compiled.tasks[index]!
      const trouble = board.troubleOf(index)
      const child =
        scope.children.get(trouble === undefined ? id : standIn(id, trouble.step)) ?? scope.children.get(waitPath(id))
      if (child === undefined) board.cancel(index)
      else child.actor.send({ type: "cancel" })
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
    const frame = board.frameOf(index)
    if (isWait(id)) return { place: waitPlace(scope.room, path, task, frame, board.troubleOf(index)!.failure) }
    if (stepOf(id) > 0) return this.#placeOf(scope, task, stepOf(id))
    if (structure.kind === "gate") return { place: new GatePlace(scope.room, path, task, frame, structure) }
    const place = new Place(scope.room, path, task, frame)
    switch (structure.kind) {
      case "map":
        return { place, director: FanoutDirector.thaw(task, structure, frame, scope.pathOf(id), director!) }
      case "repeat":
        return { place, director: LoopDirector.thaw(task, structure, director!) }
      case "expand":
        return { place, director: ExpandDirector.thaw(task, board, director!) }
      case "use":
        return recallWorkflow(scope, path, structure.nested, task.input(frame), director)
      case "branch": {
        const nested = structure.cases.get(String(structure.on(frame))) ?? structure.otherwise
        return recallWorkflow(scope, path, nested!, task.input(frame), director)
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
      if (board.isFinal(task.index)) continue
      if (task.cancelRest) this.#cancelRest(scope, task)
      if (task.when !== undefined && !task.when(board.frameOf(task.index)))
        board.settle(task.index, "skipped", undefined)
      else if (task.structure.kind === "leaf") this.#ask(scope, task, 0)
      else this.#startStructure(scope, task, task.structure)
    }
    agenda.length = 0
  }

  /** Asks for a slot, for a task or what stands in for it; where its time runs already, it lives while it waits. */
  #ask(scope: Scope, task: CompiledTask, step: number): void {
    this.board.mark(task.index, "ready")
    const fallback = task.fallbacks[step - 1]
    const { work } = fallback === undefined || fallback.kind === "value" ? task : fallback.task
    if (!isTimedFromReady(work?.limits)) return scope.enqueue(task.index, task.priority)
    const { id, place } = this.#placeOf(scope, task, step)
    scope.queueTask(id, task.index, place)
  }

  #startStructure(scope: Scope, task: CompiledTask, structure: Exclude<Structure, { kind: "leaf" }>): void {
    const { board } = this
    const { id, index } = task
    const path = scope.pathOf(id)
    const frame = board.frameOf(index)
    board.mark(index, structure.kind === "sleep" || structure.kind === "gate" ? "waiting" : "running")
    try {
      switch (structure.kind) {
        case "sleep":
          return scope.startSleep(
            id,
            index,
            new Place(scope.room, path, task, frame),
            durationOf(structure.durationMs(frame), path)
          )
        case "gate":
          return scope.startGate(id, index, new GatePlace(scope.room, path, task, frame, structure))
        case "map":
          return scope.startScope(
            id,
            index,
            new Place(scope.room, path, task, frame),
            new FanoutDirector(task, structure, frame),
            factsOf(path, structure.partial ? "continue" : "stop")
          )
        case "use":
          return startWorkflow(scope, id, index, path, structure.nested, task.input(frame))
        case "branch":
          return this.#startBranch(scope, task, structure, path)
        case "repeat":
          return scope.startScope(
            id,
            index,
            new Place(scope.room, path, task, frame),
            new LoopDirector(task, structure, task.input(frame)),
            factsOf(path, "stop")
          )
        case "expand":
          return scope.startScope(
            id,
            index,
            new Place(scope.room, path, task, frame),
            new ExpandDirector(task, board),
            factsOf(path, "stop")
          )
      }
    } catch (error) {
      // a task that cannot even start has failed
      this.#failed(scope, task, { status: "failed", task: path, failure: toFailure(error) })
    }
  }

  #startBranch(
    scope: Scope,
    task: CompiledTask,
    { on, cases, otherwise }: Extract<Structure, { kind: "branch" }>,
    path: string
  ): void {
    const frame = this.board.frameOf(task.index)
    const value = on(frame)
    const nested = cases.get(String(value)) ?? otherwise
    if (nested === undefined)
      throw new InvalidOption({
        option: `'on' of '${path}'`,
        value,
        allowed: `one of the cases (${[...cases.keys()].join(", ")}), or add 'otherwise'`
      })
    startWorkflow(scope, task.id, task.index, path, nested, task.input(frame))
  }
}

type Failed = Extract<Outcome, { status: "failed" }>

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
  readonly #frame: Frame
  /** How many good items are enough; undefined where all are waited for. */
  readonly #enough: number | undefined
  #items: ReadonlyArray<Json> | undefined
  #size = 0
  #next = 0
  #live = 0
  #settled = 0
  #failed = 0
  #results: Array<Json> = []
  #troubles: Map<number, Trouble> | undefined = undefined
  #isOpen = false
  /** There are enough: the rest only comes to its end. */
  #isDecided = false

  constructor(task: CompiledTask, structure: MapStructure, frame: Frame) {
    this.#task = task
    this.#structure = structure
    this.#frame = frame
    const { accept } = structure
    this.#enough = accept === "any" || typeof accept === "object" ? acceptedOf(accept) : undefined
  }

  /** How far the fan-out is, for people. */
  get progress() {
    return { total: this.#size, started: this.#next, settled: this.#settled, failed: this.#failed }
  }

  freeze(): Json {
    const plain = [this.#next, this.#settled, this.#failed, this.#results]
    if (this.#enough === undefined && this.#troubles === undefined) return plain
    return [...plain, this.#live, this.#isDecided, [...(this.#troubles ?? [])]] as unknown as Json
  }

  static thaw(task: CompiledTask, structure: MapStructure, frame: Frame, path: string, frozen: Json): FanoutDirector {
    const director = new FanoutDirector(task, structure, frame)
    director.#measure(path)
    const [next, settled, failed, results, live, isDecided = false, troubles = []] = frozen as unknown as Frozen
    director.#next = next
    director.#live = live ?? next - settled
    director.#settled = settled
    director.#failed = failed
    director.#results = results.map((value) => deepFreeze(value))
    director.#isDecided = isDecided
    if (troubles.length > 0) director.#troubles = new Map(troubles)
    return director
  }

  recall(scope: Scope, { id, index, director }: Recalled) {
    const { nested, itemInput } = this.#structure
    const path = scope.place.path + id
    return nested === undefined
      ? { place: this.#placeOf(scope, index, stepOf(id)) }
      : recallWorkflow(scope, path, nested, itemInput(this.#item(index)), director)
  }

  open(scope: Scope): void {
    this.#measure(scope.place.path)
    if (this.#enough !== undefined && this.#size < this.#enough)
      throw new TooFewItems({ task: scope.place.path, needed: this.#enough, items: this.#size })
    for (let i = Math.min(this.#structure.concurrency, this.#size); i > 0; i--) this.#startNext(scope)
  }

  /** What the items are. */
  #measure(path: string): void {
    const over = this.#structure.over(this.#frame)
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
    // nobody needs it any more
    if (this.#isDecided) return scope.room.release()
    this.#live++
    const step = this.#troubles?.get(index)?.step ?? 0
    const id = step === 0 ? `[${index}]` : standIn(`[${index}]`, step)
    scope.startTask(id, index, this.#placeOf(scope, index, step))
  }

  /** Where an item works, or what stands in for it. */
  #placeOf(scope: Scope, index: number, step: number): Place {
    const id = step === 0 ? `[${index}]` : standIn(`[${index}]`, step)
    const fallback = this.#task.itemFallbacks[step - 1]
    const own = fallback === undefined || fallback.kind === "value" ? this.#task : fallback.task
    return new Place(scope.room, scope.place.path + id, own, this.#item(index), true)
  }

  settled(scope: Scope, { index }: Child, outcome: Outcome): void {
    this.#live--
    if (this.#isDecided) return
    const trouble = this.#troubles?.get(index)
    if (outcome.status === "succeeded") {
      if (trouble !== undefined)
        this.#degrade(scope, index, insteadOf(this.#task.itemFallbacks, trouble.step), trouble.failure)
      this.#good(scope, index, outcome.value)
    } else if (outcome.status === "failed") this.#bad(scope, index, outcome, trouble)
    else this.#settled++
    if (!this.#isDecided && this.#next < this.#size) this.#startNext(scope)
  }

  #degrade(scope: Scope, index: number, instead: Instead, failure: Failure): void {
    scope.room.degrade(`${scope.place.path}[${index}]`, instead, failure)
  }

  #good(scope: Scope, index: number, value: Json): void {
    this.#troubles?.delete(index)
    this.#settled++
    const { accept } = this.#structure
    this.#results[index] = accept === "settled" ? Object.freeze({ status: "succeeded", value }) : value
    if (this.#enough === undefined || this.#settled - this.#failed < this.#enough) return
    this.#isDecided = true
    if (accept === "any") this.#results = [value]
    for (const child of [...scope.children.values()]) child.actor.send({ type: "cancel" })
  }

  #bad(scope: Scope, index: number, outcome: Failed, trouble: Trouble | undefined): void {
    const { itemFallbacks, work } = this.#task
    const { step, failure } = trouble ?? { step: 0, failure: outcome.failure }
    const next = nextFallback(itemFallbacks, step, this.#item(index), work?.checkOut)
    if (next.is === "value") {
      this.#degrade(scope, index, "value", failure)
      this.#good(scope, index, next.value)
    } else if (next.is === "work") {
      this.#troubles ??= new Map()
      this.#troubles.set(index, { step: next.step, failure, at: outcome.task })
      this.#ask(scope, index, next.step)
    } else {
      this.#troubles?.delete(index)
      this.#settled++
      this.#failed++
      const end: Failed = step === 0 ? outcome : { ...outcome, task: `${scope.place.path}[${index}]`, failure }
      if (!this.#mayFail()) return scope.fail(end)
      this.#degrade(scope, index, "nothing", failure)
      if (this.#structure.accept === "settled") this.#results[index] = failedItem(failure)
    }
  }

  /** Whether there can still be enough. */
  #mayFail(): boolean {
    const { partial, accept } = this.#structure
    return partial || accept === "settled" || (this.#enough !== undefined && this.#size - this.#failed >= this.#enough)
  }

  isSettled(): boolean {
    return this.#isDecided ? this.#live === 0 : this.#isOpen && this.#settled === this.#size
  }

  value(): Json {
    return this.#structure.accept === "any" ? this.#results[0]! : Object.freeze(this.#results)
  }

  blocked(): ReadonlyArray<string> {
    return [`${this.#task.id}[${this.#next}]`]
  }

  #startNext(scope: Scope): void {
    const index = this.#next++
    const { nested, itemInput } = this.#structure
    if (nested === undefined) return this.#ask(scope, index, 0)
    this.#live++
    startWorkflow(scope, `[${index}]`, index, `${scope.place.path}[${index}]`, nested, itemInput(this.#item(index)))
  }

  /** Asks for a slot; where its time runs already, it lives while it waits. */
  #ask(scope: Scope, index: number, step: number): void {
    const place = this.#placeOf(scope, index, step)
    if (!isTimedFromReady(place.task?.work?.limits)) return scope.enqueue(index, this.#task.priority)
    this.#live++
    scope.queueTask(step === 0 ? `[${index}]` : standIn(`[${index}]`, step), index, place)
  }

  #item(index: number): Frame {
    const { input, values } = this.#frame
    return { input, values, item: this.#items === undefined ? index : this.#items[index], index }
  }
}

type Frozen = readonly [
  next: number,
  settled: number,
  failed: number,
  results: ReadonlyArray<Json>,
  live?: number,
  isDecided?: boolean,
  troubles?: ReadonlyArray<readonly [number, Trouble]>
]

const failedItem = ({ tag, code, message }: Failure): Json =>
  Object.freeze({ status: "failed", error: Object.freeze({ code: code ?? tag, message }) })

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
      ? { place: new Place(scope.room, path, this.#task, this.#frame) }
      : recallWorkflow(scope, path, this.#nested(), this.#task.input(this.#frame), director)
  }

  get #frame(): Frame {
    return this.#board.frameOf(this.#task.index)
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
    return new Place(scope.room, scope.place.path + plannerId, this.#task, this.#frame)
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
    startWorkflow(scope, injectedId, 1, scope.place.path + injectedId, nested, this.#task.input(this.#frame))
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
