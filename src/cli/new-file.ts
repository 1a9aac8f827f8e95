/** A file that was not there before. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs"
import { CommandError } from "./output.ts"

/** Never replaces a file, and leaves no half of one: it would stand in the way of the next try. */
export const writeNew = (path: string, text: string): void => {
  let isOurs = false
  try {
    const file = openSync(path, "wx")
    isOurs = true
    try {
      // all of it: one write may write less than it was given
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (isOurs) rmSync(path, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    throw code === "EEXIST"
      ? new CommandError(`'${path}' exists already`, "usage", "give another path with --out")
      : new CommandError(`cannot write '${path}': ${message}`, "failed")
  }
}
