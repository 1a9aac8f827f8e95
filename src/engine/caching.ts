/**
 * Under which key the result of an attempt is remembered: what does the work, and what it is given. Equal work with equal data
 * has the same key in every run and every workflow of a store.
 */
import { createHash } from "node:crypto"
import type { CompiledWork } from "../model/compile.ts"
import { canonical, type Json } from "../model/json.ts"
import type { Frame } from "../model/mapping.ts"

/** The key of an attempt; undefined for work without a cache. */
export const cacheKeyOf = (work: CompiledWork, frame: Frame, input: Json | undefined): string | undefined => {
  const { cache } = work
  if (cache === undefined) return undefined
  const given = cache.key === undefined ? input : cache.key(frame)
  // how old a value is can be told from when it expires, where all are kept equally long
  const kept = cache.keepMs === cache.ttlMs ? [] : [cache.keepMs]
  return createHash("sha256")
    .update(canonical([doerOf(work, frame), given ?? null, ...kept]))
    .digest("base64url")
}

/** What does the work: bound code by its name, an agent by what it can do, a built-in kind with its settings. */
const doerOf = (work: CompiledWork, frame: Frame): Json => {
  if (work.code !== undefined) return { task: work.code }
  if (work.needs.length > 0) return { needs: work.needs }
  const { kind, error, times, env, outputMaxBytes, method, module } = work.ir as unknown as Record<
    string,
    Json | undefined
  >
  return [
    [kind, error, times, env, outputMaxBytes, method, module].map((one) => one ?? null),
    work.settings?.(frame) ?? null
  ]
}
