/** Reads the FILE of a command: a document (JSON, YAML) or code that exports a workflow. */
import { readFileSync, statSync } from "node:fs"
import { dirname, extname, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Allow } from "../engine/builtin.ts"
import { InvalidWorkflow, type Problem, TroupeError } from "../model/errors.ts"
import { suggest } from "../model/ids.ts"
import { limits } from "../model/limits.ts"
import { bindingProblems, inspectDocument, parseJson, parseYaml } from "../model/load.ts"
import { validate } from "../model/validate.ts"
import { isWorkflow, makeWorkflow, type Workflow } from "../model/workflow.ts"
import type { Given } from "./arguments.ts"
import { CommandError } from "./output.ts"

export interface FileContent {
  /** Undefined when the problems contain errors of shape. */
  readonly workflow: Workflow | undefined
  readonly problems: ReadonlyArray<Problem>
  /** The folder of the file: where modules may come from. */
  readonly folder: string
}

const codeEndings = new Set([".ts", ".mts", ".js", ".mjs"])
const yamlEndings = new Set([".yaml", ".yml"])

/** Whether a word names a workflow file rather than a run. */
export const isFileName = (word: string): boolean => {
  const ending = extname(word).toLowerCase()
  return codeEndings.has(ending) || yamlEndings.has(ending) || ending === ".json"
}

/** Whether a file brings code of its own, which no store keeps. */
export const isCodeFile = (file: string): boolean => codeEndings.has(extname(file).toLowerCase())

/** What a file holds, with everything that is wrong with it. A file that cannot be read at all is an error of its own. */
export const readFile = async (given: Given, file = given.positionals[0]!): Promise<FileContent> => {
  const path = resolve(file)
  const ending = extname(path).toLowerCase()
  const folder = dirname(path)
  const isCode = codeEndings.has(ending)
  if (!isCode && !yamlEndings.has(ending) && ending !== ".json")
    throw new CommandError(
      `${file}: the ending '${ending}' says nothing about what is inside`,
      "invalid",
      "workflow files end in .json, .yaml, .yml, .ts, .mts, .js or .mjs"
    )
  checkReadable(path, file)
  if (isCode) {
    const workflow = await importWorkflow(path, file, given)
    return { workflow, problems: [...validate(workflow.ir), ...bindingProblems(workflow.ir, workflow.code)], folder }
  }
  if (given.text("export") !== undefined) throw new CommandError("'--export' is for files of code", "usage")
  try {
    const text = readFileSync(path, "utf8")
    const document = await (yamlEndings.has(ending) ? parseYaml(text) : parseJson(text))
    const { ir, problems } = await inspectDocument(document)
    const code = new Map()
    return {
      workflow: ir === undefined ? undefined : makeWorkflow(ir, code, undefined),
      problems: ir === undefined ? problems : [...problems, ...bindingProblems(ir, code)],
      folder
    }
  } catch (error) {
    if (error instanceof InvalidWorkflow) return { workflow: undefined, problems: error.problems, folder }
    throw error
  }
}

const checkReadable = (path: string, shown: string) => {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new CommandError(`${shown} is not a file`, "invalid")
    if (stat.size > limits.documentBytes)
      throw new CommandError(
        `${shown} has ${stat.size.toLocaleString("en")} bytes and at most ${limits.documentBytes.toLocaleString("en")} are read`,
        "invalid"
      )
  } catch (error) {
    if (error instanceof CommandError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new CommandError(
      code === "ENOENT" ? `there is no file ${shown}` : `cannot read ${shown}: ${message}`,
      "invalid"
    )
  }
}

const importWorkflow = async (path: string, file: string, given: Given): Promise<Workflow> => {
  const name = given.text("export") ?? "default"
  let exports: Record<string, unknown>
  try {
    exports = await import(pathToFileURL(path).href)
  } catch (error) {
    const why =
      error instanceof TroupeError
        ? error
        : new CommandError(
            `${file}: ${(error as Error).message ?? String(error)}`,
            "invalid",
            "the file must run as it is"
          )
    throw why
  }
  const found = exports[name]
  if (isWorkflow(found)) return found
  const workflows = Object.keys(exports).filter((key) => isWorkflow(exports[key]))
  throw new CommandError(
    `${file}: the export '${name}' ${name in exports ? "is not a workflow" : "is not there"}`,
    "invalid",
    workflows.length === 0
      ? "export what .returns(…) gives"
      : suggest(name, workflows) || `use --export ${workflows.join(" or --export ")}`
  )
}

/** What `--allow shell,http:host,module` means. */
export const readAllow = (given: Given, folder: string): Allow => {
  const words = (given.text("allow") ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
  const hosts: Array<string> = []
  let allow: Allow = {}
  for (const word of words) {
    if (word === "shell") allow = { ...allow, shell: true }
    else if (word === "module") allow = { ...allow, module: folder }
    else if (word === "http") allow = { ...allow, http: true }
    else if (word.startsWith("http:") && word.length > 5) hosts.push(word.slice(5))
    else
      throw new CommandError(
        `'--allow ${word}' is not a kind`,
        "usage",
        suggest(word, ["shell", "http", "module"]) || "shell, http, http:HOST, module"
      )
  }
  return hosts.length === 0 ? allow : { ...allow, http: hosts }
}
