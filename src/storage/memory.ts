/** A journal in memory: as exact as the durable one, gone with the process. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { Message } from "../model/messages.ts"
import { type Entry, Journal, JournalFull, type JournalService, type RunSummary, SequenceConflict } from "./journal.ts"

export interface MemoryOptions {
  /** Most messages held at a time; default 5,000,000. */
  readonly capacity?: number
}

interface Record {
  readonly summary: Omit<RunSummary, "length">
  readonly order: number
  readonly messages: Array<Message>
}

/** Makes an empty journal in memory. */
export const memoryJournal = ({ capacity = 5_000_000 }: MemoryOptions = {}): JournalService => {
  const runs = new Map<string, Record>()
  let held = 0
  let order = 0

  const refusal = (batch: ReadonlyArray<Entry>): SequenceConflict | JournalFull | undefined => {
    if (held + batch.length > capacity) return new JournalFull({ capacity })
    if (batch.length === 1) return conflict(batch[0]!, runs.get(batch[0]!.run)?.messages.length ?? 0)
    const lengths = new Map<string, number>()
    for (const entry of batch) {
      const length = lengths.get(entry.run) ?? runs.get(entry.run)?.messages.length ?? 0
      const found = conflict(entry, length)
      if (found !== undefined) return found
      lengths.set(entry.run, length + 1)
    }
    return undefined
  }

  const write = (entry: Entry): void => {
    const { run, message } = entry
    const record = runs.get(run)
    if (record !== undefined) record.messages.push(message)
    else
      runs.set(run, {
        summary: { run, workflow: message.type === "run.submitted" ? message.workflow : "", submittedAt: message.at },
        order: order++,
        messages: [message]
      })
    held++
  }

  return {
    isDurable: false,
    append: (batch) => {
      const refused = refusal(batch)
      if (refused !== undefined) return Exit.fail(refused)
      for (const entry of batch) write(entry)
      return Exit.void
    },
    read: (run, from = 0) => Effect.sync(() => Object.freeze(runs.get(run)?.messages.slice(from) ?? [])),
    list: ({ workflow, limit = 100, cursor }) =>
      Effect.sync(() => {
        const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor)
        const all = [...runs.values()]
          .filter((record) => record.order < before && (workflow === undefined || record.summary.workflow === workflow))
          .sort((a, b) => b.order - a.order)
        const page = all.slice(0, limit)
        return {
          runs: page.map(({ summary, messages }) => ({ ...summary, length: messages.length })),
          cursor: all.length > page.length ? String(page.at(-1)!.order) : undefined
        }
      }),
    remove: (run) => {
      held -= runs.get(run)?.messages.length ?? 0
      runs.delete(run)
      return Exit.void
    }
  }
}

const conflict = ({ run, seq }: Entry, length: number) =>
  seq === length ? undefined : new SequenceConflict({ run, expected: seq, actual: length })

/** The journal in memory as a layer. */
export const layerMemory = (options?: MemoryOptions): Layer.Layer<Journal> =>
  Layer.sync(Journal, () => Journal.of(memoryJournal(options)))
