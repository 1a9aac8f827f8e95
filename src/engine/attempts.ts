/**
 * Attempts: the only place where task code runs. Each is an Effect fiber that belongs to its run; its end becomes a message.
 * An attempt that is told to stop gets its signal and a grace period; one that does not listen is abandoned.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { fragmentIR } from "../actors/directors.ts"
import type { Place } from "../actors/room.ts"
import type { CompiledWork } from "../model/compile.ts"
import { doneBy, type TimeLimits, type Times } from "../model/deadlines.ts"
import {
  AttemptTimedOut,
  type Failure,
  FragmentRefused,
  HeartbeatMissed,
  NotJson,
  type Problem,
  StartTimedOut,
  TransactionMisused,
  toFailure
} from "../model/errors.ts"
import { suggest } from "../model/ids.ts"
import type { Fragment } from "../model/ir.ts"
import { isPlainRecord, type Json, toJson } from "../model/json.ts"
import { bindingProblems } from "../model/load.ts"
import type { Check } from "../model/schemas.ts"
import { standardCheck } from "../model/schemas.ts"
import type { TaskContext, TaskDef } from "../model/task.ts"
import { InTransaction, type Transaction } from "../model/transaction.ts"
import type { Code, PureFunction } from "../model/workflow.ts"
import { atOnce, isThenable } from "./at-once.ts"
import { type Allow, builtins } from "./builtin.ts"
import { cacheKeyOf } from "./caching.ts"
import type { Router } from "./router.ts"
import { Timer, type Timers } from "./timers.ts"

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly type: "attempt.succeeded"; readonly value: Json; readonly cached?: true }
  /** It has yet to write its rows and work out its value, in the transaction that writes its end. */
  | { readonly type: "attempt.within"; readonly perform: (db: Transaction) => Json }
  | { readonly type: "attempt.failed"; readonly failure: Failure }
  | { readonly type: "attempt.aborted" }

export interface AttemptsOptions {
  readonly context: Context.Context<never>
  /** On the clock that never jumps. */
  readonly guards: Timers
  readonly monotonic: () => number
  readonly now: () => number
  readonly router: Router
  readonly allow: Allow
  /** Hears how each attempt ended. */
  readonly ended: (attempt: Attempt, end: AttemptEnd) => void
  /** Hears how a body ended for which nobody waits any more. */
  readonly late: (attempt: Attempt, end: AttemptEnd) => void
  /** How long an attempt that was told to stop may take to end by itself. */
  readonly graceMs: number
  /** In which life of the journal's owner it runs. */
  readonly epoch: number
  /** A value that was remembered and has not expired. */
  readonly cached: (key: string, at: number) => Effect.Effect<Json | undefined, unknown>
}

/** When an attempt was asked for, and in which epoch: perhaps before this process was there. */
export interface Earlier {
  readonly askedAt: number
  readonly epoch: number
  /** Deliveries that it had in another store; 0 when absent. */
  readonly earlier?: number | undefined
}

/** What the fiber of an attempt gives: a value, one that was remembered, or one that is still to be worked out. */
type Result = Json | InTransaction | Remembered

class Remembered {
  readonly value: Json
  constructor(value: Json) {
    this.value = value
  }
}

