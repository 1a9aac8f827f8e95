/** Who asks for something, and why: kept in the history of the run. */
import { userInfo } from "node:os"
import { type Cause, said } from "../model/messages.ts"
import type { Given } from "./arguments.ts"

export const causeOf = (given: Given): Cause => said({ who: given.text("who") ?? userName(), why: given.text("why") })

/** Containers may run as a user without a name. */
const userName = (): string | undefined => {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}
