/** Results that are remembered: kept with a checksum, or a seal, over key and time; what was changed is as good as not there. */
import { deepFreeze, type Json } from "../../model/json.ts"
import type { Remember } from "../journal.ts"
import type { Chain, Link } from "./codec.ts"
import type { Database } from "./database.ts"
import * as sql from "./statements.ts"

export const remember = (database: Database, chain: Chain, { key, expiresAt }: Remember, value: Json): void => {
  const text = JSON.stringify(value)
  database.run(sql.remember, key, expiresAt, `${sealOf(chain, key, expiresAt, text)} ${text}`)
}

/** The value of a row; undefined if it is not what was written. */
export const unpack = (chain: Chain, key: string, expiresAt: number, kept: string): Json | undefined => {
  const text = kept.slice(kept.indexOf(" ") + 1)
  return kept === `${sealOf(chain, key, expiresAt, text)} ${text}` ? deepFreeze(JSON.parse(text) as Json) : undefined
}

const sealOf = (chain: Chain, key: string, expiresAt: number, text: string): Link =>
  chain.next(chain.first(key, nowhere), expiresAt, 0, text)
const nowhere = { submittedAt: 0, workflow: "", version: undefined, hash: undefined }
