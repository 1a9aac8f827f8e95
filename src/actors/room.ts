/**
 * What the actors of one run share: the outbox that collects their commands, the slots for attempts, the queue of tasks that
 * wait for one, and the gates. Performs nothing and never reads a clock: the engine brings the time with each message.
 */
import type { ActorRef, AnyActorRef } from "xstate"
import type { Retry } from "../model/backoff.ts"
import { type Board, boardOf } from "../model/board.ts"
import type { CompiledTask, Structure } from "../model/compile.ts"
import type { TimeLimits } from "../model/deadlines.ts"
import type { Failure, GateEnd } from "../model/errors.ts"
import type { Recovery } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import type { Frame } from "../model/mapping.ts"
import type { Degraded, FaultInjected, Instead, Outcome } from "../model/messages.ts"
import { PriorityQueue } from "../model/queue.ts"
import { Ledger } from "../model/saga.ts"
import type { Check } from "../model/schemas.ts"
import { Gates, type OpenGate } from "./gates.ts"

type GateStructure = Extract<Structure, { kind: "gate" }>

/** Where a command comes from and its answer goes: a task, an item of a fan-out, a wait, or the run itself. */
export class Place {
  readonly room: Room
  /** Path in the run: `""` the run, `quotes`, `quotes[3]`, `ship/label`. */
  readonly path: string
  readonly task: CompiledTask | undefined
  /** What the references of the task's input read from. */
  readonly frame: Frame
  /** Whether the place is an item of a fan-out. */
  readonly isItem: boolean
  /** The actor that lives here, once it does. */
  actor: AnyActorRef | undefined = undefined
  holdsSlot = false
  /** When what it waits for is due; 0 while it waits for no time. */
  dueAt = 0
  /** When its timer fired, while that is being written; 0 otherwise. */
  firedAt = 0
  /** The decision after which the task began anew, if one was made: its effects have a key of their own. */
  generation = 0
  /** Its attempt was let begin although the run is held. */
  isStepped = false
  /** What its next attempt was told to do wrong. */
  fault: FaultInjected | undefined = undefined
  /** What the engine keeps about the attempt that is out. */
  attempt: unknown = undefined
  /** Whether its task has had an effect, as far as anybody knows. */
  effect: "none" | "unknown" | "done" = "none"
  constructor(room: Room, path: string, task: CompiledTask | undefined, frame: Frame, isItem = false) {
    this.room = room
    this.path = path
    this.task = task
    this.frame = frame
    this.isItem = isItem
    this.generation = Math.max(room.renewed, room.begunBefore.get(path) ?? 0)
  }
  /** The policy that the chart of a task asks for. */
  get retry(): Retry {
    return this.task!.work!.retry
  }
  /** Whether an attempt that is under way comes to its end when its task is cancelled. */
  get finishes(): boolean {
    const work = this.task?.work
    return work !== undefined && (work.undo !== undefined || work.isPivot)
  }
  /** The idempotency key of what is done here: another one after somebody decided that it begins anew. */
  get key(): string {
    const since = Math.max(this.room.generation, this.generation)
    return since === 0 ? `${this.room.run}/${this.path}` : `${this.room.run}/${this.path}@${since}`
  }
  /** What the task is given. */
  get request(): Json | undefined {
    const { structure, input } = this.task!
    return this.isItem && structure.kind === "map" ? structure.itemInput(this.frame) : input(this.frame)
  }
  get limits(): TimeLimits | undefined {
    return this.task!.work!.limits
  }
  get seed(): string {
    return `${this.room.seed}/${this.path}`
  }
  /** A slot was granted. */
  begin(): void {
    this.holdsSlot = true
    if (!this.isItem && this.task?.structure.kind === "leaf") boardOf(this.frame)?.mark(this.task.index, "running")
    this.actor!.send({ type: "start", at: this.room.now } as never)
  }
}

/** The place of a gate: also what it shows, and what stands for an answer when nobody gives one. */
export class GatePlace extends Place implements OpenGate {
  declare readonly task: CompiledTask
  readonly show: Json | undefined
  readonly otherwise: Json | undefined
  /** How long it waits, each time that it opens; Infinity when it waits for ever. */
  readonly waitMs: number
  readonly signal: string | undefined
  readonly checkOut: Check | undefined
  constructor(
    room: Room,
    path: string,
    task: CompiledTask,
    frame: Frame,
    { show, otherwise, signal, checkOut, withinMs }: GateStructure
  ) {
    super(room, path, task, frame)
    this.show = show(frame)
    this.waitMs = withinMs === undefined ? Number.POSITIVE_INFINITY : withinMs / room.timeScale
    this.signal = signal
    this.checkOut = checkOut
    this.otherwise = otherwise === undefined ? undefined : (otherwise(frame) ?? null)
    // a default that is no answer would be found out after the deadline; better now
    if (this.otherwise !== undefined) checkOut?.(this.otherwise)
  }
  /** It has opened: what was said to it before is its answer. */
  hearEarly(): void {
    const early = this.room.gates.take(this)
    if (early !== undefined) this.actor?.send(early)
  }
}

