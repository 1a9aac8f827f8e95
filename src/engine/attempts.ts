/**
 * Attempts: the only place where task code runs. Each is an Effect fiber that belongs to its run; its end becomes a message.
 * An attempt that is told to stop gets its signal and a grace period; one that does not listen is abandoned.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Place } from "../actors/room.ts"
import type { Heard } from "../machines/task.ts"
import type { CompiledWork } from "../model/compile.ts"
import { doneBy, type TimeLimits, type Times } from "../model/deadlines.ts"
import {
  AttemptTimedOut,
  type Failure,
  FragmentRefused,
  HeartbeatMissed,
  InjectedFailure,
  LimitExceeded,
  NotBegun,
  NothingRemembered,
  NotJson,
  type Problem,
  StartTimedOut,
  TransactionMisused,
  toFailure
} from "../model/errors.ts"
import { ownPath } from "../model/failing.ts"
import { fragmentIR } from "../model/fragment.ts"
import { suggest } from "../model/ids.ts"
import type { Fragment } from "../model/ir.ts"
import { canonical, isPlainRecord, type Json, toJson } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import { bindingProblems } from "../model/load.ts"
import type { FaultInjected } from "../model/messages.ts"
import type { Check } from "../model/schemas.ts"
import { standardCheck } from "../model/schemas.ts"
import type { TaskContext, TaskDef } from "../model/task.ts"
import { InTransaction, type Transaction } from "../model/transaction.ts"
import type { Code, PureFunction } from "../model/workflow.ts"
import type { Admission, Caller, Entry, Pass, PassKind } from "./admission.ts"
import { atOnce, isThenable } from "./at-once.ts"
import { type Allow, builtins } from "./builtin.ts"
import { cacheKeyOf } from "./caching.ts"
import { delegate } from "./delegation.ts"
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
  /** What is to be passed before a body is called. */
  readonly admission: Admission
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

