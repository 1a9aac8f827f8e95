/**
 * The stream of one run, made from the messages of its journal: each is delivered to a shadow of the run, and what its actors do is
 * told. Live, from a store and from a file it is the same, and the run that goes on never notices that somebody looks.
 */
import type { AnyActorRef } from "xstate"
import { parentOf } from "../actors/create.ts"
import { WorkflowDirector } from "../actors/directors.ts"
import { SagaDirector } from "../actors/saga.ts"
import type { ScopeSnapshot } from "../actors/scope.ts"
import type { Readable } from "../engine/look.ts"
import { taskStates } from "../engine/progress.ts"
import { Shadow } from "../engine/shadow.ts"
import type { WorkflowIR } from "../model/ir.ts"
import type { Message, TaskStatus } from "../model/messages.ts"
import type { History, Snapshot } from "../storage/journal.ts"
import { Observer, type Redact } from "./observe.ts"
import type { Seen, SeenEvent } from "./protocol.ts"
import { scopeOf } from "./view.ts"

export interface RunHead {
  readonly run: string
  readonly hash: string
  readonly ir: WorkflowIR
  readonly first: Message
  /** The run as it was where its first message that is still there comes, after a compaction. */
  readonly snapshot?: Snapshot | undefined
}

/** Tells of the progress of a run at most so often while it goes on. */
const statusesMost = 20

export class Follower {
  readonly #head: RunHead
  readonly #redact: Redact
  readonly #shadow: Shadow
  readonly #observer: Observer
  readonly #messages: Array<Message> = []
  readonly #epochs: Array<number> = []
  readonly #every: number
  /** How long attempts took: count, mean, sum of squares of differences (Welford 1962). */
  readonly #pace = { count: 0, mean: 0, squares: 0 }
  readonly #begun = new Map<string, number>()
  /** Paths of the tasks of actors that are alive, by their keys. */
  readonly #paths = new Map<string, string>()
  readonly #dueAt = new Map<string, number>()
  readonly #states = new Map<string, TaskStatus>()
  /** Attempts that are out, as far as it was told, by the path of their task. */
  readonly #out = new Map<string, number>()
  #told: Array<SeenEvent> = []
  #seq = 0
  #t = 0
  #cause: number | undefined = undefined
  #message: Message | undefined = undefined
  #isQuiet = false
  readonly #isAgain: boolean
  #hasEnded = false
  #status = ""

