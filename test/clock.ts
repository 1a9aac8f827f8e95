/** A clock that stands until a test moves it, and orchestrators that live by it. */
import * as Effect from "effect/Effect"
import { Orchestrator, type OrchestratorOptions } from "troupe"
import { standing, trust } from "../property-tests/world.ts"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"

/** Lets everything that can happen without the clock happen. */
export const settle = async (turns = 12): Promise<void> => {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

export interface Owner extends Opened {
  readonly orchestrator: Orchestrator
  /** Ends it as a killed process would. */
  readonly kill: () => Promise<void>
}

export class StandingClock {
  readonly #time = standing(1_700_000_000_000)

  get now(): number {
    return this.#time.now()
  }

  /** Time goes by; whoever sleeps wakes in order, and does what it does before the next one wakes. */
  async advance(ms: number): Promise<void> {
    await settle()
    await this.#time.move(ms, settle)
    await settle()
  }

  /** It is later at once, and whoever is due wakes in this very turn. */
  jump(ms: number): void {
    this.#time.jump(ms)
  }

  async open(options: OrchestratorOptions = {}): Promise<Owner> {
    const opened = await Effect.runPromise(openEngine(options, this.#time.context))
    await trust(opened)
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
