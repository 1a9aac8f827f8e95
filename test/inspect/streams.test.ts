// Runs as streams of events: from an orchestrator of this process, and from a store that somebody else owns.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { load, Orchestrator } from "troupe"
import { afterAll, describe, expect, test } from "vitest"
import type { SeenEvent } from "../../src/inspect/protocol.ts"
import type { Batch, Source } from "../../src/inspect/source.ts"
import { orchestratorSource, storeSource } from "../../src/inspect/sources.ts"
import { Timeline } from "../../src/inspect/view.ts"
import type { Json } from "../../src/model/json.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-streams-"))
afterAll(() => rmSync(folder, { recursive: true }))
let stores = 0
const newPath = () => join(folder, `${stores++}.db`)
const plain = (value: unknown): Json => (value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json))

const order = () =>
  load({
    ir: 1,
    name: "order",
    tasks: [
      { id: "a", kind: "noop" },
      { id: "b", kind: "fail", times: 1, after: ["a"], retry: { attempts: 3, baseMs: 10 } },
      { id: "items", kind: "map", over: 3, each: { kind: "echo" }, after: ["b"] },
      { id: "ok", kind: "gate", after: ["items"] },
      { id: "never", kind: "noop", when: false, after: ["a"] },
      { id: "last", kind: "fail", after: ["ok"] }
    ]
  })

/** Reads a stream until it shows what is wanted. */
const readUntil = async (source: Source, is: (timeline: Timeline) => boolean, from = 0): Promise<Timeline> => {
  const timeline = new Timeline()
  const alive = setInterval(() => {}, 1_000)
  try {
    for await (const { events } of source.follow("run:r", from)) {
      timeline.push(events)
      if (is(timeline)) break
    }
  } finally {
    clearInterval(alive)
  }
  return timeline
}
const isEnded = ({ latest }: Timeline) =>
  ["succeeded", "failed", "cancelled"].includes(latest.runs.get("r")?.status ?? "")
const statesIn = ({ latest }: Timeline) =>
  Object.fromEntries([...latest.runs.get("r")!.tasks.values()].map(({ path, status }) => [path, status]))

const opened = async () => {
  const path = newPath()
  const orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
  const live = orchestratorSource(orchestrator, { redact: plain })
  const store = await storeSource(path, { redact: plain })
  const run = await orchestrator.submit(await order(), {}, { id: "r" })
  const close = async () => {
    await Promise.all([live.close(), store.close()])
    await orchestrator.close()
  }
  return { orchestrator, live, store, run, close }
}

