/**
 * `prove`: every order in which things can happen to a workflow, and every place for up to k faults. Says that it is proved when
 * all of it was gone through, and how much was when not.
 */
import * as fc from "fast-check"
import "../../model/document.ts"
import { allowProblems } from "../../engine/allowed.ts"
import type { Agent } from "../../engine/router.ts"
import { compileWorkflow } from "../../model/compile.ts"
import { suggest } from "../../model/ids.ts"
import { type Json, toJson } from "../../model/json.ts"
import type { Message, Outcome } from "../../model/messages.ts"
import { definition } from "../../model/nested.ts"
import { standardCheck } from "../../model/schemas.ts"
import type { Workflow } from "../../model/workflow.ts"
import { answerer, exclusively } from "../chaos.ts"
import { ChaosMisused } from "../errors.ts"
import { requireSound } from "../given.ts"
import { replaceGlobals } from "../globals.ts"
import { type Capability, requireAllowed } from "../guard.ts"
import type { Call, Violation } from "../story.ts"
import type { World } from "../world.ts"
import { areItemsAlike } from "./alike.ts"
import { Bodies } from "./bodies.ts"
import { Counterexample, count, storyOf } from "./failure.ts"
import { faultsOf, type Node, pathTo, stepsFrom } from "./node.ts"
import { type Found, Search } from "./search.ts"
import { Afresh, Stage } from "./stage.ts"
import { isSameStep, type ProveFault, proveFaults, type Schedule, scheduleFrom } from "./steps.ts"

/** The world that a run is put into. */
export interface FollowOptions<I = any, O = any> {
  readonly input?: I
  /** Who does the tasks with `needs`. */
  readonly agents?: ReadonlyArray<Agent>
  /** What people answer: by path of the gate, or a function of it; undefined for gates that nobody answers. */
  readonly answers?: { readonly [gate: string]: unknown } | ((gate: string) => unknown)
  /** What answers `fetch` in task code; it must answer at once, or from what is simulated. */
  readonly fetch?: (url: string, init: unknown) => unknown
  /** Puts back what task code keeps outside; needed where it keeps anything. */
  readonly reset?: () => void
  /** What task code keeps outside, as JSON: where it differs, two moments are not the same. */
  readonly outside?: () => unknown
  /** Must hold at every moment: false, or an assertion that throws, breaks it. */
  readonly always?: (world: World<I, O>) => unknown
  /** Must hold whenever the run has ended. */
  readonly eventually?: (world: World<I, O>) => unknown
  /** Needed only where NODE_ENV is `production`. */
  readonly capability?: Capability
}

export interface ProveOptions<I = any, O = any> extends FollowOptions<I, O> {
  /** Most faults of one execution; default 1. */
  readonly faults?: number
  /** Which; all by default. */
  readonly kinds?: ReadonlyArray<ProveFault>
  /** Most states; what is left then is sampled. Default 20,000. */
  readonly statesMost?: number
  /** Executions by chance when the states were too many; default 200. */
  readonly samples?: number
  readonly seed?: number
  /** Whether items of one fan-out are interchangeable; by default, unless something below an item goes by its value. See docs/decisions/0018. */
  readonly symmetry?: boolean
  /** Whether moments that are the same are looked at once; default true. False goes through every order there is. */
  readonly merge?: boolean
}

export interface Proof {
  readonly workflow: string
  /** All of it was gone through; nothing less is a proof. */
  readonly complete: boolean
  readonly faults: number
  readonly states: number
  readonly transitions: number
  /** Steps of the longest way to a state. */
  readonly depth: number
  /** Lives of the engine. */
  readonly executions: number
  /** Executions by chance, after the budget was used up. */
  readonly sampled: number
  /** Items of fan-outs were taken for each other. */
  readonly symmetric: boolean
  /** How runs ended, each way once: a status, or the code of a failure. */
  readonly ends: ReadonlyArray<string>
  readonly ms: number
  readonly summary: string
}

const defaults = { faults: 1, statesMost: 20_000, samples: 200, seed: 1 } as const
/** More than anybody can wait for. */
const bounds = { faults: 10, statesMost: 10_000_000, samples: 1_000_000, seed: Number.MAX_SAFE_INTEGER } as const

/**
 * Goes through all that can happen to a workflow; resolves with what was gone through, rejects with `Counterexample` that tells
 * the shortest way to break a promise, or with `ChaosMisused` for something given that does not work.
 */
