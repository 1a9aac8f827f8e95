/** Who takes part in the durable bench, and what each needs and is. What a candidate does is written at the head of its file. */
import { fileURLToPath } from "node:url"

export type Server = "postgres" | "redis-always" | "redis-everysec" | "restate"

/**
 * `limit`: by hand, to see what the disk allows. `by hand`: what one writes without an engine. `queue`: jobs that hand on to the
 * next, without a history. `weak`: acknowledged steps may be lost in a power cut.
 */
export type Kind = "troupe" | "engine" | "queue" | "by hand" | "limit" | "weak"

export interface Candidate {
  readonly name: string
  readonly path: string
  readonly kind: Kind
  readonly server?: Server
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const own = (name: string, kind: Kind): Candidate => ({ name, kind, path: here(`candidates/${name}.mjs`) })
const peer = (name: string, kind: Kind, server?: Server): Candidate => ({
  name,
  kind,
  path: here(`../peers/durable/${name}.mjs`),
  ...(server === undefined ? {} : { server })
})

export const ours: ReadonlyArray<Candidate> = [
  own("troupe", "troupe"),
  own("limit-each", "limit"),
  own("limit-group", "limit"),
  own("xstate-sqlite", "by hand")
]

export const peers: ReadonlyArray<Candidate> = [
  peer("dbos", "engine", "postgres"),
  peer("restate", "engine", "restate"),
  peer("openworkflow-sqlite", "engine"),
  peer("openworkflow-postgres", "engine", "postgres"),
  peer("langgraph-sqlite", "engine"),
  peer("langgraph-postgres", "engine", "postgres"),
  peer("effect-sqlite", "engine"),
  peer("effect-postgres", "engine", "postgres"),
  peer("bullmq", "queue", "redis-always"),
  peer("bullmq-tuned", "queue", "redis-always"),
  peer("graphile-worker", "queue", "postgres"),
  peer("pg-boss", "queue", "postgres"),
  peer("mastra-libsql", "weak"),
  peer("bullmq-everysec", "weak", "redis-everysec")
]
