// What must not compile does not, and says so in words a user understands; a hundred nodes check quickly.
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, test } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc")
const shown = join(root, "test/types/.shown.ts")
const project = join(root, "test/types/.tsconfig.json")
const compile = (file: string) => {
  writeFileSync(project, JSON.stringify({ extends: "../../tsconfig.json", include: [], files: [file] }))
  // processor time: how long it takes on a clock depends on what else the machine does
  const command = '"$0" "$1" -p "$2" --pretty false; times'
  const { stdout } = spawnSync("sh", ["-c", command, process.execPath, tsc, project], { encoding: "utf8" })
  const lines = stdout.split("\n").filter((line) => line !== "")
  const [user = 0, system = 0] = [...lines.at(-1)!.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, m, s]) => Number(m) * 60 + Number(s)
  )
  return { lines: lines.slice(0, -2), ms: (user + system) * 1_000 }
}
afterAll(() => {
  rmSync(shown, { force: true })
  rmSync(project, { force: true })
})

describe("types", () => {
  test("each misuse is an error of its own, at its own line, told briefly", () => {
    const source = readFileSync(join(root, "test/types/misuse.ts"), "utf8")
    writeFileSync(shown, source.replace(/@ts-expect-error/g, "case"))
    const cases = source.split("\n").flatMap((line, i) => (line.startsWith("// @ts-expect-error") ? [i + 2] : []))
    const errors = compile(".shown.ts").lines.filter((line) => !line.startsWith(" "))
    const at = new Set(errors.map((line) => Number(/\((\d+),/.exec(line)?.[1])))

    expect(cases.length).toBeGreaterThanOrEqual(26)
    expect([...at].sort((a, b) => a - b)).toEqual(cases)
    // not a wall of generics
    for (const line of errors) expect(line.length, line).toBeLessThan(420)
    expect(errors.some((line) => line.includes("'a' is taken: give each task a key of its own"))).toBe(true)
  })
  test("a builder of a hundred nodes checks in under five seconds of processor time", () => {
    const { lines, ms } = compile("hundred.ts")
    expect(lines).toEqual([])
    expect(ms).toBeLessThan(5_000)
  })
})
