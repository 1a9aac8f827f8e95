/** The routes for programs, as one table: what is not listed does not exist, and each needs the token. */
import type { Performed } from "./asks.ts"
import { faultOf } from "./faults.ts"
import { type Asked, isJson, type Refusal, refusal } from "./guard.ts"
import type { Answer, Request } from "./http.ts"
import { redactEvent } from "./redact-event.ts"
import { bounds, type Desk } from "./socket.ts"
import { inboundMost } from "./websocket.ts"

/** Events of one answer, and their characters; the next page begins where it ended. */
const pageMost = { events: 10_000, characters: 4 * 1024 * 1024 } as const
/** How long an answer waits for its events, in milliseconds. */
const patienceMs = 10_000
/** Most runs of an answer. */
const runsMost = 1_000

type Route = (request: Request, desk: Desk, found: Found) => Promise<Answer>

interface Found {
  readonly query: URLSearchParams
  /** What stands between `/api/streams/` and `/events`. */
  readonly stream: string
}

interface Known {
  readonly method: "GET" | "POST"
  readonly pattern: RegExp
  readonly route: Route
}

const hello: Route = async (_, desk) => json(200, desk.hello())

const runs: Route = async (_, { source, redact }, { query }) => {
  const limit = countOf(query, "limit", bounds.runs)
  if (limit === undefined) return refused(refusal(400, "QUERY_INVALID", "'limit' is a whole number"))
  const { streams, runs, total } = await source.overview(Math.min(limit, runsMost))
  const rows = runs.map((row) => (row.error === undefined ? row : { ...row, error: String(redact(row.error)) }))
  return json(200, { streams, runs: rows, total })
}

const events: Route = async (_, { source, redact, following }, { query, stream }) => {
  const from = countOf(query, "from", 0)
  if (from === undefined) return refused(refusal(400, "QUERY_INVALID", "'from' is the number of an event"))
  if (following.count >= bounds.followings) return refused(refusal(503, "BUSY", "too many streams are followed"))
  const told: Array<string> = []
  let next = from
  let characters = 0
  let isCaughtUp = false
  let isFull = false
  // whoever asks does not wait for what may never come
  const left = new AbortController()
  const timer = setTimeout(() => left.abort(), patienceMs)
  following.count++
  try {
    for await (const batch of source.follow(stream, from, left.signal)) {
      for (const event of batch.events) {
        const text = JSON.stringify(batch.redactedBy === redact ? event : redactEvent(event, redact))
        isFull = told.length >= pageMost.events || (told.length > 0 && characters + text.length > pageMost.characters)
        if (isFull) break
        told.push(text)
        characters += text.length
        next = event.seq + 1
      }
      isCaughtUp = batch.isCaughtUp && !isFull
      if (isCaughtUp || isFull || left.signal.aborted) break
    }
    // a source that has ended has told all there is
    isCaughtUp ||= !isFull && !left.signal.aborted
  } finally {
    clearTimeout(timer)
    left.abort()
    following.count--
  }
  const body = `{"stream":${JSON.stringify(stream)},"events":[${told.join(",")}],"next":${next},"isCaughtUp":${isCaughtUp}}`
  return { status: 200, type, body }
}

const ask: Route = async (request, { perform, redact }) => {
  const wrong = isJson(request)
  if (wrong !== undefined) return refused(wrong)
  const text = await request.body(inboundMost)
  if (text === undefined)
    return refused(refusal(413, "BODY_TOO_LARGE", `an ask has at most ${inboundMost.toLocaleString("en")} bytes`))
  const given = parsed(text)
  if (given === undefined) return refused(refusal(400, "BODY_INVALID", 'the body is JSON: {"ask": {"verb": …}}'))
  const { ask, isDryRun = false, ...more } = given
  if (Object.keys(more).length > 0 || typeof isDryRun !== "boolean")
    return refused(refusal(400, "BODY_INVALID", "the body has 'ask' and 'isDryRun', and nothing else"))
  try {
    const { value, preview }: Performed = await perform(ask, isDryRun)
    return json(200, {
      ok: true,
      ...(value === undefined ? {} : { value: redact(value) }),
      ...(preview === undefined ? {} : { preview })
    })
  } catch (error) {
    const fault = faultOf(error, redact)
    return json(statuses[fault.code] ?? (fault.code === "UNEXPECTED" ? 500 : 409), { ok: false, error: fault })
  }
}

const statuses: { readonly [code: string]: number } = {
  ASK_INVALID: 400,
  REQUEST_INVALID: 400,
  VERB_UNKNOWN: 400,
  ID_INVALID: 400,
  READ_ONLY: 403,
  NOT_POSSIBLE: 403,
  RUN_NOT_FOUND: 404,
  STREAM_UNKNOWN: 404
}

const table: ReadonlyArray<Known> = [
  { method: "GET", pattern: /^\/api\/hello$/, route: hello },
  { method: "GET", pattern: /^\/api\/runs$/, route: runs },
  { method: "GET", pattern: /^\/api\/streams\/([^/]{1,1000})\/events$/, route: events },
  { method: "POST", pattern: /^\/api\/ask$/, route: ask }
]

/** Answers a request that has come through the guard and brings the token. */
export const answerApi = async (request: Request, desk: Desk): Promise<Answer> => {
  const { path, query } = partsOf(request)
  const found = table.flatMap((known) => {
    const match = known.pattern.exec(path)
    return match === null ? [] : [{ known, stream: match[1] }]
  })[0]
  if (found === undefined) return refused(refusal(404, "NOT_FOUND", "there is no such route"))
  const { method, route } = found.known
  if (request.method !== method && !(request.method === "HEAD" && method === "GET"))
    return refused(refusal(405, "METHOD_UNKNOWN", `${method} is known here`))
  const stream = found.stream === undefined ? "" : decoded(found.stream)
  if (stream === undefined || stream.length > bounds.name)
    return refused(refusal(400, "STREAM_INVALID", "that is no name of a stream"))
  try {
    return await route(request, desk, { query, stream })
  } catch (error) {
    const fault = faultOf(error, desk.redact)
    return json(statuses[fault.code] ?? 500, { error: fault })
  }
}

/** The path of a target, as it stands there: nothing is resolved. */
export const partsOf = ({ target }: Asked): { readonly path: string; readonly query: URLSearchParams } => {
  const at = target.indexOf("?")
  return at === -1
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, at), query: new URLSearchParams(target.slice(at + 1)) }
}

const type = "application/json; charset=utf-8"
const json = (status: number, value: unknown): Answer => ({ status, type, body: JSON.stringify(value) })
export const refused = ({ status, code, message }: Refusal): Answer => json(status, { error: { code, message } })

const countOf = (query: URLSearchParams, name: string, otherwise: number): number | undefined => {
  const given = query.get(name)
  if (given === null) return otherwise
  return /^\d{1,15}$/.test(given) ? Number(given) : undefined
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const parsed = (text: string): Record<string, unknown> | undefined => {
  try {
    const given: unknown = JSON.parse(text)
    return typeof given === "object" && given !== null && !Array.isArray(given)
      ? (given as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
