/** Workflows from documents: a value, JSON text or YAML text, checked as a whole and bound to code. */
import { InvalidWorkflow, type Problem } from "./errors.ts"
import { fallbackPlaces } from "./failing.ts"
import { suggest } from "./ids.ts"
import { type Each, kindOf, type TaskIR, type WorkflowIR } from "./ir.ts"
import { limits } from "./limits.ts"
import { forEachInner } from "./nested.ts"
import type { AnySchema } from "./schemas.ts"
import { boundUndo, type TaskDef } from "./task.ts"
import { undoCodeOf, undoOf } from "./undo.ts"
import { validate } from "./validate.ts"
import { type Code, makeWorkflow, type PureFunction, type Workflow } from "./workflow.ts"

/** Code for the names that a document uses: tasks, pure functions for `derive`, schemas for the answers to gates. */
export type Bindings = { readonly [name: string]: TaskDef | PureFunction | AnySchema }

/**
 * A workflow from a document (the IR as a plain value) and the code that it names.
 * Rejects with `InvalidWorkflow`, which lists everything that is wrong, each with a JSON pointer and a hint.
 *
 * ```ts check
 * (await load({ ir: 1, name: "hello", tasks: [{ id: "a", kind: "noop" }] })).name // => "hello"
 * ```
 */
export const load = async (document: unknown, code: Bindings = {}): Promise<Workflow> => {
  const { ir, problems } = await inspectDocument(document)
  const bound: Code = new Map(Object.entries(code).flatMap(([name, one]) => [[name, one] as const, ...undoCode(one)]))
  const all = ir === undefined ? problems : [...problems, ...bindingProblems(ir, bound)]
  const errors = all.filter(({ severity }) => severity === "error")
  if (ir === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: nameOf(document), problems: errors })
  return makeWorkflow(ir, bound, undefined)
}

/** A task brings the code that undoes it along. */
const undoCode = (one: Bindings[string]): ReadonlyArray<readonly [string, TaskDef]> =>
  "undo" in one && one.undo !== undefined ? boundUndo(one.undo) : []

/** A workflow from JSON text. */
export const fromJson = async (text: string, code: Bindings = {}): Promise<Workflow> =>
  load(await parseJson(text), code)

/** A workflow from YAML text (core schema; no tags, no merge keys, few aliases). */
export const fromYaml = async (text: string, code: Bindings = {}): Promise<Workflow> =>
  load(await parseYaml(text), code)

/** The document checked, without binding code: the IR where its shape is right, and everything that is wrong. */
export const inspectDocument = async (
  document: unknown
): Promise<{ readonly ir: WorkflowIR | undefined; readonly problems: ReadonlyArray<Problem> }> => {
  // the schema costs 50 ms to load, and programs that build workflows in code never need it
  const { decodeDocument } = await import("./document.ts")
  const decoded = decodeDocument(document)
  return decoded.ir === undefined
    ? decoded
    : { ir: decoded.ir, problems: [...decoded.problems, ...validate(decoded.ir)] }
}

/** Parses JSON text within the bounds of documents; rejects with `InvalidWorkflow` naming line and column. */
export const parseJson = async (text: string): Promise<unknown> => {
  checkSize(text)
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch (error) {
    throw syntax(
      "JSON_SYNTAX",
      jsonMessage(text, String((error as Error).message)),
      "check the file with an editor that knows JSON"
    )
  }
}

/** Parses YAML text; tags, merge keys and heavy aliasing are refused. */
export const parseYaml = async (text: string): Promise<unknown> => {
  checkSize(text)
  const { readYaml } = await import("./yaml.ts")
  return readYaml(text)
}

const checkSize = (text: string) => {
  if (text.length > limits.documentBytes)
    throw syntax(
      "LIMIT_DOCUMENT",
      `the document has ${text.length.toLocaleString("en")} characters and at most ${limits.documentBytes.toLocaleString("en")} are read`,
      "split it into sub-workflows"
    )
}

export const syntax = (
  code: "JSON_SYNTAX" | "YAML_SYNTAX" | "YAML_ALIAS" | "YAML_TAG" | "LIMIT_DOCUMENT" | "LIMIT_DEPTH",
  message: string,
  hint: string
) => new InvalidWorkflow({ workflow: "", problems: [{ code, severity: "error", path: "", message, hint }] })

/** V8 names a position; people want line and column. */
const jsonMessage = (text: string, message: string): string => {
  const at = /at position (\d+)/.exec(message)
  if (at === null) return message
  const before = text.slice(0, Number(at[1]))
  const line = before.split("\n").length
  return `${message.replace(/ \(line \d+ column \d+\)/, "")} (line ${line}, column ${before.length - before.lastIndexOf("\n")})`
}

const nameOf = (document: unknown): string => {
  const name = (document as { name?: unknown } | null)?.name
  return typeof name === "string" ? name.slice(0, 128) : "(unnamed)"
}

/** Names of code that nothing is bound to. */
export const bindingProblems = (ir: WorkflowIR, code: Code, path = ""): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const need = (name: string | undefined, at: string) => {
    if (name === undefined || code.has(name)) return
    problems.push({
      code: "TASK_UNKNOWN",
      severity: "error",
      path: `${path}${at}`,
      message: `nothing is bound to the name '${name}'`,
      hint: suggest(name, code.keys()) || "pass it to load(document, { [name]: task }), or use a built-in kind"
    })
  }
  ir.tasks.forEach((task, i) => {
    need(codeNameOf(task), `/tasks/${i}${"each" in task ? "/each" : ""}/${kindOf(task) === "gate" ? "check" : "task"}`)
    for (const [one, at] of fallbackPlaces(task)) if ("task" in one) need(one.task, `/tasks/${i}${at}/task`)
    const undo = undoOf(task)
    if (undo === undefined) return
    need(undoCodeOf(undo.undo), `/tasks/${i}${undo.under}/task`)
    if (undo.undo.verify !== undefined) need(undoCodeOf(undo.undo.verify), `/tasks/${i}${undo.under}/verify/task`)
  })
  forEachInner(ir, (inner, under) => problems.push(...bindingProblems(inner, code, path + under)))
  return problems
}

/** The name of the code that a task runs, if it runs code. */
export const codeNameOf = (task: TaskIR): string | undefined => {
  const kind = kindOf(task)
  if (kind === "derive") return (task as { task?: string }).task ?? task.id
  if (kind === "gate") return (task as { check?: string }).check
  const work = "each" in task ? (task.each as Each) : task
  return "task" in work ? (work as { task?: string }).task : undefined
}
