/**
 * `troupe prove FILE`: every order of what can happen, and every place for up to K faults. A code file may export the world
 * beside its workflow: `always`, `eventually`, `reset`, `outside`, `answers`, `agents` and `fetch`, as `prove` takes them.
 */
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { ChaosMisused } from "../../chaos/errors.ts"
import { exampleOf } from "../../chaos/example.ts"
import { Counterexample } from "../../chaos/prove/failure.ts"
import { type FollowOptions, type Proof, prove as proveIt } from "../../chaos/prove/prove.ts"
import { standInAgents, standInAnswers, stoodIn, stoodInFor } from "../../chaos/stand-ins.ts"
import { InvalidWorkflow } from "../../model/errors.ts"
import type { Workflow } from "../../model/workflow.ts"
import type { Given } from "../arguments.ts"
import type { Command } from "../commands.ts"
import { isCodeFile, readFile } from "../file.ts"
import { CommandError, dim, duration, exitCodes, green, oneLine, red, say, tell, tellJson, yellow } from "../output.ts"

/** Most faults that can be asked for: what there is to go through grows with each as with nothing else. */
const faultsMost = 10

export const prove: Command = async (given) => {
  const faults = given.whole("faults", 0, faultsMost)
  const budget = given.whole("budget", 1, 10_000_000)
  const { workflow: found, problems: all } = await readFile(given)
  // code that is not there is not called either
  const problems = all.filter(({ severity, code }) => severity === "error" && !stoodInFor.has(code))
  if (found === undefined || problems.length > 0)
    throw new InvalidWorkflow({ workflow: given.positionals[0]!, problems })
  const world = await worldOf(given.positionals[0]!)
  const { workflow, names: replaced } = stoodIn(found)
  const isJson = given.has("json")
  if (replaced.length > 0 && !isJson)
    say(
      dim(
        `not called: ${replaced.slice(0, 10).map(oneLine).join(", ")}${replaced.length > 10 ? " …" : ""}`,
        process.stderr
      )
    )
  try {
    const proof = await proveIt(workflow, {
      input: inputOf(given, workflow),
      agents: standInAgents(workflow.ir),
      answers: standInAnswers(workflow.ir),
      ...world,
      ...(faults === undefined ? {} : { faults }),
      ...(budget === undefined ? {} : { statesMost: budget })
    })
    if (isJson) await tellJson(valueOf(proof))
    else show(proof)
    return exitCodes.ok
  } catch (error) {
    if (error instanceof ChaosMisused)
      throw new CommandError(error.message, error.what === "option" ? "usage" : "failed", "", error)
    if (!(error instanceof Counterexample)) throw error
    if (isJson) await tellJson(refutation(error))
    else tell(`${red("✗")} ${shown(error)}`)
    return exitCodes.failed
  }
}

/** What a code file exports beside its workflow. */
const worldOf = async (file: string): Promise<FollowOptions> => {
  if (!isCodeFile(file)) return {}
  const exports: Record<string, unknown> = await import(pathToFileURL(resolve(file)).href)
  const names = ["always", "eventually", "reset", "outside", "answers", "agents", "fetch"] as const
  return Object.fromEntries(names.flatMap((name) => (exports[name] === undefined ? [] : [[name, exports[name]]])))
}

/** Without an input, one that the workflow would take. */
const inputOf = (given: Given, { ir }: Workflow): unknown =>
  given.json("input") ?? (ir.input === undefined ? {} : exampleOf(ir.input))

const valueOf = ({ complete, states, depth, faults, transitions, sampled, ends, summary }: Proof) => ({
  ok: true,
  complete,
  states,
  depth,
  counterexample: null,
  faults,
  transitions,
  sampled,
  ends,
  summary
})

const refutation = ({ states, depth, faults, violations, schedule, story, isSampled }: Counterexample) => ({
  ok: false,
  complete: false,
  states,
  depth,
  counterexample: { violations, faults, isShortest: !isSampled, schedule, story }
})

const show = ({ workflow, complete, summary, ends, ms }: Proof): void => {
  tell(`${complete ? green("✓") : yellow("?")} ${oneLine(workflow)}: ${summary} ${dim(`(${duration(ms)})`)}`)
  tell(`  it ends as: ${ends.map(oneLine).join(", ")}`)
}

/** The text without the test to paste: a document has no test. */
const shown = ({ message, story }: Counterexample): string =>
  [...message.split("\n", 3).map(oneLine), "", ...story.map(oneLine)].join("\n")
