/**
 * Recordings: one event a line, after a first line that says what they are. Written and read as streams; whoever reads takes the file to
 * be hostile. Every line is checked, and the whole is played once, before anything of it is shown.
 */
import { createReadStream, createWriteStream, rmSync } from "node:fs"
import { open } from "node:fs/promises"
import { basename } from "node:path"
import { Readable, type Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib"
import { RecordingBroken, RecordingRefused, RecordingTooNew, StreamUnknown } from "./errors.ts"
import { protocolVersion, type RecordingHead, type RunRow, type SeenEvent } from "./protocol.ts"
import { type Redact, redact } from "./redact.ts"
import { redactEvent } from "./redact-event.ts"
import { wrongWith, wrongWithHead } from "./seen-check.ts"
import type { Batch, Source } from "./source.ts"
import { View } from "./view.ts"

/** What a recording may hold, written or read. */
export const recordingMost = {
  /** Bytes of one line: a definition is the largest. */
  line: 80 * 1024 * 1024,
  /** Bytes of all lines, unpacked. */
  bytes: 2 * 1024 * 1024 * 1024,
  events: 10_000_000
} as const
export type RecordingBounds = { readonly [bound in keyof typeof recordingMost]: number }

const endings = { ".jsonl": "plain", ".jsonl.gz": "gzip", ".jsonl.zst": "zstd" } as const
type Packing = (typeof endings)[keyof typeof endings]

/** How a recording is packed, by its name; undefined for a name of something else. */
export const packingOf = (path: string): Packing | undefined => {
  const name = path.toLowerCase()
  const found = (Object.keys(endings) as ReadonlyArray<keyof typeof endings>).find((ending) => name.endsWith(ending))
  return found === undefined ? undefined : endings[found]
}

export interface WriteOptions {
  readonly redact?: Redact
  readonly bounds?: RecordingBounds
}

/** Writes a new file; never replaces one, and leaves none behind that is not whole. Gives the number of events. */
export const writeRecording = async (
  path: string,
  head: RecordingHead,
  batches: AsyncIterable<Batch>,
  { redact: hide = redact, bounds = recordingMost }: WriteOptions = {}
): Promise<{ readonly events: number; readonly bytes: number }> => {
  const packing = packingOf(path)
  if (packing === undefined) throw new RecordingRefused({ path, reason: "ending" })
  const counted = { events: 0, bytes: 0 }
  const text = linesOf(path, head, batches, hide, bounds, counted)
  const file = await open(path, "wx").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EEXIST"
      ? new RecordingRefused({ path, reason: "exists" })
      : new RecordingRefused({ path, reason: "disk", detail: error.message })
  })
  try {
    const out = createWriteStream("", { fd: file, flush: true })
    await pipeline([Readable.from(text, { objectMode: false }), ...packers(packing), out])
    return counted
  } catch (error) {
    rmSync(path, { force: true })
    throw (error as NodeJS.ErrnoException).syscall === undefined
      ? error
      : new RecordingRefused({ path, reason: "disk", detail: (error as Error).message })
  }
}

async function* linesOf(
  path: string,
  head: RecordingHead,
  batches: AsyncIterable<Batch>,
  hide: Redact,
  bounds: RecordingBounds,
  counted: { events: number; bytes: number }
) {
  const tooMuch = (detail: string) => new RecordingRefused({ path, reason: "size", detail })
  yield `${JSON.stringify({ ...head, title: String(hide(head.title)) })}\n`
  for await (const { events } of batches) {
    let lines = ""
    for (const event of events) {
      const line = `${JSON.stringify(redactEvent(event, hide))}\n`
      counted.events++
      counted.bytes += line.length
      if (counted.events > bounds.events) throw tooMuch(`${bounds.events.toLocaleString("en")} events`)
      if (counted.bytes > bounds.bytes) throw tooMuch(`${bounds.bytes.toLocaleString("en")} bytes`)
      lines += line
      if (lines.length >= writeAtOnce) {
        yield lines
        lines = ""
      }
    }
    if (lines !== "") yield lines
  }
}
const writeAtOnce = 256 * 1024

