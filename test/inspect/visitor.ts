// Somebody who comes to the server with whatever a test gives: raw requests, and WebSockets with any head.
import { type IncomingHttpHeaders, request } from "node:http"
import { connect } from "node:net"
import { WebSocket } from "ws"
import { type Served, type ServeOptions, serve } from "../../src/inspect/server.ts"
import type { Source } from "../../src/inspect/source.ts"

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: () => any
}

export interface Visit {
  readonly method?: string
  readonly path?: string
  readonly headers?: { readonly [name: string]: string | undefined }
  readonly body?: string
  readonly address?: string
}

export const visitor = async (source: Source, options: ServeOptions = {}) => {
  const server = await serve(source, options)
  const token = new URLSearchParams(new URL(server.url).hash.slice(1)).get("token")!
  const host = `127.0.0.1:${server.port}`
  const bearer = { authorization: `Bearer ${token}` }
  /** A request as it is: without anything that was not asked for, and without a path being put right. */
  const ask = ({ method = "GET", path = "/", headers = {}, body, address = "127.0.0.1" }: Visit): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const given = Object.fromEntries(Object.entries({ host, ...headers }).filter(([, value]) => value !== undefined))
      const asked = request({ host: address, port: server.port, method, path, headers: given as never, agent: false })
      asked.on("error", reject)
      asked.on("response", (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part) => (text += part))
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, text, json: () => JSON.parse(text) })
        )
      })
      asked.end(body)
    })
  /** Bytes as they are; gives what comes back until the server closes or falls silent. */
  const raw = (bytes: string | Buffer, waitMs = 1_500): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes))
      let text = ""
      const done = () => {
        clearTimeout(timer)
        socket.destroy()
        resolve(text)
      }
      const timer = setTimeout(done, waitMs)
      socket.on("data", (part) => (text += part))
      socket.on("close", done)
      socket.on("error", done)
    })
  /** Opens a WebSocket; gives the status it was refused with. */
  const upgrade = ({
    path = "/ws",
    headers = {},
    protocols = ["troupe.v1", `token.${token}`]
  }: {
    readonly path?: string
    readonly headers?: { readonly [name: string]: string | undefined }
    readonly protocols?: ReadonlyArray<string>
  } = {}): Promise<Socket | number> =>
    new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://${host}${path}`, [...protocols], {
        headers: Object.fromEntries(
          Object.entries({ origin: `http://${host}`, ...headers }).filter(([, value]) => value !== undefined)
        ) as { [name: string]: string }
      })
      const socket = socketOf(ws)
      ws.on("open", () => resolve(socket))
      ws.on("unexpected-response", (_, response) => {
        resolve(response.statusCode!)
        ws.terminate()
      })
      ws.on("error", (error) => reject(error))
    })
  const open = async (): Promise<Socket> => {
    const socket = await upgrade()
    if (typeof socket === "number") throw new TypeError(`refused with ${socket}`)
    return socket
  }
  return { server, token, host, bearer, ask, raw, upgrade, open, close: () => server.close() } as const
}
export type Visitor = Awaited<ReturnType<typeof visitor>>
export type { Served }

export interface Socket {
  readonly ws: WebSocket
  readonly received: Array<any>
  readonly send: (message: unknown) => void
  /** The first message, already come or still to come, that is so. */
  readonly next: (isIt: (message: any) => boolean, withinMs?: number) => Promise<any>
  readonly closed: Promise<number>
}

const socketOf = (ws: WebSocket): Socket => {
  const received: Array<any> = []
  const hearers = new Set<() => void>()
  ws.on("message", (data) => {
    received.push(JSON.parse(String(data)))
    for (const hear of hearers) hear()
  })
  const closed = new Promise<number>((resolve) => ws.on("close", resolve))
  return {
    ws,
    received,
    closed,
    send: (message) => ws.send(typeof message === "string" ? message : JSON.stringify(message)),
    next: (isIt, withinMs = 10_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = received.find(isIt)
          if (found === undefined) return
          clearTimeout(timer)
          hearers.delete(look)
          resolve(found)
        }
        const timer = setTimeout(
          () => reject(new TypeError(`it did not come; there came ${JSON.stringify(received).slice(0, 1_000)}`)),
          withinMs
        )
        hearers.add(look)
        look()
      })
  }
}
