import { createServer } from "node:net"
import fc from "fast-check"
import { expect, onTestFinished, test } from "vitest"
import { InspectorRefused } from "../../src/inspect/errors.ts"
import type { Seen } from "../../src/inspect/protocol.ts"
import { type ServeOptions, serve } from "../../src/inspect/server.ts"
import { bounds } from "../../src/inspect/socket.ts"
import type { Source } from "../../src/inspect/source.ts"
import { fakeSource, rowOf, story } from "./source.ts"
import { type Socket, type Visitor, visitor } from "./visitor.ts"

const visiting = async (source: Source, options: ServeOptions = {}): Promise<Visitor> => {
  const at = await visitor(source, options)
  onTestFinished(() => at.close())
  return at
}

const message = (n: number, size = 0): Seen => ({
  kind: "message",
  actor: "a",
  type: `m${n}`,
  data: "x ".repeat(size / 2)
})
const many = (count: number, size = 0) => Array.from({ length: count }, (_, n) => message(n, size))
const isType = (type: string) => (one: { type: string }) => one.type === type
const batches = ({ received }: Socket) => received.filter(isType("batch"))
const told = (socket: Socket): ReadonlyArray<{ seq: number }> => batches(socket).flatMap(({ events }) => events)

test("a viewer is greeted with who answers, told what there is, and then what happens, from the first event on", async () => {
  const { source, push } = fakeSource()
  const at = await visiting(source)
  const viewer = await at.open()
  const hello = await viewer.next(isType("hello"))
  expect(hello).toMatchObject({ protocol: 1, pid: process.pid, title: "a test", source: "live", mayControl: false })
  expect(hello.version).toMatch(/^\d+\.\d+\.\d+/)
  expect(await viewer.next(isType("streams"))).toEqual({
    type: "streams",
    streams: ["run:r1"],
    runs: [rowOf("r1")],
    total: 1
  })
  viewer.send({ type: "subscribe", stream: "run:r1" })
  expect(await viewer.next(isType("caughtUp"))).toEqual({ type: "caughtUp", stream: "run:r1", seq: story.length - 1 })
  expect(told(viewer)).toEqual(story)
  push("run:r1", [message(1)])
  await viewer.next((one) => one.type === "batch" && one.events[0].type === "m1")
  expect(told(viewer).map(({ seq }) => seq)).toEqual([...story.keys(), story.length])
})

test("a viewer that comes back goes on after the last event that it knows", async () => {
  const { source } = fakeSource()
  const at = await visiting(source)
  const viewer = await at.open()
  viewer.send({ type: "subscribe", stream: "run:r1", from: 9 })
  await viewer.next(isType("caughtUp"))
  expect(told(viewer).map(({ seq }) => seq)).toEqual([9, 10, 11])
})

test("whoever stops following hears no more of it, and the source is told", async () => {
  const { source, push, counts, wake } = fakeSource()
  const at = await visiting(source)
  const viewer = await at.open()
  viewer.send({ type: "subscribe", stream: "run:r1" })
  await viewer.next(isType("caughtUp"))
  viewer.send({ type: "unsubscribe", stream: "run:r1" })
  viewer.send({ type: "subscribe", stream: "none" })
  await viewer.next(isType("error"))
  push("run:r1", [message(1)])
  await expect.poll(() => counts.open).toBe(0)
  wake()
  expect(told(viewer).length).toBe(story.length)
})