/** One call of a task body; also its own timeout, and what the body sees as its context. */
export class Attempt extends Timer implements TaskContext {
  /** Another one when its run was folded anew while it was out. */
  place: Place
  readonly attempt: number
  readonly delivery: number
  readonly deadlineAt: number
  /** When it was asked for, and in which epoch. */
  readonly askedAt: number
  readonly epoch: number
  /** Deliveries that it had in another store. */
  readonly earlier: number
  readonly #attempts: Attempts
  agent: string | undefined = undefined
  fiber: Fiber.Fiber<Result, unknown> | undefined = undefined
  /** Under which key its value is to be remembered. */
  cacheKey: string | undefined = undefined
  /** Set while the grace period of a cancelled attempt runs. */
  grace: Timer | undefined = undefined
  /** Set until its body is called, where that must be soon. */
  patience: Timer | undefined = undefined
  /** Set while its body is at work, where it should be heard now and then. */
  pulse: Timer | undefined = undefined
  /** When its body was heard last, on the clock that never jumps. */
  heardAt = 0
  /** Takes the work out of a mailbox, while it waits there. */
  withdraw: (() => void) | undefined = undefined
  /** Interrupting is enough to stop it: the body is an Effect. */
  isStructured = false
  isOver = false
  isAborting = false
  #controller: AbortController | undefined = undefined
  /** Neighbours in the list of what its run has out. */
  next: Attempt | undefined = undefined
  previous: Attempt | undefined = undefined
  constructor(
    place: Place,
    attempt: number,
    { askedAt, epoch, earlier = 0 }: Earlier,
    deadlineAt: number,
    guardAt: number,
    attempts: Attempts
  ) {
    super(guardAt)
    this.deadlineAt = deadlineAt
    this.place = place
    this.attempt = attempt
    this.askedAt = askedAt
    this.epoch = epoch
    this.earlier = earlier
    this.delivery = 1 + attempts.epoch - epoch + earlier
    this.#attempts = attempts
  }
  get fencingToken(): number {
    return this.#attempts.epoch
  }
  get allow(): Allow {
    return this.#attempts.allow
  }
  override fire(): void {
    this.#attempts.timedOut(this)
  }
  get key(): string {
    return keyOf(this.place)
  }
  get run(): string {
    return this.place.room.run
  }
  get task(): string {
    return this.place.path
  }
  get heartbeat(): () => void {
    return () => this.#attempts.heard(this)
  }
  get tx(): TaskContext["tx"] {
    return (work) => new InTransaction(this, work)
  }
  /** Made when it is first asked for: most bodies never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }
  /** @internal A result for which nobody waits any more. */
  answer(result: unknown): void {
    this.#attempts.answered(this, () =>
      result instanceof InTransaction
        ? { type: "attempt.aborted" }
        : { type: "attempt.succeeded", value: toJson(result) }
    )
  }
  /** @internal */
  fail(error: unknown): void {
    this.#attempts.answered(this, () => ({ type: "attempt.failed", failure: toFailure(error) }))
  }
  /** @internal */
  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }
}

/** The idempotency key of what is done at a place: another one after somebody decided that it begins anew. */
export const keyOf = ({ room, path, generation }: Place): string => {
  const since = Math.max(room.generation, generation)
  return since === 0 ? `${room.run}/${path}` : `${room.run}/${path}@${since}`
}

const checksKnown = new WeakMap<TaskDef, { readonly in: Check | undefined; readonly out: Check | undefined }>()

export class Attempts {
  readonly #options: AttemptsOptions
  readonly #fork: (effect: Effect.Effect<Result, unknown>) => Fiber.Fiber<Result, unknown>

  get allow(): Allow {
    return this.#options.allow
  }
  get epoch(): number {
    return this.#options.epoch
  }

  constructor(options: AttemptsOptions) {
    this.#options = options
    const fork = Effect.runForkWith(options.context)
    this.#fork = (effect) => fork(effect)
  }

