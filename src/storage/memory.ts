/** A journal in memory: as exact as the durable one, gone with the process. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import { isTerminal, type Message } from "../model/messages.ts"
import { type JournalError, JournalFull, SequenceConflict, StaleOwner } from "./errors.ts"
import type {
  Entry,
  JournalService,
  Remember,
  RunNote,
  RunQuery,
  RunRecord,
  SharedRecord,
  Snapshot
} from "./journal.ts"

export interface MemoryOptions {
  /** Most messages held at a time; default 5,000,000. */
  readonly capacity?: number
  /** Whether it is meant to be opened again by another orchestrator of the same process, as tests do; default false. */
  readonly isDurable?: boolean
  /** Most values that are remembered for tasks with a cache, the oldest out first; default 10,000. */
  readonly cacheMax?: number
}

interface Book {
  readonly run: string
  readonly order: number
  readonly hash: string | undefined
  readonly messages: Array<Message>
  readonly epochs: Array<number>
  note: RunNote | undefined
  noted: number
  snapshot: Snapshot | undefined
  /** Messages before this one are not shown any more. */
  first: number
  blame: number
}

/** Makes an empty journal in memory. */
export const memoryJournal = ({
  capacity = 5_000_000,
  isDurable = false,
  cacheMax = 10_000
}: MemoryOptions = {}): JournalService => {
  const books = new Map<string, Book>()
  const cache = new Map<string, { readonly value: Json; readonly expiresAt: number }>()
  const definitions = new Map<string, { readonly ir: WorkflowIR; uses: number }>()
  const shared = new Map<string, SharedRecord>()
  let held = 0
  let order = 0
  let current = 0
  let crashes = -1
  let left = ""

  const refusal = (batch: ReadonlyArray<Entry>, epoch: number): JournalError | undefined => {
    if (Math.abs(epoch) !== current) return new StaleOwner({ epoch, current })
    if (held + batch.length > capacity) return new JournalFull({ capacity })
    if (batch.length === 1) return conflict(batch[0]!, books.get(batch[0]!.run)?.messages.length ?? 0)
    const lengths = new Map<string, number>()
    for (const entry of batch) {
      const length = lengths.get(entry.run) ?? books.get(entry.run)?.messages.length ?? 0
      const found = conflict(entry, length)
      if (found !== undefined) return found
      lengths.set(entry.run, length + 1)
    }
    return undefined
  }

  const keep = ({ key, expiresAt }: Remember, value: Json): void => {
    // the newest stands last
    cache.delete(key)
    cache.set(key, { value, expiresAt })
    if (cache.size > cacheMax) cache.delete(cache.keys().next().value!)
  }

  const write = ({ run, message, definition, remember }: Entry, epoch: number): void => {
    if (remember !== undefined && message.type === "attempt.succeeded") keep(remember, message.value)
    let book = books.get(run)
    if (book === undefined) {
      if (definition !== undefined) {
        const known = definitions.get(definition.hash)
        if (known === undefined) definitions.set(definition.hash, { ir: definition.ir, uses: 1 })
        else known.uses++
      }
      book = {
        run,
        order: order++,
        hash: definition?.hash,
        messages: [],
        epochs: [],
        note: undefined,
        noted: 0,
        snapshot: undefined,
        first: 0,
        blame: 0
      }
      books.set(run, book)
    }
    book.messages.push(message)
    if (isDurable) book.epochs.push(epoch)
    book.blame = 0
    held++
  }

  const owned = (epoch: number): Effect.Effect<void, JournalError> =>
    Math.abs(epoch) === current ? Exit.void : Exit.fail(new StaleOwner({ epoch, current }))

  return {
    isDurable,
    claim: () =>
      Effect.sync(() => {
        const wasClean = crashes < 0
        crashes++
        return { epoch: ++current, wasClean, crashes, memo: left }
      }),
    append: (batch, notes, epoch) => {
      const refused = refusal(batch, epoch)
      if (refused !== undefined) return Exit.fail(refused)
      for (const entry of batch) write(entry, epoch)
      for (const note of notes) {
        const book = books.get(note.run)
        if (book === undefined) continue
        book.note = note
        book.noted = book.messages.length
      }
      return Exit.void
    },
    cached: (key, at) => {
      const found = cache.get(key)
      // who asks as of later forgets nothing: the oldest go when there are too many
      return Exit.succeed(found !== undefined && found.expiresAt > at ? found.value : undefined)
    },
    renew: owned,
    close: (epoch) => {
      if (Math.abs(epoch) === current) crashes = -1
      return owned(epoch)
    },
    read: (run, from = 0, to) => {
      const book = books.get(run)
      // the first message always stays
      const first = from === 0 && to === 1 ? 0 : Math.max(from, book?.first ?? 0)
      return Exit.succeed({
        first,
        messages: Object.freeze(book?.messages.slice(first, to) ?? []),
        epochs: Object.freeze(book?.epochs.slice(first, to) ?? [])
      })
    },
    keepSnapshot: ({ keep, ...snapshot }, epoch) => {
      const book = books.get(snapshot.run)
      if (epoch !== current || book === undefined) return owned(epoch)
      book.snapshot = snapshot
      if (keep !== undefined) book.first = Math.max(book.first, snapshot.seq - keep)
      return Exit.void
    },
    snapshot: (run) => Exit.succeed(books.get(run)?.snapshot),
    keepShared: (given, epoch) => {
      if (Math.abs(epoch) !== current) return owned(epoch)
      for (const one of given)
        if (one.isForgotten === true) shared.delete(sharedKey(one))
        else shared.set(sharedKey(one), { ...one, epoch })
      return Exit.void
    },
    shared: (kind) =>
      Exit.succeed([...shared.values()].filter((one) => one.kind === kind).sort((a, b) => (a.name < b.name ? -1 : 1))),
    find: (run) => {
      const book = books.get(run)
      return Exit.succeed(book === undefined ? undefined : recordOf(book))
    },
    list: (query) =>
      Effect.sync(() => {
        const { limit = 100, cursor, oldestFirst = false } = query
        const after = cursor === undefined ? undefined : Number(cursor)
        const found = [...books.values()]
          .filter((book) => after === undefined || (oldestFirst ? book.order > after : book.order < after))
          .sort((a, b) => (oldestFirst ? a.order - b.order : b.order - a.order))
          .map((book) => ({ book, record: recordOf(book) }))
          .filter(({ record }) => isWanted(record, query))
        const page = found.slice(0, limit)
        return {
          runs: page.map(({ record }) => record),
          cursor: found.length > page.length ? String(page.at(-1)!.book.order) : undefined
        }
      }),
    definition: (hash) => Exit.succeed(definitions.get(hash)?.ir),
    finished: () => Effect.sync(() => [...books.values()].filter(({ note }) => hasFinished(note)).length),
    epoch: () => Effect.sync(() => current),
    blame: (runs, epoch, count) =>
      Effect.map(owned(epoch), () =>
        runs.map((run) => {
          const book = books.get(run)
          if (book === undefined) return 0
          book.blame = count ?? book.blame + 1
          return book.blame
        })
      ),
    memo: (text, epoch) =>
      Effect.map(owned(epoch), () => {
        left = text
      }),
    remove: (runs, epoch) => {
      if (epoch !== current) return owned(epoch)
      for (const run of runs) {
        const book = books.get(run)
        if (book === undefined) continue
        held -= book.messages.length
        books.delete(run)
        const definition = book.hash === undefined ? undefined : definitions.get(book.hash)
        if (definition !== undefined && --definition.uses === 0) definitions.delete(book.hash!)
      }
      return Exit.void
    }
  }
}

