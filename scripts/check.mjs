// Everything that must hold before a commit: format and lint, types, build, tests (house rules are among them).
import { spawnSync } from "node:child_process"

const steps = [
  ["format and lint", "biome", ["check", "."]],
  ["types", "tsc", ["-p", "tsconfig.json"]],
  ["types of the page", "tsc", ["--noEmit", "-p", "inspector"]],
  ["build", process.execPath, ["scripts/build.mjs"]],
  ["tests", "vitest", ["run"]]
]
await import("./preflight.mjs")
for (const [name, command, args] of steps) {
  const { status } = spawnSync(command, args, { stdio: "inherit", shell: false })
  if (status !== 0) {
    console.error(`check: ${name} failed`)
    process.exit(status ?? 1)
  }
}
console.log("check: all good")