test("events come in pieces of at most 1,000, and of 256 KiB", async () => {
  const { source, push } = fakeSource({})
  push("run:many", many(5_000))
  push(
    "run:large",
    many(20, 100_000).map((one) => ({ ...one, data: Array.from({ length: 20 }, () => "y ".repeat(4_000)) }) as Seen)
  )
  const all: Source = { ...source, follow: (stream, from) => inOne(source, stream, from) }
  const at = await visiting(all)
  const viewer = await at.open()
  viewer.send({ type: "subscribe", stream: "run:many" })
  await viewer.next(isType("caughtUp"))
  expect(told(viewer).length).toBe(5_000)
  expect(Math.max(...batches(viewer).map(({ events }) => events.length))).toBe(1_000)
  viewer.received.length = 0
  viewer.send({ type: "subscribe", stream: "run:large" })
  await viewer.next(isType("caughtUp"))
  expect(told(viewer).length).toBe(20)
  expect(Math.max(...batches(viewer).map((one) => JSON.stringify(one).length))).toBeLessThan(300_000)
})

/** The same in one batch. */
async function* inOne(source: Source, stream: string, from: number) {
  const events = []
  for await (const batch of source.follow(stream, from)) {
    events.push(...batch.events)
    if (batch.isCaughtUp) break
  }
  yield { events, isCaughtUp: true }
}

test("a viewer that does not read costs what one batch costs: nothing more is pulled from the source, and the others go on", async () => {
  const { source, push, counts } = fakeSource()
  push("run:busy", many(60_000, 2_000))
  const at = await visiting(source, { lookEveryMs: 60_000 })
  const stalled = await at.open()
  await stalled.next(isType("streams"))
  stalled.ws.pause()
  stalled.send({ type: "subscribe", stream: "run:busy" })
  const settled = async () => {
    for (let before = -1; before !== counts.pulled; await new Promise((go) => setTimeout(go, 300)))
      before = counts.pulled
    return counts.pulled
  }
  const pulled = await settled()
  // what fits into the buffers of the two sockets, and a batch
  expect(pulled).toBeGreaterThan(0)
  expect(pulled).toBeLessThan(20_000)
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 20; n++) push("run:busy", many(1_000))
  expect(await settled()).toBe(pulled)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024)
  const other = await at.open()
  other.send({ type: "subscribe", stream: "run:r1" })
  await other.next(isType("caughtUp"))
  stalled.ws.resume()
  await stalled.next(isType("caughtUp"), 30_000)
  expect(told(stalled).length).toBe(80_000)
})

test("a viewer that has gone silent is let go", async () => {
  const { source, counts, push } = fakeSource()
  push("run:busy", many(60_000, 2_000))
  const at = await visiting(source, { lookEveryMs: 100 })
  const stalled = await at.open()
  stalled.send({ type: "subscribe", stream: "run:busy" })
  await stalled.next(isType("batch"))
  stalled.ws.pause()
  await expect.poll(() => counts.open, { timeout: 5_000 }).toBe(0)
})

test("sixteen may look at once; the next one is told why it may not, and comes in when one has left", async () => {
  const { source } = fakeSource()
  const at = await visiting(source)
  const viewers = await Promise.all(Array.from({ length: 16 }, () => at.open()))
  expect(await at.upgrade()).toBe(503)
  viewers[0]!.ws.close()
  await viewers[0]!.closed
  await expect.poll(async () => typeof (await at.upgrade())).toBe("object")
})

test("many changes of the list are told as few: at most one is on its way", async () => {
  const { source, change, counts } = fakeSource()
  const at = await visiting(source)
  const viewer = await at.open()
  await viewer.next(isType("streams"))
  for (let n = 0; n < 1_000; n++) change()
  await new Promise((go) => setTimeout(go, 3 * bounds.listEveryMs))
  expect(counts.overviews).toBeGreaterThan(1)
  expect(counts.overviews).toBeLessThan(6)
})

