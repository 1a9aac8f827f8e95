/**
 * Loads the shipped sources once more, with one deliberate defect in them. Each defect has a module graph of its own: the files
 * under `src`, and the workflows that are run, carry its name in their addresses. Nothing under `src` knows of it.
 */
import { readFileSync } from "node:fs"
import { registerHooks, stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import type { Defect } from "./defects.ts"

const root = new URL("../../../", import.meta.url)
const source = new URL("src/", root).href
const scene = new URL("scene.ts", import.meta.url).href

/** What a module graph gives: the kit, and what it is let loose on, made of the same modules. */
export type Scene = typeof import("./scene.ts")

const entries: { readonly [name: string]: string } = {
  troupe: "index.ts",
  "troupe/chaos": "chaos/index.ts",
  "troupe/storage": "storage/index.ts"
}

/** They replace what belongs to the whole process: once is enough. */
const shared = new Set([`${source}chaos/globals.ts`])

const planted = new Map<string, Defect>()
const stripped = new Map<string, string>()

/** Thrown when the sources have moved on and an entry of the registry has not. */
export class OutOfDate extends Error {
  override readonly name = "OutOfDate"
  constructor(defect: string, file: string, times: number) {
    super(
      `the registry of planted defects is out of date: what '${defect}' replaces is ${times === 0 ? "not" : `${times} times`} in ${file}; write its snippet anew`
    )
  }
}

/** The text of a file with a defect in it; throws `OutOfDate` where a snippet is not there exactly once. */
export const spoiled = ({ name, edits }: Defect, file: string, text: string): string => {
  let spoilt = text
  for (const edit of edits) {
    if (edit.file !== file) continue
    const times = spoilt.split(edit.find).length - 1
    if (times !== 1) throw new OutOfDate(name, file, times)
    spoilt = spoilt.replace(edit.find, () => edit.put)
  }
  return spoilt
}

const textOf = (address: string, defect: Defect | undefined): string => {
  const file = address.slice(source.length)
  const isSpoilt = address.startsWith(source) && defect?.edits.some((edit) => edit.file === file) === true
  const before = isSpoilt ? undefined : stripped.get(address)
  if (before !== undefined) return before
  const text = readFileSync(fileURLToPath(address), "utf8")
  if (isSpoilt) return stripTypeScriptTypes(spoiled(defect!, file, text))
  const plain = stripTypeScriptTypes(text)
  stripped.set(address, plain)
  return plain
}

let isHooked = false
const hook = (): void => {
  if (isHooked) return
  isHooked = true
  registerHooks({
    resolve: (specifier, context, next) => {
      const mark = context.parentURL?.match(/\?planted=(.*)$/)?.[1]
      if (mark === undefined) return next(specifier, context)
      const entry = entries[specifier]
      const found = entry === undefined ? next(specifier, context) : { url: source + entry, shortCircuit: true }
      const address = found.url.replace(/\?.*$/, "")
      const isOurs = address.startsWith(source) || address.startsWith(new URL("test/", root).href)
      return !isOurs || shared.has(address) ? found : { ...found, url: `${address}?planted=${mark}` }
    },
    load: (url, context, next) => {
      const [, address, mark] = /^(.*)\?planted=(.*)$/.exec(url) ?? []
      if (address === undefined) return next(url, context)
      return { format: "module", source: textOf(address, planted.get(mark!)), shortCircuit: true }
    }
  })
}

/** The scene with a defect planted, or with none. */
export const plant = async (defect: Defect | undefined): Promise<Scene> => {
  hook()
  const mark = encodeURIComponent(defect?.name ?? "none")
  if (defect !== undefined) planted.set(mark, defect)
  return import(`${scene}?planted=${mark}`)
}