const packers = (packing: Packing): ReadonlyArray<Transform> =>
  packing === "plain"
    ? []
    : packing === "gzip"
      ? [createGzip({ level: 9 })]
      : [createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 12 } })]

const unpackers = (packing: Packing): ReadonlyArray<Transform> =>
  packing === "plain"
    ? []
    : packing === "gzip"
      ? [createGunzip()]
      : // what needs a larger window was not written by us
        [createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: 27 } })]

/** The events of a stream from its beginning until there are no more for now. */
export async function* untilCaughtUp(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    yield batch
    if (batch.isCaughtUp) return
  }
}

/** The head of a recording of a stream of a source. */
export const headOf = (source: Pick<Source, "title">, stream: string, version: string, at: number): RecordingHead => ({
  kind: "troupe-recording-of-events",
  protocol: protocolVersion,
  version,
  title: source.title,
  stream,
  recordedAt: at
})

/** What is read from a file: its head, then its events in batches. */
export async function* readRecording(
  path: string,
  bounds: RecordingBounds = recordingMost
): AsyncGenerator<RecordingHead | ReadonlyArray<SeenEvent>> {
  let line = 0
  const broken = (problem: string) => new RecordingBroken({ path, line, problem })
  let head: RecordingHead | undefined
  let seq = 0
  let count = 0
  let t = Number.NEGATIVE_INFINITY
  try {
    for await (const lines of rawLines(path, bounds, () =>
      broken(`a line has more than ${bounds.line.toLocaleString("en")} bytes`)
    )) {
      const events: Array<SeenEvent> = []
      for (const text of lines) {
        line++
        const value = parsed(text)
        if (value === undefined) throw broken("it is not JSON")
        if (head === undefined) {
          head = headFrom(value, path, broken)
          yield head
          continue
        }
        if (count >= bounds.events) throw broken(`there are more than ${bounds.events.toLocaleString("en")} events`)
        const wrong = wrongWith(value, seq, t)
        if (wrong !== undefined) throw broken(wrong)
        const event = value as SeenEvent
        seq = event.seq + 1
        count++
        t = event.t
        events.push(event)
      }
      if (events.length > 0) yield events
    }
  } catch (error) {
    if (error instanceof RecordingBroken || error instanceof RecordingTooNew) throw error
    line = line === 0 ? 0 : line + 1
    throw broken(`it cannot be read: ${(error as Error).message}`)
  }
  if (head === undefined) throw broken("it is empty")
}

const headFrom = (value: unknown, path: string, broken: (problem: string) => RecordingBroken): RecordingHead => {
  const wrong = wrongWithHead(value)
  const { kind, protocol } = (value ?? {}) as { readonly kind?: unknown; readonly protocol?: unknown }
  // a later version may begin otherwise
  if (kind === "troupe-recording-of-events" && typeof protocol === "number" && protocol > protocolVersion)
    throw new RecordingTooNew({ path, protocol, known: protocolVersion })
  if (wrong !== undefined) throw broken(wrong)
  if (protocol !== protocolVersion) throw broken(`there is no version ${String(protocol)} of recordings`)
  return value as RecordingHead
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Every line of a file of moderate size, as values; undefined for what is not JSON. */
export async function* valuesIn(path: string, bounds: RecordingBounds = storyMost): AsyncGenerator<unknown> {
  const tooLong = () => new RecordingBroken({ path, line: 0, problem: "a line of it is too long" })
  try {
    for await (const lines of rawLines(path, bounds, tooLong)) for (const line of lines) yield parsed(line)
  } catch (error) {
    if (error instanceof RecordingBroken) throw error
    throw new RecordingBroken({ path, line: 0, problem: `it cannot be read: ${(error as Error).message}` })
  }
}
/** What the story of one simulated execution may hold. */
const storyMost = { line: 16 * 1024 * 1024, bytes: 256 * 1024 * 1024, events: recordingMost.events } as const

/** The lines of a file, as many at once as came in one piece; the last one needs no end. */
async function* rawLines(
  path: string,
  bounds: RecordingBounds,
  tooLong: () => RecordingBroken
): AsyncGenerator<ReadonlyArray<string>> {
  const packing = packingOf(path) ?? "plain"
  const file = createReadStream(path, { highWaterMark: 256 * 1024 })
  const stages = unpackers(packing)
  const last = stages.at(-1) ?? file
  // an error of the file reaches whoever reads what was unpacked
  if (stages[0] !== undefined) {
    const [unpacked] = stages
    file.on("error", (error) => unpacked.destroy(error))
    file.pipe(unpacked)
  }
  let bytes = 0
  let pieces: Array<Buffer> = []
  let waiting = 0
  try {
    for await (const chunk of last as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bounds.bytes)
        throw new RecordingBroken({
          path,
          line: 0,
          problem: `it has more than ${bounds.bytes.toLocaleString("en")} bytes`
        })
      const end = chunk.lastIndexOf(newline)
      if (end === -1) {
        pieces.push(chunk)
        waiting += chunk.length
      } else {
        pieces.push(chunk.subarray(0, end))
        const lines = Buffer.concat(pieces).toString("utf8").split("\n")
        if (lines.some(({ length }) => length > bounds.line)) throw tooLong()
        yield lines
        pieces = [chunk.subarray(end + 1)]
        waiting = pieces[0]!.length
      }
      if (waiting > bounds.line) throw tooLong()
    }
    if (waiting > 0) yield [Buffer.concat(pieces).toString("utf8")]
  } finally {
    file.destroy()
    for (const stage of stages) stage.destroy()
  }
}
const newline = 10

