/**
 * A file is whole before it gets its name: it is made as a draft beside it, named after the process that makes it. Whoever is
 * killed on the way leaves the draft, which the next one to that place sweeps away.
 */
import { linkSync, lstatSync, readdirSync, renameSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { sync } from "./sync.ts"

/** Where this process makes a file; `mark` tells drafts of one kind from those of others. */
export const draftOf = (path: string, mark: string): string => path + mark + process.pid

/** Gives a draft its name; false when something has that name by now, which is never replaced. Syncing the folder is left to do. */
export const publish = (draft: string, path: string): boolean => {
  sync(draft)
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST" || isThere(path)) return false
    // where there are no links
    renameSync(draft, path)
  }
  return true
}

/** Removes a draft with all that SQLite may have laid beside it. */
export const discard = (draft: string): void => {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) remove(draft + suffix)
}

/** Removes the drafts of processes that were killed while they made that file, and of this one. */
export const sweep = (path: string, mark: string): void => {
  const prefix = basename(path) + mark
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(prefix)) continue
    const pid = Number.parseInt(name.slice(prefix.length), 10)
    if (pid === process.pid || !isRunning(pid)) remove(join(dirname(path), name))
  }
}

const remove = (path: string): void => {
  try {
    rmSync(path, { force: true })
  } catch {
    // whoever makes the next one sweeps first
  }
}

/** Whether there is anything of that name, be it a link that leads nowhere. */
export const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
