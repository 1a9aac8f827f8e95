// Builds dist/: JavaScript and types by tsc, the published JSON Schema of the workflow document, and the page of the inspector.
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { brotliCompressSync } from "node:zlib"

const root = fileURLToPath(new URL("..", import.meta.url))
rmSync(join(root, "dist"), { recursive: true, force: true })
const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc")
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" })
if (compiled.status !== 0) process.exit(compiled.status ?? 1)
const { jsonSchema } = await import(pathToFileURL(join(root, "dist/model/document.js")).href)
writeFileSync(join(root, "dist/schema.json"), JSON.stringify(jsonSchema(), null, 2) + "\n")
const { build } = await import("vite")
await build({ configFile: join(root, "inspector/vite.config.ts"), logLevel: "warn" })
await build({ configFile: join(root, "inspector/report.config.ts"), logLevel: "warn" })
// the layout engine is most of the page and is asked for by few; what reports are made of is only read by us: both travel packed
const pack = (folder, least) => {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (statSync(path).size < least) continue
    writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)))
    rmSync(path)
  }
}
pack(join(root, "dist/inspector/assets"), 200_000)
pack(join(root, "dist/inspector-report"), 0)
