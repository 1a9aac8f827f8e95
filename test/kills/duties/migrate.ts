/** Takes a store to the next format, and is killed on the way. The step is one of the tests: it writes a table anew. */
import { setTimeout as wait } from "node:timers/promises"
import { Sqlite } from "../../../src/storage/sqlite/database.ts"
import { migrate, migrations } from "../../../src/storage/sqlite/format.ts"
import type { Migrate } from "./order.ts"

/** Every run and every message stands in a new table with one more column. */
export const nextStep = `
CREATE TABLE kills_messages (run INTEGER NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, chain NOT NULL, body TEXT NOT NULL,
  size INTEGER NOT NULL, PRIMARY KEY (run, seq)) WITHOUT ROWID;
INSERT INTO kills_messages SELECT run, seq, epoch, chain, body, length(body) FROM troupe_messages;
DROP TABLE troupe_messages;
ALTER TABLE kills_messages RENAME TO troupe_messages;
CREATE TABLE kills_marks (run TEXT PRIMARY KEY);
INSERT INTO kills_marks SELECT name FROM troupe_runs;
`
export const nextSteps = [...migrations, nextStep]

export const migrateStore = async ({ store, stays }: Migrate, started: () => void): Promise<void> => {
  const sqlite = await Sqlite.load()
  started()
  const database = sqlite.open(store)
  migrate(database, nextSteps)
  if (stays) for (;;) await wait(1_000)
  database.close()
}
