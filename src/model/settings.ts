/** Settings of policies: a wrong one is refused with its name, its value, and what it could be. */
import { InvalidOption } from "./errors.ts"
import { suggest } from "./ids.ts"
import { limits } from "./limits.ts"

/** A setting with a wrong name would be a bound that is not there. */
export const requireKnown = (given: object, known: ReadonlyArray<string>, subject: string): void => {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new InvalidOption({ option: subject, value: given, allowed: `{ ${known.join(", ")} }` })
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw new InvalidOption({
        option: `the setting '${name}' of ${subject}`,
        value: JSON.stringify((given as Record<string, unknown>)[name]),
        allowed: suggest(name, known) || `one of ${known.join(", ")}`
      })
}

export const requireWhole = (value: number, least: number, most: number, option: string): number => {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new InvalidOption({ option, value, allowed: `a whole number from ${least} to ${most}` })
  return value
}

export const requireMs = (value: number, least: number, option: string): number => {
  if (typeof value !== "number" || !(value >= least && value <= limits.durationMs))
    throw new InvalidOption({
      option,
      value,
      allowed: `milliseconds from ${least} to ${limits.durationMs} (ten years)`
    })
  return value
}
