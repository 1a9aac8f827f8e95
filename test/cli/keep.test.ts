// backup, export-run and import-run as scripts use them, against the built package.
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { Orchestrator, task, type, workflow } from "troupe"
import { afterAll, describe, expect, test } from "vitest"

const bin = fileURLToPath(new URL("../../bin/troupe.mjs", import.meta.url))
const root = mkdtempSync(join(tmpdir(), "troupe-keep-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const troupe = (
  folder: string,
  ...args: ReadonlyArray<string>
): Promise<{ code: number | null; stdout: string; stderr: string; json: () => any }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env: { PATH: process.env.PATH } })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => (stdout += chunk))
    child.stderr.on("data", (chunk) => (stderr += chunk))
    child.on("close", (code) => resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) }))
  })

let calls = 0
const wait = task("wait", {
  in: type<number>(),
  out: type<number>(),
  run: (n) => {
    calls++
    return n === 0 ? new Promise<number>(() => {}) : Promise.resolve(n)
  }
})
const flow = workflow("flow", type<number>())
  .derive(
    "twice",
    ($) => $.input,
    (n) => 2 * n
  )
  .task("wait", wait, ($) => $.twice)
  .returns(($) => $.wait)

/** A store in use, with a finished run and one that goes on. */
const inUse = async (name: string) => {
  const folder = mkdtempSync(join(root, `${name}-`))
  const orchestrator = await Orchestrator.open({ store: `sqlite:${join(folder, "a.db")}`, workflows: [flow] })
  await orchestrator.execute(flow, 1, { id: "done" })
  await orchestrator.submit(flow, 0, { id: "open" })
  for (let i = 0; i < 100 && (await orchestrator.status("open")).messages < 2; i++)
    await new Promise((resolve) => setTimeout(resolve, 5))
  return { folder, orchestrator }
}

describe.concurrent("troupe backup", () => {
  test("copies a store while another process works with it, and says how much it is", async () => {
    const { folder, orchestrator } = await inUse("copy")
    const made = await troupe(folder, "backup", "b.db", "--store", "sqlite:a.db", "--json")
    expect([made.code, made.stderr, made.json()]).toEqual([
      0,
      "",
      { path: join(folder, "b.db"), bytes: expect.any(Number) }
    ])
    expect((await orchestrator.status("open")).status).toBe("running")
    await orchestrator.close()
    await using second = await Orchestrator.open({ store: `sqlite:${join(folder, "b.db")}` })
    expect(await (await second.get("done")).result()).toBe(2)
    const again = await troupe(folder, "backup", "b.db", "--store", "sqlite:a.db")
    expect([again.code, again.stdout]).toEqual([2, ""])
    expect(again.stderr).toMatch(/^troupe: no backup was made .* a backup never replaces anything/)
  })
  test.each([
    [["backup", "b.db"], 5, /the store '.*\/\.troupe\/troupe\.db' does not exist/],
    [["backup", "b.db", "--store", "memory"], 2, /a store in memory ends with its process/],
    [["backup", "a.db", "--store", "sqlite:a.db"], 2, /that is the store itself/],
    [["import-run", "none.json", "--store", "memory"], 2, /a store in memory ends with its process/],
    [["backup", "b.db", "--store", "sqlite:none.db"], 5, /does not exist/],
    [["export-run", "none", "--store", "sqlite:a.db"], 1, /there is no run 'none'/],
    [["export-run", "../x", "--store", "sqlite:a.db"], 2, /not allowed/],
    [["import-run", "none.json", "--store", "sqlite:a.db"], 2, /cannot read 'none.json'/]
  ])("%j is wrong: exit %i and one sentence", async (args, code, words) => {
    const { folder, orchestrator } = await inUse("wrong")
    await orchestrator.close()
    const files = () => readdirSync(folder).filter((name) => !/-(?:shm|wal)$/.test(name))
    const before = files()
    const told = await troupe(folder, ...args)
    expect([told.code, told.stdout]).toEqual([code, ""])
    expect(told.stderr.trim().split("\n")).toHaveLength(1)
    expect(told.stderr).toMatch(words)
    expect(files()).toEqual(before)
  })
})