/** What a run asks the engine to do. */
export type Command =
  | { readonly type: "attempt.start"; readonly place: Place; readonly attempt: number }
  | { readonly type: "attempt.abort"; readonly place: Place }
  /** It is not wanted any more, and may come to its end. */
  | { readonly type: "attempt.finish"; readonly place: Place }
  | { readonly type: "timer.start"; readonly place: Place; readonly dueAt: number }
  | { readonly type: "timer.stop"; readonly place: Place }

/** Nothing of what was done is undone. */
export const everything = Number.MAX_SAFE_INTEGER

/** A task that is ready and waits for its turn. */
export interface Admission {
  readonly parent: AnyActorRef
  /** Index of the task, or of the item. */
  readonly index: number
  /** Set when the task is alive already and starts another attempt. */
  readonly place: Place | undefined
}

const isAlive = ({ place, parent }: Admission): boolean => (place?.actor ?? parent).getSnapshot().status === "active"

const none: ReadonlyArray<Degraded> = Object.freeze([])

export class Room {
  readonly run: string
  /** What chance is derived from: another run has other pauses, one that is folded again the same. */
  seed: string
  /** The time of the message that is being delivered, in milliseconds since 1970. */
  now = 0
  /** Commands of the current step, in order. */
  readonly outbox: Array<Command> = []
  /** Whoever performs the commands: what it keeps about this run. */
  owner: unknown = undefined
  /** The actor of the whole run. */
  root: ActorRef<any, any> | undefined = undefined
  board: Board | undefined = undefined
  /** The decision after which everything is new: 0 before any. */
  generation = 0
  /** The decision about the past after which what starts is new, for it may have been done before: 0 before any. */
  renewed = 0
  /** Tasks that began earlier than they now do, and the decision that took that back: they are new too, whenever they begin. */
  readonly begunBefore = new Map<string, number>()
  /** Tasks that failed, and what was taken instead, in the order in which that was decided. */
  degraded: ReadonlyArray<Degraded> = none
  /** The number of the message that is being delivered. */
  seq = 0
  /** How the run ended, once it has. */
  outcome: Outcome | undefined = undefined
  #ledger: Ledger | undefined = undefined
  /** What happens instead of the end when the run fails. */
  recovery: Recovery | undefined = undefined
  /** It goes back, and has not arrived: what it goes back to must stay. */
  isGoingBack = false
  /** It has come to rest, and goes back to after this message; undefined otherwise. */
  rewound: { readonly to: number; readonly isRecovery: boolean } | undefined = undefined
  /** How often that has happened. */
  recoveries = 0
  /** The message with which the task was done to which the run goes back. */
  mark: number | undefined = undefined
  readonly #slots: number
  readonly #queue = new PriorityQueue<Admission>()
  #taken = 0
  #held = false
  #steps = 0
  /** Faults that are to come, by the path of their task. */
  faults: Map<string, FaultInjected> | undefined = undefined
  #gates: Gates | undefined = undefined

  /** Divides the length of waits. */
  readonly timeScale: number

  constructor(run: string, slots: number, timeScale = 1) {
    this.run = run
    this.seed = run
    this.#slots = slots
    this.timeScale = timeScale
  }

  /** Something is taken instead of a result. */
  degrade(task: string, instead: Instead, { message }: Failure): void {
    if (this.degraded.length < limits.degraded) this.degraded = [...this.degraded, { task, instead, because: message }]
  }

  /** Attempts that are out, or about to be. */
  get taken(): number {
    return this.#taken
  }
  /** Tasks that are ready and wait for a slot. */
  get waiting(): number {
    return this.#queue.size
  }
  get isHeld(): boolean {
    return this.#held
  }
  /** Made when it is first asked for: most runs have none. */
  get gates(): Gates {
    this.#gates ??= new Gates()
    return this.#gates
  }
  /** What would have to be taken back. Made when it is first asked for: most runs have nothing of the kind. */
  get ledger(): Ledger {
    this.#ledger ??= new Ledger()
    return this.#ledger
  }
  /** The same, if there is anything. */
  get knownLedger(): Ledger | undefined {
    return this.#ledger
  }
  set knownLedger(ledger: Ledger | undefined) {
    this.#ledger = ledger
  }
  /** Its gates, if it has any. */
  get knownGates(): Gates | undefined {
    return this.#gates
  }
  /** The place of an open gate. */
  gateAt(path: string): GatePlace | undefined {
    return this.#gates?.open.get(path) as GatePlace | undefined
  }
  get hasOpenGates(): boolean {
    return this.#gates !== undefined && this.#gates.open.size > 0
  }

