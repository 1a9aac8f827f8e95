/** `troupe breakers`: the circuit breakers of a store as they were written last, whoever has it. */
import * as Effect from "effect/Effect"
import { type BreakerOverview, overviewOf, recordIn, sharedKind } from "../../engine/breaker-record.ts"
import type { Command } from "../commands.ts"
import { bold, dim, duration, exitCodes, green, oneLine, red, tell, tellJson, yellow } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const breakers: Command = async (given) => {
  const records = await reading(fileStoreOf(given), (reader) => Effect.runPromise(reader.shared(sharedKind)))
  const found = records.flatMap((one) => {
    const record = recordIn(one)
    return record === undefined ? [] : [overviewOf(one.name, record)]
  })
  if (given.has("json")) await tellJson({ breakers: found })
  else if (found.length === 0) tell("no breakers")
  else for (const one of found) show(one)
  return exitCodes.ok
}

const show = ({ name, state, since, retryAt, who, why }: BreakerOverview): void => {
  const forMs = Math.max(0, Date.now() - since.getTime())
  const facts = [
    `for ${duration(forMs)}`,
    ...(retryAt === null ? [] : [`tries again ${tellTime(retryAt)}`]),
    ...(who === undefined ? [] : [`by ${oneLine(who)}`]),
    ...(why === undefined ? [] : [oneLine(why)])
  ]
  tell(`${marks[state]} ${bold(oneLine(name))}  ${state}  ${dim(facts.join(", "))}`)
}

const tellTime = (at: Date): string => {
  const inMs = at.getTime() - Date.now()
  return inMs <= 0 ? "with the next call" : `in ${duration(inMs)}`
}

const marks: { readonly [state in BreakerOverview["state"]]: string } = {
  closed: green("✓"),
  open: red("✗"),
  halfOpen: yellow("■"),
  forcedOpen: red("✗"),
  forcedClosed: yellow("■")
}
