// Packs the package, installs it in an empty folder, and uses it there: what is published must work for strangers.
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "troupe-package-"))
const run = (command, args, cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
const check = (what, holds, found) => {
  if (!holds) throw new Error(`${what}: ${found}`)
  console.log(`✓ ${what}${found === undefined ? "" : `: ${found}`}`)
}
const bytesOf = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
    : statSync(path).size

try {
  const [{ filename, size, files }] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root)
  )
  const stray = files
    .map(({ path }) => path)
    .filter((path) => !/^(?:bin\/|dist\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(path))
  check(
    "nothing is packed that should not be",
    stray.length === 0,
    stray.length === 0 ? `${files.length} files, ${(size / 1024).toFixed(0)} KiB packed` : stray.join(", ")
  )

  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "stranger", private: true, type: "module" }))
  run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", join(folder, filename)])
  const modules = join(folder, "node_modules")
  const installed = readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name]
    )
  const megabytes = bytesOf(modules) / 2 ** 20
  check("at most 10 packages", installed.length <= 10, installed.join(", "))
  check("under 70 MB installed", megabytes < 70, `${megabytes.toFixed(1)} MiB`)
  const wanted = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies
  check(
    "exact versions only",
    Object.values(wanted).every((version) => /^\d+\.\d+\.\d+$/.test(version))
  )

  cpSync(join(root, "examples/01-hello.ts"), join(folder, "hello.ts"))
  check("an example runs", run(process.execPath, ["hello.ts"]).trim() === "HELLO, ADA!")
  writeFileSync(
    join(folder, "entries.mjs"),
    'for (const name of ["", "/effect", "/machines", "/actors", "/storage", "/chaos"]) await import(`troupe${name}`)\nconsole.log("imported")\n'
  )
  check("every entry point imports", run(process.execPath, ["entries.mjs"]).trim() === "imported")
  writeFileSync(
    join(folder, "flow.json"),
    JSON.stringify({ ir: 1, name: "flow", tasks: [{ id: "a", kind: "echo", input: 5 }], output: { $: "a" } })
  )
  check(
    "the command works",
    JSON.parse(run(process.execPath, [join(modules, "troupe/bin/troupe.mjs"), "run", "flow.json", "--json"])).output ===
      5
  )

  const bin = (name) => join(root, "node_modules/.bin", name)
  run(bin("publint"), ["run", join(folder, filename), "--strict"])
  check("publint has nothing to say", true)
  run(bin("attw"), [join(folder, filename), "--profile", "esm-only", "--no-emoji"])
  check("types resolve for ESM consumers", true)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