test("a stream that does not exist, and a source that fails, are said, and the viewer stays", async () => {
  const { source } = fakeSource()
  const at = await visiting({
    ...source,
    overview: () => Promise.reject(new TypeError("no password=hunter2-canary")),
    follow: (stream, from) => {
      if (stream === "bad") throw new TypeError("sk-canary-1234567890")
      return source.follow(stream, from)
    }
  })
  const viewer = await at.open()
  expect(await viewer.next((one) => one.type === "error" && one.stream === undefined)).toMatchObject({
    code: "UNEXPECTED"
  })
  viewer.send({ type: "subscribe", stream: "nothing" })
  expect(await viewer.next((one) => one.stream === "nothing")).toMatchObject({ type: "error", code: "STREAM_UNKNOWN" })
  viewer.send({ type: "subscribe", stream: "bad" })
  expect(await viewer.next((one) => one.stream === "bad")).toMatchObject({ type: "error", code: "UNEXPECTED" })
  viewer.send({ type: "subscribe", stream: "run:r1" })
  await viewer.next(isType("caughtUp"))
  expect(JSON.stringify(viewer.received)).not.toContain("canary")
})

test("what leaves has no secret in it, whatever the source says", async () => {
  const secret = { password: "hunter2-canary", note: "Bearer canary-canary-1" }
  const { source, push } = fakeSource({ title: "at postgres://u:canary-1@h/db", perform: async () => secret })
  push("run:s", [
    { kind: "run", run: "s", workflow: "w", hash: "h", input: secret },
    { kind: "definition", hash: "h", ir: { ir: 1, name: "w", metadata: secret, tasks: [] } }
  ])
  const listed: Source = {
    ...source,
    overview: async () => ({ streams: [], runs: [{ ...rowOf("s"), error: secret.note }], total: 1 })
  }
  const at = await visiting(listed, { control: true })
  const viewer = await at.open()
  viewer.send({ type: "subscribe", stream: "run:s" })
  viewer.send({ type: "ask", id: 1, ask: { verb: "pause", run: "s" } })
  await viewer.next(isType("caughtUp"))
  await viewer.next(isType("answer"))
  await viewer.next(isType("streams"))
  const replies = [
    await at.ask({ path: "/api/hello", headers: at.bearer }),
    await at.ask({ path: "/api/runs", headers: at.bearer }),
    await at.ask({ path: "/api/streams/run%3As/events", headers: at.bearer }),
    await at.ask({
      method: "POST",
      path: "/api/ask",
      body: '{"ask":{"verb":"pause","run":"s"}}',
      headers: { ...at.bearer, "content-type": "application/json" }
    })
  ]
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(JSON.stringify([viewer.received, replies.map(({ text }) => text)])).not.toContain("canary")
})

test("it only shows, unless it was started to control", async () => {
  const { source, performed } = fakeSource()
  const at = await visiting(source)
  const viewer = await at.open()
  viewer.send({ type: "ask", id: 7, ask: { verb: "pause", run: "r1" } })
  expect(await viewer.next(isType("answer"))).toMatchObject({ id: 7, ok: false, error: { code: "READ_ONLY" } })
  const { status } = await at.ask({
    method: "POST",
    path: "/api/ask",
    body: '{"ask":{"verb":"pause","run":"r1"}}',
    headers: { ...at.bearer, "content-type": "application/json" }
  })
  expect(status).toBe(403)
  expect(performed).toEqual([])
})

test("what is asked is passed on with who and why, and its answer comes back under its number", async () => {
  const { source, performed } = fakeSource()
  const at = await visiting(source, { control: true, who: "ada" })
  const viewer = await at.open()
  expect(await viewer.next(isType("hello"))).toMatchObject({ mayControl: true })
  viewer.send({ type: "ask", id: 3, ask: { verb: "retry", run: "r1", fields: { task: "b" }, why: "the bank is back" } })
  expect(await viewer.next(isType("answer"))).toEqual({
    type: "answer",
    id: 3,
    ok: true,
    value: { run: "r1", ok: true }
  })
  expect(performed).toEqual([
    [{ verb: "retry", run: "r1", fields: { task: "b" }, why: "the bank is back" }, "inspector (ada)"]
  ])
  viewer.send({ type: "ask", id: 4, ask: { verb: "pause", run: "gone" } })
  expect(await viewer.next((one) => one.id === 4)).toMatchObject({ ok: false, error: { code: "RUN_NOT_FOUND" } })
})

