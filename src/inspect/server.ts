/**
 * The local server of the inspector: shows a source to whoever sits at this machine and has the token, and to nobody else. It only
 * reads, unless it was started with `control`. What it is asked, and who asks, can neither end nor slow the process that is looked at.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { isIP } from "node:net"
import { fileURLToPath } from "node:url"
import { answerApi, partsOf, refused } from "./api.ts"
import { performAsk } from "./asks.ts"
import { InspectorRefused } from "./errors.ts"
import { filesOf, type PageFiles } from "./files.ts"
import {
  type Asked,
  comesFromHere,
  hasToken,
  mayFollow,
  mayTell,
  newToken,
  type Rules,
  refusal,
  tellingToken
} from "./guard.ts"
import { type Answer, type Handlers, listen, type Request } from "./http.ts"
import { type Hello, protocolVersion } from "./protocol.ts"
import { type Redact, redact as redactDefault } from "./redact.ts"
import { attend, type Desk } from "./socket.ts"
import type { Source } from "./source.ts"
import { openSockets } from "./websocket.ts"

export interface ServeOptions {
  /** Where to listen: this machine only by default, on IPv4 and IPv6. Another address lets others in who have the token. */
  readonly host?: string
  /** 0, the default, for one that is free. */
  readonly port?: number
  /** Lets viewers act on runs; each act is a message of the journal. */
  readonly control?: boolean
  /** The folder of the page; by default that of this package. */
  readonly page?: string
  /** Who looks, kept in the history with what is asked. */
  readonly who?: string
  /** Further names under which it is called, with or without port. */
  readonly allowedHosts?: ReadonlyArray<string>
  /** Also where NODE_ENV is `production`. */
  readonly force?: boolean
  readonly redact?: Redact
  /** Takes what applications tell at `/stately`, as `createWebSocketInspector` of `@statelyai/inspect` does; absent, nobody is listened to. */
  readonly hear?: (text: string) => void
  /** Whoever does not answer between two looks is gone; default 15 s. */
  readonly lookEveryMs?: number
}

export interface Served {
  /** With the token in its fragment, which browsers send to nobody. */
  readonly url: string
  readonly port: number
  /** Where `createWebSocketInspector({ url })` of `@statelyai/inspect` tells what it sees; it cannot read with it. */
  readonly hearsAt?: string
  /** What somebody should know who listens to others than this machine. */
  readonly warning?: string
  /** Ends all viewers; the source stays open. */
  readonly close: () => Promise<void>
}

/** Viewers at once. */
const viewersMost = 16
/** Largest message of an application: a snapshot of what it has. */
const heardMost = 1024 * 1024
/** Requests that are being answered at once. */
const requestsMost = 32

export const serve = async (source: Source, options: ServeOptions = {}): Promise<Served> => {
  const { host, control = false, who, force = false, redact = redactDefault, lookEveryMs = 15_000 } = options
  if (process.env["NODE_ENV"] === "production" && !force) throw new InspectorRefused({ reason: "production" })
  const { port = 0, allowedHosts = [] } = checked(options)
  const isLocal = host === undefined || host === "localhost" || isLoopback(host)
  if (host !== undefined && isWildcard(host) && allowedHosts.length === 0)
    throw new InspectorRefused({ reason: "wildcard", detail: host })
  const files = filesOf(options.page ?? pageOfPackage())
  const token = newToken()
  const hosts = new Set<string>()
  const rules: Rules = { hosts, token }
  const bootId = randomBytes(8).toString("hex")
  const mayControl = control && source.perform !== undefined
  const hello = (): Hello => ({
    type: "hello",
    protocol: protocolVersion,
    version,
    pid: process.pid,
    bootId,
    title: String(redact(source.title)),
    source: source.kind,
    mayControl,
    ...(mayControl && source.offers !== undefined ? { offers: source.offers } : {}),
    now: Date.now(),
    ...(source.opensAt === undefined ? {} : { opensAt: source.opensAt })
  })
  const desk: Desk = {
    source,
    redact,
    hello,
    perform: (ask, isDryRun) => performAsk(source, { mayControl: control, who }, ask, isDryRun),
    following: { count: 0 }
  }
  const viewers = new Set<{ readonly end: () => void }>()
  const sockets = openSockets(lookEveryMs)
  const { hear } = options
  const ears = openSockets(lookEveryMs, heardMost)
  const speakers = new Set<{ readonly end: () => void }>()
  const listenTo = (asked: Asked): ReturnType<Handlers["upgrade"]> => {
    if (hear === undefined) return refusal(404, "NOT_FOUND", "nobody listens here")
    const refusedAs = mayTell(asked, rules, partsOf(asked).query.get("token"))
    if (refusedAs !== undefined) return refusedAs
    if (speakers.size >= viewersMost)
      return refusal(503, "SPEAKERS_TOO_MANY", `${viewersMost} applications tell already`)
    return (message, socket, head) =>
      ears.accept(message, socket, head, (wire) => {
        speakers.add(wire)
        return { text: hear, closed: () => void speakers.delete(wire) }
      })
  }
  // those that are still shaking hands count as well
  let joining = 0
  let requests = 0
  const handlers: Handlers = {
    request: async (request) => {
      const foreign = comesFromHere(request, rules)
      if (foreign !== undefined) return refused(foreign)
      if (requests >= requestsMost) return refused(refusal(503, "BUSY", "too much is asked at once"))
      requests++
      try {
        return await answer(request, rules, files, desk)
      } finally {
        requests--
      }
    },
    upgrade: (asked) => {
      if (partsOf(asked).path === "/stately") return listenTo(asked)
      const refusedAs = mayFollow(asked, rules)
      if (refusedAs !== undefined) return refusedAs
      if (partsOf(asked).path !== "/ws") return refusal(404, "NOT_FOUND", "WebSockets are opened at /ws")
      if (viewers.size + joining >= viewersMost)
        return refusal(503, "VIEWERS_TOO_MANY", `${viewersMost} viewers look already: close one`)
      return (message, socket, head) => {
        joining++
        const left = () => {
          joining--
        }
        socket.once("close", left)
        sockets.accept(message, socket, head, (wire) => {
          socket.off("close", left)
          joining--
          const viewer = attend(wire, desk)
          viewers.add(viewer)
          return {
            text: viewer.text,
            closed: () => {
              viewers.delete(viewer)
              viewer.closed()
            }
          }
        })
      }
    }
  }
  const listening = await listen(handlers, { host: host === "localhost" ? undefined : host, port })
  for (const name of namesOf(host, listening.port, allowedHosts)) hosts.add(name.toLowerCase())
  const shown = isLocal ? (host === undefined || host === "localhost" ? "127.0.0.1" : host) : (allowedHosts[0] ?? host)
  const authority = /:\d+$/.test(shown) && isIP(shown) === 0 ? shown : `${bracketed(shown)}:${listening.port}`
  return {
    url: `http://${authority}/#token=${token}`,
    port: listening.port,
    ...(hear === undefined ? {} : { hearsAt: `ws://${authority}/stately?token=${tellingToken(token)}` }),
    ...(isLocal
      ? {}
      : {
          warning: `the inspector listens on ${host}: whoever can reach it and has the address with its token sees these runs${control ? ", and can act on them" : ""}; what is sent is not encrypted`
        }),
    close: async () => {
      for (const viewer of viewers) viewer.end()
      viewers.clear()
      for (const speaker of speakers) speaker.end()
      await listening.close()
    }
  }
}

