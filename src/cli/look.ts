/** What commands of the inspector look at: a store, whoever has it, or a recording. */

import { requestOf } from "../inspect/asks.ts"
import { StreamUnknown } from "../inspect/errors.ts"
import { packingOf, untilCaughtUp } from "../inspect/recording.ts"
import { openRecording } from "../inspect/recordings.ts"
import { redact } from "../inspect/redact.ts"
import type { Batch, Source } from "../inspect/source.ts"
import { wireOf } from "../inspect/wire.ts"
import { RunNotFound } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import type { Json } from "../model/json.ts"
import type { Given } from "./arguments.ts"
import { perform } from "./ask.ts"
import { type FileStore, fileStoreOf } from "./store.ts"

/** A store to look at. What is asked is done by its owner; where there is none, it is taken for a moment. */
export const lookAtStore = async (store: FileStore): Promise<Source> => {
  const { storeSource } = await import("../inspect/sources.ts")
  const source = await storeSource(store.path, { redact })
  return {
    ...source,
    perform: async (ask, who) => {
      const { patienceMs: _, ...wire } = wireOf(ask, who)
      const asked = { request: requestOf(ask, who), wire: { ...wire, verb: ask.verb }, mustExist: true }
      return (await perform(store, asked)).answer as Json
    }
  }
}

export interface Looked {
  readonly source: Source
  readonly stream: string
  /** For the name of a file. */
  readonly name: string
}

/** A run of a store, or a recording. */
export const lookAt = async (given: Given): Promise<Looked> => {
  const word = given.positionals[0]!
  if (packingOf(word) !== undefined) {
    const source = await openRecording(word)
    return {
      source,
      stream: source.opensAt!.stream,
      name: word.replace(/^.*[/\\]/, "").replace(/(?:\.troupe)?\.jsonl(?:\.\w+)?$/i, "")
    }
  }
  const run = requireId("run", word)
  return { source: await lookAtStore(fileStoreOf(given)), stream: `run:${run}`, name: run }
}

/** The events until now; a run that is not there is said as such. */
export async function* eventsOf({ source, stream }: Looked): AsyncGenerator<Batch> {
  try {
    yield* untilCaughtUp(source.follow(stream, 0))
  } catch (error) {
    throw error instanceof StreamUnknown ? new RunNotFound({ run: stream.slice(stream.indexOf(":") + 1) }) : error
  }
}
