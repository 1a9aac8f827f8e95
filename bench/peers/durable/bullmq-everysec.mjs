// BullMQ on Redis with an append-only file, appendfsync everysec: up to a second of acknowledged work can be lost.
import { openOn } from "./shared/bullmq.mjs"

export const open = (env) => openOn(env)
