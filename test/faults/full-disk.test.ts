// G25: a real disk that is really full, on a small file system in memory.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { Orchestrator } from "../../src/engine/orchestrator.ts"
import { workflow } from "../../src/model/builder.ts"
import { type } from "../../src/model/schemas.ts"
import { task } from "../../src/model/task.ts"
import { ten, tenOf } from "./flows.ts"

const root = mkdtempSync(join(tmpdir(), "troupe-full-"))
const missing = ((): string | undefined => {
  if (process.platform !== "linux") return "only Linux mounts a tmpfs"
  if (process.getuid?.() !== 0) return "mounting takes root"
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", root], { encoding: "utf8" })
  return status === 0 ? undefined : `mount says: ${stderr?.trim()}`
})()
afterAll(() => {
  if (missing === undefined) spawnSync("umount", [root])
  rmSync(root, { recursive: true, force: true })
})

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Takes all the room that is left. */
const fill = (path: string): void => {
  writeFileSync(path, "")
  try {
    for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: "a" })
  } catch {
    // full
  }
}

describe.skipIf(missing !== undefined)(`a full disk${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test("G25: submits are refused with STORAGE_FULL, running bodies finish, nothing is reported done; when there is room it goes on by itself", async () => {
    const store = join(root, "store")
    mkdirSync(store)
    const ballast = join(root, "ballast")
    const defects: Array<unknown> = []
    const orchestrator = await Orchestrator.open({
      store: `sqlite:${join(store, "runs.db")}`,
      onDefect: (error) => defects.push(error)
    })
    const bodies = { begun: 0, ended: 0, after: 0 }
    let letGo: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const slow = task("slow", {
      in: type<number>(),
      out: type<number>(),
      run: async (n) => {
        bodies.begun++
        await held
        bodies.ended++
        return n
      }
    })
    const after = task("after", {
      in: type<number>(),
      out: type<number>(),
      run: async (n) => {
        bodies.after++
        return n + 1
      }
    })
    const flow = workflow("held", type<number>())
      .task("slow", slow, ($) => $.input)
      .task("after", after, ($) => $.slow)
      .returns(($) => $.after)
    const runs = await Promise.all(Array.from({ length: 20 }, (_, n) => orchestrator.submit(flow, n, { id: `h${n}` })))
    while (bodies.begun < 20) await later(5)

    fill(ballast)
    expect(statfsSync(root).bavail).toBe(0)
    // the log has room for a little while
    const refusals: Array<any> = []
    for (let i = 0; refusals.length < 3; i++)
      await orchestrator.submit(ten, i, { id: `x${i}` }).catch((error) => refusals.push(error))
    for (const refused of refusals) {
      expect(refused).toMatchObject({ _tag: "JournalFull", code: "STORAGE_FULL" })
      expect(refused.message).toContain("make room")
    }

    // a commit that failed has moved the log into the file, which makes room: that is taken too
    const more = join(root, "more")
    fill(more)
    letGo()
    await later(50)
    expect(bodies).toEqual({ begun: 20, ended: 20, after: 0 })
    const ended = await Promise.race([...runs.map((run) => run.result().then(() => "reported")), later(300)])
    expect(ended).toBeUndefined()
    for (const run of runs) expect((await run.status()).status).toBe("running")

    rmSync(ballast)
    rmSync(more)
    expect(await Promise.all(runs.map((run) => run.result()))).toEqual(runs.map((_, n) => n + 1))
    expect(bodies).toEqual({ begun: 20, ended: 20, after: 20 })
    expect(await orchestrator.execute(ten, 7, { id: "later" })).toBe(tenOf(7))
    expect(defects).toEqual([])
    await orchestrator.close()

    const again = await Orchestrator.open({ store: `sqlite:${join(store, "runs.db")}`, workflows: [flow, ten] })
    for (const [n, run] of runs.entries()) expect(await (await again.get(run.id)).result()).toBe(n + 1)
    await again.close()
  })

  test("G25: a store that cannot be made on a full disk is refused as that, leaves nothing behind, and can be made when there is room", async () => {
    const ballast = join(root, "ballast")
    const folder = join(root, "new")
    mkdirSync(folder)
    fill(ballast)
    const path = join(folder, "runs.db")
    const refused = await Orchestrator.open({ store: `sqlite:${path}` }).catch((error) => error)
    expect(refused).toMatchObject({ code: "STORAGE_FULL" })
    expect(readdirSync(folder)).toEqual([])
    rmSync(ballast)
    const orchestrator = await Orchestrator.open({ store: `sqlite:${path}` })
    expect(await orchestrator.execute(ten, 1)).toBe(tenOf(1))
    await orchestrator.close()
  })
})