const sharedKey = ({ kind, name }: Pick<SharedRecord, "kind" | "name">) => JSON.stringify([kind, name])

const hasFinished = (note: RunNote | undefined) =>
  note !== undefined && isTerminal(note.status) && note.status !== "quarantined"

const recordOf = ({ run, messages, hash, note, noted, blame }: Book): RunRecord => {
  const first = messages[0]
  const submitted = first?.type === "run.submitted" ? first : undefined
  return {
    run,
    workflow: submitted?.workflow ?? "",
    version: submitted?.version,
    hash,
    submittedAt: first?.at ?? 0,
    updatedAt: note?.updatedAt ?? first?.at ?? 0,
    status: note?.status ?? "running",
    isAsleep: note?.isAsleep ?? false,
    dueAt: note?.dueAt,
    tasks: note?.tasks ?? [],
    ...(note?.error === undefined ? {} : { error: note.error }),
    length: messages.length,
    noted,
    blame
  }
}

const isWanted = (record: RunRecord, { workflow, status, hasEnded, isAsleep }: RunQuery): boolean =>
  (workflow === undefined || record.workflow === workflow) &&
  (status === undefined || status.includes(record.status)) &&
  (hasEnded === undefined || isTerminal(record.status) === hasEnded) &&
  (isAsleep === undefined || record.isAsleep === isAsleep)

const conflict = ({ run, seq }: Entry, length: number) =>
  seq === length ? undefined : new SequenceConflict({ run, expected: seq, actual: length })
