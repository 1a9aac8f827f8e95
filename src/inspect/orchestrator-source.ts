/** An orchestrator of this process, as an inspector sees it. While nobody looks it costs nothing. */
import * as Effect from "effect/Effect"
import { insideOf, type Orchestrator } from "../engine/orchestrator.ts"
import { performer, readRequest } from "../engine/steering.ts"
import type { Redact } from "./observe.ts"
import { previewOf } from "./preview.ts"
import type { Ask } from "./protocol.ts"
import { rowOf } from "./rows.ts"
import { followRun } from "./run-stream.ts"
import { breakerSeen, followShared } from "./shared-stream.ts"
import type { Source } from "./source.ts"
import { streamNamed } from "./streams.ts"
import { changesIn, Ticks } from "./ticks.ts"
import { wireOf } from "./wire.ts"

export interface SourceOptions {
  readonly redact: Redact
  /** For the title of the page. */
  readonly title?: string
}

/** How often it is looked whether something has happened, while somebody waits for it. */
const everyMs = 50

export const orchestratorSource = (orchestrator: Orchestrator, { redact, title = "troupe" }: SourceOptions): Source => {
  const { engine, recovery } = insideOf(orchestrator)
  const { journal } = engine.options
  const perform = performer(orchestrator, engine, recovery)
  const ticks = new Ticks(() => (engine.isClosed ? "closed" : engine.deliveries), everyMs)
  const look = async () => ({
    breakers: orchestrator.breakers().map(({ name, state, ...facts }) => breakerSeen(name, state, facts)),
    agents: Object.values(orchestrator.agents).map(({ id, can, busy, capacity }) => ({
      kind: "agent" as const,
      id,
      can,
      load: busy,
      capacity
    }))
  })
  return {
    kind: "live",
    title,
    overview: async (limit) => {
      const { runs } = await orchestrator.list({ limit })
      return {
        streams: ["orchestrator", ...runs.map(({ run }) => `run:${run}`)],
        runs: runs.map(rowOf),
        total: Math.max(runs.length, engine.live)
      }
    },
    onChange: (changed) => watch(ticks, changed),
    follow: (stream, from, signal) => {
      const { kind, name } = streamNamed(stream, ["run", "orchestrator"])
      const more = changesIn(ticks, signal)
      if (kind === "orchestrator") return followShared(look, more, from)
      const definition = (run: string) => {
        const live = engine.runs.get(run)
        return live === undefined ? undefined : { hash: live.workflow.hash, ir: live.workflow.ir }
      }
      return followRun({ journal, redact, definition, more }, name, from)
    },
    offers: ["step", ...(engine.options.hasFaults === true ? ["fault"] : [])],
    perform: async (ask: Ask, who: string) => perform(readRequest(JSON.stringify(wireOf(ask, who)), 0)),
    preview: async (ask) => previewOf(ask, await Effect.runPromise(journal.read(ask.run ?? "")), definitionOf(ask.run)),
    close: async () => ticks.close()
  }
  function definitionOf(run: string | undefined) {
    return engine.runs.get(run ?? "")?.workflow.ir
  }
}

/** Calls back at changes, and not more often than that. */
export const watch = (ticks: Ticks, changed: () => void): (() => void) => {
  const left = new AbortController()
  const more = changesIn(ticks, left.signal)
  void (async () => {
    while ((await more()) && !left.signal.aborted) {
      changed()
      await new Promise((resolve) => setTimeout(resolve, watchMs).unref())
    }
  })()
  return () => left.abort()
}
const watchMs = 250
