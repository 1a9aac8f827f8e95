/**
 * One thread and one heap. Whatever waits, in whatever life, waits here: timers, replies, disks, people. What is due at the same
 * time happens in an order that the seed decides. Code that is really asynchronous gets a real turn in between, and only then.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Scheduler } from "effect/Scheduler"
import { Heap } from "../model/heap.ts"
import { drawAt } from "./dice.ts"

/** Something that will happen, unless it is called off or its life ends before. */
export interface Event {
  readonly at: number
  readonly life: Life | undefined
  readonly tie: number
  readonly order: number
  run: (() => void) | undefined
}

const isBefore = (a: Event, b: Event) =>
  a.at < b.at || (a.at === b.at && (a.tie < b.tie || (a.tie === b.tie && a.order < b.order)))

/** Real turns: taken before anybody could replace them. */
const realTurn = setImmediate

/** Why the kernel stopped. */
export type Stop = "done" | "nothing is due" | "too many steps" | "too late"

export interface KernelOptions {
  readonly seed: number
  /** Virtual time at the beginning, in milliseconds since 1970. */
  readonly start: number
  readonly stepsMax: number
}

export class Kernel {
  now: number
  readonly start: number
  steps = 0
  /** Promises that somebody waits for: real turns are taken until they are settled. */
  open = 0
  readonly #seed: number
  readonly #stepsMax: number
  readonly #heap = new Heap<Event>(isBefore)
  #ready: Array<Event> = []
  #order = 0
  #soon = 0
  #isStirred = false

  constructor({ seed, start, stepsMax }: KernelOptions) {
    this.#seed = seed
    this.#stepsMax = stepsMax
    this.now = start
    this.start = start
  }

  /** Something happens after a while. */
  after(ms: number, life: Life | undefined, run: () => void): Event {
    const order = this.#order++
    const event = { at: this.now + Math.max(0, Math.ceil(ms)), life, tie: drawAt(this.#seed, order), order, run }
    this.#heap.push(event)
    return event
  }

  /** Something happens next, behind what is ready already. */
  soon(life: Life | undefined, run: () => void): void {
    this.#soon++
    this.#ready.push({ at: this.now, life, tie: 0, order: 0, run })
  }

  /** Promises of real code may be on their way. */
  stir(): void {
    this.#isStirred = true
  }

  /** Another number whenever something was set going. */
  get going(): number {
    return this.#order + this.#soon
  }

  /** Lets things happen until `isDone`; `idle` hears each time that time is about to move, and may have more to do. */
  async run(isDone: () => boolean, idle: (next: number) => boolean | Promise<boolean>, untilAt: number): Promise<Stop> {
    let calmAt = -1
    for (;;) {
      while (this.#ready.length > 0) {
        const ready = this.#ready
        this.#ready = []
        for (const event of ready) this.#happen(event)
        if (this.steps > this.#stepsMax) return "too many steps"
      }
      if (this.#isStirred || (this.open > 0 && this.steps !== calmAt)) {
        calmAt = this.steps
        this.#isStirred = false
        await new Promise<void>((resolve) => realTurn(resolve))
        continue
      }
      if (isDone()) return "done"
      const next = this.#next()
      if (next === undefined) {
        const isIdle = idle(Number.POSITIVE_INFINITY)
        if (typeof isIdle === "boolean" ? isIdle : await isIdle) return "nothing is due"
        continue
      }
      if (next.at > this.now) {
        const mayMove = idle(next.at)
        if (!(typeof mayMove === "boolean" ? mayMove : await mayMove)) continue
        if (next.at > untilAt) return "too late"
        this.now = next.at
      }
      this.#heap.pop()
      this.#happen(next)
      if (this.steps > this.#stepsMax) return "too many steps"
    }
  }

  /** What is due next and was not called off. */
  #next(): Event | undefined {
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      if (next.run !== undefined && next.life?.isDead !== true) return next
      this.#heap.pop()
    }
    return undefined
  }

  #happen(event: Event): void {
    const { life, run } = event
    if (run === undefined || life?.isDead === true) return
    if (life?.isFrozen === true) {
      life.stash.push(run)
      return
    }
    this.steps++
    event.run = undefined
    run()
  }
}

/** One life of a process: what it set going ends with it, or waits while it is frozen. */
export class Life {
  readonly number: number
  readonly kernel: Kernel
  isDead = false
  isFrozen = false
  /** What came due while it was frozen. */
  readonly stash: Array<() => void> = []
  /** How far its clock is off, in milliseconds. */
  offset = 0
  readonly context: Context.Context<never>

  /** `services` are those that task code asks for. */
  constructor(number: number, kernel: Kernel, services: Context.Context<never> = Context.empty()) {
    this.number = number
    this.kernel = kernel
    this.context = inTime(services, this, (run) => run())
  }

  /** What its clock shows. */
  get now(): number {
    return this.kernel.now + this.offset
  }

  /** It goes on with all that came due meanwhile. */
  thaw(): void {
    this.isFrozen = false
    for (const run of this.stash.splice(0)) this.kernel.soon(this, run)
  }
}

/** How a step of a fiber is taken: at once, or inside of something. */
type Step = (run: () => void) => void

/** Services with the clock and the scheduler of a life. */
export const inTime = (services: Context.Context<never>, life: Life, step: Step): Context.Context<never> =>
  services.pipe(
    Context.add(Clock.Clock, clockOf(life, step)),
    Context.add(Scheduler, schedulerOf(life, step))
  ) as Context.Context<never>

const schedulerOf = (life: Life, step: Step): Scheduler => {
  const dispatcher = {
    scheduleTask: (task: () => void) => life.kernel.soon(life, () => step(task)),
    flush: () => {}
  }
  return {
    executionMode: "async",
    shouldYield: (fiber) => fiber.currentOpCount >= 2_048,
    makeDispatcher: () => dispatcher
  }
}

const clockOf = (life: Life, step: Step): Clock.Clock => {
  const nanos = () => BigInt(life.now) * 1_000_000n
  // whatever happens to the clock on the wall, this one only ever goes on
  const monotonic = () => BigInt(life.kernel.now) * 1_000_000n
  return {
    currentTimeMillisUnsafe: () => life.now,
    currentTimeMillis: Effect.sync(() => life.now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const ms = Duration.toMillis(duration)
        if (!Number.isFinite(ms)) return
        const event = life.kernel.after(ms, life, () => step(() => resume(Effect.void)))
        return Effect.sync(() => {
          event.run = undefined
        })
      })
  } as Clock.Clock
}
