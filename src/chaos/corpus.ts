/**
 * A folder of failures: each is a plan with what it takes to run it again, and a recording of what happened. They are run first
 * the next time, and stay when they are mended: that is what keeps them mended.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isPlainRecord, type Json, toJson } from "../model/json.ts"
import type { Workflow } from "../model/workflow.ts"
import { digestOf } from "./digest.ts"
import { ChaosMisused } from "./errors.ts"
import { type Execution, startedAt } from "./execution.ts"
import type { Plan } from "./plan.ts"
import { planFrom } from "./plan-file.ts"
import { recordingOf } from "./recording.ts"
import type { Gave } from "./without.ts"

export const caseFormat = 1
const planEnding = ".plan.json"
const recordingEnding = ".recording.jsonl"
/** Most characters of a file, and most files of a folder that are read. */
const most = { characters: 10_000_000, files: 10_000 } as const

/** A failure as it is kept. */
export interface Case {
  readonly kind: "troupe-chaos"
  readonly format: typeof caseFormat
  readonly workflow: string
  /** Content hash of the workflow in which it was found. */
  readonly hash: string
  /** The promise that was broken, and how. */
  readonly promise: string
  readonly what: string
  /** Where fast-check found it. */
  readonly seed: number
  readonly path: string
  readonly input: Json
  readonly plan: Plan
  /** Tasks that were taken out, with what they gave: `plan` is about the workflow without them. */
  readonly without?: Gave
  /** With `without`: what breaks the promise in the whole workflow. */
  readonly wholePlan?: Plan
}

/** Whether a value is a kept failure rather than a plan alone. */
export const isCase = (value: unknown): boolean => isPlainRecord(value) && value["kind"] === "troupe-chaos"

/** A kept failure from a value or its text; throws `ChaosMisused` that says where it is wrong. */
export const caseFrom = (given: unknown, where = "it"): Case => {
  const refuse = (why: string): never => {
    throw new ChaosMisused({ what: "corpus", why: `${where} is no kept failure: ${why}` })
  }
  const value = typeof given === "string" ? parsed(given, refuse) : given
  if (!isPlainRecord(value)) return refuse("it is no object")
  if (value["kind"] !== "troupe-chaos") refuse(`its kind is ${JSON.stringify(value["kind"])}, not "troupe-chaos"`)
  if (value["format"] !== caseFormat) refuse(`its format is ${JSON.stringify(value["format"])}, not ${caseFormat}`)
  for (const key of ["workflow", "hash", "promise", "what", "path"])
    if (typeof value[key] !== "string") refuse(`it has no text as '${key}'`)
  if (!Number.isSafeInteger(value["seed"])) refuse("it has no whole number as 'seed'")
  if (value["input"] === undefined) refuse("it has no 'input'")
  const { without, wholePlan } = value
  if (without !== undefined && !isPlainRecord(without)) refuse("its 'without' is no object of tasks and what they gave")
  try {
    return {
      ...(value as unknown as Case),
      input: toJson(value["input"]),
      plan: planFrom(value["plan"]),
      ...(without === undefined ? {} : { without: toJson(without) as Gave }),
      ...(wholePlan === undefined ? {} : { wholePlan: planFrom(wholePlan) })
    }
  } catch (error) {
    return refuse((error as Error).message)
  }
}

const parsed = (text: string, refuse: (why: string) => never): unknown => {
  if (text.length > most.characters) refuse(`it has ${text.length} characters, ${most.characters} are allowed`)
  try {
    return JSON.parse(text)
  } catch (error) {
    return refuse((error as Error).message)
  }
}

/** A kept failure and where it is. */
export interface Kept {
  readonly file: string
  readonly found: Case
}

/** The failures of a workflow that a folder has, in the order of their names; those of other workflows are left alone. */
export const keptIn = (folder: string, { name }: Workflow): ReadonlyArray<Kept> =>
  filesOf(folder).flatMap((file) => {
    const path = join(folder, file)
    let text: string
    try {
      text = readFileSync(path, "utf8")
    } catch (error) {
      throw new ChaosMisused({ what: "corpus", why: `cannot read ${path}: ${(error as Error).message}`, cause: error })
    }
    const found = caseFrom(text, path)
    return found.workflow === name ? [{ file: path, found }] : []
  })

const filesOf = (folder: string): ReadonlyArray<string> => {
  try {
    const files = readdirSync(folder).filter((file) => file.endsWith(planEnding))
    if (files.length <= most.files) return files.sort()
    throw new ChaosMisused({
      what: "corpus",
      why: `${folder} has ${files.length} kept failures and at most ${most.files} are read: take some away`
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    if (error instanceof ChaosMisused) throw error
    throw new ChaosMisused({
      what: "corpus",
      why: `cannot read the folder ${folder}: ${(error as Error).message}`,
      cause: error
    })
  }
}

/** The workflow in which a failure was found, and what is left of it. */
interface Origin {
  readonly whole: Workflow
  readonly workflow: Workflow
  readonly without: Gave
  readonly wholePlan: Plan
}

/** Keeps a failure, with its recording; the same failure is the same file. Gives the name of the plan's file. */
export const keep = (
  folder: string,
  { whole, workflow, without, wholePlan }: Origin,
  execution: Execution,
  at: { readonly seed: number; readonly path: string }
): string => {
  const [{ promise, what } = { promise: "", what: "" }] = execution.violations
  const { input, plan } = execution
  const found: Case = {
    kind: "troupe-chaos",
    format: caseFormat,
    workflow: whole.name,
    hash: whole.hash,
    promise,
    what,
    ...at,
    input,
    plan,
    ...(Object.keys(without).length === 0 ? {} : { without, wholePlan })
  }
  const words = `${workflow.name}-${promise}`.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 80)
  const name = join(folder, `${words}-${digestOf(execution).slice(0, 8)}`)
  try {
    mkdirSync(folder, { recursive: true })
    // the recording first: a plan without one would be a promise that is not kept
    write(`${name}${recordingEnding}`, recordingOf(workflow, execution, startedAt))
    write(`${name}${planEnding}`, `${JSON.stringify(found, null, 2)}\n`)
  } catch (error) {
    throw new ChaosMisused({
      what: "corpus",
      why: `the failure cannot be kept in ${folder}: ${(error as Error).message}`,
      cause: error
    })
  }
  return `${name}${planEnding}`
}

/** Whole or not at all. */
const write = (path: string, text: string): void => {
  const draft = `${path}.${process.pid}.tmp`
  writeFileSync(draft, text)
  renameSync(draft, path)
}
