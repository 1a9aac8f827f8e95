/** `troupe breaker NAME open | close | reset`: done by whoever has the store, with who asked and why. */
import { type BreakerVerb, breakerVerbs } from "../../engine/breakers.ts"
import { requireBreakerName } from "../../model/breaker.ts"
import { suggest } from "../../model/ids.ts"
import { perform } from "../ask.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { CommandError, exitCodes, green, oneLine, tell, tellJson } from "../output.ts"
import { fileStoreOf } from "../store.ts"

export const breaker: Command = async (given) => {
  const store = fileStoreOf(given)
  const [name, set] = given.positionals as readonly [string, string]
  requireBreakerName(name)
  const known = Object.keys(breakerVerbs)
  if (!known.includes(set))
    throw new CommandError(`a breaker cannot '${set}'`, "usage", suggest(set, known) || known.join(", "))
  const cause = causeOf(given)
  const { answer, owner } = await perform(store, {
    request: { verb: "breaker", breaker: name, set: set as BreakerVerb, cause },
    wire: { verb: "breaker", breaker: name, set, ...cause },
    mustExist: true
  })
  const state = String(answer.state)
  if (given.has("json")) await tellJson({ ok: true, breaker: name, state, owner: owner ?? null })
  else tell(`${green("✓")} breaker ${oneLine(name)} is ${said[state] ?? state}`)
  return exitCodes.ok
}

const said: { readonly [state: string]: string } = {
  forcedOpen: "kept open until it is reset",
  forcedClosed: "kept closed until it is reset"
}
