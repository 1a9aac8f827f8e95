/** Where runs are written: the contract, and the journal in memory. */
export {
  type Entry,
  Journal,
  JournalBroken,
  type JournalError,
  JournalFull,
  type JournalService,
  type RunPage,
  type RunQuery,
  type RunSummary,
  SequenceConflict
} from "./journal.ts"
export { type Law, laws } from "./laws.ts"
export { layerMemory, type MemoryOptions, memoryJournal } from "./memory.ts"