  /** Starts an attempt; the engine hears of its end exactly once, perhaps before this returns. */
  start(place: Place, number: number, code: Code, earlier?: Earlier): Attempt {
    const { guards, monotonic } = this.#options
    const now = this.#options.now()
    const task = place.task!
    const work = task.work!
    // a timeout that somebody chose goes on over restarts; the one that is there for all guards each call
    const since = earlier !== undefined && work.ir.timeoutMs !== undefined ? earlier.askedAt : now
    const asked = earlier ?? { askedAt: place.room.now, epoch: this.epoch }
    const timeoutAt = since + work.timeoutMs
    const guardAt = monotonic() + timeoutAt - now
    const attempt = new Attempt(place, number, asked, Math.min(timeoutAt, doneAt(place)), guardAt, this)
    place.attempt = attempt
    if (work.kind === "derive" || work.kind === "noop" || work.kind === "echo") {
      // nothing to wait for and nothing to cancel
      this.#inline(attempt, work, code)
      return attempt
    }
    if (timeoutAt <= now) {
      // its time ran out while nobody was there
      this.timedOut(attempt)
      return attempt
    }
    guards.add(attempt)
    if (work.limits !== undefined) this.#awaitStart(attempt, work.limits)
    // the time of its task ran out while nobody was there: that is told in a moment, and its body is not called any more
    const isPast = earlier !== undefined && attempt.deadlineAt <= now
    const fiber = this.#fork(isPast ? Effect.never : Effect.suspend(() => this.#body(attempt, work, code)))
    attempt.isStructured = isPast
    attempt.fiber = fiber
    fiber.addObserver((exit) => this.#exited(attempt, exit, code))
    return attempt
  }

  /** Asks an attempt to stop. It ends as aborted, unless its work turns out to be done or failed first. */
  abort(attempt: Attempt, reason: unknown): void {
    if (attempt.isOver || attempt.isAborting) return
    attempt.isAborting = true
    this.#stop("patience", attempt)
    this.#stop("pulse", attempt)
    attempt.abort(reason)
    attempt.withdraw?.()
    if (attempt.isOver) return
    const { guards, monotonic, graceMs } = this.#options
    if (attempt.isStructured || attempt.withdraw !== undefined || graceMs === 0) {
      attempt.fiber?.interruptUnsafe()
      return
    }
    guards.stop(attempt)
    attempt.grace = guards.start(monotonic() + graceMs, () => attempt.fiber?.interruptUnsafe())
  }

  /** Ends an attempt now: its run is over, nobody waits for it. */
  abandon(attempt: Attempt, reason: unknown): void {
    if (attempt.isOver) return
    attempt.isOver = true
    this.#stopTimers(attempt)
    attempt.abort(reason)
    attempt.withdraw?.()
    attempt.fiber?.interruptUnsafe()
  }

  #inline(attempt: Attempt, work: CompiledWork, code: Code): void {
    try {
      const { place } = attempt
      const input = inputOf(place)
      const value =
        work.kind === "derive"
          ? (code.get(work.code!) as PureFunction)(input)
          : builtins[work.kind as "noop" | "echo"](work.ir, input, undefined, attempt)
      if (isThenable(value))
        throw new NotJson({
          path: "",
          found: "a promise; derive() is for pure functions, use a task for work that waits"
        })
      const checked = work.checkOut === undefined ? value : work.checkOut(value)
      this.#over(attempt, { type: "attempt.succeeded", value: toJson(checked) })
    } catch (error) {
      this.#over(attempt, { type: "attempt.failed", failure: toFailure(error) })
    }
  }

  /** The whole of an attempt: input, checks, the work itself, the result as JSON. */
  #body(attempt: Attempt, work: CompiledWork, code: Code): Effect.Effect<Result, unknown> {
    const { place } = attempt
    const raw = inputOf(place)
    if (work.cache === undefined) return this.#call(attempt, work, code, raw)
    const key = cacheKeyOf(work, place.frame, raw)!
    // a store that cannot answer has nothing to give: the work is done
    const found = Effect.orElseSucceed(this.#options.cached(key, this.#options.now()), () => undefined)
    return Effect.flatMap(found, (value): Effect.Effect<Result, unknown> => {
      if (value === undefined) {
        attempt.cacheKey = key
        return this.#call(attempt, work, code, raw)
      }
      // the code that a plan names may be gone since
      const given = place.task!.kind === "expand" ? checkFragment(value, place, code) : value
      return Effect.map(lift(attempt, given, toJson), (json) => new Remembered(json as Json))
    })
  }

