/** `troupe pause | cancel | … ID`: a verb of a run, done by whoever can, with who asked and why. */
import * as Effect from "effect/Effect"
import { look } from "../../engine/look.ts"
import { type Fields, type VerbName, verbNamed } from "../../engine/steering.ts"
import { requireId } from "../../model/ids.ts"
import type { Json } from "../../model/json.ts"
import { type Given, readJson } from "../arguments.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { exitCodes, green, tell, tellJson, yellow } from "../output.ts"
import { perform, steering } from "../steer.ts"
import { fileStoreOf, reading } from "../store.ts"

/** A verb as a command: flags are options, everything else stands behind the run in the order of the verb's fields. */
export const steer =
  (verb: VerbName, done: string): Command =>
  async (given) => {
    const store = fileStoreOf(given)
    const run = requireId("run", given.positionals[0]!)
    const { answer, owner } = await perform(store, steering(verb, run, fieldsOf(verb, given), causeOf(given)))
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
  for (const [name, { kind }] of Object.entries(verbNamed(verb)!.fields)) {
    if (kind === "flag") {
      if (given.has(name)) fields[name] = true
      continue
    }
    if (kind === "count") {
      const count = given.whole(name, 0)
      if (count !== undefined) fields[name] = count
      continue
    }
    const word = words.shift()
    if (word !== undefined) fields[name] = kind === "text" ? word : (readJson(word, name) as Json)
  }
  return fields
}