export const prove = async <I, O>(workflow: Workflow<I, O>, options: ProveOptions<I, O> = {}): Promise<Proof> => {
  requireAllowed(options.capability)
  requireWorkflow(workflow)
  requireKnown(options, proveOptions)
  const numbers = { ...defaults, ...numbersOf(options) }
  const kinds = kindsOf(options.kinds)
  await requireFitting(workflow, inputOf(options))
  const since = performance.now()
  return exclusively(async () => {
    const first = await search(workflow, options, {
      ...numbers,
      kinds,
      isSymmetric: options.symmetry ?? areItemsAlike(workflow.ir),
      asked: new Set()
    })
    const { searched, stage, found, isSymmetric } = first
    if (found !== undefined)
      throw new Counterexample({
        workflow: workflow.name,
        ...found,
        input: inputOf(options),
        faults: faultsOf(found.node),
        states: searched.states
      })
    const { isComplete: complete, states, transitions, depth, sampled } = searched
    const told = { complete, faults: numbers.faults, states, transitions, depth, sampled }
    return {
      workflow: workflow.name,
      ...told,
      executions: stage.executions,
      symmetric: isSymmetric,
      ends: [...new Set(searched.ends.map(({ outcome }) => endText(outcome!)))].sort(),
      ms: Math.round(performance.now() - since),
      summary: summaryOf(told, searched.explored)
    }
  })
}

interface Searching {
  readonly faults: number
  readonly kinds: ReadonlySet<ProveFault>
  readonly statesMost: number
  readonly samples: number
  readonly seed: number
  readonly isSymmetric: boolean
  readonly asked: ReadonlySet<string>
}

const search = async (
  workflow: Workflow,
  options: ProveOptions,
  given: Searching
): Promise<{
  readonly searched: Search
  readonly stage: Stage
  readonly found: Found | undefined
  readonly isSymmetric: boolean
}> => {
  const { isSymmetric, asked } = given
  const stage = stageOf(workflow, options, isSymmetric, asked)
  const searched = new Search({ ...given, stage, isMerging: options.merge ?? true })
  try {
    return { searched, stage, found: await searched.run(), isSymmetric }
  } catch (error) {
    if (!(error instanceof Afresh)) throw error
    return search(workflow, options, { ...given, isSymmetric: error.isSymmetric, asked: error.asked })
  }
}

const stageOf = (
  workflow: Workflow,
  options: FollowOptions,
  isSymmetric: boolean,
  asked: ReadonlySet<string> | undefined
): Stage => {
  replaceGlobals()
  return new Stage({
    bodies: new Bodies(workflow, options.agents ?? [], options.fetch),
    input: inputOf(options),
    answerTo: answerer(options.answers),
    reset: options.reset,
    outside: options.outside,
    always: options.always,
    eventually: options.eventually,
    isSymmetric,
    asked
  })
}

/** What came of a schedule. */
export interface Followed {
  readonly violations: ReadonlyArray<Violation>
  /** The steps in words, faults marked. */
  readonly story: ReadonlyArray<string>
  readonly outcome: Outcome | undefined
  readonly calls: ReadonlyArray<Call>
  readonly messages: ReadonlyArray<Message>
}

/** Takes the steps of a counterexample again: what came of them, and which promises were broken. */
export const follow = async <I, O>(
  workflow: Workflow<I, O>,
  schedule: Schedule | string,
  options: FollowOptions<I, O> = {}
): Promise<Followed> => {
  requireAllowed(options.capability)
  requireWorkflow(workflow)
  requireKnown(options, followOptions)
  const steps = scheduleFrom(schedule)
  return exclusively(async () => {
    const stage = stageOf(workflow, options, false, undefined)
    const { node: begin, violations: first } = await stage.begin()
    let node: Node = begin
    const violations: Array<Violation> = [...first]
    for (const [i, step] of steps.entries()) {
      const possible = [everything, withoutThrow].flatMap((kinds) => stepsFrom(node, Number.POSITIVE_INFINITY, kinds))
      if (!possible.some((one) => isSameStep(one, step)))
        throw new ChaosMisused({
          what: "plan",
          why: `step ${i + 1} of the schedule, ${JSON.stringify(step)}, is not possible any more: ${
            possible.length === 0
              ? "nothing is"
              : possible
                  .slice(0, 10)
                  .map((one) => JSON.stringify(one))
                  .join(", ")
          }`
        })
      const taken = await stage.take(node, step)
      violations.push(...taken.violations)
      node = taken.node
    }
    return {
      violations,
      story: storyOf(node),
      outcome: node.outcome,
      calls: node.calls,
      messages: pathTo(node).flatMap(({ wrote }) => wrote)
    }
  })
}

const everything = new Set(proveFaults)
/** A failure for good is a step of its own there, also where it would not be tried again. */
const withoutThrow = new Set(proveFaults.filter((kind) => kind !== "throw"))

