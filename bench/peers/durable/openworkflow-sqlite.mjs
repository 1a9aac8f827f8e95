// OpenWorkflow on SQLite (node:sqlite, WAL, synchronous as it is by default).
import { join } from "node:path"
import { BackendSqlite } from "openworkflow/sqlite"
import { openOn } from "./shared/openworkflow.mjs"

export const open = async (env) => openOn(await BackendSqlite.connect(join(env.dir, "openworkflow.db")), env)