describe("the stream of a run", () => {
  test("is the same live, from the store, and whenever somebody comes; tasks are shown as the run says", async () => {
    const { live, store, run, close } = await opened()
    const watching = Promise.all([readUntil(live, isEnded), readUntil(store, isEnded)])
    await expect.poll(async () => (await run.status()).gates.length).toBe(1)
    await run.answer("ok", 1)
    await run.outcome()
    const [one, other] = await watching
    expect(other.events).toEqual(one.events)
    expect((await readUntil(live, isEnded)).events).toEqual(one.events)
    expect(statesIn(one)).toEqual({
      ...(await run.tasks()),
      "items[0]": "succeeded",
      "items[1]": "succeeded",
      "items[2]": "succeeded"
    })
    const b = one.latest.runs.get("r")!.tasks.get("b")!
    expect(b.attempts.map(({ outcome }) => outcome)).toEqual(["failed", "succeeded"])
    expect(b.pauses.map((pause) => pause.for)).toContain("backoff")
    await close()
  })

  test("goes on from any event, as for somebody who was cut off", async () => {
    const { live, run, close } = await opened()
    await expect.poll(async () => (await run.status()).gates.length).toBe(1)
    const isAtGate = (timeline: Timeline) => timeline.latest.actors.has("r/ok")
    const before = await readUntil(live, isAtGate)
    await run.answer("ok", 1)
    await run.outcome()
    const hasFailed = ({ events }: Timeline) => {
      const last = events.at(-1)
      return last?.kind === "status" && last.status === "failed"
    }
    const after = await readUntil(live, hasFailed, before.events.length)
    const all: Array<SeenEvent> = [...before.events, ...after.events]
    expect(all).toEqual((await readUntil(live, isEnded)).events)
    await close()
  })

  test("shows a decision about the past where it was made: what was seen before stays as it was seen", async () => {
    const { live, store, run, close } = await opened()
    await expect.poll(async () => (await run.status()).gates.length).toBe(1)
    await run.answer("ok", 1)
    await run.outcome()
    const failed = await readUntil(live, isEnded)
    await live.perform!({ verb: "skip", run: "r", fields: { task: "last", value: 7 }, why: "it is fine" }, "ada")
    const isMended = ({ latest }: Timeline) => latest.runs.get("r")?.status === "succeeded"
    const mended = await readUntil(store, isMended)
    expect(mended.events.slice(0, failed.events.length)).toEqual(failed.events)
    expect(mended.at(failed.events.length).runs.get("r")!.tasks.get("last")!.status).toBe("failed")
    expect(mended.latest.runs.get("r")!.tasks.get("last")).toMatchObject({
      status: "succeeded",
      value: 7,
      attempts: [{ outcome: "failed", isForgotten: true }]
    })
    expect(mended.latest.runs.get("r")!.tasks.get("items[1]")!.status).toBe("succeeded")
    expect((await run.history()).at(-1)).toMatchObject({ type: "run.amended", who: "ada", why: "it is fine" })
    await close()
  })

  test("of a run whose messages were compacted begins where its snapshot is, with everything as it stands", async () => {
    const path = newPath()
    const orchestrator = await Orchestrator.open({ store: `sqlite:${path}`, snapshotEvery: 5, keepMessages: 0 })
    const run = await orchestrator.submit(await order(), {}, { id: "r" })
    await expect.poll(async () => (await run.status()).gates.length).toBe(1)
    const live = orchestratorSource(orchestrator, { redact: plain })
    const timeline = await readUntil(live, ({ latest }) => latest.actors.has("r/ok"))
    const shown = statesIn(timeline)
    for (const [task, status] of Object.entries(await run.tasks()))
      expect([task, shown[task] ?? "pending"]).toEqual([task, status])
    await live.close()
    await orchestrator.close()
  })

  test("that nobody reads any more lets go of everything, and one that is not there is said", async () => {
    const { live, close } = await opened()
    await expect(readUntil({ ...live, follow: () => live.follow("run:nobody", 0) }, () => true)).rejects.toMatchObject({
      code: "STREAM_UNKNOWN"
    })
    expect(() => live.follow("planets", 0)).toThrow("there is no stream 'planets'")
    const reading = live.follow("run:r", 0)[Symbol.asyncIterator]() as AsyncIterator<Batch>
    await reading.next()
    await reading.return!()
    expect((await reading.next()).done).toBe(true)
    await close()
  })
})

describe("a preview", () => {
  test.each([
    [
      { verb: "retry", run: "r", fields: { task: "b" } },
      "b begins anew, and 3 tasks after it can start.",
      ["b", "items", "ok", "last"]
    ],
    [
      { verb: "skip", run: "r", fields: { task: "ok" } },
      "ok gets this result by hand; 1 task after it go on from it.",
      ["ok", "last"]
    ],
    [
      { verb: "rollback", run: "r", fields: { to: 1 } },
      /^Back to where the run was after message 1: 4 tasks that ended since count no more/,
      undefined
    ]
  ])("of %j says what would come of it", async (ask, text, tasks) => {
    const { live, run, close } = await opened()
    await expect.poll(async () => (await run.status()).gates.length).toBe(1)
    const preview = await live.preview!(ask)
    expect(preview.text).toEqual(typeof text === "string" ? text : expect.stringMatching(text))
    if (tasks !== undefined) expect(preview.tasks).toEqual(tasks)
    await close()
  })
})

describe("the overview", () => {
  test("lists runs, newest first, live and from the store", async () => {
    const { live, store, run, close } = await opened()
    await expect.poll(async () => (await run.status()).gates.length).toBe(1)
    for (const source of [live, store]) {
      const { runs, streams } = await source.overview(10)
      expect(runs).toMatchObject([{ run: "r", workflow: "order", tasks: { total: 6 } }])
      expect(streams).toEqual(["orchestrator", "run:r"])
    }
    await close()
  })
})
