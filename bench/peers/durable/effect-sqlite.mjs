// Effect's durable workflows on @effect/sql-sqlite-node: WAL, and SQLite's own default of synchronous=FULL.
import { join } from "node:path"
import { sqlite } from "./shared/effect-drivers.mjs"

export const open = async (env) =>
  (await import("./shared/effect-cluster.mjs")).openOn(await sqlite(join(env.dir, "effect.db")), env)
