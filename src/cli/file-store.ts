/** The `--store` of commands about one file: where it is, and what it means when something is wrong with it. */
import { ImportRefused, TroupeError } from "../model/errors.ts"
import { BackupRefused } from "../storage/errors.ts"
import type { Given } from "./arguments.ts"
import { CommandError, type ExitKind } from "./output.ts"

/** The path in `sqlite:PATH`. */
export const storePath = (given: Given): string => {
  const store = given.text("store")
  const path = store?.startsWith("sqlite:") === true ? store.slice("sqlite:".length) : ""
  if (path !== "") return path
  throw new CommandError(
    store === undefined ? "'--store' says which file" : `the store '${store}' is not a file`,
    "usage",
    "--store sqlite:path/to/file.db"
  )
}

/** Does something with a store; what goes wrong there has the exit code of stores. */
export const withStore = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TroupeError)) throw error
    throw new CommandError(error.message, kindOf(error), "", error)
  }
}

const kindOf = (error: TroupeError): ExitKind => {
  if (error instanceof ImportRefused) return error.reason === "exists" ? "failed" : "invalid"
  if (error instanceof BackupRefused || error._tag === "InvalidId") return "usage"
  return error._tag === "RunNotFound" || error._tag === "LimitExceeded" ? "failed" : "store"
}
