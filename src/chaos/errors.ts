/** What the kit has to say. A broken promise is a `ChaosFailure`; whatever else goes wrong is named as what it is. */
import { TroupeError } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Coverage } from "./coverage.ts"
import type { Plan } from "./plan.ts"
import type { Line, Violation } from "./story.ts"
import type { Gave } from "./without.ts"

/** The smallest execution in which a promise is broken. */
export class ChaosFailure extends TroupeError {
  readonly _tag = "ChaosFailure"
  readonly code = "CHAOS_FAILURE"
  readonly violations: ReadonlyArray<Violation>
  readonly plan: Plan
  /** What was taken out of the workflow, with what it gave; `plan` and `story` are about what is left. */
  readonly without: Gave
  /** What is left of the workflow: the whole one when nothing was taken out. */
  readonly workflow: Workflow
  /** What breaks the promise in the whole workflow. */
  readonly wholePlan: Plan
  readonly input: Json
  readonly seed: number
  /** Where fast-check found it: with the seed, it is found again at once. */
  readonly path: string
  /** Executions until it was found, and what it took to make it small. */
  readonly executions: number
  readonly shrinks: number
  /** What happened, line by line. */
  readonly story: ReadonlyArray<Line>
  /** Where it is kept. */
  readonly file: string | undefined
  /** What had been tried until then, where somebody counted. */
  readonly coverage: Coverage | undefined
  constructor(given: {
    readonly text: string
    readonly violations: ReadonlyArray<Violation>
    readonly plan: Plan
    readonly without: Gave
    readonly workflow: Workflow
    readonly wholePlan: Plan
    readonly input: Json
    readonly seed: number
    readonly path: string
    readonly executions: number
    readonly shrinks: number
    readonly story: ReadonlyArray<Line>
    readonly file: string | undefined
    readonly coverage: Coverage | undefined
  }) {
    super(given.text)
    this.violations = given.violations
    this.plan = given.plan
    this.without = given.without
    this.workflow = given.workflow
    this.wholePlan = given.wholePlan
    this.input = given.input
    this.seed = given.seed
    this.path = given.path
    this.executions = given.executions
    this.shrinks = given.shrinks
    this.story = given.story
    this.file = given.file
    this.coverage = given.coverage
  }
}

/** Something that was given to the kit does not work: it is not the workflow that is wrong. */
export class ChaosMisused extends TroupeError {
  readonly _tag = "ChaosMisused"
  readonly code = "CHAOS_MISUSED"
  readonly what: "generator" | "invariant" | "plan" | "option" | "workflow" | "escaped" | "corpus"
  override readonly cause: unknown
  constructor({ what, why, cause }: { what: ChaosMisused["what"]; why: string; cause?: unknown }) {
    super(why)
    this.what = what
    this.cause = cause
  }
}

/** The kit stays away from production. */
export class ChaosRefused extends TroupeError {
  readonly _tag = "ChaosRefused"
  readonly code = "CHAOS_REFUSED"
  constructor() {
    super(
      "chaos does not run where NODE_ENV is 'production': run it in a test, or give it a capability, made with chaosCapability({ reason })"
    )
  }
}
