/** The one place that knows `node:http`: listens on this machine, takes requests apart, and answers. What is asked is decided elsewhere. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { InspectorRefused } from "./errors.ts"
import type { Asked, Refusal } from "./guard.ts"
import { headersOf } from "./headers.ts"

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
}

/** A request whose body has not been read yet. */
export interface Request extends Asked {
  /** At most so many bytes; undefined when there are more, or when whoever sends is too slow. */
  readonly body: (bytesMost: number) => Promise<string | undefined>
}

export interface Handlers {
  readonly request: (request: Request) => Promise<Answer>
  /** A refusal, or how to go on with the connection. */
  readonly upgrade: (asked: Asked) => Refusal | ((message: IncomingMessage, socket: Duplex, head: Buffer) => void)
}

/** Connections at once, on each address. */
const connectionsMost = 64

/** What is malformed, CONNECT, and unknown expectations Node refuses by itself. */
const serverOf = ({ request, upgrade }: Handlers): Server => {
  const server = createServer({
    headersTimeout: 5_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 16 * 1024,
    insecureHTTPParser: false
  })
  server.maxConnections = connectionsMost
  server.on("request", (message, response) => {
    // nothing that a stranger sends may reach the process as an exception
    answerTo(message, response, request).catch(() => {
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { ...headersOf(undefined), connection: "close" }).end()
    })
  })
  server.on("upgrade", (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy())
    const decided = upgrade(askedOf(message))
    if (typeof decided === "function") decided(message, socket, head)
    else refuseUpgrade(socket, decided)
  })
  return server
}

const askedOf = ({ method = "", url = "", headers, rawHeaders }: IncomingMessage): Asked => ({
  method,
  target: url,
  host: headers.host,
  hosts: rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length,
  origin: textOf(headers.origin),
  site: textOf(headers["sec-fetch-site"]),
  authorization: headers.authorization,
  contentType: headers["content-type"],
  protocols: textOf(headers["sec-websocket-protocol"])
})

const textOf = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" || value === undefined ? value : value.join(", ")

const answerTo = async (
  message: IncomingMessage,
  response: ServerResponse,
  request: Handlers["request"]
): Promise<void> => {
  response.on("error", () => response.destroy())
  const asked = askedOf(message)
  const { status, type, body } = await request({ ...asked, body: (most) => read(message, most) })
  const bytes = typeof body === "string" ? Buffer.from(body) : body
  // what is left of a body that nobody wants is not waited for
  const isRead = message.complete || message.method === "GET" || message.method === "HEAD"
  response.writeHead(status, {
    ...headersOf(status === 421 ? undefined : asked.host),
    "content-type": type,
    "content-length": bytes.length,
    ...(isRead ? {} : { connection: "close" })
  })
  response.end(message.method === "HEAD" ? undefined : bytes)
  if (!isRead) response.on("finish", () => message.destroy())
}

const read = async (message: IncomingMessage, bytesMost: number): Promise<string | undefined> => {
  if (Number(message.headers["content-length"] ?? 0) > bytesMost) return undefined
  const chunks: Array<Buffer> = []
  let bytes = 0
  try {
    for await (const chunk of message.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length
      if (bytes > bytesMost) return undefined
      chunks.push(chunk as Buffer)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks).toString("utf8")
}

const refuseUpgrade = (socket: Duplex, { status, code, message }: Refusal): void => {
  const body = JSON.stringify({ error: { code, message } })
  const head = [
    `HTTP/1.1 ${status} Refused`,
    "connection: close",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy())
}

export interface Listening {
  readonly port: number
  readonly close: () => Promise<void>
}

const both = ["127.0.0.1", "::1"]
const triesMost = 10

/** Listens on one address, or, without one, on both addresses of this machine that nobody else reaches, with the same port. */
export const listen = async (
  handlers: Handlers,
  { host, port }: { readonly host: string | undefined; readonly port: number }
): Promise<Listening> => {
  for (let tries = 1; ; tries++) {
    const servers: Array<Server> = []
    try {
      let taken = port
      for (const address of host === undefined ? both : [host]) {
        const server = serverOf(handlers)
        try {
          taken = await listenAt(server, address, taken)
          servers.push(server)
        } catch (error) {
          // a machine without IPv6 has one address only
          if (servers.length === 0 || !isAbsent(error)) throw error
        }
      }
      return { port: taken, close: () => closeAll(servers) }
    } catch (error) {
      await closeAll(servers)
      const { code } = error as NodeJS.ErrnoException
      if (code === "EADDRINUSE" && port === 0 && tries < triesMost) continue
      throw code === "EADDRINUSE" || code === "EACCES"
        ? new InspectorRefused({ reason: "port", detail: String(port) })
        : new InspectorRefused({ reason: "host", detail: `${host ?? both[0]}: ${(error as Error).message}` })
    }
  }
}

const isAbsent = (error: unknown): boolean =>
  ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes(String((error as NodeJS.ErrnoException).code))

const listenAt = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host, port, ipv6Only: host === "::1", exclusive: true }, () => {
      server.off("error", reject)
      server.on("error", () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })

const closeAll = async (servers: ReadonlyArray<Server>): Promise<void> => {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        })
    )
  )
}
