// Effect's durable workflows on @effect/sql-pg, a pool of 20 connections.
import { postgres } from "./shared/effect-drivers.mjs"

export const open = async (env) =>
  (await import("./shared/effect-cluster.mjs")).openOn(await postgres(env.postgres, 20), env)
