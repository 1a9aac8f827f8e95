/**
 * The socket to the process that is looked at. It comes back by itself and goes on after the last event that is known; when another
 * process answers, everything begins anew. The token comes in the fragment of the address, is kept for this tab, and leaves the
 * address bar.
 */
import type {
  Ask,
  ClientMessage,
  Hello,
  RecordingHead,
  SeenEvent,
  ServerMessage,
  StreamId
} from "../src/inspect/protocol.ts"
import { protocolVersion } from "../src/inspect/protocol.ts"
import { type Answer, type State, sharedStream, type Wire } from "./state.ts"

const tokenKey = "troupe.token"
/** Waits before it tries again: 0.25 s, then twice as long each time, at most 8 s. */
export const retryAfterMs = (tries: number): number => Math.min(8_000, 250 * 2 ** Math.min(tries, 10))
/** Longest wait for the answer to something that was asked. */
const answerWithinMs = 30_000
/** Most questions that wait for an answer. */
const asksMost = 32

declare global {
  // a report of one file brings its events along
  var troupeReport: Promise<{ readonly head: RecordingHead; readonly events: ReadonlyArray<SeenEvent> }> | undefined
}

export const start = (state: State): void => {
  if (globalThis.troupeReport !== undefined) readReport(state, globalThis.troupeReport)
  else connect(state, takeToken())
}

const takeToken = (): string | undefined => {
  const given = new URLSearchParams(location.hash.slice(1)).get("token")
  if (given === null) return stored()
  history.replaceState(null, "", location.pathname + location.search)
  try {
    sessionStorage.setItem(tokenKey, given)
  } catch {
    // without storage a reload asks for the address again
  }
  return given
}
const stored = (): string | undefined => {
  try {
    return sessionStorage.getItem(tokenKey) ?? undefined
  } catch {
    return undefined
  }
}

