/** Who asks for something, and why: kept in the history of the run. */
import { userInfo } from "node:os"
import type { Given } from "./arguments.ts"

export const causeOf = (given: Given): { readonly who?: string; readonly why?: string } => {
  const who = given.text("who") ?? userName()
  const why = given.text("why")
  return { ...(who === undefined ? {} : { who }), ...(why === undefined ? {} : { why }) }
}

/** Containers may run as a user without a name. */
const userName = (): string | undefined => {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}
