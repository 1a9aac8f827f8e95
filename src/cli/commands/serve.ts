/** `troupe serve [FILE…]`: takes a store and drives its runs, and begins those of its schedules, until somebody interrupts. */
import { dirname, resolve } from "node:path"
import { agentsOf } from "../../engine/declared.ts"
import { InvalidWorkflow } from "../../model/errors.ts"
import type { Workflow } from "../../model/workflow.ts"
import type { Command } from "../commands.ts"
import { readAllow, readFile } from "../file.ts"
import { dim, exitCodes, say, tell, tellJson } from "../output.ts"
import { fileStoreOf, openSession, patienceMs } from "../store.ts"

export const serve: Command = async (given) => {
  const store = fileStoreOf(given)
  const files = given.positionals
  const allow = readAllow(given, files[0] === undefined ? process.cwd() : dirname(resolve(files[0])))
  const workflows: Array<Workflow> = []
  for (const file of files) {
    const { workflow, problems } = await readFile(given, file)
    const errors = problems.filter(({ severity }) => severity === "error")
    if (workflow === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: file, problems: errors })
    workflows.push(workflow)
  }
  const agents = new Map(workflows.flatMap(({ ir }) => agentsOf(ir, allow)).map((agent) => [agent.id, agent]))
  const session = await openSession(store, {
    drives: "all",
    waitMs: patienceMs,
    engine: { allow, workflows, agents: [...agents.values()] }
  })
  try {
    const { orchestrator } = session
    const facts = { pid: process.pid, runs: orchestrator.live, schedules: orchestrator.schedules().length }
    if (given.has("json")) await tellJson(facts)
    else tell(`process ${facts.pid} has it: ${facts.runs} unfinished runs, ${facts.schedules} schedules`)
    say(dim("ends with an interrupt; everything is kept", process.stderr))
    await interrupted()
  } finally {
    await session.close()
  }
  return exitCodes.ok
}

/** Until somebody says that it is enough; whoever says it again does not wait. */
const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    let times = 0
    // nothing else may keep the process alive
    const alive = setInterval(() => {}, 3_600_000)
    const onSignal = () => {
      if (++times > 1) process.exit(exitCodes.interrupted)
      clearInterval(alive)
      resolve()
    }
    process.on("SIGINT", onSignal)
    process.on("SIGTERM", onSignal)
  })
