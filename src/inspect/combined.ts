/** Two sources as one: an orchestrator, once there is one, and the XState systems beside it. */
import { AskRefused } from "./errors.ts"
import type { Source } from "./source.ts"
import type { SystemSource } from "./system-source.ts"

export interface Combined extends Source {
  readonly hasOrchestrator: boolean
  readonly add: (orchestrator: Source) => void
}

export const combined = (title: string, system: SystemSource): Combined => {
  let main: Source | undefined
  const listeners = new Map<() => void, () => void>()
  const isSystem = (stream: string) => stream.startsWith("system:")
  return {
    title,
    get kind() {
      return main === undefined ? ("system" as const) : main.kind
    },
    get offers() {
      return [...(main?.offers ?? []), ...(system.offers ?? [])]
    },
    get hasOrchestrator() {
      return main !== undefined
    },
    get opensAt() {
      return main === undefined ? system.opensAt : undefined
    },
    add: (orchestrator) => {
      main = orchestrator
      for (const changed of [...listeners.keys()]) {
        listeners.set(changed, orchestrator.onChange(changed))
        changed()
      }
    },
    overview: async (limit) => {
      const own = await system.overview(limit)
      if (main === undefined) return own
      const { streams, runs, total } = await main.overview(limit)
      return { streams: [...streams, ...(system.recorder.length === 0 ? [] : own.streams)], runs, total }
    },
    onChange: (changed) => {
      listeners.set(changed, main?.onChange(changed) ?? (() => {}))
      return () => {
        listeners.get(changed)?.()
        listeners.delete(changed)
      }
    },
    follow: (stream, from, ...more) =>
      main === undefined || isSystem(stream)
        ? system.follow(stream, from, ...more)
        : main.follow(stream, from, ...more),
    perform: async (ask, who) => {
      if (ask.verb === "send") return system.perform!(ask, who)
      const { perform } = main ?? {}
      if (perform === undefined)
        throw new AskRefused({
          code: "NOTHING_TO_ASK",
          message: "there is no orchestrator that could do it: give this inspector to Orchestrator.open({ inspect })"
        })
      return perform(ask, who)
    },
    preview: async (ask) =>
      (ask.verb === "send" ? await system.preview!(ask) : undefined) ??
      (await main?.preview?.(ask)) ?? { text: "It is written with who asked and why.", tasks: [] },
    close: async () => {
      await Promise.all([system.close(), main?.close()])
    }
  }
}
