/** What is on its way to the disk has arrived when these return. */
import { closeSync, fsyncSync, openSync } from "node:fs"

export const sync = (path: string): void => {
  const file = openSync(path, "r")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes the names in a folder last. One that may not be read was not made by us, and Windows has no such thing. */
export const syncFolder = (folder: string): void => {
  if (process.platform === "win32") return
  try {
    sync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EACCES" && code !== "EPERM") throw error
  }
}
