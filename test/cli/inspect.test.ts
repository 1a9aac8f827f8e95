// The inspector from the command line, as scripts use it.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { doc, type Going, type Place, place, until } from "./troupe.ts"

const gated = doc("order", [
  { id: "quote", kind: "echo", input: { price: 7, password: "hunter2-canary" } },
  { id: "approved", kind: "gate", after: ["quote"] }
])

const withRun = async (): Promise<Place> => {
  const at = place()
  at.file("order.json", gated)
  expect((await at.troupe("run", "order.json", "--id", "r1", "--json")).code).toBe(4)
  return at
}

const served = async (going: Going): Promise<{ readonly url: string; readonly pid: number; readonly port: number }> => {
  onTestFinished(() => void going.child.kill("SIGKILL"))
  return JSON.parse(
    await until(
      () => going.stdout(),
      (text) => text.includes("\n"),
      20_000
    )
  )
}
const asking = (url: string) => {
  const { origin, hash } = new URL(url)
  const authorization = `Bearer ${new URLSearchParams(hash.slice(1)).get("token")}`
  return async (path: string, body?: unknown) =>
    (
      await fetch(`${origin}${path}`, {
        headers: { authorization, "content-type": "application/json" },
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
      })
    ).json() as any
}

test("'troupe inspect' serves a store until it is interrupted, and only shows", async () => {
  const at = await withRun()
  const going = at.go("inspect", "--json")
  const { url, pid, port } = await served(going)
  expect(url).toBe(`http://127.0.0.1:${port}/#token=${new URL(url).hash.slice("#token=".length)}`)
  expect(pid).toBe(going.child.pid)
  const ask = asking(url)
  expect(await ask("/api/hello")).toMatchObject({ source: "store", mayControl: false })
  expect((await ask("/api/runs")).runs).toMatchObject([{ run: "r1", workflow: "order" }])
  const { events } = await ask("/api/streams/run:r1/events")
  expect(events[0]).toMatchObject({ kind: "definition", seq: 0 })
  expect(JSON.stringify(events)).not.toContain("canary")
  expect(await ask("/api/ask", { ask: { verb: "pause", run: "r1" } })).toMatchObject({
    ok: false,
    error: { code: "READ_ONLY" }
  })
  const page = await fetch(new URL(url).origin)
  expect(await page.text()).toContain('<div id="app">')
  going.child.kill("SIGINT")
  expect((await going.done).code).toBe(0)
})

test("with '--control' a gate is answered from the page, and the history says who and why", async () => {
  const at = await withRun()
  const going = at.go("inspect", "--json", "--control", "--who", "ada")
  const ask = asking((await served(going)).url)
  expect(await ask("/api/hello")).toMatchObject({ mayControl: true })
  const answer = { verb: "answer", run: "r1", fields: { gate: "approved", value: true }, why: "cheap" }
  expect(await ask("/api/ask", { ask: answer, isDryRun: true })).toMatchObject({
    ok: true,
    preview: { tasks: ["approved"] }
  })
  expect(await ask("/api/ask", { ask: answer })).toMatchObject({ ok: true, value: { ok: true } })
  const { events } = (await at.troupe("events", "r1", "--json")).json()
  expect(events.at(-1)).toMatchObject({
    type: "gate.answered",
    task: "approved",
    value: true,
    who: "inspector (ada)",
    why: "cheap"
  })
  expect(await ask("/api/ask", { ask: { verb: "pause", run: "none" } })).toMatchObject({
    ok: false,
    error: { code: "RUN_NOT_FOUND" }
  })
})

test("a process that has the store does what is asked, and is seen as it goes on", async () => {
  const at = place()
  at.file("slow.json", doc("slow", [{ id: "wait", kind: "sleep", durationMs: 60_000 }]))
  const run = at.go("run", "slow.json", "--id", "r1", "--json")
  onTestFinished(() => void run.child.kill("SIGKILL"))
  await until(() => existsSync(at.store), Boolean)
  const ask = asking((await served(at.go("inspect", "--json", "--control"))).url)
  await until(
    () => ask("/api/runs"),
    ({ runs }) => runs?.length === 1
  )
  expect(await ask("/api/ask", { ask: { verb: "cancel", run: "r1", why: "enough" } })).toMatchObject({ ok: true })
  const done = await run.done
  expect(done.code).toBe(4)
  expect(done.json()).toMatchObject({ status: "cancelled" })
})

