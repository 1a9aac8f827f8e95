/** `troupe pause | cancel | … ID`: a verb of a run, done by whoever can, with who asked and why. */
import * as Effect from "effect/Effect"
import { look } from "../../engine/look.ts"
import { type FieldKind, type Fields, type VerbName, verbNamed } from "../../engine/steering.ts"
import { requireId } from "../../model/ids.ts"
import type { Json } from "../../model/json.ts"
import { type Given, readJson } from "../arguments.ts"
import { asking, perform } from "../ask.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { CommandError, exitCodes, green, tell, tellJson, yellow } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

/** A verb as a command: flags are options, everything else stands behind the run in the order of the verb's fields. */
export const steer =
  (verb: VerbName, done: string): Command =>
  async (given) => {
    const store = fileStoreOf(given)
    const run = requireId("run", given.positionals[0]!)
    const { answer, owner } = await perform(store, asking(verb, run, fieldsOf(verb, given), causeOf(given)))
    const ok = answer.ok === true
    const { status } = await reading(store, async (reader) => (await Effect.runPromise(look(reader, run))).state)
    if (given.has("json")) await tellJson({ ok, run, status, owner: owner ?? null })
    else if (ok) tell(`${green("✓")} run ${run} is ${status === "running" ? done : status}`)
    else tell(`${yellow("■")} run ${run} has ended already: it ${status}, and nothing was done`)
    return ok ? exitCodes.ok : exitCodes.failed
  }

const fieldsOf = (verb: VerbName, given: Given): Fields => {
  const words = given.positionals.slice(1)
  const fields: Record<string, Json> = {}
  for (const [name, { kind, isOptional = false }] of Object.entries(verbNamed(verb)!.fields)) {
    const value = fieldOf(kind, name, given, words)
    if (value !== undefined) fields[name] = value
    else if (!isOptional)
      throw new CommandError(`'troupe ${verb}' needs '--${name}'`, "usage", `see "troupe ${verb} --help"`)
  }
  return fields
}

const fieldOf = (kind: FieldKind, name: string, given: Given, words: Array<string>): Json | undefined => {
  if (kind === "flag") return given.has(name) ? true : undefined
  if (kind === "count") return given.whole(name, 0)
  const word = words.shift()
  return word === undefined || kind === "text" ? word : (readJson(word, name) as Json)
}