const answer = async (request: Request, rules: Rules, files: PageFiles, desk: Desk): Promise<Answer> => {
  const { path } = partsOf(request)
  // the page itself is no secret: it is the same for everybody, and shows nothing without the token
  const file = files.get(path)
  if (file !== undefined && request.method !== "POST") return { status: 200, type: file.type, body: await file.read() }
  const stranger = hasToken(request, rules)
  if (path === "/" && request.method !== "POST") return { status: 200, type: "text/plain; charset=utf-8", body: noPage }
  if (stranger !== undefined) return refused(stranger)
  return answerApi(request, desk)
}

const noPage = 'the page of the inspector is not built; in a checkout, "node scripts/build.mjs" builds it\n'

/** `dist/inspector`, from `dist/inspect` as from `src/inspect`. */
export const pageOfPackage = (): string => fileURLToPath(new URL("../../dist/inspector/", import.meta.url))

const version = (() => {
  const file = new URL("../../package.json", import.meta.url)
  return existsSync(file) ? String(JSON.parse(readFileSync(file, "utf8")).version) : ""
})()

const isLoopback = (host: string): boolean => /^127\.(?:\d{1,3}\.){2}\d{1,3}$/.test(host) || host === "::1"
const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::" || host === ""
const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host)

/** Our own names count with our own port only: what listens beside us on this machine is somebody else. */
const namesOf = (host: string | undefined, port: number, allowed: ReadonlyArray<string>): ReadonlyArray<string> => {
  const own = ["127.0.0.1", "localhost", "[::1]", ...(host === undefined || isWildcard(host) ? [] : [bracketed(host)])]
  return [
    ...own.map((name) => `${name}:${port}`),
    // browsers leave the port out where it is the usual one
    ...(port === 80 ? own : []),
    ...allowed.flatMap((name) => (/:\d+$/.test(name) ? [name] : [name, `${name}:${port}`]))
  ]
}

const checked = (options: ServeOptions): ServeOptions => {
  const { port = 0, allowedHosts = [], who, host } = options
  const wrong = (detail: string) => new InspectorRefused({ reason: "option", detail })
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw wrong(`'port' is a whole number from 0 to 65535, and ${String(port).slice(0, 40)} is none`)
  if (host !== undefined && (typeof host !== "string" || host === ""))
    throw wrong("'host' is an address to listen on, or is left out for this machine only")
  for (const name of allowedHosts)
    if (!/^(?:[\w-]+(?:\.[\w-]+)*|\[[\da-f:]+\])(?::\d{1,5})?$/i.test(name))
      throw wrong(
        `${JSON.stringify(String(name).slice(0, 60))} in 'allowedHosts' is no name of a host, as in "inspector.example" or "inspector.example:8080"`
      )
  if (who !== undefined && (typeof who !== "string" || who.length > 200))
    throw wrong("'who' is a text of at most 200 characters")
  return options
}
