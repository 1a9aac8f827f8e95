/** Every statement that a journal sends, in one place. Values are always bound; the texts never change. */
import { isLarge } from "./codec.ts"

export const insertRun =
  "INSERT INTO troupe_runs (id, name, definition, submitted_at, updated_at, status, length) VALUES (?, ?, ?, ?, ?, 0, 0)"

/** Rows of messages that one statement writes: a statement per row costs half as much again. */
export const rowsAtOnce = 40
const row = "(?, ?, ?, ?, ?)"
export const insertMessage = `INSERT INTO troupe_messages (run, seq, epoch, chain, body) VALUES ${row}`
export const insertMessages = `INSERT INTO troupe_messages (run, seq, epoch, chain, body) VALUES ${Array(rowsAtOnce).fill(row).join(", ")}`

export const insertBlob =
  "INSERT INTO troupe_blobs (hash, uses, body) VALUES (?, 1, ?) ON CONFLICT (hash) DO UPDATE SET uses = uses + 1"
export const blob = "SELECT body FROM troupe_blobs WHERE hash = ?"
export const dropBlob = "UPDATE troupe_blobs SET uses = uses - 1 WHERE hash = ?"
export const sweepBlobs = "DELETE FROM troupe_blobs WHERE hash = ? AND uses <= 0"

export const remember = "INSERT OR REPLACE INTO troupe_cache (key, expires_at, value) VALUES (?, ?, ?)"
export const remembered = "SELECT expires_at, value FROM troupe_cache WHERE key = ? AND expires_at > ?"
/** A few of those that are over, with each batch that remembers something. */
export const sweepCache =
  "DELETE FROM troupe_cache WHERE key IN (SELECT key FROM troupe_cache WHERE expires_at <= ? ORDER BY expires_at LIMIT 100)"

export const keepShared = "INSERT OR REPLACE INTO troupe_shared (kind, name, state, at, epoch) VALUES (?, ?, ?, ?, ?)"
export const forgetShared = "DELETE FROM troupe_shared WHERE kind = ? AND name = ?"
export const shared = "SELECT name, state, at, epoch FROM troupe_shared WHERE kind = ? ORDER BY name"

export const writeNote =
  "UPDATE troupe_runs SET status = ?, asleep = ?, due_at = ?, updated_at = ?, length = ?, head = ?, summary = ? WHERE id = ?"
export const quarantine = "UPDATE troupe_runs SET status = ?, asleep = 0, due_at = NULL, summary = ? WHERE id = ?"
export const writeHead = "UPDATE troupe_runs SET length = ?, head = ?, updated_at = ? WHERE id = ?"
/** A run that something is written to does not only wait any more; its index is touched only then. */
export const writeAwake = "UPDATE troupe_runs SET asleep = 0 WHERE id = ?"
const lengthOf = (run: string) => `ifnull((SELECT max(seq) + 1 FROM troupe_messages WHERE run = ${run}), 0)`
/** See `blame` in the format: it counts only for the length at which it was written. */
export const findBlame = `SELECT id, blame, ${lengthOf("r.id")} FROM troupe_runs r WHERE name = ?`
export const writeBlame = "UPDATE troupe_runs SET blame = ? WHERE id = ?"

export const findRun =
  "SELECT id, definition, submitted_at, length, head, first, asleep FROM troupe_runs WHERE name = ?"
export const lastMessage = "SELECT seq, chain FROM troupe_messages WHERE run = ? ORDER BY seq DESC LIMIT 1"
/** The last message of a run and the one before it. */
export const lastMessages =
  "SELECT seq, epoch, chain, body FROM troupe_messages WHERE run = ? ORDER BY seq DESC LIMIT 2"
/** A few of the newest runs, and of the oldest. */
const edge = (order: "ASC" | "DESC") =>
  `SELECT * FROM (SELECT id, name, definition, submitted_at FROM troupe_runs ORDER BY id ${order} LIMIT 16)`
export const someRuns = `${edge("DESC")} UNION ${edge("ASC")}`
export const linkAt = "SELECT chain FROM troupe_messages WHERE run = ? AND seq = ?"
export const readMessage = "SELECT epoch, body FROM troupe_messages WHERE run = ? AND seq = ?"
export const largeBodies = `SELECT body FROM troupe_messages WHERE run = ? AND ${isLarge}`
export const readMessages =
  "SELECT seq, epoch, chain, body FROM troupe_messages WHERE run = ? AND seq >= ? AND seq < ? ORDER BY seq"
