/** Tasks of kind `module`: a function from a file beside the document, and from nowhere else. */
import { realpath } from "node:fs/promises"
import { isAbsolute, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { InvalidOption } from "../model/errors.ts"
import type { ModuleWork } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { TaskContext } from "../model/task.ts"

export const runModule = async (
  { module }: ModuleWork,
  input: Json | undefined,
  folder: string,
  context: TaskContext
): Promise<unknown> => {
  const [file = "", name = "default", ...more] = module.split("#")
  const refuse = (why: string) =>
    new InvalidOption({ option: `module "${module}"`, value: why, allowed: `"file.js#export" inside ${folder}` })
  if (file === "" || more.length > 0 || isAbsolute(file)) throw refuse("not a relative path with one export")
  const base = await realpath(folder)
  // the real path: a link must not lead out of the folder either
  const path = await realpath(resolve(base, file)).catch(() => {
    throw refuse("no such file")
  })
  const inside = relative(base, path)
  if (inside.startsWith("..") || isAbsolute(inside)) throw refuse("outside the folder of the document")
  const exports: Record<string, unknown> = await import(pathToFileURL(path).href)
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined
  if (typeof found !== "function")
    throw refuse(`'${name}' is not an exported function (there are: ${Object.keys(exports).join(", ")})`)
  return found(input, context)
}
