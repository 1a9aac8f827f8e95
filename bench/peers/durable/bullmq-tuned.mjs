// BullMQ on Redis, appendfsync always, with locks of 5 s instead of 30 so that a killed worker is noticed sooner; repeated
// stalls are allowed, since a busy process misses so short a lock.
import { openOn } from "./shared/bullmq.mjs"

export const open = (env) => openOn(env, { lockDuration: 5_000, stalledInterval: 2_500, maxStalledCount: 20 })
