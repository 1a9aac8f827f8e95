/**
 * Schedules: runs that begin by the clock. What is due is decided by value (model/firing.ts), written, and only then begun, under an
 * id that follows from the schedule and the time: whoever dies in between leaves the next owner to begin the same run, or to find it.
 * One timer waits for the earliest time of each schedule; nobody looks in between, but for clocks that were set back.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { compileWorkflow } from "../model/compile.ts"
import {
  InvalidOption,
  LimitExceeded,
  OrchestratorClosed,
  ScheduleChanged,
  ScheduleUnknown,
  TroupeError
} from "../model/errors.ts"
import {
  backfilled,
  beginsAt,
  begun,
  consider,
  ended,
  noProgress,
  type Progress,
  refused,
  turn
} from "../model/firing.ts"
import { firingId, requireScheduleName } from "../model/ids.ts"
import { canonical, type Json } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import { type Cause as Asked, isTerminal, said } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { inputOf, recurringRule, requireFields, type ScheduleOptions } from "../model/recurring.ts"
import { instant, type Moment, type Times, timesOf } from "../model/timetable.ts"
import { type Bucket, refilled, withTokens } from "../model/token-bucket.ts"
import type { Workflow } from "../model/workflow.ts"
import type { JournalError } from "../storage/errors.ts"
import type { Engine } from "./engine.ts"
import type { Recovery } from "./recovery.ts"
import type { LiveRun } from "./run.ts"
import {
  type Deferral,
  kinds,
  nextTimes,
  pastTimes,
  progressIn,
  type ScheduleOverview,
  type ScheduleRecord,
  scheduleIn,
  scheduleOverview,
  textOfProgress,
  textOfSchedule
} from "./schedule-record.ts"
import { type Kept, SharedState } from "./shared-state.ts"
import { monotonic, type Timer, Timers } from "./timers.ts"

/** How much schedules may begin, all together. */
export interface SchedulesOptions {
  /** Runs that schedules begin in a second, at most; default 200. What is due at the same time begins in turns, one of each. */
  readonly perSecond?: number
  /** Runs of schedules that are under way at once, at most; default 10,000. */
  readonly maxActive?: number
}

export interface SchedulesPolicy {
  readonly perSecond: number
  readonly maxActive: number
}

export const schedulesPolicy = ({ perSecond = 200, maxActive = 10_000 }: SchedulesOptions = {}): SchedulesPolicy => ({
  perSecond: positive("schedules.perSecond", perSecond),
  maxActive: positive("schedules.maxActive", maxActive)
})

/** The schedules of an engine that is open. */
export const requireSchedules = ({ schedules, isClosed }: Engine): Schedules => {
  if (schedules === undefined || isClosed) throw new OrchestratorClosed()
  return schedules
}

const positive = (option: string, value: number): number => {
  if (Number.isInteger(value) && value >= 1) return value
  throw new InvalidOption({ option, value, allowed: "a whole number from 1" })
}

/** Only if the schedule still has this revision; 0: only if there is none. */
export interface IfRevision extends Asked {
  readonly revision?: number
}

/** A stretch of the past, both ends with it. */
export interface Past {
  readonly from: Moment
  readonly to: Moment
}

/** Pauses until what could not begin is tried again, in milliseconds. */
const again = { firstMs: 1_000, longestMs: 60_000 }
/** Between looks at whether somebody has set the clock: half of the time that is left until something is due, within these bounds. */
const look = { leastMs: 15 * 60_000, mostMs: 24 * 3_600_000 }
/** The share of a second's runs that may begin at once. */
const burstShare = 0.1