export const putSnapshot = "INSERT INTO troupe_snapshots (run, seq, chain, body) VALUES (?, ?, ?, ?)"
/** Rows that compaction removes, and among them those whose payload lies elsewhere. */
export const compact = [
  `SELECT body FROM troupe_messages WHERE run = ? AND seq > 0 AND seq < ? AND ${isLarge}`,
  "DELETE FROM troupe_messages WHERE run = ? AND seq > 0 AND seq < ?",
  "UPDATE troupe_runs SET first = ? WHERE id = ?"
] as const
export const dropSnapshots = "DELETE FROM troupe_snapshots WHERE run = ?"
export const lastSnapshot = "SELECT seq, chain, body FROM troupe_snapshots WHERE run = ? ORDER BY seq DESC LIMIT 1"

export const lastRun = "SELECT ifnull(max(id), 0) FROM troupe_runs"
export const definitionById = "SELECT id, hash, name, version, ir FROM troupe_definitions WHERE id = ?"
export const definitionByHash = "SELECT ir FROM troupe_definitions WHERE hash = ? AND ir IS NOT NULL"
export const findDefinition =
  "SELECT id FROM troupe_definitions WHERE hash = ? AND name = ? AND ifnull(version, '') = ?"
export const insertDefinition =
  "INSERT INTO troupe_definitions (hash, name, version, ir) VALUES (?, ?, ?, ?) RETURNING id"

/** Drops a definition that no run is pinned to any more. */
export const sweepDefinition =
  "DELETE FROM troupe_definitions WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM troupe_runs WHERE definition = ?1)"

export const removeRun = [
  "DELETE FROM troupe_messages WHERE run = ?",
  "DELETE FROM troupe_snapshots WHERE run = ?",
  "DELETE FROM troupe_runs WHERE id = ?"
] as const

const record = `SELECT r.id, r.name, r.definition, r.submitted_at, r.updated_at, r.status, r.asleep, r.due_at, r.blame, r.summary, r.length,
  ${lengthOf("r.id")} FROM troupe_runs r`
export const recordByName = `${record} WHERE r.name = ?`

/** All but the quarantined and the unfinished, which two small indices know. */
export const finished = `SELECT (SELECT count(*) FROM troupe_runs) - (SELECT count(*) FROM troupe_runs WHERE status < 16)
  - (SELECT count(*) FROM troupe_runs WHERE status = 19 AND status > 16)`
export const epoch = "SELECT epoch FROM troupe_owner WHERE one = 1"

export interface Filters {
  readonly byWorkflow: boolean
  readonly byStatus: boolean
  readonly hasEnded: boolean | undefined
  /** One status is asked for, of runs that ended otherwise than well. */
  readonly isTroubled: boolean
  readonly byAsleep: boolean
  readonly oldestFirst: boolean
}

/** Statuses that one list may ask for. */
export const statusesMost = 8

/** Where the values of a list are bound: the cursor, the limit, the workflow, whether asleep, then the statuses. */
const bound = { cursor: "?1", limit: "?2", workflow: "?3", asleep: "?4", firstStatus: 5 } as const

/** How many of those values a list takes: as many as up to the last that it mentions. */
export const valuesOf = ({ byWorkflow, byStatus, isTroubled, byAsleep }: Filters): number =>
  isTroubled ? bound.firstStatus : byStatus ? bound.firstStatus + statusesMost - 1 : byAsleep ? 4 : byWorkflow ? 3 : 2

/**
 * The text of a list for what is asked, out of a fixed number of texts. Most runs of an old store have ended well: every list of
 * others follows an index that knows only them, in order, so that a page costs its own length.
 */
export const records = ({ byWorkflow, byStatus, hasEnded, isTroubled, byAsleep, oldestFirst }: Filters): string => {
  const arm = (asleep: string | undefined) =>
    [
      `${record} WHERE r.id ${oldestFirst ? ">" : "<"} ${bound.cursor}`,
      byWorkflow ? `AND r.definition IN (SELECT id FROM troupe_definitions WHERE name = ${bound.workflow})` : "",
      isTroubled ? `AND r.status > 16 AND r.status = ?${bound.firstStatus}` : "",
      byStatus && !isTroubled
        ? `AND r.status IN (${Array.from({ length: statusesMost }, (_, i) => `?${bound.firstStatus + i}`).join(", ")})`
        : "",
      hasEnded === undefined ? "" : hasEnded ? "AND r.status >= 16" : "AND r.status < 16",
      asleep === undefined ? "" : `AND r.asleep = ${asleep}`
    ]
      .filter((part) => part !== "")
      .join(" ")
  // the index of the unfinished is by sleep first: both halves are walked side by side
  const arms = byAsleep ? [arm(bound.asleep)] : hasEnded === false ? [arm("0"), arm("1")] : [arm(undefined)]
  return `${arms.join(" UNION ALL ")} ORDER BY 1 ${oldestFirst ? "ASC" : "DESC"} LIMIT ${bound.limit}`
}
