/** Reads the words of a command line against what a command knows; every mistake is one sentence with a way out. */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { suggest } from "../model/ids.ts"
import type { CommandOption, CommandSpec } from "./commands.ts"
import { CommandError } from "./output.ts"

export interface Given {
  readonly positionals: ReadonlyArray<string>
  readonly text: (option: string) => string | undefined
  /** All values of an option that may be given several times. */
  readonly texts: (option: string) => ReadonlyArray<string>
  readonly has: (option: string) => boolean
  readonly number: (option: string) => number | undefined
  /** A whole number from `least` on. */
  readonly whole: (option: string, least: number, most?: number) => number | undefined
  /** A JSON value: itself, `@file`, or `-` for standard input. */
  readonly json: (option: string) => unknown
}

export const parse = (name: string, { options, positionals }: CommandSpec, argv: ReadonlyArray<string>): Given => {
  const config = Object.fromEntries(
    Object.entries<CommandOption>({ ...options, json: { help: "" } }).map(
      ([option, { value, isRepeatable = false }]) => [
        option,
        { type: value === undefined ? ("boolean" as const) : ("string" as const), multiple: isRepeatable }
      ]
    )
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
  const isOpen = positionals.at(-1)?.includes("…") === true
  if (words.length > positionals.length && !isOpen)
    throw new CommandError(
      `'troupe ${name}' does not know what to do with '${words[positionals.length]}'`,
      "usage",
      `see "troupe ${name} --help"`
    )
  const text = (option: string) => values[option] as string | undefined
  const number = (option: string) => {
    const given = text(option)
    if (given === undefined) return undefined
    const value = Number(given)
    if (given.trim() === "" || !Number.isFinite(value))
      throw new CommandError(`'--${option}' needs a number and got '${given}'`, "usage")
    return value
  }
  return {
    positionals: words,
    text,
    texts: (option) => (values[option] as ReadonlyArray<string> | undefined) ?? [],
    has: (option) => values[option] === true,
    number,
    whole: (option, least, most = Number.MAX_SAFE_INTEGER) => {
      const value = number(option)
      if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
        throw new CommandError(
          `'--${option}' needs a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most.toLocaleString("en")}`} and got '${text(option)}'`,
          "usage"
        )
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

/** By what `--var-scale` divides all waits. */
export const timeScale = (given: Given): number => {
  const scale = given.number("var-scale") ?? 1
  if (!(scale > 0)) throw new CommandError(`'--var-scale' needs a number above 0 and got '${scale}'`, "usage")
  return scale
}

/** What somebody types to allow the same again. */
export const allowAgain = (given: Given): string => {
  const allow = given.text("allow")
  return allow === undefined ? "" : ` --allow ${allow}`
}
