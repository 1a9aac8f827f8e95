// The inspector as applications embed it: given to an orchestrator, to any XState system, and to applications elsewhere.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createWebSocketInspector } from "@statelyai/inspect"
import { load, Orchestrator } from "troupe"
import { chaos } from "troupe/chaos"
import { inspector, openRecording, View } from "troupe/inspect"
import { afterAll, describe, expect, test } from "vitest"
import { createActor, createMachine } from "xstate"
import { task, type, workflow } from "../../src/index.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-inspector-"))
afterAll(() => rmSync(folder, { recursive: true }))
const quiet = { onOpen: () => {} }
const toggle = createMachine({
  id: "toggle",
  initial: "off",
  states: { off: { on: { FLIP: "on" } }, on: { on: { FLIP: "off" } } }
})

const ask = async (url: string, path: string) => {
  const { origin, hash } = new URL(url)
  const token = hash.slice("#token=".length)
  const answer = await fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${token}` } })
  return [answer.status, (await answer.json()) as any] as const
}

describe("inspector()", () => {
  test("shows an orchestrator that it is given to, and its runs", async () => {
    await using seen = await inspector(quiet)
    await using orchestrator = await Orchestrator.open({ inspect: seen })
    await orchestrator.execute(await load({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop" }] }), {}, { id: "r" })
    expect(await ask(seen.url, "/api/runs")).toMatchObject([200, { runs: [{ run: "r", status: "succeeded" }] }])
    const [status, { events }] = await ask(seen.url, "/api/streams/run:r/events?from=0")
    expect([status, events.at(-1).kind]).toEqual([200, "status"])
  })

  test("shows any XState system, also beside an orchestrator", async () => {
    await using seen = await inspector(quiet)
    await using _ = await Orchestrator.open({ inspect: seen })
    const actor = createActor(toggle, { inspect: seen }).start()
    actor.send({ type: "FLIP" })
    const [, { events }] = await ask(seen.url, "/api/streams/system:troupe/events?from=0")
    expect(events).toContainEqual(expect.objectContaining({ kind: "step", from: "toggle.off", to: "toggle.on" }))
    actor.stop()
  })

  test("lets whoever may control it send an event to an actor, and nobody else", async () => {
    const post = async (url: string) => {
      const { origin, hash } = new URL(url)
      const answer = await fetch(`${origin}/api/ask`, {
        method: "POST",
        headers: { authorization: `Bearer ${hash.slice("#token=".length)}`, "content-type": "application/json" },
        body: JSON.stringify({ ask: { verb: "send", fields: { actor: "button", event: { type: "FLIP" } } } })
      })
      return answer.status
    }
    for (const control of [true, false]) {
      await using seen = await inspector({ ...quiet, control })
      const actor = createActor(toggle, { id: "button", inspect: seen }).start()
      expect(await post(seen.url)).toBe(control ? 200 : 403)
      expect(actor.getSnapshot().value).toBe(control ? "on" : "off")
      actor.stop()
    }
  })

  test("one inspector is for one orchestrator: a second is told so", async () => {
    await using seen = await inspector(quiet)
    await using _ = await Orchestrator.open({ inspect: seen })
    await expect(Orchestrator.open({ inspect: seen })).rejects.toMatchObject({ code: "OPTION_INVALID" })
  })

  test("hears applications that speak as @statelyai/inspect does, with a token that reads nothing", async () => {
    await using seen = await inspector(quiet)
    const other = createWebSocketInspector({ url: seen.hearsAt })
    const actor = createActor(toggle, { inspect: other.inspect }).start()
    actor.send({ type: "FLIP" })
    const stream = "/api/streams/system:troupe/events?from=0"
    await expect
      .poll(async () => (await ask(seen.url, stream))[1].events.map(({ kind }: any) => kind))
      .toEqual(expect.arrayContaining(["chart", "actor", "message"]))
    const token = new URL(seen.hearsAt).searchParams.get("token")!
    expect((await ask(seen.url.replace(/#.*/, `#token=${token}`), "/api/runs"))[0]).toBe(401)
    other.stop()
    actor.stop()
  })

  test("whoever has no token for it tells nothing", async () => {
    await using seen = await inspector(quiet)
    const wrong = new WebSocket(`${seen.hearsAt}x`)
    expect(await new Promise((resolve) => wrong.addEventListener("error", () => resolve("refused")))).toBe("refused")
  })
})

describe("the recording of a failure that chaos has found", () => {
  let charges = 0
  const order = workflow("order", type<string>())
    .task(
      "paid",
      task("charge", { in: type<string>(), out: type<number>(), run: async () => ++charges }),
      ($) => $.input
    )
    .returns(($) => $.paid)

  test("opens where its last fault struck, with what was done to the run in its place", async () => {
    const corpus = join(folder, "corpus")
    await chaos(order, {
      input: "books",
      reset: () => void (charges = 0),
      faults: ["crash", "storage"],
      finally: () => charges === 1,
      seed: 1,
      corpus
    }).catch(() => {})
    const file = readdirSync(corpus).find((name) => name.endsWith(".recording.jsonl"))!
    const source = await openRecording(join(corpus, file))
    const view = new View()
    for await (const { events } of source.follow(source.opensAt!.stream, 0))
      for (const event of events) view.apply(event)
    const [run] = view.runs.values()
    expect(run!.faults.length).toBeGreaterThan(0)
    expect(run!.tasks.get("paid")).toBeDefined()
    expect(source.opensAt!.seq).toBeGreaterThan(0)
    await source.close()
  })

  test.each([
    ['{"kind":"troupe-recording","format":9}', "line 1: it has the format 9"],
    [
      '{"kind":"troupe-recording","format":1,"run":"r","hash":"h","startedAt":0,"definition":5}',
      "holds a definition that is none"
    ]
  ])("a broken one is refused with the line: %s", async (text, message) => {
    const path = join(folder, `broken-${message.length}.recording.jsonl`)
    writeFileSync(path, `${text}\n`)
    await expect(openRecording(path)).rejects.toThrow(message)
  })
})
