/** `troupe import-run FILE`: takes in a run that was exported; whoever opens the store next goes on with it. */
import { readFileSync, statSync } from "node:fs"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Orchestrator, openEngine } from "../../engine/orchestrator.ts"
import { limits } from "../../model/limits.ts"
import type { Command } from "../commands.ts"
import { storePath, withStore } from "../file-store.ts"
import { CommandError, exitCodes, tell, tellJson } from "../output.ts"

export const importRun: Command = async (given) => {
  const path = storePath(given)
  const content = read(given.positionals[0]!)
  const who = given.text("who")
  const why = given.text("why")
  const { run, status } = await withStore(async () => {
    // nothing is performed here: this process has no code for it, and ends in a moment
    const opened = await Effect.runPromise(openEngine({ store: `sqlite:${path}` }, Context.empty(), "nothing"))
    const orchestrator = new Orchestrator(opened)
    try {
      const imported = await orchestrator.importRun(content as never, {
        ...(who === undefined ? {} : { who }),
        ...(why === undefined ? {} : { why })
      })
      return await imported.status()
    } finally {
      await orchestrator.close()
    }
  })
  if (given.has("json")) await tellJson({ run, status })
  else tell(`run '${run}' is in the store now (${status})`)
  return exitCodes.ok
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