test("before something is done, it can be said what would come of it; then nothing is done", async () => {
  const previewed: Array<unknown> = []
  const { source, performed } = fakeSource({
    preview: async (ask) => {
      previewed.push(ask)
      return { text: "begins anew", tasks: ["b", "c"] }
    }
  })
  const at = await visiting(source, { control: true })
  const viewer = await at.open()
  const ask = { verb: "retry", run: "r1" }
  viewer.send({ type: "ask", id: 1, isDryRun: true, ask })
  const answer = { ok: true, preview: { text: "begins anew", tasks: ["b", "c"] } }
  expect(await viewer.next(isType("answer"))).toEqual({ type: "answer", id: 1, ...answer })
  const headers = { ...at.bearer, "content-type": "application/json" }
  const { json } = await at.ask({
    method: "POST",
    path: "/api/ask",
    body: JSON.stringify({ ask, isDryRun: true }),
    headers
  })
  expect(json()).toEqual(answer)
  expect(previewed).toEqual([ask, ask])
  expect(performed).toEqual([])
})

test("where nothing can be asked it is said so", async () => {
  const { perform: _, ...rest } = fakeSource().source
  const at = await visiting(rest, { control: true })
  const viewer = await at.open()
  expect(await viewer.next(isType("hello"))).toMatchObject({ mayControl: false })
  viewer.send({ type: "ask", id: 1, ask: { verb: "pause", run: "r1" } })
  expect(await viewer.next(isType("answer"))).toMatchObject({ ok: false, error: { code: "NOT_POSSIBLE" } })
})

test("verbs and fields that are not known are refused by name, and messages that are none are answered", async () => {
  const { source, performed } = fakeSource()
  const at = await visiting(source, { control: true })
  const viewer = await at.open()
  const wrong: ReadonlyArray<readonly [unknown, string, RegExp]> = [
    [{ type: "ask", id: 1, ask: { verb: "explode", run: "r1" } }, "REQUEST_INVALID", /explode/],
    [{ type: "ask", id: 2, ask: { verb: "pause", run: "r1", fields: { hard: true } } }, "REQUEST_INVALID", /hard/],
    [{ type: "ask", id: 3, ask: { verb: "skip", run: "r1" } }, "REQUEST_INVALID", /task/],
    [{ type: "ask", id: 4, ask: { verb: "start", run: "r1", fields: {} } }, "VERB_UNKNOWN", /start/],
    [
      { type: "ask", id: 5, ask: { verb: "breaker", fields: { breaker: "b", set: "explode" } } },
      "REQUEST_INVALID",
      /explode/
    ]
  ]
  for (const [sent, code, says] of wrong) {
    viewer.send(sent)
    const { ok, error } = await viewer.next((one) => one.id === (sent as { id: number }).id)
    expect({ ok, code: error.code }).toEqual({ ok: false, code })
    expect(error.message).toMatch(says)
  }
  for (const sent of [
    "",
    "{",
    "null",
    "[]",
    '"x"',
    { type: "x" },
    { type: "subscribe" },
    { type: "subscribe", stream: 7 },
    { type: "subscribe", stream: "a", from: -1 },
    { type: "subscribe", stream: "x".repeat(400) },
    { type: "ask", ask: {} },
    { type: "ask", id: 1, ask: {}, isDryRun: 1 },
    { type: "unsubscribe", stream: "a", more: 1 }
  ]) {
    viewer.received.length = 0
    viewer.send(sent)
    expect(await viewer.next(isType("error")), JSON.stringify(sent)).toMatchObject({ code: "MESSAGE_INVALID" })
  }
  expect(performed).toEqual([])
})

