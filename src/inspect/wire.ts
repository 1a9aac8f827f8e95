/** What is asked on the page, as requests that everybody else makes too; and their answers. */
import { isPlainRecord, type Json } from "../model/json.ts"
import { RequestRefused } from "../storage/errors.ts"
import type { Ask } from "./protocol.ts"

/** A request as it is put to whoever owns the runs. */
export const wireOf = ({ verb, run, fields, why }: Ask, who: string): { readonly [key: string]: Json } => ({
  ...fields,
  verb,
  ...(run === undefined ? {} : { run }),
  who,
  ...(why === undefined || why === "" ? {} : { why }),
  patienceMs: patienceMs
})

/** How long somebody at the page waits for an answer. */
const patienceMs = 10_000

/** The answer of an owner; throws what it refused. */
export const answerOf = (answer: Json): Json => {
  const error = isPlainRecord(answer) ? answer.error : undefined
  if (isPlainRecord(error)) throw new RequestRefused({ code: String(error.code), message: String(error.message) })
  return answer
}
