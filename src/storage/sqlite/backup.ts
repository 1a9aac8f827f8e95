/**
 * A copy of a store while its owner goes on: all pages as they stand at one moment, read by a connection of its own, so that
 * nobody waits for it. The copy is whole before it gets its name.
 */
import { mkdirSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import * as Effect from "effect/Effect"
import { TroupeError } from "../../model/errors.ts"
import { BackupRefused, type JournalError, JournalFull } from "../errors.ts"
import type { Backup } from "../journal.ts"
import { journalError, type Sqlite } from "./database.ts"
import { discard, draftOf, isThere, publish, sweep } from "./draft.ts"
import { disown } from "./owner.ts"
import { syncFolder } from "./sync.ts"

/** Paths that a backup of this process is on its way to. */
const underway = new Set<string>()

/** Copies the store at `source`, whoever owns it, into a new file. Fails with `BackupRefused` and writes nothing if it may not. */
export const backup = (
  sqlite: Sqlite,
  source: string,
  path: string
): Effect.Effect<Backup, JournalError | BackupRefused> => {
  const target = resolve(path)
  return Effect.tryPromise({
    try: async () => {
      const reason = refusal(source, target)
      if (reason !== undefined) throw new BackupRefused({ path: target, reason })
      underway.add(target)
      try {
        return await make(sqlite, source, target)
      } finally {
        underway.delete(target)
      }
    },
    catch: (error) => {
      if (error instanceof TroupeError) return error as JournalError | BackupRefused
      return (error as NodeJS.ErrnoException).code === "ENOSPC" ? new JournalFull() : journalError(target, error)
    }
  })
}

const refusal = (source: string, target: string): BackupRefused["reason"] | undefined => {
  if (["", "-wal", "-shm", "-journal"].some((suffix) => target === source + suffix)) return "own"
  if (isThere(target)) return "exists"
  return underway.has(target) ? "busy" : undefined
}

const mark = ".backup-"

const make = async (sqlite: Sqlite, source: string, target: string): Promise<Backup> => {
  mkdirSync(dirname(target), { recursive: true })
  sweep(target, mark)
  const draft = draftOf(target, mark)
  try {
    await copy(sqlite, source, draft)
    settle(sqlite, draft)
    if (!publish(draft, target)) throw new BackupRefused({ path: target, reason: "exists" })
  } finally {
    discard(draft)
  }
  syncFolder(dirname(target))
  return { path: target, bytes: statSync(target).size }
}

const copy = async (sqlite: Sqlite, source: string, draft: string): Promise<void> => {
  const reader = sqlite.open(source, { readOnly: true })
  try {
    // the moment that is copied: what is committed from here on stays in the log of the store
    reader.exec("BEGIN")
    reader.row("SELECT epoch FROM troupe_owner WHERE one = 1")
    await sqlite.copy(reader, draft)
  } finally {
    reader.close()
  }
}

/** Says in the copy that nobody has it open, and moves that into the file itself. */
const settle = (sqlite: Sqlite, draft: string): void => {
  const database = sqlite.open(draft)
  try {
    disown(database)
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  } finally {
    database.close()
  }
}
