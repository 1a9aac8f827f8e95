/** Reads the words of a command line against what a command knows; every mistake is one sentence with a way out. */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { suggest } from "../model/ids.ts"
import type { CommandSpec } from "./commands.ts"
import { CommandError } from "./output.ts"

export interface Given {
  readonly positionals: ReadonlyArray<string>
  readonly text: (option: string) => string | undefined
  readonly has: (option: string) => boolean
  readonly number: (option: string) => number | undefined
  /** A JSON value: itself, `@file`, or `-` for standard input. */
  readonly json: (option: string) => unknown
}

export const parse = (name: string, { options, positionals }: CommandSpec, argv: ReadonlyArray<string>): Given => {
  const config = Object.fromEntries(
    Object.entries({ ...options, json: { value: undefined } }).map(([option, { value }]) => [
      option,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) }
    ])
  )
  const {
    values,
    tokens,
    positionals: words
  } = parseArgs({ args: [...argv], options: config, allowPositionals: true, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== "option") continue
    const known = config[token.name]
    if (known === undefined)
      throw new CommandError(
        `'troupe ${name}' has no option '${token.rawName}'`,
        "usage",
        suggest(token.name, Object.keys(config)).replace("'", "'--") || `see "troupe ${name} --help"`
      )
    if (known.type === "string" && token.value === undefined)
      throw new CommandError(
        `'${token.rawName}' needs a value`,
        "usage",
        `${token.rawName} ${options[token.name]!.value}`
      )
    if (known.type === "boolean" && token.value !== undefined)
      throw new CommandError(`'${token.rawName}' takes no value`, "usage")
  }
  const required = positionals.filter((positional) => !positional.startsWith("["))
  if (words.length < required.length)
    throw new CommandError(
      `'troupe ${name}' needs ${required.slice(words.length).join(" and ")}`,
      "usage",
      `see "troupe ${name} --help"`
    )
  if (words.length > positionals.length)
    throw new CommandError(
      `'troupe ${name}' does not know what to do with '${words[positionals.length]}'`,
      "usage",
      `see "troupe ${name} --help"`
    )
  const text = (option: string) => values[option] as string | undefined
  return {
    positionals: words,
    text,
    has: (option) => values[option] === true,
    number: (option) => {
      const given = text(option)
      if (given === undefined) return undefined
      const value = Number(given)
      if (given.trim() === "" || !Number.isFinite(value))
        throw new CommandError(`'--${option}' needs a number and got '${given}'`, "usage")
      return value
    },
    json: (option) => {
      const given = text(option)
      return given === undefined ? undefined : readJson(given, `--${option}`)
    }
  }
}

/** JSON from the command line, from a file (`@file`) or from standard input (`-`). */
export const readJson = (given: string, option: string): unknown => {
  const source = given === "-" ? "standard input" : given.startsWith("@") ? given.slice(1) : undefined
  let text = given
  if (source !== undefined) {
    try {
      text = readFileSync(given === "-" ? 0 : source!, "utf8")
    } catch (error) {
      throw new CommandError(`${option}: cannot read ${source}: ${(error as Error).message}`, "usage")
    }
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandError(
      `${option}: ${source ?? `'${given.slice(0, 60)}'`} is not JSON: ${(error as Error).message}`,
      "usage",
      source === undefined ? "text needs quotes of its own: '\"text\"'; a file is @file" : ""
    )
  }
}
