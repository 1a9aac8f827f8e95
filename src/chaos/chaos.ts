/**
 * `chaos`: a workflow in thousands of worlds in which things go wrong. Finds an execution that breaks a promise, makes it as small
 * as it gets, and tells it.
 */
import type * as Context from "effect/Context"
import * as fc from "fast-check"
import { loadShapes } from "../engine/attempts.ts"
import type { Agent } from "../engine/router.ts"
import type { BulkheadOptions } from "../model/bulkhead.ts"
import { compileWorkflow } from "../model/compile.ts"
import { suggest } from "../model/ids.ts"
import { canonical, type Json, toJson } from "../model/json.ts"
import { definition } from "../model/nested.ts"
import type { RateOptions } from "../model/rate.ts"
import type { TimetableOptions } from "../model/timetable.ts"
import type { Workflow } from "../model/workflow.ts"
import type { JournalService } from "../storage/journal.ts"
import { simulated, simulatedAgent } from "./bodies.ts"
import { type Case, keep, keptIn } from "./corpus.ts"
import { Census, type Coverage } from "./coverage.ts"
import { ChaosFailure, ChaosMisused } from "./errors.ts"
import { type Execution, execute, type Observer, type Setup } from "./execution.ts"
import { failureText } from "./failure.ts"
import { planOf, type RawPlan, rawPlan, type Survey, survey } from "./generate.ts"
import { requireSound } from "./given.ts"
import { replaceGlobals } from "./globals.ts"
import { type Capability, requireAllowed } from "./guard.ts"
import { standInLimits } from "./limits.ts"
import { compared } from "./oracles.ts"
import { calm, type Family, families as known, type Plan } from "./plan.ts"
import { planFrom } from "./plan-file.ts"
import { type Smallest, smallest } from "./shrink.ts"
import { standInAgents, standInAnswers, stoodIn } from "./stand-ins.ts"
import { type Gave, takeOut } from "./without.ts"
import type { World } from "./world.ts"

export interface WorldOptions<I = any, O = any> {
  /** What the run is given: a value, or an arbitrary of fast-check. */
  readonly input?: I | fc.Arbitrary<I>
  /** Who does the tasks with `needs`; by default somebody who answers with an example of what each gives. */
  readonly agents?: ReadonlyArray<Agent>
  /** What limits calls, as the orchestrator is given it; by default tight ones for the names that tasks use. */
  readonly bulkheads?: { readonly [name: string]: BulkheadOptions }
  readonly rates?: { readonly [name: string]: RateOptions }
  /** What people answer: by path of the gate, or a function of it; gates without an answer wait for their deadline. By default something that fits the gate. */
  readonly answers?: { readonly [gate: string]: unknown } | ((gate: string) => unknown)
  /** What outside systems tell the run, and how many milliseconds after its program has begun; told again until it is acknowledged. */
  readonly signals?: ReadonlyArray<{ readonly name: string; readonly value?: unknown; readonly ms?: number }>
  /** What answers `fetch` in task code. */
  readonly fetch?: (url: string, init: unknown) => unknown
  /** Called before each execution: puts back what task code keeps outside. */
  readonly reset?: () => void
  /** Must hold after every step: false, or a throw, breaks it. */
  readonly always?: (world: World<I, O>) => unknown
  /** Must hold at the end. */
  readonly finally?: (world: World<I, O>) => unknown
  /**
   * A schedule that fires beside the run, from and until some time after the first of January 2030, when worlds begin: each of
   * its times must begin one run, whatever goes wrong. A cron entry names whole minutes.
   */
  readonly schedule?: TimetableOptions
  /** Messages between two snapshots of the run; default 1,000. */
  readonly snapshotEvery?: number
  /** Messages that are kept of those that a snapshot covers; all by default. */
  readonly keepMessages?: number
  /** What tasks ask for whose bodies are Effects. */
  readonly services?: Context.Context<any>
  /**
   * What is written to: another journal than the one in memory, an empty one for each execution. Each life claims it anew; one
   * that is a file must let go of it then, as a killed process does.
   */
  readonly journal?: () => JournalService
  /** Steps after which an execution is taken to go round in circles; default 100,000. */
  readonly stepsMax?: number
  /** Needed only where NODE_ENV is `production`. */
  readonly capability?: Capability
}

