import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync, zstdCompressSync } from "node:zlib"
import fc from "fast-check"
import { expect, onTestFinished, test } from "vitest"
import { load, Orchestrator } from "../../src/index.ts"
import { RecordingBroken, RecordingRefused, RecordingTooNew, StreamUnknown } from "../../src/inspect/errors.ts"
import type { RecordingHead, SeenEvent } from "../../src/inspect/protocol.ts"
import { headOf, recordingMost, recordingSource, untilCaughtUp, writeRecording } from "../../src/inspect/recording.ts"
import { redact } from "../../src/inspect/redact.ts"
import type { Batch, Source } from "../../src/inspect/source.ts"
import { orchestratorSource } from "../../src/inspect/sources.ts"
import { View } from "../../src/inspect/view.ts"
import { numbered, story } from "./source.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-recordings-"))
let files = 0
const fresh = (ending: string) => join(folder, `r${files++}${ending}`)

const head: RecordingHead = {
  kind: "troupe-recording-of-events",
  protocol: 1,
  version: "0",
  title: "t",
  stream: "run:r1",
  recordedAt: 5
}
async function* batchesOf(events: ReadonlyArray<SeenEvent>): AsyncGenerator<Batch> {
  for (let at = 0; at < events.length; at += 3) yield { events: events.slice(at, at + 3), isCaughtUp: false }
}
const all = async (source: Source, stream = "run:r1", from = 0): Promise<ReadonlyArray<SeenEvent>> => {
  const events: Array<SeenEvent> = []
  for await (const batch of untilCaughtUp(source.follow(stream, from))) events.push(...batch.events)
  return events
}
/** A file of lines as somebody wrote them. */
const written = (lines: ReadonlyArray<unknown>, ending = ".jsonl"): string => {
  const path = fresh(ending)
  writeFileSync(path, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"))
  return path
}

test.each([".troupe.jsonl", ".jsonl.gz", ".jsonl.zst"])("what was recorded in %s is seen as it was", async (ending) => {
  const path = fresh(ending)
  expect(await writeRecording(path, head, batchesOf(story))).toMatchObject({ events: story.length })
  const source = await recordingSource(path)
  expect(await all(source)).toEqual(story)
  expect((await all(source, "run:r1", 7)).map(({ seq }) => seq)).toEqual([7, 8, 9, 10, 11])
  expect(await source.overview(10)).toEqual({
    streams: ["run:r1"],
    runs: [
      {
        run: "r1",
        workflow: "flow",
        status: "failed",
        percent: 33,
        submittedAt: 1_001,
        updatedAt: 1_011,
        tasks: { total: 3, completed: 1, failed: 1 },
        error: "it broke"
      }
    ],
    total: 1
  })
  expect(source).toMatchObject({ kind: "recording", title: "t", opensAt: { stream: "run:r1" } })
  expect(source.perform).toBeUndefined()
  expect(() => source.follow("run:other", 0)).toThrow(StreamUnknown)
})

test("runs of a real orchestrator are recorded and seen again, event for event: fan-outs, failures, retries, decisions, undo", async () => {
  const orchestrator = await Orchestrator.open()
  onTestFinished(() => orchestrator.close())
  const flow = await load({
    ir: 1,
    name: "flow",
    input: { type: "object", properties: { password: { type: "string", default: "canary" } } },
    tasks: [
      { id: "list", kind: "echo", input: { $literal: [1, 2, 3] }, undo: { kind: "noop" } },
      { id: "each", kind: "map", over: { $: "list" }, each: { kind: "echo", input: { $: "item" } } },
      { id: "short", kind: "sleep", durationMs: 5, after: ["each"] },
      { id: "gate", kind: "gate", after: ["short"] },
      { id: "bad", kind: "fail", times: 9, after: ["gate"], retry: { attempts: 2, baseMs: 1, jitter: "none" } }
    ]
  })
  const run = await orchestrator.submit(flow, { password: "hunter2-canary" }, { id: "r1" })
  await expect.poll(async () => (await run.status()).status).toBe("waiting")
  await run.pause({ who: "ada", why: "lunch" })
  await run.resume({ who: "ada" })
  await run.answer("gate", { token: "canary" }, { who: "ada" })
  await run.outcome()
  await run.rollback(0, { who: "ada", why: "again" }).catch(() => {})
  // until it waits for somebody again, more is being seen
  await expect.poll(async () => (await run.status()).gates.length).toBe(1)
  const source = orchestratorSource(orchestrator, { redact, title: "live" })
  onTestFinished(() => source.close())
  const live = await all(source)
  expect(live.length).toBeGreaterThan(50)
  expect(JSON.stringify(live)).not.toContain("canary")
  const path = fresh(".troupe.jsonl.zst")
  await writeRecording(path, headOf(source, "run:r1", "0.1.0", 7), untilCaughtUp(source.follow("run:r1", 0)))
  expect(await all(await recordingSource(path))).toEqual(live)
})

test("secrets are not in a recording", async () => {
  const path = fresh(".jsonl")
  const secret = numbered([
    {
      kind: "run",
      run: "r1",
      workflow: "w",
      hash: "h",
      input: { password: "hunter2-canary", url: "http://u:canary-2@h/" }
    }
  ])
  await writeRecording(path, { ...head, title: "Bearer canary-title-1" }, batchesOf(secret))
  expect(readFileSync(path, "utf8")).not.toContain("canary")
})

test("a recording never replaces a file, and leaves no half of one", async () => {
  const path = fresh(".jsonl")
  await writeRecording(path, head, batchesOf(story))
  const before = readFileSync(path, "utf8")
  await expect(writeRecording(path, head, batchesOf([]))).rejects.toMatchObject({
    _tag: "RecordingRefused",
    reason: "exists"
  })
  expect(readFileSync(path, "utf8")).toBe(before)
  const broken = fresh(".jsonl.zst")
  const failing = (async function* (): AsyncGenerator<Batch> {
    yield { events: story, isCaughtUp: false }
    throw new StreamUnknown({ stream: "x" })
  })()
  await expect(writeRecording(broken, head, failing)).rejects.toBeInstanceOf(StreamUnknown)
  const large = fresh(".jsonl")
  await expect(
    writeRecording(large, head, batchesOf(story), { bounds: { ...recordingMost, events: 5 } })
  ).rejects.toMatchObject({ reason: "size" })
  await expect(
    writeRecording(large, head, batchesOf(story), { bounds: { ...recordingMost, bytes: 300 } })
  ).rejects.toMatchObject({ reason: "size" })
  await expect(writeRecording(fresh(".json"), head, batchesOf([]))).rejects.toMatchObject({ reason: "ending" })
  await expect(writeRecording(join(folder, "none", "x.jsonl"), head, batchesOf([]))).rejects.toBeInstanceOf(
    RecordingRefused
  )
  expect(readdirSync(folder)).not.toContain(broken.slice(folder.length + 1))
  expect(readdirSync(folder)).not.toContain(large.slice(folder.length + 1))
})

const first = story[0]!
const broken: ReadonlyArray<readonly [what: string, line: number, lines: ReadonlyArray<unknown>]> = [
  ["is empty", 0, []],
  ["is no JSON", 1, ["<html>"]],
  ["begins as something else", 1, [{ kind: "har", log: {} }]],
  ["has a head with more than it should", 1, [{ ...head, script: "alert(1)" }]],
  ["has a line that is cut off", 3, [head, first, JSON.stringify(story[1]).slice(0, 20)]],
  ["has a line that is no event", 2, [head, 7]],
  ["has an event of an unknown kind", 2, [head, { kind: "eval", seq: 0, t: 0 }]],
  ["has an event of a kind that every object has", 2, [head, { kind: "constructor", seq: 0, t: 0 }]],
  ["has an event with a field that none has", 2, [head, { ...story[5], seq: 0, html: "<img>" }]],
  ["has an event without its task", 2, [head, { kind: "task", run: "r", status: "running", seq: 0, t: 0 }]],
  ["has a number where a name should be", 2, [head, { kind: "actor", actor: 7, id: "a", logic: "l", seq: 0, t: 0 }]],
  ["leaves out events", 3, [head, first, { ...story[2], seq: 2 }]],
  ["tells an event twice", 3, [head, first, first]],
  ["goes back in time", 3, [head, first, { ...story[1], t: 0 }]],
  [
    "has patches that reach for prototypes",
    3,
    [
      head,
      { ...story[3], seq: 0 },
      { ...story[9], seq: 1, t: 2_000, patches: [{ op: "add", path: ["__proto__", "x"], value: 1 }] }
    ]
  ],
  [
    "has a definition that is none",
    2,
    [head, { kind: "definition", hash: "h", ir: { ir: 1, name: "x", tasks: "all" }, seq: 0, t: 0 }]
  ],
  [
    "has a chart with a state without a name",
    2,
    [head, { kind: "chart", logic: "l", shape: { id: "l", states: [{}], edges: [] }, seq: 0, t: 0 }]
  ],
  [
    "is nested without end",
    2,
    [
      head,
      `{"kind":"run","run":"r","workflow":"w","hash":"h","seq":0,"t":0,"input":${"[".repeat(20_000)}${"]".repeat(20_000)}}`
    ]
  ]
]
test.each(broken)(
  "a recording that %s is refused with its line (%i), and nothing of it is shown",
  async (_, line, lines) => {
    const error = await recordingSource(written(lines)).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(RecordingBroken)
    expect(error).toMatchObject({ line })
  }
)

test("patches that fit nothing change nothing", async () => {
  const step = { ...story[9], seq: 1, t: 2_000, patches: [{ op: "replace", path: ["a", "b", "c"], value: 1 }] }
  const source = await recordingSource(written([head, { ...story[3], seq: 0 }, step]))
  const view = new View()
  for (const event of await all(source)) view.apply(event)
  expect(view.actors.get("r1")!.context).toEqual({ n: 0 })
})

test("patches that reach for prototypes are refused by what they say, before they are tried", async () => {
  const actor = { ...story[3], seq: 0 }
  for (const name of ["__proto__", "constructor", "prototype"]) {
    const step = { ...story[9], seq: 1, t: 2_000, patches: [{ op: "add", path: [name, "x"], value: 1 }] }
    await expect(recordingSource(written([head, actor, step]))).rejects.toMatchObject({
      problem: expect.stringContaining("'patches'")
    })
  }
})

test("a recording of a later version says so, whatever else is in it", async () => {
  const error = await recordingSource(written([{ kind: "troupe-recording-of-events", protocol: 2, new: true }])).catch(
    (error: unknown) => error
  )
  expect(error).toBeInstanceOf(RecordingTooNew)
  expect(error).toMatchObject({ protocol: 2 })
})

test("a file that is not there, or is packed wrongly, is refused", async () => {
  await expect(recordingSource(fresh(".jsonl"))).rejects.toBeInstanceOf(RecordingBroken)
  for (const ending of [".jsonl.gz", ".jsonl.zst"])
    await expect(recordingSource(written([head, ...story], ending))).rejects.toBeInstanceOf(RecordingBroken)
  const text = [head, ...story].map((one) => JSON.stringify(one)).join("\n")
  for (const [ending, packed] of [
    [".jsonl.gz", gzipSync(text)],
    [".jsonl.zst", zstdCompressSync(text)]
  ] as const) {
    const path = fresh(ending)
    writeFileSync(path, packed.subarray(0, packed.length - 20))
    await expect(recordingSource(path)).rejects.toBeInstanceOf(RecordingBroken)
  }
})

test("a small file that unpacks without end is left at the bound, in bounded memory", async () => {
  const bounds = { line: 1024 * 1024, bytes: 8 * 1024 * 1024, events: 100_000 }
  const zeros = Buffer.alloc(256 * 1024 * 1024, "0")
  const lines = [
    head,
    ...Array.from({ length: 50_000 }, (_, seq) => ({ kind: "reset", run: "r".repeat(300), seq, t: 0 }))
  ]
  const text = lines.map((line) => JSON.stringify(line)).join("\n")
  const before = process.memoryUsage().rss
  const bombs = [
    [".jsonl.gz", gzipSync(zeros), "a line has more than 1,048,576 bytes"],
    [".jsonl.zst", zstdCompressSync(zeros), "a line has more than 1,048,576 bytes"],
    [".jsonl.gz", gzipSync(text), "it has more than 8,388,608 bytes"],
    [".jsonl.zst", zstdCompressSync(text), "it has more than 8,388,608 bytes"]
  ] as const
  for (const [ending, packed, problem] of bombs) {
    const path = fresh(ending)
    writeFileSync(path, packed)
    await expect(recordingSource(path, bounds)).rejects.toMatchObject({ _tag: "RecordingBroken", problem })
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(700 * 1024 * 1024)
  const many = written([head, ...Array.from({ length: 20 }, (_, seq) => ({ kind: "reset", run: "r", seq, t: 0 }))])
  await expect(recordingSource(many, { ...bounds, events: 10 })).rejects.toMatchObject({ line: 12 })
})

test("hostile names stay names: what is recorded comes back as it was, character for character", async () => {
  const names = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\u2028\u2029",
    "\u202Egnp.exe",
    "__proto__",
    "constructor",
    "${7*7}",
    "\u0000",
    "\uD800"
  ]
  const events = numbered(
    names.map(
      (name) => ({ kind: "actor", actor: name, id: name, logic: name, value: name, context: { [name]: name } }) as const
    )
  )
  const path = fresh(".jsonl.zst")
  await writeRecording(path, head, batchesOf(events))
  const back = await all(await recordingSource(path))
  expect(JSON.stringify(back)).toBe(JSON.stringify(events))
  expect(({} as Record<string, unknown>)["img"]).toBeUndefined()
})

test("a broken byte anywhere is refused, or changes a text: it never ends the process, and never hangs it", async () => {
  const path = fresh(".jsonl")
  await writeRecording(path, head, batchesOf(story))
  const good = readFileSync(path)
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), async (at, byte) => {
      const bytes = Buffer.from(good)
      bytes[at] = byte
      const other = fresh(".jsonl")
      writeFileSync(other, bytes)
      try {
        const view = new View()
        for (const event of await all(
          await recordingSource(other),
          JSON.parse(bytes.toString().split("\n")[0]!).stream
        ))
          view.apply(event)
      } catch (error) {
        expect(
          [RecordingBroken, RecordingTooNew].some((known) => error instanceof known),
          String(error)
        ).toBe(true)
      }
    }),
    { numRuns: 300 }
  )
})

test("a recording that is changed while it is shown is refused from there on", async () => {
  const path = written([head, ...story])
  const source = await recordingSource(path)
  writeFileSync(path, `${JSON.stringify(head)}\n{`)
  await expect(all(source)).rejects.toBeInstanceOf(RecordingBroken)
})