export class Schedules {
  readonly #engine: Engine
  readonly #recovery: Recovery
  readonly #policy: SchedulesPolicy
  readonly #state: SharedState
  readonly #all = new Map<string, One>()
  /** Whose turn it is to begin a run, the next one first. */
  readonly #line = new Set<One>()
  /** Whose time has come since the last look. */
  #due = new Set<One>()
  /** What has changed and is written at the end of the turn. */
  #dirty = new Set<Kept>()
  #isFiring = false
  #isTurning = false
  #isClosed = false
  /** On the clock that never jumps. */
  readonly #ticks: () => number
  readonly #timers: Timers
  #bucket: Bucket
  /** Nothing begins before: there was no room. */
  #fullUntil = 0
  #pump: Timer | undefined = undefined
  /** Schedules whose timer stands, and the look at the clock while there are any. */
  #armed = 0
  #watching: Timer | undefined = undefined
  #seen = 0

  constructor(engine: Engine, recovery: Recovery, policy: SchedulesPolicy) {
    this.#engine = engine
    this.#recovery = recovery
    this.#policy = policy
    const { journal, claim, context } = engine.options
    this.#ticks = monotonic(Context.get(context, Clock.Clock))
    this.#timers = new Timers(this.#ticks, context)
    this.#bucket = { tokens: this.#burst, at: this.#ticks() }
    this.#state = new SharedState({
      kind: kinds.progress,
      journal,
      epoch: claim.epoch,
      now: engine.now,
      fork: engine.fork,
      lost: (error) => engine.lost(error)
    })
  }

  /** Learns which schedules there are; nothing fires yet. */
  restore(): Effect.Effect<void, JournalError> {
    const { journal } = this.#engine.options
    return Effect.gen({ self: this }, function* () {
      const how = new Map((yield* journal.shared(kinds.progress)).map((one) => [one.name, progressIn(one)]))
      for (const one of yield* journal.shared(kinds.schedule)) {
        const record = scheduleIn(one)
        if (record === undefined) continue
        this.#all.set(record.name, new One(record, how.get(record.name) ?? noProgress(record.at)))
      }
    })
  }

  /** Fires from now on; what was due meanwhile is decided about first. Runs that were to begin in an earlier life do, or are found. */
  begin(): void {
    this.#isFiring = true
    for (const one of this.#all.values()) {
      for (const due of one.progress.active) this.#submit(one, due)
      this.#due.add(one)
    }
    this.#turn()
  }

  /** How each stands, by name. */
  overview(): ReadonlyArray<ScheduleOverview> {
    return [...this.#all.values()]
      .filter(({ isRemoved }) => !isRemoved)
      .map((one) => this.#look(one))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  status(name: string): ScheduleOverview {
    return this.#look(this.#require(name))
  }

  /** When it fires next, at most so many times. */
  next(name: string, most: number): ReadonlyArray<Date> {
    if (!(Number.isInteger(most) && most >= 1 && most <= limits.firings))
      throw new InvalidOption({ option: "next", value: most, allowed: `a whole number from 1 to ${limits.firings}` })
    const one = this.#require(name)
    return nextTimes(one.times, one.progress, this.#engine.now(), most)
  }

  /**
   * Makes a schedule, or changes it: what has been decided to begin begins all the same. Resolves when it is written; nothing is
   * where it is as it was. The input was checked.
   */
  async set(
    name: string,
    workflow: Workflow,
    input: Json,
    options: ScheduleOptions,
    asked: IfRevision
  ): Promise<ScheduleOverview> {
    requireScheduleName(name)
    const rule = recurringRule(options)
    requireFields(input, rule.dueAs)
    const now = this.#engine.now()
    const given = inputOf(input, rule.dueAs, now)
    compileWorkflow(definition(workflow.ir)).checkInput?.(given)
    const before = this.#known(name)
    this.#requireRevision(name, asked)
    // also where nothing is new: the code may have come with it
    this.#engine.register(workflow)
    if (before !== undefined && isSame(before.record, workflow, input, rule)) return this.#written(before, [])
    if (timesOf(rule.timetable).next(now) === undefined)
      throw new InvalidOption({
        option: "schedule",
        value: name,
        allowed: "times of which at least one is still to come"
      })
    if (before === undefined && this.#all.size >= limits.schedules)
      throw new LimitExceeded({
        limit: "schedules",
        allowed: limits.schedules,
        actual: this.#all.size + 1,
        unit: "schedules"
      })
    const record: ScheduleRecord = {
      name,
      revision: (before?.record.revision ?? 0) + 1,
      at: now,
      workflow: workflow.name,
      hash: workflow.hash,
      ir: workflow.ir,
      input,
      rule,
      paused: before?.record.paused,
      ...causeOf(asked)
    }
    const one = this.#all.get(name) ?? new One(record, noProgress(now))
    // what was due by the old times is decided by them
    const progress = before === undefined ? noProgress(now) : this.#considered(before, now)
    this.#all.set(name, one)
    one.become(record, progress)
    return this.#written(one, [one.decision, one.firing])
  }

  /** Nothing begins by it until it is resumed; what is under way goes on. Resolves when that is written. */
  async pause(name: string, asked: IfRevision): Promise<ScheduleOverview> {
    const one = this.#require(name)
    this.#requireRevision(name, asked)
    const now = this.#engine.now()
    if (one.record.paused !== undefined) return this.#written(one, [])
    one.progress = this.#considered(one, now)
    one.record = {
      ...decided(one.record, asked),
      paused: { at: now, ...causeOf(asked) }
    }
    await this.#written(one, [one.decision, one.firing])
    // what was on its way to the journal before is there
    for (const due of one.progress.active) await this.#settled(one.runAt(due))
    return this.#look(one)
  }

  /** It fires again from now on; what was due while it was paused is not made up for. */
  async resume(name: string, asked: IfRevision): Promise<ScheduleOverview> {
    const one = this.#require(name)
    this.#requireRevision(name, asked)
    if (one.record.paused === undefined) return this.#written(one, [])
    one.progress = { ...one.progress, considered: this.#engine.now() }
    one.record = { ...decided(one.record, asked), paused: undefined }
    return this.#written(one, [one.decision, one.firing]).finally(() => {
      const held = [...one.held]
      one.held.clear()
      for (const due of held) this.#submit(one, due)
    })
  }

  /** Forgets a schedule; what is under way goes on, what waits for its turn never begins. */
  async remove(name: string, asked: IfRevision): Promise<void> {
    const one = this.#require(name)
    this.#requireRevision(name, asked)
    one.isRemoved = true
    this.#rest(one)
    this.#mayStopWatching()
    await this.#written(one, [one.decision, one.firing])
    // somebody may have made another one of that name meanwhile
    if (one.isRemoved && this.#all.get(name) === one) this.#all.delete(name)
  }

  /** Firings of the past begin, each in its turn, unless they have. Resolves with how many wait for theirs, once that is written. */
  async backfill(name: string, { from, to }: Past, asked: IfRevision): Promise<ScheduleOverview> {
    const one = this.#require(name)
    this.#requireRevision(name, asked)
    const now = this.#engine.now()
    const [first, last] = [instant(from, "from"), instant(to, "to")]
    if (last > now) throw new InvalidOption({ option: "to", value: to, allowed: "a moment that has passed" })
    if (first > last)
      throw new InvalidOption({ option: "from", value: from, allowed: "a moment that is not after 'to'" })
    const due = pastTimes(one.times, first, last, limits.firings)
    const progress = backfilled(this.#considered(one, now), due)
    const actual = Math.max(due.length, progress.waiting.length)
    if (actual > limits.firings)
      throw new LimitExceeded({ limit: "firings", allowed: limits.firings, actual, unit: "firings that wait" })
    one.progress = progress
    one.record = decided(one.record, asked)
    return this.#written(one, [one.decision, one.firing])
  }

  /** Whether retention has to leave a run alone: that it has ended is not written in its schedule. */
  holds(id: string): boolean {
    const at = id.lastIndexOf("@")
    const one = at === -1 ? undefined : this.#all.get(id.slice(0, at))
    if (one === undefined || one.isRemoved) return false
    return one.progress.active.some((due) => one.runAt(due) === id) || !this.#state.isWritten(one.firing)
  }

  close(): Effect.Effect<void, JournalError> {
    const closing = this.#state.close([])
    this.abandon()
    return closing
  }

  abandon(): void {
    this.#isClosed = true
    this.#timers.close()
    this.#state.abandon()
  }

  // ── deciding ─────────────────────────────────────────────────────────────────────────────────────

  /** Its progress once all that is due by now is decided about. */
  #considered(one: One, now: number): Progress {
    const { progress, record, times } = one
    return record.paused === undefined ? consider(progress, record.rule.policy, times, now) : progress
  }

  /** Its time has come, or something has changed: looked at with whatever else has come by then. */
  #wake(one: One): void {
    this.#due.add(one)
    if (!this.#isFiring || this.#isTurning || this.#isClosed) return
    this.#isTurning = true
    this.#engine.fork(
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => {
          this.#isTurning = false
          this.#turn()
        })
      )
    )
  }

  #turn(): void {
    if (this.#isClosed || this.#engine.isClosed) return
    const now = this.#engine.now()
    this.#notice(now)
    const ones = [...this.#due].filter(({ isRemoved }) => !isRemoved)
    this.#due = new Set()
    for (const one of ones) {
      this.#change(one, this.#considered(one, now))
      this.#arm(one, now)
    }
    this.#mayStopWatching()
    for (const one of ones.filter((one) => one.readyAt(now) !== undefined).sort(byTime(now))) this.#line.add(one)
    this.#begin(now)
  }

  #change(one: One, progress: Progress): void {
    if (one.progress === progress) return
    // that a moment has passed in which nothing was due is not worth a write
    const isWorthIt = !isUnmoved(one.progress, progress)
    one.progress = progress
    if (isWorthIt) this.#dirty.add(one.firing)
  }

  /** Begins what may begin, one of each schedule after the other, once it is written which. */
  #begin(now: number): void {
    const { perSecond, maxActive } = this.#policy
    const bucket = { perSecond, most: this.#burst }
    this.#bucket = refilled(this.#bucket, bucket, this.#ticks())
    let active = this.#active
    const chosen: Array<() => void> = []
    for (const one of this.#line) {
      if (active >= maxActive || this.#bucket.tokens < 1 || this.#ticks() < this.#fullUntil) break
      this.#line.delete(one)
      if (one.isRemoved || one.record.paused !== undefined) continue
      const { progress, next, cancel } = turn(one.name, one.progress, one.record.rule.policy, now)
      this.#change(one, next === undefined ? progress : begun(progress, next, now))
      if (cancel !== undefined) chosen.push(() => this.#cancel(one, cancel))
      if (next === undefined) continue
      active++
      this.#bucket = withTokens(this.#bucket, bucket, -1)
      chosen.push(() => this.#submit(one, next))
      if (one.readyAt(now) !== undefined) this.#line.add(one)
    }
    this.#keep(() => {
      for (const act of chosen) act()
    })
    if (this.#line.size > 0 && active < maxActive) this.#beginLater()
  }

  /** There was nothing left of this moment's share, or no room: it goes on when there is. */
  #beginLater(): void {
    if (this.#pump !== undefined) return
    const freeAt = this.#ticks() + Math.ceil((1_000 * Math.max(0, 1 - this.#bucket.tokens)) / this.#policy.perSecond)
    this.#pump = this.#timers.start(Math.max(freeAt, this.#fullUntil), () => {
      this.#pump = undefined
      if (!this.#isClosed && !this.#engine.isClosed) this.#begin(this.#engine.now())
    })
  }

  /** Writes what has changed, in one write; what follows from it follows then. */
  #keep(then: () => void): void {
    const dirty = this.#dirty
    this.#dirty = new Set()
    if (dirty.size === 0) return then()
    this.#state.keepAll(dirty, (error) => {
      if (error === undefined && !this.#isClosed && !this.#engine.isClosed) then()
    })
  }

  get #burst(): number {
    return Math.max(1, Math.floor(this.#policy.perSecond * burstShare))
  }

  get #active(): number {
    let active = 0
    for (const { progress } of this.#all.values()) active += progress.active.length
    return active
  }

  // ── runs ─────────────────────────────────────────────────────────────────────────────────────────

  /** A firing begins its run, or finds it: a run of that id is this firing, whoever began it. */
  #submit(one: One, due: number): void {
    const id = one.runAt(due)
    const here = this.#engine.runs.get(id)
    if (here !== undefined) return this.#watchRun(one, due, here)
    this.#engine.fork(
      Effect.match(this.#engine.options.journal.find(id), {
        onSuccess: (record) => {
          if (record === undefined) this.#new(one, due)
          else if (isTerminal(record.status)) this.#ended(one, due)
          else this.#whenEnded(one, due, id)
        },
        onFailure: (error) => this.#refused(one, due, error)
      })
    )
  }

  #new(one: One, due: number): void {
    if (this.#isClosed || this.#engine.isClosed || one.isRemoved) return
    if (one.record.paused !== undefined) return void one.held.add(due)
    const { hash, ir, input, rule } = one.record
    try {
      const { workflow, missing } = this.#engine.library.bind(hash, ir)
      const given = inputOf(input, rule.dueAs, due)
      this.#watchRun(one, due, this.#engine.submit(workflow, one.runAt(due), given, undefined, missing))
    } catch (error) {
      this.#refused(one, due, error)
    }
  }

  #watchRun(one: One, due: number, run: LiveRun): void {
    run.whenWritten((error) => {
      if (error !== undefined) return this.#refused(one, due, error)
      one.deferred.delete(due)
      this.#whenEnded(one, due, run.id)
    })
  }

  /** The schedule hears of the end of a run; one that only a person can bring on has ended for it. */
  #whenEnded(one: One, due: number, id: string): void {
    const told = (end: { readonly status?: unknown } | TroupeError) => {
      if (!(end instanceof OrchestratorClosed)) this.#ended(one, due)
    }
    const { runs, dormant } = this.#engine
    const here = runs.get(id)
    const asleep = dormant.get(id)
    if (here !== undefined) here.whenEnded(told)
    else if (asleep !== undefined) asleep.waiting.push(told)
    else this.#ended(one, due)
  }

  #ended(one: One, due: number): void {
    if (this.#isClosed || this.#engine.isClosed) return
    one.cancelled.delete(due)
    one.deferred.delete(due)
    this.#change(one, ended(one.progress, due))
    this.#wake(one)
  }

  /** Until a run that is on its way to the journal is there, or was refused. */
  #settled(id: string): Promise<void> {
    const run = this.#engine.runs.get(id)
    return run === undefined ? Promise.resolve() : new Promise((resolve) => run.whenWritten(() => resolve()))
  }

  #cancel(one: One, due: number): void {
    if (one.cancelled.has(due)) return
    one.cancelled.add(due)
    const cause = { who: `schedule ${one.name}`, why: "the next firing takes its place" }
    const message = () => ({ type: "run.cancelled", at: this.#engine.now(), force: false, ...cause }) as const
    this.#recovery.call(one.runAt(due), (run) => {
      if (run.outcome !== undefined) return
      this.#engine.tell(run, message(), (error) => {
        if (error !== undefined) one.cancelled.delete(due)
      })
    })
  }

  /** A run could not begin. What has no room now may have it later; whatever else is wrong stays wrong. */
  #refused(one: One, due: number, error: unknown): void {
    if (this.#isClosed || this.#engine.isClosed || error instanceof OrchestratorClosed || one.isRemoved) return
    const now = this.#engine.now()
    const { code, message } = error instanceof TroupeError ? error : { code: "DEFECT", message: String(error) }
    if (!isOfTheMoment(error)) {
      if (!(error instanceof TroupeError)) this.#engine.options.onDefect(error)
      one.deferred.delete(due)
      this.#change(one, refused(one.progress, due, now, { code, message: message.slice(0, 500) }))
      return this.#wake(one)
    }
    const tries = (one.deferred.get(due)?.tries ?? 0) + 1
    const ms = Math.min(again.longestMs, again.firstMs * 2 ** Math.min(tries - 1, 10))
    one.deferred.set(due, { due, tries, retryAt: now + ms, code, message })
    this.#fullUntil = Math.max(this.#fullUntil, this.#ticks() + ms)
    this.#timers.start(this.#ticks() + ms, () => {
      if (!this.#isClosed && !one.isRemoved) this.#submit(one, due)
    })
  }

  // ── time ─────────────────────────────────────────────────────────────────────────────────────────

  /** Its timer stands at the earliest moment at which something becomes of it. */
  #arm(one: One, now: number): void {
    this.#rest(one)
    if (one.record.paused !== undefined || one.isRemoved || !this.#isFiring) return
    const dueAt = one.wakesAt(now)
    if (dueAt === undefined) return
    one.timer = this.#engine.timers.start(dueAt, () => this.#wake(one))
    this.#armed++
    this.#watch(dueAt - now)
  }

  #rest(one: One): void {
    if (one.timer === undefined) return
    this.#engine.timers.stop(one.timer)
    one.timer = undefined
    this.#armed--
  }

  /** A clock that somebody sets leaves timers standing where they were: looked at now and then on the way to what is due next. */
  #watch(leftMs: number): void {
    const at = this.#ticks() + Math.min(look.mostMs, Math.max(look.leastMs, Math.ceil(leftMs / 2)))
    if (this.#watching !== undefined) {
      if (this.#watching.dueAt <= at) return
      this.#timers.stop(this.#watching)
    }
    this.#watching = this.#timers.start(at, () => {
      this.#watching = undefined
      if (this.#isClosed || this.#engine.isClosed) return
      const now = this.#engine.now()
      this.#notice(now)
      let least = Number.POSITIVE_INFINITY
      for (const one of this.#all.values()) {
        const dueAt = one.timer?.dueAt ?? Number.POSITIVE_INFINITY
        if (dueAt <= now) this.#wake(one)
        least = Math.min(least, dueAt)
      }
      if (Number.isFinite(least)) this.#watch(least - now)
    })
  }

  /** Where the clock was set back, everybody's time may be another one. */
  #notice(now: number): void {
    if (now < this.#seen) for (const one of this.#all.values()) this.#wake(one)
    this.#seen = now
  }

  /** Nobody keeps the process alive for schedules that fire no more. */
  #mayStopWatching(): void {
    if (this.#armed > 0 || this.#watching === undefined) return
    this.#timers.stop(this.#watching)
    this.#watching = undefined
    this.#timers.rest()
  }

  // ── people ───────────────────────────────────────────────────────────────────────────────────────

  #look(one: One): ScheduleOverview {
    return scheduleOverview(one.record, one.progress, this.#engine.now(), [...one.deferred.values()])
  }

  #known(name: string): One | undefined {
    const one = this.#all.get(name)
    return one?.isRemoved === true ? undefined : one
  }

  #require(name: string): One {
    const one = this.#known(requireScheduleName(name))
    if (one !== undefined) return one
    throw new ScheduleUnknown({ schedule: name, known: this.overview().map(({ name }) => name) })
  }

  #requireRevision(name: string, { revision: expected }: IfRevision): void {
    const actual = this.#known(name)?.record.revision ?? 0
    if (expected !== undefined && expected !== actual) throw new ScheduleChanged({ schedule: name, expected, actual })
  }

  /** What has changed by somebody's decision is written; then it counts. */
  #written(one: One, changed: ReadonlyArray<Kept>): Promise<ScheduleOverview> {
    if (this.#isClosed || this.#engine.isClosed) return Promise.reject(new OrchestratorClosed())
    if (changed.length === 0) return Promise.resolve(this.#look(one))
    return new Promise((resolve, reject) =>
      this.#state.keepAll(changed, (error) => {
        if (error !== undefined) return reject(error)
        this.#wake(one)
        resolve(this.#look(one))
      })
    )
  }
}

