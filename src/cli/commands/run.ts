/** `troupe run FILE`: runs a workflow to its end, showing how far it is. In a store that lasts, the same id goes on where it was. */
import { allowProblems } from "../../engine/allowed.ts"
import { agentsOf } from "../../engine/declared.ts"
import type { Orchestrator, Run } from "../../engine/orchestrator.ts"
import { InvalidWorkflow, SchemaMismatch } from "../../model/errors.ts"
import { allowAgain, type Given, timeScale } from "../arguments.ts"
import type { Command } from "../commands.ts"
import { drive } from "../drive.ts"
import { isCodeFile, readAllow, readFile } from "../file.ts"
import { type Live, showLive } from "../live.ts"
import { exitOf, showStanding, valueOf } from "../outcome.ts"
import { CommandError, exitCodes, say, tellJson, yellow } from "../output.ts"
import { watch } from "../progress.ts"
import { agentProblems } from "../ready.ts"
import { openSession, patienceMs, type Store, storeOf } from "../store.ts"

export const run: Command = async (given) => {
  const { workflow, problems: found, folder } = await readFile(given)
  const allow = readAllow(given, folder)
  const problems = [
    ...found,
    ...(workflow === undefined ? [] : [...allowProblems(workflow.ir, allow), ...agentProblems(workflow.ir)])
  ].filter(({ severity }) => severity === "error")
  if (workflow === undefined || problems.length > 0)
    throw new InvalidWorkflow({ workflow: given.positionals[0]!, problems })
  const store = storeOf(given)
  const input = given.json("input") ?? {}
  const session = await openSession(store, {
    // other runs of the store may need what was not allowed here
    drives: "asked",
    waitMs: patienceMs,
    engine: { allow, agents: agentsOf(workflow.ir, allow), timeScale: timeScale(given) }
  })
  let shown: Live | undefined
  try {
    if (given.has("inspect")) shown = await showLive(session.orchestrator, workflow.ir.name)
    const submitted = await submit(session.orchestrator, workflow, input, given.text("id"))
    const stopWatching = given.has("json") && process.stderr.isTTY !== true ? () => {} : watch(submitted)
    const ending = await drive(session, {
      runs: [submitted],
      interrupted: () => {
        say(yellow(interruption(store, submitted, given), process.stderr))
        if (store.kind === "memory") void submitted.cancel({ force: true, why: "interrupted" })
      }
    })
    if (ending === "interrupted" && store.kind === "memory") await submitted.outcome()
    stopWatching()
    const state = await submitted.status()
    if (given.has("json")) await tellJson(valueOf(state))
    else if (ending !== "interrupted" || store.kind === "memory") showStanding(state)
    if (ending === "rest" && store.kind === "sqlite" && state.endedAt === undefined)
      say(`run ${state.run} waits for somebody: see "troupe show ${state.run}${store.option}"`)
    if (ending !== "interrupted") await shown?.stay(given.has("json"))
    return ending === "interrupted" ? exitCodes.interrupted : exitOf(state)
  } finally {
    await shown?.close()
    await session.close()
  }
}

const submit = async (
  orchestrator: Orchestrator,
  workflow: Parameters<Orchestrator["submit"]>[0],
  input: unknown,
  id: string | undefined
): Promise<Run> => {
  try {
    return await orchestrator.submit(workflow, input, id === undefined ? {} : { id })
  } catch (error) {
    if (error instanceof SchemaMismatch) throw new CommandError(error.message, "usage", "give it with --input", error)
    throw error
  }
}

const interruption = (store: Store, { id }: Run, given: Given): string => {
  if (store.kind === "memory") return "interrupted: ending the run; its store is in memory, so it cannot be resumed"
  const file = given.positionals[0]!
  const words = [`troupe resume ${id}`, isCodeFile(file) ? ` ${file}` : "", allowAgain(given), store.option]
  return `interrupted: run ${id} is kept; go on with "${words.join("")}"`
}