  #call(attempt: Attempt, work: CompiledWork, code: Code, raw: Json | undefined): Effect.Effect<Result, unknown> {
    const { place } = attempt
    const def = work.kind === "task" ? (code.get(work.code!) as TaskDef) : undefined
    const checks = def === undefined ? undefined : this.#checksOf(def)
    const given = checked(checked(raw, work.checkIn), checks?.in)
    const result = chain(given, (input) => this.#work(attempt, work, def, input as Json | undefined))
    const accepted = checked(checked(result, work.checkOut), checks?.out)
    return lift(
      attempt,
      place.task!.kind === "expand" ? chain(accepted, (value) => checkFragment(value, place, code)) : accepted,
      resultOf
    )
  }

  /** What a result in a transaction goes through there; all of it answers at once. */
  #performer(attempt: Attempt, given: InTransaction, code: Code): (db: Transaction) => Json {
    const work = attempt.place.task!.work!
    if (given.owner !== attempt) throw new TransactionMisused({ how: "misplaced" })
    const def = work.kind === "task" ? (code.get(work.code!) as TaskDef) : undefined
    const checks = def === undefined ? undefined : this.#checksOf(def)
    return (db) => {
      let value = atOnce(given.work(db))
      for (const check of [work.checkOut, checks?.out]) if (check !== undefined) value = atOnce(check(value))
      return toJson(value)
    }
  }

  #work(attempt: Attempt, work: CompiledWork, def: TaskDef | undefined, input: Json | undefined): unknown {
    if (work.kind !== "needs") this.#began(attempt, work)
    if (def !== undefined) return def.run!(input, attempt)
    if (work.kind === "needs") return this.#delegate(attempt, work, input)
    const run = builtins[work.kind as keyof typeof builtins]
    return run(work.ir, input, work.settings?.(attempt.place.frame), attempt)
  }

  /** Gives the work to an agent that can do it, through its mailbox. */
  #delegate(attempt: Attempt, work: CompiledWork, payload: Json | undefined): Promise<unknown> {
    const { router } = this.#options
    const { needs } = work
    return new Promise((resolve, reject) => {
      const agent = router.choose(needs, attempt.key)
      attempt.agent = agent.id
      const message = {
        sender: attempt.key,
        recipient: agent.id,
        action: needs[0]!,
        payload,
        priority: attempt.place.task!.priority
      }
      attempt.withdraw = router.post(
        message,
        async (recipient) => {
          attempt.withdraw = undefined
          try {
            this.#began(attempt, work)
            resolve(await recipient.run(payload, attempt))
          } catch (error) {
            reject(error)
          }
        },
        reject,
        // it has not begun yet: who paused the run does not expect it to
        () => attempt.place.room.isHeld
      )
    })
  }

  /** @internal */
  timedOut(attempt: Attempt): void {
    const { timeoutMs } = attempt.place.task!.work!
    this.#tooLong(attempt, new AttemptTimedOut({ task: attempt.task, timeoutMs }))
  }

  /** @internal A body says that it is well. */
  heard(attempt: Attempt): void {
    attempt.heardAt = this.#options.monotonic()
  }

  /** An attempt may wait for its body to be called as long as is left; one that comes again, as long as at first. */
  #awaitStart(attempt: Attempt, { startWithinMs }: TimeLimits): void {
    if (!Number.isFinite(startWithinMs)) return
    const { guards, monotonic, now } = this.#options
    const { delivery, place, task } = attempt
    const { times } = place.actor!.getSnapshot().context as { readonly times?: Times }
    // whether its body was called in an earlier life, nobody knows
    const waitedMs = delivery > 1 || times === undefined ? 0 : now() - times.readyAt
    attempt.patience = guards.start(monotonic() + startWithinMs - Math.max(0, waitedMs), () =>
      this.#tooLong(attempt, new StartTimedOut({ task, startWithinMs }))
    )
  }

  /** The body is about to be called. */
  #began(attempt: Attempt, { heartbeatMs }: CompiledWork): void {
    this.#stop("patience", attempt)
    if (heartbeatMs === undefined || attempt.isOver || attempt.isAborting) return
    this.heard(attempt)
    this.#listen(attempt, heartbeatMs)
  }

  #listen(attempt: Attempt, heartbeatMs: number): void {
    const { guards, monotonic } = this.#options
    // beats only note the time: the timer is set anew when it fires
    attempt.pulse = guards.start(attempt.heardAt + heartbeatMs, () => {
      if (attempt.heardAt + heartbeatMs > monotonic()) this.#listen(attempt, heartbeatMs)
      else this.#tooLong(attempt, new HeartbeatMissed({ task: attempt.task, heartbeatMs }))
    })
  }

  #tooLong(attempt: Attempt, error: Error): void {
    if (attempt.isOver) return
    attempt.abort(error)
    attempt.withdraw?.()
    // the body may go on, unheard; for the run the attempt has failed now
    this.#over(attempt, { type: "attempt.failed", failure: toFailure(error) })
    attempt.fiber?.interruptUnsafe()
  }

  /** @internal A body that did not listen has come to its end after all. */
  answered(attempt: Attempt, endOf: () => AttemptEnd): void {
    try {
      this.#options.late(attempt, endOf())
    } catch (error) {
      this.#options.late(attempt, { type: "attempt.failed", failure: toFailure(error) })
    }
  }

  #exited(attempt: Attempt, exit: Exit.Exit<Result, unknown>, code: Code): void {
    if (exit._tag === "Success") this.#over(attempt, this.#endOf(attempt, exit.value, code))
    else if (attempt.isAborting) this.#over(attempt, { type: "attempt.aborted" })
    else this.#over(attempt, { type: "attempt.failed", failure: toFailure(Cause.squash(exit.cause)) })
  }

  #endOf(attempt: Attempt, result: Result, code: Code): AttemptEnd {
    if (result instanceof InTransaction) {
      try {
        return { type: "attempt.within", perform: this.#performer(attempt, result, code) }
      } catch (error) {
        return { type: "attempt.failed", failure: toFailure(error) }
      }
    }
    if (result instanceof Remembered) return { type: "attempt.succeeded", value: result.value, cached: true }
    return { type: "attempt.succeeded", value: result }
  }

  #over(attempt: Attempt, end: AttemptEnd): void {
    if (attempt.isOver) return
    attempt.isOver = true
    this.#stopTimers(attempt)
    this.#options.ended(attempt, end)
  }

  #stopTimers(attempt: Attempt): void {
    const { guards } = this.#options
    guards.stop(attempt)
    if (attempt.grace !== undefined) guards.stop(attempt.grace)
    this.#stop("patience", attempt)
    this.#stop("pulse", attempt)
  }

  #stop(which: "patience" | "pulse", attempt: Attempt): void {
    const timer = attempt[which]
    if (timer === undefined) return
    this.#options.guards.stop(timer)
    attempt[which] = undefined
  }

  #checksOf(def: TaskDef) {
    const before = checksKnown.get(def)
    if (before !== undefined) return before
    const checks = {
      in: standardCheck(def.in, `the input of task '${def.name}'`),
      out: standardCheck(def.out, `the result of task '${def.name}'`)
    }
    checksKnown.set(def, checks)
    return checks
  }
}