describe.concurrent("troupe export-run and import-run", () => {
  test("take an unfinished run from a store in use to another one, where it waits for whoever opens it", async () => {
    const { folder, orchestrator } = await inUse("move")
    const out = await troupe(folder, "export-run", "open", "--store", "sqlite:a.db", "--json")
    expect([out.code, out.stderr]).toEqual([0, ""])
    expect(out.json()).toEqual({
      run: "open",
      status: "running",
      messages: 2,
      isPartial: false,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      file: "open.run.json"
    })
    await orchestrator.close()
    const taken = await troupe(
      folder,
      "import-run",
      "open.run.json",
      "--store",
      "sqlite:c.db",
      "--who",
      "ann",
      "--json"
    )
    expect([taken.code, taken.stderr, taken.json()]).toEqual([0, "", { run: "open", status: "running" }])
    const twice = await troupe(folder, "import-run", "open.run.json", "--store", "sqlite:c.db")
    expect([twice.code, twice.stdout]).toEqual([1, ""])
    const before = calls
    await using third = await Orchestrator.open({ store: `sqlite:${join(folder, "c.db")}`, workflows: [flow] })
    for (let i = 0; i < 100 && calls === before; i++) await new Promise((resolve) => setTimeout(resolve, 5))
    expect((await (await third.get("open")).history()).map((one) => [one.type, "who" in one ? one.who : ""])).toEqual([
      ["run.submitted", ""],
      ["attempt.succeeded", ""],
      ["run.imported", "ann"]
    ])
    expect((await third.status("open")).current).toEqual(["wait"])
  })

  test("without --store they mean the store that all commands mean, and who asked is the user", async () => {
    const [{ folder, orchestrator }, other] = [await inUse("default"), mkdtempSync(join(root, "default-"))]
    await troupe(folder, "export-run", "open", "--store", "sqlite:a.db", "--out", join(other, "open.json"))
    await orchestrator.close()
    expect((await troupe(other, "import-run", "open.json")).code).toBe(0)
    const events = (await troupe(other, "events", "open", "--json")).json().events
    expect(events.at(-1)).toMatchObject({ type: "run.imported", who: userInfo().username })
    expect((await troupe(other, "export-run", "open", "--out", "again.json", "--json")).json().messages).toBe(3)
    expect((await troupe(other, "backup", "copy.db")).code).toBe(0)
    expect((await troupe(other, "runs", "--store", "sqlite:copy.db", "--json")).json().runs).toMatchObject([
      { run: "open" }
    ])
  })

  test("never replace a file; '-' is standard output", async () => {
    const { folder, orchestrator } = await inUse("out")
    await orchestrator.close()
    writeFileSync(join(folder, "done.run.json"), "mine")
    const refused = await troupe(folder, "export-run", "done", "--store", "sqlite:a.db")
    expect([refused.code, readFileSync(join(folder, "done.run.json"), "utf8")]).toEqual([2, "mine"])
    const out = await troupe(folder, "export-run", "done", "--store", "sqlite:a.db", "--out", "-")
    expect([out.code, out.json().status, out.json().messages.length]).toEqual([0, "succeeded", 3])
  })

  test.skipIf(process.platform === "win32")(
    "where there is room for a part of it only, the export fails, leaves nothing, and the next try does it",
    async () => {
      const { folder, orchestrator } = await inUse("short")
      const long = workflow("long", type<string>())
        .derive(
          "length",
          ($) => $.input,
          (text) => text.length
        )
        .returns(($) => $.length)
      await orchestrator.execute(long, "x".repeat(1_000_000), { id: "long" })
      await orchestrator.close()
      // no file may grow beyond 500 blocks: the write that reaches that is cut short, the next is refused
      const { status, stdout, stderr } = spawnSync(
        "sh",
        ["-c", `ulimit -f 500; exec "${process.execPath}" "${bin}" export-run long --store sqlite:a.db`],
        { cwd: folder, encoding: "utf8" }
      )
      expect([status, stdout, existsSync(join(folder, "long.run.json"))]).toEqual([1, "", false])
      expect(stderr).toMatch(/^troupe: cannot write '.*long.run.json': EFBIG/)
      const again = await troupe(folder, "export-run", "long", "--store", "sqlite:a.db")
      expect([again.code, again.stderr]).toEqual([0, ""])
      expect((await troupe(folder, "import-run", "long.run.json", "--store", "sqlite:f.db")).code).toBe(0)
    }
  )

  test("of a damaged run the good part can be saved, and goes on elsewhere", async () => {
    const { folder, orchestrator } = await inUse("damage")
    await orchestrator.close()
    const database = new DatabaseSync(join(folder, "a.db"))
    database.exec("UPDATE troupe_messages SET body = '[1,0,1,99]' WHERE seq = 2")
    database.close()
    const refused = await troupe(folder, "export-run", "done", "--store", "sqlite:a.db")
    expect([refused.code, existsSync(join(folder, "done.run.json"))]).toEqual([5, false])
    expect(refused.stderr).toMatch(/message 2 of run 'done' is not what was written there.*--good-part/)
    const out = await troupe(folder, "export-run", "done", "--store", "sqlite:a.db", "--good-part", "--json")
    expect([out.code, out.json()]).toMatchObject([0, { messages: 2, isPartial: true }])
    expect((await troupe(folder, "import-run", "done.run.json", "--store", "sqlite:d.db")).code).toBe(0)
    await using second = await Orchestrator.open({ store: `sqlite:${join(folder, "d.db")}`, workflows: [flow] })
    expect(await (await second.get("done")).result()).toBe(2)
  })

  test("a file that is something else, or was changed, is refused: exit 3", async () => {
    const { folder, orchestrator } = await inUse("changed")
    await orchestrator.close()
    await troupe(folder, "export-run", "done", "--store", "sqlite:a.db")
    const text = readFileSync(join(folder, "done.run.json"), "utf8")
    writeFileSync(join(folder, "changed.json"), text.replace('"succeeded"', '"failed"'))
    writeFileSync(join(folder, "half.json"), text.slice(0, text.length / 2))
    for (const [file, words] of [
      ["changed.json", /its content is not what was exported/],
      ["half.json", /'half.json' is not JSON/]
    ] as const) {
      const told = await troupe(folder, "import-run", file, "--store", "sqlite:e.db")
      expect([told.code, told.stdout]).toEqual([3, ""])
      expect(told.stderr).toMatch(words)
    }
  })
})
