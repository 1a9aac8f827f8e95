// On a Node that is too old, every command says one clear sentence. Old versions are played by a small stand-in for `process`.
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

test.each(["scripts/preflight.mjs", "bin/troupe.mjs"])(
  "%s on Node 20: one sentence, no stack, a code other than 0",
  (path) => {
    const old = `Object.defineProperty(process.versions, "node", { value: "20.20.2" }); Object.defineProperty(process, "version", { value: "v20.20.2" });`
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(old)}`, file(path)],
      { encoding: "utf8" }
    )
    expect(status).not.toBe(0)
    expect(stdout).toBe("")
    expect(stderr.trim().split("\n").length).toBe(1)
    expect(stderr).toMatch(/needs Node 22\.19 or newer and this is v20\.20\.2: /)
  }
)

test("every script that users run looks at the version first", () => {
  const { scripts } = JSON.parse(readFileSync(file("package.json"), "utf8"))
  for (const name of ["start", "test", "build"]) expect(scripts[name]).toMatch(/^node scripts\/preflight\.mjs/)
})
