/** `troupe chaos FILE`: a workflow in many simulated worlds in which things go wrong. Nothing outside is really called. */
import { readFileSync } from "node:fs"
import { type ChaosReport, replay, chaos as search, stageOf } from "../../chaos/chaos.ts"
import { type Case, caseFrom, isCase } from "../../chaos/corpus.ts"
import type { Coverage } from "../../chaos/coverage.ts"
import { ChaosFailure, ChaosMisused, ChaosRefused } from "../../chaos/errors.ts"
import { exampleOf } from "../../chaos/example.ts"
import { storyText } from "../../chaos/failure.ts"
import type { Family, Plan } from "../../chaos/plan.ts"
import { planFrom } from "../../chaos/plan-file.ts"
import { stoodIn, stoodInFor } from "../../chaos/stand-ins.ts"
import type { Line, Violation } from "../../chaos/story.ts"
import type { Gave } from "../../chaos/without.ts"
import { InvalidWorkflow, SchemaMismatch } from "../../model/errors.ts"
import { type Json, toJson } from "../../model/json.ts"
import { jsonSchemaCheck, standardCheck } from "../../model/schemas.ts"
import type { Workflow } from "../../model/workflow.ts"
import type { Given } from "../arguments.ts"
import type { Command } from "../commands.ts"
import { readFile } from "../file.ts"
import { bold, CommandError, dim, exitCodes, green, oneLine, red, tell, tellJson } from "../output.ts"

/** What was found, as `--json` prints it. */
interface Counterexample {
  readonly promise: string
  readonly what: string
  readonly seed: number
  readonly path: string
  readonly input: Json
  readonly faults: Plan["faults"]
  /** For the whole file. */
  readonly plan: Plan
  readonly story: ReadonlyArray<Line>
  /** The smaller workflow that the story is about; null when it is about the whole one. */
  readonly small: { readonly without: Gave; readonly plan: Plan } | null
}

export const chaos: Command = async (given) => {
  const file = given.positionals[0]!
  const { workflow, problems } = await readFile(given)
  const errors = problems.filter(({ severity, code }) => severity === "error" && !stoodInFor.has(code))
  if (workflow === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: file, problems: errors })
  const isJson = given.has("json")
  const standIns = stoodIn(workflow).names
  try {
    const plan = given.text("plan")
    if (plan !== undefined) return await again(workflow, plan, given)
    const report = await search(workflow, {
      ...optionsOf(given),
      input: await inputOf(workflow, given),
      coverage: true
    })
    if (isJson) await tellJson({ ok: true, ...factsOf(report), standIns, counterexample: null })
    else showReport(report, standIns, given.has("coverage"))
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof ChaosFailure)) throw asUsage(error)
    const { coverage, executions, wholePlan, violations, seed, path } = error
    if (isJson)
      await tellJson({
        ok: false,
        workflow: workflow.name,
        seed,
        runs: executions,
        executionsPerSecond: null,
        coverage: coverageOf(coverage),
        standIns,
        counterexample: counterexampleOf(violations, error),
        ...(error.file === undefined ? {} : { file: error.file })
      })
    else {
      tell(red(storyText({ whole: workflow, workflow: error.workflow, without: error.without }, error, error)))
      tell("")
      tell(`again: ${bold(`troupe chaos ${file} --seed ${seed} --path ${path}${restOf(given)}`)}`)
      tell(`as a plan, for --plan: ${JSON.stringify(wholePlan)}`)
      if (error.file !== undefined) tell(`kept: ${oneLine(error.file)}`)
      if (standIns.length > 0) tell(dim(`not really called: ${standIns.map(oneLine).join(", ")}`))
    }
    return exitCodes.failed
  }
}

const optionsOf = (given: Given) => {
  const [runs, seed, path] = [given.whole("runs", 1, 1_000_000_000), given.whole("seed", 0), given.text("path")]
  if (path !== undefined && seed === undefined)
    throw new CommandError("'--path' says where a seed found something", "usage", "give its '--seed' too")
  if (path !== undefined && !/^\d+(:\d+)*$/.test(path))
    throw new CommandError(`'--path ${path}' is no path`, "usage", "numbers between colons, as a failure prints them")
  const faults = given
    .text("faults")
    ?.split(",")
    .map((word) => word.trim()) as ReadonlyArray<Family> | undefined
  const corpus = given.text("corpus")
  return {
    ...(runs === undefined ? {} : { runs }),
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
    ...(faults === undefined ? {} : { faults }),
    ...(corpus === undefined ? {} : { corpus })
  }
}

/** What else was said that decides what is found. */
const restOf = (given: Given): string =>
  ["faults", "input", "export"]
    .flatMap((option) => {
      const value = given.text(option)
      return value === undefined ? [] : [` --${option} ${/^[\w@./,:-]+$/.test(value) ? value : `'${value}'`}`]
    })
    .join("")