export interface ChaosOptions<I = any, O = any> extends WorldOptions<I, O> {
  /** What may go wrong; all that applies by default. */
  readonly faults?: ReadonlyArray<Family>
  /** Executions; default 1,000. */
  readonly runs?: number
  /** Most faults of one execution; default 6. */
  readonly faultsMost?: number
  readonly seed?: number
  /** With the seed of a failure: where it was found. */
  readonly path?: string
  /** Makes a failure as small as it gets; default true. */
  readonly shrink?: boolean
  /** No new execution begins after so many milliseconds. */
  readonly budgetMs?: number
  /** A folder in which failures are kept. Those of this workflow are run first. */
  readonly corpus?: string
  /** Counts what went wrong where: `report.coverage`. */
  readonly coverage?: boolean
}

export interface ChaosReport {
  readonly workflow: string
  readonly seed: number
  readonly runs: number
  /** With those that others were held against. */
  readonly executions: number
  readonly ms: number
  readonly executionsPerSecond: number
  readonly lives: number
  readonly crashes: number
  readonly faults: number
  /** Kept failures that were run first, and are mended. */
  readonly mended: number
  /** With `coverage: true`: what was tried, and what never was. */
  readonly coverage: Coverage | undefined
}

/**
 * Runs a workflow through many executions with faults; resolves with what was done, rejects with `ChaosFailure` that tells the
 * smallest story found, or with `ChaosMisused` for a generator or an invariant that does not work.
 */
export const chaos = async <I, O>(workflow: Workflow<I, O>, options: ChaosOptions<I, O> = {}): Promise<ChaosReport> => {
  requireAllowed(options.capability)
  checkFamilies(options.faults)
  let census: Census | undefined
  const world = new Theatre(workflow, options, (all) => {
    if (options.coverage === true) census = new Census(workflow.ir, options.faults ?? all)
    return census
  })
  const { runs = 1_000, faultsMost = 6, seed = Date.now() % 1_000_000_000, path, budgetMs, shrink = true } = options
  const families = options.faults ?? world.families
  const kept = options.corpus === undefined ? [] : keptIn(options.corpus, workflow)
  const since = performance.now()
  for (const { file, found } of kept) await exclusively(() => again(world, found, file))
  const counts = { executions: 0, lives: 0, crashes: 0, faults: 0 }
  let worst: { readonly execution: Execution; readonly raw: RawPlan; readonly input: Json } | undefined
  let misuse: ChaosMisused | undefined
  let defect: { readonly error: unknown } | undefined
  let coverage: Coverage | undefined
  const property = fc.asyncProperty(world.inputs, rawPlan(faultsMost), async (given, raw) => {
    // what does not work does not work any better with a smaller plan
    if (misuse !== undefined) throw misuse
    const input = toJson(given)
    const execution = await attempted(async () => {
      const { there, control } = await world.control(input)
      return world.judged(input, planOf(raw, there, families), control, raw.seed % 100 === 99)
    })
    counts.executions++
    counts.lives += execution.lives
    counts.crashes += execution.lives - 1
    counts.faults += execution.hit
    if (execution.violations.length === 0) return true
    worst = { execution, raw, input }
    coverage ??= census?.report()
    return false
  })
  const attempted = async (work: () => Promise<Execution>) => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof ChaosMisused) misuse = error
      else defect = { error }
      throw error
    }
  }
  const checked = await exclusively(() =>
    fc.check(property, {
      seed,
      endOnFailure: !shrink,
      numRuns: path === undefined ? runs : 1,
      ...(path === undefined ? {} : { path }),
      ...(budgetMs === undefined ? {} : { interruptAfterTimeLimit: budgetMs })
    })
  ).catch((error: unknown) => {
    throw brokenGenerator(error)
  })
  if (misuse !== undefined) throw misuse
  // neither the generator nor the workflow: what is wrong is named as it is
  if (defect !== undefined) throw defect.error
  if (checked.failed && worst === undefined) throw brokenGenerator(checked.errorInstance)
  if (checked.failed && worst !== undefined) {
    const { input } = worst
    const found = worst.execution
    const small = shrink
      ? await exclusively(() => smallest(world, input, found))
      : { world, execution: found, without: {}, tries: 0, wholePlan: found.plan }
    const where = {
      seed,
      path: checked.counterexamplePath ?? "",
      executions: checked.numRuns,
      shrinks: checked.numShrinks + small.tries
    }
    throw failureOf(workflow, small, where, options.corpus, coverage)
  }
  const ms = performance.now() - since
  return {
    workflow: workflow.name,
    seed,
    runs: checked.numRuns,
    ...counts,
    executions: world.executions,
    ms: Math.round(ms),
    executionsPerSecond: Math.round((1_000 * world.executions) / ms),
    mended: kept.length,
    coverage: census?.report()
  }
}

