/**
 * One viewer. It is told no more than it takes: the next events are pulled from the source only when those before have left, so a
 * viewer that stalls costs one batch of memory a stream, and the process that is looked at nothing.
 */
import { isPlainRecord } from "../model/json.ts"
import type { Performed } from "./asks.ts"
import { faultOf } from "./faults.ts"
import { piecesOf } from "./outgoing.ts"
import type { Hello, ServerMessage, StreamId } from "./protocol.ts"
import type { Redact } from "./redact.ts"
import type { Source } from "./source.ts"
import type { Listener, Wire } from "./websocket.ts"

/** What viewers share. */
export interface Desk {
  readonly source: Source
  readonly redact: Redact
  readonly hello: () => Hello
  readonly perform: (ask: unknown, isDryRun: boolean) => Promise<Performed>
  /** Streams that are followed, by everybody, those included whose end is not yet certain. */
  readonly following: { count: number }
}

export const bounds = {
  /** Streams that one viewer follows, and all of them together. */
  streams: 8,
  followings: 64,
  /** Messages of one viewer that wait, and questions that are being answered. */
  inbox: 64,
  asks: 8,
  /** Runs in the list. */
  runs: 200,
  /** Least pause between two lists, in milliseconds. */
  listEveryMs: 200,
  /** Characters of the name of a stream. */
  name: 300
} as const

export const attend = (wire: Wire, desk: Desk): Listener & { readonly end: () => void } => new Viewer(wire, desk)

class Viewer implements Listener {
  readonly #wire: Wire
  readonly #desk: Desk
  /** The streams that are followed, and how each is stopped. */
  readonly #followed = new Map<StreamId, AbortController>()
  readonly #inbox: Array<string> = []
  readonly #stopChanges: () => void
  #isBusy = false
  #isGone = false
  #asks = 0
  #list: "idle" | "telling" | "due" = "idle"

  constructor(wire: Wire, desk: Desk) {
    this.#wire = wire
    this.#desk = desk
    void this.#tell(desk.hello())
    this.#stopChanges = desk.source.onChange(() => this.#changed())
    this.#changed()
  }

  readonly text = (text: string): void => {
    if (this.#isGone) return
    if (this.#inbox.length >= bounds.inbox) {
      this.#wire.close(1008, "too much at once")
      this.end()
      return
    }
    this.#inbox.push(text)
    void this.#work()
  }

  readonly closed = (): void => {
    if (this.#isGone) return
    this.#isGone = true
    this.#stopChanges()
    this.#inbox.length = 0
    for (const stop of this.#followed.values()) stop.abort()
    this.#followed.clear()
  }

  readonly end = (): void => {
    this.closed()
    this.#wire.end()
  }

  /** One message after the other, each when the answer to the one before has left. */
  async #work(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    for (let text = this.#inbox.shift(); text !== undefined; text = this.#inbox.shift()) await this.#take(text)
    this.#isBusy = false
  }

  async #take(text: string): Promise<void> {
    const given = parsed(text)
    if (given === undefined) return this.#tell(invalid("a message is a JSON object"))
    const { type, stream, from = 0, id, ask, isDryRun = false, ...more } = given
    if (Object.keys(more).length > 0)
      return this.#tell(invalid(`a message has no field ${show(Object.keys(more)[0]!)}`))
    switch (type) {
      case "subscribe":
        if (!isName(stream)) return this.#tell(invalid("'stream' is the name of a stream"))
        if (!isCount(from)) return this.#tell(invalid("'from' is the number of an event"))
        return this.#subscribe(stream, from)
      case "unsubscribe":
        if (isName(stream)) this.#leave(stream)
        return
      case "ask":
        if (!isCount(id)) return this.#tell(invalid("'id' is a number that the answer will carry"))
        if (typeof isDryRun !== "boolean") return this.#tell(invalid("'isDryRun' is true or false"))
        if (this.#asks >= bounds.asks)
          return this.#tell({
            type: "answer",
            id,
            ok: false,
            error: { code: "BUSY", message: "wait for the answers before" }
          })
        void this.#answer(id, ask, isDryRun)
        return
      default:
        return this.#tell(invalid(`there is no message of type ${show(type)}`))
    }
  }

