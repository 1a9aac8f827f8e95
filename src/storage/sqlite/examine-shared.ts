/** Looks through what all runs share: every seal, and what whoever knows it says about every text. */
import type { SharedRecord } from "../journal.ts"
import type { Database } from "./database.ts"
import type { Finding } from "./examine.ts"
import { isSealedWithKey, isWhole } from "./shared.ts"

/** What is wrong with a text that is as it was written; undefined for nothing. */
export type ReadShared = (record: SharedRecord) => string | undefined

/** Damaged ones that are listed one by one. */
const listedMost = 20
const hint = "what it knew is lost, and it begins anew; restore the store from a backup if that must not be"

export const sharedFindings = (database: Database, read: ReadShared): ReadonlyArray<Finding> => {
  // a store of an older format has none yet
  if (database.row("SELECT 1 FROM sqlite_schema WHERE name = 'troupe_shared'") === undefined) return []
  const damaged: Array<Finding> = []
  let [total, sealed, found] = [0, 0, 0]
  const rows = database.statement("SELECT kind, name, state, at, epoch FROM troupe_shared").iterate()
  for (const [kind, name, kept, at, epoch] of rows as unknown as Iterable<[string, string, string, number, number]>) {
    total++
    const isSealed = isSealedWithKey(kept)
    if (isSealed) sealed++
    const record = { kind, name, state: kept.slice(kept.indexOf(" ") + 1), at, epoch }
    const fault = isSealed || isWhole(record, kept) ? read(record) : "is not what was written there"
    if (fault === undefined) continue
    found++
    if (damaged.length < listedMost)
      damaged.push({ check: "shared", is: "damage", message: `${kind} '${name}' ${fault}`, hint })
  }
  if (found > damaged.length)
    damaged.push({ check: "shared", is: "damage", message: `${found - damaged.length} more are damaged`, hint })
  if (damaged.length > 0) return damaged
  const message = total === 0 ? "none" : `${total} shared by all runs, ${sealed === 0 ? "all intact" : "all readable"}`
  return [{ check: "shared", is: "ok", message, hint: "" }]
}
