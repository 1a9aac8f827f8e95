// LangGraph.js with PostgresSaver, a pool of 20 connections.
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres"
import pg from "pg"
import { openOn } from "./shared/langgraph.mjs"

export const open = async (env) => {
  const saver = new PostgresSaver(new pg.Pool({ connectionString: env.postgres, max: 20 }))
  await saver.setup()
  return openOn(saver, env, () => saver.end())
}