/** The input, held against what the workflow says of it. */
const inputOf = async ({ ir, input: schema, name }: Workflow, given: Given, kept?: Json): Promise<Json> => {
  const input = toJson(given.json("input") ?? kept ?? (ir.input === undefined ? {} : exampleOf(ir.input)))
  try {
    jsonSchemaCheck(ir.input, `the input of workflow '${name}'`)?.(input)
    await standardCheck(schema, `the input of workflow '${name}'`)?.(input)
    return input
  } catch (error) {
    if (error instanceof SchemaMismatch) throw new CommandError(error.message, "usage", "give it with --input", error)
    throw error
  }
}

/** One plan, and nothing else. */
const again = async (workflow: Workflow, file: string, given: Given): Promise<number> => {
  const { kept, ...read } = readPlan(file)
  const input = await inputOf(workflow, given, kept)
  const since = performance.now()
  const stage = stageOf(workflow, read)
  const execution = await replay(stage.workflow, stage.plan, { input })
  const { violations, story } = execution
  const found = { seed: stage.plan.seed, path: "", executions: 1, shrinks: 0 }
  const wholePlan = read.wholePlan ?? stage.plan
  const ok = violations.length === 0
  if (given.has("json"))
    await tellJson({
      ok,
      workflow: workflow.name,
      seed: stage.plan.seed,
      runs: 1,
      executionsPerSecond: Math.round(1_000 / Math.max(1, performance.now() - since)),
      coverage: null,
      standIns: stoodIn(workflow).names,
      counterexample: ok ? null : counterexampleOf(violations, { ...stage, ...found, input, wholePlan, story })
    })
  else if (ok) tell(`${green("✓")} ${workflow.name}: every promise is kept under this plan`)
  else tell(red(storyText({ ...stage, whole: workflow }, execution, found)))
  return ok ? exitCodes.ok : exitCodes.failed
}

interface Read extends Pick<Case, "plan" | "without" | "wholePlan"> {
  /** Its input. */
  readonly kept: Json | undefined
}

const readPlan = (file: string): Read => {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CommandError(code === "ENOENT" ? `there is no file ${file}` : `cannot read ${file}: ${message}`, "usage")
  }
  const value = jsonOf(text)
  if (!isCase(value)) return { plan: planFrom(text), kept: undefined }
  const { input, ...found } = caseFrom(value, file)
  return { ...found, kept: input }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // whoever reads it as a plan says what is wrong with it
    return undefined
  }
}

/** What was given is wrong, not the workflow. */
const asUsage = (error: unknown): unknown => {
  if (error instanceof ChaosRefused) return new CommandError(error.message, "usage", "", error)
  if (!(error instanceof ChaosMisused)) return error
  const kind = error.what === "workflow" ? "invalid" : error.what === "escaped" ? "failed" : "usage"
  return new CommandError(error.message, kind, "", error)
}

const counterexampleOf = (
  [first]: ReadonlyArray<Violation>,
  {
    plan,
    without,
    wholePlan,
    ...rest
  }: Pick<ChaosFailure, "seed" | "path" | "input" | "plan" | "story" | "without" | "wholePlan">
): Counterexample => ({
  promise: first?.promise ?? "",
  what: first?.what ?? "",
  seed: rest.seed,
  path: rest.path,
  input: rest.input,
  faults: wholePlan.faults,
  plan: wholePlan,
  story: rest.story,
  small: Object.keys(without).length === 0 ? null : { without, plan }
})

const coverageOf = (coverage: Coverage | undefined) => {
  if (coverage === undefined) return null
  const { text: _, ...data } = coverage
  return data
}

const factsOf = ({
  workflow,
  seed,
  runs,
  executions,
  executionsPerSecond,
  lives,
  crashes,
  faults,
  mended,
  coverage
}: ChaosReport) => ({
  workflow,
  seed,
  runs,
  executions,
  executionsPerSecond,
  lives,
  crashes,
  faults,
  mended,
  coverage: coverageOf(coverage)
})

/** Cells that were never tried, of which people are told without asking. */
const neverMost = 3

const showReport = (report: ChaosReport, standIns: ReadonlyArray<string>, isWhole: boolean): void => {
  const { workflow, runs, faults, crashes, seed, executionsPerSecond, mended, coverage } = report
  const count = (n: number) => n.toLocaleString("en")
  tell(
    `${green("✓")} ${bold(workflow)}: every promise is kept in ${count(runs)} executions with ${count(faults)} faults, ${count(crashes)} lives that ended too early ${dim(`(seed ${seed}, ${count(executionsPerSecond)} a second)`)}`
  )
  if (mended > 0) tell(`  ${mended} kept failure${mended === 1 ? "" : "s"} run first: mended`)
  if (standIns.length > 0) tell(dim(`  not really called: ${standIns.map(oneLine).join(", ")}`))
  if (coverage === undefined) return
  if (isWhole) return tell(coverage.text)
  const { never, tried, cells } = coverage
  if (never.length === 0) return
  tell(dim(`  ${tried} of ${cells} places × families were tried; never, for one (all with --coverage):`))
  for (const { text } of never.slice(0, neverMost)) tell(dim(`    ${oneLine(text)}`))
}