  async #answer(id: number, ask: unknown, isDryRun: boolean): Promise<void> {
    this.#asks++
    try {
      const { value, preview } = await this.#desk.perform(ask, isDryRun)
      await this.#tell({
        type: "answer",
        id,
        ok: true,
        ...(value === undefined ? {} : { value: this.#desk.redact(value) }),
        ...(preview === undefined ? {} : { preview })
      })
    } catch (error) {
      await this.#tell({ type: "answer", id, ok: false, error: faultOf(error, this.#desk.redact) })
    } finally {
      this.#asks--
    }
  }

  async #subscribe(stream: StreamId, from: number): Promise<void> {
    this.#leave(stream)
    const { following } = this.#desk
    if (this.#followed.size >= bounds.streams || following.count >= bounds.followings)
      return this.#tell({
        type: "error",
        stream,
        code: "BUSY",
        message: "too many streams are followed: leave one first"
      })
    const stop = new AbortController()
    this.#followed.set(stream, stop)
    following.count++
    void this.#follow(stream, from, stop.signal).finally(() => {
      following.count--
      if (this.#followed.get(stream) === stop) this.#followed.delete(stream)
    })
  }

  #leave(stream: StreamId): void {
    this.#followed.get(stream)?.abort()
    this.#followed.delete(stream)
  }

  /** Ends when the source does, which hears of it when nobody wants more. */
  async #follow(stream: StreamId, from: number, signal: AbortSignal): Promise<void> {
    const { source, redact } = this.#desk
    let seq = from - 1
    try {
      for await (const batch of source.follow(stream, from, signal)) {
        for (const texts of piecesOf(batch, redact)) {
          if (signal.aborted) return
          await this.#say(`{"type":"batch","stream":${JSON.stringify(stream)},"events":[${texts.join(",")}]}`)
        }
        if (signal.aborted) return
        seq = batch.events.at(-1)?.seq ?? seq
        if (batch.isCaughtUp) await this.#tell({ type: "caughtUp", stream, seq })
      }
    } catch (error) {
      if (!signal.aborted) await this.#tell({ type: "error", stream, ...faultOf(error, redact) })
    }
  }

  /** Tells what there is to follow: at most one list is on its way, and the next one comes a moment later. */
  #changed(): void {
    if (this.#isGone) return
    if (this.#list !== "idle") {
      this.#list = "due"
      return
    }
    this.#list = "telling"
    void this.#tellList()
  }

  async #tellList(): Promise<void> {
    const { source, redact } = this.#desk
    try {
      const { streams, runs, total } = await source.overview(bounds.runs)
      const rows = runs.map((row) => (row.error === undefined ? row : { ...row, error: String(redact(row.error)) }))
      await this.#tell({ type: "streams", streams, runs: rows, total })
    } catch (error) {
      await this.#tell({ type: "error", ...faultOf(error, redact) })
    }
    const timer = setTimeout(() => {
      const isDue = this.#list === "due"
      this.#list = "idle"
      if (isDue) this.#changed()
    }, bounds.listEveryMs)
    timer.unref()
  }

  #tell(message: ServerMessage): Promise<void> {
    return this.#say(JSON.stringify(message))
  }

  /** Resolves once it has left; a viewer that has gone is told nothing. */
  async #say(text: string): Promise<void> {
    if (this.#isGone) return
    try {
      await this.#wire.send(text)
    } catch {
      this.end()
    }
  }
}

const parsed = (text: string): Record<string, unknown> | undefined => {
  try {
    const given: unknown = JSON.parse(text)
    return isPlainRecord(given) ? given : undefined
  } catch {
    return undefined
  }
}

const isName = (value: unknown): value is StreamId =>
  typeof value === "string" && value !== "" && value.length <= bounds.name
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const show = (value: unknown): string => (JSON.stringify(value) ?? "none").slice(0, 60)
const invalid = (message: string): ServerMessage => ({ type: "error", code: "MESSAGE_INVALID", message })
