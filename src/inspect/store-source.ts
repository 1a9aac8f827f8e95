/** A store on the disk, as an inspector sees it: whoever owns it goes on and does not notice. */

import { basename } from "node:path"
import * as Effect from "effect/Effect"
import type { BreakerRecord } from "../engine/breaker-record.ts"
import { sharedKind } from "../engine/breaker-record.ts"
import { OwnerGone } from "../storage/errors.ts"
import { openReader } from "../storage/sqlite/reader.ts"
import type { SourceOptions } from "./orchestrator-source.ts"
import { watch } from "./orchestrator-source.ts"
import { previewOf } from "./preview.ts"
import { rowOfRecord } from "./rows.ts"
import { followRun } from "./run-stream.ts"
import { breakerSeen, followShared } from "./shared-stream.ts"
import type { Source } from "./source.ts"
import { streamNamed } from "./streams.ts"
import { changesIn, Ticks } from "./ticks.ts"
import { answerOf, wireOf } from "./wire.ts"

/** How often it is looked whether somebody has written, while somebody waits for it. */
const everyMs = 100

/** Opens a store for looking; rejects with `StoreUnusable` if there is none, or none that can be read. */
export const storeSource = async (path: string, { redact, title }: SourceOptions): Promise<Source> => {
  const reader = await openReader(path)
  const ticks = new Ticks(() => reader.version(), everyMs)
  const look = async () => {
    const breakers = await Effect.runPromise(reader.shared(sharedKind))
    return {
      breakers: breakers.flatMap(({ name, state }) => {
        try {
          const { v: _, ...record } = JSON.parse(state) as BreakerRecord & { readonly v: number }
          return [breakerSeen(name, record.state, record)]
        } catch {
          return []
        }
      }),
      agents: []
    }
  }
  const sizes = new Map<string, number>()
  /** Tasks of a definition: what is noted of a run at work may not say. */
  const sizeOf = async (hash = ""): Promise<number> => {
    const known = sizes.get(hash)
    if (known !== undefined) return known
    const size = (await Effect.runPromise(reader.definition(hash)))?.tasks.length ?? 0
    sizes.set(hash, size)
    return size
  }
  return {
    kind: "store",
    title: title ?? basename(path),
    overview: async (limit) => {
      const { runs } = await Effect.runPromise(reader.list({ limit }))
      return {
        streams: ["orchestrator", ...runs.map(({ run }) => `run:${run}`)],
        runs: await Promise.all(runs.map(async (record) => rowOfRecord(record, await sizeOf(record.hash)))),
        total: runs.length
      }
    },
    onChange: (changed) => watch(ticks, changed),
    follow: (stream, from, signal) => {
      const { kind, name } = streamNamed(stream, ["run", "orchestrator"])
      const more = changesIn(ticks, signal)
      if (kind === "orchestrator") return followShared(look, more, from)
      return followRun({ journal: reader, redact, definition: () => undefined, more }, name, from)
    },
    offers: ["step", "fault"],
    perform: async (ask, who) => {
      if (!reader.owner().isAlive) throw new OwnerGone({ path, request: 0 })
      return answerOf(await reader.ask(wireOf(ask, who)))
    },
    preview: async (ask) => {
      const record = await Effect.runPromise(reader.find(ask.run ?? ""))
      const ir = record?.hash === undefined ? undefined : await Effect.runPromise(reader.definition(record.hash))
      return previewOf(ask, await Effect.runPromise(reader.read(ask.run ?? "")), ir)
    },
    close: async () => {
      ticks.close()
      reader.close()
    }
  }
}
