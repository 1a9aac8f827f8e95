/**
 * A server as the page expects one, with streams that are given to it: the built files under the rules that forbid everything inline,
 * and a socket that speaks the protocol. For tests of the page alone.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type WebSocket, WebSocketServer } from "ws"
import { fakeRow } from "../../inspector/fake.ts"
import { filesOf } from "../../src/inspect/files.ts"
import type {
  Ask,
  ClientMessage,
  Hello,
  RunRow,
  SeenEvent,
  ServerMessage,
  StreamId
} from "../../src/inspect/protocol.ts"

const folder = fileURLToPath(new URL("../../dist/inspector/", import.meta.url))
export const policy =
  "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'none'; connect-src 'self'; img-src 'self' data:"

export interface PageServer {
  readonly url: string
  readonly origin: string
  /** What was asked, in order. */
  readonly asked: ReadonlyArray<{ readonly ask: Ask; readonly isDryRun: boolean }>
  /** Adds events to a stream, and tells whoever follows it. */
  readonly tell: (stream: StreamId, events: ReadonlyArray<SeenEvent>) => void
  /** Sends anything to all pages. */
  readonly send: (message: ServerMessage) => void
  /** Cuts all sockets; refuses new ones until `up` is called. */
  readonly down: () => void
  readonly up: (bootId?: string) => void
  /** From which event each stream was asked for, in order. */
  readonly followed: ReadonlyArray<{ readonly stream: StreamId; readonly from: number }>
  readonly close: () => Promise<void>
}

export interface PageServerOptions {
  readonly hello?: Partial<Hello>
  readonly streams: { readonly [stream: StreamId]: ReadonlyArray<SeenEvent> }
  readonly answer?: (ask: Ask, isDryRun: boolean) => Omit<Extract<ServerMessage, { type: "answer" }>, "type" | "id">
  readonly pieceMost?: number
}

export const servePage = async ({
  hello = {},
  streams,
  answer,
  pieceMost = 500
}: PageServerOptions): Promise<PageServer> => {
  const known = new Map<StreamId, Array<SeenEvent>>(Object.entries(streams).map(([id, events]) => [id, [...events]]))
  const viewers = new Map<WebSocket, Map<StreamId, number>>()
  const asked: Array<{ readonly ask: Ask; readonly isDryRun: boolean }> = []
  const followed: Array<{ readonly stream: StreamId; readonly from: number }> = []
  let bootId = "boot-1"
  let isDown = false
  const token = "t0ken"
  const files = filesOf(folder)

  const http = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname
    const file = files.get(path)
    if (file === undefined) return void response.writeHead(404).end()
    void file
      .read()
      .then((body) =>
        response.writeHead(200, { "content-type": file.type, "content-security-policy": policy }).end(body)
      )
  })
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "troupe.v1" })
  http.on("upgrade", (request, socket, head) => {
    const protocols = String(request.headers["sec-websocket-protocol"] ?? "").split(/,\s*/)
    if (isDown || request.url !== "/ws" || !protocols.includes(`token.${token}`)) return void socket.destroy()
    sockets.handleUpgrade(request, socket, head, (viewer) => greet(viewer))
  })

  const say = (viewer: WebSocket, message: ServerMessage) => viewer.send(JSON.stringify(message))
  const rows = (): ReadonlyArray<RunRow> =>
    [...known]
      .filter(([id, events]) => id.startsWith("run:") && events.some(({ kind }) => kind === "run"))
      .map(([, events]) => fakeRow(events))
  const overview = (): ServerMessage => ({
    type: "streams",
    streams: [...known.keys()],
    runs: rows(),
    total: rows().length
  })
  const feed = (viewer: WebSocket, stream: StreamId) => {
    const from = viewers.get(viewer)?.get(stream)
    const events = known.get(stream)
    if (from === undefined || events === undefined) return
    for (let at = from; at < events.length; at += pieceMost)
      say(viewer, { type: "batch", stream, events: events.slice(at, at + pieceMost) })
    viewers.get(viewer)!.set(stream, events.length)
    say(viewer, { type: "caughtUp", stream, seq: events.length })
  }
  const greet = (viewer: WebSocket) => {
    viewers.set(viewer, new Map())
    say(viewer, {
      type: "hello",
      protocol: 1,
      version: "0.1.0",
      pid: 4_242,
      bootId,
      title: "book-trip",
      source: "live",
      mayControl: true,
      // the time of the story, not of the machine
      now: Math.max(0, ...[...known.values()].map((events) => events.at(-1)?.t ?? 0)),
      ...hello
    })
    say(viewer, overview())
    viewer.on("close", () => viewers.delete(viewer))
    viewer.on("message", (data) => {
      const message = JSON.parse(String(data)) as ClientMessage
      switch (message.type) {
        case "subscribe":
          followed.push({ stream: message.stream, from: message.from ?? 0 })
          if (!known.has(message.stream))
            return say(viewer, {
              type: "error",
              stream: message.stream,
              code: "STREAM_UNKNOWN",
              message: `no stream ${message.stream}`
            })
          viewers.get(viewer)!.set(message.stream, message.from ?? 0)
          return feed(viewer, message.stream)
        case "unsubscribe":
          viewers.get(viewer)!.delete(message.stream)
          return
        case "ask":
          asked.push({ ask: message.ask, isDryRun: message.isDryRun === true })
          say(viewer, {
            type: "answer",
            id: message.id,
            ...(answer?.(message.ask, message.isDryRun === true) ?? { ok: true, value: { ok: true } })
          } as ServerMessage)
      }
    })
  }
  const port = await new Promise<number>((done) =>
    http.listen(0, "127.0.0.1", () => done((http.address() as AddressInfo).port))
  )
  const origin = `http://127.0.0.1:${port}`
  return {
    url: `${origin}/#token=${token}`,
    origin,
    asked,
    followed,
    tell: (stream, events) => {
      known.set(stream, [...(known.get(stream) ?? []), ...events])
      for (const viewer of viewers.keys()) {
        feed(viewer, stream)
        say(viewer, overview())
      }
    },
    send: (message) => {
      for (const viewer of viewers.keys()) say(viewer, message)
    },
    down: () => {
      isDown = true
      for (const viewer of viewers.keys()) viewer.terminate()
    },
    up: (another) => {
      isDown = false
      bootId = another ?? bootId
    },
    close: () =>
      new Promise((done) => {
        for (const viewer of sockets.clients) viewer.terminate()
        http.close(() => done())
        http.closeAllConnections()
      })
  }
}

/** Where a test finds a browser, if there is one. */
export const chromium = "/usr/bin/chromium"
export const screenshots = (name: string) =>
  join(fileURLToPath(new URL("../../test-results/screenshots/", import.meta.url)), `${name}.png`)
