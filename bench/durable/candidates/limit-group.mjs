// The bare limit with group commit: what ends in one turn of the event loop shares a transaction; nothing goes on before it.
import { openJournal } from "../journal.mjs"

export const open = async (env) =>
  openJournal(env, (database) => {
    let queue = []
    const flush = () => {
      const batch = queue
      queue = []
      database.exec("BEGIN IMMEDIATE")
      for (const { write } of batch) write()
      database.exec("COMMIT")
      for (const { done } of batch) done()
    }
    return (write) =>
      new Promise((done) => {
        if (queue.push({ write, done }) === 1) setImmediate(flush)
      })
  })