/** One schedule: what somebody has decided, and how far it is; each is written for itself. */
class One {
  record: ScheduleRecord
  progress: Progress
  times: Times
  timer: Timer | undefined = undefined
  isRemoved = false
  /** Firings that found no room. */
  readonly deferred = new Map<number, Deferral>()
  /** Firings that were to begin when it was paused. */
  readonly held = new Set<number>()
  /** Firings whose run is being cancelled for the next one. */
  readonly cancelled = new Set<number>()
  readonly decision: Kept
  readonly firing: Kept

  constructor(record: ScheduleRecord, progress: Progress) {
    this.record = record
    this.progress = progress
    this.times = timesOf(record.rule.timetable)
    const { name } = record
    this.decision = {
      name,
      kind: kinds.schedule,
      text: () => (this.isRemoved ? undefined : textOfSchedule(this.record))
    }
    this.firing = { name, text: () => (this.isRemoved ? undefined : textOfProgress(this.progress)) }
  }

  get name(): string {
    return this.record.name
  }

  become(record: ScheduleRecord, progress: Progress): void {
    this.record = record
    this.progress = progress
    this.times = timesOf(record.rule.timetable)
    this.isRemoved = false
  }

  runAt(due: number): string {
    return firingId(this.name, due)
  }

  /** When the first of its firings was due that may begin by now. */
  readyAt(now: number): number | undefined {
    return this.progress.waiting.find(({ due }) => beginsAt(this.name, this.record.rule.policy, due) <= now)?.due
  }