/** What an attempt waits for: a pass by its name, or an agent, in whose mailbox it is. */
export interface AwaitedPlace {
  readonly kind: PassKind | "agent"
  readonly name: string
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
export class Attempt extends Timer implements TaskContext, Caller {
  /** Another one when its run was folded anew while it was out. */
  place: Place
  readonly attempt: number
  readonly delivery: number
  /** Another one when it had to wait before its body was called. */
  deadlineAt: number
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
  /** How far its body said it was. */
  progress: Json | undefined = undefined
  /** Its way through what it has to pass, where there is anything. */
  entry: Entry | undefined = undefined
  /** Takes the work out of a mailbox, while it waits there. */
  withdraw: (() => void) | undefined = undefined
  /** Says what the work waits for once an agent was chosen for it. */
  waitsAtAgent: (() => AwaitedPlace | undefined) | undefined = undefined
  /** Interrupting is enough to stop it: the body is an Effect. */
  isStructured = false
  isOver = false
  isAborting = false
  /** It may come to its end, and nothing more of it begins. */
  isFinishing = false
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
    return this.place.key
  }
  get run(): string {
    return this.place.room.run
  }
  get task(): string {
    return this.place.path
  }
  get heartbeat(): TaskContext["heartbeat"] {
    return (progress) => this.#attempts.heard(this, progress)
  }
  get lastHeartbeat(): Json | undefined {
    const known = this.place.actor?.getSnapshot().context as { readonly heard?: Heard } | undefined
    return known?.heard?.progress
  }
  get tx(): TaskContext["tx"] {
    return (work) => new InTransaction(this, work)
  }
  /** Nothing of it is at work: it waits to be let through, or in a mailbox. */
  get isWaiting(): boolean {
    return this.entry?.waitsFor !== undefined || this.withdraw !== undefined
  }
  /** What has to let it through, or take it up, before its body is called. */
  get waitsFor(): AwaitedPlace | undefined {
    return this.entry?.waitsFor ?? this.waitsAtAgent?.()
  }
  get lane(): string {
    const { lane } = this.place.task!.work!
    return lane === undefined ? "" : canonical(lane(this.place.frame) ?? null)
  }
  get priority(): number {
    return this.place.task!.priority
  }
  get isHeld(): boolean {
    return this.place.room.isHeld && !this.place.isStepped
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

/** How much longer an attempt takes that was told to be slow, in milliseconds. */
const slowMs = 5_000

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
    // a timeout that somebody chose goes on over restarts; the one that is there for all guards each call, as does any that
    // begins only when the call is let through: when that was, nobody knows
    const isCounting = earlier !== undefined && work.ir.timeoutMs !== undefined && !this.#isGuarded(work)
    const since = isCounting ? earlier.askedAt : now
    const asked = earlier ?? { askedAt: place.room.now, epoch: this.epoch }
    const timeoutAt = since + work.timeoutMs
    const guardAt = monotonic() + timeoutAt - now
    const attempt = new Attempt(place, number, asked, Math.min(timeoutAt, doneAt(place)), guardAt, this)
    place.attempt = attempt
    if (place.fault !== undefined) return this.#goWrong(attempt, place.fault, work, code)
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
    // its body may say the same before the fork has returned
    attempt.isStructured = isPast
    const fiber = this.#fork(isPast ? Effect.never : Effect.suspend(() => this.#body(attempt, work, code)))
    attempt.fiber = fiber
    fiber.addObserver((exit) => this.#exited(attempt, exit, code))
    return attempt
  }

  /** An attempt that somebody wants to see go wrong. */
  #goWrong(attempt: Attempt, injected: FaultInjected, work: CompiledWork, code: Code): Attempt {
    const { place } = attempt
    place.fault = undefined
    if (injected.fault === "throw") {
      const failure = toFailure(new InjectedFailure(injected))
      this.#over(attempt, { type: "attempt.failed", failure })
      return attempt
    }
    this.#options.guards.add(attempt)
    attempt.isStructured = true
    const isAtOnce = work.kind === "derive" || work.kind === "noop" || work.kind === "echo"
    const body = Effect.suspend(() => {
      attempt.isStructured = false
      if (!isAtOnce) return this.#body(attempt, work, code)
      this.#inline(attempt, work, code)
      // it has ended by itself
      return Effect.interrupt
    })
    attempt.fiber = this.#fork(injected.fault === "hang" ? Effect.never : Effect.delay(body, injected.ms ?? slowMs))
    attempt.fiber.addObserver((exit) => this.#exited(attempt, exit, code))
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
    withdrawn(attempt)
    if (attempt.isOver) return
    const { guards, monotonic, graceMs } = this.#options
    if (attempt.isStructured || attempt.withdraw !== undefined || graceMs === 0) {
      attempt.fiber?.interruptUnsafe()
      return
    }
    guards.stop(attempt)
    attempt.grace = guards.start(monotonic() + graceMs, () => attempt.fiber?.interruptUnsafe())
  }

  /** Nobody wants it any more: it comes to its end if its body was called, and is not called now if it was not. */
  finish(attempt: Attempt): void {
    if (attempt.isOver) return
    attempt.isFinishing = true
    attempt.withdraw?.()
    if (attempt.withdraw === undefined && attempt.entry?.waitsFor === undefined) return
    // what an earlier delivery of it has done, nobody knows
    const end: AttemptEnd =
      attempt.delivery > 1
        ? { type: "attempt.aborted" }
        : { type: "attempt.failed", failure: toFailure(new NotBegun({ task: attempt.task })) }
    this.#over(attempt, end)
    attempt.fiber?.interruptUnsafe()
  }

  /** Ends an attempt now: its run is over, nobody waits for it. */
  abandon(attempt: Attempt, reason: unknown): void {
    if (attempt.isOver) return
    attempt.isOver = true
    this.#stopTimers(attempt)
    attempt.abort(reason)
    attempt.withdraw?.()
    attempt.entry?.ended({ type: "attempt.aborted" })
    withdrawn(attempt)
    attempt.fiber?.interruptUnsafe()
  }

  #inline(attempt: Attempt, work: CompiledWork, code: Code): void {
    try {
      const { place } = attempt
      const input = place.request
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
    const raw = place.request
    if (work.cache === undefined) return this.#call(attempt, work, code, raw)
    const { ttlMs, keepMs } = work.cache
    const key = cacheKeyOf(work, place.frame, raw)!
    const { lookBackMs } = work
    if (lookBackMs === undefined && ttlMs === 0) {
      // it only stands in for a failure
      attempt.cacheKey = key
      return this.#call(attempt, work, code, raw)
    }
    // a store that cannot answer has nothing to give: the work is done. What is kept for longer than it may be given is asked for
    // as of later
    const ageMs = lookBackMs ?? ttlMs
    const found = Effect.orElseSucceed(this.#options.cached(key, this.#options.now() + keepMs - ageMs), () => undefined)
    if (lookBackMs !== undefined)
      return Effect.flatMap(found, (value) =>
        value === undefined
          ? Effect.fail(new NothingRemembered({ task: ownPath(place.path), maxAgeMs: lookBackMs }))
          : Effect.succeed(new Remembered(value))
      )
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
    const done = (input: unknown): unknown => {
      const result = chain(input, (one) => this.#work(attempt, work, def, one as Json | undefined))
      const accepted = checked(checked(result, work.checkOut), checks?.out)
      return place.task!.kind === "expand" ? chain(accepted, (value) => checkFragment(value, place, code)) : accepted
    }
    const passes = this.#options.admission.passesOf(work)
    if (passes === undefined) return lift(attempt, done(given), resultOf)
    // as long as it waits, it can be cut off
    attempt.isStructured = true
    return Effect.flatMap(lift(undefined, given, identity), (input) =>
      Effect.flatMap(this.#pass(attempt, passes), () => {
        attempt.isStructured = false
        attempt.entry?.made()
        return lift(attempt, done(input), resultOf)
      })
    )
  }

  /** Ends when everything is passed, or fails. Its time begins then, if it has waited. */
  #pass(attempt: Attempt, passes: ReadonlyArray<Pass>): Effect.Effect<void, unknown> {
    return Effect.callback((resume) => {
      const { guards, monotonic, now } = this.#options
      const { timeoutMs } = attempt.place.task!.work!
      const entry = this.#options.admission.enter(passes, attempt, (error) => {
        if (error !== undefined) return resume(Effect.die(error))
        if (attempt.position === -1) {
          attempt.dueAt = monotonic() + timeoutMs
          attempt.deadlineAt = Math.min(now() + timeoutMs, doneAt(attempt.place))
          guards.add(attempt)
        }
        resume(Effect.void)
      })
      attempt.entry = entry
      entry.begin()
      // what bounds its wait is what it waits for, and how long it may take to begin
      if (entry.waitsFor !== undefined) guards.stop(attempt)
    })
  }

  #isGuarded(work: CompiledWork): boolean {
    try {
      return this.#options.admission.passesOf(work) !== undefined
    } catch {
      // what is not there is told when it is asked for
      return false
    }
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
    const { entry } = attempt
    const result = this.#perform(attempt, work, def, input)
    // an Effect, and what answered at once, have ended when the attempt's own fiber has
    if (entry?.isOut === false && isThenable(result)) {
      const done = () => entry.done()
      entry.isOut = true
      result.then(done, done)
    }
    return result
  }

  #perform(attempt: Attempt, work: CompiledWork, def: TaskDef | undefined, input: Json | undefined): unknown {
    if (work.kind !== "needs") this.#began(attempt, work)
    if (def !== undefined) return def.run!(input, attempt)
    if (work.kind === "needs")
      return delegate(attempt, work, input, { ...this.#options, began: () => this.#began(attempt, work) })
    const run = builtins[work.kind as keyof typeof builtins]
    return run(work.ir, input, work.settings?.(attempt.place.frame), attempt)
  }

  /** @internal */
  timedOut(attempt: Attempt): void {
    const { timeoutMs } = attempt.place.task!.work!
    this.#tooLong(attempt, new AttemptTimedOut({ task: attempt.task, timeoutMs }))
  }

  /** @internal A body says that it is well, and perhaps how far it is. */
  heard(attempt: Attempt, progress?: unknown): void {
    attempt.heardAt = this.#options.monotonic()
    if (progress !== undefined && !attempt.isOver) attempt.progress = progressOf(progress)
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
    this.#ended(attempt, exit, code)
    const { entry } = attempt
    if (entry?.isOut === false) entry.leave()
  }

  #ended(attempt: Attempt, exit: Exit.Exit<Result, unknown>, code: Code): void {
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
    attempt.entry?.ended(end)
    withdrawn(attempt)
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

const progressOf = (given: unknown): Json => {
  const progress = toJson(given)
  const bytes = Buffer.byteLength(JSON.stringify(progress))
  if (bytes > limits.progressBytes)
    throw new LimitExceeded({ limit: "progress", allowed: limits.progressBytes, actual: bytes, unit: "bytes" })
  return progress
}

/** It waits no longer to be let through. A place that it has it leaves when its body has ended. */
const withdrawn = ({ entry }: Attempt): void => {
  if (entry?.waitsFor !== undefined) entry.leave()
}

/** When the whole task must be done; never, for most. */
export const doneAt = ({ task, actor }: Place): number => {
  const limits = task?.work?.limits
  if (limits === undefined) return Number.POSITIVE_INFINITY
  const { times } = (actor?.getSnapshot().context ?? {}) as { readonly times?: Times }
  return times === undefined ? Number.POSITIVE_INFINITY : doneBy(limits, times)
}

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
