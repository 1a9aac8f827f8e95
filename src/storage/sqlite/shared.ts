/** What all runs share, each text with a seal over its kind, name and time before it: what was changed is as good as not there. */
import type { Shared, SharedRecord } from "../journal.ts"
import { type Chain, checksums, type Link } from "./codec.ts"
import type { Database } from "./database.ts"
import * as sql from "./statements.ts"

export const keepShared = (
  database: Database,
  chain: Chain,
  { kind, name, state, at, isForgotten }: Shared,
  epoch: number
): void => {
  if (isForgotten === true) return void database.run(sql.forgetShared, kind, name)
  database.run(sql.keepShared, kind, name, `${sealOf(chain, kind, name, at, epoch, state)} ${state}`, at, epoch)
}

export const readShared = (database: Database, chain: Chain, kind: string): ReadonlyArray<SharedRecord> =>
  database.rows(sql.shared, kind).flatMap(([name, kept, at, epoch]) => {
    const state = kept.slice(kept.indexOf(" ") + 1)
    return kept === `${sealOf(chain, kind, name, at, epoch, state)} ${state}` ? [{ kind, name, state, at, epoch }] : []
  })

/** Whether a text is sealed with a key, so that nobody without it can tell whether it is as it was written. */
export const isSealedWithKey = (kept: string): boolean => /^[\w-]{22} /.test(kept)

/** Whether a text that is sealed without one is as it was written. */
export const isWhole = ({ kind, name, state, at, epoch }: SharedRecord, kept: string): boolean =>
  kept === `${sealOf(checksums, kind, name, at, epoch, state)} ${state}`

const sealOf = (chain: Chain, kind: string, name: string, at: number, epoch: number, state: string): Link =>
  chain.next(chain.first(`${kind} ${name}`, nowhere), at, epoch, state)
const nowhere = { submittedAt: 0, workflow: "", version: undefined, hash: undefined }
