// The least that a durable engine can do: one row per workflow, one per step, in one SQLite file that waits for the disk.
// Its log is checked in as often as ours, so that both write to a log that has its size.
import { join as path } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { join, root, work } from "../workloads.mjs"

/** `commit(database)` gives the function that makes a write durable. */
export const openJournal = ({ dir, body }, committing) => {
  const database = new DatabaseSync(path(dir, "journal.db"))
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
    CREATE TABLE IF NOT EXISTS flow (id INTEGER PRIMARY KEY, input INTEGER, result INTEGER);
    CREATE TABLE IF NOT EXISTS step (flow INTEGER, i INTEGER, value, PRIMARY KEY (flow, i)) WITHOUT ROWID`)
  const addFlow = database.prepare("INSERT OR IGNORE INTO flow (id, input) VALUES (?, ?)")
  const addStep = database.prepare("INSERT INTO step VALUES (?, ?, ?)")
  const finish = database.prepare("UPDATE flow SET result = ? WHERE id = ?")
  const commit = committing(database)

  const go = async (id, from, x) => {
    for (let i = from; i < 5; i++) {
      const value = await body(id, i, x)
      await commit(() => {
        addStep.run(id, i, value)
        if (i === 4) finish.run(value, id)
      })
      x = value
    }
    return x
  }
  const begin = (id) => commit(() => addFlow.run(id, id % 1_000))
  let fans = 1_000_000_000
  return {
    run: async (id) => {
      await begin(id)
      return go(id, 0, id % 1_000)
    },
    submit: async (id) => {
      await begin(id)
      void go(id, 0, id % 1_000)
    },
    fan: async (n) => {
      const id = fans++
      const keep = async (i, result) => {
        const value = await result
        await commit(() => addStep.run(id, i, value))
        return value
      }
      await commit(() => addFlow.run(id, n))
      const seed = await keep(-1, root())
      const values = await Promise.all(Array.from({ length: n }, (_, i) => keep(i, work(seed, i))))
      return keep(n, join(values))
    },
    resume: async (count) => {
      const last = new Map()
      for (const row of database.prepare("SELECT flow, i, value FROM step ORDER BY flow, i").iterate())
        last.set(row.flow, row)
      const flows = database.prepare("SELECT id, input, result FROM flow").all()
      const values = await Promise.all(
        flows.map(({ id, input, result }) => {
          if (result !== null) return result
          const { i, value } = last.get(id) ?? { i: -1, value: input }
          return go(id, i + 1, value)
        })
      )
      return flows.length === count ? values.reduce((sum, value) => (sum + value) % 1_000_003, 0) : -1
    },
    close: () => database.close()
  }
}
