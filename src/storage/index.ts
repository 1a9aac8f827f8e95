/** Where runs are written: the contract, the journal in memory, and the one in a SQLite file. */
export {
  BackupRefused,
  JournalBroken,
  JournalBusy,
  JournalCorrupt,
  type JournalError,
  JournalFull,
  SequenceConflict,
  StaleOwner,
  StoreInUse,
  StoreUnusable,
  type UnusableReason
} from "./errors.ts"
export type {
  Backup,
  Claim,
  Entry,
  History,
  JournalService,
  Pinned,
  Remember,
  RunNote,
  RunPage,
  RunQuery,
  RunRecord,
  Snapshot,
  Within
} from "./journal.ts"
export { type Law, laws } from "./laws.ts"
export { type MemoryOptions, memoryJournal } from "./memory.ts"
export { type SqliteJournal, type SqliteOptions, sqliteJournal } from "./sqlite/journal.ts"
