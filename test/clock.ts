/** A clock that stands until a test moves it, and orchestrators that live by it and die when the test says so. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Orchestrator, type OrchestratorOptions } from "troupe"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"

/** Lets everything that can happen without the clock happen: an append, its delivery and what follows take some turns each. */
export const settle = async (turns = 12): Promise<void> => {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A clock that stands until it is told to move. */
export const standing = (start = 1_000_000) => {
  let now = start
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  const nanos = () => BigInt(now) * 1_000_000n
  const clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration: Duration.Duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        sleepers.add(sleeper)
        return Effect.sync(() => void sleepers.delete(sleeper))
      })
  } as Clock.Clock
  /** Wakes the next one who sleeps until then; false when there is none. */
  const wakeOne = (until: number): boolean => {
    const next = [...sleepers].sort((a, b) => a.at - b.at)[0]
    if (next === undefined || next.at > until) return false
    now = Math.max(now, next.at)
    sleepers.delete(next)
    next.wake()
    return true
  }
  return {
    context: Context.make(Clock.Clock, clock) as Context.Context<never>,
    sleepers: sleepers as ReadonlySet<{ readonly at: number }>,
    now: () => now,
    /** Wakes in order whoever sleeps until then, in this very turn. */
    to: (time: number): void => {
      while (wakeOne(time));
      now = time
    },
    /** Wakes in order whoever sleeps until then; `settled` lets each do what it woke for. */
    move: async (ms: number, settled: () => Promise<void> = settle): Promise<void> => {
      const until = now + ms
      while (wakeOne(until)) await settled()
      now = until
    },
    /** It is later at once: whoever is due wakes in this very turn. */
    jump: (ms: number): void => {
      now += ms
      for (const sleeper of [...sleepers].sort((a, b) => a.at - b.at)) {
        if (sleeper.at > now) return
        sleepers.delete(sleeper)
        sleeper.wake()
      }
    },
    /** Somebody sets it; nobody wakes before it goes on. */
    set: (ms: number): void => {
      now += ms
    }
  }
}

/** Nobody is suspected of having ended the process: that has properties of its own (poison-is-found). */
export const trust = async ({ recovery }: Opened): Promise<void> => {
  for (const id of recovery.held) recovery.acquit(await Effect.runPromise(recovery.load(id)))
}

export interface Owner extends Opened {
  readonly orchestrator: Orchestrator
  /** Ends it as a killed process would. */
  readonly kill: () => Promise<void>
}

/** An orchestrator that can be killed; on the clock of everybody, unless there is another in the context. */
export const open = async (
  options: OrchestratorOptions = {},
  context: Context.Context<never> = Context.empty()
): Promise<Owner> => {
  const opened = await Effect.runPromise(openEngine(options, context))
  await settle()
  return {
    ...opened,
    orchestrator: new Orchestrator(opened),
    kill: async () => {
      opened.engine.abandon()
      await settle()
    }
  }
}

export class StandingClock {
  readonly #time = standing(1_700_000_000_000)

  get now(): number {
    return this.#time.now()
  }

  /** Time goes by; whoever sleeps wakes in order, and does what it does before the next one wakes. */
  async advance(ms: number): Promise<void> {
    await settle()
    await this.#time.move(ms)
    await settle()
  }

  /** It is later at once, and whoever is due wakes in this very turn. */
  jump(ms: number): void {
    this.#time.jump(ms)
  }

  /** Somebody sets it. */
  set(ms: number): void {
    this.#time.set(ms)
  }

  async open(options: OrchestratorOptions = {}): Promise<Owner> {
    const owner = await open(options, this.#time.context)
    await trust(owner)
    await settle()
    return owner
  }
}