/** Shows a recording. Rejects with `RecordingBroken` or `RecordingTooNew` before anything of it is shown. */
export const recordingSource = async (path: string, bounds: RecordingBounds = recordingMost): Promise<Source> => {
  const { head, rows } = await played(path, bounds)
  return {
    kind: "recording",
    title: head.title === "" ? basename(path) : head.title,
    opensAt: { stream: head.stream, ...(head.opensAt === undefined ? {} : { seq: head.opensAt }) },
    overview: async (limit) => ({ streams: [head.stream], runs: rows.slice(0, limit), total: rows.length }),
    onChange: () => () => {},
    follow: (stream, from) => {
      if (stream !== head.stream) throw new StreamUnknown({ stream })
      return eventsFrom(path, from, bounds)
    },
    close: async () => {}
  }
}

async function* eventsFrom(path: string, from: number, bounds: RecordingBounds): AsyncGenerator<Batch> {
  for await (const part of readRecording(path, bounds)) {
    if (!isEvents(part)) continue
    const events = part[0]!.seq >= from ? part : part.filter(({ seq }) => seq >= from)
    if (events.length > 0) yield { events, isCaughtUp: false }
  }
  yield { events: [], isCaughtUp: true }
}

const isEvents = (part: RecordingHead | ReadonlyArray<SeenEvent>): part is ReadonlyArray<SeenEvent> =>
  Array.isArray(part)

/** Plays it once: what cannot be applied in its place is broken, whatever its shape. */
const played = async (path: string, bounds: RecordingBounds) => {
  const view = new View()
  let head: RecordingHead | undefined
  let line = 1
  for await (const part of readRecording(path, bounds)) {
    if (!isEvents(part)) {
      head = part
      continue
    }
    for (const event of part)
      try {
        line++
        view.apply(event)
      } catch (error) {
        throw new RecordingBroken({
          path,
          line,
          problem: `event ${event.seq} does not fit those before it: ${(error as Error).message.slice(0, 200)}`
        })
      }
  }
  return { head: head!, rows: rowsOf(view) }
}

/** The runs that a view knows. */
export const rowsOf = (view: View): ReadonlyArray<RunRow> =>
  [...view.runs.values()].map((run) => {
    const tasks = [...run.tasks.values()]
    return {
      run: run.run,
      workflow: run.workflow,
      status: run.status,
      percent: run.percent,
      submittedAt: run.submittedAt,
      updatedAt: run.endedAt ?? view.t,
      tasks: {
        total: Math.max(tasks.length, view.definitions.get(run.hash)?.tasks.length ?? 0),
        completed: tasks.filter(({ status }) => status === "succeeded").length,
        failed: tasks.filter(({ status }) => status === "failed").length
      },
      ...(run.error === undefined ? {} : { error: run.error.message })
    }
  })
