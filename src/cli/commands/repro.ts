/** `troupe repro ID`: a run of a store as a test file, which fails as the run did until that is mended. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { ChaosRefused } from "../../chaos/errors.ts"
import { reproOf } from "../../chaos/repro.ts"
import { exportRun } from "../../engine/transfer.ts"
import { requireId } from "../../model/ids.ts"
import type { Outcome } from "../../model/messages.ts"
import type { Command } from "../commands.ts"
import { writeNew } from "../new-file.ts"
import { bold, CommandError, dim, exitCodes, green, oneLine, tell, tellJson, yellow } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const repro: Command = async (given) => {
  const id = requireId("run", given.positionals[0]!)
  const content = await reading(fileStoreOf(given), (reader) => Effect.runPromise(exportRun(reader, id, {})))
  const { text, plan, outcome, isSame, leftOut } = await reproOf(content).catch((error: unknown) => {
    throw error instanceof ChaosRefused ? new CommandError(error.message, "usage", "", error) : error
  })
  const out = given.text("out") ?? `${id}.repro.test.ts`
  if (out === "-") {
    tell(text.trimEnd())
    return exitCodes.ok
  }
  writeNew(resolve(out), text)
  const { definition, status } = content
  if (given.has("json")) {
    await tellJson({
      run: id,
      workflow: definition.name,
      status,
      file: out,
      isSame,
      outcome: outcome?.status ?? null,
      faults: plan.faults,
      leftOut
    })
    return exitCodes.ok
  }
  tell(
    `${oneLine(out)}: run ${bold(id)} of ${definition.name} (${status}), ${plan.faults.length} fault${plan.faults.length === 1 ? "" : "s"}`
  )
  tell(
    isSame
      ? `  ${green("✓")} in it the run ends as it did: ${oneLine(endOf(outcome))}`
      : `  ${yellow("!")} in it the run ends otherwise: ${oneLine(endOf(outcome))}`
  )
  for (const one of leftOut) tell(dim(`  left out: ${oneLine(one)}`))
  tell(dim(`  try it: npx vitest run ${oneLine(out)}`))
  return exitCodes.ok
}

const endOf = (outcome: Outcome | undefined): string =>
  outcome === undefined
    ? "it does not end"
    : outcome.status === "failed"
      ? `failed at '${outcome.task}' (${outcome.failure.code ?? outcome.failure.tag}: ${outcome.failure.message})`
      : outcome.status