  /** A ready task takes its place in the queue. */
  enqueue(parent: AnyActorRef, index: number, priority: number): void {
    this.#queue.push({ parent, index, place: undefined }, priority)
  }

  /** Starts what the slots allow; called when a step has come to rest. */
  admit(): void {
    while (this.#taken < this.#slots && (!this.#held || this.#steps > 0)) {
      const next = this.#queue.pop()
      if (next === undefined) break
      // whoever has ended meanwhile would keep the slot for ever
      if (!isAlive(next)) continue
      this.#taken++
      if (this.#held) this.#steps--
      if (next.place === undefined) next.parent.send({ type: "admitted", index: next.index })
      else next.place.begin()
    }
    this.#steps = 0
  }

  /** What waits for a slot, with its priority. */
  get queue(): ReadonlyArray<readonly [Admission, number]> {
    return this.#queue.toArray().filter(([admission]) => isAlive(admission))
  }

  /** Goes on from a snapshot: slots that are taken, what waits for one, and whether any are given. */
  restore(taken: number, isHeld: boolean, queue: ReadonlyArray<readonly [Admission, number]>): void {
    this.#taken = taken
    this.#held = isHeld
    for (const [admission, priority] of queue) this.#queue.push(admission, priority)
  }

  /** Nobody waits for a slot any more. */
  dropQueue(): void {
    this.#queue.clear()
  }

  /** Where the run goes back to instead of ending with a failure; `everything` where what it did stays; undefined where it ends. */
  recoverTo({ tag }: Failure): number | undefined {
    const { recovery } = this
    if (recovery === undefined || this.recoveries >= (recovery.times ?? 1) || tag === "RunTimedOut") return undefined
    return recovery.strategy === "retry" ? everything : this.mark
  }

  /** The task to which the run goes back has been done. */
  noteMark({ path }: Place): void {
    if (this.recovery?.strategy === "rollback" && this.recovery.to === path) this.mark = this.seq
  }

  /** Lets one of those begin that wait, although the run is held. */
  step(): void {
    this.#steps++
  }

  /** The next attempt of a task goes wrong. */
  plant(fault: FaultInjected): void {
    this.faults ??= new Map()
    this.faults.set(fault.task, fault)
  }

  #faultOf({ path }: Place): FaultInjected | undefined {
    if (this.faults === undefined) return undefined
    const fault = this.faults.get(path)
    this.faults.delete(path)
    if (this.faults.size === 0) this.faults = undefined
    return fault
  }

  /** Gives back a slot that was admitted and not used. */
  release(): void {
    this.#taken--
  }

  /** Nothing starts any more: the run is over. */
  close(outcome: Outcome): void {
    this.outcome = outcome
    this.#queue.clear()
    this.root = undefined
    this.board?.retire()
    this.#gates?.close()
  }

  /** The run leaves memory: its actors are stopped, and what they ask for on the way is not heard. */
  leave(): void {
    this.root = undefined
    this.#queue.clear()
  }

  /** Takes a command from a chart: slots are ours, everything else goes to the engine. */
  command(
    type: string,
    params: { readonly attempt: number; readonly dueAt: number; readonly became?: GateEnd },
    place: Place
  ): void {
    switch (type) {
      case "attempt.start":
        place.isStepped = this.#held
        // an attempt that begins anew has nothing of the one before
        place.fault = this.#faultOf(place)
        this.outbox.push({ type, place, attempt: params.attempt })
        return
      case "slot.release":
        place.holdsSlot = false
        this.#taken--
        return
      case "slot.request":
        this.#queue.push({ parent: place.actor!, index: -1, place }, place.task?.priority ?? 50)
        return
      case "slots.hold":
        this.#held = true
        return
      case "slots.open":
        this.#held = false
        return
      case "gate.open":
        place.dueAt = Number.isFinite(params.dueAt) ? params.dueAt : 0
        this.gates.opened(place as GatePlace)
        return
      case "gate.close":
        this.gates.closed(place.path, params.became!)
        return
      case "timer.start":
        // a time that never comes is not waited for
        if (params.dueAt === Number.POSITIVE_INFINITY) return this.command("timer.stop", params, place)
        place.dueAt = params.dueAt
        this.outbox.push({ type, place, dueAt: params.dueAt })
        return
      case "timer.stop":
        place.dueAt = 0
        this.outbox.push({ type, place })
        return
      case "attempt.abort":
      case "attempt.finish":
        this.outbox.push({ type, place })
    }
  }
}
