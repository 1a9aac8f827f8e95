/** The STORE of a command: which one it is, how it is opened, and what to say when somebody else has it. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Drives, type Opened, Orchestrator, type OrchestratorOptions, openEngine } from "../engine/orchestrator.ts"
import { StoreInUse } from "../storage/errors.ts"
import type { JournalService } from "../storage/journal.ts"
import { memoryJournal } from "../storage/memory.ts"
import type { StoreReader } from "../storage/sqlite/reader.ts"
import type { Given } from "./arguments.ts"
import { CommandError, say } from "./output.ts"

export type Store = { readonly kind: "memory" } | FileStore

export interface FileStore {
  readonly kind: "sqlite"
  readonly path: string
  /** What somebody types to name it again; empty for the default. */
  readonly option: string
}

const storeDefault = "sqlite:.troupe/troupe.db"
const kinds = "stores: memory, sqlite:PATH"

export const storeOf = (given: Given): Store => {
  const named = given.text("store") ?? storeDefault
  if (named === "memory") return { kind: "memory" }
  const path = named.startsWith("sqlite:") ? named.slice("sqlite:".length) : ""
  if (path !== "") return { kind: "sqlite", path, option: named === storeDefault ? "" : ` --store ${named}` }
  throw new CommandError(
    named.startsWith("postgres:") || named.startsWith("postgresql:")
      ? `'${named.slice(0, named.indexOf(":"))}' stores are not there: runs are written to one file`
      : `the store '${named}' is not known`,
    "usage",
    isPath(named) ? `did you mean 'sqlite:${named}'?` : kinds
  )
}

/** A path as people forget to say what it leads to; `mongodb://…` and the like are none. */
const isPath = (named: string): boolean => /[/\\]|\.(?:db|sqlite3?)$/.test(named) && !/^[\w+]{2,}:/.test(named)

/** The store of a command that has no use for one that ends with it. */
export const fileStoreOf = (given: Given): FileStore => {
  const store = storeOf(given)
  if (store.kind === "memory")
    throw new CommandError("a store in memory ends with its process, so there is nothing in it", "usage", kinds)
  return store
}

/** A store with an engine over it. */
export interface Session extends Opened {
  readonly orchestrator: Orchestrator
  readonly close: () => Promise<void>
}

export interface SessionOptions {
  /** What the engine does with the runs that it finds. */
  readonly drives: Drives
  /** Refuse to make a new store. */
  readonly mustExist?: boolean
  /** How long to wait for somebody else to let go of it, in milliseconds. */
  readonly waitMs?: number
  readonly engine?: OrchestratorOptions
}

/** How long `run` and `resume` wait for another process that has the store, in milliseconds. */
export const patienceMs = 5_000
const pollMs = 50

/** Takes a store over; rejects with `StoreInUse` while another process has it. */
export const openSession = async (store: Store, options: SessionOptions): Promise<Session> => {
  const since = performance.now()
  let hasSaid = false
  for (;;) {
    try {
      return await open(store, options)
    } catch (error) {
      const { waitMs = 0 } = options
      if (!(error instanceof StoreInUse) || performance.now() - since >= waitMs) throw error
      if (!hasSaid && performance.now() - since > 1_000) {
        hasSaid = true
        say(`process ${error.pid} has the store open: waiting up to ${Math.round(waitMs / 1_000)} s for it`)
      }
      await sleep(pollMs)
    }
  }
}

const open = async (store: Store, { drives, mustExist = false, engine = {} }: SessionOptions): Promise<Session> => {
  const journal = await journalOf(store, mustExist)
  try {
    const opened = await Effect.runPromise(openEngine({ ...engine, store: journal }, Context.empty(), drives))
    const orchestrator = new Orchestrator(opened)
    return { ...opened, orchestrator, close: () => orchestrator.close() }
  } catch (error) {
    await Effect.runPromise(Effect.ignore(journal.close(0)))
    throw error
  }
}

// the driver is loaded when a file is opened: a run in memory never pays for it
const journalOf = async (store: Store, mustExist: boolean): Promise<JournalService> =>
  store.kind === "memory"
    ? memoryJournal()
    : (await import("../storage/sqlite/journal.ts")).sqliteJournal({ path: store.path, mustExist })

/** A store for reading, whoever has it. */
export const openStoreReader = async ({ path }: FileStore): Promise<StoreReader> =>
  (await import("../storage/sqlite/reader.ts")).openReader(path)

/** Does something with a store that is open for reading. */
export const reading = async <T>(store: FileStore, work: (reader: StoreReader) => Promise<T>): Promise<T> => {
  const reader = await openStoreReader(store)
  try {
    return await work(reader)
  } finally {
    reader.close()
  }
}