test("no message, and no frame, however malformed, ends the process or another viewer", async () => {
  const { source } = fakeSource()
  const at = await visiting(source, { control: true })
  const witness = await at.open()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.json(), fc.string({ unit: "binary" })), { maxLength: 20 }),
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      async (messages, bytes) => {
        const viewer = await at.open()
        for (const one of messages)
          viewer.send(one)
          // past the library: bytes that are no frame
        ;(viewer.ws as unknown as { _socket: { write: (bytes: Uint8Array) => void } })._socket.write(bytes)
        viewer.ws.terminate()
      }
    ),
    { numRuns: 60 }
  )
  witness.send({ type: "subscribe", stream: "run:r1" })
  await witness.next(isType("caughtUp"))
})

test("too large a message, bytes, and too many messages at once end their viewer only", async () => {
  const { source } = fakeSource()
  const at = await visiting(source)
  const [large, bytes, many, witness] = await Promise.all([at.open(), at.open(), at.open(), at.open()])
  large.send(`"${"x".repeat(70_000)}"`)
  expect(await large.closed).toBe(1009)
  bytes.ws.send(Buffer.from([1, 2, 3]))
  expect(await bytes.closed).toBe(1003)
  many.ws.pause()
  for (let n = 0; n < 5_000; n++) many.send({ type: "unsubscribe", stream: "x".repeat(200), n })
  setTimeout(() => many.ws.resume(), 500)
  expect([1006, 1008]).toContain(await many.closed)
  witness.send({ type: "subscribe", stream: "run:r1" })
  await witness.next(isType("caughtUp"))
})

test("eight streams may be followed at once, and one that follows anew takes the place of the one before", async () => {
  const { source, push, counts } = fakeSource()
  for (let n = 0; n < 10; n++) push(`run:s${n}`, [message(n)])
  const at = await visiting(source)
  const viewer = await at.open()
  for (let n = 0; n < 8; n++) viewer.send({ type: "subscribe", stream: `run:s${n}` })
  viewer.send({ type: "subscribe", stream: "run:s8" })
  expect(await viewer.next(isType("error"))).toMatchObject({ stream: "run:s8", code: "BUSY" })
  viewer.send({ type: "subscribe", stream: "run:s0" })
  await viewer.next(() => told(viewer).length >= 9)
  // who comes and goes without end leaves nothing behind
  for (let n = 0; n < 200; n++) {
    viewer.send({ type: "subscribe", stream: "run:s1" })
    await new Promise((go) => setTimeout(go, 2))
  }
  await expect.poll(() => counts.open).toBe(8)
  expect(viewer.received.filter(isType("error")).length).toBe(1)
})

test("a source that does not hear that nobody follows any more is not asked without end", async () => {
  const { source, counts } = fakeSource()
  const at = await visiting({ ...source, follow: (stream, from) => source.follow(stream, from) })
  const viewer = await at.open()
  for (let n = 0; n < 200; n++) {
    viewer.send({ type: "subscribe", stream: "run:r1" })
    await new Promise((go) => setTimeout(go, 2))
  }
  expect(await viewer.next(isType("error"))).toMatchObject({ code: "BUSY" })
  expect(counts.open).toBeLessThanOrEqual(bounds.followings)
})

test("programs read the same as JSON: who answers, the runs, and the events in pages", async () => {
  const { source, push } = fakeSource()
  push("run:many", many(25_000))
  const at = await visiting(source)
  const get = async (path: string) => (await at.ask({ path, headers: at.bearer })).json()
  expect(await get("/api/hello")).toMatchObject({ type: "hello", pid: process.pid })
  expect(await get("/api/runs?limit=5")).toEqual({ streams: ["run:r1", "run:many"], runs: [rowOf("r1")], total: 1 })
  expect(await get("/api/streams/run%3Ar1/events?from=10")).toEqual({
    stream: "run:r1",
    events: story.slice(10),
    next: 12,
    isCaughtUp: true
  })
  let next = 0
  let pages = 0
  for (let isCaughtUp = false; !isCaughtUp; pages++) {
    const page = await get(`/api/streams/run:many/events?from=${next}`)
    expect(page.events[0].seq).toBe(next)
    next = page.next
    isCaughtUp = page.isCaughtUp
  }
  expect([next, pages]).toEqual([25_000, 3])
  expect((await at.ask({ path: "/api/streams/none/events", headers: at.bearer })).status).toBe(404)
  expect((await at.ask({ path: "/api/runs?limit=x", headers: at.bearer })).status).toBe(400)
  expect((await at.ask({ path: "/api/streams/%ff/events", headers: at.bearer })).status).toBe(400)
  expect((await at.ask({ method: "HEAD", path: "/api/runs", headers: at.bearer })).text).toBe("")
})