const endText = (outcome: Outcome): string =>
  outcome.status === "failed" ? (outcome.failure.code ?? outcome.failure.tag) : outcome.status

const summaryOf = (
  {
    complete,
    faults,
    states,
    transitions,
    depth,
    sampled
  }: Omit<Proof, "workflow" | "executions" | "symmetric" | "ends" | "ms" | "summary">,
  explored: number
): string => {
  const size = `${count(states, "state")}, ${count(transitions, "step")}, at most ${depth.toLocaleString("en")} in a row`
  if (complete) return `proved for k = ${faults}: ${size}`
  // of a part that is not known nobody can say how large it is
  const share = Math.floor((100 * explored) / states)
  return `explored ${share} % of the ${count(states, "state")} it came to know, then sampled ${count(sampled, "execution")}: nothing found, nothing proved`
}

// ── what is given ──────────────────────────────────────────────────────────────────────────────────

const requireWorkflow = (workflow: Workflow): void => {
  requireSound(workflow)
  const [outside] = allowProblems(workflow.ir, {})
  if (outside !== undefined)
    throw new ChaosMisused({
      what: "workflow",
      why: `${outside.path} of workflow '${workflow.name}' would reach outside (${outside.message}): have it done by a task or an agent that does not, or prove its file with 'troupe prove', which does not call it`
    })
}

type OptionsOf<T> = { readonly [key in keyof Required<T>]: true }
const followOptions: OptionsOf<FollowOptions> = {
  input: true,
  agents: true,
  answers: true,
  fetch: true,
  reset: true,
  outside: true,
  always: true,
  eventually: true,
  capability: true
}
const proveOptions: OptionsOf<ProveOptions> = {
  ...followOptions,
  faults: true,
  kinds: true,
  statesMost: true,
  samples: true,
  seed: true,
  symmetry: true,
  merge: true
}

const functions = ["fetch", "reset", "outside", "always", "eventually"] as const

const requireKnown = (options: FollowOptions & ProveOptions, known: object): void => {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue
    const near = suggest(name, Object.keys(known))
    throw misused(
      `there is no option '${name}'${near === "" ? `: there are ${Object.keys(known).join(", ")}` : `: ${near}`}`
    )
  }
  for (const name of functions)
    if (options[name] !== undefined && typeof options[name] !== "function") throw misused(`'${name}' is no function`)
  for (const name of ["symmetry", "merge"] as const)
    if (options[name] !== undefined && typeof options[name] !== "boolean") throw misused(`'${name}' is no boolean`)
  if (options.input instanceof fc.Arbitrary)
    throw misused("'input' is an arbitrary: prove goes through all that can happen to one input")
}

const numbersOf = (options: ProveOptions): Partial<Record<keyof typeof bounds, number>> => {
  const given: Partial<Record<keyof typeof bounds, number>> = {}
  for (const name of Object.keys(bounds) as ReadonlyArray<keyof typeof bounds>) {
    const value = options[name]
    if (value === undefined) continue
    const least = name === "statesMost" ? 1 : 0
    if (!(Number.isSafeInteger(value) && value >= least && value <= bounds[name]))
      throw misused(
        `'${name}' is ${String(value)}: a whole number from ${least} to ${bounds[name].toLocaleString("en")} is`
      )
    given[name] = value
  }
  return given
}

const kindsOf = (kinds: ReadonlyArray<ProveFault> | undefined): ReadonlySet<ProveFault> => {
  if (kinds === undefined) return new Set(proveFaults)
  if (!Array.isArray(kinds)) throw misused("'kinds' is no list")
  for (const kind of kinds)
    if (!proveFaults.includes(kind))
      throw misused(`there is no kind of fault '${String(kind)}': there are ${proveFaults.join(", ")}`)
  return new Set(kinds)
}

const misused = (why: string) => new ChaosMisused({ what: "option", why })

const inputOf = ({ input }: FollowOptions): Json => {
  try {
    return toJson(input ?? null)
  } catch (error) {
    throw new ChaosMisused({ what: "option", why: `'input' is no JSON: ${(error as Error).message}`, cause: error })
  }
}

/** A run with this input would be refused before it began. */
const requireFitting = async (workflow: Workflow, input: Json): Promise<void> => {
  try {
    compileWorkflow(definition(workflow.ir)).checkInput?.(input)
    await standardCheck(workflow.input, `the input of workflow '${workflow.name}'`)?.(input)
  } catch (error) {
    throw new ChaosMisused({ what: "option", why: (error as Error).message, cause: error })
  }
}
