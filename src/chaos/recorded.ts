/**
 * A workflow whose work gives what a journal says it gave, when it gave it: the run of a store as it can be run again. Nothing
 * outside is called.
 */
import type { Failure } from "../model/errors.ts"
import { InvalidWorkflow } from "../model/errors.ts"
import { kindOf, type WorkflowIR } from "../model/ir.ts"
import { deepFreeze, type Json } from "../model/json.ts"
import { type Bindings, codeNameOf, inspectDocument } from "../model/load.ts"
import { type } from "../model/schemas.ts"
import { type TaskContext, task } from "../model/task.ts"
import { makeWorkflow, type Workflow } from "../model/workflow.ts"
import { startedAt } from "./execution.ts"
import { forEachTask, replaceWork } from "./stand-ins.ts"
import { plainPath } from "./story.ts"

/** How an attempt ended, and how many milliseconds after its run had been submitted. */
export interface RecordedEnd {
  readonly task: string
  readonly attempt: number
  readonly ms: number
  readonly value?: Json
  readonly failure?: Omit<Failure, "stack">
}

/** A failure of back then. */
class Recorded extends Error {
  readonly _tag: string
  readonly code: string | undefined
  readonly data: Json | undefined
  readonly retryable: boolean
  constructor({ tag, message, code, data, retryable }: Omit<Failure, "stack">) {
    super(message)
    this._tag = tag
    this.code = code
    this.data = data
    this.retryable = retryable
  }
}

/** The journal knows no such attempt: something was mended, and whoever did it knows what comes of it. */
class NotRecorded extends Error {
  readonly _tag = "NotRecorded"
  readonly code = "NOT_RECORDED"
  readonly retryable = false
  constructor(path: string, attempt: number) {
    super(
      `the journal does not say what attempt ${attempt} of '${path}' gives: add it to the list, or bring the code of the task`
    )
  }
}

/** The workflow of a definition: with your code where you bring it, with what was recorded everywhere else. */
export const recorded = async (
  definition: unknown,
  ends: ReadonlyArray<RecordedEnd>,
  code: Bindings = {}
): Promise<Workflow> => {
  const { ir, problems } = await inspectDocument(definition)
  const errors = problems.filter(({ severity }) => severity === "error")
  if (ir === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: "(recorded)", problems: errors })
  const byAttempt = new Map(ends.map((end) => [`${end.task}#${end.attempt}`, end]))
  const body = async (_: unknown, { task: path, attempt }: Pick<TaskContext, "task" | "attempt">): Promise<Json> => {
    const end = byAttempt.get(`${path}#${attempt}`)
    if (end === undefined) throw new NotRecorded(path, attempt)
    if (end.failure?.tag === "AttemptTimedOut") return new Promise(() => {})
    const ms = end.ms - (Date.now() - startedAt)
    if (ms > 0) await new Promise<void>((resolve) => setTimeout(resolve, ms))
    if (end.failure !== undefined) throw new Recorded(end.failure)
    return end.value ?? null
  }
  const bound = new Map(Object.entries(code))
  forEachTask(ir, (one) => {
    const name = codeNameOf(one)
    if (name === undefined || bound.has(name)) return
    if (kindOf(one) === "gate") bound.set(name, type())
    else if (kindOf(one) === "derive") bound.set(name, derived(ir, name, ends))
    else bound.set(name, task(name, { in: type<any>(), out: type<any>(), run: body }))
  })
  const outside = new Set(["shell", "http", "module"])
  return replaceWork(makeWorkflow(deepFreeze(ir), bound, undefined), (work) =>
    outside.has(work["kind"]) || (work["needs"] !== undefined && code[String(work["needs"])] === undefined)
      ? body
      : undefined
  )
}

/** Pure functions are not told who calls them: they give what was given under their name, in that order, round and round. */
const derived = (ir: WorkflowIR, name: string, ends: ReadonlyArray<RecordedEnd>): (() => Json) => {
  const paths = new Set<string>()
  forEachTask(ir, (one, path) => {
    if (kindOf(one) === "derive" && codeNameOf(one) === name) paths.add(path)
  })
  const given = ends.filter((end) => paths.has(plainPath(end.task)))
  let next = 0
  return () => {
    const end = given[next++ % given.length]
    if (end === undefined) throw new NotRecorded(name, 1)
    if (end.failure !== undefined) throw new Recorded(end.failure)
    return end.value ?? null
  }
}
