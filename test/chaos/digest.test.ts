// Same seed, same story: in this process, and in any other.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { digestOf, simulate } from "troupe/chaos"
import { expect, test } from "vitest"
import { digests } from "./digests.ts"
import { ten } from "./flows.ts"

test("200 plans have the same digests in another process, and a search finds the same failure there", async () => {
  const other = spawnSync(process.execPath, [fileURLToPath(new URL("./digests.ts", import.meta.url)), "print"], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "" }
  })
  expect(other.stderr).toBe("")
  const there = other.stdout.trimEnd().split("\n")
  expect(there).toHaveLength(201)
  expect(new Set(there).size).toBeGreaterThan(190)
  expect(there.at(-1)).toContain('"faults":[')
  expect(await digests()).toEqual(there)
})

test("a digest tells executions apart that differ in a single line", async () => {
  const one = await simulate(ten, { input: 1 })
  const [first, ...rest] = one.story
  expect(digestOf(one)).toMatch(/^[0-9a-f]{64}$/)
  expect(digestOf({ ...one, story: [{ ...first!, at: first!.at + 1 }, ...rest] })).not.toBe(digestOf(one))
})
