/** A program of its own that uses `troupe/machines`: what it prints, once nothing keeps it alive any more. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const machines = fileURLToPath(new URL("../../src/machines.ts", import.meta.url))

export const printedBy = (names: string, program: string): string => {
  const source = `import { ${names} } from ${JSON.stringify(machines)}\n${program}`
  const { stdout } = spawnSync(process.execPath, ["--no-warnings", "--input-type=module-typescript", "-e", source], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "" },
    timeout: 60_000
  })
  return stdout.trim()
}
