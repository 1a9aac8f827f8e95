// LangGraph.js with SqliteSaver (better-sqlite3, WAL), raised to synchronous=FULL so that an acknowledged step survives a power cut.
import { join } from "node:path"
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite"
import { openOn } from "./shared/langgraph.mjs"

export const open = async (env) => {
  const saver = SqliteSaver.fromConnString(join(env.dir, "langgraph.db"))
  saver.db.pragma("synchronous=FULL")
  return openOn(saver, env, () => saver.db.close())
}