const connect = (state: State, token: string | undefined): void => {
  if (token === undefined) {
    state.connection.value = {
      state: "refused",
      code: "TOKEN_MISSING",
      message: "this page needs the address with its token, as it was printed when the inspector started"
    }
    return
  }
  let socket: WebSocket | undefined
  let tries = 0
  let asked = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const followed = new Set<StreamId>()
  const waiting = new Map<number, (answer: Answer) => void>()

  const send = (message: ClientMessage): boolean => {
    if (socket?.readyState !== WebSocket.OPEN) return false
    socket.send(JSON.stringify(message))
    return true
  }
  const wire: Wire = {
    follow: (stream, from) => {
      followed.add(stream)
      send({ type: "subscribe", stream, from })
    },
    leave: (stream) => {
      followed.delete(stream)
      send({ type: "unsubscribe", stream })
    },
    ask: (ask: Ask, isDryRun: boolean) =>
      new Promise<Answer>((resolve) => {
        if (waiting.size >= asksMost) return resolve(no("TOO_MANY_ASKS", "too much was asked that has no answer yet"))
        const id = ++asked
        const settle = (answer: Answer) => {
          clearTimeout(late)
          waiting.delete(id)
          resolve(answer)
        }
        const late = setTimeout(
          () => settle(no("NO_ANSWER", "no answer within 30 s; look at the log for whether it was done")),
          answerWithinMs
        )
        waiting.set(id, settle)
        if (!send({ type: "ask", id, ask, ...(isDryRun ? { isDryRun } : {}) }))
          settle(no("NOT_CONNECTED", "there is no connection at the moment; nothing was asked"))
      }),
    again: () => {
      clearTimeout(timer)
      if (socket === undefined || socket.readyState === WebSocket.CLOSED) open()
    }
  }
  state.wire = wire

  const open = (): void => {
    const { protocol, host, pathname } = location
    const folder = pathname.slice(0, pathname.lastIndexOf("/") + 1)
    socket = new WebSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}${folder}ws`, [
      "troupe.v1",
      `token.${token}`
    ])
    socket.onmessage = ({ data }) => take(data)
    socket.onclose = () => {
      for (const settle of waiting.values())
        settle(no("CONNECTION_LOST", "the connection was lost before the answer came"))
      if (state.connection.value.state === "refused") return
      const wait = retryAfterMs(tries++)
      state.connection.value = { state: "lost", retryAt: Date.now() + wait, tries }
      timer = setTimeout(open, wait)
    }
  }

  const take = (data: unknown): void => {
    let message: ServerMessage
    try {
      message = JSON.parse(String(data)) as ServerMessage
    } catch {
      state.problem.value = { code: "NOT_JSON", message: "the server sent something that is not JSON" }
      return
    }
    switch (message.type) {
      case "hello":
        return greet(message)
      case "streams":
        return heard(state, message)
      case "batch":
        return state.receive(message.stream, message.events)
      case "caughtUp":
        if (message.stream === state.stream.value?.id) state.isCaughtUp.value = true
        return
      case "answer": {
        const { type: _, id, ...answer } = message
        waiting.get(id)?.(answer)
        return
      }
      case "error":
        state.problem.value = { code: message.code, message: message.message }
        return
    }
  }

  const greet = (hello: Hello): void => {
    if (hello.protocol !== protocolVersion) {
      state.connection.value = {
        state: "refused",
        code: "PROTOCOL_DIFFERS",
        message: `the process speaks version ${hello.protocol} of the protocol, this page version ${protocolVersion}: reload the page`
      }
      socket?.close()
      return
    }
    tries = 0
    const before = state.hello.value
    const isAnother = before !== undefined && before.bootId !== hello.bootId
    if (isAnother) {
      followed.clear()
      state.forget()
      state.spoken.value = "Another process answers: everything is shown anew"
    }
    state.hello.value = hello
    state.connection.value = { state: "open" }
    state.problem.value = undefined
    // what was received and waits to be applied comes a second time, and is passed over
    for (const stream of followed) wire.follow(stream, state.known(stream))
  }
  open()
}

/** What there is to follow: as soon as there is a run, or another system, it is shown, unless somebody has chosen already. */
const heard = (state: State, { streams, runs, total }: Extract<ServerMessage, { type: "streams" }>): void => {
  state.streams.value = streams
  state.runs.value = runs
  state.runsTotal.value = total
  if (streams.includes(sharedStream)) state.followShared()
  if (state.stream.value !== undefined) return
  const opensAt = state.hello.value?.opensAt
  if (opensAt !== undefined) return state.show(opensAt.stream, opensAt.seq ?? "live")
  const busy = runs.find(({ status }) => status === "running" || status === "waiting" || status === "paused") ?? runs[0]
  const first =
    busy !== undefined && streams.includes(`run:${busy.run}`)
      ? `run:${busy.run}`
      : streams.find((one) => one !== sharedStream)
  if (first !== undefined) state.show(first)
}

const readReport = (state: State, report: NonNullable<typeof globalThis.troupeReport>): void => {
  state.connection.value = { state: "file" }
  report.then(
    ({ head, events }) => {
      state.hello.value = {
        type: "hello",
        protocol: protocolVersion,
        version: head.version,
        pid: 0,
        bootId: "report",
        title: head.title,
        source: "recording",
        mayControl: false,
        now: head.recordedAt
      }
      state.streams.value = [head.stream]
      state.show(head.stream, head.opensAt ?? "live")
      for (let at = 0; at < events.length; at += pieceMost) state.receive(head.stream, events.slice(at, at + pieceMost))
      state.isCaughtUp.value = true
    },
    (error: unknown) => {
      state.connection.value = {
        state: "refused",
        code: "RECORDING_BROKEN",
        message: error instanceof Error ? error.message : String(error)
      }
    }
  )
}

/** Events of a file are taken in pieces, as those of a socket are. */
const pieceMost = 1_000

const no = (code: string, message: string): Answer => ({ ok: false, error: { code, message } })
