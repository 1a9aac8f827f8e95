/**
 * Who may ask at all: decided from the head of a request, before anything is done for it. Deny by default; a web page of somebody
 * else, a name that was made to lead here, and a program without the token get nothing. Pure.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

/** The head of a request. */
export interface Asked {
  readonly method: string
  /** As it stands in the request: path and query. */
  readonly target: string
  readonly host: string | undefined
  /** How many `Host` fields there are. */
  readonly hosts: number
  readonly origin: string | undefined
  readonly site: string | undefined
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  /** `Sec-WebSocket-Protocol`. */
  readonly protocols: string | undefined
}

export interface Rules {
  /** Names with ports, in small letters, under which this server is called. */
  readonly hosts: ReadonlySet<string>
  readonly token: string
}

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

export const refusal = (status: number, code: string, message: string): Refusal => ({ status, code, message })

/** 192 bits, new at each start. */
export const newToken = (): string => randomBytes(24).toString("base64url")

const subprotocol = "troupe.v1"

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST"])

/** Whether it comes from here: asked of every request and every upgrade, also of those for files. */
export const comesFromHere = (asked: Asked, rules: Rules): Refusal | undefined => {
  const { host, hosts, origin, site, target, method } = asked
  if (hosts !== 1 || host === undefined || !rules.hosts.has(host.toLowerCase()))
    return refusal(421, "HOST_UNKNOWN", "this server is not called by that name: use the address that it printed")
  if (origin !== undefined && !isOwn(origin, rules))
    return refusal(403, "ORIGIN_FOREIGN", "pages of other origins get nothing from here")
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return refusal(403, "SITE_FOREIGN", "other sites get nothing from here: open the address that was printed")
  if (!target.startsWith("/") || target.length > targetMost)
    return refusal(400, "TARGET_INVALID", "the target of the request is no path")
  if (!methods.has(method)) return refusal(405, "METHOD_UNKNOWN", "only GET, HEAD and POST are known here")
  return undefined
}
const targetMost = 4_096

const isOwn = (origin: string, { hosts }: Rules): boolean => {
  const given = origin.toLowerCase()
  const scheme = given.startsWith("http://") ? "http://" : given.startsWith("https://") ? "https://" : undefined
  return scheme !== undefined && hosts.has(given.slice(scheme.length))
}

/** Whether somebody who asks for data has the token. */
export const hasToken = ({ authorization }: Asked, rules: Rules): Refusal | undefined =>
  isToken(/^bearer (.*)$/i.exec(authorization ?? "")?.[1], rules) ? undefined : noToken

const noToken = refusal(401, "TOKEN_MISSING", "the token is missing or wrong: open the address that was printed")

/** Whether somebody may follow: a page brings the token as a subprotocol, a program, which has no origin, as a header. */
export const mayFollow = (asked: Asked, rules: Rules): Refusal | undefined => {
  const from = comesFromHere(asked, rules)
  if (from !== undefined) return from
  if (asked.method !== "GET") return refusal(405, "METHOD_UNKNOWN", "a WebSocket is opened with GET")
  const offered = (asked.protocols ?? "").split(",").map((one) => one.trim())
  if (!offered.includes(subprotocol)) return refusal(400, "PROTOCOL_UNKNOWN", `offer the subprotocol '${subprotocol}'`)
  if (asked.origin === undefined) return hasToken(asked, rules)
  const given = offered.find((one) => one.startsWith("token."))?.slice("token.".length)
  return isToken(given, rules) ? undefined : noToken
}

/**
 * Whether an application may tell us what its actors do. It may come from any origin, for it is somebody else's page; it needs a token
 * of its own, which lets nobody read. A browser cannot give WebSockets a header, so it stands in the address.
 */
export const mayTell = (asked: Asked, rules: Rules, token: string | null): Refusal | undefined => {
  const from = comesFromHere({ ...asked, origin: undefined, site: undefined }, rules)
  if (from !== undefined) return from
  return isToken(token ?? undefined, { ...rules, token: tellingToken(rules.token) }) ? undefined : noToken
}

/** Follows from the token of the server, and does not lead back to it. */
export const tellingToken = (token: string): string =>
  createHash("sha256").update(`tell ${token}`).digest("base64url").slice(0, 32)

/** What brings about something is JSON: a form of a foreign page cannot say that without asking first. */
export const isJson = ({ contentType }: Asked): Refusal | undefined =>
  contentType !== undefined && /^application\/json\s*(?:;|$)/i.test(contentType)
    ? undefined
    : refusal(415, "TYPE_UNKNOWN", "give the content type 'application/json'")

/** Compared in a time that does not depend on what is given. */
const isToken = (given: string | undefined, { token }: Rules): boolean =>
  timingSafeEqual(digest(given ?? ""), digest(token)) && given !== undefined

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()