test("it is reached on IPv4 and IPv6, on this machine only", async () => {
  const { source } = fakeSource()
  const at = await visiting(source)
  expect(at.server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{32}$/)
  const six = { address: "::1", path: "/api/hello", headers: { ...at.bearer, host: `[::1]:${at.server.port}` } }
  expect((await at.ask(six)).status).toBe(200)
  expect(
    (await at.ask({ path: "/api/hello", headers: { ...at.bearer, host: `localhost:${at.server.port}` } })).status
  ).toBe(200)
})

test("it is off in production unless somebody insists, and refuses what it cannot listen on", async () => {
  const { source } = fakeSource()
  const before = process.env["NODE_ENV"]
  onTestFinished(() => void (process.env["NODE_ENV"] = before))
  process.env["NODE_ENV"] = "production"
  await expect(serve(source)).rejects.toMatchObject({ _tag: "InspectorRefused", reason: "production" })
  await (await serve(source, { force: true })).close()
  process.env["NODE_ENV"] = before
  const refused: ReadonlyArray<readonly [ServeOptions, string]> = [
    [{ port: -1 }, "option"],
    [{ port: 70_000 }, "option"],
    [{ host: "" }, "option"],
    [{ allowedHosts: ["*"] }, "option"],
    [{ allowedHosts: ["http://x.example"] }, "option"],
    [{ host: "0.0.0.0" }, "wildcard"],
    [{ host: "::" }, "wildcard"],
    [{ host: "203.0.113.1" }, "host"]
  ]
  for (const [options, reason] of refused) {
    const error = await serve(source, options).catch((error: unknown) => error)
    expect(error, JSON.stringify(options)).toBeInstanceOf(InspectorRefused)
    expect(error).toMatchObject({ reason })
  }
})

test("a port that is taken is said, whichever of the two addresses it is taken on", async () => {
  const { source } = fakeSource()
  for (const host of ["127.0.0.1", "::1"]) {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, host, resolve))
    const { port } = other.address() as { port: number }
    await expect(serve(source, { port })).rejects.toMatchObject({ reason: "port", detail: String(port) })
    await new Promise((resolve) => other.close(resolve))
  }
})

test("whoever opens it to others is warned, and still needs the token and a name that was given", async () => {
  const { source } = fakeSource()
  const at = await visiting(source, { host: "0.0.0.0", allowedHosts: ["inspector.example"] })
  expect(at.server.warning).toMatch(/whoever can reach it/)
  expect(at.server.url).toContain("http://inspector.example:")
  const asked = (host: string, headers = {}) => at.ask({ path: "/api/hello", headers: { host, ...headers } })
  expect((await asked("inspector.example", at.bearer)).status).toBe(200)
  expect((await asked(`inspector.example:${at.server.port}`)).status).toBe(401)
  expect((await asked("evil.example", at.bearer)).status).toBe(421)
})

test("closing ends viewers and lets go of the source", async () => {
  const { source, counts, listeners } = fakeSource()
  const at = await visitor(source)
  const viewer = await at.open()
  viewer.send({ type: "subscribe", stream: "run:r1" })
  await viewer.next(isType("caughtUp"))
  await at.close()
  await viewer.closed
  expect(listeners.size).toBe(0)
  await expect(at.ask({})).rejects.toThrow()
  expect(counts.open).toBeLessThanOrEqual(1)
})