  /** `after`: the events that were told before, where a run is taken up anew. */
  constructor(journal: Readable, head: RunHead, redact: Redact, after?: SeenEvent) {
    this.#seq = after === undefined ? 0 : after.seq + 1
    this.#t = after?.t ?? 0
    this.#isAgain = after !== undefined
    this.#head = head
    this.#redact = redact
    this.#observer = new Observer({
      redact,
      tell: (event) => this.#tell(event),
      isRootNamed: false,
      // a message of the journal has just been told
      isTold: (event) => event === this.#message
    })
    this.#observer.onActor = (_, key) => this.#placeOf(key)
    this.#observer.onBegin = (actor, key) => this.#watch(actor, key)
    this.#observer.onTold = (event, actor) => this.#infer(event, actor)
    this.#shadow = new Shadow(journal, head.run, head.ir, (event) => {
      // the supervisor and the registry of a shadow are nobody's
      const { actorRef } = event as unknown as { readonly actorRef?: AnyActorRef }
      if (actorRef !== undefined && this.#isOurs(actorRef)) (this.#observer.inspect as (event: unknown) => void)(event)
    })
    this.#every = Math.max(1, Math.ceil(head.ir.tasks.length / statusesMost))
  }

  /** Messages that were told. */
  get length(): number {
    return this.#first + this.#messages.length
  }

  get #first(): number {
    return this.#head.snapshot?.seq ?? 0
  }

  /** Events told so far. */
  get seq(): number {
    return this.#seq
  }

  /** The first events: the definition, and the run as it was where its history begins. */
  begin(): ReadonlyArray<SeenEvent> {
    const { run, hash, ir, first, snapshot } = this.#head
    if (first.type !== "run.submitted") return this.#take()
    this.#t = Math.max(this.#t, first.at)
    if (this.#isAgain) this.#tell({ kind: "reset", run })
    else this.#tell({ kind: "definition", hash, ir: this.#redact(ir) as unknown as WorkflowIR })
    if (!this.#isAgain) this.#tell({ kind: "run", run, workflow: ir.name, hash, input: this.#redact(first.input) })
    if (snapshot !== undefined) this.#anew(undefined)
    return this.#take()
  }

  /** The events that follow from one message more. */
  push(message: Message, epoch: number): ReadonlyArray<SeenEvent> {
    const n = this.length
    const { run } = this.#head
    this.#messages.push(message)
    this.#message = message
    this.#epochs.push(epoch)
    this.#t = Math.max(this.#t, message.at)
    this.#cause = undefined
    this.#note(message)
    this.#tell({ kind: "journal", run, n, message: this.#redact(message) as unknown as Message })
    this.#cause = this.#seq - 1
    if (n === 0) this.#shadow.fold({ first: message, snapshot: undefined, history: this.#history }, true)
    else if (!this.#shadow.step(n, message, epoch)) this.#anew(message)
    this.#sayStatus(n)
    return this.#take()
  }

  /** Something was done to the run from outside of it, at a time; or this is where a promise was broken. */
  fault(text: string, at: number, broken?: string): ReadonlyArray<SeenEvent> {
    this.#t = Math.max(this.#t, at)
    this.#cause = undefined
    this.#tell({ kind: "fault", run: this.#head.run, text, ...(broken === undefined ? {} : { broken }) })
    return this.#take()
  }

  close(): void {
    this.#shadow.close()
  }

  get #history(): History {
    return { first: this.#first, messages: this.#messages, epochs: this.#epochs }
  }

  /** The run as it is now, told without how it came to be. */
  #anew(decision: Message | undefined): void {
    const { run, first, snapshot } = this.#head
    if (decision !== undefined) this.#tell({ kind: "reset", run })
    // whatever is out then is nobody's any more, and all that is wanted begins anew
    if (decision?.type === "run.rolledBack") this.#out.clear()
    this.#isQuiet = true
    this.#shadow.fold({ first, snapshot, history: this.#history }, false)
    this.#isQuiet = false
    this.#hasEnded = false
    this.#status = ""
    const before = new Map(this.#states)
    this.#states.clear()
    this.#introduce()
    this.#recall(before)
  }

  #introduce(): void {
    const { actor } = this.#shadow
    if (actor === undefined) {
      const board = this.#shadow.run.room.board
      for (const [task, id] of board?.compiled.graph.ids.entries() ?? []) this.#task(id, board!.statusOf(task))
      return
    }
    this.#observer.introduce(actor)
    this.#boards(actor, "")
  }

  /** What is inside of something that has ended stays as it was seen: its actors do not come back. */
  #recall(before: ReadonlyMap<string, TaskStatus>): void {
    for (const [path, status] of before) {
      if (this.#states.has(path)) continue
      let scope = scopeOf(path)
      while (scope !== "" && !this.#states.has(scope)) scope = scopeOf(scope)
      if (scope !== "" && before.get(scope) === this.#states.get(scope)) this.#task(path, status)
    }
  }

  /** Tells the states of the tasks of an actor and of those below it, and watches them from now on. */
  #boards(actor: AnyActorRef, path: string): void {
    const scope = (actor.getSnapshot() as Partial<ScopeSnapshot> | undefined)?.scope
    if (scope === undefined) return
    this.#watch(actor, "")
    const board = boardIn(actor)
    for (const [task, id] of board?.compiled.graph.ids.entries() ?? []) {
      const status = board!.statusOf(task)
      if (status !== "pending") this.#task(inScope(path, id), status)
    }
    for (const child of scope.children.values()) {
      if (board === undefined || !board.compiled.graph.index.has(child.id)) this.#task(child.place.path, "running")
      const { value, context } = child.actor.getSnapshot() as { value?: unknown; context?: { attempt?: number } }
      const attempt = context?.attempt ?? 0
      // a board knows that it is at work; its actor knows that it waits for another attempt
      if (value === "ready") this.#task(child.place.path, "ready")
      if (value === "backingOff") this.#task(child.place.path, "waiting")
      if ((value === "attempting" || isEnding(value)) && this.#out.get(child.place.path) !== attempt)
        this.#attempt(child.place.path, attempt)
      this.#boards(child.actor, child.place.path)
    }
  }

  #isOurs(actor: AnyActorRef): boolean {
    const key = this.#observer.keyOf(actor)
    return key === this.#head.run || key.startsWith(`${this.#head.run}/`)
  }

  /** The path of the task of an actor: `quotes[3]` for `run-1/quotes/[3]`. */
  #taskOf(key: string): string {
    const known = this.#paths.get(key)
    if (known !== undefined) return known
    const { run } = this.#head
    const path = key === run ? "" : key.slice(run.length + 1).replace(/\/(?=\[|#|@)/g, "")
    this.#paths.set(key, path)
    return path
  }

  #placeOf(key: string): { readonly run: string; readonly task?: string } {
    const { run } = this.#head
    const task = this.#taskOf(key)
    return task === "" ? { run } : { run, task }
  }

  /** Hears from now on of every task of a scope whose state changes. */
  #watch(actor: AnyActorRef, _key: string): void {
    const board = boardIn(actor)
    if (board === undefined) return
    const scope = (actor.getSnapshot() as ScopeSnapshot).scope.place.path
    board.onChange = (task) => {
      this.#task(inScope(scope, board.compiled.graph.ids[task]!), board.statusOf(task))
    }
  }

  #task(task: string, status: TaskStatus): void {
    if (this.#isQuiet || this.#states.get(task) === status) return
    this.#states.set(task, status)
    this.#tell({ kind: "task", run: this.#head.run, task, status })
  }

  #attempt(task: string, attempt: number): void {
    this.#begun.set(task, this.#t)
    this.#out.set(task, attempt)
    this.#tell({ kind: "attempt", run: this.#head.run, task, attempt })
  }

  /** What follows for a task from what its actor did. */
  #infer(event: Seen, actor: AnyActorRef): void {
    const { run } = this.#head
    if (!("actor" in event)) return
    const task = this.#taskOf(event.actor)
    if (task === "") return
    switch (event.kind) {
      case "actor":
        if (!this.#isQuiet && !this.#isOnBoard(actor)) this.#task(task, "running")
        if (event.logic === "sleep" || event.logic === "gate") this.#task(task, "waiting")
        return
      case "command": {
        const params = event.params as { readonly attempt?: number; readonly dueAt?: number } | undefined
        if (event.type === "attempt.start") {
          this.#attempt(task, params?.attempt ?? 1)
        } else if (event.type === "timer.start" && typeof params?.dueAt === "number") {
          if (this.#isLogic(actor, "task")) this.#dueAt.set(task, params.dueAt)
          else this.#tell({ kind: "wait", run, task, dueAt: params.dueAt, for: "timer" })
        } else if (event.type === "gate.open")
          this.#tell({
            kind: "wait",
            run,
            task,
            ...(typeof params?.dueAt === "number" && Number.isFinite(params.dueAt) ? { dueAt: params.dueAt } : {}),
            for: "answer"
          })
        else if (event.type === "timer.stop") this.#dueAt.delete(task)
        return
      }
      case "step":
        if (event.from?.endsWith(".attempting") === true && !isEnding(event.value)) this.#out.delete(task)
        if (event.value === "backingOff") {
          const dueAt = this.#dueAt.get(task)
          this.#tell({ kind: "wait", run, task, ...(dueAt === undefined ? {} : { dueAt }), for: "backoff" })
          this.#task(task, "waiting")
        } else if (event.value === "ready" && event.from !== undefined) this.#task(task, "ready")
        else if (event.value === "attempting" && event.from !== undefined) this.#task(task, "running")
        return
      case "gone": {
        this.#paths.delete(event.actor)
        if (this.#isOnBoard(actor)) return
        const status = (event.output as { readonly status?: TaskStatus } | undefined)?.status
        this.#task(
          task,
          status ?? (event.how === "done" ? "succeeded" : event.how === "error" ? "failed" : "cancelled")
        )
      }
    }
  }

  #isLogic(actor: AnyActorRef, name: string): boolean {
    return (actor as { readonly src?: unknown }).src === name
  }

  /** Whether the state of its task is told by a board. */
  #isOnBoard(actor: AnyActorRef): boolean {
    const parent = parentOf(actor)
    const board = parent === undefined ? undefined : boardIn(parent)
    return board?.compiled.graph.index.has(actor.id) === true
  }

  #note(message: Message): void {
    if (message.type !== "attempt.succeeded") return
    const from = this.#begun.get(message.task)
    if (from === undefined) return
    this.#begun.delete(message.task)
    const { count, mean } = this.#pace
    const ms = message.at - from
    const difference = ms - mean
    this.#pace.count++
    this.#pace.mean += difference / (count + 1)
    this.#pace.squares += difference * (ms - this.#pace.mean)
  }

  /** Says how the run stands where that has changed; how far it is, every so often. */
  #sayStatus(n: number): void {
    const { run } = this.#shadow
    const isDue = n % this.#every === 0 || run.outcome !== undefined || run.room.isHeld !== (this.#status === "paused")
    if (this.#hasEnded || !isDue) return
    const { status, percent, output, error } = this.#shadow.state()
    this.#hasEnded = run.outcome !== undefined
    this.#status = status
    // what never began of a run that is over never will
    if (this.#hasEnded) for (const [task, became] of Object.entries(taskStates(run))) this.#task(task, became)
    const { path, eta } = this.#shadow.outlook()
    this.#tell({
      kind: "status",
      run: this.#head.run,
      status,
      percent,
      ...(eta === undefined ? {} : { eta: this.#band(eta.getTime(), path.length) }),
      critical: path,
      ...(output === undefined ? {} : { output: this.#redact(output) }),
      ...(error === undefined
        ? {}
        : {
            error: {
              task: error.task,
              code: error.failure.code ?? error.failure.tag,
              message: String(this.#redact(error.failure.message))
            }
          })
    })
  }

  /** As far before and after the likely end as tasks on the way there have differed: their deviations add up as squares do. */
  #band(likely: number, left: number): readonly [number, number, number] {
    const { count, squares } = this.#pace
    const spread = count < 2 ? 0 : Math.sqrt((squares / (count - 1)) * left)
    return [Math.max(this.#t, Math.round(likely - spread)), likely, Math.round(likely + spread)]
  }

  #tell(event: Seen): void {
    if (this.#isQuiet) return
    // the event was made for this call
    const told = event as Mutable<SeenEvent>
    told.seq = this.#seq++
    told.t = this.#t
    if (this.#cause !== undefined) told.cause = this.#cause
    this.#told.push(told as SeenEvent)
  }

  #take(): ReadonlyArray<SeenEvent> {
    const told = this.#told
    this.#told = []
    return told
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whether an attempt was told to stop, or is waited for to the end. */
const isEnding = (value: unknown): boolean => value === "aborting" || value === "finishing"

/** The board of the workflow that an actor is, whatever directs it at the moment. */
const boardIn = (actor: AnyActorRef) => {
  const director = (actor.getSnapshot() as Partial<ScopeSnapshot> | undefined)?.scope?.director
  const own = director instanceof SagaDirector ? director.before : director
  return own instanceof WorkflowDirector ? own.board : undefined
}

const inScope = (path: string, id: string): string => (path === "" ? id : `${path}/${id}`)
