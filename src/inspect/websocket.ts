/** The one place that knows `ws`: text in, text out, and a way to know that what was said has left. */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { type WebSocket, WebSocketServer } from "ws"

export interface Wire {
  /** Resolves once it has left for the network; rejects when it never will. */
  readonly send: (text: string) => Promise<void>
  readonly close: (code: number, reason: string) => void
  /** Ends it without another word. */
  readonly end: () => void
}

/** What is done with what comes. */
export interface Listener {
  readonly text: (text: string) => void
  readonly closed: () => void
}

export interface Sockets {
  readonly accept: (message: IncomingMessage, socket: Duplex, head: Buffer, attend: (wire: Wire) => Listener) => void
}

/** Largest message that somebody may send, in bytes: what pages ask is small. */
export const inboundMost = 64 * 1024

/** Whoever does not answer between two of these looks is gone. */
export const openSockets = (lookEveryMs: number, maxPayload = inboundMost): Sockets => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload,
    // costs the process that is looked at more than it saves on its own machine
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has("troupe.v1") ? "troupe.v1" : false)
  })
  server.on("wsClientError", (_, socket) => socket.destroy())
  return {
    accept: (message, socket, head, attend) => {
      server.handleUpgrade(message, socket, head, (ws) => {
        const listener = attend(wireOf(ws))
        keepAlive(ws, lookEveryMs)
        // malformed frames, too large ones, and connections that break: the socket closes, which is all there is to do
        ws.on("error", () => {})
        ws.on("message", (data, isBinary) => {
          if (isBinary) ws.close(1003, "text only")
          else listener.text(String(data))
        })
        ws.on("close", listener.closed)
      })
    }
  }
}

const wireOf = (ws: WebSocket): Wire => ({
  send: (text) =>
    new Promise((resolve, reject) => {
      ws.send(text, (error) => (error === undefined || error === null ? resolve() : reject(error)))
    }),
  close: (code, reason) => ws.close(code, reason),
  end: () => ws.terminate()
})

const keepAlive = (ws: WebSocket, lookEveryMs: number): void => {
  let isThere = true
  ws.on("pong", () => {
    isThere = true
  })
  const timer = setInterval(() => {
    if (!isThere) return ws.terminate()
    isThere = false
    ws.ping()
  }, lookEveryMs)
  timer.unref()
  ws.on("close", () => clearInterval(timer))
}