type Found = { readonly seed: number; readonly path: string; readonly executions: number; readonly shrinks: number }

/** A failure with its story; kept where somebody wants it kept. */
const failureOf = (
  whole: Workflow,
  { world: { workflow }, execution, without, wholePlan }: Omit<Smallest, "tries">,
  found: Found,
  corpus: string | undefined,
  coverage: Coverage | undefined
): ChaosFailure => {
  const { violations, plan, input, story } = execution
  const where = { whole, workflow, without, wholePlan }
  let file: string | undefined
  let note = ""
  try {
    file = corpus === undefined ? undefined : keep(corpus, where, execution, found)
    if (file !== undefined) note = `\nkept: ${file}`
  } catch (error) {
    // what was found is worth more than where it lies
    note = `\nnot kept: ${(error as Error).message}`
  }
  const text = failureText(where, execution, found) + note
  return new ChaosFailure({ text, violations, plan, ...where, input, story, file, coverage, ...found })
}

/** Runs a kept failure again; throws when it is not mended. */
const again = async (whole: Theatre, kept: Case, file: string): Promise<void> => {
  const { input, promise, seed, path } = kept
  const { workflow, plan, without } = stageOf(whole.workflow, kept)
  const world = workflow === whole.workflow ? whole : whole.around(workflow)
  const { control } = await world.control(input)
  const execution = await world.judged(input, plan, control, promise === "determinism")
  const { violations, story } = execution
  if (violations.length === 0) return
  const found = { seed, path, executions: world.executions, shrinks: 0 }
  const where = { whole: whole.workflow, workflow, without, wholePlan: kept.wholePlan ?? plan }
  const text = `${failureText(where, execution, found)}\nkept before: ${file}`
  throw new ChaosFailure({ text, violations, plan, ...where, input, story, file, coverage: undefined, ...found })
}

/** Where a kept failure is run: what it was made small to, as long as that can be had of the workflow; else all of it. */
export const stageOf = (
  whole: Workflow,
  { plan, without = {}, wholePlan = plan }: Pick<Case, "plan" | "without" | "wholePlan">
): { readonly workflow: Workflow; readonly plan: Plan; readonly without: Gave } => {
  if (Object.keys(without).length === 0) return { workflow: whole, plan, without }
  const { workflow } = takeOut(whole, new Map(Object.entries(without)))
  return workflow === undefined ? { workflow: whole, plan: wholePlan, without: {} } : { workflow, plan, without }
}

const checkFamilies = (given: ReadonlyArray<string> | undefined): void => {
  const stray = given?.find((family) => !(known as ReadonlyArray<string>).includes(family))
  if (stray !== undefined)
    throw new ChaosMisused({
      what: "option",
      why: `there is no family of faults '${stray}': ${suggest(stray, known) || `there are ${known.join(", ")}`}`
    })
}

const brokenGenerator = (error: unknown): ChaosMisused =>
  new ChaosMisused({
    what: "generator",
    why: `the generator of inputs throws: ${error instanceof Error ? error.message : String(error)}`,
    cause: error
  })

/** Runs one plan again: what happened, and which promises were broken. */
export const replay = async <I, O>(
  workflow: Workflow<I, O>,
  plan: Plan | string,
  options: WorldOptions<I, O> = {}
): Promise<Execution> => {
  requireAllowed(options.capability)
  const world = new Theatre(workflow, options)
  const [given] = fc.sample(world.inputs, { numRuns: 1, seed: 1 })
  const input = toJson(given)
  return exclusively(async () => world.judged(input, planFrom(plan), (await world.control(input)).control, false))
}

/** One execution in a simulated world, without anything it is held against. */
export const simulate = async <I, O>(
  workflow: Workflow<I, O>,
  options: WorldOptions<I, O> & { readonly plan?: Plan } = {}
): Promise<Execution> => {
  requireAllowed(options.capability)
  const world = new Theatre(workflow, options)
  const [given] = fc.sample(world.inputs, { numRuns: 1, seed: 1 })
  return exclusively(() => world.perform(toJson(given), options.plan ?? calm))
}