/** When the whole task must be done; never, for most. */
export const doneAt = ({ task, actor }: Place): number => {
  const limits = task?.work?.limits
  if (limits === undefined) return Number.POSITIVE_INFINITY
  const { times } = (actor?.getSnapshot().context ?? {}) as { readonly times?: Times }
  return times === undefined ? Number.POSITIVE_INFINITY : doneBy(limits, times)
}

const inputOf = ({ task, frame, isItem }: Place): Json | undefined =>
  isItem && task!.structure.kind === "map" ? task!.structure.itemInput(frame) : task!.input(frame)

/** A result in a transaction is checked there. */
const checked = (value: unknown, check: Check | undefined): unknown =>
  check === undefined ? value : chain(value, (one) => (one instanceof InTransaction ? one : check(one)))

const resultOf = (value: unknown): Result => (value instanceof InTransaction ? value : toJson(value))

/** Goes on with a value that may still be on its way; stays in the same turn when it is there already. */
const chain = (value: unknown, next: (value: unknown) => unknown): unknown => {
  if (isThenable(value)) return value.then(next)
  if (Effect.isEffect(value))
    return Effect.flatMap(value as Effect.Effect<unknown, unknown>, (inner) => lift(undefined, next(inner), identity))
  return next(value)
}
const identity = (value: unknown) => value as Json

