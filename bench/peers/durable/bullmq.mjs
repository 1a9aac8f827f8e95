// BullMQ on Redis with an append-only file, appendfsync always; the worker's locks as they are by default (30 s).
import { openOn } from "./shared/bullmq.mjs"

export const open = (env) => openOn(env)