let last: Promise<unknown> = Promise.resolve()
/** Time and chance can only be replaced for one world at a time. */
export const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
  const mine = last.then(work, work)
  last = mine.catch(() => {})
  return mine
}

/** Where one workflow is performed again and again. */
export class Theatre {
  readonly workflow: Workflow
  readonly families: ReadonlyArray<Family>
  readonly inputs: fc.Arbitrary<unknown>
  executions = 0
  readonly #options: WorldOptions
  readonly #setup: Omit<Setup, "input">
  readonly #controls = new Map<string, { readonly there: Survey; readonly control: Execution }>()

  /** `watched` says who looks at its executions, given what can go wrong in them; `quiet` are tasks known to wait for nothing real. */
  constructor(
    workflow: Workflow,
    options: WorldOptions,
    watched: (families: ReadonlyArray<Family>) => Observer | undefined = () => undefined,
    quiet: Set<string> = new Set()
  ) {
    requireSound(workflow)
    replaceGlobals()
    this.workflow = workflow
    this.#options = options
    const { ir } = workflow
    const {
      input,
      agents = standInAgents(ir),
      fetch,
      answers = standInAnswers(ir),
      snapshotEvery = 1_000,
      keepMessages,
      stepsMax = 100_000,
      bulkheads,
      rates
    } = options
    const limits = standInLimits(ir)
    this.inputs = isArbitrary(input) ? input : fc.constant(input ?? null)
    this.families = ["task", "storage", "crash", "owners", "clock", "operator", "code", "observer"]
    if (agents.length > 0) this.families = [...this.families, "agent"]
    if (fetch !== undefined) this.families = [...this.families, "network"]
    this.#setup = {
      workflow: simulated(stoodIn(workflow).workflow),
      agents: agents.map(simulatedAgent),
      answerTo: answerer(answers),
      signals: (options.signals ?? []).map(({ name, value = null, ms = 0 }) => ({ name, value: toJson(value), ms })),
      fetch,
      bulkheads: { ...limits.bulkheads, ...bulkheads },
      rates: { ...limits.rates, ...rates },
      snapshotEvery,
      schedule: options.schedule,
      keepMessages,
      journal: options.journal,
      services: options.services as Context.Context<never> | undefined,
      stepsMax,
      always: options.always,
      finally: options.finally,
      quiet,
      coverage: watched(this.families)
    }
  }

  /** The same world around another workflow. */
  around(workflow: Workflow): Theatre {
    return new Theatre(workflow, this.#options, undefined, this.#setup.quiet)
  }

  /** The same input with nothing going wrong. */
  async control(input: Json): Promise<{ readonly there: Survey; readonly control: Execution }> {
    const key = canonical(input)
    const known = this.#controls.get(key)
    if (known !== undefined) return known
    const control = await this.perform(input, calm)
    const made = { there: survey(control, compileWorkflow(definition(this.workflow.ir))), control }
    // inputs by chance are many, and seldom come again
    if (this.#controls.size >= 256) this.#controls.clear()
    this.#controls.set(key, made)
    return made
  }

  async perform(input: Json, plan: Plan): Promise<Execution> {
    // the results of planners must be looked at in the turn in which they come
    if (this.executions++ === 0) await loadShapes()
    this.#options.reset?.()
    return execute({ ...this.#setup, input }, plan)
  }

  /** An execution held against what must hold, and against others. */
  async judged(input: Json, plan: Plan, control: Execution, twice: boolean): Promise<Execution> {
    const execution = await this.perform(input, plan)
    if (execution.violations.length > 0) return execution
    const violations = await compared(this.workflow, execution, control, (other) => this.perform(input, other), twice)
    return violations.length === 0 ? execution : { ...execution, violations }
  }
}

const isArbitrary = (value: unknown): value is fc.Arbitrary<unknown> => value instanceof fc.Arbitrary

export const answerer = (answers: WorldOptions["answers"]): Setup["answerTo"] => {
  if (answers === undefined) return () => true
  const given =
    typeof answers === "function"
      ? answers
      : (gate: string) => answers[gate] ?? answers[gate.replace(/\[\d+\]|#\d+/g, "")]
  return (gate) => {
    const value = given(gate)
    return value === undefined ? undefined : toJson(value)
  }
}