  /** When it is to be looked at next. */
  wakesAt(now: number): number | undefined {
    const next = this.times.next(Math.max(this.progress.considered, now))
    const later = this.progress.waiting.map(({ due }) => beginsAt(this.name, this.record.rule.policy, due))
    return [...later, ...(next === undefined ? [] : [next])]
      .filter((at) => at > now)
      .reduce<number | undefined>((least, at) => (least === undefined || at < least ? at : least), undefined)
  }
}

/** What is due first comes first; at one time, by name. */
const byTime = (now: number) => (a: One, b: One) => a.readyAt(now)! - b.readyAt(now)! || (a.name < b.name ? -1 : 1)

/** What has no room now, or cannot be written now. */
const ofTheMoment: ReadonlySet<string> = new Set(["LimitExceeded", "JournalFull", "JournalBusy", "JournalBroken"])
const isOfTheMoment = (error: unknown): boolean => {
  const { _tag, limit } = error as { readonly _tag?: string; readonly limit?: string }
  return _tag === "LimitExceeded" ? limit === "runs" : ofTheMoment.has(_tag ?? "")
}

const isUnmoved = ({ considered: _, ...a }: Progress, { considered, ...b }: Progress): boolean =>
  (Object.keys(a) as Array<keyof typeof a>).every((key) => a[key] === b[key])

const decided = (record: ScheduleRecord, asked: Asked): ScheduleRecord => {
  const { who: _, why: __, ...rest } = record
  return { ...rest, revision: record.revision + 1, ...causeOf(asked) }
}

const isSame = (record: ScheduleRecord, { hash }: Workflow, input: Json, rule: ScheduleRecord["rule"]): boolean =>
  record.hash === hash &&
  canonical(record.input) === canonical(input) &&
  canonical(record.rule as never) === canonical(rule as never)

const causeOf = ({ who, why }: Asked): Asked => said({ who, why })
