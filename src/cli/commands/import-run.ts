/** `troupe import-run FILE`: takes in a run that was exported; whoever opens the store next goes on with it. */
import { readFileSync, statSync } from "node:fs"
import { limits } from "../../model/limits.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { CommandError, exitCodes, tell, tellJson } from "../output.ts"
import { fileStoreOf, openSession } from "../store.ts"

export const importRun: Command = async (given) => {
  const store = fileStoreOf(given)
  const content = read(given.positionals[0]!)
  // nothing is performed here: this process has no code for it, and ends in a moment
  const session = await openSession(store, { drives: "nothing" })
  try {
    const imported = await session.orchestrator.importRun(content as never, causeOf(given))
    const { run, status } = await imported.status()
    if (given.has("json")) await tellJson({ run, status })
    else tell(`run '${run}' is in the store now (${status})`)
    return exitCodes.ok
  } finally {
    await session.close()
  }
}

const read = (file: string): unknown => {
  try {
    const { size } = statSync(file)
    if (size > limits.exportBytes)
      throw new CommandError(
        `'${file}' has ${size.toLocaleString("en")} bytes and at most ${limits.exportBytes.toLocaleString("en")} are read`,
        "invalid"
      )
    return JSON.parse(readFileSync(file, "utf8"))
  } catch (error) {
    if (error instanceof CommandError) throw error
    if (error instanceof SyntaxError)
      throw new CommandError(`'${file}' is not JSON: ${error.message}`, "invalid", "give a file of 'troupe export-run'")
    throw new CommandError(`cannot read '${file}': ${(error as Error).message}`, "usage")
  }
}
