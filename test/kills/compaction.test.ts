import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { examine } from "../../src/storage/sqlite/examine.ts"

const program = fileURLToPath(new URL("./compaction-life.ts", import.meta.url))

/** One life: killed so long after it has opened the store, or at its end. */
const life = (store: string, killMs: number | undefined): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = fork(program, [store], { execArgv: ["--no-warnings"], stdio: ["ignore", "ignore", "inherit", "ipc"] })
    let said: string | undefined
    child.on("message", (message) => {
      if (message !== "open") said = String(message)
      else if (killMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killMs)
    })
    child.on("exit", () => resolve(said))
  })

test("killed while snapshots are kept and messages compacted, runs come to the right end, and the store is whole", {
  timeout: 60_000
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-compaction-"))
  const store = join(folder, "runs.db")
  let kills = 0
  let said: string | undefined
  for (let i = 0; i < 12 && said === undefined; i++) {
    said = await life(store, 20 + ((i * 37) % 130))
    if (said === undefined) kills++
    const findings = await examine({ path: store })
    expect(findings.filter(({ is }) => is === "damage")).toEqual([])
  }
  said ??= await life(store, undefined)
  expect(said).toBe("done 300,300,300,300")
  expect(kills).toBeGreaterThan(3)
  expect((await examine({ path: store })).filter(({ is }) => is === "damage")).toEqual([])
  rmSync(folder, { recursive: true })
})