/** A value, a promise or an Effect as an Effect, finished by `finish`. */
const lift = (
  attempt: Attempt | undefined,
  value: unknown,
  finish: (value: unknown) => Result
): Effect.Effect<Result, unknown> => {
  if (Effect.isEffect(value)) {
    if (attempt !== undefined) attempt.isStructured = true
    return Effect.map(value as Effect.Effect<unknown, unknown>, finish)
  }
  if (isThenable(value))
    return Effect.callback(
      (resume) =>
        void value.then(
          (result) => (attempt?.isOver ? attempt.answer(result) : resume(Effect.sync(() => finish(result)))),
          (error) => (attempt?.isOver ? attempt.fail(error) : resume(Effect.die(error)))
        )
    )
  return Effect.succeed(finish(value))
}

/** The result of a planner, looked at before it is recorded: its shape, and that its code is there. Whether it fits, the run decides. */
const checkFragment = (value: unknown, place: Place, code: Code): unknown => {
  if (value instanceof InTransaction) throw new TransactionMisused({ how: "planner" })
  return shapes === undefined
    ? loadShapes().then((loaded) => checkedFragment(value, place, code, loaded))
    : checkedFragment(value, place, code, shapes)
}

type Shapes = typeof import("../model/document.ts")
let shapes: Shapes | undefined

/** Loads what checks the shape of a planner's result: programs without planners never pay for it. */
export const loadShapes = async (): Promise<Shapes> => {
  shapes ??= await import("../model/document.ts")
  return shapes
}

const checkedFragment = (value: unknown, place: Place, code: Code, { taskShapeProblems }: Shapes): unknown => {
  const json = toJson(value)
  if (!isPlainRecord(json) || !Array.isArray(json.tasks))
    throw new FragmentRefused({
      problems: [
        {
          code: "SHAPE",
          severity: "error",
          path: "/tasks",
          message: "a planner returns { tasks: [...] }",
          hint: "and optionally output and edges"
        }
      ]
    })
  const stray = Object.keys(json).filter((key) => key !== "tasks" && key !== "output" && key !== "edges")
  const problems = [
    ...stray.map(
      (key) =>
        ({
          code: "KEY_UNKNOWN",
          severity: "error",
          path: `/${key}`,
          message: `there is no key '${key}' in a fragment`,
          hint: suggest(key, ["tasks", "output", "edges"])
        }) as const
    ),
    ...taskShapeProblems(json.tasks, "/tasks"),
    ...edgeProblems(json.edges)
  ]
  if (problems.length === 0)
    problems.push(
      ...bindingProblems(fragmentIR(json as unknown as Fragment, place.task!.id, { ir: 1, name: "x", tasks: [] }), code)
    )
  if (problems.length > 0) throw new FragmentRefused({ problems })
  return json
}

const edgeProblems = (edges: unknown): ReadonlyArray<Problem> => {
  if (edges === undefined) return []
  const isEdge = (edge: unknown) => isPlainRecord(edge) && typeof edge.from === "string" && typeof edge.to === "string"
  if (Array.isArray(edges) && edges.every(isEdge)) return []
  return [
    {
      code: "SHAPE",
      severity: "error",
      path: "/edges",
      message: "edges are a list of { from, to } with ids of tasks",
      hint: ""
    }
  ]
}
