/** What a viewer is told of an error: what it says, never where in the code it comes from. */
import { TroupeError } from "../model/errors.ts"
import type { Redact } from "./redact.ts"

export const faultOf = (error: unknown, redact: Redact): { readonly code: string; readonly message: string } => {
  if (error instanceof TroupeError) return { code: error.code, message: String(redact(error.message)) }
  try {
    const message = error instanceof Error ? error.message : String(error)
    return { code: "UNEXPECTED", message: String(redact(message.slice(0, 1_000))) }
  } catch {
    return { code: "UNEXPECTED", message: "it failed, and does not say why" }
  }
}
