/** A clock that stands until a test moves it, and an orchestrator that lives by it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Orchestrator, type OrchestratorOptions } from "troupe"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"

/** Lets everything that can happen without the clock happen. */
export const settle = async (turns = 8): Promise<void> => {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

export class StandingClock {
  now = 1_700_000_000_000
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  readonly clock = {
    currentTimeMillisUnsafe: () => this.now,
    currentTimeMillis: Effect.sync(() => this.now),
    currentTimeNanosUnsafe: () => BigInt(this.now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(this.now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(this.now) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(this.now) * 1_000_000n),
    sleep: (duration: Duration.Duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = { at: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        this.#sleepers.add(sleeper)
        return Effect.sync(() => void this.#sleepers.delete(sleeper))
      })
  } as Clock.Clock

  /** Time goes by; whoever sleeps wakes in order, and does what it does before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms
    for (;;) {
      await settle()
      const [next] = [...this.#sleepers].sort((a, b) => a.at - b.at)
      if (next === undefined || next.at > until) break
      this.now = Math.max(this.now, next.at)
      this.#sleepers.delete(next)
      next.wake()
    }
    this.now = until
    await settle()
  }

  /** It is later at once, and whoever is due wakes in this very turn. */
  jump(ms: number): void {
    this.now += ms
    for (const sleeper of [...this.#sleepers].sort((a, b) => a.at - b.at)) {
      if (sleeper.at > this.now) return
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }

  /** Opens an orchestrator that lives by this clock; `kill` ends it as a killed process would. */
  async open(
    options: OrchestratorOptions = {}
  ): Promise<Opened & { readonly orchestrator: Orchestrator; kill: () => Promise<void> }> {
    const opened = await Effect.runPromise(
      openEngine(options, Context.make(Clock.Clock, this.clock) as Context.Context<never>)
    )
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
}