test("'troupe run --inspect' shows the run while it goes on, and ends with it where nobody sits at a terminal", async () => {
  const at = place()
  at.file("slow.json", doc("slow", [{ id: "wait", kind: "sleep", durationMs: 3_000 }]))
  let said = ""
  const going = at.go("run", "slow.json", "--id", "r1", "--store", "memory", "--inspect", "--json")
  going.child.stderr!.on("data", (part) => (said += part))
  const line = await until(
    () => said,
    (text) => text.includes("\n"),
    20_000
  )
  const url = /http:\S+/.exec(line)![0]
  const ask = asking(url)
  await until(
    () => ask("/api/runs"),
    ({ runs }) => runs?.length === 1
  )
  expect(await ask("/api/hello")).toMatchObject({ source: "live", title: "slow", mayControl: false })
  const done = await going.done
  expect(done.code).toBe(0)
  expect(done.json()).toMatchObject({ status: "succeeded" })
  await expect(fetch(url)).rejects.toThrow()
})

test("a run is recorded, the recording is opened, and both become a report", async () => {
  const at = await withRun()
  const recorded = await at.troupe("record", "r1", "--json")
  expect(recorded.json()).toMatchObject({ stream: "run:r1", file: "r1.troupe.jsonl.zst" })
  const ask = asking((await served(at.go("inspect", "r1.troupe.jsonl.zst", "--json", "--control"))).url)
  expect(await ask("/api/hello")).toMatchObject({
    source: "recording",
    mayControl: false,
    opensAt: { stream: "run:r1" }
  })
  expect((await ask("/api/streams/run:r1/events")).events.length).toBe(recorded.json().events)
  expect(await ask("/api/ask", { ask: { verb: "pause", run: "r1" } })).toMatchObject({
    ok: false,
    error: { code: "NOT_POSSIBLE" }
  })
  for (const [word, out] of [
    ["r1", "a.html"],
    ["r1.troupe.jsonl.zst", "b.html"]
  ] as const) {
    const done = await at.troupe("report", word, "--out", out, "--json")
    expect(done.json()).toMatchObject({ stream: "run:r1", file: out, events: recorded.json().events })
    const html = readFileSync(join(at.folder, out), "utf8")
    expect(html).toContain("default-src 'none'")
    expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org)/)
  }
})

test("a workflow is seen before it runs: its graph, and its longest path; nothing begins", async () => {
  const at = place()
  at.file(
    "flow.json",
    doc("flow", [
      { id: "a", kind: "shell", argv: ["touch", "ran"] },
      { id: "b", kind: "noop", after: ["a"] }
    ])
  )
  const ask = asking((await served(at.go("inspect", "flow.json", "--json"))).url)
  expect(await ask("/api/hello")).toMatchObject({ mayControl: false, opensAt: { stream: "workflow:flow" } })
  const { events } = await ask("/api/streams/workflow:flow/events")
  expect(events).toMatchObject([
    { kind: "definition", ir: { name: "flow" } },
    { kind: "run" },
    { kind: "status", critical: ["a", "b"] }
  ])
  expect(existsSync(join(at.folder, "ran"))).toBe(false)
  expect(existsSync(at.store)).toBe(false)
})

test("what cannot be shown is one sentence that says what to do", async () => {
  const at = await withRun()
  writeFileSync(join(at.folder, "bad.jsonl"), "{}")
  writeFileSync(join(at.folder, "new.jsonl"), '{"kind":"troupe-recording-of-events","protocol":9}')
  writeFileSync(join(at.folder, "there.jsonl"), "")
  at.file("wrong.json", doc("wrong", [{ id: "a", kind: "noop", after: ["nobody"] }]))
  const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
    [["inspect", "wrong.json"], 3, /nobody/],
    [["inspect", "order.txt"], 2, /\.jsonl/],
    [["inspect", "--port", "70000"], 2, /--port/],
    [["inspect", "--store", "memory"], 2, /memory/],
    [["inspect", "--store", "sqlite:none.db"], 5, /none\.db/],
    [["inspect", "bad.jsonl"], 3, /line 1/],
    [["inspect", "new.jsonl"], 3, /newer troupe/],
    [["inspect", "none.jsonl"], 3, /none\.jsonl/],
    [["record", "r2"], 1, /r2/],
    [["record", "r1", "--out", "x.txt"], 2, /\.jsonl\.zst/],
    [["record", "r1", "--out", "there.jsonl"], 2, /another/],
    [["report", "r2"], 1, /r2/],
    [["report", "../x"], 2, /run id/]
  ]
  for (const [words, code, says] of wrong) {
    const done = await at.troupe(...words)
    expect(done.code, words.join(" ")).toBe(code)
    expect(done.stderr, words.join(" ")).toMatch(says)
    expect(done.stderr).not.toContain("unexpected")
  }
})
