// The bare limit: a journal by hand on node:sqlite, one transaction per step, each waiting for the disk.
import { openJournal } from "../journal.mjs"

export const open = async (env) =>
  openJournal(env, (database) => async (write) => {
    database.exec("BEGIN IMMEDIATE")
    write()
    database.exec("COMMIT")
  })
